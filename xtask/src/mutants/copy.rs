//! The copy of the repository that is changed, so that a call which is stopped leaves no change behind.
//!
//! The next call brings the copy up to date. It writes only files that differ, so that what was built of the others
//! stays.
//!
//! Building all of `trainer-host` for every change would take most of the time. Some of its modules use none of the
//! others; the copy has a package more for each of them, with this module alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::parts::PARTS;
use super::walk;
use crate::command;

/// A copy of the repository, of which a process is in sole use.
pub(super) struct Copy {
    folder: PathBuf,
    _lock: File,
}

impl Copy {
    /// Makes the copy, or brings it up to date.
    pub(super) fn make() -> Result<Self> {
        let folder = command::target_root().join("mutants");
        let copy = Self {
            _lock: lock(&folder)?,
            folder,
        };
        let tree = copy.tree();
        let list = [
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ];
        let names = command::printed(Command::new("git").current_dir(command::root()).args(list))?;
        let mut wanted = BTreeMap::new();
        for name in names.split_terminator('\0') {
            let from = command::root().join(name);
            // A file that was deleted and not committed, or a folder with a repository of its own.
            if !from.is_file() {
                continue;
            }
            let bytes = fs::read(&from).with_context(|| from.display().to_string())?;
            let bytes = match name {
                "Cargo.toml" => with_members(&bytes)?,
                _ => bytes,
            };
            wanted.insert(tree.join(name), bytes);
        }
        for module in modules_alone() {
            let folder = tree.join(package_of(module));
            wanted.insert(folder.join("Cargo.toml"), manifest(module)?.into_bytes());
            wanted.insert(folder.join("src/lib.rs"), library(module).into_bytes());
        }
        let mut files = Vec::new();
        walk(&tree, &mut files);
        for file in files.iter().filter(|file| !wanted.contains_key(*file)) {
            fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
        for (path, bytes) in &wanted {
            write(path, bytes)?;
        }
        Ok(copy)
    }

    /// Its root.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Where it is built.
    pub(super) fn build(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Where the lists of what was found lie.
    pub(super) fn results(&self) -> &Path {
        &self.folder
    }
}

/// Holds the copy in `folder` until it is dropped: another call would see this one's changes.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => bail!(
            "another `cargo xtask mutants` works in {}; wait for its end, or set CARGO_TARGET_DIR to another folder",
            folder.display()
        ),
        // Some file systems know no locks.
        _ => Ok(file),
    }
}

/// The package with only this module of `trainer-host`.
pub(super) fn package_of(module: &str) -> String {
    format!("trainer-host-{module}")
}

fn modules_alone() -> BTreeSet<&'static str> {
    PARTS.iter().filter_map(|part| part.alone).collect()
}

/// Writes the file unless it has these bytes already.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// The workspace's manifest with the further packages.
fn with_members(manifest: &[u8]) -> Result<Vec<u8>> {
    let manifest = std::str::from_utf8(manifest).context("Cargo.toml is not text")?;
    let list = "members = [";
    let (before, behind) =
        (manifest.split_once(list)).context("Cargo.toml has no list of `members`")?;
    let more = modules_alone()
        .iter()
        .map(|module| format!("\"{}\", ", package_of(module)))
        .collect::<String>();
    Ok(format!("{before}{list}{more}{behind}").into_bytes())
}

/// The manifest of the package with this module: the dependencies of `trainer-host` that it always has.
fn manifest(module: &str) -> Result<String> {
    let path = command::root().join("trainer-host/Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let dependencies = text
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .take_while(|line| *line != "[dev-dependencies]")
        .filter(|line| !line.contains("optional = true"))
        .collect::<Vec<_>>();
    Ok(format!(
        "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition.workspace = true\n\n{}\n\n\
         [dev-dependencies]\nproptest.workspace = true\n",
        package_of(module),
        dependencies.join("\n").trim_end()
    ))
}

/// The module, and what `trainer-host` has of its numerics.
fn library(module: &str) -> String {
    let file = format!("../../trainer-host/src/{module}/mod.rs");
    // Whatever only other modules use is not used here.
    format!(
        "#![allow(warnings)]\npub use trainer_numerics::*;\n#[path = \"{file}\"]\npub mod {module};\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_at_a_time_has_the_copy() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let first = lock(&folder).unwrap();
        let refused = lock(&folder).unwrap_err().to_string();
        assert!(refused.contains("wait for its end"), "{refused}");
        drop(first);
        lock(&folder).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn packages_of_modules_join_the_workspace_with_what_the_trainer_always_needs() {
        let manifest_of_all = fs::read(command::root().join("Cargo.toml")).unwrap();
        let text = String::from_utf8(with_members(&manifest_of_all).unwrap()).unwrap();
        for module in modules_alone() {
            assert!(text.contains(&format!("\"trainer-host-{module}\", ")));
            let manifest = manifest(module).unwrap();
            assert!(manifest.contains("\nndarray.workspace = true\n"));
            assert!(!manifest.contains("clap") && !manifest.contains("[features]"));
            let file = format!("trainer-host/src/{module}/mod.rs");
            assert!(command::root().join(file).is_file());
        }
        assert!(with_members(b"[workspace]").is_err());
    }
}
