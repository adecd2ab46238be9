//! File formats, told apart by their extension, or else by how the file begins.

use std::io::BufRead;
use std::path::Path;

use super::error::{DataError, Place, Problem};

/// A file format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    LongCsv,
    UcrTsv,
    SktimeTs,
    Npz,
}

impl Format {
    /// In words.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::LongCsv => "a long CSV",
            Self::UcrTsv => "a UCR .tsv",
            Self::SktimeTs => "a UEA/sktime .ts",
            Self::Npz => "a NumPy archive",
        }
    }

    /// The format of the file at `path`, of which `input` is the beginning.
    pub(super) fn of(path: &Path, input: &mut impl BufRead) -> Result<Self, DataError> {
        let place = Place::file(path);
        let head = input.fill_buf().map_err(|error| {
            let problem = Problem::Unreadable(error);
            place.clone().refuse(problem)
        })?;
        if head.is_empty() {
            return Err(place.refuse(Problem::Empty));
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::LongCsv),
            "tsv" => Ok(Self::UcrTsv),
            "ts" => Ok(Self::SktimeTs),
            "npz" => Ok(Self::Npz),
            _ if head.starts_with(b"PK") => Ok(Self::Npz),
            _ if head.starts_with(b"@") || head.starts_with(b"#") => Ok(Self::SktimeTs),
            _ => Err(place.refuse(Problem::UnknownExtension {
                found: extension.into_owned(),
            })),
        }
    }
}
