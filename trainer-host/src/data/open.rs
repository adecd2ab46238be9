//! The one door to data: a path or a built-in name in, data sets out.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::built_in::BuiltIn;
use super::error::{DataError, Place, Problem};
use super::fill::{self, Fill};
use super::folds::{Fold, folds};
use super::forecast::{self, Cutting, Forecast};
use super::format::Format;
use super::generated::Sizes;
use super::long_csv::{Columns, Reading};
use super::npz::{Archive, Half};
use super::records::Records;
use super::split::{SplitError, split};
use super::text::Gaps;
use super::{Dataset, Schema, long_csv, sktime_ts, ucr_tsv};

/// How to read data; the default suits files of the published formats and published task sizes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A separate file with the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// What to put in place of missing inputs; without it they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// The seed of a generated task.
    pub seed: u64,
    /// The columns of a long CSV.
    pub columns: Columns,
    /// Windows of a long CSV to forecast from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// The sizes of a generated task.
    pub sizes: Sizes,
}

impl Options {
    /// The options for reading other data in the same way: it has no parts yet.
    pub fn as_test_data(&self) -> Self {
        let mut options = self.clone();
        options.test = None;
        if let Some(forecast) = &mut options.forecast {
            (
                forecast.validation_rows,
                forecast.test_rows,
                forecast.test_share,
            ) = (None, None, None);
        }
        options
    }
}

impl Options {
    /// Whether the validation part is so many rows of a forecast's series, whatever the share.
    pub fn has_validation_rows(&self) -> bool {
        let forecast = self.forecast.as_ref();
        forecast.is_some_and(|forecast| forecast.validation_rows.is_some_and(|rows| rows > 0))
    }

    /// Whether `source` gives other sequences than with `other`, as a generated task does.
    pub fn generates_otherwise(&self, other: &Self, source: &str) -> bool {
        let is_generated = BuiltIn::named(source).is_some_and(|task| task != BuiltIn::Digits);
        is_generated && (self.seed, self.sizes.steps) != (other.seed, other.sizes.steps)
    }

    /// The first key by which the same split divides the same file otherwise than with `other`.
    pub fn differing_part_key(&self, other: &Self) -> Option<&'static str> {
        let forecast = |options: &Self| {
            let forecast = options.forecast.as_ref();
            forecast.map(|f| (f.validation_rows, f.test_rows, f.test_share))
        };
        let (own, others) = (&self.columns, &other.columns);
        let keys = [
            ("columns.series", own.series == others.series),
            ("columns.group", own.group == others.group),
            ("sizes.train", self.sizes.train == other.sizes.train),
            ("forecast", forecast(self) == forecast(other)),
        ];
        keys.into_iter()
            .find_map(|(key, same)| (!same).then_some(key))
    }
}

/// Data for training, and for choosing and testing if there is some.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// To train on.
    pub train: Dataset,
    /// To choose by.
    pub validation: Option<Dataset>,
    /// To report on; never used for choosing anything.
    pub test: Option<Dataset>,
}

/// What is known of the training part when data is opened on its own.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its channels, outputs and task.
    pub schema: &'a Schema,
    /// The mean of each of its channels, `[I]`, for filling gaps.
    pub mean: Option<&'a [f32]>,
}

/// Why data cannot be opened in parts.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No validation part can be split off.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// Opens a file by its path, or built-in data by its name, without splitting off a validation part
/// that the options do not name.
///
/// The classes are those of the training part, and a test part is refused if it has others.
pub fn open(source: &str, options: &Options) -> Result<Parts, DataError> {
    let mut parts = open_unfilled(source, options, 0.0)?;
    parts.fill(options.fill, source)?;
    Ok(parts)
}

/// Opens data as [`open()`] does, and splits off a share for validation: by `seed`, or in the order
/// of time for a forecast. Gaps are filled after the split, from the training part's means.
pub fn open_split(
    source: &str,
    options: &Options,
    share: f64,
    seed: u64,
) -> Result<Parts, OpenError> {
    let mut parts = open_unfilled(source, options, share)?;
    if options.forecast.is_none() {
        parts.split_off(share, seed)?;
    }
    parts.fill(options.fill, source)?;
    Ok(parts)
}

