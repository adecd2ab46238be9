//! Values keep their precision until they are normalised.
//!
//! ```text
//! value_j = offset_j + stored_j                                       (V2)
//! ```
//!
//! Data is stored in f32. A channel whose values lie far from zero and near to each other (counts of 10⁹
//! ± 14, degrees 52.52 ± 7 · 10⁻⁶) would lose them there, so its offset is taken off in f64 first. All other
//! channels have the offset 0. Whole numbers of 32 bits within 2²⁴ of each other are exact. Offsets belong
//! to the data set and, from its training part, to the normalisation.

/// The offset of channel `j` among `offsets`, which are none where all are 0.
pub(crate) fn offset_of(offsets: &[f64], j: usize) -> f64 {
    offsets.get(j).copied().unwrap_or_default()
}

/// What f32 would do to the values of one channel.
#[derive(Clone, Copy, Debug)]
struct Span {
    least: f64,
    greatest: f64,
    is_exact: bool,
    is_whole: bool,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            is_exact: true,
            is_whole: true,
        }
    }
}

/// Steps of f32 that a channel's whole range should have.
const STEPS: f64 = 4096.0;

impl Span {
    fn take(&mut self, value: f64) {
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        // One that is not needs no further look.
        self.is_exact = self.is_exact && f64::from(value as f32) == value;
        self.is_whole = self.is_whole && value.fract() == 0.0;
    }

    /// The offset that this channel needs; 0 for none.
    fn offset(&self) -> f64 {
        let range = self.greatest - self.least;
        if self.is_exact || !(range >= 0.0 && range.is_finite()) {
            return 0.0;
        }
        let largest = self.least.abs().max(self.greatest.abs());
        let step = largest * f64::from(f32::EPSILON);
        let is_near = range > 0.0 && step * STEPS > range;
        let is_lost = is_near || (self.is_whole && range <= 2f64.powi(24));
        match is_lost {
            true => (self.least / 2.0 + self.greatest / 2.0).round(),
            false => 0.0,
        }
    }
}

/// Takes the offsets off while data is read, and measures what f32 does to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrow {
    offsets: Vec<f64>,
    spans: Vec<Span>,
    /// What was needed before channels were left out.
    needed: Option<Vec<f64>>,
}

impl Narrow {
    /// With the offsets that these channels have, `[I]`; none for 0.
    pub(super) fn new(offsets: &[f64]) -> Self {
        Self {
            offsets: offsets.to_vec(),
            ..Self::default()
        }
    }

    /// The value of channel `j` as it is stored, by (V2).
    pub(super) fn value(&mut self, j: usize, value: f64) -> f32 {
        if value.is_nan() {
            return f32::NAN;
        }
        if self.spans.len() <= j {
            self.spans.resize(j + 1, Span::default());
        }
        self.spans[j].take(value);
        match self.offsets.get(j) {
            Some(offset) => (value - offset) as f32,
            None => value as f32,
        }
    }

    /// The offsets in use, empty where all are 0.
    pub(super) fn offsets(&self) -> Vec<f64> {
        match self.offsets.iter().all(|offset| *offset == 0.0) {
            true => Vec::new(),
            false => self.offsets.clone(),
        }
    }

    /// The offsets that these values need, in the order that they were read in; empty if none does.
    pub(super) fn needed(&self) -> Vec<f64> {
        if let Some(needed) = &self.needed {
            return needed.clone();
        }
        let offsets: Vec<f64> = self.spans.iter().map(Span::offset).collect();
        match offsets.iter().all(|offset| *offset == 0.0) {
            true => Vec::new(),
            false => offsets,
        }
    }

    /// Leaves all but the channels at these places out.
    pub(super) fn keep(&mut self, channels: &[usize]) {
        self.needed = Some(self.needed());
        self.offsets = kept(&self.offsets, channels);
        self.spans = kept(&self.spans, channels);
    }
}

fn kept<T: Copy + Default>(all: &[T], places: &[usize]) -> Vec<T> {
    match all.is_empty() {
        true => Vec::new(),
        false => (places.iter())
            .map(|at| all.get(*at).copied().unwrap_or_default())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn needed(values: &[f64]) -> f64 {
        let mut narrow = Narrow::default();
        for value in values {
            narrow.value(0, *value);
        }
        narrow.needed().first().copied().unwrap_or_default()
    }

    #[test]
    fn ordinary_values_have_no_offset() {
        for values in [
            [20.0, 20.1],
            [0.1, -0.3],
            [1e9, 1e9],
            [101_325.0, 101_326.0],
            [16_777_216.0, 16_777_218.0],
            [0.0, 4e9 + 1.0],
            [-1e38, 1e38],
        ] {
            assert_eq!(needed(&values), 0.0, "{values:?}");
        }
    }

    #[test]
    fn values_that_f32_would_lose_have_one() {
        for values in [
            [1e9 + 1.0, 1e9 + 14.0],
            [525_200_061.0, 525_200_064.0],
            [52.520_006, 52.520_013],
            [-16_777_217.0, -16_777_219.0],
        ] {
            assert_ne!(needed(&values), 0.0, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_of_32_bits_are_exact(
            base in -2_000_000_000i64..2_000_000_000, steps in vec(0i64..1 << 24, 2..50),
        ) {
            let values: Vec<f64> = steps.iter().map(|step| (base + step) as f64).collect();
            let mut first = Narrow::default();
            values.iter().for_each(|value| { first.value(0, *value); });
            let mut second = Narrow::new(&first.needed());
            for value in values {
                let stored = second.value(0, value);
                let offset = second.offsets().first().copied().unwrap_or_default();
                prop_assert_eq!(f64::from(stored) + offset, value);
            }
        }
    }
}
