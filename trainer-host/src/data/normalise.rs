//! Mean and deviation of each channel, which turn raw values into ones of about unit size and back.
//!
//! ```text
//! x = (raw − mean) / deviation                                        (N1)
//! ```
//!
//! They are measured over the valid steps of the training part only, and belong to the model. The
//! deviation is that of the population; a constant channel has 1, so that it becomes 0.

use ndarray::{Array2, ArrayViewMut1, Zip};
use serde::{Deserialize, Serialize};

use super::{Dataset, Targets};

/// Mean and deviation of each channel, `[I]`, or of each output of a regression, `[O]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// In the units of the data.
    pub mean: Vec<f32>,
    /// In the units of the data; positive.
    pub deviation: Vec<f32>,
}

impl Normalisation {
    /// Of the input channels, over all steps of all sequences.
    pub fn of_inputs(data: &Dataset) -> Self {
        let rows =
            || (data.sequences.iter()).flat_map(|s| s.rows().into_iter().map(|r| r.to_vec()));
        Self::of_rows(data.channels.len(), rows)
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

    /// Changes nothing.
    pub fn identity(channels: usize) -> Self {
        Self {
            mean: vec![0.0; channels],
            deviation: vec![1.0; channels],
        }
    }

    /// Two passes in f64, so that a large mean costs no digits.
    fn of_rows<I: Iterator<Item = Vec<f32>>>(channels: usize, rows: impl Fn() -> I) -> Self {
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
        }
    }

    /// (N1) on one step, `[I]`.
    pub fn apply_row(&self, mut row: ArrayViewMut1<'_, f32>) {
        for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
            *value = (*value - mean) / deviation;
        }
    }

    /// The inverse of (N1) on one step, `[I]`.
    pub fn invert_row(&self, mut row: ArrayViewMut1<'_, f32>) {
        for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
            *value = *value * deviation + mean;
        }
    }

    /// (N1) on every step of a sequence, `[T, I]`.
    pub fn apply(&self, sequence: &mut Array2<f32>) {
        Zip::from(sequence.rows_mut()).for_each(|row| self.apply_row(row));
    }

    /// The inverse of (N1) on every step of a sequence, `[T, I]`.
    pub fn invert(&self, sequence: &mut Array2<f32>) {
        Zip::from(sequence.rows_mut()).for_each(|row| self.invert_row(row));
    }

    /// (N1) on the inputs of a whole set.
    pub fn apply_to_inputs(&self, data: &mut Dataset) {
        data.sequences
            .iter_mut()
            .for_each(|steps| self.apply(steps));
    }

    /// (N1) on the targets of a regression; classes stay as they are.
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
