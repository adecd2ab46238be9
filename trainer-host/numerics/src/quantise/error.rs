//! Why a network cannot be quantised.

/// Why a network cannot be quantised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QuantiseError {
    /// A weight's magnitude is beyond what the integer formats hold.
    #[error(
        "{layer}, row {row}: its weights reach {largest:.3e}, and the scheme holds less than {limit:.0}; train with weight decay, gradient clipping or a smaller learning rate"
    )]
    WeightTooLarge {
        /// The layer, as in `lstm.0` or `dense.1`.
        layer: String,
        /// The row in gate order i, f, g, o, from 0.
        row: usize,
        /// The largest scaled magnitude of the row.
        largest: f64,
        /// The limit on it.
        limit: f64,
    },
    /// A cell grows beyond the widest format.
    #[error(
        "{layer}: its cell reaches {largest:.3e} on the calibration sequences, and the widest cell format ends at 32768; shorten the sequences or train with weight decay"
    )]
    CellTooLarge {
        /// The layer, as in `lstm.0`.
        layer: String,
        /// The largest cell seen.
        largest: f64,
    },
}

pub(super) fn too_large(layer: &str, row: usize, largest: f64, limit: f64) -> QuantiseError {
    QuantiseError::WeightTooLarge {
        layer: layer.to_owned(),
        row,
        largest,
        limit,
    }
}
