//! What a problem in a field is: a missing value, or a word where nobody said what the column is.

use super::error::Problem;
use super::text::is_missing;

impl Problem {
    /// The same of a column that nobody said to be a channel.
    pub(super) fn of_no_channel(self) -> Self {
        match self {
            Self::NotANumber { found } if found.starts_with(char::is_alphabetic) => {
                Self::NoChannel { found }
            }
            other => other,
        }
    }

    /// Whether it is that a value is missing.
    pub(super) fn is_gap(&self) -> bool {
        match self {
            Self::MissingValue => true,
            Self::NotFinite { found } => is_missing(found),
            _ => false,
        }
    }
}
