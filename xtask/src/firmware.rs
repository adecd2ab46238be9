//! Builds firmware images and starts them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;

use anyhow::{Context, Result};
use lstm_nostd::Parsed;
use lstm_nostd::artifact::AlignedBytes;

use crate::boards::Board;
use crate::toolchain::{Toolchain, environment_name};
use crate::{command, qemu};

/// An application of the firmware crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Application {
    /// The example: classifies stored samples with the model in flash
    Classify,
    /// Prints what a magnetometer on the I²C bus measures
    Compass,
    /// Hears a stream of samples from the serial port, with a model that has a front end, and prints its events
    Listen,
    /// The example with an accelerometer: recognises motions, and counts what their magnitude takes
    Motion,
    /// Runs models for the host, over the serial port
    Runner,
    /// Links only if the engine cannot panic
    NoPanic,
    /// Steps a model that the emulator brings, for `cargo xtask bench`
    Bench,
}

impl Application {
    /// Name of the binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Compass => "compass",
            Self::Listen => "listen",
            Self::Motion => "motion",
            Self::Runner => "runner",
            Self::NoPanic => "no_panic",
            Self::Bench => "bench",
        }
    }
}

/// The cargo features of engine and firmware, for what not every model needs.
pub static FEATURES: [&str; 11] = [
    "w8a8",
    "w4a16",
    "gru",
    "gru-before",
    "coupled",
    "conv",
    "mean",
    "projection",
    "window",
    "sound",
    "statistics",
];

/// What the engine in an image can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Every scheme and every kind of layer.
    Whole,
    /// LSTM layers in w8a16, which need no cargo feature, and what the listed features add, some of [`FEATURES`].
    With(&'static [&'static str]),
    /// The layers of the image's model, as `new-firmware` builds it.
    ForModel,
}

/// An image to build.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The board it is for.
    pub board: &'static Board,
    /// The application.
    pub application: Application,
    /// The model file to compile in; `None` for the small one that the firmware embeds by default.
    pub model: Option<&'a Path>,
    /// A further cargo feature of the firmware crate, beside the board's.
    pub feature: Option<&'a str>,
    /// What its engine can run.
    pub engine: Engine,
}

impl Image<'static> {
    /// With the whole engine and the small model.
    pub const fn of(board: &'static Board, application: Application) -> Self {
        Self {
            board,
            application,
            model: None,
            feature: None,
            engine: Engine::Whole,
        }
    }
}

impl Image<'_> {
    /// Builds the image and returns the path of its ELF file. No other image uses this path, so the file stays when
    /// others are built.
    pub fn build(&self) -> Result<PathBuf> {
        let binary = self.application.binary();
        let mut cargo = self.cargo("build")?;
        cargo.args(["--quiet", "--bin", binary]);
        let image = target_directory().join(self.file_name());
        build_as(&mut cargo, (self.board.target, binary), &image)
            .with_context(|| format!("{binary} for {} was not built", self.board.name))?;
        Ok(image)
    }

    fn file_name(&self) -> String {
        let model = self.model.and_then(Path::file_stem);
        let model = model.unwrap_or(OsStr::new("tiny")).to_string_lossy();
        let engine = match self.engine {
            Engine::Whole => String::new(),
            Engine::With(features) => {
                let names = features.iter().map(|feature| format!("-{feature}"));
                "-w8a16".to_owned() + &names.collect::<String>()
            }
            Engine::ForModel => "-for-model".to_owned(),
        };
        let feature = self.feature.map(|feature| format!("-{feature}"));
        let feature = feature.unwrap_or_default();
        let binary = self.application.binary();
        let board = self.board.name;
        format!("{board}-{binary}-{model}{engine}{feature}.elf")
    }

    /// Builds the image and starts it in QEMU or, with `probe_rs`, on the real board.
    pub fn run(&self, probe_rs: bool) -> Result<()> {
        let image = self.build()?;
        let mut command = if probe_rs {
            let chip = self.board.probe_chip.with_context(|| {
                format!(
                    "{} exists only emulated; leave out --probe",
                    self.board.name
                )
            })?;
            let mut command = Command::new("probe-rs");
            command.args(["run", "--chip", chip]);
            command
        } else {
            qemu::command(self.board)
        };
        command::run_interactive(command.arg(image))
    }

    /// `cargo SUBCOMMAND` with this image's target, features and environment; the caller adds the binary.
    pub fn cargo(&self, subcommand: &str) -> Result<Command> {
        let board = self.board;
        let mut cargo = cargo_for((board.target, board.target_cpu), "firmware", subcommand)?;
        for feature in board.feature.iter().chain(&self.feature) {
            cargo.args(["--features", feature]);
        }
        if self.engine != Engine::Whole {
            cargo.arg("--no-default-features");
        }
        let features = match self.engine {
            Engine::Whole => BTreeSet::new(),
            Engine::With(features) => features.iter().copied().collect(),
            Engine::ForModel => self.model_features()?,
        };
        for feature in features {
            cargo.args(["--features", feature]);
        }
        match self.model {
            Some(model) => {
                let model = model
                    .canonicalize()
                    .with_context(|| format!("the model {} cannot be read", model.display()))?;
                cargo.env("LSTM_MODEL", model);
            }
            None => {
                cargo.env_remove("LSTM_MODEL");
            }
        }
        Ok(cargo)
    }

    /// The cargo features that the image's model needs.
    fn model_features(&self) -> Result<BTreeSet<&'static str>> {
        let Some(path) = self.model else {
            return Ok(BTreeSet::new());
        };
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let bytes = AlignedBytes::from(bytes.as_slice());
        let model =
            Parsed::parse(&bytes).with_context(|| format!("{} is refused", path.display()))?;
        Ok(model.cargo_features().collect())
    }
}

