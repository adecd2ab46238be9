//! The one door to data: a path or a built-in name in, data sets out.
//!
//! What is read is settled in one order: channels and targets, the test part, the validation part, gaps
//! (from the training part's means), and windows last.

use std::path::Path;

use super::built_in::BuiltIn;
use super::columns::Wanted;
use super::differences::schema_of_values;
use super::error::{DataError, Place, Problem};
use super::forecast::{self, Cutting, Forecast};
use super::layouts::{Halves, Hearing, Layout, Reading};
use super::records::{Records, Taking};
use super::sound_problem::SoundProblem;
use super::split_error::SplitError;
use super::statistics;
use super::unsplit::{Parts, Unsplit};
use super::{Dataset, Options, Schema};
use lstm_nostd::front_end::Tables;

/// What is known of the training part when data is opened on its own.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its channels, outputs and task.
    pub schema: &'a Schema,
    /// The mean of each channel of its file as stored, `[I]`, for filling gaps.
    pub mean: Option<&'a [f32]>,
    /// The offsets of the channels of its file, `[I]`; empty where all are 0, `None` if it is not known what they are.
    pub offsets: Option<&'a [f64]>,
    /// What makes its channels of samples; `None` if it has channels of its own.
    pub front_end: Option<&'a Tables>,
    /// Whether targets are not read and need not be there.
    pub unlabelled: bool,
}

impl<'a> Known<'a> {
    /// The channels of the file, where a front end makes statistics of them.
    pub(crate) fn schema_of_samples(&self) -> Option<Schema> {
        statistics::schema_of_samples(self.front_end?, self.schema)
    }

    /// Makes features of the channels, where a front end makes statistics of them.
    pub(crate) fn make_features(&self, data: &mut Dataset, place: &Place) -> Result<(), DataError> {
        match self.front_end {
            Some(tables) => statistics::of_dataset(data, tables, place),
            None => Ok(()),
        }
    }

    /// What is known of the channels of the file, `samples` where statistics are made of them: nothing of their values.
    pub(crate) fn of_samples<'s>(self, samples: Option<&'s Schema>) -> Known<'s>
    where
        'a: 's,
    {
        match samples {
            Some(schema) => Known {
                schema,
                mean: None,
                offsets: None,
                ..self
            },
            None => self,
        }
    }

    /// Refuses data that the training part's model cannot be applied to or, with targets, judged by.
    fn require(&self, data: &Dataset, place: &Place) -> Result<(), DataError> {
        match self.unlabelled {
            true => data.require_channels(self.schema, place),
            false => data.require(self.schema, place),
        }
    }
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
    Unsplit::read(source, options, 0.0)?.finished()
}

/// Opens data as [`open()`] does, and splits off a share for validation: by `seed`, or in the order
/// of time for a forecast and for one recording. Gaps are filled after the split, from the training part's
/// means.
pub fn open_split(
    source: &str,
    options: &Options,
    share: f64,
    seed: u64,
) -> Result<Parts, OpenError> {
    Unsplit::read(source, options, share)?.split(share, seed)
}

/// Opens data to judge a model by, or to answer by one: the test file of the options or the test part of `source` if
/// there is one, or else all of `source`. Where targets are not read, those of the set have no values.
pub fn open_test(source: &str, options: &Options, known: Known<'_>) -> Result<Dataset, DataError> {
    let samples = known.schema_of_samples();
    let read = known.of_samples(samples.as_ref());
    let parts = match &options.test {
        Some(path) => open_file(path, options, Some(read), 0.0)?,
        None => open_as(source, options, Some(read), 0.0)?,
    };
    let place = Place::file(Path::new(source));
    let mut data = parts.test.unwrap_or(parts.train);
    if let Some(fill) = options.fill {
        let means = match read.mean {
            Some(means) => means.iter().map(|mean| Some(*mean)).collect(),
            None => vec![None; data.channels.len()],
        };
        data.fill(fill, &means, &place)?;
    }
    data.cut(options, &place)?;
    known.make_features(&mut data, &place)?;
    known.require(&data, &place)?;
    Ok(data)
}

