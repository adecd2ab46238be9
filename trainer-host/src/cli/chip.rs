//! Flags that say for which chip a cost is estimated.

use crate::cost::quantity::Hertz;
use crate::cost::{Chip, Core, Limits};

/// The chip that a step is estimated for.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Chip")]
pub(super) struct ChipArgs {
    /// Name of a chip, for example nrf52840. It sets core, clock, flash and RAM, and wait states where they are known
    /// (not those of rp2040, nrf9160, rp2350 and stm32n657).
    #[arg(long, value_parser = Chip::named)]
    chip: Option<Chip>,
    /// The core: m0, m3, m4, m7, m33 or m55.
    #[arg(long)]
    core: Option<Core>,
    /// The core's clock, for example 64MHz, to estimate the time of a step.
    #[arg(long)]
    clock: Option<Hertz>,
    /// Wait states of the flash at this clock, for the estimated time [default: what --chip knows, else none].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1000))]
    wait_states: Option<u32>,
}

impl ChipArgs {
    /// What is known of the chip, and limits that allow all of it. A flag of its own overrides the chip's value.
    pub(super) fn limits(&self) -> Limits {
        let own = Limits {
            core: self.core,
            clock: self.clock,
            wait_states: self.wait_states,
            ..Limits::default()
        };
        own.or(self.chip.map(Chip::limits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;
    use crate::cost::CHIPS;

    #[test]
    fn the_help_names_the_chips_whose_wait_states_are_not_known() {
        let command = ChipArgs::augment_args(clap::Command::new("inspect"));
        let chip = command.get_arguments().find(|arg| arg.get_id() == "chip");
        let help = chip.and_then(clap::Arg::get_help).unwrap().to_string();
        let (_, named) = help.split_once("(not those of ").unwrap();
        for chip in CHIPS {
            let is_unknown = chip.limits().wait_states.is_none();
            assert_eq!(named.contains(chip.name), is_unknown, "{}", chip.name);
        }
    }
}
