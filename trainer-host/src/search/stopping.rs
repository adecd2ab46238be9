//! Decides which trials to stop early.
//!
//! ```text
//! rung r      after r₀ ηʳ epochs; if r₀ is not given, it is a ninth of the trial's epochs     (H1)
//! halving     at a rung, a trial goes on if it is among the best ⌈n/η⌉ of the n that came as far (H2)
//! median      a trial goes on if its lowest value is at most the median of the others' by then (H3)
//! ```
//!
//! (H2) is asynchronous successive halving in its stopping form (Li and others 2020), (H3) the rule of
//! Golovin and others (2017). If there are costs beside the value, a trial also continues if no other trial beats it in
//! all of them: a small network need not be as good as a large one. A trial is compared only with trials that had
//! finished before it began, so the order of workers decides nothing.

use serde::{Deserialize, Serialize};

use super::pareto;
use crate::out_of_range::{OutOfRange, require};

/// The rule for stopping trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stopping {
    /// Never.
    None,
    /// (H2)
    Halving {
        /// r₀, at least 1. An early look says little while the rate is high, so the default grows with the epochs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<usize>,
        /// η, at least 2.
        #[serde(default = "default_reduction")]
        reduction: usize,
    },
    /// (H3)
    Median {
        /// Epochs before the first look, at least 1; by default a ninth of the trial's epochs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<usize>,
    },
}

/// r₀ of a trial of `epochs`.
fn first_of(first: Option<usize>, epochs: usize) -> usize {
    first.unwrap_or(epochs / 9).max(1)
}

fn default_reduction() -> usize {
    3
}

impl Default for Stopping {
    fn default() -> Self {
        Self::Halving {
            first: None,
            reduction: default_reduction(),
        }
    }
}

impl Stopping {
    /// `first` and `reduction`, or their defaults.
    pub fn constants(self) -> (Option<usize>, usize) {
        match self {
            Self::None => (None, default_reduction()),
            Self::Halving { first, reduction } => (first, reduction),
            Self::Median { first } => (first, default_reduction()),
        }
    }

    /// The first epoch after `done` at which a trial of `epochs` may be stopped, or its last one.
    pub fn next_look(self, done: usize, epochs: usize) -> usize {
        let looks = |epoch: &usize| match self {
            Self::None => false,
            Self::Halving { first, reduction } => {
                is_rung(*epoch, first_of(first, epochs), reduction)
            }
            Self::Median { first } => *epoch >= first_of(first, epochs),
        };
        (done + 1..epochs).find(looks).unwrap_or(epochs)
    }

    /// Refuses constants out of their range.
    ///
    /// # Errors
    /// [`OutOfRange`]
    pub fn validate(self) -> Result<(), OutOfRange> {
        let (first, reduction) = self.constants();
        if let Some(first) = first {
            require(first >= 1, "tune.stopping.first", first, "at least 1")?;
        }
        require(
            reduction >= 2,
            "tune.stopping.reduction",
            reduction,
            "at least 2",
        )
    }
}

/// The progress of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Its value after each epoch that it has had.
    pub values: Vec<f64>,
    /// Its other objectives, all but the first.
    pub costs: Vec<f64>,
}

impl Progress {
    /// The lowest value of the first `epochs` epochs; `None` if there were fewer.
    fn lowest(&self, epochs: usize) -> Option<f64> {
        let values = self.values.get(..epochs)?;
        Some(values.iter().copied().fold(f64::INFINITY, f64::min))
    }

    fn point(&self, epochs: usize) -> Option<Vec<f64>> {
        let value = self.lowest(epochs)?;
        Some([&[value][..], &self.costs].concat())
    }
}

/// Smallest number of other trials for a comparison.
const FEWEST: usize = 3;

/// Whether to stop the trial `own` after its epochs so far, of `epochs`.
pub fn stops(stopping: Stopping, epochs: usize, own: &Progress, others: &[Progress]) -> bool {
    let done = own.values.len();
    if done >= epochs {
        return false;
    }
    // The best trial of this many continues.
    let reduction = match stopping {
        Stopping::Halving { first, reduction }
            if is_rung(done, first_of(first, epochs), reduction) =>
        {
            reduction
        }
        Stopping::Median { first } if done >= first_of(first, epochs) => 2,
        _ => return false,
    };
    let Some(own) = own.point(done) else {
        return false;
    };
    let mut points: Vec<Vec<f64>> = others.iter().filter_map(|o| o.point(done)).collect();
    if points.len() < FEWEST {
        return false;
    }
    let better = points.iter().filter(|other| other[0] < own[0]).count();
    let beaten = points.iter().any(|other| pareto::beats(other, &own));
    points.push(own);
    beaten && better >= points.len().div_ceil(reduction)
}

