//! Training for an endless stream: batches whose places are streams, and validation in a stream.
//!
//! ```text
//!              batch 1   batch 2   batch 3   …
//! stream 1     walk  ──▶ walk  ──▶ sit   ──▶     the state goes on, the gradient does not
//! stream 2     sit   ──▶ lie   ──▶ lie   ──▶
//! ```
//!
//! A network that meets every sequence with a zero state may count up all that it sees: its cells never have to stop
//! growing or to forget. Here each sequence begins with the state that another one left behind, and the loss after the
//! sequence says whether the network got rid of it. In a real stream a class stays for a while, and nobody knows for how
//! long, so a stream goes through runs of one class whose lengths have no scale of their own:
//!
//! ```text
//! run = ⌊(1 + longest)^u⌋,  u uniform in [0, 1),  longest = half of the stream, at most 64      (ST1)
//! ```
//!
//! What grows in a long run has to be forgotten after it. All sequences of a run come from one group (person, machine),
//! as they do on a device. Runs of several groups would teach the network to take the mean of groups, which a device
//! never meets. Streams begin with zero states in each epoch, as a device does.

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
/// Longest run of sequences of one class, where a stream is twice as long.
const LONGEST_RUN: usize = 64;

/// Number of streams, `1..=batch_size`.
pub(super) fn stream_count(config: &TrainConfig, data: &Dataset) -> usize {
    (data.len() / LEAST_SEQUENCES).clamp(1, config.batch_size)
}

/// The batches of one epoch: indices of sequences of `data`. Place b of each batch is stream b; in the last batch, the
/// last streams may have ended.
pub(super) fn batches(config: &TrainConfig, data: &Dataset, epoch: usize) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(mix(config.seed, epoch as u64));
    let streams = stream_count(config, data);
    let longest = (data.len() / streams / 2).clamp(1, LONGEST_RUN);
    let order = runs(data, longest, &mut rng).concat();
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

/// (ST1), in 1..=longest.
fn run_length(longest: usize, u: f64) -> usize {
    let length = (1.0 + longest as f64).powf(u);
    (length as usize).clamp(1, longest)
}

/// All sequences, in runs (ST1) of one class and one group, in random order.
fn runs(data: &Dataset, longest: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
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
            let length = run_length(longest, rng.random::<f64>()).min(rest.len());
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

    /// Of three classes, a neighbour in a stream is of the same class in a third of all cases by chance.
    #[test]
    fn a_class_stays_for_a_while() {
        let data = data((0..3000).map(|s| s % 3).collect());
        let Targets::Class(classes) = &data.targets else {
            unreachable!()
        };
        let found = batches(&TrainConfig::default(), &data, 1);
        let same = (found.windows(2))
            .flat_map(|pair| pair[0].iter().zip(&pair[1]))
            .filter(|(a, b)| classes[**a] == classes[**b]);
        let share = same.count() as f64 / data.len() as f64;
        assert!((0.8..1.0).contains(&share), "{share}");
    }

    /// A person's stream is this person's alone.
    #[test]
    fn a_run_comes_from_one_group() {
        let mut data = data((0..300).map(|s| s % 3).collect());
        data.groups = Some((0..300).map(|s| (s / 30).to_string()).collect());
        let groups = data.groups.clone().unwrap_or_default();
        let found = runs(&data, 64, &mut ChaCha8Rng::seed_from_u64(0));
        for run in &found {
            assert!(run.iter().all(|s| groups[*s] == groups[run[0]]), "{run:?}");
            assert!(run.iter().all(|s| s % 3 == run[0] % 3), "{run:?}");
        }
        assert!(
            found.iter().any(|run| run.len() == 10),
            "no run is as long as a class stays"
        );
        assert_eq!(found.concat().len(), 300);
    }

    /// As many runs are 1 to 7 long as 8 to 64: 8 is about the root of 65.
    #[test]
    fn lengths_of_runs_have_no_scale() {
        let lengths: Vec<usize> = (0..4000)
            .map(|n| run_length(64, f64::from(n) / 4000.0))
            .collect();
        assert!(lengths.is_sorted());
        assert_eq!((lengths[0], lengths[3999]), (1, 64));
        let longer = |than: f64| lengths.iter().filter(|l| **l as f64 >= than).count();
        for least in [3.0, 8.0, 22.0] {
            let expected = (4000.0 * (1.0 - f64::ln(least) / f64::ln(65.0))) as usize;
            assert!(longer(least).abs_diff(expected) <= 1, "{least}");
        }
        assert_eq!(run_length(1, 0.999), 1);
    }
}
