//! `cargo xtask fuzz MINUTES`: attacks every reader of bytes, guided by coverage where the machine can.
//!
//! The targets are in `tests/fuzz`. libFuzzer comes with the crate `libfuzzer-sys` and needs a C++ compiler. Coverage
//! needs no other toolchain: the compiler's pass `sancov-module` is in every LLVM. The address sanitizer is used where
//! the toolchain brings it. Without a C++ compiler, mutations without coverage take libFuzzer's place, and the first
//! line says so.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// How long, and what.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Minutes for all targets together
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only these targets, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Mutations without coverage, as on machines without a C++ compiler
    #[arg(long)]
    without_coverage: bool,
}

/// The targets, as `tests/fuzz` names them.
pub const TARGETS: [&str; 12] = [
    "model",
    "frames",
    "exchange",
    "csv",
    "npz",
    "ts",
    "tsv",
    "safetensors",
    "onnx",
    "keras",
    "tflite",
    "run_folder",
];

/// Compiler flags for coverage that libFuzzer reads.
const COVERAGE: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];
/// Longest input.
const LONGEST: usize = 1 << 14;

/// Attacks the targets one after the other.
///
/// # Errors
/// When something cannot be built, and when a target has a finding.
pub fn run(arguments: &Arguments) -> Result<()> {
    for name in &arguments.only {
        if !TARGETS.contains(&name.as_str()) {
            bail!(
                "there is no target `{name}`; there are {}",
                TARGETS.join(", ")
            );
        }
    }
    let wanted =
        |name: &&str| arguments.only.is_empty() || arguments.only.iter().any(|o| o == name);
    let targets: Vec<&str> = TARGETS.into_iter().filter(wanted).collect();
    let seconds = (60 * arguments.minutes / targets.len() as u64).max(1);
    let compiler = ["c++", "g++", "clang++"]
        .into_iter()
        .find_map(command::find_program);
    if compiler.is_none() || arguments.without_coverage {
        println!(
            "mutations without coverage: libFuzzer needs a C++ compiler (`apt-get install g++`)"
        );
        return mutate(&targets, seconds);
    }
    let fuzzer = Fuzzer::new()?;
    let mut findings = Vec::new();
    for target in targets {
        if !fuzzer.attack(target, seconds)? {
            findings.push(target);
        }
    }
    match findings.as_slice() {
        [] => Ok(()),
        found => bail!(
            "findings in {}; their inputs are in tests/fuzz/corpus",
            found.join(", ")
        ),
    }
}

/// The program of `tests/fuzz` that mutates without coverage.
fn mutation() -> Command {
    let mut run = command::cargo();
    run.current_dir(command::root()).args([
        "run",
        "--locked",
        "--quiet",
        "--release",
        "--package",
        "lstm-fuzz",
        "--bin",
        "mutate",
        "--",
    ]);
    run
}

fn mutate(targets: &[&str], seconds: u64) -> Result<()> {
    command::run(mutation().arg(seconds.to_string()).args(targets))
}

/// libFuzzer with what this toolchain can do.
struct Fuzzer {
    folder: PathBuf,
    host: String,
    flags: Vec<&'static str>,
}

impl Fuzzer {
    fn new() -> Result<Self> {
        let mut rustc = Command::new("rustc");
        let about = command::printed(rustc.current_dir(command::root()).arg("-vV"))?;
        let host = about.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host
            .context("rustc does not say what machine this is")?
            .to_owned();
        let mut rustc = Command::new("rustc");
        let libraries = ["--print", "target-libdir"];
        let libraries = command::printed(rustc.current_dir(command::root()).args(libraries))?;
        let has_sanitizer = std::fs::read_dir(libraries.trim())?
            .flatten()
            .any(|file| file.file_name().to_string_lossy().contains("_rt.asan"));
        let mut flags = COVERAGE.to_vec();
        if has_sanitizer {
            flags.push("-Zsanitizer=address");
            println!("libFuzzer with coverage, overflow checks and the address sanitizer");
        } else {
            println!(
                "libFuzzer with coverage and overflow checks; this toolchain has no address sanitizer (one from \
                 rustup has, on Linux and macOS)"
            );
        }
        let fuzzer = Self {
            folder: command::root().join("target/fuzz"),
            host,
            flags,
        };
        command::run(mutation().arg("--write").arg(fuzzer.folder.join("corpus")))?;
        command::run(&mut fuzzer.build())?;
        Ok(fuzzer)
    }

    /// Builds all targets. With a target of its own, build scripts are built as ever.
    fn build(&self) -> Command {
        let mut build = command::cargo();
        build
            .current_dir(command::root())
            .args(["build", "--locked", "--release", "--package", "lstm-fuzz"])
            .args(["--features", "libfuzzer", "--bins", "--target", &self.host])
            .arg("--target-dir")
            .arg(&self.folder)
            .env("RUSTFLAGS", self.flags.join(" "))
            // Sanitizers are the one thing here that a stable compiler hides.
            .env("RUSTC_BOOTSTRAP", "1");
        build
    }

    /// Whether the target holds for so long.
    fn attack(&self, target: &str, seconds: u64) -> Result<bool> {
        println!("== {target}: {seconds} s");
        let findings = command::root().join("tests/fuzz/corpus").join(target);
        std::fs::create_dir_all(&findings)?;
        let program = self
            .folder
            .join(&self.host)
            .join("release")
            .join(format!("fuzz_{target}"));
        let mut attack = Command::new(program);
        attack
            .arg(self.folder.join("corpus").join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/finding-", findings.display()))
            .args([
                "-print_final_stats=1",
                "-timeout=10",
                "-rss_limit_mb=1024",
                "-verbosity=0",
            ]);
        let held = command::run(&mut attack).is_ok();
        // An empty folder would say that there are kept inputs.
        let _ = std::fs::remove_dir(&findings);
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_of_the_fuzz_crate() {
        let folder = command::root().join("tests/fuzz/fuzz_targets");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = files
            .map(|file| {
                file.path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let mut known = TARGETS.map(str::to_owned);
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