/// `cargo SUBCOMMAND` of the package in `folder`, below the root, for a target and, where one is named, a core.
///
/// # Errors
/// When there is no compiler.
pub(crate) fn cargo_for(
    (target, cpu): (&str, Option<&str>),
    folder: &str,
    subcommand: &str,
) -> Result<Command> {
    let toolchain = Toolchain::find(target).with_context(|| {
        format!("there is no compiler for {target}; `cargo xtask set-up` installs one")
    })?;
    let mut cargo = toolchain.cargo(target, subcommand);
    cargo
        .current_dir(command::root().join(folder))
        .args(["--release", "--locked", "--target", target])
        .arg("--target-dir")
        .arg(target_directory())
        // Flags for host programs would not suit these.
        .env_remove("RUSTFLAGS");
    if let Some(cpu) = cpu {
        let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", environment_name(target));
        cargo.env(variable, format!("-C target-cpu={cpu}"));
    }
    Ok(cargo)
}

/// Runs `cargo build`, and copies what it builds to `kept`: `file` of [`cargo_for`]'s `target`.
///
/// Cargo has one place for a target's file, whatever board, model or features it is built for. So another build must
/// not begin before the copy is made. Whoever reads an older `kept` at this moment reads it to its end.
///
/// # Errors
/// When the build fails, or a file cannot be written.
pub(crate) fn build_as(
    cargo: &mut Command,
    (target, file): (&str, &str),
    kept: &Path,
) -> Result<()> {
    let _others_wait = building()?;
    command::run(cargo)?;
    let built = target_directory().join(target).join("release").join(file);
    let copy = kept.with_extension("new");
    fs::copy(&built, &copy)
        .with_context(|| format!("cannot copy {} to {}", built.display(), copy.display()))?;
    fs::rename(&copy, kept).with_context(|| format!("cannot write {}", kept.display()))
}

/// Makes other builds of images wait until what it returns is dropped.
///
/// # Errors
/// When the lock's file cannot be made.
pub fn building() -> Result<File> {
    let folder = target_directory();
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join("images.lock");
    let lock = File::create(&path).with_context(|| path.display().to_string())?;
    // Some file systems know no locks.
    let _ = lock.lock();
    Ok(lock)
}

/// Compiles the firmware of `no_panic` with each of [`FEATURES`] alone. `new-firmware` builds a project with the features
/// that its model needs, so each must do without the others.
pub fn check_features(board: &'static Board) -> Result<()> {
    for feature in &FEATURES {
        let image = Image {
            engine: Engine::With(slice::from_ref(feature)),
            ..Image::of(board, Application::NoPanic)
        };
        let mut check = image.cargo("check")?;
        check.args(["--quiet", "--bin", image.application.binary()]);
        command::run(&mut check)
            .with_context(|| format!("the feature {feature} alone, for {}", board.name))?;
    }
    Ok(())
}

/// Builds several applications for a board at once, so that [`Image::build`] has no more to compile.
pub fn build_all(board: &'static Board, applications: &[Application]) -> Result<()> {
    let mut cargo = Image::of(board, Application::Runner).cargo("build")?;
    cargo.arg("--quiet");
    for application in applications {
        cargo.args(["--bin", application.binary()]);
    }
    let _others_wait = building()?;
    command::run(&mut cargo)
        .with_context(|| format!("the applications for {} were not built", board.name))
}

/// The folder for building images. Boards share it, because cargo separates builds with other targets or flags.
pub(crate) fn target_directory() -> PathBuf {
    command::target_root().join("firmware")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_are_those_of_engine_and_firmware() {
        for manifest in ["lstm-nostd/Cargo.toml", "firmware/Cargo.toml"] {
            let text = fs::read_to_string(command::root().join(manifest)).unwrap();
            let default = text
                .lines()
                .find_map(|line| line.strip_prefix("default = "));
            let names: Vec<String> = serde_json::from_str(default.unwrap()).unwrap();
            assert_eq!(names, FEATURES, "{manifest}");
        }
    }
}
