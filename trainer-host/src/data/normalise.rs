//! Mean and deviation of each channel, which turn raw values into ones of about unit size and back.
//!
//! ```text
//! x = (value − offset − mean) / deviation                             (NR1)
//! ```
//!
//! They are measured over the valid steps of the training part only, and belong to the model. The
//! deviation is that of the population; a constant channel has 1, so that it becomes 0. The offset is that
//! of the training part's data (O1), 0 for most channels: data holds `value − offset`.

use ndarray::{Array2, ArrayViewMut1, Zip};
use serde::{Deserialize, Serialize};

use super::{Dataset, Targets, offset_of};

/// Mean and deviation of each channel, `[I]`, or of each output of a regression, `[O]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// In the units of the data, less the offset.
    pub mean: Vec<f32>,
    /// In the units of the data; positive.
    pub deviation: Vec<f32>,
    /// In the units of the data; empty where all are 0. Offset and mean together are the real mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offset: Vec<f64>,
}

impl Normalisation {
    /// Of the input channels, over all steps of all sequences; of a forecast, over the rows that
    /// its windows were cut from, each once.
    pub fn of_inputs(data: &Dataset) -> Self {
        if let Some(rows) = data.origin.as_ref().and_then(|origin| origin.rows.clone()) {
            return rows;
        }
        let rows =
            || (data.sequences.iter()).flat_map(|s| s.rows().into_iter().map(|r| r.to_vec()));
        Self {
            offset: data.offsets.clone(),
            ..Self::of_rows(data.channels.len(), rows)
        }
    }

    /// One that changes nothing, for `length` channels or outputs.
    pub fn unchanged(length: usize) -> Self {
        Self {
            mean: vec![0.0; length],
            deviation: vec![1.0; length],
            offset: Vec::new(),
        }
    }

    /// Of the values of a file: of the input channels, or of what their changes are of.
    pub fn of_values(data: &Dataset) -> Self {
        let values = data
            .origin
            .as_ref()
            .and_then(|origin| origin.values.clone());
        values.unwrap_or_else(|| Self::of_inputs(data))
    }

    /// The mean of each channel in the units of the data, `[I]`, with no digit lost.
    pub fn real_means(&self) -> Vec<f64> {
        (self.mean.iter().enumerate())
            .map(|(j, mean)| offset_of(&self.offset, j) + f64::from(*mean))
            .collect()
    }

    /// Of the targets of a regression; `None` for a classification.
    pub fn of_targets(data: &Dataset) -> Option<Self> {
        let outputs = data.outputs.len();
        match &data.targets {
            Targets::Class(_) | Targets::ClassPerStep(_) => None,
            Targets::Value(values) => Some(Self::of_rows(outputs, || values.iter().cloned())),
            Targets::ValuePerStep(values) => Some(Self::of_rows(outputs, || {
                (values.iter()).flat_map(|v| v.rows().into_iter().map(|r| r.to_vec()))
            })),
        }
    }

    /// What makes these numbers useless for `length` channels, in words.
    pub(crate) fn wrong_for(&self, length: usize) -> Option<String> {
        let (means, deviations) = (self.mean.len(), self.deviation.len());
        if [means, deviations] != [length; 2] {
            return Some(format!(
                "needed {length} values each, found {means} of mean and {deviations} of deviation"
            ));
        }
        if !self.offset.is_empty() && self.offset.len() != length {
            return Some(format!(
                "needed {length} offsets or none, found {}",
                self.offset.len()
            ));
        }
        if let Some(offset) = self.offset.iter().find(|offset| !offset.is_finite()) {
            return Some(format!("offset has {offset}, which is not finite"));
        }
        let usable = |d: &f32| d.is_finite() && *d > 0.0;
        (self.mean.iter().find(|m| !m.is_finite()))
            .map(|mean| format!("mean has {mean}, which is not finite"))
            .or_else(|| {
                let found = self.deviation.iter().find(|d| !usable(d))?;
                Some(format!("deviation has {found}, and must be above 0"))
            })
    }

