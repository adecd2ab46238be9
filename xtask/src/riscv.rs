//! The engine on RISC-V: builds `firmware/riscv` and starts it in QEMU's machine `virt`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use lstm_link::emulator;

pub use crate::boards::RISCV_TARGETS as TARGETS;
use crate::firmware::{build_as, cargo_for};
use crate::set_up::QEMU_RISCV;

/// Builds the program that tests the model in a file; returns the path of its ELF file, beside the model.
///
/// # Errors
/// When there is no compiler, or it fails.
pub fn build(target: &str, model: &Path) -> Result<PathBuf> {
    let mut cargo = cargo_for((target, None), "firmware/riscv", "build")?;
    let image = model.with_extension(format!("{target}.elf"));
    cargo.arg("--quiet").env("LSTM_MODEL", model);
    build_as(&mut cargo, (target, "self_test"), &image)
        .with_context(|| format!("the program for {target} was not built"))?;
    Ok(image)
}

/// QEMU with the program; it counts instructions exactly.
pub fn run(image: &Path) -> Command {
    let mut qemu = Command::new(QEMU_RISCV);
    qemu.args(["-M", "virt", "-icount", "shift=0", "-bios", "none"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(image);
    emulator::end_with_this_program(&mut qemu);
    qemu
}
