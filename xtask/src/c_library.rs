//! The engine for C: builds `firmware/c` for a board.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::boards::Board;
use crate::command;
use crate::firmware::target_root;
use crate::toolchain::{Toolchain, environment_name};

/// Builds the static library for the board's core; returns its path, which the next build for another core replaces.
///
/// # Errors
/// When there is no compiler, or it fails.
pub fn build(board: &Board) -> Result<PathBuf> {
    let target = board.target;
    let toolchain = Toolchain::find(target).with_context(|| {
        format!("there is no compiler for {target}; `cargo xtask set-up` installs one")
    })?;
    let folder = target_root().join("firmware");
    let mut cargo = toolchain.cargo(target, "build");
    cargo
        .current_dir(folder_of_sources())
        .args(["--release", "--locked", "--quiet", "--target", target])
        .arg("--target-dir")
        .arg(&folder)
        .env_remove("RUSTFLAGS");
    if let Some(cpu) = board.target_cpu {
        let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", environment_name(target));
        cargo.env(variable, format!("-C target-cpu={cpu}"));
    }
    command::run(&mut cargo)
        .with_context(|| format!("the C library for {} was not built", board.core))?;
    Ok(folder.join(target).join("release/liblstm_nostd_c.a"))
}

/// `firmware/c`.
pub fn folder_of_sources() -> PathBuf {
    command::root().join("firmware/c")
}

/// The folder of memory maps; one is copied as `memory.x` to where a linker looks.
pub fn memory_map(board: &Board) -> PathBuf {
    let maps = Path::new("trainer-host/assets/firmware/memory");
    command::root().join(maps).join(format!("{}.x", board.name))
}