    /// Two passes in f64, so that a large mean costs no digits.
    pub(super) fn of_rows<I: Iterator<Item = Vec<f32>>>(
        channels: usize,
        rows: impl Fn() -> I,
    ) -> Self {
        let count = rows().count().max(1) as f64;
        let mean_of = |term: &dyn Fn(usize, f64) -> f64| {
            let mut sum = vec![0.0f64; channels];
            for row in rows() {
                for (j, value) in row.into_iter().enumerate() {
                    sum[j] += term(j, f64::from(value));
                }
            }
            sum.iter().map(|sum| sum / count).collect::<Vec<f64>>()
        };
        let mean = mean_of(&|_, value| value);
        let variance = mean_of(&|j, value| (value - mean[j]).powi(2));
        Self {
            deviation: (variance.iter().zip(&mean))
                .map(|(variance, mean)| deviation(variance.sqrt(), *mean))
                .collect(),
            mean: mean.iter().map(|mean| *mean as f32).collect(),
            offset: Vec::new(),
        }
    }

    /// (NR1) on one step, `[I]`, in f64: a difference of two f32 can be beyond them.
    pub fn apply_row(&self, mut row: ArrayViewMut1<'_, f32>) {
        for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
            let distance = f64::from(*value) - f64::from(*mean);
            *value = (distance / f64::from(*deviation)) as f32;
        }
    }

    /// The inverse of (NR1) on one step, `[I]`.
    pub fn invert_row(&self, mut row: ArrayViewMut1<'_, f32>) {
        for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
            // In f64, so that a large mean is rounded once.
            *value = (f64::from(*value) * f64::from(*deviation) + f64::from(*mean)) as f32;
        }
    }

    /// (NR1) on every step of a sequence, `[T, I]`.
    pub fn apply(&self, sequence: &mut Array2<f32>) {
        Zip::from(sequence.rows_mut()).for_each(|row| self.apply_row(row));
    }

    /// The inverse of (NR1) on every step of a sequence, `[T, I]`.
    pub fn invert(&self, sequence: &mut Array2<f32>) {
        Zip::from(sequence.rows_mut()).for_each(|row| self.invert_row(row));
    }

    /// (NR1) on the inputs of a whole set, whose offsets may be others than those of the training part.
    pub fn apply_to_inputs(&self, data: &mut Dataset) {
        if data.offsets != self.offset {
            let moved: Vec<f64> = (0..self.mean.len())
                .map(|j| data.offset(j) - offset_of(&self.offset, j))
                .collect();
            let all = (data.sequences.iter_mut()).chain(data.variants.iter_mut().flatten());
            for mut row in all.flat_map(|steps| steps.rows_mut()) {
                for (value, moved) in row.iter_mut().zip(&moved) {
                    *value = (f64::from(*value) + moved) as f32;
                }
            }
            data.offsets.clone_from(&self.offset);
        }
        (data.sequences.iter_mut())
            .chain(data.variants.iter_mut().flatten())
            .for_each(|steps| self.apply(steps));
    }

    /// (NR1) on the targets of a regression; classes stay as they are.
    pub fn apply_to_targets(&self, targets: &mut Targets) {
        match targets {
            Targets::Class(_) | Targets::ClassPerStep(_) => {}
            Targets::Value(values) => (values.iter_mut())
                .for_each(|value| self.apply_row(ArrayViewMut1::from(value.as_mut_slice()))),
            Targets::ValuePerStep(values) => values.iter_mut().for_each(|v| self.apply(v)),
        }
    }
}

