//! `cargo xtask test`: runs every check step by step, and prints a total at the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::boards::{self, BOARDS, Board};
use crate::firmware::{self, Application, Image};
use crate::{bench, c_library, command, locks, logged, set_up, sizes, torture};

/// Boards that together compile every file of the firmware.
const LINTED_BOARDS: [&str; 3] = ["microbit", "mps2-an386", "stm32f405"];
/// A board for each of the engine's kernels.
const KERNEL_BOARDS: [&str; 4] = ["microbit", "mps2-an385", "mps2-an386", "mps3-an547"];
/// The board whose core the C library is linted for.
const C_BOARD: &str = "mps2-an386";
/// The command for the tests of all packages. It always has the same features, so nothing is built twice.
const TEST: &str = "test --workspace --locked --no-fail-fast";
/// The package whose tests need a compiler for the boards, and QEMU.
const BOARD_TESTS: &str = "lstm-tests";

/// How much is tested.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Arguments {
    /// Run the tests marked `#[ignore = "long: ..."]` too, which take longer
    #[arg(long)]
    long: bool,
}

/// The result of a step.
struct Step {
    name: String,
    seconds: f64,
    succeeded: bool,
}

/// The results of all steps.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
    steps: Vec<Step>,
}

/// Installs what is missing, then runs every check; an error if any check fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    set_up::run(false)?;
    set_up::postgresql_ready();
    for board in LINTED_BOARDS {
        set_up::clippy_ready(boards::by_name(board)?.target)?;
    }
    let start = Instant::now();
    // A compiler for firmware keeps one core busy, so both lanes together take little longer than the host's alone.
    let (mut totals, firmware) = thread::scope(|scope| {
        let firmware = scope.spawn(firmware_lane);
        (host_lane(), firmware.join().expect("a lane does not panic"))
    });
    totals.add(firmware?);
    let emulated = format!("test --package {BOARD_TESTS} --locked --no-fail-fast");
    totals.tests("boards in QEMU", cargo(&emulated));
    if arguments.long {
        set_up::c_compiler_ready()?;
        set_up::browser_ready();
        // Without doctests: an ignored one is not a test.
        let ignored = format!("{TEST} --lib --bins --tests -- --ignored");
        totals.tests("long tests", cargo(&ignored));
    }
    let mut count = Command::new(std::env::current_exe()?);
    count.args(["bench", "--compare", bench::SAVED]);
    count.current_dir(command::root());
    totals.check("instructions of a step", count);
    print!("{}", totals.table());
    println!("{:7.0}  in all", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", totals.passed, totals.failed);
    match totals.steps.iter().filter(|step| !step.succeeded).count() {
        0 => Ok(()),
        broken => bail!("{broken} steps failed"),
    }
}

/// Formats, lints, documentation and tests of what runs on the host. The boards' tests are only built: they wait for
/// the images.
fn host_lane() -> Totals {
    let mut totals = Totals::default();
    totals.check("format", cargo("fmt --all --check"));
    let firmware = "fmt --manifest-path firmware/Cargo.toml --all --check";
    totals.check("format of the firmware", cargo(firmware));
    println!("== sizes of functions, files and lines of pages");
    totals.attempt("sizes of functions, files and lines of pages", sizes::check);
    println!("== versions in the lock files");
    totals.attempt("versions in the lock files", locks::check);
    let lint = |what| {
        let line = format!("clippy {what} --locked --quiet -- -D warnings");
        cargo(&line)
    };
    totals.check("lints", lint("--workspace --all-targets"));
    // The library alone, as used by a program that only trains and quantises.
    totals.check(
        "lints of the trainer's library without features",
        lint("--package trainer-host --lib --no-default-features"),
    );
    let mut doc = cargo("doc --workspace --no-deps --locked --quiet");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    totals.check("documentation", doc);
    let log = logged::log("build");
    println!("== build of the tests (log: {})", log.display());
    totals.attempt("build of the tests", || {
        let mut build = cargo(&format!("{TEST} --no-run"));
        logged::run(&mut build, &log, logged::of_cargo)
    });
    totals.tests(
        "engine, trainer, serial link and set-up",
        cargo(&format!("{TEST} --exclude {BOARD_TESTS}")),
    );
    // The tests before have built it.
    let program = command::target_root().join("debug/trainer-host");
    println!("== attacks on long work");
    totals.attempt("attacks on long work", || {
        torture::attack(&program, &torture::Arguments::SHORT)
    });
    totals
}

