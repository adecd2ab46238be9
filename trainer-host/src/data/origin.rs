//! What a forecast begins from: the last value that is known of each output.

use super::Normalisation;

/// What makes a regression a forecast: the last value that is known of each output.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The input channel that each output continues, `[O]`.
    pub channels: Vec<usize>,
    /// Whether targets and outputs are changes from the last value.
    pub change: bool,
    /// Mean and deviation of every channel over the training rows, `[I]`; absent for data that was
    /// opened apart from its training part.
    pub rows: Option<Normalisation>,
    /// Where the channels are changes: the same of the values that a file has.
    pub values: Option<Normalisation>,
}

impl Origin {
    /// Mean and deviation of the channels of a file over the training rows, `[I]`.
    pub fn of_file(&self) -> Option<&Normalisation> {
        self.values.as_ref().or(self.rows.as_ref())
    }
}
