//! What a forecast begins from: the last value that is known of each output.

use super::Normalisation;
use super::records::FirstTime;

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
    /// What the times of targets are.
    pub time: TimeUnit,
}

/// What times are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Numbers of rows, from 0: the source has no times.
    #[default]
    Rows,
    /// Numbers as they stand in the source.
    Numbers,
    /// Seconds since 1970, of dates.
    Dates,
}

impl TimeUnit {
    /// Of a series that begins then.
    pub(super) fn of(begins: Option<FirstTime>) -> Self {
        match begins {
            None => Self::Rows,
            Some(FirstTime { is_date: false, .. }) => Self::Numbers,
            Some(FirstTime { is_date: true, .. }) => Self::Dates,
        }
    }
}

/// When the target of a forecast's window is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The number of its series, from 0.
    pub series: usize,
    /// In the unit of [`Origin::time`].
    pub time: f64,
    /// Whether it does not follow the target before it: rows or windows between them are missing.
    pub is_after_gap: bool,
}

impl Origin {
    /// Mean and deviation of the channels of a file over the training rows, `[I]`.
    pub fn of_file(&self) -> Option<&Normalisation> {
        self.values.as_ref().or(self.rows.as_ref())
    }
}
