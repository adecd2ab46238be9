//! Data that needs no file, by name.

use super::error::DataError;
use super::generated::{Sizes, adding, reber, spike_delays, temporal_order, timed_spikes};
use super::{Parts, digits};

/// Data that comes with the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// [`digits`].
    Digits,
    /// [`reber`].
    EmbeddedReber,
    /// [`adding`].
    Adding,
    /// [`temporal_order`] with two symbols to remember.
    TemporalOrder,
    /// [`temporal_order`] with three symbols to remember.
    TemporalOrder3,
    /// [`spike_delays`].
    SpikeDelays,
    /// [`timed_spikes`].
    TimedSpikes,
}

impl BuiltIn {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Digits,
        Self::EmbeddedReber,
        Self::Adding,
        Self::TemporalOrder,
        Self::TemporalOrder3,
        Self::SpikeDelays,
        Self::TimedSpikes,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::EmbeddedReber => "embedded-reber",
            Self::Adding => "adding",
            Self::TemporalOrder => "temporal-order",
            Self::TemporalOrder3 => "temporal-order-3",
            Self::SpikeDelays => "spike-delays",
            Self::TimedSpikes => "timed-spikes",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The one whose name is most like this one, if any is like it.
    pub fn nearest(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let likeness = |known: Self| strsim::jaro_winkler(known.name(), &name);
        (Self::ALL.into_iter())
            .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
            .filter(|best| likeness(*best) > 0.7)
    }

    /// Both parts, of the given sizes and seed if they are generated.
    pub fn parts(self, sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
        match self {
            Self::Digits => digits::parts(sizes),
            Self::EmbeddedReber => reber::parts(sizes, seed),
            Self::Adding => adding::parts(sizes, seed),
            Self::TemporalOrder => temporal_order::parts(2, sizes, seed),
            Self::TemporalOrder3 => temporal_order::parts(3, sizes, seed),
            Self::SpikeDelays => spike_delays::parts(sizes, seed),
            Self::TimedSpikes => timed_spikes::parts(sizes, seed),
        }
    }
}
