//! The UCR archive's `.tsv`: one series of one channel per line, its label first, then its values.
//!
//! Fields are separated by tabs, and every line has as many. Series of different lengths are
//! padded with NaN at their end, as the archive does; NaN between values is a missing value.

use std::io::BufRead;

use ndarray::Array2;

use super::super::error::{DataError, Place, Problem};
use super::super::offsets::Narrow;
use super::super::records::{Record, Records, Target, note_gap, numbered_channels};
use super::super::text::{self, Decimal};
use super::Reading;

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
    for line in text::lines(input, place, "UCR .tsv") {
        let (here, line) = line?;
        let content = text::clean(&line);
        if content.is_empty() || content.starts_with(['#', '%']) {
            continue;
        }
        let found = 1 + line.bytes().filter(|byte| *byte == b'\t').count();
        let expected = *width.get_or_insert(found);
        if found == 1 {
            return Err(here.refuse(Problem::Syntax {
                format: "UCR .tsv",
                detail: "a line needs a label and values, with tabs between them".into(),
            }));
        }
        if found != expected {
            return Err(here.refuse(Problem::Ragged { expected, found }));
        }
        all.push(&line, found, (here, reading.wanted.unlabelled))?;
    }
    Ok(all)
}

impl Records {
    fn push(
        &mut self,
        line: &str,
        width: usize,
        (here, unlabelled): (Place, bool),
    ) -> Result<(), DataError> {
        let mut fields = line.split('\t');
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
