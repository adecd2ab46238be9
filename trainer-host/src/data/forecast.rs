//! Forecasts: windows cut from long series, split in the order of time.
//!
//! ```text
//! x = rows[e − L + 1 ..= e]                       input, L = look_back
//! y = rows[e + h]        or  rows[e + h] − rows[e]      target, h = horizon      (F1)
//! rows:  0 ─── training ───│─── validation ───│─── test ─── n                    (F2)
//! ```
//!
//! A window belongs to the part (F2) that its target's row lies in. Training windows see training
//! rows only; the inputs of later parts may reach back into the rows before them, which are known
//! by then. Of several series each is split on its own. A window over a gap in time is left out, and so is
//! one whose target is missing: a filled value is an input only.

use ndarray::{Array2, ArrayView1, s};
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::fill::{self, Fill};
use super::origin::{Origin, TimeUnit};
use super::records::{FirstTime, Record, Records};
use super::windows::name_of_rows;
use super::{Dataset, Normalisation, Parts, differences, forecast_windows, offset_of, time_gaps};

/// How windows are cut from series, and the series into parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// Steps of a window's input, `L` in (F1).
    pub look_back: usize,
    /// How many steps after the input's last one the target is, `h` in (F1).
    #[serde(default = "one")]
    pub horizon: usize,
    /// Steps from a window to the next one.
    #[serde(default = "one")]
    pub stride: usize,
    /// Channels to forecast; `None` takes every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    /// Whether a target is the change from the input's last value instead of a value: then a model
    /// gives changes too, and the forecast is the last value plus the model's output.
    #[serde(default)]
    pub change: bool,
    /// Whether the inputs are the changes from row to row instead of the values; then targets are changes too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differences: bool,
    /// Rows of each series that the validation part's targets are in, before those of the test part;
    /// without it, the training configuration's `validation_share` of what is not the test part's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_rows: Option<usize>,
    /// Rows at the end of each series that the test part's targets are in; without it and
    /// `test_share`, there is no test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_rows: Option<usize>,
    /// The same as a share of the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
}

fn one() -> usize {
    1
}

impl Origin {
    /// The last known value of output `o` in window `s` of `data`, in real units.
    pub fn last_value(&self, data: &Dataset, s: usize, o: usize) -> f64 {
        let (window, channel) = (&data.sequences[s], self.channels[o]);
        if let Some(levels) = data.levels.get(s) {
            return levels[channel];
        }
        f64::from(window[[window.nrows() - 1, channel]]) + data.offset(channel)
    }

    /// The name of the value that an output leads to: `OT[+24]`, of `OT[+24]-OT[0]` too.
    pub fn value_name<'a>(&self, data: &'a Dataset, o: usize) -> &'a str {
        let (name, channel) = (&data.outputs[o], &data.channels[self.channels[o]]);
        let channel = match data.levels.is_empty() {
            true => channel.as_str(),
            false => differences::value_name(channel),
        };
        let change = name.strip_suffix("[0]").filter(|_| self.change);
        let value = change.and_then(|rest| rest.strip_suffix(channel)?.strip_suffix('-'));
        value.unwrap_or(name)
    }
}

/// More values than this would hardly fit into memory.
const MAX_VALUES: usize = 1 << 30;

impl Forecast {
    /// Windows of `look_back` steps, one step ahead, over all channels.
    pub fn new(look_back: usize) -> Self {
        Self {
            look_back,
            horizon: 1,
            stride: 1,
            targets: None,
            change: false,
            differences: false,
            validation_rows: None,
            test_rows: None,
            test_share: None,
        }
    }