/// 1 where the deviation is nothing but rounding, or is lost in f32.
fn deviation(measured: f64, mean: f64) -> f32 {
    let rounding = mean.abs() * f64::from(f32::EPSILON);
    match measured as f32 {
        deviation if measured > rounding && deviation.is_normal() => deviation,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn data(sequences: Vec<Array2<f32>>) -> Dataset {
        let values = sequences.iter().map(|s| s.row(0).to_vec()).collect();
        let names: Vec<String> = (0..sequences[0].ncols()).map(|j| format!("x{j}")).collect();
        Dataset {
            channels: names.clone(),
            sequences,
            targets: Targets::Value(values),
            outputs: names,
            ..Dataset::default()
        }
    }

    #[test]
    fn is_measured_over_the_steps_of_all_sequences() {
        // Channel 0: 1, 2, 6 with mean 3 and variance (4 + 1 + 9) / 3; channel 1 is constant.
        let data = data(vec![array![[1.0, 0.1], [2.0, 0.1]], array![[6.0, 0.1]]]);
        let inputs = Normalisation::of_inputs(&data);
        assert_eq!(inputs.mean, [3.0, 0.1]);
        assert_eq!(inputs.deviation, [(14.0f64 / 3.0).sqrt() as f32, 1.0]);
        // Targets: the first rows, 1 and 6.
        let targets = Normalisation::of_targets(&data).unwrap();
        assert_eq!((targets.mean[0], targets.deviation[0]), (3.5, 2.5));
    }

    #[test]
    fn a_constant_channel_becomes_zero_whatever_its_value() {
        for value in [0.1f32, 1e30, -3e-39, 16_777_217.0, f32::MAX] {
            let mut data = data(vec![Array2::from_elem((1000, 1), value); 3]);
            let inputs = Normalisation::of_inputs(&data);
            assert_eq!(inputs.deviation, [1.0]);
            inputs.apply_to_inputs(&mut data);
            assert!(
                data.sequences
                    .iter()
                    .flatten()
                    .all(|x| x.abs() <= value.abs() * f32::EPSILON)
            );
        }
    }

    #[test]
    fn values_at_the_ends_of_f32_stay_finite() {
        let mut data = data(vec![Array2::from_shape_fn((5, 1), |(t, _)| match t {
            0 => f32::MAX,
            _ => f32::MIN,
        })]);
        let inputs = Normalisation::of_inputs(&data);
        inputs.apply_to_inputs(&mut data);
        // One of five differs: mean −0.6, deviation 0.8 of the largest value.
        for (x, exact) in data.sequences[0].iter().zip([2.0, -0.5, -0.5, -0.5, -0.5]) {
            assert!((x - exact).abs() < 1e-5, "{x}");
        }
    }

    #[test]
    fn offsets_are_part_of_the_mean_whichever_the_data_has() {
        let with = |offset: f64| {
            let mut data = data(vec![
                array![[1e9 - offset], [1e9 + 14.0 - offset]].mapv(|v| v as f32),
            ]);
            data.offsets = vec![offset];
            data
        };
        let fitted = Normalisation::of_inputs(&with(1e9));
        assert_eq!(fitted.real_means(), [1e9 + 7.0]);
        for offset in [1e9, 1e9 + 7.0, 1e9 - 64.0] {
            let mut data = with(offset);
            fitted.apply_to_inputs(&mut data);
            assert_eq!(data.sequences[0], array![[-1.0], [1.0]]);
            assert_eq!(data.offsets, fitted.offset);
        }
    }

    #[test]
    fn serde_keeps_every_bit() {
        let written = Normalisation {
            mean: vec![0.1, -1e30],
            deviation: vec![1.0 / 3.0, 1e-30],
            offset: vec![1e9, 0.0],
        };
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(
            serde_json::from_str::<Normalisation>(&json).unwrap(),
            written
        );
    }

    proptest! {
        #[test]
        fn gives_mean_zero_and_deviation_one_and_goes_back(
            values in vec(-1e3..1e3f32, 4..100), offset in -1e4..1e4f32,
        ) {
            let raw = Array2::from_shape_fn((values.len(), 1), |(t, _)| values[t] + offset);
            let mut data = data(vec![raw.clone()]);
            let inputs = Normalisation::of_inputs(&data);
            prop_assume!(inputs.deviation[0] > 10.0);
            inputs.apply_to_inputs(&mut data);
            let again = Normalisation::of_inputs(&data);
            prop_assert!(again.mean[0].abs() < 1e-3 && (again.deviation[0] - 1.0).abs() < 1e-3);
            inputs.invert(&mut data.sequences[0]);
            for (back, raw) in data.sequences[0].iter().zip(&raw) {
                prop_assert!((back - raw).abs() < 0.01);
            }
        }
    }
}