/// (H1)
fn is_rung(epochs: usize, first: usize, reduction: usize) -> bool {
    let mut rung = first;
    while rung < epochs {
        rung = rung.saturating_mul(reduction);
    }
    rung == epochs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(value: f64, epochs: usize, cost: f64) -> Progress {
        Progress {
            values: vec![value; epochs],
            costs: vec![cost],
        }
    }

    const HALVING: Stopping = Stopping::Halving {
        first: Some(2),
        reduction: 3,
    };

    #[test]
    fn the_next_look_is_the_next_epoch_that_may_stop() {
        let median = Stopping::Median { first: Some(3) };
        for stopping in [HALVING, median, Stopping::None] {
            let mut looks = vec![0];
            while *looks.last().unwrap() < 20 {
                looks.push(stopping.next_look(*looks.last().unwrap(), 20));
            }
            let expected = match stopping {
                Stopping::None => vec![0, 20],
                Stopping::Halving { .. } => vec![0, 2, 6, 18, 20],
                Stopping::Median { .. } => [vec![0], (3..=20).collect()].concat(),
            };
            assert_eq!(looks, expected);
        }
    }

    #[test]
    fn looks_grow_with_the_epochs() {
        let looks = |epochs| {
            let next = |done: &usize| Some(Stopping::default().next_look(*done, epochs));
            let all = std::iter::successors(Some(0), next).skip(1);
            all.take_while(|&look| look < epochs).collect::<Vec<_>>()
        };
        assert_eq!(looks(60), [6, 18, 54]);
        assert_eq!(looks(120), [13, 39, 117]);
        assert_eq!(looks(4), [1, 3]);
    }

    #[test]
    fn halving_keeps_the_best_third_at_rungs() {
        let others: Vec<_> = (0..8).map(|k| constant(f64::from(k), 20, 1.0)).collect();
        for (value, epochs, stopped) in [
            (2.5, 2, true),
            (2.5, 3, false), // no rung
            (1.5, 2, false),
            (1.5, 6, false),
            (2.5, 6, true),
            (2.5, 18, true),
            (9.0, 20, false), // it is finished
        ] {
            let own = constant(value, epochs, 1.0);
            assert_eq!(
                stops(HALVING, 20, &own, &others),
                stopped,
                "{value} {epochs}"
            );
        }
    }

    #[test]
    fn a_cheap_trial_that_none_beats_goes_on() {
        let others: Vec<_> = (0..8).map(|k| constant(f64::from(k), 20, 1.0)).collect();
        assert!(stops(HALVING, 20, &constant(7.5, 2, 1.0), &others));
        assert!(!stops(HALVING, 20, &constant(7.5, 2, 0.5), &others));
    }

    #[test]
    fn the_lowest_value_counts_and_few_others_decide_nothing() {
        let others: Vec<_> = (0..8).map(|k| constant(f64::from(k), 20, 1.0)).collect();
        let own = Progress {
            values: vec![0.5, 100.0],
            costs: vec![1.0],
        };
        assert!(!stops(HALVING, 20, &own, &others));
        assert!(!stops(HALVING, 20, &constant(9.0, 2, 1.0), &others[..2]));
        // Those that were stopped earlier say nothing later.
        let short: Vec<_> = (0..8).map(|k| constant(f64::from(k), 2, 1.0)).collect();
        assert!(!stops(HALVING, 20, &constant(9.0, 6, 1.0), &short));
    }

    #[test]
    fn the_median_is_looked_at_after_each_epoch() {
        let median = Stopping::Median { first: Some(3) };
        let others: Vec<_> = (0..5).map(|k| constant(f64::from(k), 20, 1.0)).collect();
        assert!(!stops(median, 20, &constant(9.0, 2, 1.0), &others));
        assert!(stops(median, 20, &constant(9.0, 4, 1.0), &others));
        assert!(!stops(median, 20, &constant(1.9, 4, 1.0), &others));
        assert!(!stops(Stopping::None, 20, &constant(9.0, 4, 1.0), &others));
    }
}
