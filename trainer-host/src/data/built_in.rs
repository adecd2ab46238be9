//! Data that needs no file, by name.

use ndarray::Array2;

use super::error::DataError;
use super::generated::{
    Judgement, Sizes, adding, reber, spike_delays, temporal_order, timed_spikes,
};
use super::{Dataset, Parts, digits};

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

    /// Whether each step's answer must follow from the steps up to it, since a later step tells it: the next symbol of a string,
    /// and a spike at the end of an interval, after which the input changes.
    pub fn tells_later(self) -> bool {
        match self {
            Self::EmbeddedReber | Self::TimedSpikes => true,
            Self::Digits
            | Self::Adding
            | Self::TemporalOrder
            | Self::TemporalOrder3
            | Self::SpikeDelays => false,
        }
    }

    /// How many sequences of `data` pass the criterion of this task's paper, if it has one.
    ///
    /// `outputs` are those before the head's softmax, `[1, O]` or `[T, O]` a sequence.
    pub fn judge(self, data: &Dataset, outputs: &[Array2<f32>]) -> Option<Judgement> {
        match self {
            Self::Digits | Self::SpikeDelays => None,
            Self::EmbeddedReber => Some(reber::judge(data, outputs)),
            Self::Adding => Some(adding::judge(data, outputs).within),
            Self::TemporalOrder | Self::TemporalOrder3 => {
                let probabilities: Vec<_> = outputs.iter().map(softmax).collect();
                Some(temporal_order::judge(data, &probabilities))
            }
            Self::TimedSpikes => Some(timed_spikes::judge(data, outputs)),
        }
    }
}

/// Softmax of each row.
fn softmax(outputs: &Array2<f32>) -> Array2<f32> {
    let mut probabilities = outputs.clone();
    for mut row in probabilities.rows_mut() {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|y| (y - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    probabilities
}
