//! Hostile bytes for everything that reads bytes from elsewhere.
//!
//! A target takes any bytes and returns. It panics if the reader panics, or if what was read contradicts what the
//! reader promises: a model that is accepted computes what the specification says, a request is carried out once.
//!
//! | target | what reads | what must hold |
//! | --- | --- | --- |
//! | `model` | `Model::parse`, the checksum repaired | an accepted model steps as the specification does |
//! | `frames` | the frames of the serial link | a frame that is read says the same when it is written again |
//! | `exchange` | a board, and a host, in an exchange | a request is carried out once, in its turn |
//! | `csv`, `npz`, `ts`, `tsv` | each reader of data | what is accepted is finite and has the shape that it says |
//! | `safetensors`, `onnx`, `keras`, `tflite` | each reader of other programs' networks | a network of finite weights, or one line |
//! | `run_folder` | each file of a run's folder | an error, or a run |
//!
//! Each target has seeds in code, which follow a format when it changes, and may have files in `corpus/TARGET`: findings
//! of earlier days, and inputs that reach far. Tests run through all of them and through some thousand mutations
//! ([`mutation`]). `cargo xtask fuzz MINUTES` looks for new ones, guided by coverage.

pub mod mutation;
mod targets;

use std::path::{Path, PathBuf};

/// One reader under attack.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes any bytes; panics when something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them; without the feature `trainer`, those that need no trainer.
pub const TARGETS: &[Target] = &[
    targets::model::TARGET,
    targets::link::FRAMES,
    targets::link::EXCHANGE,
    #[cfg(feature = "trainer")]
    targets::data::CSV,
    #[cfg(feature = "trainer")]
    targets::data::NPZ,
    #[cfg(feature = "trainer")]
    targets::data::TS,
    #[cfg(feature = "trainer")]
    targets::data::TSV,
    #[cfg(feature = "trainer")]
    targets::import::SAFETENSORS,
    #[cfg(feature = "trainer")]
    targets::import::ONNX,
    #[cfg(feature = "trainer")]
    targets::import::KERAS,
    #[cfg(feature = "trainer")]
    targets::import::TFLITE,
    #[cfg(feature = "trainer")]
    targets::run_folder::TARGET,
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

impl Target {
    /// The folder of its kept inputs.
    pub fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(self.name)
    }

    /// Its kept inputs, and its seeds.
    ///
    /// # Panics
    /// When a kept file cannot be read.
    pub fn inputs(&self) -> Vec<Vec<u8>> {
        let kept = std::fs::read_dir(self.corpus())
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<PathBuf> = kept.map(|entry| entry.path()).collect();
        paths.sort();
        let kept = paths
            .iter()
            .map(|path| std::fs::read(path).expect("a kept input"));
        kept.chain((self.seeds)()).collect()
    }

    /// Writes its inputs into a folder, for a fuzzer to begin with.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write_inputs(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut inputs = self.inputs().into_iter().enumerate();
        inputs.try_for_each(|(n, input)| std::fs::write(folder.join(format!("{n:04}")), input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutations of the inputs of each target.
    const MUTATIONS: u64 = 1000;

    fn holds_under(mutations: u64, names: &[&str]) {
        for name in names {
            let target = target(name).expect("a target of this name");
            let inputs = target.inputs();
            assert!(!inputs.is_empty());
            inputs.iter().for_each(|input| (target.run)(input));
            mutation::attack(&target, &inputs, 0, |done| done < mutations);
        }
    }

    #[test]
    fn models_hold() {
        holds_under(10 * MUTATIONS, &["model"]);
    }

    #[test]
    fn the_link_holds() {
        holds_under(10 * MUTATIONS, &["frames", "exchange"]);
    }

    #[cfg(feature = "trainer")]
    #[test]
    fn readers_of_data_hold() {
        holds_under(MUTATIONS, &["csv", "npz", "ts", "tsv"]);
    }

    #[cfg(feature = "trainer")]
    #[test]
    fn readers_of_networks_hold() {
        holds_under(MUTATIONS, &["safetensors", "onnx", "keras", "tflite"]);
    }

    #[cfg(feature = "trainer")]
    #[test]
    fn run_folders_hold() {
        holds_under(MUTATIONS, &["run_folder"]);
    }

    /// Otherwise a target looks at nothing but refusals.
    #[test]
    fn every_seed_is_accepted() {
        for target in TARGETS {
            for (n, seed) in (target.seeds)().iter().enumerate() {
                assert!(
                    targets::is_accepted(target.name, seed),
                    "{} {n}",
                    target.name
                );
            }
        }
    }
}
