//! A buffer of the caller that does not fit a model.

use core::fmt;

/// A buffer is shorter than the model needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeError {
    /// Which buffer or size.
    pub what: &'static str,
    /// Its length.
    pub found: usize,
    /// The length that the model needs.
    pub needed: usize,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}, the model needs {}",
            self.what, self.found, self.needed
        )
    }
}

impl core::error::Error for SizeError {}
