//! Layouts that data comes in: one file of this folder reads one of them.
//!
//! A layout is recognised by what a path is, by its extension, or else by how the file begins. All of them give
//! [`Records`]; what is the same for every layout is done there.

mod listing;
mod long_csv;
mod matrices;
mod npy;
mod npz;
mod npz_element;
mod recordings;
mod sktime_ts;
mod ucr_tsv;
mod wav;
mod waves;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::columns::Wanted;
use super::error::{DataError, Place, Problem};
use super::records::Records;
use super::signal_variants::SignalVariants;
use super::sound_problem::SoundProblem;
use super::task::Kind;
use npz::{Archive, Half};
pub(super) use waves::Hearing;

/// What a layout is asked for.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) wanted: Wanted<'a>,
    pub(super) kind: Option<Kind>,
    /// How recordings of sound become features.
    pub(super) hearing: Option<Hearing<'a>>,
    /// The variants that training recordings of sound get.
    pub(super) variants: Option<&'a SignalVariants>,
    /// The offset of each channel, `[I]`; none for 0.
    pub(super) offsets: &'a [f64],
}

/// The parts that a source has of its own.
pub(super) struct Halves {
    pub(super) train: Option<Records>,
    pub(super) test: Option<Records>,
}

impl Halves {
    /// Of a source that is one part.
    fn whole(records: Records) -> Self {
        Self {
            train: Some(records),
            test: None,
        }
    }
}

/// A layout that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    LongCsv,
    UcrTsv,
    SktimeTs,
    Npz,
    Recordings,
    Matrices,
    Waves,
}

impl Layout {
    /// In words.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::LongCsv => "a long CSV",
            Self::UcrTsv => "a UCR .tsv",
            Self::SktimeTs => "a UEA/sktime .ts",
            Self::Npz => "a NumPy archive",
            Self::Recordings => "a folder of recordings",
            Self::Matrices => "a folder of matrices",
            Self::Waves => "a recording of sound",
        }
    }

    /// The layout of what is at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, DataError> {
        let place = Place::file(path);
        if path.is_dir() {
            let tables = listing::tables(path)?;
            let has_waves = !listing::waves(path)?.is_empty();
            return match (matrices::is_there(&tables), has_waves) {
                (true, _) => Ok(Self::Matrices),
                (false, true) if tables.is_empty() => Ok(Self::Waves),
                (false, true) => Err(place.refuse(SoundProblem::TablesAndWaves.into())),
                (false, false) => Ok(Self::Recordings),
            };
        }
        let unreadable = |error| place.clone().refuse(Problem::Unreadable(error));
        let mut input = BufReader::new(File::open(path).map_err(unreadable)?);
        let head = input.fill_buf().map_err(unreadable)?;
        if head.is_empty() {
            return Err(place.refuse(Problem::Empty));
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::LongCsv),
            "tsv" if is_table_with_header(head) => Ok(Self::LongCsv),
            "tsv" => Ok(Self::UcrTsv),
            "ts" => Ok(Self::SktimeTs),
            "npz" => Ok(Self::Npz),
            "wav" => Ok(Self::Waves),
            _ if head.starts_with(b"PK") => Ok(Self::Npz),
            _ if is_sktime(head) => Ok(Self::SktimeTs),
            "txt" | "" if ucr_tsv::is_there(path, head) => Ok(Self::UcrTsv),
            "txt" | "dat" | "data" | "tab" => Ok(Self::LongCsv),
            _ => Err(place.refuse(Problem::UnknownExtension {
                found: extension.into_owned(),
            })),
        }
    }

    /// Reads what is at `path`.
    pub(super) fn read(self, path: &Path, reading: &Reading<'_>) -> Result<Halves, DataError> {
        let place = Place::file(path);
        let open = || {
            let file = File::open(path).map_err(|e| place.clone().refuse(Problem::Unreadable(e)));
            Ok(BufReader::new(file?))
        };
        match self {
            Self::LongCsv => Ok(Halves::whole(long_csv::read(open()?, &place, reading)?)),
            Self::UcrTsv => Ok(Halves::whole(ucr_tsv::read(open()?, &place, reading)?)),
            Self::SktimeTs => Ok(Halves::whole(sktime_ts::read(open()?, &place, reading)?)),
            Self::Recordings => recordings::read(path, &listing::tables(path)?, reading),
            Self::Matrices => matrices::read(path, &listing::tables(path)?, reading),
            Self::Waves => waves::read(path, &listing::waves(path)?, reading),
            Self::Npz => {
                let mut archive = Archive::open(open()?, &place)?;
                // Without any half, the message is that of the training one.
                let has_test = archive.has(Half::Test);
                let has_train = archive.has(Half::Train) || !has_test;
                let has_whole = reading.wanted.unlabelled && archive.has(Half::Whole);
                if has_whole && !has_test && !archive.has(Half::Train) {
                    return Ok(Halves::whole(archive.read(Half::Whole, reading)?));
                }
                let mut read = |half, is_there| match is_there {
                    true => archive.read(half, reading).map(Some),
                    false => Ok(None),
                };
                Ok(Halves {
                    train: read(Half::Train, has_train)?,
                    test: read(Half::Test, has_test)?,
                })
            }
        }
    }
}

/// The first line that is no comment begins with `@`.
fn is_sktime(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n');
    let mut lines = lines.map(|line| {
        line.strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(line)
            .trim_ascii()
    });
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    first.is_some_and(|line| line.starts_with(b"@"))
}

/// A line of words between tabs, as a UCR file never has: its second field is a number.
fn is_table_with_header(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut fields = first.split('\t').skip(1);
    let is_word = |field: &str| {
        let field = super::text::clean(field);
        !super::text::is_missing(field) && field.parse::<f64>().is_err()
    };
    fields.next().is_some_and(is_word) && fields.all(is_word)
}
