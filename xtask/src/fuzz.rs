//! `cargo xtask fuzz MINUTES`: attacks every reader of bytes, guided by coverage where the machine can.
//!
//! The targets are in `tests/fuzz`. libFuzzer comes with the crate `libfuzzer-sys` and needs a C++ compiler. Coverage
//! needs no other toolchain: the compiler's pass `sancov-module` is in every LLVM. The address sanitizer is used where
//! the toolchain brings it. Without a C++ compiler, mutations without coverage take libFuzzer's place, and the first
//! line says so. A table at the end says what each target was put through.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command;

/// How much, and what.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Minutes for all targets together
    #[arg(
        value_parser = clap::value_parser!(u64).range(1..),
        required_unless_present = "executions",
        conflicts_with = "executions"
    )]
    minutes: Option<u64>,
    /// In place of a time: how often each target is executed; `model` ten times as often
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=MOST))]
    executions: Option<u64>,
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

/// Targets that need no trainer, which takes most of the time of building.
const WITHOUT_TRAINER: [&str; 3] = ["model", "frames", "exchange"];

/// libFuzzer counts in 32 bits with a sign.
const MOST: u64 = i32::MAX as u64 / MODEL_SHARE;
/// Executions of `model` for one of another target: its bytes alone are read on boards, and its executions are short.
const MODEL_SHARE: u64 = 10;

/// Compiler flags for coverage that libFuzzer reads.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];
/// Longest input.
const LONGEST: usize = 1 << 14;
/// What libFuzzer, and the program of mutations, say at their end.
const EXECUTED: &str = "stat::number_of_executed_units:";
/// Where Linux keeps files in memory. Targets that read files write one for each execution.
const MEMORY: &str = "/dev/shm";

/// When an attack on one target ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Seconds(u64),
    Executions(u64),
}

impl End {
    fn said(self) -> String {
        match self {
            Self::Seconds(seconds) => format!("{seconds} s"),
            Self::Executions(executions) => format!("{} executions", grouped(executions)),
        }
    }
}

/// What a target was put through. An attack ends at its first finding.
struct Outcome {
    target: &'static str,
    executions: u64,
    seconds: f64,
    holds: bool,
}

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
    let fuzzer = fuzzer(&targets, arguments.without_coverage)?;
    let mut outcomes = Vec::new();
    for target in &targets {
        let end = end(arguments, target, targets.len() as u64);
        println!("== {target}: {}", end.said());
        outcomes.push(attack(fuzzer.as_ref(), &targets, target, end)?);
    }
    print!("{}", table(&outcomes));
    let broken = outcomes.iter().filter(|outcome| !outcome.holds);
    match broken.map(|outcome| outcome.target).collect::<Vec<_>>() {
        found if found.is_empty() => Ok(()),
        found => bail!(
            "findings in {}; their inputs are in tests/fuzz/corpus",
            found.join(", ")
        ),
    }
}

/// libFuzzer for these targets, if this machine can build it and it is wanted.
fn fuzzer(targets: &[&str], without_coverage: bool) -> Result<Option<Fuzzer>> {
    let mut compilers = ["c++", "g++", "clang++"].into_iter();
    if without_coverage || compilers.find_map(command::find_program).is_none() {
        println!(
            "mutations without coverage: libFuzzer needs a C++ compiler (`apt-get install g++`)"
        );
        command::run(cargo("build", targets).args(["--bin", "mutate"]))?;
        return Ok(None);
    }
    Fuzzer::new(targets).map(Some)
}

/// When the attack on `target`, one of so many, ends.
fn end(arguments: &Arguments, target: &str, targets: u64) -> End {
    match (arguments.executions, arguments.minutes) {
        (Some(executions), _) if target == "model" => {
            End::Executions(executions.saturating_mul(MODEL_SHARE))
        }
        (Some(executions), _) => End::Executions(executions),
        (None, minutes) => End::Seconds((60 * minutes.unwrap_or(1) / targets).max(1)),
    }
}

