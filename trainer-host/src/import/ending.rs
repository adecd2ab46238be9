//! What a file's last layer makes of a network's outputs.

use ndarray::{Array2, Axis as Dimension};

/// What a file's network computes from its last layer's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The sums themselves.
    Plain,
    /// Softmax over the outputs.
    Softmax,
    /// The logarithm of that.
    LogSoftmax,
    /// σ of each output.
    Sigmoid,
}

impl Ending {
    /// A network's outputs `[R, O]` as the file's last layer gives them.
    pub fn apply(self, outputs: &Array2<f32>) -> Array2<f32> {
        let sums = outputs.mapv(f64::from);
        let log_softmax = || {
            let mut rows = sums.clone();
            for mut row in rows.axis_iter_mut(Dimension(0)) {
                let largest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                let total = row.mapv(|v| (v - largest).exp()).sum().ln() + largest;
                row -= total;
            }
            rows
        };
        match self {
            Self::Plain => sums,
            Self::Softmax => log_softmax().mapv(f64::exp),
            Self::LogSoftmax => log_softmax(),
            Self::Sigmoid => sums.mapv(|v| 1.0 / (1.0 + (-v).exp())),
        }
        .mapv(|v| v as f32)
    }
}