    /// Refuses numbers that cannot work.
    pub(super) fn validate(&self, place: &Place) -> Result<(), DataError> {
        let refuse = |key, found: String, needed| {
            Err((place.clone()).refuse(Problem::Setting { key, found, needed }))
        };
        for (key, value) in [
            ("look_back", self.look_back),
            ("horizon", self.horizon),
            ("stride", self.stride),
        ] {
            if !(1..=MAX_VALUES).contains(&value) {
                return refuse(key, value.to_string(), "at least 1, and at most 2^30");
            }
        }
        if self.differences && !self.change {
            let needed = "true with differences: a network that sees changes forecasts a change";
            return refuse("change", "false".into(), needed);
        }
        match (self.test_rows, self.test_share) {
            (Some(_), Some(share)) => refuse(
                "test_share",
                share.to_string(),
                "left out where test_rows is given",
            ),
            (_, Some(share)) if !(share > 0.0 && share < 1.0) => {
                refuse("test_share", share.to_string(), "above 0 and below 1")
            }
            _ => Ok(()),
        }
    }

    /// The rows of a series of `rows` where the validation part and the test part begin.
    fn bounds(&self, rows: usize, validation_share: f64) -> Option<(usize, usize)> {
        let share_of = |share: f64, rows: usize| match share {
            0.0 => 0,
            share => ((share * rows as f64).round() as usize).max(1),
        };
        let test = (self.test_rows).unwrap_or(share_of(self.test_share.unwrap_or(0.0), rows));
        let test_from = rows.checked_sub(test)?;
        let validation =
            (self.validation_rows).unwrap_or_else(|| share_of(validation_share, test_from));
        Some((test_from.checked_sub(validation)?, test_from))
    }

    /// The channel of each target.
    fn channels(&self, channels: &[String], place: &Place) -> Result<Vec<usize>, DataError> {
        let Some(targets) = &self.targets else {
            return Ok((0..channels.len()).collect());
        };
        if targets.is_empty() {
            return Err(place.clone().refuse(Problem::Setting {
                key: "targets",
                found: "empty".into(),
                needed: "one channel or more, or left out for all of them",
            }));
        }
        let mut found = Vec::new();
        for name in targets {
            let refuse = |problem| Err(place.clone().refuse(problem));
            match channels.iter().position(|channel| channel == name) {
                None => {
                    return refuse(Problem::TargetNotChannel {
                        name: name.clone(),
                        channels: channels.to_vec(),
                    });
                }
                Some(at) if found.contains(&at) => {
                    return refuse(Problem::ColumnUsedTwice { name: name.clone() });
                }
                Some(at) => found.push(at),
            }
        }
        Ok(found)
    }

    /// Rows before a window that its first step needs.
    pub(super) fn lead(&self) -> usize {
        usize::from(self.differences)
    }

    /// Rows from a series' first to its first target.
    pub(super) fn reach(&self) -> usize {
        self.lead() + self.look_back + self.horizon
    }

    /// What a model's output means: `OT[+24]`, the value 24 steps after the last one of the input,
    /// or `OT[+24]-OT[0]`, its change.
    fn output_name(&self, channel: &str) -> String {
        let horizon = self.horizon;
        match self.change {
            true => format!("{channel}[+{horizon}]-{channel}[0]"),
            false => format!("{channel}[+{horizon}]"),
        }
    }
}

/// What cutting needs besides the series.
pub(super) struct Cutting<'a> {
    pub(super) forecast: &'a Forecast,
    pub(super) fill: Option<Fill>,
    /// The validation part's share of what is not the test part's.
    pub(super) validation_share: f64,
    /// Means of a training part that was opened before, `[I]`.
    pub(super) mean: Option<&'a [f32]>,
    /// Whether the model is trained already, and there is no training part here.
    pub(super) only_test: bool,
    /// Whether windows need no targets, so that the last one ends with a series' last row.
    pub(super) unlabelled: bool,
}

