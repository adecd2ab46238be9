//! Missing values, where filling them was asked for.
//!
//! A gap is NaN in a sequence that was read. Each way takes from the same channel:
//!
//! * `previous`: the value before the gap in the same sequence;
//! * `interpolate`: on the line between the values before and after it, or the only one of the two;
//! * `mean`: the mean of the training part, over the values that are there;
//! * `zero`: zero, in real units.
//!
//! Where `previous` and `interpolate` have nothing to go by, the mean stands in. All of this happens
//! before normalisation.

use ndarray::{Array2, ArrayView2, ArrayViewMut1};
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};

/// What to put in place of missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The value before.
    Previous,
    /// Zero.
    Zero,
    /// The mean of the training part.
    Mean,
    /// A line between the values before and after.
    Interpolate,
}

/// A gap in this channel that nothing can fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) channel: usize,
}

impl Gap {
    pub(super) fn refuse(self, place: Place, channels: &[String]) -> DataError {
        (place.part(format!("channel {}", channels[self.channel]))).refuse(Problem::NothingToFill)
    }
}

/// Mean of each channel over the values that are there, `None` for a channel without any.
pub(super) fn means<'a>(
    channels: usize,
    sequences: impl Iterator<Item = ArrayView2<'a, f32>>,
) -> Vec<Option<f32>> {
    let mut sums = vec![(0.0f64, 0usize); channels];
    for sequence in sequences {
        for row in sequence.rows() {
            for ((sum, count), value) in sums.iter_mut().zip(row) {
                if !value.is_nan() {
                    *sum += f64::from(*value);
                    *count += 1;
                }
            }
        }
    }
    (sums.into_iter())
        .map(|(sum, count)| (count > 0).then(|| (sum / count as f64) as f32))
        .collect()
}

impl Fill {
    /// Fills a sequence `[T, I]`; `zeros` are what stands for zero in each channel.
    pub(super) fn apply(
        self,
        sequence: &mut Array2<f32>,
        means: &[Option<f32>],
        zeros: &[f32],
    ) -> Result<(), Gap> {
        for (channel, values) in sequence.columns_mut().into_iter().enumerate() {
            if values.iter().any(|value| value.is_nan()) {
                let filled = self.column(values, means[channel], zeros[channel]);
                filled.ok_or(Gap { channel })?;
            }
        }
        Ok(())
    }

    /// Fills one channel, `[T]`; `None` if there is nothing to fill it from.
    fn column(
        self,
        mut values: ArrayViewMut1<'_, f32>,
        mean: Option<f32>,
        zero: f32,
    ) -> Option<()> {
        let mut before: Option<(usize, f32)> = None;
        let mut t = 0;
        while t < values.len() {
            if !values[t].is_nan() {
                before = Some((t, values[t]));
                t += 1;
                continue;
            }
            let end = (t..values.len())
                .find(|u| !values[*u].is_nan())
                .unwrap_or(values.len());
            let after = values.get(end).map(|value| (end, *value));
            for u in t..end {
                values[u] = match (self, before, after) {
                    (Self::Zero, _, _) => zero,
                    (Self::Previous, Some((_, value)), _) => value,
                    (Self::Interpolate, Some(a), Some(b)) => between(a, b, u),
                    (Self::Interpolate, Some((_, value)), None)
                    | (Self::Interpolate, None, Some((_, value))) => value,
                    (Self::Mean | Self::Previous | Self::Interpolate, _, _) => mean?,
                };
            }
            t = end;
        }
        Some(())
    }
}

/// The value at `t` on the line through two points, in f64: their difference can be beyond f32.
fn between(a: (usize, f32), b: (usize, f32), t: usize) -> f32 {
    let share = (t - a.0) as f64 / (b.0 - a.0) as f64;
    (f64::from(a.1) * (1.0 - share) + f64::from(b.1) * share) as f32
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const GAP: f32 = f32::NAN;

    #[test]
    fn each_way_fills_as_it_says() {
        // One gap before, one between, one after; the mean of 2, 5, 6 given as 4.
        let with = |fill: Fill| {
            let mut steps = array![[GAP], [2.0], [GAP], [GAP], [5.0], [6.0], [GAP]];
            fill.apply(&mut steps, &[Some(4.0)], &[0.0]).unwrap();
            steps.into_raw_vec_and_offset().0
        };
        assert_eq!(with(Fill::Zero), [0.0, 2.0, 0.0, 0.0, 5.0, 6.0, 0.0]);
        assert_eq!(with(Fill::Mean), [4.0, 2.0, 4.0, 4.0, 5.0, 6.0, 4.0]);
        assert_eq!(with(Fill::Previous), [4.0, 2.0, 2.0, 2.0, 5.0, 6.0, 6.0]);
        assert_eq!(with(Fill::Interpolate), [2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0]);
    }

    #[test]
    fn means_are_those_of_the_values_that_are_there() {
        let sequences = [array![[1.0, GAP], [GAP, GAP]], array![[4.0, GAP]]];
        let means = means(2, sequences.iter().map(|s| s.view()));
        assert_eq!(means, [Some(2.5), None]);
        let refused = Fill::Mean.apply(&mut sequences[0].clone(), &means, &[0.0; 2]);
        assert_eq!(refused, Err(Gap { channel: 1 }));
    }

    proptest! {
        #[test]
        fn values_that_are_there_stay_and_none_is_missing_after_it(
            values in vec((-1e30..1e30f32, any::<bool>()), 1..40),
            fill in prop::sample::select(vec![Fill::Previous, Fill::Zero, Fill::Mean, Fill::Interpolate]),
        ) {
            let whole: Array1<f32> = values.iter().map(|v| v.0).collect();
            let mut gappy: Array1<f32> =
                values.iter().map(|(v, there)| if *there { *v } else { GAP }).collect();
            fill.column(gappy.view_mut(), Some(1.0), 0.0).unwrap();
            for ((filled, whole), (_, there)) in gappy.iter().zip(&whole).zip(&values) {
                prop_assert!(filled.is_finite() && (!there || filled == whole));
            }
        }
    }
}
