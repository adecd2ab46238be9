//! Versions of dependencies: the programs for boards have lock files of their own, with the versions of the workspace.
//!
//! A board runs the code that the host's tests ran, so a package that both use has one version in both. Two
//! versions may stand side by side where cargo itself sees two packages: where the first number that is not zero
//! differs.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::command;

/// The folders of programs for boards, below the root. The lock file of the root decides.
const FOLDERS: [&str; 4] = [
    "firmware",
    "firmware/c",
    "firmware/projects",
    "firmware/riscv",
];

/// A package as cargo sees it: its name, and its version up to the first number that is not zero.
type Package = (String, String);

/// Refuses lock files with different versions of a package.
///
/// # Errors
/// All differences, each with the command that ends it.
pub fn check() -> Result<()> {
    let read = |folder: &str| {
        let path = command::root().join(folder).join("Cargo.lock");
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("{} cannot be read", path.display()));
        text.map(|text| versions(&text))
    };
    let decides = read("")?;
    let mut found = Vec::new();
    for folder in FOLDERS {
        found.extend(differences(folder, &decides, &read(folder)?));
    }
    match found.as_slice() {
        [] => Ok(()),
        found => bail!(
            "lock files have other versions than Cargo.lock; run these:\n{}",
            found.join("\n")
        ),
    }
}

/// The command that ends each difference of the program in `folder`.
fn differences(
    folder: &str,
    decides: &BTreeMap<Package, String>,
    follows: &BTreeMap<Package, String>,
) -> Vec<String> {
    let both = follows
        .iter()
        .filter_map(|(package, version)| Some((package, version, decides.get(package)?)));
    both.filter(|(_, version, wanted)| version != wanted)
        .map(|((name, _), version, wanted)| {
            format!(
                "cargo update --manifest-path {folder}/Cargo.toml {name}@{version} --precise {wanted}"
            )
        })
        .collect()
}

/// The version of each package of a lock file.
fn versions(lock: &str) -> BTreeMap<Package, String> {
    let value = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(value.strip_suffix('"')?.to_owned())
    };
    let mut name = None;
    let mut versions = BTreeMap::new();
    for line in lock.lines() {
        name = value(line, "name").or(name);
        if let Some(version) = value(line, "version")
            && let Some(name) = name.take()
        {
            versions.insert((name, compatible(&version)), version);
        }
    }
    versions
}

/// The numbers of a version up to the first that is not zero.
fn compatible(version: &str) -> String {
    let numbers: Vec<&str> = version.split(['.', '-', '+']).collect();
    let first = numbers.iter().position(|number| *number != "0");
    numbers[..=first.unwrap_or(numbers.len() - 1)].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_agree() {
        check().unwrap();
    }

    #[test]
    fn a_difference_is_found_where_cargo_sees_one_package() {
        let lock = |versions: [&str; 2]| {
            let entry = |version| format!("[[package]]\nname = \"a\"\nversion = \"{version}\"\n");
            super::versions(&versions.map(entry).join("\n"))
        };
        let here = lock(["0.8.63", "1.2.0"]);
        assert_eq!(differences("c", &here, &lock(["0.9.1", "2.0.0"])), [""; 0]);
        let other = differences("c", &here, &lock(["0.8.64", "1.2.0"]));
        assert_eq!(other.len(), 1);
        assert!(
            other[0].ends_with("a@0.8.64 --precise 0.8.63"),
            "{}",
            other[0]
        );
    }

    #[test]
    fn cargo_takes_two_versions_for_one_up_to_the_first_number() {
        for (version, up_to) in [("1.2.3", "1"), ("0.9.4", "0.9"), ("0.0.3", "0.0.3")] {
            assert_eq!(compatible(version), up_to);
        }
    }
}
