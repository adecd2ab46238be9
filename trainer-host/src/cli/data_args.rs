//! Flags that say where data comes from and how to read it.

use std::path::PathBuf;

use crate::data::Options;

/// How to read data; see `trainer-host train --help`.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
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
    /// Whether no flag was given.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The options of these flags alone.
    pub(super) fn options(&self) -> Options {
        let mut options = Options::default();
        self.apply(&mut options);
        options
    }

    /// Changes what a flag was given for.
    pub(super) fn apply(&self, options: &mut Options) {
        fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                *field = value.clone();
            }
        }
        let columns = &mut options.columns;
        set(&mut columns.series, &self.series);
        set(&mut columns.time, &self.time);
        set(&mut columns.label, &self.label);
        set(&mut columns.group, &self.group);
        if !self.targets.is_empty() {
            columns.targets = self.targets.clone();
        }
        if !self.channels.is_empty() {
            columns.channels = Some(self.channels.clone());
        }
        options.test = self.test.clone().or(options.test.take());
        let sizes = &mut options.sizes;
        sizes.train = self.train_size.or(sizes.train);
        sizes.test = self.test_size.or(sizes.test);
        sizes.steps = self.steps.or(sizes.steps);
        set(&mut options.seed, &self.data_seed);
    }
}
