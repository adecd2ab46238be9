//! Tasks that are made up as they are needed: a published definition and a seed give the data.
//!
//! Each task comes with the criterion of its paper, as a function of a network's outputs.

pub mod adding;
pub mod reber;
pub mod spike_delays;
pub mod temporal_order;
pub mod timed_spikes;

use std::ops::RangeInclusive;
use std::path::Path;

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::{Dataset, Parts, Targets};

/// Sizes other than a task's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sizes {
    /// Sequences to train on.
    pub train: Option<usize>,
    /// Sequences to test on.
    pub test: Option<usize>,
    /// Time steps, as each task defines them.
    pub steps: Option<usize>,
}

/// How many sequences pass a task's criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Sequences judged.
    pub sequences: usize,
    /// Those that pass.
    pub correct: usize,
}

impl Judgement {
    /// Whether every sequence passes.
    pub fn is_solved(&self) -> bool {
        self.correct == self.sequences
    }

    /// Counts the sequences of `data` that pass; `passes` is given the index of each.
    fn count(data: &Dataset, passes: impl Fn(usize) -> bool) -> Self {
        Self {
            sequences: data.len(),
            correct: (0..data.len()).filter(|i| passes(*i)).count(),
        }
    }
}

/// More than this many values would hardly fit into memory.
const MAX_VALUES: usize = 1 << 30;

impl Sizes {
    /// Refuses sizes for data that has its own; `why` completes "must be left out (...)".
    pub(super) fn refuse_any(&self, place: &Place, why: &str) -> Result<(), DataError> {
        refuse_size(place, "the number of training sequences", self.train, why)?;
        refuse_size(place, "the number of test sequences", self.test, why)?;
        refuse_size(place, "the number of steps", self.steps, why)
    }
}

fn refuse_size(
    place: &Place,
    what: &'static str,
    size: Option<usize>,
    why: &str,
) -> Result<(), DataError> {
    match size {
        None => Ok(()),
        Some(found) => Err(place.clone().refuse(Problem::Size {
            what,
            expected: format!("left out ({why})"),
            found,
        })),
    }
}

/// The form of a task.
struct Form {
    name: &'static str,
    /// Default number of sequences in each part.
    train: usize,
    test: usize,
    /// Default number of steps, and those allowed; `None` where they follow from the task.
    steps: Option<(usize, RangeInclusive<usize>)>,
    channels: Vec<String>,
    outputs: Vec<String>,
}

/// What a task makes of one draw: steps `[T, I]` and their target.
type Sample<T> = (Array2<f32>, T);

impl Form {
    /// Draws both parts, from two independent streams of the seed: a larger training part leaves
    /// the test part as it is.
    fn parts<T>(
        &self,
        sizes: &Sizes,
        seed: u64,
        draw: impl Fn(&mut ChaCha8Rng, usize) -> Sample<T>,
        targets: impl Fn(Vec<T>) -> Targets,
    ) -> Result<Parts, DataError> {
        let place = Place::file(Path::new(self.name));
        let steps = self.steps(sizes, &place)?;
        let train = self.count(
            "the number of training sequences",
            sizes.train,
            self.train,
            steps,
        )?;
        let test = self.count("the number of test sequences", sizes.test, self.test, steps)?;
        let part = |count: usize, stream: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            let (sequences, drawn) = (0..count).map(|_| draw(&mut rng, steps)).unzip();
            Dataset {
                channels: self.channels.clone(),
                sequences,
                targets: targets(drawn),
                outputs: self.outputs.clone(),
                ..Dataset::default()
            }
        };
        Ok(Parts {
            train: part(train, 0),
            validation: None,
            test: Some(part(test, 1)),
        })
    }

    fn steps(&self, sizes: &Sizes, place: &Place) -> Result<usize, DataError> {
        let what = "the number of steps";
        let Some((default, allowed)) = &self.steps else {
            refuse_size(place, what, sizes.steps, "lengths follow from the task")?;
            return Ok(1);
        };
        match sizes.steps.unwrap_or(*default) {
            steps if allowed.contains(&steps) => Ok(steps),
            found => Err(place.clone().refuse(Problem::Size {
                what,
                expected: format!("{} to {}", allowed.start(), allowed.end()),
                found,
            })),
        }
    }

    fn count(
        &self,
        what: &'static str,
        count: Option<usize>,
        default: usize,
        steps: usize,
    ) -> Result<usize, DataError> {
        let most = MAX_VALUES / (2 * steps * self.channels.len());
        match count.unwrap_or(default) {
            count if (1..=most).contains(&count) => Ok(count),
            found => Err(Place::file(Path::new(self.name)).refuse(Problem::Size {
                what,
                expected: format!("1 to {most}"),
                found,
            })),
        }
    }
}

/// `[T, symbols]` with a one in each row.
fn one_hot(sequence: &[usize], symbols: usize) -> Array2<f32> {
    Array2::from_shape_fn((sequence.len(), symbols), |(t, symbol)| {
        f32::from(u8::from(sequence[t] == symbol))
    })
}

/// The names of one-letter symbols.
fn letters(symbols: &str) -> Vec<String> {
    symbols.chars().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{BuiltIn, Options, open};
    use super::*;

    fn small(seed: u64) -> Vec<Parts> {
        let sizes = Sizes {
            train: Some(20),
            test: Some(10),
            steps: None,
        };
        (BuiltIn::ALL.into_iter().filter(|b| *b != BuiltIn::Digits))
            .map(|built_in| built_in.parts(&sizes, seed).unwrap())
            .collect()
    }

    #[test]
    fn a_seed_determines_the_data() {
        assert_eq!(small(7), small(7));
        for (one, other) in small(7).iter().zip(small(8)) {
            assert_ne!(one.train.sequences, other.train.sequences);
        }
    }

    #[test]
    fn test_parts_do_not_depend_on_the_training_size() {
        let sizes = Sizes {
            train: Some(3),
            test: Some(10),
            steps: None,
        };
        let parts = BuiltIn::Adding.parts(&sizes, 7).unwrap();
        assert!(small(7).iter().any(|other| other.test == parts.test));
        assert_ne!(
            Some(parts.train.sequences[0].clone()),
            parts.test.map(|t| t.sequences[0].clone())
        );
    }

    #[test]
    fn refuses_sizes() {
        for (name, train, steps, expected) in [
            (
                "adding",
                Some(0),
                None,
                "the number of training sequences must be 1 to",
            ),
            (
                "adding",
                Some(usize::MAX),
                None,
                "the number of training sequences must be 1 to",
            ),
            (
                "adding",
                None,
                Some(3),
                "the number of steps must be 20 to 10000, not 3",
            ),
            (
                "embedded-reber",
                None,
                Some(50),
                "the number of steps must be left out",
            ),
            (
                "digits",
                Some(5),
                None,
                "must be left out (its pictures are given)",
            ),
        ] {
            let options = Options {
                sizes: Sizes {
                    train,
                    test: None,
                    steps,
                },
                ..Options::default()
            };
            let message = open(name, &options).unwrap_err().to_string();
            assert!(
                message.starts_with(name) && message.contains(expected),
                "{message}"
            );
        }
    }
}