/// Cuts the series of a file.
pub(super) fn cut(
    mut records: Records,
    place: &Place,
    cutting: &Cutting<'_>,
) -> Result<Parts, DataError> {
    if cutting.fill.is_none() {
        records.refuse_gaps()?;
    }
    let Records {
        channels,
        records,
        mut notes,
        narrow,
        ..
    } = records;
    if records.is_empty() {
        return Err(place.clone().refuse(Problem::Empty));
    }
    let forecast = cutting.forecast;
    let targets = forecast.channels(&channels, place)?;
    let mut gaps = time_gaps::find(&records, true, &mut notes).into_iter();
    let bounded = |r| bounded(r, gaps.next().unwrap_or_default(), cutting, &targets);
    let mut series: Vec<Bounded> = records.into_iter().map(bounded).collect::<Result<_, _>>()?;
    require_memory(&series, forecast, channels.len(), place)?;
    let offsets = narrow.offsets();
    fill_gaps(&mut series, (&channels, &offsets), cutting, place)?;
    let names = (targets.iter()).map(|at| forecast.output_name(&channels[*at]));
    let outputs = names.collect();
    let origin = origin(&mut series, targets, &offsets, cutting);
    let channels = channels.into_iter();
    let empty = match forecast.differences {
        true => Dataset {
            channels: channels.map(|name| differences::name(&name)).collect(),
            ..Dataset::default()
        },
        false => Dataset {
            channels: channels.collect(),
            offsets: offsets.clone(),
            ..Dataset::default()
        },
    };
    let empty = Dataset {
        outputs,
        origin: Some(origin),
        ..empty
    };
    let (parts, left_out) = forecast_windows::all((&series, &offsets), &empty, cutting);
    let [train, validation, test] = parts;
    let train = train.or_else(|| test.clone().filter(|_| cutting.only_test));
    let mut train = train.ok_or_else(|| place.clone().refuse(Problem::NoTargetLeft))?;
    let note = || format!("{left_out} windows were left out, whose target is missing");
    notes.extend((left_out > 0).then(note));
    train.notes = notes;
    Ok(Parts {
        train,
        validation,
        test,
    })
}

/// What the outputs continue, after each series has its changes where these are the inputs.
fn origin(
    series: &mut [Bounded],
    targets: Vec<usize>,
    offsets: &[f64],
    cutting: &Cutting<'_>,
) -> Origin {
    let fitted = |series: &[Bounded], offsets: &[f64]| {
        (!cutting.only_test).then(|| of_training_rows(series, offsets))
    };
    let mut origin = Origin {
        time: TimeUnit::of(series.first().and_then(|first| first.begins)),
        channels: targets,
        change: cutting.forecast.change,
        rows: fitted(series, offsets),
        values: None,
    };
    if cutting.forecast.differences {
        for series in &mut *series {
            series.changes = Some(differences::of(&series.values));
        }
        origin.values = origin.rows.take();
        origin.rows = fitted(series, &[]);
    }
    origin
}

/// The normalisation of the inputs by the training rows of all series, each once; the first row has no change.
fn of_training_rows(series: &[Bounded], offsets: &[f64]) -> Normalisation {
    let channels = series.first().map_or(0, |series| series.inputs().ncols());
    let rows = || {
        series.iter().flat_map(|series| {
            let first = usize::from(series.changes.is_some());
            let rows = series.inputs().slice(s![first..series.parts[0].end, ..]);
            (0..rows.nrows()).map(move |t| rows.row(t).to_vec())
        })
    };
    Normalisation {
        offset: offsets.to_vec(),
        ..Normalisation::of_rows(channels, rows)
    }
}

/// One series and the rows of its parts' targets: training (from row 0), validation and test.
pub(super) struct Bounded {
    place: Place,
    /// The time of each row, or its number.
    pub(super) times: Vec<f64>,
    begins: Option<FirstTime>,
    name: Option<String>,
    pub(super) values: Array2<f32>,
    /// The changes from row to row, if these are the inputs.
    changes: Option<Array2<f32>>,
    pub(super) group: Option<String>,
    pub(super) parts: [std::ops::Range<usize>; 3],
    /// Whether a channel to forecast is missing in each row.
    pub(super) is_missing: Vec<bool>,
    /// The rows before which time is missing.
    pub(super) gaps: Vec<usize>,
}

impl Bounded {
    /// What the window from row `from` is called, if its series has a name.
    pub(super) fn window_name(&self, from: usize, forecast: &Forecast) -> Option<String> {
        let name = self.name.as_ref()?;
        Some(name_of_rows(name, from, forecast.look_back))
    }

    /// What a network sees, `[T, C]`.
    pub(super) fn inputs(&self) -> &Array2<f32> {
        self.changes.as_ref().unwrap_or(&self.values)
    }

