//! Training for an endless stream: batches whose places are streams, and validation in a stream.
//!
//! ```text
//!              batch 1   batch 2   batch 3   …
//! stream 1     walk  ──▶ walk  ──▶ sit   ──▶     the state goes on, the gradient does not
//! stream 2     sit   ──▶ lie   ──▶ lie   ──▶
//! ```
//!
//! A network that meets every sequence with a zero state may count up all that it sees: its cells never have to stop
//! growing or to forget. Here sequences begin with the state that another one left behind, and the loss after the
//! sequence says whether the network got rid of it. Where a class stays, a memory of what was seen before says the
//! right class, and the network learns to trust it. It has to forget where the class changes. So classes change more
//! often than in a real stream. A stream goes through short runs of one class:
//!
//! ```text
//! run = ⌊4^u⌋ sequences,  u uniform in [0, 1)                                              (ST1)
//! ```
//!
//! Half of these lengths are one sequence, the others two or three; the last run of a class ends with it. All sequences of a run come from one group (person,
//! machine), as they do on a device. Runs of several groups would teach the network to take the mean of groups, which
//! a device never meets. Streams begin with zero states in each epoch, as a device does.
//!
//! A network first learns what the classes look like, and then to do without resets. So in the first half of training,
//! some sequences still begin with a zero state. When a share d of training is done, a sequence does so with probability
//!
//! ```text
//! p = max(0, 1 − 2 d)                                                                      (ST2)
//! ```

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::TrainConfig;
use super::seed::mix;
use crate::data::{Dataset, Targets};
use crate::passes::backward::Backpropagation;

/// Sequences that a stream goes through in an epoch, at least, where there are that many. Cells that grow need some
/// sequences to be seen.
const LEAST_SEQUENCES: usize = 16;
/// Sets the choice of a batch's resets apart from the noise of the sequence with this number.
const RESETS: u64 = 0x57;
/// Longest run of sequences of one class.
const LONGEST_RUN: usize = 3;

/// Number of streams, `1..=batch_size`.
pub(super) fn stream_count(config: &TrainConfig, data: &Dataset) -> usize {
    (data.len() / LEAST_SEQUENCES).clamp(1, config.batch_size)
}

/// The batches of one epoch: indices of sequences of `data`. Place b of each batch is stream b; in the last batch, the
/// last streams may have ended.
pub(super) fn batches(config: &TrainConfig, data: &Dataset, epoch: usize) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(mix(config.seed, epoch as u64));
    let streams = stream_count(config, data);
    let order = runs(data, &mut rng).concat();
    // The first streams have one sequence more than the others.
    let (each, more) = (order.len() / streams, order.len() % streams);
    let first = |stream: usize| stream * each + stream.min(more);
    (0..each + usize::from(more > 0))
        .map(|batch| {
            let running = if batch < each { streams } else { more };
            (0..running).map(|s| order[first(s) + batch]).collect()
        })
        .collect()
}

/// Begins the streams of an epoch with these batches, if `config` trains for streams.
pub(super) fn begin(
    config: &TrainConfig,
    backpropagation: &mut Backpropagation,
    order: &[Vec<usize>],
) {
    if config.for_streams {
        backpropagation.begin_streams(order.first().map_or(0, Vec::len));
    }
}

/// Sets some streams to zero (ST2) before a batch of an epoch, which both count from 1. `done` is the share of training
/// that is done.
pub(super) fn reset_some(
    config: &TrainConfig,
    backpropagation: &mut Backpropagation,
    (epoch, batch): (usize, usize),
    done: f64,
) {
    let share = reset_share(done);
    if !config.for_streams || share == 0.0 {
        return;
    }
    let seed = mix(mix(config.seed, epoch as u64), batch as u64);
    let mut rng = ChaCha8Rng::seed_from_u64(mix(seed, RESETS));
    backpropagation.reset_streams(|_| rng.random_bool(share));
}

/// (ST2)
fn reset_share(done: f64) -> f64 {
    (1.0 - 2.0 * done).max(0.0)
}

/// (ST1), in 1..=[`LONGEST_RUN`].
fn run_length(u: f64) -> usize {
    let length = (1.0 + LONGEST_RUN as f64).powf(u);
    (length as usize).clamp(1, LONGEST_RUN)
}

