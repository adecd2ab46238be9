//! `cargo xtask test`: everything that must hold, step by step, with a total at the end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::boards::{self, Board};
use crate::firmware::{Application, Image};
use crate::{command, set_up};

/// Boards that together compile every file of the firmware.
const LINTED_BOARDS: [&str; 3] = ["microbit", "mps2-an386", "stm32f405"];

/// What the steps came to.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
    /// Names of the steps that failed.
    broken: Vec<String>,
}

/// Installs what is missing, then runs every check; an error when any fails.
pub fn run() -> Result<()> {
    set_up::run(false)?;
    set_up::postgresql_ready();
    let firmware = command::root().join("firmware/Cargo.toml");
    let mut totals = Totals::default();
    totals.check("format", cargo(&["fmt", "--all", "--check"]));
    totals.check(
        "format of the firmware",
        in_firmware(&["fmt", "--all", "--check"], &firmware),
    );
    let deny = ["--", "-D", "warnings"];
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ];
    totals.check("lints", cargo(&[&lint[..], &deny].concat()));
    // The library alone, as a program that only trains and quantises takes it.
    let alone = [
        "clippy",
        "--package",
        "trainer-host",
        "--lib",
        "--no-default-features",
        "--locked",
        "--quiet",
    ];
    totals.check(
        "lints of the trainer's library without features",
        cargo(&[&alone[..], &deny].concat()),
    );
    for board in LINTED_BOARDS {
        totals.lint_firmware(boards::by_name(board)?, &deny)?;
    }
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    totals.check("documentation", doc);
    let engine = [
        "test",
        "--package",
        "lstm-nostd",
        "--features",
        // Not all of them, or the specification would replace the host's kernels.
        "write",
        "--locked",
        "--no-fail-fast",
    ];
    totals.tests("engine", cargo(&engine));
    let host = [
        "test",
        "--workspace",
        "--exclude",
        "lstm-nostd",
        "--exclude",
        "lstm-tests",
        "--locked",
        "--no-fail-fast",
    ];
    totals.tests("trainer, serial link and set-up", cargo(&host));
    let emulated = [
        "test",
        "--package",
        "lstm-tests",
        "--locked",
        "--no-fail-fast",
    ];
    totals.tests("boards in QEMU", cargo(&emulated));
    let mut bench = Command::new(std::env::current_exe()?);
    bench.args(["bench", "--compare", crate::bench::SAVED]);
    bench.current_dir(command::root());
    totals.check("instructions of a step", bench);
    for step in &totals.broken {
        println!("failed: {step}");
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    if totals.broken.is_empty() {
        Ok(())
    } else {
        bail!("{} steps failed", totals.broken.len())
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command::cargo();
    cargo.current_dir(command::root()).args(arguments);
    cargo
}

fn in_firmware(arguments: &[&str], manifest: &Path) -> Command {
    let mut cargo = cargo(&arguments[..1]);
    cargo
        .arg("--manifest-path")
        .arg(manifest)
        .args(&arguments[1..]);
    cargo
}

impl Totals {
    /// A step that counts as one check.
    fn check(&mut self, name: &str, mut step: Command) {
        let start = announce(name, &step);
        let passed = command::run(&mut step).is_ok();
        self.passed += usize::from(passed);
        self.failed += usize::from(!passed);
        self.finish(name, passed, start);
    }

    /// The linter on the firmware of one board.
    fn lint_firmware(&mut self, board: &'static Board, deny: &[&str]) -> Result<()> {
        set_up::clippy_ready(board.target)?;
        let image = Image {
            board,
            application: Application::Runner,
            model: None,
            feature: None,
            every_scheme: true,
        };
        let mut lint = image.cargo("clippy")?;
        lint.args(["--bins", "--quiet"]).args(deny);
        self.check(&format!("lints of the firmware for {}", board.name), lint);
        Ok(())
    }

    /// A step that runs tests, which are counted by their summaries.
    fn tests(&mut self, name: &str, mut step: Command) {
        let start = announce(name, &step);
        let before = self.failed;
        let succeeded = match step.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
            Ok(mut child) => {
                if let Some(output) = child.stdout.take() {
                    for line in BufReader::new(output).lines().map_while(Result::ok) {
                        println!("{line}");
                        if let Some((passed, failed)) = summary(&line) {
                            self.passed += passed;
                            self.failed += failed;
                        }
                    }
                }
                child.wait().is_ok_and(|status| status.success())
            }
            Err(error) => {
                println!("`{}` cannot be started: {error}", command::shown(&step));
                false
            }
        };
        // A step that broke down before it could count anything is a failure too.
        if !succeeded && self.failed == before {
            self.failed += 1;
        }
        self.finish(name, succeeded, start);
    }

    fn finish(&mut self, name: &str, passed: bool, start: Instant) {
        let verdict = if passed { "ok" } else { "FAILED" };
        println!(
            "== {name}: {verdict} after {:.0} s",
            start.elapsed().as_secs_f64()
        );
        if !passed {
            self.broken.push(name.to_owned());
        }
    }
}

fn announce(name: &str, step: &Command) -> Instant {
    println!("== {name}: {}", command::shown(step));
    Instant::now()
}

/// The counts in a line such as `test result: ok. 12 passed; 1 failed; 0 ignored; ...`.
fn summary(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
    };
    Some((count(" passed")?, count(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn reads_the_summaries_of_cargo_test() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s";
        assert_eq!(summary(line), Some((12, 3)));
        assert_eq!(summary("test sums ... ok"), None);
    }
}
