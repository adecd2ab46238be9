//! How large the values of one kind are: a sample of their magnitudes, and the ranges that suit it.

use lstm_nostd::kernels::Width;
use ndarray::ArrayView2;

/// Values that are kept, at most; the largest one is known exactly beside them.
const SAMPLE: usize = 16_384;
/// Share of the values that the percentile covers.
const COVERED: f64 = 0.9995;
/// Candidates between 1/8 and all of the largest magnitude.
const CANDIDATES: u32 = 64;

/// How an activation's range or a row's scale follows from the values that it has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Clipping {
    /// The largest magnitude: nothing is clipped.
    #[default]
    MinMax,
    /// What covers nearly all values: single outliers are clipped.
    Percentile,
    /// What has the least mean squared error of rounding and clipping together.
    MeanSquaredError,
}

impl Clipping {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::MinMax, Self::Percentile, Self::MeanSquaredError];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MinMax => "min-max",
            Self::Percentile => "percentile",
            Self::MeanSquaredError => "mse",
        }
    }
}

/// Magnitudes of observed values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Magnitudes {
    largest: f32,
    /// One in `stride` values, picked by a hash of their number, so that no period of the data meets one
    /// of the sample; sorted by [`Magnitudes::finish`].
    sample: Vec<f32>,
    /// The reaches of least error in int16 and in int8: training asks for them at every update.
    least_error: [f64; 2],
    /// The number of the next value.
    next: u64,
    stride: u64,
}

impl Magnitudes {
    /// For part `part` of about `count` values in all.
    pub(crate) fn expecting(count: usize, part: usize) -> Self {
        Self {
            stride: count.div_ceil(SAMPLE).max(1) as u64,
            next: (part as u64) << 32,
            ..Self::default()
        }
    }

    /// Takes every value.
    pub(crate) fn add(&mut self, values: ArrayView2<'_, f32>) {
        for value in values {
            self.largest = self.largest.max(value.abs());
            if hash(self.next).is_multiple_of(self.stride) {
                self.sample.push(value.abs());
            }
            self.next += 1;
        }
    }

    /// Adds what another saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.largest = self.largest.max(other.largest);
        self.sample.extend_from_slice(&other.sample);
    }

    pub(crate) fn finish(&mut self) {
        self.sample.sort_unstable_by(f32::total_cmp);
        self.least_error =
            [Width::Int16, Width::Int8].map(|width| self.least_error_in(largest_integer(width)));
    }

    /// The largest magnitude.
    pub fn largest(&self) -> f64 {
        self.largest.into()
    }

    /// The magnitude that the largest integer of `width` should stand for.
    pub fn reach(&self, clipping: Clipping, width: Width) -> f64 {
        match clipping {
            Clipping::MinMax => self.largest(),
            Clipping::Percentile => percentile(&self.sample, COVERED).min(self.largest()),
            Clipping::MeanSquaredError => match width {
                Width::Int16 => self.least_error[0],
                Width::Int8 => self.least_error[1],
            },
        }
    }

    fn least_error_in(&self, levels: f64) -> f64 {
        let candidates = (CANDIDATES / 8..=CANDIDATES)
            .rev()
            .map(|k| self.largest() * f64::from(k) / f64::from(CANDIDATES));
        // The first of equal ones, which clips least.
        let mut best = (f64::INFINITY, self.largest());
        for candidate in candidates {
            if self.clipping_exceeds(candidate, best.0) {
                continue;
            }
            let error = self.error(candidate, levels);
            if error < best.0 {
                best = (error, candidate);
            }
        }
        best.1
    }

    /// The sum of squared errors, clipping included, where `levels` steps make up `reach`.
    fn error(&self, reach: f64, levels: f64) -> f64 {
        let step = reach / levels;
        let errors = self.sample.iter().map(|value| {
            let value = f64::from(*value);
            let steps = value / step;
            // `f64::round`, which is a call where the processor has no instruction for it.
            let whole = f64::from(steps as i32);
            let rounded = whole + f64::from(u8::from(steps - whole >= 0.5));
            (value - rounded.min(levels) * step).powi(2)
        });
        errors.sum()
    }

    /// Whether clipping at `reach` alone makes the sum of squared errors larger than `bound`, without doubt.
    fn clipping_exceeds(&self, reach: f64, bound: f64) -> bool {
        // Far above the rounding errors of a sum of so many values.
        let bound = bound * (1.0 + 1e-9);
        let mut sum = 0.0;
        for value in self.sample.iter().rev() {
            let beyond = f64::from(*value) - reach;
            if beyond <= 0.0 || sum > bound {
                break;
            }
            sum += beyond * beyond;
        }
        sum > bound
    }
}

