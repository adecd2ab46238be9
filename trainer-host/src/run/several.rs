//! A folder of several runs, as `train --seeds` writes it.

use std::path::{Path, PathBuf};

use super::RunConfig;

/// What the names of such runs begin with.
const NAMES: [&str; 2] = ["seed-", "fold-"];

/// The runs in `folder`, in the order of their numbers; none if it is itself a run.
pub fn runs_in(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() || RunConfig::refuse_existing(folder).is_err() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(usize, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (kind, number) = NAMES
                .iter()
                .enumerate()
                .find_map(|(kind, begin)| Some((kind, name.strip_prefix(begin)?.parse().ok()?)))?;
            let path = entry.path();
            let is_run = RunConfig::refuse_existing(&path).is_err();
            is_run.then_some((kind, number, path))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, path)| path).collect()
}

/// The run in `folder`, or the several that it holds.
pub fn run_or_runs(folder: &Path) -> Vec<PathBuf> {
    let several = runs_in(folder);
    match several.is_empty() {
        true => vec![folder.to_owned()],
        false => several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_in_the_order_of_their_numbers() {
        let root = tempfile::tempdir().unwrap();
        for name in ["seed-10", "seed-9", "fold-1", "seed-x", "notes"] {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("config.toml"), "").unwrap();
        }
        let names: Vec<String> = (runs_in(root.path()).iter())
            .map(|run| run.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["seed-9", "seed-10", "fold-1"]);
        // A run is none of several, though there are some below it.
        std::fs::write(root.path().join("config.toml"), "").unwrap();
        assert!(runs_in(root.path()).is_empty());
    }
}
