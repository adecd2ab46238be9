//! Paths of data and of other runs in a configuration file, which are relative to the file, so that they are
//! found from any folder.

use std::path::{Component, Path, PathBuf};

use crate::data::{BuiltIn, Options};
use crate::train::TrainConfig;

/// Changes every path that a configuration holds; the name of built-in data is none.
pub(super) fn change(
    source: Option<&mut String>,
    data: &mut Options,
    train: &mut TrainConfig,
    change: impl Fn(&Path) -> PathBuf,
) {
    if let Some(source) = source.filter(|source| BuiltIn::named(source).is_none()) {
        *source = change(Path::new(source.as_str()))
            .to_string_lossy()
            .into_owned();
    }
    let teacher = (train.distillation.as_mut()).map(|distillation| &mut distillation.teacher);
    let noise = (data.signal_variants.as_mut()).and_then(|variants| variants.noise.as_mut());
    let others = data
        .test
        .as_mut()
        .into_iter()
        .chain(&mut train.init)
        .chain(noise);
    for path in others.chain(teacher) {
        *path = change(path);
    }
}

/// The path of a file in `folder`, in which `path` stands: relative to the folder or, where nothing is there,
/// to the working directory, as earlier versions wrote it.
pub(super) fn from_file_in(folder: &Path, path: &Path) -> PathBuf {
    let there = folder.join(path);
    if !there.exists() && path.exists() {
        return path.to_owned();
    }
    let climbs = there
        .components()
        .any(|component| component == Component::ParentDir);
    if climbs { short(&there) } else { there }
}

/// `path`, from the working directory, as a file in `folder` has it; absolute where the two have nothing in
/// common.
pub(super) fn relative_to(folder: &Path, path: &Path) -> PathBuf {
    // The folder itself may be a link; the system counts `..` from where that leads.
    let folder = folder.canonicalize().unwrap_or_else(|_| located(folder));
    let path = located(path);
    let pairs = path.components().zip(folder.components());
    let common = pairs.take_while(|(a, b)| a == b).count();
    let is_root = |component: &Component<'_>| matches!(component, Component::RootDir);
    let named = path.components().take(common).skip_while(is_root).count();
    if named == 0 || !path.is_absolute() || !folder.is_absolute() {
        return path;
    }
    let up = folder
        .components()
        .skip(common)
        .map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

/// The absolute path, the same for every way to write it; as it is where its folder does not exist.
pub(super) fn located(path: &Path) -> PathBuf {
    // A link in the place of a file keeps its name: what it leads to may change.
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    let found = match path.file_name() {
        Some(name) => parent.canonicalize().map(|parent| parent.join(name)),
        None => path.canonicalize(),
    };
    found.unwrap_or_else(|_| path.to_owned())
}

/// The same place, from the working directory where it lies below it.
fn short(path: &Path) -> PathBuf {
    let located = located(path);
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here.map(|here| located.strip_prefix(here).map(Path::to_owned)) {
        Ok(Ok(below)) if below.as_os_str().is_empty() => PathBuf::from("."),
        Ok(Ok(below)) => below,
        _ => located,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_back_from_the_file_that_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let folders = ["runs/a", "runs/b", "data", "."].map(|folder| root.join(folder));
        for folder in &folders {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("d.csv"), "").unwrap();
        }
        for folder in &folders {
            for other in &folders {
                let file = located(&other.join("d.csv"));
                let held = relative_to(folder, &file);
                assert!(held.is_relative(), "{}", held.display());
                assert_eq!(located(&from_file_in(folder, &held)), file);
            }
        }
        let moved = root.join("moved");
        std::fs::rename(root.join("runs"), &moved).unwrap();
        let held = Path::new("../b/d.csv");
        assert_eq!(from_file_in(&moved.join("a"), held), moved.join("b/d.csv"));
    }

    #[cfg(unix)]
    #[test]
    fn a_run_folder_that_is_a_link_finds_its_data() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (elsewhere, link) = (root.join("scratch/r1"), root.join("out"));
        std::fs::create_dir_all(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let file = root.join("d.csv");
        std::fs::write(&file, "").unwrap();
        let held = relative_to(&link, &file);
        assert_eq!(link.join(held).canonicalize().unwrap(), file);
    }

    #[test]
    fn what_has_nothing_in_common_stays_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = Path::new("/nowhere/at/all/d.csv");
        assert_eq!(relative_to(folder.path(), elsewhere), elsewhere);
        assert_eq!(from_file_in(folder.path(), elsewhere), elsewhere);
    }
}
