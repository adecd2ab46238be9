//! The calls that change files and folders. All of them stand here, so that a test can let each of them fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// How names of temporary files begin and end.
pub(super) const PREFIX: &str = ".writing-";
pub(super) const SUFFIX: &str = ".tmp";

/// `std::fs::create_dir_all`
pub(crate) fn create_dir_all(folder: &Path) -> io::Result<()> {
    faults::next()?;
    std::fs::create_dir_all(folder)
}

/// `std::fs::rename`
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::next()?;
    std::fs::rename(from, to)
}

/// `std::fs::copy`. A failure may leave a part of the copy.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Err(error) = faults::next() {
        std::fs::write(to, "")?;
        return Err(error);
    }
    std::fs::copy(from, to).map(drop)
}

/// `std::fs::remove_file`
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    faults::next()?;
    std::fs::remove_file(path)
}

/// `std::fs::remove_dir`, which leaves a folder that holds anything.
#[cfg(feature = "cli")]
pub(crate) fn remove_dir(folder: &Path) -> io::Result<()> {
    faults::next()?;
    std::fs::remove_dir(folder)
}

/// Removes a folder with all that is in it. A failure may leave some of it.
pub(crate) fn remove_dir_all(folder: &Path) -> io::Result<()> {
    if let Err(error) = faults::next() {
        // The one file that was removed before.
        let first = std::fs::read_dir(folder)?.next();
        if let Some(Ok(first)) = first {
            std::fs::remove_file(first.path()).ok();
        }
        return Err(error);
    }
    std::fs::remove_dir_all(folder)
}

/// Opens a file to write in, and makes it if it is not there. What it holds stays.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    faults::next()?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).open(path)
}

/// Adds `bytes` to the end of a file. A failure may leave some of them there.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    faults::next()?;
    write_all(&mut OpenOptions::new().append(true).open(path)?, bytes)
}

/// Writes all of `bytes`. A failure may leave some of them there.
pub(super) fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = faults::next() {
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(error);
    }
    file.write_all(bytes)
}

/// A new file in `folder` with a name that [`atomic::sweep`](super::atomic::sweep) knows.
pub(super) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    faults::next()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)
}

/// Gives a file the permissions of ordinary ones; temporary ones are private.
pub(super) fn make_ordinary(file: &File) -> io::Result<()> {
    faults::next()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}

/// Waits until a file's content is on the disk.
pub(super) fn sync(file: &File) -> io::Result<()> {
    faults::next()?;
    file.sync_all()
}

/// Gives a temporary file its name; it replaces what has that name.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    if let Err(error) = faults::next() {
        // A process that is killed removes nothing.
        faults::leave(file);
        return Err(error);
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Outside of tests no fault is made.
#[cfg(not(test))]
mod faults {
    #[inline(always)]
    #[allow(
        clippy::unnecessary_wraps,
        reason = "the version of the tests returns errors"
    )]
    pub(super) fn next() -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn leave(_: tempfile::NamedTempFile) {}
}

/// Faults that tests ask for, on the thread that asks.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::Cell;
    use std::io;

    use tempfile::NamedTempFile;

    /// Which calls fail.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Fault {
        /// One call: a disk that was full for a moment.
        Once,
        /// That call and all that follow: a disk that stays full, or a process that is killed there.
        FromThenOn,
    }

    thread_local! {
        /// Calls that still succeed, and what follows; `None` where no fault is wanted.
        static PLAN: Cell<Option<(usize, Fault)>> = const { Cell::new(None) };
        static MADE: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn next() -> io::Result<()> {
        let Some((left, fault)) = PLAN.get() else {
            return Ok(());
        };
        if left > 0 {
            PLAN.set(Some((left - 1, fault)));
            return Ok(());
        }
        if fault == Fault::Once {
            PLAN.set(None);
        }
        MADE.set(true);
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    pub(super) fn leave(file: NamedTempFile) {
        if matches!(PLAN.get(), Some((_, Fault::FromThenOn))) {
            file.keep().ok();
        }
    }

    /// Runs `body` with a fault at call `number`, from 0. Returns what it returns, and whether there was such a call.
    pub(crate) fn with<T>(number: usize, fault: Fault, body: impl FnOnce() -> T) -> (T, bool) {
        MADE.set(false);
        PLAN.set(Some((number, fault)));
        let done = body();
        PLAN.set(None);
        (done, MADE.get())
    }

    /// Lets each call of `body` fail in turn, in both ways, and looks at what is left with `check`. Returns the
    /// number of calls.
    pub(crate) fn at_each_call<T>(
        mut body: impl FnMut() -> T,
        mut check: impl FnMut(T, usize, Fault),
    ) -> usize {
        let mut calls = 0;
        for fault in [Fault::Once, Fault::FromThenOn] {
            calls = 0;
            loop {
                let (done, was_made) = with(calls, fault, &mut body);
                if !was_made {
                    break;
                }
                check(done, calls, fault);
                calls += 1;
            }
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }

    /// A call that stands elsewhere would never fail in a test.
    #[test]
    fn files_are_changed_here_alone() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let calls = [
            "fs::write(",
            "fs::rename(",
            "fs::create_dir",
            "fs::remove_",
            "fs::copy(",
            "File::create",
            "OpenOptions::new()",
            "File::options",
        ];
        let mut all = Vec::new();
        sources(&source, &mut all);
        assert!(all.len() > 100);
        let is_test = |path: &Path| {
            let path = path.strip_prefix(&source).unwrap();
            let mut parts = path.components().map(|part| part.as_os_str());
            parts.any(|part| part == "tests" || part == "tests.rs")
        };
        let is_free = |path: &Path| path.ends_with("files/disk.rs") || is_test(path);
        for path in all.iter().filter(|path| !is_free(path)) {
            let text = std::fs::read_to_string(path).unwrap();
            let without_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code = without_tests
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let call = calls.iter().find(|call| line.contains(**call));
                assert_eq!(call, None, "{}: {line}", path.display());
            }
        }
    }
}