/// Opens what a fold trains on, chooses by and is judged by, as the test part; the data's own test part is
/// left out. A `share` of the other folds is for validation.
pub fn open_fold(
    source: &str,
    options: &Options,
    fold: Fold,
    share: f64,
    seed: u64,
) -> Result<Parts, OpenError> {
    let mut parts = open_unfilled(source, options, 0.0)?;
    parts.test = Some(parts.take_fold(options, fold, seed)?);
    parts.split_off(share, seed)?;
    parts.fill(options.fill, source)?;
    Ok(parts)
}

/// Opens data as [`open()`] does, with a fold of the training part for validation.
pub fn open_validation_fold(
    source: &str,
    options: &Options,
    fold: Fold,
    seed: u64,
) -> Result<Parts, OpenError> {
    let mut parts = open_unfilled(source, options, 0.0)?;
    parts.validation = Some(parts.take_fold(options, fold, seed)?);
    parts.fill(options.fill, source)?;
    Ok(parts)
}

/// Opens data to judge a model by: the test file of the options or the test part of `source` if
/// there is one, or else all of `source`.
pub fn open_test(source: &str, options: &Options, known: Known<'_>) -> Result<Dataset, DataError> {
    let parts = match &options.test {
        Some(path) => open_file(path, options, Some(known), 0.0)?,
        None => open_as(source, options, Some(known), 0.0)?,
    };
    let mut data = parts.test.unwrap_or(parts.train);
    if let Some(fill) = options.fill {
        let means = match known.mean {
            Some(means) => means.iter().map(|mean| Some(*mean)).collect(),
            None => vec![None; data.channels.len()],
        };
        data.fill(fill, &means, &Place::file(Path::new(source)))?;
    }
    Ok(data)
}

/// The parts of the source, with NaN for gaps that are to be filled; a forecast's have been.
pub(super) fn open_unfilled(
    source: &str,
    options: &Options,
    validation_share: f64,
) -> Result<Parts, DataError> {
    let place = Place::file(Path::new(source));
    if let (Some(_), Some(forecast)) = (&options.test, &options.forecast)
        && (forecast.test_rows.is_some() || forecast.test_share.is_some())
    {
        return Err(place.refuse(Problem::Setting {
            key: "test",
            found: "a file".into(),
            needed: "left out where the test part is at the end of each series (test_rows, test_share)",
        }));
    }
    let mut parts = open_as(source, options, None, validation_share)?;
    if let Some(path) = &options.test {
        let schema = parts.train.schema();
        let rows = parts
            .train
            .origin
            .as_ref()
            .and_then(|origin| origin.rows.as_ref());
        let known = Known {
            schema: &schema,
            mean: rows.map(|rows| rows.mean.as_slice()),
        };
        let test = open_file(path, options, Some(known), 0.0)?;
        let mut test = test.test.unwrap_or(test.train);
        test.origin.clone_from(&parts.train.origin);
        parts.test = Some(test);
    }
    Ok(parts)
}

impl Parts {
    /// Splits the validation part off, unless its share is zero.
    fn split_off(&mut self, share: f64, seed: u64) -> Result<(), SplitError> {
        if share != 0.0 {
            let split = split(&self.train, share, seed)?;
            self.validation = Some(self.train.select(&split.validation));
            self.train = self.train.select(&split.train);
        }
        Ok(())
    }

    /// Takes a fold out of the training part.
    fn take_fold(
        &mut self,
        options: &Options,
        fold: Fold,
        seed: u64,
    ) -> Result<Dataset, SplitError> {
        if options.forecast.is_some() {
            return Err(SplitError::Forecast);
        }
        let taken = &folds(&self.train, fold.count(), seed)?[fold.number() - 1];
        let others: Vec<usize> = (0..self.train.len())
            .filter(|i| taken.binary_search(i).is_err())
            .collect();
        let fold = self.train.select(taken);
        self.train = self.train.select(&others);
        Ok(fold)
    }

    /// Fills gaps in all parts from the training part.
    pub(super) fn fill(&mut self, fill: Option<Fill>, source: &str) -> Result<(), DataError> {
        let Some(fill) = fill else {
            return Ok(());
        };
        let train = self.train.sequences.iter().map(|s| s.view());
        let means = fill::means(self.train.channels.len(), train);
        let place = Place::file(Path::new(source));
        let others = self.validation.iter_mut().chain(&mut self.test);
        (std::iter::once(&mut self.train).chain(others))
            .try_for_each(|data| data.fill(fill, &means, &place))
    }
}

