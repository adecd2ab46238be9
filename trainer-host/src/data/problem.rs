//! Each thing that can be wrong with data, in words that say what to do.

use super::sound_problem::SoundProblem;
use super::text::decimal_sign;

/// What is wrong with data.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}; check the path and its permissions")]
    Unreadable(std::io::Error),
    /// No reader for this kind of file.
    #[error(
        "unknown extension {found:?}; known ones are .csv, .txt, .dat, .data and .tab (long tables), .tsv (UCR, or a \
         long table with a header), .ts (UEA/sktime), .npz (NumPy) and .wav (sound), and \
         folders of recordings"
    )]
    UnknownExtension {
        /// What follows the last dot.
        found: String,
    },
    /// Neither a file nor built-in data.
    #[error("no such built-in data{}; built in are {}; a file needs its extension, and a folder must be there", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default(), listed(known))]
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
    #[error(
        "{found:?} is not a number{}; correct it, or leave the column out",
        decimal_sign(found)
    )]
    NotANumber {
        /// The field.
        found: String,
    },
    /// A word in a column that was taken for a channel, since nothing says what it is.
    #[error(
        "{found:?} is not a number; correct it, or say what the column is: a person or machine (--group), the class \
         (--label), the recording (--series), or none of these (--channels names the channels)"
    )]
    NoChannel {
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
    /// An empty label, name, target or time.
    #[error("the {what} is missing and is never made up; correct it, or leave the sequence out")]
    Missing {
        /// What it would be.
        what: &'static str,
    },
    /// A row of separators alone, with rows behind it.
    #[error("an empty row, and rows behind it; leave it out")]
    EmptyRow,
    /// A word that says that there is no label, series or group.
    #[error(
        "{found:?} says that a value is missing, and a label or name is never made up; correct it, leave the \
         sequence out, or call a class that is meant so otherwise"
    )]
    MissingWord {
        /// The word.
        found: String,
    },
    /// A time that is neither a number nor a date.
    #[error(
        "{found:?} is not a number or a date such as 2016-07-01 00:00:00; dates in other orders may mean two \
         days, so write year, month and day, or name another column (--time)"
    )]
    NotATime {
        /// The field.
        found: String,
    },
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
    /// Of recordings of sound.
    #[error(transparent)]
    Sound(#[from] SoundProblem),
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
         continues, so a target is an input channel too",
        listed(channels)
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
    /// A channel of the training part is not there, and others of it are.
    #[error(
        "there is no channel {name:?} among [{}], and the training part has one; columns are matched by name: call \
         it so, or train without it (--channels)",
        listed(have)
    )]
    MissingChannel {
        /// Its name.
        name: String,
        /// The channels that are there.
        have: Vec<String>,
    },
    /// A column is needed.
    #[error(
        "no column {name:?} among [{}]; long CSV has one row a time step, and columns for the series, the time, each channel and the label: \
             name yours (--series, --time, --label; --targets for a regression), or add what is missing; `train` and \
             `eval` need the labels or targets, `predict` does not",
        listed(have)
    )]
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
    #[error(
        "label {found:?} does not occur in the training part, whose classes are [{}]; \
             correct it, or add such sequences to the training part",
        listed(known)
    )]
    UnknownLabel {
        /// The label.
        found: String,
        /// Those of the training part.
        known: Vec<String>,
    },
    /// A declared list of classes without this one.
    #[error(
        "label {found:?} is not among the classes that the header declares, [{}]",
        listed(known)
    )]
    UndeclaredLabel {
        /// The label.
        found: String,
        /// Those of the header.
        known: Vec<String>,
    },
    /// Labels that look like measurements.
    #[error(
        "label {found:?} is a fraction, which names no class; for a regression say which columns are its targets (--targets), or that labels are values (--task values)"
    )]
    FractionLabel {
        /// The label.
        found: String,
    },
    /// Few whole numbers in an array of floats.
    #[error(
        "y holds {kinds} whole numbers as floats: are they classes or values? Say --task classes or --task \
         values, or store classes as whole numbers, y.astype(int)"
    )]
    WholeValues {
        /// How many different ones.
        kinds: usize,
    },
    /// One 1 and zeros beside it in every row.
    #[error(
        "the {outputs} targets are one-hot rows: are they classes or values? Say --task classes or --task values, \
         or store the number of the class, y.argmax(-1)"
    )]
    OneHotRows {
        /// Columns.
        outputs: usize,
    },
    /// Rows of several values that are to be classes.
    #[error(
        "targets of {outputs} values each are no classes, which are one value or one-hot rows; leave --task \
         classes out, or store one label for each"
    )]
    NotOneHot {
        /// Values of a row.
        outputs: usize,
    },
    /// Nearly as many labels as sequences.
    #[error(
        "{kinds} different labels in {sequences} sequences: if they are numbers to be predicted, say --task \
         values; if they are names of recordings, name the column of the class (--label); if they are \
         classes, say --task classes"
    )]
    DozensOfClasses {
        /// Different labels.
        kinds: usize,
        /// Sequences.
        sequences: usize,
    },
    /// A label that changes in one series only.
    #[error(
        "here the label or target changes within its series, and in no other one of {series}: correct it, or \
         say --task classes or --task values to learn one for each step"
    )]
    OneSeriesChanges {
        /// All of them.
        series: usize,
    },
    /// Tables of one folder that do not belong together.
    #[error(
        "columns are [{}], and those of the first recording [{}]; the recordings of a folder have the same \
         channels, with a header in all of them or in none",
        listed(found),
        listed(expected)
    )]
    OtherChannels {
        /// Those of the first one.
        expected: Vec<String>,
        /// Those of this one.
        found: Vec<String>,
    },
    /// A folder without recordings.
    #[error(
        "no recordings in this folder; it needs tables (.csv, .tsv, .txt, .dat), one a recording, in a \
         subfolder for each class or with the class before a number in their names (walk.1.csv, walk_01.csv); \
         or one matrix a channel beside y_train.txt"
    )]
    NoRecordings,
    /// Subfolders of subfolders.
    #[error(
        "recordings lie in folders of different depths; put them into one subfolder for each class, or all \
         into this folder with the class in their names"
    )]
    FoldersInFolders,
    /// No training part.
    #[error("there is a test part and no training part; name the file or folder that holds both")]
    NoTrainingHalf,
    /// Matrices of several widths.
    #[error(
        "as many files have {one} columns as {other}; leave those in the folder that are channels, with a \
         row for each sequence and a column for each step"
    )]
    MatrixWidths {
        /// One width.
        one: usize,
        /// Another one.
        other: usize,
    },
    /// A file of more or fewer rows than there are labels.
    #[error("{found} rows, and {expected} labels; every sequence has one row in each file")]
    RowCount {
        /// Labels.
        expected: usize,
        /// Rows.
        found: usize,
    },
    /// No window of the length asked for.
    #[error(
        "no window of {length} rows: the longest recording has {longest}, and a window spans no gap in time \
         and no change of its label; make --window smaller"
    )]
    NoWindow {
        /// Rows of a window.
        length: usize,
        /// Rows of the longest recording.
        longest: usize,
    },
    /// Every window's target is missing.
    #[error(
        "no window to train on is left: in each the target is missing, or time has a gap; a target is never \
         made up"
    )]
    NoTargetLeft,
    /// A part that cannot be split off.
    #[error(transparent)]
    Split(super::split_error::SplitError),
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
    #[error(
        "no array {name:?} among [{}]; needed are X_train [N, T, F] and y_train, and for variable lengths lengths_train [N]",
        listed(have)
    )]
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

/// Names, the first of many.
fn listed(names: &[String]) -> String {
    const MANY: usize = 24;
    match names.get(..MANY).filter(|_| names.len() > MANY + 1) {
        Some(first) => format!("{}, … {} in all", first.join(", "), names.len()),
        None => names.join(", "),
    }
}
