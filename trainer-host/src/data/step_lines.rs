//! Steps of a stream as lines of text, one a step, as a pipe gives them.
//!
//! ```text
//! ax,ay,az          optional: the channels, in any order, and other columns, which are left out
//! 0.1,-0.5,9.8      a step
//!                   an empty line: the next step is the first of another recording
//! ```
//!
//! Fields stand between commas, semicolons, tabs or spaces. Without the first line they are the channels in the
//! model's order.

use std::path::Path;

use super::error::{DataError, Place, Problem};
use super::text::{self, Decimal, Separator};

/// Reads lines for one model.
#[derive(Clone, Debug)]
pub struct StepLines {
    channels: Vec<String>,
    place: Place,
    /// Columns of the channels, and how many columns there are.
    columns: Vec<usize>,
    width: usize,
    lines: u64,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepLine {
    /// The names of the columns.
    Header,
    /// The end of a recording.
    Reset,
    /// A value for each channel, `[I]`.
    Step(Vec<f64>),
}

impl StepLines {
    /// Lines of `source`, as messages call it, for these channels.
    pub fn new(channels: &[String], source: &str) -> Self {
        Self {
            channels: channels.to_vec(),
            place: Place::file(Path::new(source)),
            columns: (0..channels.len()).collect(),
            width: channels.len(),
            lines: 0,
        }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// When it has another number of fields, or a field is no number; the message has the line's number.
    pub fn take(&mut self, line: &str) -> Result<StepLine, DataError> {
        self.lines += 1;
        let here = self.place.clone().line(self.lines);
        let line = text::clean(line);
        if line.is_empty() {
            return Ok(StepLine::Reset);
        }
        let fields = Separator::of(line, &[',', ';', '\t']).fields(line);
        let fields: Vec<&str> = fields.map(text::clean).collect();
        let is_word = |field: &&str| !text::is_missing(field) && field.parse::<f64>().is_err();
        if self.lines == 1 && fields.iter().all(is_word) {
            self.take_header(&fields).map_err(|p| here.refuse(p))?;
            return Ok(StepLine::Header);
        }
        let (expected, found) = (self.width, fields.len());
        if expected != found {
            return Err(here.refuse(Problem::Ragged { expected, found }));
        }
        let value = |(at, channel): (&usize, &String)| {
            let place = here.clone().part(format!("channel {channel}"));
            text::number(fields[*at], Decimal::Point).map_err(|problem| place.refuse(problem))
        };
        let values = self.columns.iter().zip(&self.channels).map(value);
        values.collect::<Result<_, _>>().map(StepLine::Step)
    }

    fn take_header(&mut self, names: &[&str]) -> Result<(), Problem> {
        let column = |channel: &String| {
            let mut columns = (0..names.len()).filter(|at| names[*at] == channel);
            match (columns.next(), columns.next()) {
                (Some(at), None) => Ok(at),
                (Some(_), Some(_)) => Err(Problem::DuplicateColumn {
                    name: channel.clone(),
                }),
                (None, _) => Err(Problem::Mismatch {
                    what: "channels",
                    expected: self.channels.join(", "),
                    found: names.join(", "),
                }),
            }
        };
        self.columns = self.channels.iter().map(column).collect::<Result<_, _>>()?;
        self.width = names.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(channels: &[&str]) -> StepLines {
        let channels: Vec<String> = channels.iter().map(|name| (*name).to_owned()).collect();
        StepLines::new(&channels, "standard input")
    }

    #[test]
    fn a_line_is_a_step_in_the_model_s_order_or_in_that_of_a_header() {
        let mut plain = lines(&["x", "y"]);
        for line in ["1,-2.5", " 1 ; -2.5 ", "1\t-2.5\r", "1 -2.5"] {
            assert_eq!(plain.take(line).unwrap(), StepLine::Step(vec![1.0, -2.5]));
        }
        assert_eq!(plain.take(" ").unwrap(), StepLine::Reset);
        let mut named = lines(&["x", "y"]);
        assert_eq!(named.take("y,label,x").unwrap(), StepLine::Header);
        let step = named.take("1,walk,-2.5").unwrap();
        assert_eq!(step, StepLine::Step(vec![-2.5, 1.0]));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (line, expected) in [
            ("1,2,3", "standard input:2: expected 2 fields, found 3"),
            ("1,x", "standard input:2, channel y: \"x\" is not a number"),
            ("1,", "standard input:2, channel y: value missing"),
            ("1,inf", "standard input:2, channel y: inf is not a finite"),
            ("x,y", "standard input:2, channel x: \"x\" is not a number"),
        ] {
            let mut lines = lines(&["x", "y"]);
            lines.take("0,0").unwrap();
            let error = lines.take(line).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = lines(&["x", "y"]).take("x,z").unwrap_err().to_string();
        assert!(error.contains("x, y") && error.contains("x, z"), "{error}");
    }
}
