//! Which files are changed, and which tests look at them first.

use super::walk;
use crate::command;

/// Files that are changed.
pub(super) struct Part {
    /// Where its results lie.
    pub(super) name: &'static str,
    /// The package of the files.
    pub(super) package: &'static str,
    /// Features that its tests need. Without `write`, the engine's tests that build model files are left out without a
    /// word.
    pub(super) features: &'static [&'static str],
    /// Files and folders.
    modules: &'static [&'static str],
    /// Files in these folders that are not changed, each with the reason.
    without: &'static [(&'static str, &'static str)],
    /// The module of `trainer-host` that stands alone; it is built alone for the first pass.
    pub(super) alone: Option<&'static str>,
    /// Arguments of cargo that choose the test programs of the first pass.
    pub(super) quick: &'static [&'static str],
    /// Arguments of the test programs: what the names of the tests of the first pass have in them.
    pub(super) filters: &'static [&'static str],
}

/// Every part, the cheapest first.
pub(super) const PARTS: [Part; 7] = [
    Part {
        modules: &[
            "lstm-nostd/src/requant.rs",
            "lstm-nostd/src/probability.rs",
            "lstm-nostd/src/kernels/scalar.rs",
        ],
        ..ENGINE
    },
    Part {
        name: "layers",
        modules: &["lstm-nostd/src/layers"],
        ..ENGINE
    },
    Part {
        name: "artifact",
        modules: &["lstm-nostd/src/artifact"],
        without: &[(
            "lstm-nostd/src/artifact/random.rs",
            "makes the random models of tests; any other model would test as well",
        )],
        quick: &["--test=model_file"],
        filters: &["--skip=every_changed_byte"],
        ..ENGINE
    },
    Part {
        name: "splits",
        modules: &[
            "trainer-host/src/data/split.rs",
            "trainer-host/src/data/folds.rs",
        ],
        alone: Some("data"),
        filters: &["data::split::", "data::folds::"],
        ..TRAINER
    },
    Part {
        name: "cost",
        modules: &["trainer-host/src/cost"],
        alone: Some("cost"),
        ..TRAINER
    },
    Part {
        name: "schedule",
        modules: &["trainer-host/numerics/src/schedule"],
        filters: &["schedule::"],
        ..NUMERICS
    },
    Part {
        name: "quantise",
        modules: &["trainer-host/numerics/src/quantise"],
        filters: &["quantise::"],
        ..NUMERICS
    },
];

const ENGINE: Part = Part {
    name: "engine",
    package: "lstm-nostd",
    features: &["write"],
    modules: &[],
    without: &[],
    alone: None,
    quick: &["--lib"],
    filters: &[],
};

const TRAINER: Part = Part {
    package: "trainer-host",
    features: &[],
    ..ENGINE
};

const NUMERICS: Part = Part {
    package: "trainer-numerics",
    features: &["cli"],
    ..ENGINE
};

impl Part {
    /// The files to change, from the repository's root; `only` those with this in their path.
    pub(super) fn files(&self, only: Option<&str>) -> Vec<String> {
        let mut sources = Vec::new();
        for module in self.modules {
            walk(&command::root().join(module), &mut sources);
        }
        (sources.iter())
            .filter_map(|path| path.strip_prefix(command::root()).ok())
            .map(|path| path.display().to_string())
            .filter(|path| only.is_none_or(|only| path.contains(only)))
            .filter(|path| self.without.iter().all(|(without, _)| without != path))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_files_and_leaves_out_those_that_it_names() {
        for part in &PARTS {
            let files = part.files(None);
            for module in part.modules {
                assert!(
                    files.iter().any(|file| file.starts_with(module)),
                    "{module}"
                );
            }
            for (without, _) in part.without {
                assert!(command::root().join(without).is_file(), "{without}");
                assert!(!files.contains(&(*without).to_owned()), "{without}");
            }
            assert!(part.files(Some("no such file")).is_empty());
        }
    }
}
