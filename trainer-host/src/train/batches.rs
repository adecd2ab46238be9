//! The batches of an epoch.

use ndarray::{Array2, CowArray};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::config::TrainConfig;
use super::seed::mix;
use super::streams;
use crate::data::Dataset;
use crate::evaluate::Outputs;
use crate::loss::Target;
use crate::passes::example::Example;

/// Number of batches whose sequences are sorted by length together.
const POOL_BATCHES: usize = 16;

/// Sets the choice of a version apart from other uses of a sequence's seed.
const VERSION: u64 = 0x56;

/// The batches of one epoch: indices of sequences of `data`.
pub(super) fn batches(config: &TrainConfig, data: &Dataset, epoch: usize) -> Vec<Vec<usize>> {
    if config.for_streams {
        return streams::batches(config, data, epoch);
    }
    let seed = mix(config.seed, epoch as u64);
    let mut order: Vec<usize> = (0..data.sequences.len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    order.shuffle(&mut rng);
    let cut = |order: &[usize]| -> Vec<Vec<usize>> {
        order.chunks(config.batch_size).map(<[_]>::to_vec).collect()
    };
    if !config.bucket_by_length {
        return cut(&order);
    }
    // Equal lengths stay in shuffled order.
    for pool in order.chunks_mut(config.batch_size.saturating_mul(POOL_BATCHES)) {
        pool.sort_by_key(|s| data.sequences[*s].nrows());
    }
    let mut batches = cut(&order);
    batches.shuffle(&mut rng);
    batches
}

/// A batch, ready for training.
pub(super) struct Batch<'a> {
    sequences: Vec<CowArray<'a, f32, ndarray::Ix2>>,
    data: &'a Dataset,
    indices: &'a [usize],
    seeds: Vec<u64>,
}

/// Sequence `s` or one of its variants, all equally often over the seeds.
fn version(data: &Dataset, s: usize, seed: u64) -> &Array2<f32> {
    let Some(variants) = data.variants.get(s) else {
        return &data.sequences[s];
    };
    let chosen = mix(seed, VERSION) % (variants.len() as u64 + 1);
    match chosen.checked_sub(1) {
        Some(variant) => &variants[variant as usize],
        None => &data.sequences[s],
    }
}

impl<'a> Batch<'a> {
    /// The sequences at `indices`, varied as `config` says for this epoch.
    pub(super) fn of(
        config: &TrainConfig,
        data: &'a Dataset,
        indices: &'a [usize],
        epoch: usize,
    ) -> Self {
        let seed = |s: &usize| mix(mix(config.seed, epoch as u64), *s as u64 + 1);
        let sequence = |s: &usize| {
            let sequence = version(data, *s, seed(s)).view();
            if config.augmentation.is_active() {
                config.augmentation.apply(sequence, seed(s)).into()
            } else {
                sequence.into()
            }
        };
        Self {
            sequences: indices.iter().map(sequence).collect(),
            data,
            indices,
            seeds: indices.iter().map(seed).collect(),
        }
    }

    /// Examples for training; `teacher` has the teacher's outputs for each sequence of the data.
    pub(super) fn examples<'b>(&'b self, teacher: Option<&'b Outputs>) -> Vec<Example<'b>> {
        (self.sequences.iter().zip(self.indices).zip(&self.seeds))
            .map(|((sequence, s), seed)| Example {
                sequence: sequence.view(),
                target: Target::of(&self.data.targets, *s),
                seed: *seed,
                teacher: teacher.map(|outputs| outputs[*s].view()),
            })
            .collect()
    }

    /// Steps of the longest sequence.
    pub(super) fn longest(&self) -> usize {
        self.sequences.iter().map(|s| s.nrows()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    use proptest::prelude::*;

    fn data(lengths: &[usize]) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: lengths.iter().map(|t| Array2::zeros((*t, 1))).collect(),
            targets: Targets::Class(vec![0; lengths.len()]),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        }
    }

    proptest! {
        #[test]
        fn every_sequence_is_in_one_batch_and_batches_are_full(
            lengths in proptest::collection::vec(1usize..50, 1..300),
            batch_size in 1usize..40,
            bucket_by_length: bool,
            seed in 0u64..100,
        ) {
            let config = TrainConfig { batch_size, bucket_by_length, seed, ..TrainConfig::default() };
            let data = data(&lengths);
            let found = batches(&config, &data, 1);
            prop_assert_eq!(found.len(), lengths.len().div_ceil(batch_size));
            let full = found.iter().filter(|batch| batch.len() == batch_size).count();
            prop_assert!(full + 1 >= found.len());
            let mut all = found.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert_eq!(&found, &batches(&config, &data, 1));
        }
    }

    #[test]
    fn every_version_of_a_sequence_is_taken_equally_often() {
        let of = |value: f32| Array2::from_elem((3, 1), value);
        let mut data = data(&[3; 4]);
        data.variants = vec![vec![of(1.0), of(2.0)]; 4];
        let mut counts = [0; 3];
        for epoch in 0..100 {
            let batch = Batch::of(&TrainConfig::default(), &data, &[0, 1, 2, 3], epoch);
            for sequence in &batch.sequences {
                counts[sequence[[0, 0]] as usize] += 1;
            }
        }
        // A third of 400 each, with a deviation of 9.
        assert!(
            counts.iter().all(|count| (97..170).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn buckets_hold_similar_lengths_in_another_order_each_epoch() {
        let lengths: Vec<usize> = (0..320).map(|s| 1 + s * 7 % 100).collect();
        let data = data(&lengths);
        let config = TrainConfig {
            batch_size: 10,
            bucket_by_length: true,
            ..TrainConfig::default()
        };
        let spread = |batch: &Vec<usize>| {
            let of = |s: &usize| lengths[*s];
            batch.iter().map(of).max().unwrap() - batch.iter().map(of).min().unwrap()
        };
        // A pool is 160 lengths in 1..=100, so ten neighbours are about 6 apart.
        let first = batches(&config, &data, 1);
        let mean = first.iter().map(spread).sum::<usize>() as f64 / first.len() as f64;
        assert!(mean < 12.0, "{mean}");
        let longest = |batches: &[Vec<usize>]| -> Vec<usize> {
            (batches.iter())
                .map(|batch| batch.iter().map(|s| lengths[*s]).max().unwrap())
                .collect()
        };
        let rising = |batches: &[Vec<usize>]| longest(batches).is_sorted();
        assert!(!rising(&first[..16]) && !rising(&first[16..]));
        assert_ne!(first, batches(&config, &data, 2));
    }
}
