//! Flags that say what a model may cost.

use crate::cost::quantity::{Bytes, Hertz, Seconds};
use crate::cost::{Chip, Core, Limits};

/// The chip, and how much of it a model may use.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Chip")]
pub(super) struct LimitArgs {
    /// Name of a chip, for example nrf52840; it sets core, clock, flash and RAM.
    #[arg(long, value_parser = Chip::named)]
    chip: Option<Chip>,
    /// The core: m0, m3, m4, m7, m33 or m55 [default: m4].
    #[arg(long)]
    core: Option<Core>,
    /// The core's clock, for example 64MHz.
    #[arg(long)]
    clock: Option<Hertz>,
    /// Most flash for model and engine, for example 64K.
    #[arg(long)]
    flash: Option<Bytes>,
    /// Most RAM for state, scratch and stack, for example 2K.
    #[arg(long)]
    ram: Option<Bytes>,
    /// Longest time of a step, for example 5ms; needs a clock.
    #[arg(long)]
    latency: Option<Seconds>,
    /// Most instructions of a step.
    #[arg(long, value_name = "COUNT")]
    max_instructions: Option<u64>,
}

impl LimitArgs {
    /// Whether there is any.
    pub(super) fn are_given(&self) -> bool {
        self.limits() != Limits::default()
    }

    /// The limits of these flags. A flag for a single limit overrides the chip's value.
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
