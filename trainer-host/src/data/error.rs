//! What can be wrong with data, and where.

use std::fmt;
use std::path::{Path, PathBuf};

pub use super::problem::Problem;

/// Why data was refused: where, what, and what to do about it. Its message quotes no more of the data than a
/// reader takes in.
#[derive(Debug, thiserror::Error)]
pub struct DataError {
    /// The file, and the line, column or member in it.
    pub place: Place,
    /// What is wrong there; boxed, since results are seldom errors.
    pub problem: Box<Problem>,
}

/// Longer messages are cut in their middle.
const LONGEST: usize = 1500;
/// What is left of their beginning and of their end, where the cure stands.
const HEAD: usize = 700;
const TAIL: usize = 500;

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = format!("{}: {}", self.place, self.problem);
        if message.len() <= LONGEST {
            return f.write_str(&message);
        }
        let head = message.floor_char_boundary(HEAD);
        let tail = message.ceil_char_boundary(message.len() - TAIL);
        write!(f, "{} … {}", &message[..head], &message[tail..])
    }
}

/// A place in a file: `train.csv:42, column x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or the name of built-in data.
    pub file: PathBuf,
    /// The line, counted from 1; binary files have none.
    pub line: Option<u64>,
    /// The column, channel or array element, in words.
    pub part: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: &Path) -> Self {
        Self {
            file: path.to_owned(),
            line: None,
            part: None,
        }
    }

    /// This file, at a line counted from 1.
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// This line, at a column, channel or array element.
    pub fn part(mut self, part: impl Into<String>) -> Self {
        self.part = Some(part.into());
        self
    }

    /// The error that `problem` is, here.
    pub fn refuse(self, problem: Problem) -> DataError {
        DataError {
            place: self,
            problem: Box::new(problem),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(part) = &self.part {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}
