//! Data through its one door: what is read, what is refused and with which words.

mod forecast;
mod formats;
mod layouts;
mod originals;
mod published;
mod refusals;
mod statistics;
mod unlabelled;
mod waves;

use std::path::PathBuf;

use tempfile::TempDir;
use trainer_host::data::{DataError, Options, Parts, open};

/// Files that vanish with it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Opens a file of this name and content.
fn open_bytes(name: &str, bytes: impl AsRef<[u8]>, options: &Options) -> Result<Parts, DataError> {
    let files = Files::new();
    open(files.write(name, bytes).to_str().unwrap(), options)
}

/// Holds that `result` is refused with all `pieces` in its message.
#[track_caller]
fn refused(result: Result<impl std::fmt::Debug, impl std::fmt::Display>, pieces: &[&str]) {
    let message = result.unwrap_err().to_string();
    for piece in pieces {
        assert!(message.contains(piece), "{piece:?} is not in: {message}");
    }
}
