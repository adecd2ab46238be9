//! Flags that say what a model may cost.

use crate::cli::chip::ChipArgs;
use crate::cost::Limits;
use crate::cost::quantity::{Bytes, Seconds};

/// The chip, and how much of it a model may use.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Chip")]
pub(super) struct LimitArgs {
    #[command(flatten)]
    chip: ChipArgs,
    /// Most flash for model and engine, for example 64K.
    #[arg(long)]
    flash: Option<Bytes>,
    /// Most flash for the model file alone, for example what a slot for updates holds.
    #[arg(long)]
    model_file: Option<Bytes>,
    /// Most RAM for state, scratch and stack (of a network of whole windows: the longest sequence's buffer and the stack), for example 2K.
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
            flash: self.flash,
            model_file: self.model_file,
            ram: self.ram,
            latency: self.latency,
            instructions: self.max_instructions,
            ..self.chip.limits()
        };
        own.or(self.chip.limits())
    }
}
