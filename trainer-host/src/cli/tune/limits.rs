//! Flags that say what a model may cost.

use crate::cost::quantity::{Bytes, Hertz, Seconds};
use crate::cost::{Chip, Core, Limits};

/// The chip, and what of it a model may take.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Chip")]
pub(super) struct LimitArgs {
    /// A chip by name, as in nrf52840: its core, clock, flash and RAM.
    #[arg(long, value_parser = Chip::named)]
    chip: Option<Chip>,
    /// The core: m0, m3, m4, m7, m33 or m55 [default: m4].
    #[arg(long)]
    core: Option<Core>,
    /// The core's clock, as in 64MHz.
    #[arg(long)]
    clock: Option<Hertz>,
    /// Flash for model and engine, as in 64K.
    #[arg(long)]
    flash: Option<Bytes>,
    /// RAM for state, scratch and stack, as in 2K.
    #[arg(long)]
    ram: Option<Bytes>,
    /// Time of a step, as in 5ms; needs a clock.
    #[arg(long)]
    latency: Option<Seconds>,
    /// Instructions of a step.
    #[arg(long, value_name = "COUNT")]
    max_instructions: Option<u64>,
}

impl LimitArgs {
    /// Whether there is any.
    pub(super) fn are_given(&self) -> bool {
        self.limits() != Limits::default()
    }

    /// What these flags say; those of single limits go before the chip's own.
    pub(super) fn limits(&self) -> Limits {
        let own = Limits {
            core: self.core,
            clock: self.clock,
            flash: self.flash,
            ram: self.ram,
            latency: self.latency,
            instructions: self.max_instructions,
        };
        own.or(self.chip.map(Chip::limits).unwrap_or_default())
    }
}
