//! The UEA archive's and sktime's `.ts`: a header of `@` lines, then one series a line.
//!
//! ```text
//! @dimensions 2
//! @classLabel true left right      or  @targetLabel true  for a regression
//! @data
//! 1,2,3:4,5,6:left                 channels between colons, the label or value last
//! ```
//!
//! Series may differ in length. Time stamps are refused; missing values are `?` or NaN.

use std::collections::HashSet;
use std::io::BufRead;

use ndarray::Array2;

use super::error::{DataError, Place, Problem};
use super::records::{Labels, Record, Records, Target, numbered_channels};
use super::text::{self, Gaps};

const FORMAT: &str = "UEA/sktime .ts";

/// What the header says.
#[derive(Default)]
struct Header {
    dimensions: Option<usize>,
    equal_length: bool,
    classes: Option<Vec<String>>,
    is_regression: bool,
}

/// Reads all of a file.
pub(super) fn read(input: impl BufRead, place: &Place, gaps: Gaps) -> Result<Records, DataError> {
    let mut header = Header::default();
    let mut in_data = false;
    let mut file = Builder::default();
    for line in text::lines(input, place, FORMAT) {
        let (here, line) = line?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if in_data {
            file.push(line, &header, here, gaps)?;
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
    Ok(file.finish(header))
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
            "@timestamps" if is_true => {
                return syntax("time stamps are not supported; resample to even steps".into());
            }
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

    fn require_target(&self, here: &Place) -> Result<(), DataError> {
        if self.is_regression || self.classes.is_some() {
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
    records: Vec<Record>,
}

impl Builder {
    fn push(
        &mut self,
        line: &str,
        header: &Header,
        here: Place,
        gaps: Gaps,
    ) -> Result<(), DataError> {
        let mut channels: Vec<&str> = line.split(':').collect();
        let label = channels.pop().unwrap_or_default().trim();
        let first = self.records.first().map(|record| record.steps.dim());
        let expected = header.dimensions.or(first.map(|(_, channels)| channels));
        if channels.is_empty() || expected.is_some_and(|expected| expected != channels.len()) {
            return Err(here.refuse(Problem::ChannelCount {
                expected: expected.unwrap_or(1),
                found: channels.len(),
            }));
        }
        let steps = steps(&channels, &here, gaps)?;
        if let Some((expected, _)) = first.filter(|_| header.equal_length)
            && steps.nrows() != expected
        {
            let found = steps.nrows();
            return Err(here.refuse(Problem::SequenceLength { expected, found }));
        }
        let place = here.part("the label, after the last colon");
        let target = match text::number(label) {
            _ if label.is_empty() => return Err(place.refuse(Problem::MissingValue)),
            _ if !header.is_regression => Target::Label(self.labels.number(label)),
            Ok(value) => Target::Values(vec![value]),
            Err(problem) => return Err(place.refuse(problem)),
        };
        self.records.push(Record {
            place,
            step_lines: Vec::new(),
            steps,
            target,
            group: None,
        });
        Ok(())
    }

    fn finish(self, header: Header) -> Records {
        let channels = self
            .records
            .first()
            .map_or(0, |record| record.steps.ncols());
        Records {
            channels: numbered_channels(channels),
            labels: self.labels,
            declared: header.classes.filter(|classes| !classes.is_empty()),
            outputs: match header.is_regression {
                true => vec!["y".into()],
                false => Vec::new(),
            },
            records: self.records,
            rows_repeat: false,
        }
    }
}

/// `[T, I]` from the text of each channel.
fn steps(channels: &[&str], here: &Place, gaps: Gaps) -> Result<Array2<f32>, DataError> {
    let fields: Vec<Vec<&str>> = channels.iter().map(|c| c.split(',').collect()).collect();
    let expected = fields[0].len();
    let mut steps = Array2::zeros((expected, channels.len()));
    for (j, fields) in fields.iter().enumerate() {
        let here = || here.clone().part(format!("channel {}", j + 1));
        if channels[j].trim().is_empty() {
            return Err(here().refuse(Problem::ZeroLength));
        }
        if fields.len() != expected {
            let found = fields.len();
            return Err(here().refuse(Problem::ChannelLength { expected, found }));
        }
        for (t, field) in fields.iter().enumerate() {
            steps[[t, j]] = gaps.number(field).map_err(|problem| {
                let part = format!("channel {}, value {}", j + 1, t + 1);
                here().part(part).refuse(problem)
            })?;
        }
    }
    Ok(steps)
}
