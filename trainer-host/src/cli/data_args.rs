//! Flags that say where data comes from and how to read it.

use std::path::PathBuf;

use crate::data::{Columns, Options, generated::Sizes};

/// How to read data; see `trainer-host train --help`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct ReadArgs {
    /// File with the test part, when it is not in DATA.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Long CSV: column that names the series [default: series_id].
    #[arg(long, value_name = "COLUMN")]
    series: Option<String>,
    /// Long CSV: column that increases within a series [default: t].
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Long CSV: column with the class [default: label].
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Long CSV: column with the person or machine [default: group].
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Long CSV: columns that a regression is to predict, separated by commas.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    targets: Vec<String>,
    /// Long CSV: input columns, separated by commas [default: all others].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    channels: Vec<String>,
    /// Generated tasks: sequences in the training part.
    #[arg(long, value_name = "N")]
    train_size: Option<usize>,
    /// Generated tasks: sequences in the test part.
    #[arg(long, value_name = "N")]
    test_size: Option<usize>,
    /// Generated tasks: time steps of a sequence.
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Generated tasks: seed of the data [default: 0].
    #[arg(long, value_name = "SEED")]
    data_seed: Option<u64>,
}

impl ReadArgs {
    /// The options of these flags.
    pub(super) fn options(&self) -> Options {
        let default = Columns::default();
        Options {
            test: self.test.clone(),
            columns: Columns {
                series: self.series.clone().unwrap_or(default.series),
                time: self.time.clone().unwrap_or(default.time),
                label: self.label.clone().unwrap_or(default.label),
                group: self.group.clone().unwrap_or(default.group),
                targets: self.targets.clone(),
                channels: (!self.channels.is_empty()).then(|| self.channels.clone()),
            },
            sizes: Sizes {
                train: self.train_size,
                test: self.test_size,
                steps: self.steps,
            },
            seed: self.data_seed.unwrap_or(0),
        }
    }
}
