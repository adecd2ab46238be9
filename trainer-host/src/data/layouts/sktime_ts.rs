//! The UEA archive's and sktime's `.ts`: a header of `@` lines, then one series a line.
//!
//! ```text
//! @dimensions 2
//! @classLabel true left right      or  @targetLabel true  for a regression
//! @data
//! 1,2,3:4,5,6:left                 channels between colons, the label or value last
//! ```
//!
//! Series may differ in length. With `@timeStamps true` a value is `(time,value)`, and times must be even.
//! Missing values are `?` or NaN.

use std::collections::HashSet;
use std::io::BufRead;

use ndarray::Array2;

use super::super::error::{DataError, Place, Problem};
use super::super::offsets::Narrow;
use super::super::records::{Gap, Labels, Record, Records, Target, note_gap, numbered_channels};
use super::super::text::{self, Decimal};
use super::super::time_stamp::Time;
use super::Reading;

const FORMAT: &str = "UEA/sktime .ts";

/// What the header says.
#[derive(Default)]
struct Header {
    dimensions: Option<usize>,
    equal_length: bool,
    classes: Option<Vec<String>>,
    is_regression: bool,
    is_timed: bool,
    /// Whether labels are not read.
    unlabelled: bool,
}

/// Reads all of a file.
pub(super) fn read(
    input: impl BufRead,
    place: &Place,
    reading: &Reading<'_>,
) -> Result<Records, DataError> {
    let mut header = Header {
        unlabelled: reading.wanted.unlabelled,
        ..Header::default()
    };
    let mut in_data = false;
    let mut file = Builder {
        narrow: Narrow::new(reading.offsets),
        ..Builder::default()
    };
    for line in text::lines(input, place, FORMAT) {
        let (here, line) = line?;
        let line = text::clean(&line);
        if line.is_empty() || line.starts_with(['#', '%']) {
            continue;
        }
        if in_data {
            file.push(line, &header, here)?;
        } else if line.eq_ignore_ascii_case("@data") {
            header.require_target(&here)?;
            in_data = true;
        } else {
            header.read(line, here)?;
        }
    }
    if !in_data && header.dimensions.is_some() {
        return Err(place.clone().refuse(Problem::Syntax {
            format: FORMAT,
            detail: "there is no @data line; the series follow it".into(),
        }));
    }
    file.finish(header)
}

impl Header {
    /// Takes in one line, `@key value...`.
    fn read(&mut self, line: &str, here: Place) -> Result<(), DataError> {
        let syntax = |detail: String| {
            Err(here.clone().refuse(Problem::Syntax {
                format: FORMAT,
                detail,
            }))
        };
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default().to_ascii_lowercase();
        let value = words.next().unwrap_or_default();
        let is_true = value.eq_ignore_ascii_case("true");
        match key.as_str() {
            "@dimensions" | "@dimension" => match value.parse() {
                Ok(dimensions) if dimensions > 0 => self.dimensions = Some(dimensions),
                _ => return syntax(format!("{key} needs a number of channels, not {value:?}")),
            },
            "@univariate" if is_true => self.dimensions = Some(1),
            "@equallength" => self.equal_length = is_true,
            "@timestamps" => self.is_timed = is_true,
            "@classlabel" if is_true => {
                let classes: Vec<String> = words.map(str::to_owned).collect();
                let mut seen = HashSet::new();
                if let Some(twice) = classes.iter().find(|class| !seen.insert(*class)) {
                    return syntax(format!("the class {twice:?} is declared twice"));
                }
                self.classes = Some(classes);
            }
            "@targetlabel" if is_true => self.is_regression = true,
            _ if !key.starts_with('@') => {
                return syntax("a series before the @data line; put the header first".into());
            }
            // Names and sizes that the data itself shows.
            _ => {}
        }
        Ok(())
    }

    fn has_targets(&self) -> bool {
        self.is_regression || self.classes.is_some()
    }

    fn require_target(&self, here: &Place) -> Result<(), DataError> {
        if self.has_targets() || self.unlabelled {
            return Ok(());
        }
        Err(here.clone().refuse(Problem::NoLabels {
            detail: "the header needs \"@classLabel true\" with the classes after it, or \
                     \"@targetLabel true\", and each series its label last"
                .into(),
        }))
    }
}

#[derive(Default)]
struct Builder {
    labels: Labels,
    narrow: Narrow,
    records: Vec<Record>,
}

