//! The UCR archive's `.tsv`: one series of one channel per line, its label first, then its values.
//!
//! Fields are separated by tabs, in the archive's other files (`_TRAIN.txt`) by spaces or commas, and every line
//! has as many. Series of different lengths are
//! padded with NaN at their end, as the archive does; NaN between values is a missing value.

use std::io::BufRead;
use std::path::Path;

use ndarray::Array2;

use super::super::error::{DataError, Place, Problem};
use super::super::offsets::Narrow;
use super::super::records::{Record, Records, Target, note_gap, numbered_channels};
use super::super::text::{self, Decimal, Separator};
use super::Reading;

/// What may divide the fields, beside spaces.
const SIGNS: [char; 2] = ['\t', ','];

/// Reads all of a file.
pub(super) fn read(
    input: impl BufRead,
    place: &Place,
    reading: &Reading<'_>,
) -> Result<Records, DataError> {
    let mut all = Records {
        channels: numbered_channels(1),
        narrow: Narrow::new(reading.offsets),
        ..Records::default()
    };
    let mut width = None;
    let mut separator = None;
    for line in text::lines(input, place, "UCR .tsv") {
        let (here, line) = line?;
        let content = text::clean(&line);
        if content.is_empty() || content.starts_with(['#', '%']) {
            continue;
        }
        let separator = *separator.get_or_insert_with(|| Separator::of(&line, &SIGNS));
        let found = separator.fields(&line).count();
        let expected = *width.get_or_insert(found);
        if found == 1 {
            return Err(here.refuse(Problem::Syntax {
                format: "UCR .tsv",
                detail: "a line needs a label and values, with tabs, commas or spaces between them"
                    .into(),
            }));
        }
        if found != expected {
            return Err(here.refuse(Problem::Ragged { expected, found }));
        }
        let unlabelled = reading.wanted.unlabelled;
        all.push(separator.fields(&line), found, (here, unlabelled))?;
    }
    Ok(all)
}

/// Whether a file is one of the archive's by its name, which ends in `_TRAIN` or `_TEST`, and by its first line, which is
/// three numbers or more.
pub(super) fn is_there(path: &Path, head: &[u8]) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_part = ["_TRAIN", "_TEST"].iter().any(|part| stem.ends_with(part));
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    // The head may end within a number.
    let mut fields = Separator::of(&line, &SIGNS)
        .fields(&line)
        .take(3)
        .map(text::clean);
    let is_number = |field: &str| field.parse::<f64>().is_ok();
    is_part && (0..3).all(|_| fields.next().is_some_and(is_number))
}

impl Records {
    fn push<'a>(
        &mut self,
        mut fields: impl Iterator<Item = &'a str>,
        width: usize,
        (here, unlabelled): (Place, bool),
    ) -> Result<(), DataError> {
        let place = here.clone().part("field 1 (the label)");
        let label = fields.next().unwrap_or_default();
        let target = match unlabelled {
            true => Target::Values(Vec::new()),
            false => Target::Label(
                (self.labels.number(label)).map_err(|problem| place.clone().refuse(problem))?,
            ),
        };
        let mut gap = None;
        let mut values = Vec::with_capacity(width - 1);
        for (t, field) in fields.enumerate() {
            let place = || here.clone().part(format!("field {}", t + 2));
            values.push(match text::number(field, Decimal::Point) {
                Ok(value) => self.narrow.value(0, value),
                Err(problem) if problem.is_gap() => {
                    note_gap(&mut gap, t, || place().refuse(problem));
                    f32::NAN
                }
                Err(problem) => return Err(place().refuse(problem)),
            });
        }
        let steps = Array2::from_shape_vec((values.len(), 1), values);
        let steps = steps.unwrap_or_else(|_| Array2::zeros((0, 1)));
        self.records.push(Record::new(place, steps, gap, target));
        Ok(())
    }
}
