//! Chooses the compiler that builds the firmware.
//!
//! It takes the first of these that exists:
//!
//! 1. the cargo that `LSTM_FIRMWARE_CARGO` names (with `rustc` beside it, and its targets installed);
//! 2. the ordinary `cargo`, if `rustup target add` has installed the target;
//! 3. the distribution's `/usr/bin/cargo`. It builds `core` from the packaged source (`-Zbuild-std=core`) and links
//!    with `rust-lld`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;

/// Environment variable that names the cargo to build firmware with.
pub const OVERRIDE: &str = "LSTM_FIRMWARE_CARGO";

const DISTRIBUTION_CARGO: &str = "/usr/bin/cargo";
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";
/// The distribution's linter, if it is installed.
pub const DISTRIBUTION_CLIPPY: &str = "/usr/bin/cargo-clippy";
/// Where distributions put the source of the standard library.
const DISTRIBUTION_CORE: &str = "/usr/lib/rustlib/src/rust/library/core";

/// A compiler that can build for one target.
#[derive(Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// Named by the user.
    Named(PathBuf),
    /// The ordinary cargo has the target.
    Installed,
    /// The distribution's compiler, which builds `core` from source; `linker` is `rust-lld`.
    BuildsCore {
        /// Path of `rust-lld` or `ld.lld`.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Looks for a compiler for `target`; `None` if something must be installed first.
    pub fn find(target: &str) -> Option<Self> {
        if let Some(cargo) = std::env::var_os(OVERRIDE) {
            return Some(Self::Named(cargo.into()));
        }
        if target_is_installed(target) {
            return Some(Self::Installed);
        }
        let packaged = [DISTRIBUTION_CARGO, DISTRIBUTION_RUSTC, DISTRIBUTION_CORE];
        if packaged.iter().all(|path| Path::new(path).exists()) {
            return Some(Self::BuildsCore {
                linker: find_lld()?,
            });
        }
        None
    }

    /// `cargo SUBCOMMAND`, to build for `target`.
    pub fn cargo(&self, target: &str, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Named(cargo) => Command::new(cargo),
            Self::Installed => command::cargo(),
            Self::BuildsCore { linker } => {
                // cargo would find rustup's linter before the distribution's.
                let mut cargo = Command::new(match subcommand {
                    "clippy" => DISTRIBUTION_CLIPPY,
                    _ => DISTRIBUTION_CARGO,
                });
                let linker_variable = format!("CARGO_TARGET_{}_LINKER", environment_name(target));
                cargo
                    // rustup's proxies must not choose another compiler.
                    .env("RUSTC", DISTRIBUTION_RUSTC)
                    .env("CARGO", DISTRIBUTION_CARGO)
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env(linker_variable, linker);
                cargo
            }
        };
        cargo.arg(subcommand);
        if let Self::BuildsCore { .. } = self {
            cargo.arg("-Zbuild-std=core");
        }
        cargo
    }

    /// One line for people.
    pub fn description(&self) -> String {
        match self {
            Self::Named(cargo) => format!("{} ({OVERRIDE})", cargo.display()),
            Self::Installed => "the ordinary cargo; its target is installed".to_owned(),
            Self::BuildsCore { linker } => {
                format!(
                    "{DISTRIBUTION_CARGO}, building core from source, linked by {}",
                    linker.display()
                )
            }
        }
    }
}

/// A target's name in cargo's environment variables.
pub fn environment_name(target: &str) -> String {
    target.to_uppercase().replace(['-', '.'], "_")
}

/// Whether the ordinary `rustc` has `core` for the target.
fn target_is_installed(target: &str) -> bool {
    let folder = command::output(Command::new("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        target,
    ]));
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

/// `rust-lld` of any installed Rust toolchain, or else LLVM's `ld.lld`.
fn find_lld() -> Option<PathBuf> {
    let of_compiler = |rustc: &str| -> Option<PathBuf> {
        let sysroot = command::output(Command::new(rustc).args(["--print", "sysroot"]))?;
        let host = command::output(Command::new(rustc).arg("-vV"))?
            .lines()
            .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))?;
        let lld = Path::new(&sysroot)
            .join("lib/rustlib")
            .join(host)
            .join("bin/rust-lld");
        lld.is_file().then_some(lld)
    };
    of_compiler("rustc")
        .or_else(|| of_compiler(DISTRIBUTION_RUSTC))
        .or_else(|| command::find_program("ld.lld"))
}