/// The parts of the source, with NaN for gaps that are to be filled; a forecast's have been.
pub(super) fn open_unfilled(
    source: &str,
    options: &Options,
    validation_share: f64,
) -> Result<Parts, DataError> {
    let place = Place::file(Path::new(source));
    options.refuse_two_test_parts(&place)?;
    let mut parts = open_as(source, options, None, validation_share)?;
    if let Some(path) = &options.test {
        let schema = parts.train.schema();
        let origin = parts.train.origin.as_ref();
        let rows = origin.and_then(|origin| origin.of_file());
        let front_end = parts.train.front_end.as_ref();
        let tables = front_end.map(|front_end| front_end.tables_for(&place));
        let tables = tables.transpose()?;
        let known = Known {
            front_end: tables.as_ref(),
            schema: &schema,
            mean: rows.map(|rows| rows.mean.as_slice()),
            offsets: Some(rows.map_or(&parts.train.offsets, |rows| &rows.offset)),
            unlabelled: false,
        };
        let test = open_file(path, options, Some(known), 0.0)?;
        let mut test = test.test.unwrap_or(test.train);
        test.origin.clone_from(&parts.train.origin);
        parts.test = Some(test);
    }
    if let Some(share) = options.test_share {
        if parts.test.is_some() {
            return Err(place.refuse(Problem::Setting {
                key: "test_share",
                found: share.to_string(),
                needed: "left out where the data has a test part of its own",
            }));
        }
        let test = parts.take_share(share, options.seed, options);
        parts.test = Some(test.map_err(|error| place.refuse(Problem::Split(error)))?);
    }
    Ok(parts)
}

impl Options {
    /// Refuses settings of sound for data without samples.
    fn refuse_sound(&self, found: &'static str, place: &Place) -> Result<(), DataError> {
        let of_sound = (self.front_end.as_ref()).filter(|_| self.statistics().is_none());
        let problem = match (of_sound, &self.signal_variants) {
            (Some(_), _) => SoundProblem::NoSamples { found },
            (None, Some(_)) => SoundProblem::NoSignal { found },
            (None, None) => return Ok(()),
        };
        Err(place.clone().refuse(problem.into()))
    }

    /// Refuses settings of a front end that contradict themselves, and a front end for a forecast.
    fn refuse_front_end(&self, place: &Place) -> Result<(), DataError> {
        let Some(front_end) = &self.front_end else {
            return Ok(());
        };
        let checked = front_end.refuse_foreign_keys();
        checked.map_err(|problem| place.clone().refuse(problem))?;
        match self.forecast {
            Some(_) => Err((place.clone()).refuse(SoundProblem::ForecastOfSamples.into())),
            None => Ok(()),
        }
    }