/// All sequences, in runs (ST1) of one class and one group, in random order.
fn runs(data: &Dataset, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..data.len()).collect();
    order.shuffle(rng);
    let Targets::Class(classes) = &data.targets else {
        return order.into_iter().map(|s| vec![s]).collect();
    };
    let kind = |s: &usize| (data.groups.as_ref().map(|groups| &groups[*s]), classes[*s]);
    // Shuffled within each class of a group.
    order.sort_by_key(kind);
    let mut runs = Vec::new();
    for alike in order.chunk_by(|a, b| kind(a) == kind(b)) {
        let mut rest = alike;
        while !rest.is_empty() {
            let length = run_length(rng.random::<f64>()).min(rest.len());
            let (run, after) = rest.split_at(length);
            runs.push(run.to_vec());
            rest = after;
        }
    }
    runs.shuffle(rng);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn data(classes: Vec<usize>) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((1, 1)); classes.len()],
            targets: Targets::Class(classes),
            outputs: ["a", "b", "c"].map(String::from).into(),
            ..Dataset::default()
        }
    }

    proptest! {
        #[test]
        fn every_sequence_is_in_one_stream_and_only_the_last_batch_is_short(
            classes in proptest::collection::vec(0usize..3, 1..300),
            batch_size in 1usize..40,
            seed in 0u64..100,
        ) {
            let config = TrainConfig { batch_size, for_streams: true, seed, ..TrainConfig::default() };
            let data = data(classes);
            let found = batches(&config, &data, 1);
            let streams = stream_count(&config, &data);
            prop_assert!((1..=batch_size).contains(&streams));
            let (last, full) = found.split_last().unwrap();
            prop_assert!(full.iter().all(|batch| batch.len() == streams));
            prop_assert!((1..=streams).contains(&last.len()));
            let mut all = found.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..data.len()).collect::<Vec<_>>());
            prop_assert_eq!(found.clone(), batches(&config, &data, 1));
            let next = batches(&config, &data, 2);
            prop_assert!(data.len() < 20 || found != next);
        }
    }

    /// Runs (ST1) have 1.71 sequences in the mean. After each run, the next one is of the same class in a third of all
    /// cases.
    #[test]
    fn a_class_changes_often_and_stays_for_a_while() {
        let data = data((0..3000).map(|s| s % 3).collect());
        let Targets::Class(classes) = &data.targets else {
            unreachable!()
        };
        let found = batches(&TrainConfig::default(), &data, 1);
        let same = (found.windows(2))
            .flat_map(|pair| pair[0].iter().zip(&pair[1]))
            .filter(|(a, b)| classes[**a] == classes[**b]);
        let share = same.count() as f64 / data.len() as f64;
        assert!((share - 0.61).abs() < 0.04, "{share}");
    }

    /// A person's stream is this person's alone.
    #[test]
    fn a_run_comes_from_one_group() {
        let mut data = data((0..300).map(|s| s % 3).collect());
        data.groups = Some((0..300).map(|s| (s / 30).to_string()).collect());
        let groups = data.groups.clone().unwrap_or_default();
        let found = runs(&data, &mut ChaCha8Rng::seed_from_u64(0));
        for run in &found {
            assert!(run.iter().all(|s| groups[*s] == groups[run[0]]), "{run:?}");
            assert!(run.iter().all(|s| s % 3 == run[0] % 3), "{run:?}");
        }
        assert!(
            found.iter().any(|run| run.len() == LONGEST_RUN),
            "no run is as long as a run may be"
        );
        assert_eq!(found.concat().len(), 300);
    }

    #[test]
    fn fewer_and_fewer_sequences_begin_anew_in_the_first_half_of_training() {
        let shares = [0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 0.999].map(reset_share);
        assert_eq!(shares, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn half_of_the_lengths_are_one_sequence() {
        let lengths: Vec<usize> = (0..4000)
            .map(|n| run_length(f64::from(n) / 4000.0))
            .collect();
        assert!(lengths.is_sorted());
        let count = |length| lengths.iter().filter(|l| **l == length).count();
        // log₄ 2, log₄ 1.5 and log₄ (4/3).
        for (length, expected) in [(1, 2000_usize), (2, 1170), (LONGEST_RUN, 830)] {
            assert!(count(length).abs_diff(expected) <= 1, "{length}");
        }
    }
}
