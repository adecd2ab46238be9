//! Flags that say where data comes from and how to read it.

use std::path::PathBuf;

use anyhow::bail;

use crate::data::{ChannelStatistic, Features, Fill, Forecast, FrontEnd, Kind, Options, Window};

/// Says what was read otherwise than it stands, a line each.
pub(super) fn print_notes(notes: &[String]) {
    for note in notes {
        say!("note: {note}");
    }
}

/// How to read data; see `trainer-host train --help`.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct ReadArgs {
    /// File with the test part, if DATA does not contain it.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// What the targets are, if the data leaves it in doubt: classes or values.
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    task: Option<Kind>,
    /// Share of the test part, if the data has none: of the sequences, stratified or by group; of a forecast
    /// or of one recording, the rows at the end.
    #[arg(long, value_name = "SHARE")]
    test_share: Option<f64>,
    #[command(flatten)]
    front_end: FrontEndArgs,
    /// WAV files: variants of each training recording, moved in time, louder or quieter; see
    /// data.signal_variants in docs/front-end.md.
    #[arg(long, value_name = "N")]
    signal_variants: Option<usize>,
    /// WAV files: a folder of noise, which is mixed into those variants [default: 4 variants].
    #[arg(long, value_name = "FOLDER")]
    noise: Option<PathBuf>,
    #[command(flatten)]
    table: TableArgs,
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
    #[command(flatten)]
    forecast: ForecastArgs,
}

/// Features that the chip makes.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Data")]
struct FrontEndArgs {
    /// The features that the chip makes: mfcc, log-mel or spectrum of WAV files; statistics of channels of motion. More
    /// settings have keys: --set data.front_end.bands=30.
    #[arg(long, value_name = "KIND", value_parser = parse_features)]
    front_end: Option<Features>,
    /// Front end: samples of each channel in a frame.
    #[arg(long, value_name = "N")]
    frame: Option<usize>,
    /// Front end: samples of each channel from a frame to the next [default: half a frame].
    #[arg(long, value_name = "N")]
    hop: Option<usize>,
    /// Front end: samples of each channel in a second [default: of WAV files, their own].
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// Front end: which statistics, separated by commas: mean, deviation, minimum, maximum, crossings, differences
    /// [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_statistic)]
    statistics: Vec<ChannelStatistic>,
}

impl FrontEndArgs {
    fn apply(&self, front_end: &mut Option<FrontEnd>) -> anyhow::Result<()> {
        if let Some(kind) = self.front_end {
            front_end.get_or_insert(FrontEnd::new(kind)).kind = kind;
        }
        let Some(front_end) = front_end else {
            if *self != Self::default() {
                bail!(
                    "--frame, --hop, --rate and --statistics are for a front end; say with --front-end which one"
                );
            }
            return Ok(());
        };
        front_end.frame = self.frame.or(front_end.frame);
        front_end.hop = self.hop.or(front_end.hop);
        front_end.rate = self.rate.or(front_end.rate);
        if !self.statistics.is_empty() {
            front_end.statistics = Some(self.statistics.clone());
        }
        Ok(())
    }
}

/// How tables are read.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct TableArgs {
    /// Cut recordings into windows of this many rows, with one target each.
    #[arg(long, value_name = "ROWS")]
    window: Option<usize>,
    /// Rows from the begin of one window to the begin of the next [default: the rows of a window].
    #[arg(long, value_name = "ROWS")]
    step: Option<usize>,
    /// Long CSV: column that names the series [default: series_id; without this column, all rows are one series].
    #[arg(long, value_name = "COLUMN")]
    series: Option<String>,
    /// Long CSV: column with the time, a number or a date; it increases within a series [default: t, time or
    /// timestamp].
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Long CSV: column with the class [default: label].
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Long CSV: column with the person or machine [default: group].
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Long CSV: columns for a regression to predict, or channels for a forecast to continue, separated by
    /// commas [default for a forecast: all].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    targets: Vec<String>,
    /// Long CSV: input columns, separated by commas [default: all others].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    channels: Vec<String>,
    /// Fill missing inputs with the previous value, zero, the mean (of the training part), or interpolate.
    /// Without this flag, a missing input is an error.
    #[arg(long, value_name = "HOW", value_parser = parse_fill)]
    fill: Option<Fill>,
}

