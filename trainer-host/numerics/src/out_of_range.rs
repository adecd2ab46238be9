//! The error for a setting that is out of its range.

use std::fmt::Display;

/// Which number, what it is, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {found}, and must be {needed}")]
pub struct OutOfRange {
    /// The key in the configuration, as in `optimiser.beta1`.
    pub key: &'static str,
    /// Its value.
    pub found: String,
    /// What it must be.
    pub needed: &'static str,
}

/// Refuses `key` unless the condition `holds`.
pub fn require(
    holds: bool,
    key: &'static str,
    found: impl Display,
    needed: &'static str,
) -> Result<(), OutOfRange> {
    if holds {
        return Ok(());
    }
    Err(OutOfRange {
        key,
        found: found.to_string(),
        needed,
    })
}
