//! The engine for C: builds `firmware/c` for a board.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::boards::Board;
use crate::firmware::{build_as, cargo_for, target_directory};
use crate::{bench, command};

/// The package, below the root.
const FOLDER: &str = "firmware/c";

/// Builds the static library for the board's core; returns its path, which no other core shares.
///
/// # Errors
/// When there is no compiler, or it fails.
pub fn build(board: &Board) -> Result<PathBuf> {
    let target = board.target;
    let mut cargo = cargo_for((target, board.target_cpu), FOLDER, "build")?;
    let library = target_directory().join(format!("{}-liblstm_nostd_c.a", board.core_name()));
    build_as(
        cargo.arg("--quiet"),
        (target, "liblstm_nostd_c.a"),
        &library,
    )
    .with_context(|| format!("the C library for {} was not built", board.core))?;
    Ok(library)
}

/// The command that lints it for the board's core.
///
/// # Errors
/// When there is no compiler.
pub fn lint(board: &Board) -> Result<Command> {
    let mut lint = cargo_for((board.target, board.target_cpu), FOLDER, "clippy")?;
    lint.args(["--quiet", "--", "-D", "warnings"]);
    Ok(lint)
}

/// The instructions between each two marks of a program, a call of its function `lstm_bench_mark` each, without those of
/// the marks, whose first interval is empty.
///
/// # Errors
/// When the program has no mark, or QEMU fails.
pub fn count(board: &Board, image: &Path) -> Result<Vec<u64>> {
    bench::intervals_of(board, image)
}

/// `firmware/c`.
pub fn folder_of_sources() -> PathBuf {
    command::root().join(FOLDER)
}

/// The folder of memory maps; one is copied as `memory.x` to where a linker looks.
pub fn memory_map(board: &Board) -> PathBuf {
    let maps = Path::new("trainer-host/assets/firmware/memory");
    command::root().join(maps).join(format!("{}.x", board.name))
}