/// Lints of the firmware, and every image that the tests on boards run.
///
/// # Errors
/// A board's name is unknown, or there is no compiler for it.
fn firmware_lane() -> Result<Totals> {
    let mut totals = Totals::default();
    for board in &BOARDS {
        if LINTED_BOARDS.contains(&board.name) {
            totals.lint_firmware(board)?;
        }
        if KERNEL_BOARDS.contains(&board.name) {
            let name = format!("each feature alone for {}", board.name);
            println!("== {name}");
            totals.attempt(&name, || firmware::check_features(board));
        }
        let name = format!("images for {}", board.name);
        println!("== {name}");
        totals.attempt(&name, || firmware::build_all(board, &applications(board)));
    }
    let board = boards::by_name(C_BOARD)?;
    totals.check("lints of the C library", c_library::lint(board)?);
    Ok(totals)
}

/// The applications that tests and `cargo xtask bench` run on a board.
fn applications(board: &Board) -> Vec<Application> {
    use Application::{Bench, Classify, Compass, Motion, NoPanic, Runner};
    let mut applications = vec![Runner, Classify];
    if bench::BOARDS.contains(&board.name) {
        applications.extend([NoPanic, Bench]);
    }
    match board.name {
        "microbit" => applications.push(Motion),
        "mps2-an386" => applications.push(Compass),
        _ => {}
    }
    applications
}

/// A cargo command in the repository's root; no argument holds a space.
fn cargo(line: &str) -> Command {
    let mut cargo = command::cargo();
    cargo
        .current_dir(command::root())
        .args(line.split_whitespace());
    cargo
}

impl Totals {
    /// A step that counts as one check.
    fn check(&mut self, name: &str, mut step: Command) {
        println!("== {name}: {}", command::shown(&step));
        self.attempt(name, || command::run(&mut step));
    }

    /// A step that runs more than one command and counts as one check.
    fn attempt(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        let start = Instant::now();
        let result = step();
        if let Err(error) = &result {
            println!("{error:#}");
        }
        self.passed += usize::from(result.is_ok());
        self.failed += usize::from(result.is_err());
        self.finish(name, result.is_ok(), start);
    }

    /// The linter on the firmware of one board.
    fn lint_firmware(&mut self, board: &'static Board) -> Result<()> {
        let mut lint = Image::of(board, Application::Runner).cargo("clippy")?;
        lint.args(["--bins", "--quiet", "--", "-D", "warnings"]);
        self.check(&format!("lints of the firmware for {}", board.name), lint);
        Ok(())
    }

    /// A step that runs tests. The tests' own summaries give the counts.
    fn tests(&mut self, name: &str, mut step: Command) {
        println!("== {name}: {}", command::shown(&step));
        let start = Instant::now();
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
        // A step that ends before any count is a failure too.
        if !succeeded && self.failed == before {
            self.failed += 1;
        }
        self.finish(name, succeeded, start);
    }

    /// Adds another lane's results.
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.steps.extend(other.steps);
    }

    fn finish(&mut self, name: &str, succeeded: bool, start: Instant) {
        let step = Step {
            name: name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
            succeeded,
        };
        println!("== {name}: {} after {:.0} s", step.verdict(), step.seconds);
        self.steps.push(step);
    }

    /// Seconds and verdict of every step, and the seconds of all.
    fn table(&self) -> String {
        let mut table = String::from("\nseconds  step\n");
        for step in &self.steps {
            table += &format!("{:7.0}  {}: {}\n", step.seconds, step.name, step.verdict());
        }
        table
    }
}

impl Step {
    fn verdict(&self) -> &'static str {
        if self.succeeded { "ok" } else { "FAILED" }
    }
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
    use super::*;

    #[test]
    fn reads_the_summaries_of_cargo_test() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s";
        assert_eq!(summary(line), Some((12, 3)));
        assert_eq!(summary("test sums ... ok"), None);
    }

    #[test]
    fn a_step_that_fails_is_counted_and_named() {
        let mut totals = Totals::default();
        totals.attempt("good", || Ok(()));
        totals.attempt("bad", || bail!("for a reason"));
        assert_eq!((totals.passed, totals.failed), (1, 1));
        let table = totals.table();
        assert!(
            table.contains("0  good: ok\n") && table.contains("0  bad: FAILED\n"),
            "{table}"
        );
    }
}
