//! The nearest neighbour by dynamic time warping (1NN-DTW): the class of the training sequence that is most alike.
//!
//! [`warping`] has the equations (BN1) and (BN2); the channels are standardised. A distance is abandoned as soon as every
//! path is longer than the best one so far, and it is not begun if its lower bound (BN2) is.
//!
//! [`warping`]: trainer_numerics::baseline::warping

use ndarray::Array2;
use rayon::prelude::*;
use trainer_numerics::baseline::warping::Steps;

use super::decisions;
use super::features::Scale;
use crate::data::{Dataset, Targets};

/// Squared differences of all pairs of steps and channels without any bound, at most: some seconds.
const MOST_WORK: f64 = 4e9;

/// The training part, standardised.
#[derive(Clone, Debug)]
pub struct NearestNeighbour {
    scale: Scale,
    known: Vec<Known>,
    classes: usize,
}

/// A training sequence.
#[derive(Clone, Debug)]
struct Known {
    steps: Steps,
    class: usize,
    /// The least and the largest value of each channel.
    ranges: Vec<(f64, f64)>,
}

impl NearestNeighbour {
    /// Keeps the training part; `None` unless each sequence has one class.
    pub fn fit(train: &Dataset) -> Option<Self> {
        let Targets::Class(classes) = &train.targets else {
            return None;
        };
        let scale = Scale::of(train);
        let known = (train.sequences.iter().zip(classes))
            .map(|(sequence, class)| {
                let steps = steps_of(&scale, sequence);
                Known {
                    ranges: steps.ranges(),
                    class: *class,
                    steps,
                }
            })
            .collect();
        Some(Self {
            scale,
            known,
            classes: train.outputs.len().max(2),
        })
    }

    /// The decision for each sequence of `part`, as outputs `[1, O]`; `None` where that would take too long.
    pub fn outputs(&self, part: &Dataset) -> Option<Vec<Array2<f32>>> {
        let steps = |count: f64, sequence: &Array2<f32>| count + sequence.nrows() as f64;
        let queried = part.sequences.iter().fold(0.0, steps);
        let known: f64 = self
            .known
            .iter()
            .map(|known| known.steps.values.len() as f64)
            .sum();
        if self.known.is_empty() || queried * known > MOST_WORK {
            return None;
        }
        let decided: Vec<usize> = (part.sequences.par_iter())
            .map(|sequence| self.decide(&steps_of(&self.scale, sequence)))
            .collect();
        Some(decisions(self.classes, decided.into_iter()))
    }

    /// The class of the nearest training sequence; of equally near ones, the first.
    fn decide(&self, query: &Steps) -> usize {
        let bounds = self.known.iter().map(|known| query.bound(&known.ranges));
        let mut order: Vec<(f64, usize)> = bounds.zip(0..).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best = (f64::INFINITY, usize::MAX);
        for (bound, n) in order {
            if bound > best.0 {
                break;
            }
            let distance = query.distance(&self.known[n].steps, best.0);
            if let Some(distance) = distance
                && (distance < best.0 || distance == best.0 && n < best.1)
            {
                best = (distance, n);
            }
        }
        self.known.get(best.1).map_or(0, |known| known.class)
    }
}

/// The sequence, standardised.
fn steps_of(scale: &Scale, sequence: &Array2<f32>) -> Steps {
    let channels = sequence.ncols();
    let values = sequence.rows().into_iter().flat_map(|row| {
        let scaled = (row.iter().enumerate()).map(|(j, v)| scale.apply(j, f64::from(*v)));
        scaled.collect::<Vec<f64>>()
    });
    Steps {
        values: values.collect(),
        channels: channels.max(1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(sequences: Vec<Vec<f32>>, classes: Vec<usize>) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: (sequences.into_iter())
                .map(|x| Array2::from_shape_vec((x.len(), 1), x).unwrap())
                .collect(),
            targets: Targets::Class(classes),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        }
    }

    #[test]
    fn a_pulse_is_found_wherever_it_is() {
        let pulse = |at: usize, height: f32| -> Vec<f32> {
            (0..20)
                .map(|t| if t == at { height } else { 0.0 })
                .collect()
        };
        let train = data(vec![pulse(3, 1.0), pulse(3, -1.0)], vec![0, 1]);
        let test = data(vec![pulse(15, -0.9), pulse(9, 1.1)], vec![1, 0]);
        let found = NearestNeighbour::fit(&train)
            .unwrap()
            .outputs(&test)
            .unwrap();
        assert_eq!((found[0][[0, 1]], found[1][[0, 0]]), (1.0, 1.0));
    }

    #[test]
    fn a_set_that_is_too_large_is_left_out() {
        let long = vec![0.0; 40_000];
        let set = data(vec![long.clone(), long], vec![0, 1]);
        assert!(NearestNeighbour::fit(&set).unwrap().outputs(&set).is_none());
    }

    proptest! {
        #[test]
        fn bounds_change_no_decision(
            values in prop::collection::vec(prop::collection::vec(-2i8..3, 1..12), 3..12),
            query in prop::collection::vec(-2i8..3, 1..12),
        ) {
            let steps = |x: &[i8]| Steps { values: x.iter().map(|v| f64::from(*v)).collect(), channels: 1 };
            let query = steps(&query);
            let known: Vec<Known> = (values.iter().enumerate()).map(|(class, x)| {
                let steps = steps(x);
                Known { ranges: steps.ranges(), class, steps }
            }).collect();
            let all: Vec<f64> = (known.iter())
                .map(|known| query.distance(&known.steps, f64::INFINITY).unwrap())
                .collect();
            for (known, distance) in known.iter().zip(&all) {
                prop_assert!(query.bound(&known.ranges) <= *distance);
                // The way back is as long.
                prop_assert_eq!(known.steps.distance(&query, f64::INFINITY), Some(*distance));
            }
            let first = (0..all.len()).min_by(|a, b| all[*a].total_cmp(&all[*b]));
            let train = data(vec![vec![0.0, 1.0]], vec![0]);
            let search = NearestNeighbour { scale: Scale::of(&train), known, classes: 12 };
            prop_assert_eq!(Some(search.decide(&query)), first);
        }
    }
}
