//! What can be wrong with recordings that a front end reads.

/// A problem of WAV files, or of the front end that makes features.
#[derive(Debug, thiserror::Error)]
pub enum SoundProblem {
    /// A recording of another rate than the others.
    #[error(
        "{found} samples a second, and {expected} are needed, as in the first recording or the model; resample it"
    )]
    OtherRate {
        /// The rate that is needed.
        expected: u32,
        /// The rate of this one.
        found: u32,
    },
    /// A folder with two kinds of recordings.
    #[error(
        "tables beside WAV files, and only one of them can be the data; put them into folders of their own"
    )]
    TablesAndWaves,
    /// Features that the engine cannot make.
    #[error("{0}; see data.front_end in docs/front-end.md")]
    FrontEnd(lstm_nostd::front_end::SettingsError),
    /// A front end for data that has features.
    #[error(
        "this front end is for WAV files, and this is {found}; leave it out, or take --front-end statistics"
    )]
    NoSamples {
        /// What the data is.
        found: &'static str,
    },
    /// Statistics of WAV files.
    #[error(
        "statistics are for recordings of several channels in tables or arrays, and these are WAV files; take another \
         kind: --front-end mfcc, log-mel or spectrum"
    )]
    StatisticsOfSound,
    /// A front end for a forecast.
    #[error("a forecast has no front end; leave it out (--front-end)")]
    ForecastOfSamples,
    /// A recording without a whole frame.
    #[error(
        "recording {recording} has {rows} rows, and a frame {frame}; take a shorter frame (data.front_end.frame), or \
         leave the recording out"
    )]
    ShorterThanFrame {
        /// Its name, or its number from 0.
        recording: String,
        /// Its rows.
        rows: usize,
        /// Rows of a frame.
        frame: usize,
    },
    /// A folder of noise without WAV files.
    #[error(
        "no WAV file is there, and noise is taken from WAV files (--noise, signal_variants.noise)"
    )]
    NoNoise,
    /// No recording of noise is as long as the others.
    #[error(
        "no recording of noise has {length} samples, the length of the class background's pieces; record longer ones"
    )]
    ShortNoise {
        /// Samples of a piece.
        length: usize,
    },
    /// Variants of samples for data that has features.
    #[error(
        "variants of a signal are for WAV files, and this is {found}; leave them out (--noise, --signal-variants)"
    )]
    NoSignal {
        /// What the data is.
        found: &'static str,
    },
}
