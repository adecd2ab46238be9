//! Why data is not divided into parts or folds, and what to do.

/// Why no split was made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A share of nothing, or of everything.
    #[error(
        "a validation share of {0} leaves one part empty; choose one between 0 and 1, for example 0.2"
    )]
    Share(f64),
    /// No cross-validation.
    #[error("{0} folds are no cross-validation; choose 2 or more, for example 5")]
    Folds(usize),
    /// Not enough for so many folds.
    #[error("{have} {of} cannot fill {count} folds; choose fewer folds, or add more {of}")]
    FewerThanFolds {
        /// How many there are.
        have: usize,
        /// Of what.
        of: &'static str,
        /// Folds asked for.
        count: usize,
    },
    /// Folds of a forecast would train on what comes after the judged rows.
    #[error(
        "a forecast is not cross-validated: its folds would be trained on rows after those they are judged \
         on; leave --folds out, and read the validation part's score"
    )]
    Forecast,
    /// A class of which nothing would be trained on.
    #[error(
        "the split leaves no sequence of class {class:?} to train on, because {why}; add recordings of it, \
         divide by other groups or none (--group), take a smaller share or more folds, or train without a \
         validation part (a share of 0)"
    )]
    NothingOfClass {
        /// Its name.
        class: String,
        /// What is so small that it fills.
        why: String,
    },
    /// Recordings that are too short for two parts.
    #[error(
        "the longest recording has {rows} rows, and each of its parts needs {least}; make the windows or \
         the share smaller, or train without a validation part (a share of 0)"
    )]
    TooShort {
        /// Rows of the longest one.
        rows: usize,
        /// Rows of a part.
        least: usize,
    },
    /// Nothing to divide.
    #[error(
        "{count} {of} cannot be divided into two parts; add more, cut one recording into several series, or train without a validation \
         part (a share of 0)"
    )]
    TooFew {
        /// How many there are.
        count: usize,
        /// Of what.
        of: &'static str,
    },
}
