//! The files of a folder, which part each belongs to, and which part of its path says what.

use std::path::{Path, PathBuf};

use super::super::error::{DataError, Place, Problem};

/// Which part a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Test,
}

/// A file of text, or a recording.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) part: Part,
    /// The folders between the part's own and the file.
    pub(super) folders: Vec<String>,
    /// The name without its extension, and without a `_train` or `_test` that says the part.
    pub(super) stem: String,
}

/// Folders lie at most so deep in each other.
const DEPTH: usize = 5;
const TEXT: &[&str] = &["csv", "tsv", "txt", "dat", "tab"];
const WAVES: &[&str] = &["wav", "wave"];

/// All files of text in a folder, as [`list`] has them.
pub(super) fn tables(folder: &Path) -> Result<Vec<Listed>, DataError> {
    list(folder, |path| has_extension(path, TEXT) && !is_notice(path))
}

/// All WAV files in a folder, as [`list`] has them, or the one that `path` is.
pub(super) fn waves(path: &Path) -> Result<Vec<Listed>, DataError> {
    match path.is_file() {
        true => Ok(vec![listed(path.parent().unwrap_or(path), path.to_owned())]),
        false => list(path, |path| has_extension(path, WAVES)),
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    extensions.contains(&extension.to_ascii_lowercase().as_str())
}

/// Whether a text is about the data.
fn is_notice(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    ["readme", "license", "licence"]
        .iter()
        .any(|notice| name.starts_with(notice))
}

/// All files of a folder that are `wanted`, ordered by their paths. A first folder called `train` or `training` and one
/// called `test` or `testing` are the parts; elsewhere all is the training part.
fn list(folder: &Path, wanted: fn(&Path) -> bool) -> Result<Vec<Listed>, DataError> {
    let mut paths = Vec::new();
    walk(folder, (DEPTH, wanted), &mut paths)?;
    paths.sort();
    let mut all: Vec<Listed> = paths.into_iter().map(|path| listed(folder, path)).collect();
    // Without a training folder, one called `test` is a class like any other.
    if !all
        .iter()
        .any(|file| file.folders.first().and_then(|f| part_named(f)) == Some(Part::Train))
    {
        return Ok(all);
    }
    // What lies beside the parts is about them.
    let is_part = |file: &Listed| {
        file.folders
            .first()
            .is_some_and(|f| part_named(f).is_some())
    };
    all.retain(is_part);
    for file in &mut all {
        if let Some(part) = file.folders.first().and_then(|name| part_named(name)) {
            file.part = part;
            file.folders.remove(0);
        }
    }
    Ok(all)
}

fn part_named(name: &str) -> Option<Part> {
    match name.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

fn walk(
    folder: &Path,
    (depth, wanted): (usize, fn(&Path) -> bool),
    found: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    let unreadable = |error| Place::file(folder).refuse(Problem::Unreadable(error));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() && depth > 0 {
            walk(&path, (depth - 1, wanted), found)?;
        } else if path.is_file() && wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn listed(folder: &Path, path: PathBuf) -> Listed {
    let relative = path.strip_prefix(folder).unwrap_or(&path);
    let parents = relative.parent().into_iter().flat_map(Path::components);
    let folders = parents
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let suffix = stem
        .rsplit_once('_')
        .and_then(|(stem, suffix)| Some((stem, part_named(suffix)?)));
    let (stem, part) = match suffix {
        Some((stem, part)) => (stem.to_owned(), part),
        None => (stem, Part::Train),
    };
    Listed {
        path,
        part,
        folders,
        stem,
    }
}