/// The largest integer of an activation.
pub(crate) const fn largest_integer(width: Width) -> f64 {
    match width {
        Width::Int16 => 32_767.0,
        Width::Int8 => 127.0,
    }
}

/// The finaliser of SplitMix64.
fn hash(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The value that `share` of the `sorted` ones do not exceed, between neighbours in proportion.
pub(crate) fn percentile(sorted: &[f32], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let position = share * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let part = position - below as f64;
    f64::from(sorted[below]) * (1.0 - part) + f64::from(sorted[above]) * part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantise::tests::split_mix;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn add(all: &mut Magnitudes, values: &[f32]) {
        let column = Array2::from_shape_vec((values.len(), 1), values.to_vec());
        all.add(column.unwrap().view());
    }

    fn magnitudes(values: &[f32]) -> Magnitudes {
        let mut all = Magnitudes::expecting(values.len(), 0);
        add(&mut all, values);
        all.finish();
        all
    }

    /// Of these magnitudes, in ascending order, beside a larger one that the sample left out.
    fn of_sample(sample: &[f32], largest: f32) -> Magnitudes {
        Magnitudes {
            largest,
            sample: sample.to_vec(),
            ..Magnitudes::default()
        }
    }

    /// The sum of squared errors, as [`Magnitudes::error`] has it.
    fn error_of(sample: &[f32], reach: f64, levels: f64) -> f64 {
        let step = reach / levels;
        let rounded = |value: f64| (value / step).round().min(levels) * step;
        let error = |v: &f32| (f64::from(*v) - rounded(f64::from(*v))).powi(2);
        sample.iter().map(error).sum()
    }

    /// Outputs of SplitMix64 from this seed on.
    fn hashes(mut seed: u64) -> impl Iterator<Item = u64> {
        std::iter::repeat_with(move || split_mix(&mut seed))
    }

    proptest! {
        #[test]
        fn every_value_counts_for_the_largest_and_one_in_a_stride_is_kept(
            expected in 0usize..100_000, parts in proptest::collection::vec(0usize..40, 1..4),
        ) {
            let stride = expected.div_ceil(16_384).max(1) as u64;
            let mut total = Magnitudes::expecting(expected, 0);
            let (mut kept, mut largest) = (Vec::new(), 0.0f32);
            for (part, &count) in parts.iter().enumerate() {
                let value = |n: usize| ((n * 37 + part * 11) % 101) as f32 - 50.25;
                let values: Vec<f32> = (0..count).map(value).collect();
                let (first, second) = values.split_at(count / 3);
                let mut own = Magnitudes::expecting(expected, part);
                add(&mut own, first);
                add(&mut own, second);
                total.merge(&own);
                // The outputs behind the seed n γ begin with the number n + 1.
                let before = ((part as u64) << 32).wrapping_sub(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                for (value, hash) in values.iter().zip(hashes(before)) {
                    largest = largest.max(value.abs());
                    kept.extend((hash % stride == 0).then_some(value.abs()));
                }
            }
            total.finish();
            kept.sort_by(f32::total_cmp);
            prop_assert_eq!(&total.sample, &kept);
            prop_assert_eq!(total.largest(), f64::from(largest));
        }

        #[test]
        fn a_percentile_lies_between_its_neighbours_in_proportion(
            mut values in proptest::collection::vec(0.0f32..8.0, 2..40), place in 0.0f64..1.0, part in 0.0f64..1.0,
        ) {
            values.sort_by(f32::total_cmp);
            let last = values.len() - 1;
            let k = ((place * last as f64) as usize).min(last - 1);
            let [below, above] = [k, k + 1].map(|k| f64::from(values[k]));
            let found = percentile(&values, (k as f64 + part) / last as f64);
            prop_assert!((found - (below + part * (above - below))).abs() < 1e-9);
            prop_assert_eq!(percentile(&values, 1.0), f64::from(values[last]));
            prop_assert_eq!(percentile(&[], place), 0.0);
        }

        #[test]
        fn each_width_has_its_own_levels(values in proptest::collection::vec(-8.0f32..8.0, 1..100)) {
            let all = magnitudes(&values);
            for (width, levels) in [(Width::Int16, 32_767.0), (Width::Int8, 127.0)] {
                prop_assert_eq!(largest_integer(width), levels);
                let least = all.least_error_in(levels);
                prop_assert_eq!(all.reach(Clipping::MeanSquaredError, width), least);
                let percentile = percentile(&all.sample, 0.9995);
                prop_assert_eq!(all.reach(Clipping::Percentile, width), percentile.min(all.largest()));
            }
        }

        #[test]
        fn clipping_exceeds_a_bound_where_the_values_beyond_do(
            mut values in proptest::collection::vec(0.0f32..8.0, 0..40), reach in 0.0f64..8.0, share in 0.0f64..2.0,
        ) {
            values.sort_by(f32::total_cmp);
            let all = of_sample(&values, 8.0);
            let sum: f64 = values.iter().map(|v| (f64::from(*v) - reach).max(0.0).powi(2)).sum();
            for (bound, exceeds) in [(share * sum, share < 1.0 && sum > 0.0), (0.0, sum > 0.0)] {
                prop_assert_eq!(all.clipping_exceeds(reach, bound), exceeds);
            }
        }

        #[test]
        fn no_range_is_beyond_the_largest_and_min_max_is_it(
            values in proptest::collection::vec(-8.0f32..8.0, 1..400),
        ) {
            let all = magnitudes(&values);
            let largest = values.iter().fold(0.0f32, |max, v| max.max(v.abs()));
            prop_assert_eq!(all.reach(Clipping::MinMax, Width::Int8), f64::from(largest));
            for clipping in Clipping::ALL {
                prop_assert!(all.reach(clipping, Width::Int8) <= f64::from(largest));
            }
        }

        #[test]
        fn what_is_left_out_changes_no_choice(
            values in proptest::collection::vec(-1.0f32..1.0, 1..400),
            outliers in proptest::collection::vec(1.0f32..20.0, 0..4), levels in 3.0f64..32768.0,
        ) {
            let values: Vec<f32> = values.into_iter().chain(outliers).collect();
            let all = magnitudes(&values);
            let levels = levels.floor();
            let error = |reach: f64| error_of(&all.sample, reach, levels);
            let mut best = (f64::INFINITY, all.largest());
            for k in (CANDIDATES / 8..=CANDIDATES).rev() {
                let reach = all.largest() * f64::from(k) / f64::from(CANDIDATES);
                if reach > 0.0 && error(reach) < best.0 {
                    best = (error(reach), reach);
                }
            }
            prop_assert_eq!(all.least_error_in(levels), best.1);
        }

        #[test]
        fn the_least_error_is_no_larger_than_that_of_min_max(
            values in proptest::collection::vec(-1.0f32..1.0, 1..400), outlier in 1.0f32..20.0, levels in 3.0f64..128.0,
        ) {
            let values: Vec<f32> = values.into_iter().chain([outlier]).collect();
            let all = magnitudes(&values);
            let error = |reach: f64| -> f64 {
                let step = reach / levels;
                values.iter().map(|v| {
                    let v = f64::from(v.abs());
                    (v - (v / step).round().min(levels) * step).powi(2)
                }).sum()
            };
            let found = error(all.least_error_in(levels));
            prop_assert!(found <= error(f64::from(outlier)) * (1.0 + 1e-9));
        }
    }

    /// The first outputs of SplitMix64 with seed 0, from its authors' program.
    #[test]
    fn the_hash_of_a_number_is_that_output_of_split_mix_64() {
        let published = [
            0xE220_A839_7B1D_CDAF,
            0x6E78_9E6A_A1B9_65F4,
            0x06C4_5D18_8009_454F,
        ];
        assert_eq!([1, 2, 3].map(hash), published);
        assert!(hashes(0).take(3).eq(published));
    }

    #[test]
    fn ways_to_clip_have_the_names_of_the_command_line() {
        let names = Clipping::ALL.map(Clipping::name);
        assert_eq!(names, ["min-max", "percentile", "mse"]);
    }

    /// Multiples of a step are not exact, so that both ways out of a tie have different rounding errors.
    #[test]
    fn ties_are_rounded_as_the_standard_library_rounds_them() {
        let mut ties = 0;
        for n in 0..40 {
            for k in 1u8..40 {
                let (value, levels) = (1.0 + n as f32 / 7.0, 127.0);
                let reach = f64::from(value) / (f64::from(k) + 0.5) * levels;
                let steps = f64::from(value) / (reach / levels);
                ties += u32::from(steps == f64::from(k) + 0.5);
                let all = of_sample(&[value], value);
                assert_eq!(all.error(reach, levels), error_of(&[value], reach, levels));
            }
        }
        assert!(ties > 100, "{ties}");
    }

    /// The sum of squares beyond the reach is 1; a bound that rounding may have made so small is no doubtless excess.
    #[test]
    fn an_excess_within_rounding_errors_leaves_doubt() {
        let all = of_sample(&[2.0], 2.0);
        assert!(!all.clipping_exceeds(1.0, 1.0 - 1e-10));
        assert!(all.clipping_exceeds(1.0, 1.0 - 1e-8));
        assert!(!all.clipping_exceeds(2.0, 0.0));
    }

    /// At 8, a step of 8 has no error; at 1, one step of 1 would not have one either.
    #[test]
    fn no_range_is_below_an_eighth_of_the_largest() {
        assert_eq!(of_sample(&[8.0], 64.0).least_error_in(1.0), 8.0);
        assert_eq!(of_sample(&[1.0], 64.0).least_error_in(1.0), 64.0);
    }

    /// 1 is a whole number of steps of 128/128, 64/128 and 32/128 alike.
    #[test]
    fn among_ranges_without_error_the_widest_is_taken() {
        assert_eq!(of_sample(&[1.0], 128.0).least_error_in(128.0), 128.0);
    }

    #[test]
    fn of_no_values_or_of_zeros_the_range_is_zero() {
        for all in [magnitudes(&[]), magnitudes(&[0.0, -0.0])] {
            for clipping in Clipping::ALL {
                assert_eq!(all.reach(clipping, Width::Int16), 0.0);
            }
        }
    }

    #[test]
    fn an_outlier_is_clipped_where_levels_are_few() {
        // 10,000 values up to 1 and one of 10: with 7 levels a step of 10/7 would round most to 0 or 1.4.
        let values = (0..10_000).map(|n| n as f32 / 10_000.0);
        let values: Vec<f32> = values.chain([10.0]).collect();
        let all = magnitudes(&values);
        assert!(all.least_error_in(7.0) < 5.0);
        assert!((all.reach(Clipping::Percentile, Width::Int8) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_large_sample_is_thinned_and_keeps_its_percentile() {
        let values: Vec<f32> = (0..100_000).map(|n| (n % 1000) as f32).collect();
        let all = magnitudes(&values);
        // One in seven, give or take.
        assert!(
            (13_000..17_000).contains(&all.sample.len()),
            "{}",
            all.sample.len()
        );
        assert!((all.reach(Clipping::Percentile, Width::Int8) - 999.0).abs() < 3.0);
    }
}
