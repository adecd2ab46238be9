//! The one door to data: a path or a built-in name in, data sets out.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::error::{DataError, Place, Problem};
use super::npz::{Archive, Half};
use super::{Dataset, Schema};

/// How to read data; the default suits files of the published formats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// A separate file with the test part.
    pub test: Option<PathBuf>,
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
pub fn open(source: &str, options: &Options) -> Result<Parts, DataError> {
    let parts = open_file(Path::new(source), None)?;
    match &options.test {
        None => Ok(parts),
        Some(path) => Ok(Parts {
            test: Some(open_test_file(path, &parts.train.schema())?),
            train: parts.train,
        }),
    }
}

/// Opens data to judge a model by, which was trained on data of the given schema: the test part
/// of `source` if it has one, or else all of it.
pub fn open_test(source: &str, _options: &Options, schema: &Schema) -> Result<Dataset, DataError> {
    open_test_file(Path::new(source), schema)
}

fn open_test_file(path: &Path, schema: &Schema) -> Result<Dataset, DataError> {
    let parts = open_file(path, Some(schema))?;
    Ok(parts.test.unwrap_or(parts.train))
}

fn open_file(path: &Path, schema: Option<&Schema>) -> Result<Parts, DataError> {
    let place = Place::file(path);
    let file = File::open(path).map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
    let mut archive = Archive::open(BufReader::new(file), &place)?;
    let train = archive.read(Half::Train)?.into_dataset(&place, schema)?;
    let test = match archive.has(Half::Test) {
        true => Some(
            archive
                .read(Half::Test)?
                .into_dataset(&place, Some(&train.schema()))?,
        ),
        false => None,
    };
    Ok(Parts { train, test })
}