impl Dataset {
    fn fill(&mut self, fill: Fill, means: &[Option<f32>], place: &Place) -> Result<(), DataError> {
        for sequence in &mut self.sequences {
            fill.apply(sequence, means)
                .map_err(|gap| gap.refuse(place.clone(), &self.channels))?;
        }
        Ok(())
    }
}

fn open_as(
    source: &str,
    options: &Options,
    known: Option<Known<'_>>,
    validation_share: f64,
) -> Result<Parts, DataError> {
    let path = Path::new(source);
    let looks_like_path = path.extension().is_some() || path.components().count() > 1;
    if looks_like_path || path.is_file() {
        return open_file(path, options, known, validation_share);
    }
    let place = Place::file(path);
    let Some(built_in) = BuiltIn::named(source) else {
        return Err(place.refuse(Problem::UnknownBuiltIn {
            nearest: BuiltIn::nearest(source).map(|b| b.name().to_owned()),
            known: BuiltIn::ALL.map(|b| b.name().to_owned()).to_vec(),
        }));
    };
    if options.forecast.is_some() {
        return Err(place.refuse(Problem::NoSeries {
            found: "built-in data",
        }));
    }
    let parts = built_in.parts(&options.sizes, options.seed)?;
    if let Some(known) = known {
        parts.train.require(known.schema, &place)?;
    }
    Ok(parts)
}

fn open_file(
    path: &Path,
    options: &Options,
    known: Option<Known<'_>>,
    validation_share: f64,
) -> Result<Parts, DataError> {
    let place = Place::file(path);
    let file = File::open(path).map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
    let mut input = BufReader::new(file);
    let schema = known.map(|known| known.schema);
    let gaps = match options.fill {
        Some(_) => Gaps::Kept,
        None => Gaps::Refused,
    };
    let format = Format::of(path, &mut input)?;
    if let Some(forecast) = &options.forecast {
        if format != Format::LongCsv {
            let found = format.describe();
            return Err(place.refuse(Problem::NoSeries { found }));
        }
        let parts = windows(input, &place, options, forecast, known, validation_share)?;
        if let Some(schema) = schema {
            parts.train.require(schema, &place)?;
        }
        return Ok(parts);
    }
    let whole = |records: Records| {
        Ok(Parts {
            train: records.into_dataset(&place, schema)?,
            validation: None,
            test: None,
        })
    };
    let reading = Reading {
        gaps,
        unlabelled: false,
    };
    match format {
        Format::LongCsv => whole(long_csv::read(input, &place, &options.columns, reading)?),
        Format::UcrTsv => whole(ucr_tsv::read(input, &place, gaps)?),
        Format::SktimeTs => whole(sktime_ts::read(input, &place, gaps)?),
        Format::Npz => {
            let mut archive = Archive::open(input, &place)?;
            if schema.is_some() && !archive.has(Half::Train) {
                return whole(archive.read(Half::Test, gaps)?);
            }
            let mut parts = whole(archive.read(Half::Train, gaps)?)?;
            if archive.has(Half::Test) {
                let test = archive.read(Half::Test, gaps)?;
                parts.test = Some(test.into_dataset(&place, Some(&parts.train.schema()))?);
            }
            Ok(parts)
        }
    }
}

/// The windows of a long CSV.
fn windows(
    input: BufReader<File>,
    place: &Place,
    options: &Options,
    forecast: &Forecast,
    known: Option<Known<'_>>,
    validation_share: f64,
) -> Result<Parts, DataError> {
    forecast.validate(place)?;
    if !options.columns.targets.is_empty() {
        return Err(place.clone().refuse(Problem::Setting {
            key: "columns.targets",
            found: options.columns.targets.join(", "),
            needed: "left out for a forecast, whose targets are forecast.targets",
        }));
    }
    let reading = Reading {
        gaps: match options.fill {
            Some(_) => Gaps::Kept,
            None => Gaps::Refused,
        },
        unlabelled: true,
    };
    let records = long_csv::read(input, place, &options.columns, reading)?;
    let judged = Forecast {
        validation_rows: None,
        ..forecast.clone()
    };
    let cutting = Cutting {
        forecast: if known.is_some() { &judged } else { forecast },
        fill: options.fill,
        validation_share,
        mean: known.and_then(|known| known.mean),
        only_test: known.is_some(),
    };
    forecast::cut(records, place, &cutting)
}
