//! What the linear baselines see of a sequence: its last steps, and simple figures of each channel.
//!
//! Every channel is standardised first, with mean and deviation over the training part.

use ndarray::{ArrayView2, s};

use crate::data::{Dataset, Normalisation};

/// Steps before the judged one that the figures of a step look back on.
const RECENT: usize = 16;
/// Figures of each channel: mean, deviation, least, largest, last, and mean size of a step's change.
pub(super) const FIGURES: usize = 6;

/// Standardises the channels.
#[derive(Clone, Debug)]
pub(super) struct Scale(Normalisation);

impl Scale {
    /// Of the training part.
    pub(super) fn of(train: &Dataset) -> Self {
        Self(Normalisation::of_values(train))
    }

    /// The standardised value of channel `j`.
    pub(super) fn apply(&self, j: usize, value: f64) -> f64 {
        (value - f64::from(self.0.mean[j])) / f64::from(self.0.deviation[j])
    }

    /// The last `steps` steps before and with step `end`, the newest first, `[steps · I]` appended to `row`. Steps before
    /// the beginning are the channel's mean.
    pub(super) fn last_steps(
        &self,
        sequence: ArrayView2<'_, f32>,
        (end, steps): (usize, usize),
        row: &mut Vec<f64>,
    ) {
        for back in 0..steps {
            match end.checked_sub(back) {
                Some(t) => {
                    let values = sequence.row(t);
                    row.extend(
                        (values.iter().enumerate()).map(|(j, v)| self.apply(j, f64::from(*v))),
                    );
                }
                None => row.extend(std::iter::repeat_n(0.0, sequence.ncols())),
            }
        }
    }

    /// [`FIGURES`] figures of each channel over `sequence`, appended to `row`.
    pub(super) fn figures(&self, sequence: ArrayView2<'_, f32>, row: &mut Vec<f64>) {
        for (j, column) in sequence.columns().into_iter().enumerate() {
            let values = || column.iter().map(|v| self.apply(j, f64::from(*v)));
            let count = column.len().max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let changes = values().zip(values().skip(1));
            let change = changes.map(|(a, b)| (b - a).abs()).sum::<f64>() / count;
            row.extend([
                mean,
                variance.sqrt(),
                values().fold(f64::INFINITY, f64::min),
                values().fold(f64::NEG_INFINITY, f64::max),
                values().next_back().unwrap_or(0.0),
                change,
            ]);
        }
    }

    /// [`Scale::figures`] of the [`RECENT`] steps that end with step `end`.
    pub(super) fn recent_figures(
        &self,
        sequence: ArrayView2<'_, f32>,
        end: usize,
        row: &mut Vec<f64>,
    ) {
        let begin = (end + 1).saturating_sub(RECENT);
        self.figures(sequence.slice(s![begin..=end, ..]), row);
    }
}

/// The judged rows of a part: `(sequence, step)`, the last step of each sequence or every one.
pub(super) fn judged_rows(part: &Dataset) -> Vec<(usize, usize)> {
    let per_step = part.targets.task().is_per_step();
    let rows = |(s, sequence): (usize, &ndarray::Array2<f32>)| {
        let steps = sequence.nrows();
        let first = if per_step { 0 } else { steps.saturating_sub(1) };
        (first..steps).map(move |t| (s, t)).collect::<Vec<_>>()
    };
    part.sequences.iter().enumerate().flat_map(rows).collect()
}

/// At most `most` of `all`, evenly spaced and in their order.
pub(super) fn thinned<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len().min(most.max(1));
    (0..count).map(|n| all[n * all.len() / count]).collect()
}