/// Attacks one of these targets. A finding is an outcome, not an error.
fn attack(
    fuzzer: Option<&Fuzzer>,
    targets: &[&str],
    target: &'static str,
    end: End,
) -> Result<Outcome> {
    let kept = command::root().join("tests/fuzz/corpus").join(target);
    std::fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
    let mut attack = match fuzzer {
        Some(fuzzer) => fuzzer.attack(target, end, &kept)?,
        None => mutation(targets, target, end),
    };
    if Path::new(MEMORY).is_dir() {
        attack.env("TMPDIR", MEMORY);
    }
    let begun = Instant::now();
    let (executions, holds) = watched(&mut attack)?;
    // An empty folder would say that there are kept inputs.
    let _ = std::fs::remove_dir(&kept);
    Ok(Outcome {
        target,
        executions,
        seconds: begun.elapsed().as_secs_f64(),
        holds,
    })
}

/// Runs an attack and shows what it says. Returns how many executions it made, and whether the target holds.
fn watched(attack: &mut Command) -> Result<(u64, bool)> {
    let shown = command::shown(attack);
    let mut child = (attack.stdin(Stdio::null()).stderr(Stdio::piped()).spawn())
        .with_context(|| format!("`{shown}` cannot be started"))?;
    let mut executions = None;
    for line in child.stderr.take().into_iter().flat_map(|stderr| {
        BufReader::new(stderr)
            .split(b'\n')
            .map_while(std::result::Result::ok)
    }) {
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        executions = line
            .strip_prefix(EXECUTED)
            .and_then(|number| number.trim().parse().ok())
            .or(executions);
    }
    let holds = child.wait()?.success();
    let executions = executions.with_context(|| {
        format!(
            "`{shown}` does not say how many executions it made, so it was killed or did not begin"
        )
    })?;
    Ok((executions, holds))
}

/// One line a target.
fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "\n| target | executions | seconds | findings |\n| --- | ---: | ---: | ---: |\n",
    );
    for outcome in outcomes {
        table += &format!(
            "| `{}` | {} | {:.0} | {} |\n",
            outcome.target,
            grouped(outcome.executions),
            outcome.seconds,
            u8::from(!outcome.holds)
        );
    }
    table
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `cargo` that builds or runs these targets, optimised and with every check.
fn cargo(verb: &str, targets: &[&str]) -> Command {
    let mut cargo = command::cargo();
    cargo
        .current_dir(command::root())
        .args([verb, "--locked", "--profile", "fuzz"])
        .args(["--package", "lstm-fuzz"]);
    if targets
        .iter()
        .all(|target| WITHOUT_TRAINER.contains(target))
    {
        cargo.arg("--no-default-features");
    }
    cargo
}

/// The program of `tests/fuzz` that mutates without coverage, on one of these targets.
fn mutation(targets: &[&str], target: &str, end: End) -> Command {
    let mut run = cargo("run", targets);
    run.args(["--quiet", "--bin", "mutate", "--", target]);
    match end {
        End::Seconds(seconds) => run.arg("--seconds").arg(seconds.to_string()),
        End::Executions(executions) => run.arg("--executions").arg(executions.to_string()),
    };
    run
}

/// libFuzzer with what this toolchain can do.
struct Fuzzer {
    folder: PathBuf,
    host: String,
    flags: Vec<&'static str>,
}

