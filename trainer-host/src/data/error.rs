//! What can be wrong with data, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why data was refused: where, what, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct DataError {
    /// The file, and the line, column or member in it.
    pub place: Place,
    /// What is wrong there; boxed, since results are seldom errors.
    pub problem: Box<Problem>,
}

/// A place in a file: `train.csv:42, column x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name of built-in data.
    pub file: PathBuf,
    /// The line, counted from 1; binary files have none.
    pub line: Option<u64>,
    /// The column, channel or array element, in words.
    pub part: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: &Path) -> Self {
        Self {
            file: path.to_owned(),
            line: None,
            part: None,
        }
    }

    /// This file, at a line counted from 1.
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// This line, at a column, channel or array element.
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self
    }

    /// The error that `problem` is, here.
    pub fn refuse(self, problem: Problem) -> DataError {
        DataError {
            place: self,
            problem: Box::new(problem),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(part) = &self.part {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

/// What is wrong with data.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}; check the path and its permissions")]
    Unreadable(std::io::Error),
    /// No reader for this kind of file.
    #[error(
        "unknown extension {found:?}; known ones are .csv (long CSV), .tsv (UCR), .ts (UEA/sktime) and .npz (NumPy)"
    )]
    UnknownExtension {
        /// What follows the last dot.
        found: String,
    },
    /// Neither a file nor built-in data.
    #[error("no such built-in data{}; built in are {}; a file needs its extension", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default(), known.join(", "))]
    UnknownBuiltIn {
        /// The built-in name that is most like the one asked for.
        nearest: Option<String>,
        /// Every built-in name.
        known: Vec<String>,
    },
    /// Nothing in the file, or a header only.
    #[error("no sequences; the file is empty or holds only its header")]
    Empty,
    /// Bytes that the format does not allow.
    #[error("not valid {format}: {detail}")]
    Syntax {
        /// The format expected.
        format: &'static str,
        /// What the parser met, and what to do.
        detail: String,
    },
    /// A row of another width than the header.
    #[error("expected {expected} fields, found {found}; every row needs the same columns")]
    Ragged {
        /// Fields in the header or the first row.
        expected: usize,
        /// Fields in this one.
        found: usize,
    },
    /// A field that is no number.
    #[error("{found:?} is not a number; correct it, or leave the column out")]
    NotANumber {
        /// The field.
        found: String,
    },
    /// NaN, or a value beyond the range of f32.
    #[error(
        "{found} is not a finite number; correct it, leave the sequence out, or, where NaN means that a \
         value is missing, say how to fill it (--fill)"
    )]
    NotFinite {
        /// The field.
        found: String,
    },
    /// A place left empty, or `?`.
    #[error(
        "value missing; correct it, leave the sequence out, or say how to fill missing inputs (--fill)"
    )]
    MissingValue,
    /// A gap without a value to go by.
    #[error(
        "there is no value to fill a gap from: the training part has none in this channel, or is not \
         here; leave the channel out, fill with zero, or evaluate the run folder instead of a model file"
    )]
    NothingToFill,
    /// A time stamp among the channels.
    #[error(
        "{found:?} is a time stamp; say that this column is the time (--time), or leave it out (--channels)"
    )]
    TimeStamp {
        /// The field.
        found: String,
    },
    /// A setting that cannot work.
    #[error("{key} is {found}, and must be {needed}")]
    Setting {
        /// Its name in the configuration.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// A series without room for one window.
    #[error(
        "this series has {rows} rows, {training} of them to train on, and a window needs {needed} (look-back \
         and horizon); make these or the other parts smaller, or leave the series out"
    )]
    SeriesTooShort {
        /// All of them.
        rows: usize,
        /// Those of the training part.
        training: usize,
        /// Look-back and horizon.
        needed: usize,
    },
    /// A forecast of something that is no input.
    #[error(
        "target {name:?} is not among the channels [{}]; a forecast begins at the last value of what it \
         continues, so a target is an input channel too", channels.join(", ")
    )]
    TargetNotChannel {
        /// The target.
        name: String,
        /// The input channels.
        channels: Vec<String>,
    },
    /// A forecast from something other than a table in the order of time.
    #[error(
        "a forecast needs a long CSV; this is {found}; leave the forecast out (--look-back), or write the series as CSV"
    )]
    NoSeries {
        /// What it is.
        found: &'static str,
    },
    /// A column is needed.
    #[error("no column {name:?} among [{}]; long CSV has one row a time step, and columns for the series, the time, each channel and the label: \
             name yours in the options, or add what is missing", have.join(", "))]
    MissingColumn {
        /// The column.
        name: String,
        /// Those of the header.
        have: Vec<String>,
    },
    /// A column name twice.
    #[error("column {name:?} occurs twice in the header; names must differ")]
    DuplicateColumn {
        /// The column.
        name: String,
    },
    /// A column that is chosen as two channels, or as a channel and the target.
    #[error("column {name:?} is chosen twice; a column is one channel, one target or the label")]
    ColumnUsedTwice {
        /// The column.
        name: String,
    },
    /// No column is left for the network's input.
    #[error(
        "no channel column; besides series, time, group and label, at least one numeric column is needed"
    )]
    NoChannels,
    /// A label that the training part does not have.
    #[error("label {found:?} does not occur in the training part, whose classes are [{}]; \
             correct it, or add such sequences to the training part", known.join(", "))]
    UnknownLabel {
        /// The label.
        found: String,
        /// Those of the training part.
        known: Vec<String>,
    },
    /// A declared list of classes without this one.
    #[error("label {found:?} is not among the classes that the header declares, [{}]", known.join(", "))]
    UndeclaredLabel {
        /// The label.
        found: String,
        /// Those of the header.
        known: Vec<String>,
    },
    /// Labels that look like measurements.
    #[error(
        "label {found:?} is a fraction, which names no class; for a regression say which columns are its targets"
    )]
    FractionLabel {
        /// The label.
        found: String,
    },
    /// Only one class, so nothing to learn.
    #[error("every label is {found:?}; a classification needs at least two classes")]
    OneClass {
        /// The label.
        found: String,
    },
    /// No label at all.
    #[error("no labels: {detail}")]
    NoLabels {
        /// Why, and what to do.
        detail: String,
    },
    /// A series goes on after another one.
    #[error(
        "series {series:?} already ended above; put the rows of a series next to each other, and give each series its own id"
    )]
    SeriesResumed {
        /// The series.
        series: String,
    },
    /// Time stands still or goes back within a series.
    #[error(
        "time {found} does not come after {previous} in series {series:?}; sort its rows by time, and give each series its own id"
    )]
    TimeNotIncreasing {
        /// The series.
        series: String,
        /// Time of the row above.
        previous: String,
        /// Time of this row.
        found: String,
    },
    /// A group that changes within a series.
    #[error(
        "group {found:?} differs from {expected:?} earlier in the series; a series belongs to one group"
    )]
    GroupChanges {
        /// Group of the first row.
        expected: String,
        /// Group of this row.
        found: String,
    },
    /// A sequence with another number of channels.
    #[error("expected {expected} channels, found {found}; every sequence needs the same channels")]
    ChannelCount {
        /// Channels of the header, of the first sequence or of the training part.
        expected: usize,
        /// Channels of this sequence.
        found: usize,
    },
    /// Channels of one sequence that end at different steps.
    #[error(
        "this channel has {found} values, the first one has {expected}; the channels of a sequence must be equally long"
    )]
    ChannelLength {
        /// Steps of the first channel.
        expected: usize,
        /// Steps of this one.
        found: usize,
    },
    /// A sequence of another length where all should be equally long.
    #[error(
        "{found} steps, but the header says that all sequences are equally long and the first one has {expected}; \
             correct it, or write @equalLength false"
    )]
    SequenceLength {
        /// Steps of the first sequence.
        expected: usize,
        /// Steps of this one.
        found: usize,
    },
    /// A sequence without a single step.
    #[error("a sequence of length zero; leave it out")]
    ZeroLength,
    /// A length that the padded array does not have.
    #[error("length {found} is not in 1..={max}, the time axis of X")]
    LengthOutOfRange {
        /// The length.
        found: i64,
        /// Steps in the array.
        max: usize,
    },
    /// An array is needed.
    #[error("no array {name:?} among [{}]; needed are X_train [N, T, F] and y_train, and for variable lengths lengths_train [N]", have.join(", "))]
    MissingMember {
        /// The array.
        name: String,
        /// Those of the archive.
        have: Vec<String>,
    },
    /// An array of another shape.
    #[error("shape {found:?}, expected {expected}")]
    Shape {
        /// The shape needed, in words.
        expected: String,
        /// The shape met.
        found: Vec<usize>,
    },
    /// An array whose elements are something else.
    #[error("elements of type {found}, expected {expected}; convert with .astype()")]
    ElementType {
        /// What is needed.
        expected: &'static str,
        /// NumPy's type descriptor.
        found: String,
    },
    /// Another kind of task, channels or outputs than the training part has.
    #[error("{what} are {found}, those of the training part {expected}; use data of the same kind")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// That of the training part.
        expected: String,
        /// That of this part.
        found: String,
    },
    /// A size that a generated task cannot have.
    #[error("{what} must be {expected}, not {found}")]
    Size {
        /// Which size.
        what: &'static str,
        /// Its range, in words.
        expected: String,
        /// The size asked for.
        found: usize,
    },
}
