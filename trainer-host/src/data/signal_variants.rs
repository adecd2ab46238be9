//! Variants of a training recording's samples that mean the same, made before the features.
//!
//! ```text
//! x'_n = g · x_{n−s} + k · r_{m+n}                                                                  (SV1)
//! s ~ U{−S, …, S} samples, 0 where the recording has none
//! g = 10^(u/20), u ~ U(−G, G) dB
//! k = √(P_x / P_r) · 10^(−v/20), v ~ U(low, high) dB, P the mean squares of g · x and of r
//! ```
//!
//! r is a piece of a noise recording, from a random place on and again from its beginning where it ends. x' is rounded
//! and clamped to 16 bits. Ko et al. 2015 and Park et al. 2019 compare such variants for speech.
//!
//! Training takes in each epoch one of a recording's versions: itself or one of its variants, all equally often.

use std::path::PathBuf;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};

/// How training recordings are varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalVariants {
    /// Variants of each recording beside itself, 0 to 64; 0 for the class `background` alone.
    pub count: usize,
    /// S of (SV1) in milliseconds, 0 to 1000.
    pub shift_ms: f64,
    /// G of (SV1), 0 to 40 dB.
    pub gain_db: f64,
    /// A folder of WAV files with noise, or one file; without it, r is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<PathBuf>,
    /// Whether pieces of the noise are recordings of a class `background`.
    pub background: bool,
    /// `[low, high]` of (SV1): signal-to-noise ratios in dB, −40 to 120.
    pub snr_db: [f64; 2],
}

impl Default for SignalVariants {
    fn default() -> Self {
        Self {
            count: 4,
            shift_ms: 20.0,
            gain_db: 6.0,
            noise: None,
            background: false,
            snr_db: [5.0, 30.0],
        }
    }
}

impl SignalVariants {
    /// What else it says of the data: the class `background`.
    pub(crate) fn without_variants(self) -> Option<Self> {
        self.background.then_some(Self { count: 0, ..self })
    }

    /// Refuses numbers out of their range.
    pub(super) fn validate(&self, place: &Place) -> Result<(), DataError> {
        let [low, high] = self.snr_db;
        let numbers = [
            (
                "signal_variants.count",
                self.count as f64,
                f64::from(u8::from(!self.background))..=64.0,
                "1 to 64",
            ),
            (
                "signal_variants.shift_ms",
                self.shift_ms,
                0.0..=1000.0,
                "0 to 1000 ms",
            ),
            (
                "signal_variants.gain_db",
                self.gain_db,
                0.0..=40.0,
                "0 to 40 dB",
            ),
            (
                "signal_variants.snr_db",
                low,
                -40.0..=high.min(120.0),
                "[low, high], from -40 to 120 dB",
            ),
            (
                "signal_variants.snr_db",
                high,
                -40.0..=120.0,
                "[low, high], from -40 to 120 dB",
            ),
        ];
        let outside = |(_, value, range, _): &&(_, f64, std::ops::RangeInclusive<f64>, _)| {
            !range.contains(value)
        };
        match numbers.iter().find(outside) {
            None if self.background && self.noise.is_none() => {
                Err(place.clone().refuse(Problem::Setting {
                    key: "signal_variants.background",
                    found: "true".to_owned(),
                    needed: "a folder of noise to cut the class from: --noise FOLDER",
                }))
            }
            None => Ok(()),
            Some((key, value, _, needed)) => Err(place.clone().refuse(Problem::Setting {
                key,
                found: value.to_string(),
                needed,
            })),
        }
    }

    /// Variant `seed` of a recording of `rate` samples a second, as long as it. `noises` are recordings of noise, none
    /// of them empty.
    pub(super) fn variant(
        &self,
        samples: &[i16],
        rate: u32,
        noises: &[Vec<i16>],
        seed: u64,
    ) -> Vec<i16> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let most = (self.shift_ms / 1000.0 * f64::from(rate)).round() as i64;
        let shift = rng.random_range(-most..=most);
        let gain = decibels(uniform(&mut rng, [-self.gain_db, self.gain_db]));
        let moved: Vec<f64> = (0..samples.len() as i64)
            .map(|n| usize::try_from(n - shift).ok())
            .map(|from| from.and_then(|from| samples.get(from)))
            .map(|sample| gain * f64::from(sample.copied().unwrap_or(0)))
            .collect();
        let noise = self.noise_for(&moved, noises, &mut rng);
        // Casts clamp.
        (moved.iter().zip(noise))
            .map(|(x, r)| (x + r).round() as i16)
            .collect()
    }

    /// k · r of (SV1) for a recording `x`.
    fn noise_for(&self, x: &[f64], noises: &[Vec<i16>], rng: &mut impl Rng) -> Vec<f64> {
        if noises.is_empty() {
            return vec![0.0; x.len()];
        }
        let noise = &noises[rng.random_range(0..noises.len())];
        let begin = rng.random_range(0..noise.len());
        let piece = noise.iter().cycle().skip(begin).take(x.len());
        let piece: Vec<f64> = piece.map(|r| f64::from(*r)).collect();
        let ratio = uniform(rng, self.snr_db);
        let (signal, power) = (mean_square(x), mean_square(&piece));
        if power == 0.0 {
            return piece;
        }
        let factor = (signal / power).sqrt() * decibels(-ratio);
        piece.into_iter().map(|r| factor * r).collect()
    }
}

