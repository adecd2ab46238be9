//! A folder of recordings: one table a recording, its class by the subfolder or by the file's name.
//!
//! ```text
//! walk/a.csv  run/b.csv              the subfolder is the class
//! walk.1.csv  run.2.csv              what stands before the first point (Edge Impulse)
//! walk_01.csv  run_02.csv            or before the number at the end
//! ann/walk_01.csv  bob/walk_01.csv   the same classes before a number in every subfolder: those are groups
//! training/...  testing/...          parts, each in one of these ways
//! ```
//!
//! A table with a column of labels says its labels itself. Time, columns and separators are those of a
//! long CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use super::super::error::{DataError, Place, Problem};
use super::super::records::Records;
use super::super::text;
use super::listing::{Listed, Part};
use super::long_csv::{Named, Tables};
use super::{Halves, Reading};

/// Reads all files.
pub(super) fn read(
    folder: &Path,
    files: &[Listed],
    reading: &Reading<'_>,
) -> Result<Halves, DataError> {
    let place = Place::file(folder);
    let part = |part: Part| -> Result<Option<Records>, DataError> {
        let files: Vec<&Listed> = files.iter().filter(|file| file.part == part).collect();
        match files.is_empty() {
            true => Ok(None),
            false => records(&place, &files, reading).map(Some),
        }
    };
    let halves = Halves {
        train: part(Part::Train)?,
        test: part(Part::Test)?,
    };
    match (&halves.train, &halves.test) {
        (None, None) => Err(place.refuse(Problem::NoRecordings)),
        _ => Ok(halves),
    }
}

fn records(folder: &Place, files: &[&Listed], reading: &Reading<'_>) -> Result<Records, DataError> {
    let named = names(folder, files)?;
    let mut tables = Tables::new(*reading);
    for (file, mut named) in files.iter().zip(named) {
        let place = Place::file(&file.path);
        named.name = Some(
            [&file.folders[..], std::slice::from_ref(&file.stem)]
                .concat()
                .join("/"),
        );
        if reading.wanted.unlabelled {
            named.label = None;
        }
        let input = File::open(&file.path);
        let input = input.map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
        tables.add(input, &place, &named)?;
    }
    Ok(tables.finish())
}

/// What the path of each file says.
pub(super) fn names(folder: &Place, files: &[&Listed]) -> Result<Vec<Named>, DataError> {
    let depth = files.iter().map(|file| file.folders.len());
    let (least, most) = (
        depth.clone().min().unwrap_or_default(),
        depth.max().unwrap_or_default(),
    );
    if most > 1 || least != most {
        return Err(folder.clone().refuse(Problem::FoldersInFolders));
    }
    let by_name = class_names(files);
    if most == 0 {
        let labels = by_name.into_iter().map(|label| Named {
            label: Some(label),
            ..Named::default()
        });
        return require_words(files, labels.collect());
    }
    let are_groups = same_classes_everywhere(files, &by_name);
    let named = files.iter().zip(by_name).map(|(file, label)| {
        let own = file.folders[0].clone();
        match are_groups {
            true => Named {
                label: Some(label),
                group: Some(own),
                name: None,
            },
            false => Named {
                label: Some(own),
                ..Named::default()
            },
        }
    });
    require_words(files, named.collect())
}

/// Refuses classes that are called like a missing value.
fn require_words(files: &[&Listed], named: Vec<Named>) -> Result<Vec<Named>, DataError> {
    for (file, named) in files.iter().zip(&named) {
        if let Some(label) = &named.label {
            text::word(label).map_err(|problem| Place::file(&file.path).refuse(problem))?;
        }
    }
    Ok(named)
}

/// Whether every one of several subfolders has the same classes by its files' names, two or more.
fn same_classes_everywhere(files: &[&Listed], by_name: &[String]) -> bool {
    let mut folders = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (file, name) in files.iter().zip(by_name) {
        folders.entry(&file.folders[0]).or_default().insert(name);
    }
    let mut sets = folders.values();
    let Some(first) = sets.next() else {
        return false;
    };
    // Names that are all numbers count the files of a class, and names without numbers may be those of files.
    let are_words = first.iter().all(|name| name.contains(char::is_alphabetic));
    let are_numbered = files
        .iter()
        .zip(by_name)
        .all(|(file, name)| file.stem != *name);
    let are_same = folders.len() > 1 && first.len() > 1 && sets.all(|set| set == first);
    are_same && are_words && are_numbered
}

/// The class that each file's name begins with.
fn class_names(files: &[&Listed]) -> Vec<String> {
    let by = |class: fn(&str) -> String| -> Vec<String> {
        files.iter().map(|file| class(&file.stem)).collect()
    };
    let are_all_different = |names: &[String]| {
        names.len() > 1 && names.iter().collect::<BTreeSet<_>>().len() == names.len()
    };
    let once = by(before_number);
    match are_all_different(&once) {
        true => by(before_numbers),
        false => once,
    }
}

const JOINTS: [char; 6] = ['_', '-', '.', ' ', '(', ')'];

/// `walk` of `walk.1a2b`, `walk_01`, `walk12` and `walk (3)`.
fn before_number(stem: &str) -> String {
    if let Some((class, _)) = stem.split_once('.').filter(|(class, _)| !class.is_empty()) {
        return class.to_owned();
    }
    let end = stem.trim_end_matches(')');
    let class = end.trim_end_matches(|c: char| c.is_ascii_digit());
    match class.trim_end_matches(JOINTS) {
        "" => stem.to_owned(),
        class => class.to_owned(),
    }
}

/// `walk` of `walk_2024-01-05`.
fn before_numbers(stem: &str) -> String {
    let is_number = |c: char| c.is_ascii_digit() || JOINTS.contains(&c);
    match before_number(stem).trim_end_matches(is_number) {
        "" => stem.to_owned(),
        class => class.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_what_a_name_begins_with() {
        for (stem, class) in [
            ("walk.1a2b", "walk"),
            ("walk_01", "walk"),
            ("left_turn-3", "left_turn"),
            ("walk12", "walk"),
            ("walk (3)", "walk"),
            ("class1_03", "class1"),
            ("17", "17"),
            ("walk", "walk"),
        ] {
            assert_eq!(before_number(stem), class, "{stem}");
        }
        assert_eq!(before_numbers("walk_2024-01-05"), "walk");
    }
}
