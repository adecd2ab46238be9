//! The nearest neighbour by dynamic time warping (1NN-DTW): the class of the training sequence that is most alike.
//!
//! ```text
//! D(i, j) = |a_i − b_j|² + min(D(i − 1, j), D(i, j − 1), D(i − 1, j − 1))       DTW = D(T_a, T_b)      (BN1)
//! LB = Σ_i |a_i − clamp(a_i, min b, max b)|²  ≤  DTW                                                 (BN2)
//! ```
//!
//! |·|² is the squared distance over all standardised channels together; the warping window is the whole sequence. A
//! distance is abandoned as soon as every path is longer than the best one so far, and it is not begun if its lower
//! bound (BN2) is: each step of a has to meet some step of b, whose values lie between the least and the largest one.
//!
//! Sources: Sakoe and Chiba 1978, *Dynamic programming algorithm optimization for spoken word recognition*, IEEE
//! TASSP 26(1); Keogh and Ratanamahatana 2005, *Exact indexing of dynamic time warping*, KAIS 7(3); Shokoohi-Yekta and
//! others 2017, *Generalizing DTW to the multi-dimensional case requires an adaptive approach*, DMKD 31 (DTW over all
//! channels together).

use ndarray::Array2;
use rayon::prelude::*;

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

/// A standardised sequence, row by row.
#[derive(Clone, Debug)]
struct Steps {
    values: Vec<f64>,
    channels: usize,
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
                let steps = Steps::of(&scale, sequence);
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
            .map(|sequence| self.decide(&Steps::of(&self.scale, sequence)))
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

impl Steps {
    fn of(scale: &Scale, sequence: &Array2<f32>) -> Self {
        let channels = sequence.ncols();
        let values = sequence.rows().into_iter().flat_map(|row| {
            let scaled = (row.iter().enumerate()).map(|(j, v)| scale.apply(j, f64::from(*v)));
            scaled.collect::<Vec<f64>>()
        });
        Self {
            values: values.collect(),
            channels: channels.max(1),
        }
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.channels)
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); self.channels];
        for row in self.rows() {
            for ((low, high), value) in ranges.iter_mut().zip(row) {
                (*low, *high) = (low.min(*value), high.max(*value));
            }
        }
        ranges
    }

    /// (BN2) against a sequence with these ranges.
    fn bound(&self, ranges: &[(f64, f64)]) -> f64 {
        let outside = self.rows().flat_map(|row| {
            let pairs = row.iter().zip(ranges);
            pairs.map(|(v, (low, high))| (low - v).max(v - high).max(0.0).powi(2))
        });
        outside.sum()
    }

    /// (BN1); `None` if it is above `most`.
    fn distance(&self, other: &Self, most: f64) -> Option<f64> {
        // Of a row of D, shifted by one: the column before the first is beyond reach.
        let width = other.values.len() / other.channels;
        let mut before = vec![f64::INFINITY; width + 1];
        before[0] = 0.0;
        let mut row = vec![f64::INFINITY; width + 1];
        for a in self.rows() {
            row[0] = f64::INFINITY;
            let mut least = f64::INFINITY;
            for (j, b) in other.rows().enumerate() {
                let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                let path = before[j].min(before[j + 1]).min(row[j]);
                row[j + 1] = apart + path;
                least = least.min(row[j + 1]);
            }
            if least > most {
                return None;
            }
            std::mem::swap(&mut before, &mut row);
        }
        Some(before[width]).filter(|distance| *distance <= most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(values: &[f64], channels: usize) -> Steps {
        let whole = values.len() / channels * channels;
        Steps {
            values: values[..whole].to_vec(),
            channels,
        }
    }

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
    fn distances_by_hand() {
        // 0 meets 0, 1 meets 1 and 1, 2 meets 3.
        let (a, b) = (steps(&[0.0, 1.0, 2.0], 1), steps(&[0.0, 1.0, 1.0, 3.0], 1));
        assert_eq!(a.distance(&b, f64::INFINITY), Some(1.0));
        assert_eq!(a.distance(&b, 0.5), None);
        // Two channels: (0, 0) and (1, 1) against (0, 2): 4 + 2.
        let (a, b) = (steps(&[0.0, 0.0, 1.0, 1.0], 2), steps(&[0.0, 2.0], 2));
        assert_eq!(a.distance(&b, f64::INFINITY), Some(6.0));
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
            let real = |x: &[i8]| x.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
            let query = steps(&real(&query), 1);
            let known: Vec<Known> = (values.iter().enumerate()).map(|(class, x)| {
                let steps = steps(&real(x), 1);
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