    /// The values of row `last` in real units, `[C]`, where the inputs are changes.
    pub(super) fn levels(&self, last: usize, offsets: &[f64]) -> Option<Vec<f64>> {
        let real = |(j, value): (usize, &f32)| f64::from(*value) + offset_of(offsets, j);
        let row = self.values.row(last);
        (self.changes.as_ref()).map(|_| row.iter().enumerate().map(real).collect())
    }
}

/// The parts of a series, which must be long enough for one training window.
fn bounded(
    record: Record,
    gaps: Vec<usize>,
    cutting: &Cutting<'_>,
    targets: &[usize],
) -> Result<Bounded, DataError> {
    let reach = match cutting.unlabelled {
        true => cutting.forecast.reach() - cutting.forecast.horizon,
        false => cutting.forecast.reach(),
    };
    let rows = record.steps.nrows();
    let bounds = cutting.forecast.bounds(rows, cutting.validation_share);
    let (validation, test) = bounds.unwrap_or((0, rows));
    let training = match cutting.only_test {
        true => rows,
        false => validation,
    };
    if training < reach {
        return Err(record.place.refuse(Problem::SeriesTooShort {
            rows,
            training,
            needed: reach,
        }));
    }
    let is_missing = |row: ArrayView1<'_, f32>| targets.iter().any(|at| row[*at].is_nan());
    Ok(Bounded {
        times: times(&record, rows),
        begins: record.begins,
        is_missing: record.steps.rows().into_iter().map(is_missing).collect(),
        gaps,
        place: record.place,
        name: record.name,
        values: record.steps,
        changes: None,
        group: record.group,
        parts: [0..validation, validation..test, test..rows],
    })
}

/// The time of each row, or its number where no time is known.
fn times(record: &Record, rows: usize) -> Vec<f64> {
    match record.begins {
        Some(FirstTime { time, .. }) => {
            let steps = record.time_steps.iter().map(|step| f64::from(*step));
            let later = steps.scan(time, |now, step| {
                *now += step;
                Some(*now)
            });
            std::iter::once(time).chain(later).collect()
        }
        None => (0..rows).map(|row| row as f64).collect(),
    }
}

/// Refuses windows that would not fit into memory.
fn require_memory(
    series: &[Bounded],
    forecast: &Forecast,
    channels: usize,
    place: &Place,
) -> Result<(), DataError> {
    let rows: usize = series.iter().map(|series| series.values.nrows()).sum();
    let values = (rows / forecast.stride)
        .saturating_mul(forecast.look_back)
        .saturating_mul(channels);
    match values > MAX_VALUES {
        false => Ok(()),
        true => Err(place.clone().refuse(Problem::Setting {
            key: "look_back",
            found: format!(
                "{} with a stride of {}",
                forecast.look_back, forecast.stride
            ),
            needed: "smaller, or the stride larger: all windows together would not fit into memory",
        })),
    }
}

/// Fills the gaps of whole series, before windows share their rows.
fn fill_gaps(
    series: &mut [Bounded],
    (channels, offsets): (&[String], &[f64]),
    cutting: &Cutting<'_>,
    place: &Place,
) -> Result<(), DataError> {
    let Some(fill) = cutting.fill else {
        return Ok(());
    };
    if fill == Fill::Interpolate {
        return Err(place.clone().refuse(Problem::Setting {
            key: "fill",
            found: "interpolate".into(),
            needed: "previous, zero or mean for a forecast: an interpolated value is made from later ones",
        }));
    }
    let means = match cutting.mean {
        Some(means) => means.iter().map(|mean| Some(*mean)).collect(),
        None if cutting.only_test => vec![None; channels.len()],
        None => {
            let rows = (series.iter()).map(|s| s.values.slice(s![s.parts[0].clone(), ..]));
            fill::means(channels.len(), rows)
        }
    };
    let zero = |j: usize| -offset_of(offsets, j) as f32;
    let zeros: Vec<f32> = (0..channels.len()).map(zero).collect();
    for series in series {
        fill.apply(&mut series.values, &means, &zeros)
            .map_err(|gap| gap.refuse(series.place.clone(), channels))?;
    }
    Ok(())
}