fn decibels(db: f64) -> f64 {
    libm::pow(10.0, db / 20.0)
}

fn uniform(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

fn mean_square(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>() / x.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variants(shift_ms: f64, gain_db: f64, snr_db: [f64; 2]) -> SignalVariants {
        SignalVariants {
            shift_ms,
            gain_db,
            snr_db,
            ..SignalVariants::default()
        }
    }

    proptest! {
        /// At 1,000 samples a second, S is in samples.
        #[test]
        fn a_shift_moves_samples_and_fills_with_zeros(
            samples in proptest::collection::vec(any::<i16>(), 1..50), most in 0u32..60, seed: u64,
        ) {
            let found = variants(f64::from(most), 0.0, [0.0; 2]).variant(&samples, 1000, &[], seed);
            prop_assert_eq!(found.len(), samples.len());
            let at = |n: i64| usize::try_from(n).ok().and_then(|n| samples.get(n)).copied().unwrap_or(0);
            let moved = |s: i64| (0..samples.len() as i64).all(|n| found[n as usize] == at(n - s));
            prop_assert!((-i64::from(most)..=i64::from(most)).any(moved));
        }

        #[test]
        fn noise_has_the_power_that_is_asked_for(
            samples in proptest::collection::vec(-3000i16..3000, 40..200),
            noise in proptest::collection::vec(-30_000i16..30_000, 40..200), ratio in 0.0..20.0, seed: u64,
        ) {
            prop_assume!(samples.iter().any(|x| x.abs() > 1000) && noise.iter().all(|r| *r != 0));
            let both = variants(0.0, 0.0, [ratio; 2]);
            let found = both.variant(&samples, 8000, std::slice::from_ref(&noise), seed);
            let left: Vec<f64> = (found.iter().zip(&samples)).map(|(y, x)| f64::from(y - x)).collect();
            let x: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
            // Each sample is rounded to a whole number.
            let expected = (mean_square(&x) * libm::pow(10.0, -ratio / 10.0)).sqrt();
            prop_assert!((mean_square(&left).sqrt() - expected).abs() < 0.6, "{expected}");
        }

        #[test]
        fn a_gain_is_one_factor_within_its_bounds(samples in proptest::collection::vec(-9000i16..9000, 1..50), seed: u64) {
            let found = variants(0.0, 6.0, [0.0; 2]).variant(&samples, 8000, &[], seed);
            let (low, high) = (decibels(-6.0), decibels(6.0));
            for (y, x) in found.iter().zip(&samples) {
                let (y, x) = (f64::from(*y), f64::from(*x));
                prop_assert!(y.abs() >= low * x.abs() - 0.51 && y.abs() <= high * x.abs() + 0.51 && x * y >= 0.0);
            }
            prop_assert_eq!(&found, &variants(0.0, 6.0, [0.0; 2]).variant(&samples, 8000, &[], seed));
        }
    }

    #[test]
    fn silence_and_silent_noise_stay_silent() {
        let both = variants(10.0, 6.0, [0.0, 10.0]);
        assert_eq!(
            both.variant(&[0; 20], 8000, &[vec![500; 7]], 1),
            vec![0; 20]
        );
        let loud = variants(0.0, 0.0, [0.0; 2]).variant(&[100; 20], 8000, &[vec![0; 7]], 1);
        assert_eq!(loud, vec![100; 20]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_their_key() {
        let place = Place::file(std::path::Path::new("words"));
        let default = SignalVariants::default();
        default.validate(&place).unwrap();
        for (wrong, key) in [
            (
                SignalVariants {
                    count: 0,
                    ..default.clone()
                },
                "count",
            ),
            (
                SignalVariants {
                    shift_ms: f64::NAN,
                    ..default.clone()
                },
                "shift_ms",
            ),
            (
                SignalVariants {
                    gain_db: -1.0,
                    ..default.clone()
                },
                "gain_db",
            ),
            (
                SignalVariants {
                    snr_db: [9.0, 3.0],
                    ..default.clone()
                },
                "snr_db",
            ),
            (
                SignalVariants {
                    snr_db: [f64::NAN, 3.0],
                    ..default.clone()
                },
                "snr_db",
            ),
        ] {
            let error = wrong.validate(&place).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