impl Builder {
    fn push(&mut self, line: &str, header: &Header, here: Place) -> Result<(), DataError> {
        let mut channels = parts(line, header.is_timed);
        let label = match header.has_targets() {
            true => text::clean(channels.pop().unwrap_or_default()),
            false => "",
        };
        let first = self.records.first().map(|record| record.steps.dim());
        let expected = header.dimensions.or(first.map(|(_, channels)| channels));
        if channels.is_empty() || expected.is_some_and(|expected| expected != channels.len()) {
            return Err(here.refuse(Problem::ChannelCount {
                expected: expected.unwrap_or(1),
                found: channels.len(),
            }));
        }
        let untimed: Vec<String>;
        if header.is_timed {
            untimed = without_times(&channels, &here)?;
            channels = untimed.iter().map(String::as_str).collect();
        }
        let (steps, gap) = self.steps(&channels, &here)?;
        let place = here.part("the label, after the last colon");
        let refuse = |problem| place.clone().refuse(problem);
        let target = match header.is_regression {
            _ if header.unlabelled => Target::Values(Vec::new()),
            false => Target::Label(self.labels.number(label).map_err(refuse)?),
            true => {
                let value = text::target(label, Decimal::Point).map_err(refuse)?;
                Target::Values(vec![value as f32])
            }
        };
        self.records.push(Record::new(place, steps, gap, target));
        Ok(())
    }

    /// `[T, I]` from the text of each channel.
    fn steps(&mut self, channels: &[&str], here: &Place) -> Result<(Array2<f32>, Gap), DataError> {
        let width = |channel: &str| 1 + channel.bytes().filter(|byte| *byte == b',').count();
        let expected = width(channels[0]);
        let mut steps = Array2::zeros((expected, channels.len()));
        let mut gap = None;
        for (j, channel) in channels.iter().enumerate() {
            let part = |part: String| here.clone().part(part);
            if channel.trim().is_empty() {
                return Err(part(format!("channel {}", j + 1)).refuse(Problem::ZeroLength));
            }
            let found = width(channel);
            if found != expected {
                return Err(part(format!("channel {}", j + 1))
                    .refuse(Problem::ChannelLength { expected, found }));
            }
            for (t, field) in channel.split(',').enumerate() {
                let place = || part(format!("channel {}, value {}", j + 1, t + 1));
                steps[[t, j]] = match text::number(field, Decimal::Point) {
                    Ok(value) => self.narrow.value(j, value),
                    Err(problem) if problem.is_gap() => {
                        note_gap(&mut gap, t, || place().refuse(problem));
                        f32::NAN
                    }
                    Err(problem) => return Err(place().refuse(problem)),
                };
            }
        }
        Ok((steps, gap))
    }

    fn finish(self, header: Header) -> Result<Records, DataError> {
        if header.equal_length {
            self.require_equal_lengths()?;
        }
        let channels = (self.records.first()).map_or(0, |record| record.steps.ncols());
        Ok(Records {
            channels: numbered_channels(channels),
            labels: self.labels,
            declared: header.classes.filter(|classes| !classes.is_empty()),
            outputs: match header.is_regression {
                true => vec!["y".into()],
                false => Vec::new(),
            },
            records: self.records,
            kind_is_said: header.is_regression,
            narrow: self.narrow,
            ..Records::default()
        })
    }

    /// Lengths as they stand in the file, padding included.
    fn require_equal_lengths(&self) -> Result<(), DataError> {
        let length = |record: &Record| record.steps.nrows();
        let expected = self.records.first().map_or(0, length);
        match self
            .records
            .iter()
            .find(|record| length(record) != expected)
        {
            None => Ok(()),
            Some(record) => {
                let (place, found) = (record.place.clone(), length(record));
                Err(place.refuse(Problem::SequenceLength { expected, found }))
            }
        }
    }
}

/// The channels and the label between colons; those within the brackets of a time stamp divide nothing.
fn parts(line: &str, is_timed: bool) -> Vec<&str> {
    if !is_timed {
        return line.split(':').collect();
    }
    let mut depth = 0;
    let is_divider = |sign: char| {
        depth += i32::from(sign == '(') - i32::from(sign == ')');
        sign == ':' && depth <= 0
    };
    line.split(is_divider).collect()
}

/// The values of each channel without their times, which must be even.
fn without_times(channels: &[&str], here: &Place) -> Result<Vec<String>, DataError> {
    channels
        .iter()
        .enumerate()
        .map(|(j, channel)| {
            let refuse = |detail: &str| {
                let place = here.clone().part(format!("channel {}", j + 1));
                Err(place.refuse(Problem::Syntax {
                    format: FORMAT,
                    detail: detail.into(),
                }))
            };
            let (mut values, mut times) = (Vec::new(), Vec::new());
            for pair in channel.split(')').filter(|pair| !pair.trim().is_empty()) {
                let pair = pair.trim_start_matches([',', ' ']).strip_prefix('(');
                let Some((time, value)) = pair.and_then(|pair| pair.rsplit_once(',')) else {
                    return refuse("with time stamps every value is (time,value)");
                };
                let Some(time) = Time::parse(text::clean(time)) else {
                    return refuse(
                        "a time stamp is neither a number nor a date such as 2016-07-01 00:00:00",
                    );
                };
                values.push(value);
                times.push(time);
            }
            let steps: Vec<f64> = times
                .windows(2)
                .map(|pair| pair[1].since(pair[0]))
                .collect();
            let is_even = |step: &f64| *step > 0.0 && (step - steps[0]).abs() <= 1e-3 * steps[0];
            match steps.iter().all(is_even) {
                true => Ok(values.join(",")),
                false => refuse("time stamps are uneven; resample to even steps"),
            }
        })
        .collect()
}