impl Fuzzer {
    fn new(targets: &[&str]) -> Result<Self> {
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
            folder: command::root().join("target/libfuzzer"),
            host,
            flags,
        };
        command::run(&mut fuzzer.build(targets))?;
        Ok(fuzzer)
    }

    /// Builds the program. With a target of its own, build scripts are built as ever.
    fn build(&self, targets: &[&str]) -> Command {
        let mut build = cargo("build", targets);
        build
            .args(["--features", "libfuzzer", "--bin", "guided"])
            .args(["--target", &self.host])
            .arg("--target-dir")
            .arg(&self.folder)
            .env("RUSTFLAGS", self.flags.join(" "))
            // Sanitizers are the one thing here that a stable compiler hides.
            .env("RUSTC_BOOTSTRAP", "1");
        build
    }

    /// The attack on one target, which writes a finding into the folder `kept`.
    fn attack(&self, target: &str, end: End, kept: &Path) -> Result<Command> {
        let inputs = self.folder.join("inputs").join(target);
        std::fs::create_dir_all(&inputs).with_context(|| inputs.display().to_string())?;
        let mut attack = Command::new(self.folder.join(&self.host).join("fuzz/guided"));
        attack
            .env("FUZZ_TARGET", target)
            .env("FUZZ_INPUTS", &inputs)
            .arg(&inputs)
            .arg(match end {
                End::Seconds(seconds) => format!("-max_total_time={seconds}"),
                End::Executions(executions) => format!("-runs={executions}"),
            })
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/finding-", kept.display()))
            .args([
                "-print_final_stats=1",
                "-timeout=10",
                "-rss_limit_mb=1024",
                "-verbosity=0",
                // Names of functions would have to be looked up.
                "-print_funcs=0",
            ]);
        Ok(attack)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fuzz: Arguments,
    }

    fn end_of(line: &[&str], target: &str) -> End {
        let line = Line::try_parse_from([&["fuzz"], line].concat()).unwrap();
        end(&line.fuzz, target, 3)
    }

    #[test]
    fn a_time_is_shared_and_a_count_is_of_each_target() {
        assert!(matches!(end_of(&["2"], "csv"), End::Seconds(40)));
        let count = ["--executions", "7"];
        assert!(matches!(end_of(&count, "csv"), End::Executions(7)));
        assert!(matches!(end_of(&count, "model"), End::Executions(70)));
        let (most, more) = (MOST.to_string(), (MOST + 1).to_string());
        let End::Executions(of_model) = end_of(&["--executions", &most], "model") else {
            panic!("a count was asked for");
        };
        assert!(i32::try_from(of_model).is_ok(), "{of_model}");
        for refused in [
            &["fuzz"][..],
            &["fuzz", "2", "--executions", "7"],
            &["fuzz", "--executions", &more],
        ] {
            assert!(Line::try_parse_from(refused).is_err(), "{refused:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_attack_is_counted_whether_it_finds_something_or_not() {
        let attack = |script: &str| watched(Command::new("sh").args(["-c", script]));
        let says = format!("echo begun >&2; echo '{EXECUTED}      7' >&2");
        assert_eq!(attack(&says).unwrap(), (7, true));
        assert_eq!(attack(&format!("{says}; exit 77")).unwrap(), (7, false));
        let error = attack("exit 1").unwrap_err().to_string();
        assert!(error.contains("did not begin"), "{error}");
    }

    #[test]
    fn the_targets_are_those_of_the_fuzz_crate() {
        let folder = command::root().join("tests/fuzz/src/targets");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let text: String = files
            .map(|file| std::fs::read_to_string(file.path()).unwrap())
            .collect();
        let names = text.lines().filter_map(|line| {
            line.trim()
                .strip_prefix("name: \"")?
                .strip_suffix("\",")
                .map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        let mut known = TARGETS.map(str::to_owned);
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn each_target_has_a_line_with_its_counts() {
        let outcome = |target, executions, seconds, holds| Outcome {
            target,
            executions,
            seconds,
            holds,
        };
        let table = table(&[
            outcome("model", 20_000_000, 61.4, true),
            outcome("csv", 999, 0.6, false),
        ]);
        assert!(table.ends_with("| `model` | 20,000,000 | 61 | 0 |\n| `csv` | 999 | 1 | 1 |\n"));
    }
}
