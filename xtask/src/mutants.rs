//! `cargo xtask mutants`: changes the code in one place at a time, and looks whether a test notices.
//!
//! `cargo mutants` makes the changes; this names the modules that matter most, where a wrong result would look like a
//! right one. `.cargo/mutants.toml` lists changes that change no result, each with the reason.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command;

/// What to change.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Only files with this in their path, for example `softmax` or `lstm-nostd`
    #[arg(long)]
    only: Option<String>,
    /// A part of the changes, for example `0/8`; eight calls with 0/8 to 7/8 make all
    #[arg(long, default_value = "0/1")]
    shard: String,
    /// Only list the changes
    #[arg(long)]
    list: bool,
}

/// A package, the features that its tests need, and those of its files that are changed.
const MODULES: [(&str, &[&str], &[&str]); 3] = [
    (
        "lstm-nostd",
        // Without it, tests that build model files are left out without a word.
        &["write"],
        &[
            "lstm-nostd/src/requant.rs",
            "lstm-nostd/src/layers",
            "lstm-nostd/src/probability.rs",
            "lstm-nostd/src/artifact",
            "lstm-nostd/src/kernels/scalar.rs",
        ],
    ),
    (
        "trainer-host",
        &[],
        &[
            "trainer-host/src/data/split.rs",
            "trainer-host/src/data/folds.rs",
            "trainer-host/src/cost",
        ],
    ),
    (
        "trainer-numerics",
        &[],
        &[
            "trainer-host/numerics/src/schedule",
            "trainer-host/numerics/src/quantise",
        ],
    ),
];

/// Makes the changes, package by package.
///
/// # Errors
/// When `cargo mutants` is not installed, and when no test notices a change.
pub fn run(arguments: &Arguments) -> Result<()> {
    if command::find_program("cargo-mutants").is_none() {
        bail!("cargo-mutants is not installed; `cargo install --locked cargo-mutants` installs it");
    }
    let mut missed = Vec::new();
    for (package, features, modules) in MODULES {
        let files = files(modules, arguments.only.as_deref());
        if files.is_empty() {
            continue;
        }
        let mut mutants = command::cargo();
        mutants
            .current_dir(command::root())
            .args(["mutants", "--package", package]);
        for feature in features {
            mutants.args(["--features", feature]);
        }
        for file in files {
            mutants.arg("--file").arg(file);
        }
        let output = command::root().join("target/mutants").join(package);
        std::fs::create_dir_all(&output).with_context(|| output.display().to_string())?;
        mutants.args(["--shard", &arguments.shard, "--output"]);
        mutants.arg(output);
        if arguments.list {
            mutants.arg("--list");
        } else {
            // Examples and doctests take longer to build than all tests, and test nothing else.
            mutants.args(["--cargo-arg=--lib", "--cargo-arg=--tests"]);
        }
        if command::run(&mut mutants).is_err() {
            missed.push(package);
        }
    }
    match missed.as_slice() {
        [] => Ok(()),
        missed => bail!(
            "no test notices some changes of {}; target/mutants/PACKAGE/mutants.out/missed.txt lists them",
            missed.join(" and ")
        ),
    }
}

/// Patterns for the files of these modules.
fn files(modules: &[&str], only: Option<&str>) -> Vec<String> {
    let is_wanted = |path: &str| only.is_none_or(|only| path.contains(only));
    let mut files = Vec::new();
    for module in modules {
        let mut sources = Vec::new();
        walk(&command::root().join(module), &mut sources);
        let names = sources
            .iter()
            .filter_map(|path| path.strip_prefix(command::root()).ok());
        files.extend(
            names
                .map(|name| name.display().to_string())
                .filter(|name| is_wanted(name)),
        );
    }
    files
}

fn walk(path: &std::path::Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        walk(&entry.path(), files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_files() {
        for (package, _, modules) in MODULES {
            for module in modules {
                assert!(!files(&[module], None).is_empty(), "{package}: {module}");
            }
            assert!(files(modules, Some("no such file")).is_empty());
        }
    }
}
