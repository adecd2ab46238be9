//! How much a reader takes out of a file.
//!
//! A few bytes can name the same constant many times, or make a list that doubles at each operator. Every reader whose
//! file can do so asks here before it copies.

use std::cell::Cell;

use super::error::Problem;

/// A file's values may be copied so many times, each of them as four bytes.
const COPIES: usize = 64;
/// Values that a file of any size may have copied.
const SMALL: usize = 1 << 16;

/// How many values may still be copied out of a file.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: Cell<usize>,
}

impl Budget {
    /// Of a file of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        let values = (bytes / size_of::<f32>()).saturating_mul(COPIES);
        Self {
            left: Cell::new(values.saturating_add(SMALL)),
        }
    }

    /// Takes `values` for the use of `what`.
    ///
    /// # Errors
    /// When the file has asked for more than its size allows.
    pub(super) fn take(&self, what: &str, values: usize) -> Result<(), Problem> {
        match self.left.get().checked_sub(values) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Problem::refused(
                what,
                format!(
                    "the file names its values over and over again, more than {COPIES} times what it holds"
                ),
            )),
        }
    }
}
