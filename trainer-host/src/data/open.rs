//! The one door to data: a path or a built-in name in, data sets out.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::built_in::BuiltIn;
use super::error::{DataError, Place, Problem};
use super::format::Format;
use super::generated::Sizes;
use super::long_csv::Columns;
use super::npz::{Archive, Half};
use super::records::Records;
use super::{Dataset, Schema, long_csv, sktime_ts, ucr_tsv};

/// How to read data; the default suits files of the published formats and published task sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A separate file with the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// The columns of a long CSV.
    pub columns: Columns,
    /// The sizes of a generated task.
    pub sizes: Sizes,
    /// The seed of a generated task.
    pub seed: u64,
}

/// Data for training, and for testing if there is some.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// To train on; a validation part is split off from it.
    pub train: Dataset,
    /// To report on; never used for choosing anything.
    pub test: Option<Dataset>,
}

/// Opens a file by its path, or built-in data by its name.
///
/// The classes are those of the training part, and a test part is refused if it has others.
pub fn open(source: &str, options: &Options) -> Result<Parts, DataError> {
    let parts = open_as(source, options, None)?;
    match &options.test {
        None => Ok(parts),
        Some(path) => {
            let test = open_file(path, options, Some(&parts.train.schema()))?;
            Ok(Parts {
                test: Some(test.test.unwrap_or(test.train)),
                train: parts.train,
            })
        }
    }
}

/// Opens data to judge a model by, which was trained on data of the given schema: the test file
/// of the options or the test part of `source` if there is one, or else all of `source`.
pub fn open_test(source: &str, options: &Options, schema: &Schema) -> Result<Dataset, DataError> {
    let parts = match &options.test {
        Some(path) => open_file(path, options, Some(schema))?,
        None => open_as(source, options, Some(schema))?,
    };
    Ok(parts.test.unwrap_or(parts.train))
}

fn open_as(source: &str, options: &Options, schema: Option<&Schema>) -> Result<Parts, DataError> {
    let path = Path::new(source);
    let looks_like_path = path.extension().is_some() || path.components().count() > 1;
    if looks_like_path || path.is_file() {
        return open_file(path, options, schema);
    }
    let place = Place::file(path);
    let Some(built_in) = BuiltIn::named(source) else {
        return Err(place.refuse(Problem::UnknownBuiltIn {
            nearest: BuiltIn::nearest(source).map(|b| b.name().to_owned()),
            known: BuiltIn::ALL.map(|b| b.name().to_owned()).to_vec(),
        }));
    };
    let parts = built_in.parts(&options.sizes, options.seed)?;
    if let Some(schema) = schema {
        parts.train.require(schema, &place)?;
    }
    Ok(parts)
}

fn open_file(path: &Path, options: &Options, schema: Option<&Schema>) -> Result<Parts, DataError> {
    let place = Place::file(path);
    let file = File::open(path).map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
    let mut input = BufReader::new(file);
    let whole = |records: Records| {
        Ok(Parts {
            train: records.into_dataset(&place, schema)?,
            test: None,
        })
    };
    match Format::of(path, &mut input)? {
        Format::LongCsv => whole(long_csv::read(input, &place, &options.columns)?),
        Format::UcrTsv => whole(ucr_tsv::read(input, &place)?),
        Format::SktimeTs => whole(sktime_ts::read(input, &place)?),
        Format::Npz => {
            let mut archive = Archive::open(input, &place)?;
            if schema.is_some() && !archive.has(Half::Train) {
                return whole(archive.read(Half::Test)?);
            }
            let mut parts = whole(archive.read(Half::Train)?)?;
            if archive.has(Half::Test) {
                let test = archive.read(Half::Test)?;
                parts.test = Some(test.into_dataset(&place, Some(&parts.train.schema()))?);
            }
            Ok(parts)
        }
    }
}