    /// Refuses a test file beside another test part, and shares that cannot work.
    fn refuse_two_test_parts(&self, place: &Place) -> Result<(), DataError> {
        let refuse = |key, found: String, needed| {
            Err(place
                .clone()
                .refuse(Problem::Setting { key, found, needed }))
        };
        let forecast = self.forecast.as_ref();
        let has_end = forecast.is_some_and(|f| f.test_rows.is_some() || f.test_share.is_some());
        let needed =
            "left out where the test part is at the end of each series (test_rows, test_share)";
        match (&self.test, self.test_share) {
            (Some(_), _) if has_end => refuse("test", "a file".into(), needed),
            (_, Some(share)) if !(share > 0.0 && share < 1.0) => {
                refuse("test_share", share.to_string(), "above 0 and below 1")
            }
            (_, Some(share)) if forecast.is_some() => refuse(
                "test_share",
                share.to_string(),
                "forecast.test_share for a forecast, whose test part is the end of each series",
            ),
            _ => Ok(()),
        }
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
    let place = Place::file(path);
    let Some(built_in) = BuiltIn::named(source).filter(|_| !path.is_file()) else {
        if looks_like_path || path.exists() {
            return open_file(path, options, known, validation_share);
        }
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
    if known.is_none() {
        options.refuse_sound("built-in data", &place)?;
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
    let layout = Layout::of(path)?;
    let schema = known.map(|known| known.schema);
    if known.is_none() {
        options.refuse_front_end(&place)?;
    }
    if let Some(forecast) = &options.forecast {
        if !matches!(layout, Layout::LongCsv | Layout::Recordings) {
            let found = layout.describe();
            return Err(place.refuse(Problem::NoSeries { found }));
        }
        let parts = windows(layout, path, options, forecast, known, validation_share)?;
        if let Some(known) = known {
            known.require(&parts.train, &place)?;
        }
        return Ok(parts);
    }
    match &options.signal_variants {
        _ if known.is_some() => {}
        _ if layout != Layout::Waves => options.refuse_sound(layout.describe(), &place)?,
        Some(variants) => variants.validate(&place)?,
        None => {}
    }
    if let Some(window) = &options.window {
        window.validate(&place)?;
    }
    let unlabelled = known.is_some_and(|known| known.unlabelled);
    let halves = read(layout, path, options, known)?;
    let take = |records: Records, like: Option<&Schema>| {
        let taking = Taking {
            like,
            kind: options.task,
            keeps_gaps: options.fill.is_some(),
            is_cut: options.window.is_some(),
            unlabelled,
        };
        records.into_dataset(&place, taking)
    };
    let (train, test) = match (halves.train, halves.test) {
        // Without a training half, the test half is all that there is to judge by.
        (None, Some(test)) if known.is_some() => (test, None),
        (Some(train), test) => (train, test),
        (None, _) => return Err(place.clone().refuse(Problem::NoTrainingHalf)),
    };
    let train = take(train, schema)?;
    let test = (test.map(|test| take(test, Some(&train.schema())))).transpose()?;
    Ok(Parts {
        train,
        validation: None,
        test,
    })
}

/// How recordings of sound become features: as a model has it, or as the options say.
fn hearing<'a>(options: &'a Options, known: Option<Known<'a>>) -> Option<Hearing<'a>> {
    let settings = options.front_end.as_ref();
    match known.and_then(|known| known.front_end) {
        Some(tables) => Some(Hearing::Model(
            tables,
            settings.and_then(|settings| settings.channel),
        )),
        None => settings.map(Hearing::Settings),
    }
}

/// Reads a file; again with offsets, if f32 would lose what the values differ by.
fn read(
    layout: Layout,
    path: &Path,
    options: &Options,
    known: Option<Known<'_>>,
) -> Result<Halves, DataError> {
    let offsets = known.and_then(|known| known.offsets);
    let reading = Reading {
        wanted: Wanted {
            columns: &options.columns,
            unlabelled: options.forecast.is_some() || known.is_some_and(|known| known.unlabelled),
            label_is_optional: false,
            like: known.map(|known| known.schema.channels.as_slice()),
        },
        kind: options.task,
        hearing: hearing(options, known),
        variants: options.signal_variants.as_ref().filter(|_| known.is_none()),
        offsets: offsets.unwrap_or_default(),
    };
    let halves = layout.read(path, &reading)?;
    let first = halves.train.as_ref().or(halves.test.as_ref());
    let needed = first.map_or(Vec::new(), |records| records.narrow.needed());
    if offsets.is_some() || needed.is_empty() {
        return Ok(halves);
    }
    drop(halves);
    let reading = Reading {
        offsets: &needed,
        ..reading
    };
    layout.read(path, &reading)
}

/// The windows of a forecast.
fn windows(
    layout: Layout,
    path: &Path,
    options: &Options,
    forecast: &Forecast,
    known: Option<Known<'_>>,
    validation_share: f64,
) -> Result<Parts, DataError> {
    let place = &Place::file(path);
    forecast.validate(place)?;
    let refuse = |key, found: String, needed| {
        Err(place
            .clone()
            .refuse(Problem::Setting { key, found, needed }))
    };
    if !options.columns.targets.is_empty() {
        return refuse(
            "columns.targets",
            options.columns.targets.join(", "),
            "left out for a forecast, whose targets are forecast.targets",
        );
    }
    if let Some(window) = &options.window {
        return refuse(
            "window",
            window.length.to_string(),
            "left out for a forecast, whose windows are look_back rows long",
        );
    }
    let schema =
        (known.filter(|_| forecast.differences)).map(|known| schema_of_values(known.schema));
    let known = match (known, &schema) {
        (Some(known), Some(schema)) => Some(Known { schema, ..known }),
        (known, _) => known,
    };
    let halves = read(layout, path, options, known)?;
    let Some(records) = halves.train.or(halves.test) else {
        return Err(place.clone().refuse(Problem::Empty));
    };
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
        unlabelled: known.is_some_and(|known| known.unlabelled),
    };
    forecast::cut(records, place, &cutting)
}
