//! `cargo xtask set-up` looks for what the firmware and its tests need beside Rust: a compiler for the boards, and
//! QEMU. It installs what is missing.
//!
//! It always prints first what it installs and by which command. Without the rights to install, it prints the command
//! for the user and ends with an error.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::boards::{BOARDS, RISCV_TARGETS};
use crate::toolchain::{DISTRIBUTION_CLIPPY, OVERRIDE, Toolchain};
use crate::{command, packages};

/// The emulator.
pub use lstm_link::emulator::PROGRAM as QEMU;
/// Debian's packages with a compiler that is new enough for the engine, its cargo, and the source of `core`.
const COMPILER_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// The linter that belongs to that compiler.
const CLIPPY_PACKAGE: &str = "rust-web-clippy";
const QEMU_PACKAGE: &str = "qemu-system-arm";
/// The emulator of RISC-V cores.
pub const QEMU_RISCV: &str = "qemu-system-riscv32";
/// Debian's package with it.
const QEMU_RISCV_PACKAGE: &str = "qemu-system-misc";
/// Builds the example in C.
const C_COMPILER: &str = "arm-none-eabi-gcc";
const C_PACKAGES: [&str; 3] = ["gcc-arm-none-eabi", "cmake", "make"];
const POSTGRESQL_PACKAGE: &str = "postgresql";
/// The browser that a long test opens the pages in, by its names.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const BROWSER_PACKAGE: &str = "chromium";

/// Prints what is there and installs what is missing. With `check_only`, something missing is an error.
pub fn run(check_only: bool) -> Result<()> {
    let mut missing = Vec::new();
    for target in targets() {
        match Toolchain::find(target) {
            Some(toolchain) => println!("ok       {target}: {}", toolchain.description()),
            None => missing.push(format!("compiler for {target}")),
        }
    }
    for program in [QEMU, QEMU_RISCV] {
        match command::find_program(program) {
            Some(path) => println!("ok       {program}: {}", path.display()),
            None => missing.push(program.to_owned()),
        }
    }
    for item in &missing {
        println!("missing  {item}");
    }
    if missing.is_empty() {
        return Ok(());
    }
    if check_only {
        bail!(
            "{} of the above are missing; `cargo xtask set-up` installs them",
            missing.len()
        );
    }
    for target in targets() {
        compiler_ready(target)?;
    }
    qemu_ready()?;
    qemu_riscv_ready()?;
    println!("Everything is installed.");
    Ok(())
}

/// Installs a compiler for `target` if there is none.
pub fn compiler_ready(target: &str) -> Result<()> {
    if Toolchain::find(target).is_none() {
        install_compiler(target)?;
    }
    Ok(())
}

/// The targets of the boards and of RISC-V, each once.
pub fn targets() -> Vec<&'static str> {
    let boards = BOARDS.iter().map(|board| board.target);
    let mut targets: Vec<_> = boards.chain(RISCV_TARGETS).collect();
    targets.dedup();
    targets
}

fn install_compiler(target: &str) -> Result<Toolchain> {
    let rustup = command::find_program("rustup");
    let downloads_forbidden = std::env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|v| v == "0");
    match rustup {
        Some(_) if !downloads_forbidden => {
            let mut add = Command::new("rustup");
            add.args(["target", "add", target]);
            install(&mut add)?;
        }
        // If rustup is absent or must not download, use the distribution's compiler.
        _ => {
            let packages = COMPILER_PACKAGES.join(" ");
            packages::install(&COMPILER_PACKAGES).with_context(|| {
                format!(
                    "no compiler for {target}. Do one of these and try again:\n  \
                     rustup target add {target}\n  \
                     sudo apt-get install {packages}\n  \
                     set {OVERRIDE} to a cargo that has the target"
                )
            })?;
        }
    }
    Toolchain::find(target).with_context(|| {
        format!("the installation succeeded, yet there is still no compiler for {target}; `rust-lld` or `ld.lld` may be missing (package `lld`)")
    })
}

/// Installs a linter for `target` if there is none. The compiler must be installed.
pub fn clippy_ready(target: &str) -> Result<()> {
    match Toolchain::find(target) {
        Some(Toolchain::BuildsCore { .. }) if !Path::new(DISTRIBUTION_CLIPPY).exists() => {
            packages::install(&[CLIPPY_PACKAGE])
        }
        // rustup's toolchains bring their own.
        _ => Ok(()),
    }
}

/// Installs the C compiler for the boards, and CMake, if one is missing.
pub fn c_compiler_ready() -> Result<()> {
    let is_there = |program: &str| command::find_program(program).is_some();
    if is_there(C_COMPILER) && is_there("cmake") && is_there("make") {
        return Ok(());
    }
    packages::install(&C_PACKAGES).with_context(|| {
        format!("no {C_COMPILER}, cmake or make, which build the example of firmware/c")
    })
}

/// Installs a browser if there is none. If that is not possible, says so; the test of the pages is then skipped.
pub fn browser_ready() {
    let is_there = |name: &&str| command::find_program(name).is_some();
    if BROWSERS.iter().any(is_there) {
        return;
    }
    if let Err(error) = packages::install(&[BROWSER_PACKAGE]) {
        println!("There is no Chromium, and the test of the pages will be skipped: {error:#}");
    }
}

/// Installs QEMU if it is missing.
pub fn qemu_ready() -> Result<()> {
    install_qemu(QEMU, QEMU_PACKAGE)
}

/// Installs QEMU's RISC-V machines if they are missing.
pub fn qemu_riscv_ready() -> Result<()> {
    install_qemu(QEMU_RISCV, QEMU_RISCV_PACKAGE)
}

fn install_qemu(program: &str, package: &str) -> Result<()> {
    if command::find_program(program).is_some() {
        return Ok(());
    }
    if command::find_program("apt-get").is_some() {
        packages::install(&[package])?;
    } else if command::find_program("brew").is_some() {
        install(Command::new("brew").args(["install", "qemu"]))?;
    } else {
        bail!(
            "{program} is not installed, and neither is apt-get nor brew to install it with; \
             see https://www.qemu.org/download and put it into PATH"
        );
    }
    Ok(())
}

/// Installs a PostgreSQL server, on which the tests run studies of several machines. If that is not possible, says so;
/// the test is then skipped.
pub fn postgresql_ready() {
    if Path::new("/usr/lib/postgresql").is_dir() || command::find_program("initdb").is_some() {
        return;
    }
    if let Err(error) = packages::install(&[POSTGRESQL_PACKAGE]) {
        println!("There is no PostgreSQL server, and its test will be skipped: {error:#}");
    }
}

/// Prints a command, then runs it.
fn install(command: &mut Command) -> Result<()> {
    println!("Installing: {}", command::shown(command));
    command::run(command)
}
