//! Files that appear whole or not at all: written under a temporary name, then renamed.

use std::path::{Path, PathBuf};

use super::disk::{self, PREFIX, SUFFIX};

/// Why a file could not be written; nothing was left behind.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {source}; check that the folder exists, is writable and has room", path.display())]
pub struct WriteFileError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// Removes the temporary files that a killed process left in `folder`, in which no other one writes.
pub fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            // One that stays costs space alone.
            let _ = disk::remove_file(&entry.path());
        }
    }
}

/// Writes `bytes` to `path`, replacing what was there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteFileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let attempt = || -> std::io::Result<()> {
        let mut file = disk::temporary(folder)?;
        disk::write_all(file.as_file_mut(), bytes)?;
        disk::make_ordinary(file.as_file())?;
        disk::sync(file.as_file())?;
        disk::persist(file, path)
    };
    attempt().map_err(|source| WriteFileError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::disk::faults::at_each_call;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/such/a.txt"), b"x").unwrap_err();
        assert!(error.to_string().contains("a.txt"));
    }

    #[test]
    fn a_fault_at_any_call_leaves_the_old_file_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lstm");
        let (old, new) = (vec![1; 1000], vec![2; 2000]);
        let calls = at_each_call(
            || {
                std::fs::write(&path, &old).unwrap();
                write(&path, &new)
            },
            |done, call, fault| {
                assert!(done.is_err(), "call {call}, {fault:?}");
                assert_eq!(std::fs::read(&path).unwrap(), old, "call {call}, {fault:?}");
                sweep(folder.path());
                let left = std::fs::read_dir(folder.path()).unwrap().count();
                assert_eq!(left, 1, "call {call}, {fault:?}");
            },
        );
        assert_eq!(calls, 5);
        write(&path, &new).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), new);
    }
}