/// Windows of a long CSV, cut and split in the order of time.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Forecast (long CSV without labels)")]
struct ForecastArgs {
    /// Make a forecast from windows of this many rows.
    #[arg(long, value_name = "ROWS")]
    look_back: Option<usize>,
    /// Rows from the window's last row to the row to forecast [default: 1].
    #[arg(long, value_name = "ROWS")]
    horizon: Option<usize>,
    /// Rows from one window to the next [default: 1].
    #[arg(long, value_name = "ROWS")]
    stride: Option<usize>,
    /// Forecast the change from the window's last value in place of the value.
    #[arg(long)]
    change: bool,
    /// Feed the change of each channel from row to row in place of its value, to the network and on the chip; with --change.
    #[arg(long)]
    differences: bool,
    /// Rows of the validation part, just before the test part [default: by --validation-share].
    #[arg(long, value_name = "ROWS")]
    validation_rows: Option<usize>,
    /// Rows of the test part, at the end of each series [default: by --test-share].
    #[arg(long, value_name = "ROWS", conflicts_with = "test_share")]
    test_rows: Option<usize>,
}

fn parse_fill(text: &str) -> Result<Fill, String> {
    parse(text)
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    parse(text)
}

fn parse_features(text: &str) -> Result<Features, String> {
    parse(text)
}

fn parse_statistic(text: &str) -> Result<ChannelStatistic, String> {
    parse(text)
}

/// A word as a configuration file would have it.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

/// Sets the target to `value`, if there is one.
fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

impl ReadArgs {
    /// Whether no flag was given.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Applies these flags.
    pub(super) fn apply(&self, options: &mut Options) -> anyhow::Result<()> {
        self.forecast.apply(&mut options.forecast)?;
        match &mut options.forecast {
            Some(forecast) if self.test_share.is_some() => {
                (forecast.test_rows, forecast.test_share) = (None, self.test_share);
            }
            _ => options.test_share = self.test_share.or(options.test_share),
        }
        self.table.apply(options)?;
        self.front_end.apply(&mut options.front_end)?;
        if self.signal_variants.is_some() || self.noise.is_some() {
            let variants = options.signal_variants.get_or_insert_default();
            set(&mut variants.count, &self.signal_variants);
            variants.noise = self.noise.clone().or(variants.noise.take());
        }
        options.task = self.task.or(options.task);
        options.test = self.test.clone().or(options.test.take());
        options.sizes.train = self.train_size.or(options.sizes.train);
        options.sizes.test = self.test_size.or(options.sizes.test);
        options.sizes.steps = self.steps.or(options.sizes.steps);
        set(&mut options.seed, &self.data_seed);
        Ok(())
    }
}

impl TableArgs {
    /// Whether no flag was given.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Applies these flags.
    pub(super) fn apply(&self, options: &mut Options) -> anyhow::Result<()> {
        self.apply_window(&mut options.window)?;
        let columns = &mut options.columns;
        set(&mut columns.series, &self.series);
        set(&mut columns.time, &self.time);
        set(&mut columns.label, &self.label);
        set(&mut columns.group, &self.group);
        if !self.channels.is_empty() {
            columns.channels = Some(self.channels.clone());
        }
        match &mut options.forecast {
            _ if self.targets.is_empty() => {}
            Some(forecast) => forecast.targets = Some(self.targets.clone()),
            None => columns.targets.clone_from(&self.targets),
        }
        options.fill = self.fill.or(options.fill);
        Ok(())
    }

    fn apply_window(&self, window: &mut Option<Window>) -> anyhow::Result<()> {
        if let (None, Some(length)) = (&window, self.window) {
            *window = Some(Window::new(length));
        }
        match window {
            Some(window) => {
                set(&mut window.length, &self.window);
                window.step = self.step.or(window.step);
            }
            None if self.step.is_some() => {
                bail!("--step is for windows; say with --window ROWS how long they are");
            }
            None => {}
        }
        Ok(())
    }
}

impl ForecastArgs {
    fn apply(&self, forecast: &mut Option<Forecast>) -> anyhow::Result<()> {
        if let (None, Some(look_back)) = (&forecast, self.look_back) {
            *forecast = Some(Forecast::new(look_back));
        }
        let Some(forecast) = forecast else {
            if *self != Self::default() {
                bail!(
                    "these flags are for a forecast; say with --look-back ROWS what a window shows"
                );
            }
            return Ok(());
        };
        set(&mut forecast.look_back, &self.look_back);
        set(&mut forecast.horizon, &self.horizon);
        set(&mut forecast.stride, &self.stride);
        forecast.change |= self.change;
        forecast.differences |= self.differences;
        forecast.validation_rows = self.validation_rows.or(forecast.validation_rows);
        if self.test_rows.is_some() {
            (forecast.test_rows, forecast.test_share) = (self.test_rows, None);
        }
        Ok(())
    }
}
