//! `cargo xtask torture`: makes every attack that the project has withstood again, and prints what was lost.
//!
//! | attack | what happens | what must hold |
//! | --- | --- | --- |
//! | kills of a training | SIGKILL at any moment; `--resume` continues | the weights are those without kills |
//! | full disk | a limit on the size of files, or a small file system that is full | the run continues when there is room again |
//! | two processes | two trainings in one folder at once | one is refused, the other one ends as if alone |
//! | read-only folder | the run's folder cannot be written | an error |
//! | kills of workers | SIGKILL of a study's workers | the study finds what it finds without kills |
//! | PostgreSQL, lossy line, emulators, soak | tests, which say themselves what they attack | the test passes |
//!
//! A result that differs is *wrong*. What ends without a result, or cannot be continued, is *lost*. A process that takes
//! far longer than it may *hangs*. A process that outlives the one that started it is an *orphan*.
//!
//! The program is started as a user starts it.

mod attempt;
mod studies;
mod trainings;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::trainer::Trainer;

/// How long.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Arguments {
    /// How often each attack is made
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Without the attacks that are tests, which `cargo xtask test` runs anyway
    #[arg(long)]
    without_tests: bool,
}

impl Arguments {
    /// A few of each attack, for `cargo xtask test`.
    pub const SHORT: Self = Self {
        times: 3,
        without_tests: true,
    };
}

/// What did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lost,
    Wrong,
    Orphan,
    Hang,
}

impl Kind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Lost, "lost"),
        (Self::Wrong, "wrong"),
        (Self::Orphan, "orphans"),
        (Self::Hang, "hangs"),
    ];
}

/// What did not hold, and where.
type Finding = (Kind, String);

/// What an attack came to.
#[derive(Clone, Debug, Default)]
struct Outcome {
    name: &'static str,
    /// How often it was made.
    attacks: u64,
    findings: Vec<Finding>,
}

impl Outcome {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Counts an attack, and what it found.
    fn add(&mut self, place: &str, finding: Option<Finding>) {
        self.attacks += 1;
        let named = finding.map(|(kind, what)| (kind, format!("{}, {place}: {what}", self.name)));
        self.findings.extend(named);
    }
}

/// Attacks that are tests: the name, the filter of the tests' names, and what a failure means.
const TESTS: [(&str, &str, Kind); 6] = [
    (
        "PostgreSQL: crashes, locks, lost connections",
        "postgresql::",
        Kind::Lost,
    ),
    (
        "PostgreSQL: a network that swallows",
        "stalled::",
        Kind::Hang,
    ),
    (
        "frames on a lossy serial line",
        "device::noisy_line",
        Kind::Wrong,
    ),
    ("hostile device", "device::hostile", Kind::Wrong),
    (
        "an emulator whose program is killed",
        "an_emulator_ends",
        Kind::Orphan,
    ),
    ("steps of a board against the host", "a_soak", Kind::Wrong),
];

/// Makes all attacks.
///
/// # Errors
/// When something did not hold.
pub fn run(arguments: &Arguments) -> Result<()> {
    let trainer = Trainer::build()?;
    attack(trainer.program(), arguments)
}

/// Makes all attacks on the trainer at `program`.
///
/// # Errors
/// When something did not hold.
pub fn attack(program: &Path, arguments: &Arguments) -> Result<()> {
    let mut outcomes = vec![
        trainings::kills(program, arguments.times)?,
        trainings::full_disk(program, arguments.times)?,
        trainings::two_processes(program, arguments.times.div_ceil(4))?,
    ];
    outcomes.extend(trainings::small_file_system(program, arguments.times)?);
    outcomes.extend(trainings::read_only(program)?);
    outcomes.push(studies::kills(program, arguments.times)?);
    if !arguments.without_tests {
        for test in TESTS {
            outcomes.push(run_tests(test)?);
        }
    }
    print!("{}", table(&outcomes));
    let findings: Vec<&Finding> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.findings)
        .collect();
    match findings.as_slice() {
        [] => Ok(()),
        [(_, first), ..] => bail!("{} findings; the first one: {first}", findings.len()),
    }
}

/// Runs tests, long ones too, as one attack each, or as many as a line `attacks: N` of a test says.
fn run_tests((name, filter, kind): (&'static str, &str, Kind)) -> Result<Outcome> {
    let mut run = command::cargo();
    run.current_dir(command::root())
        .args(["test", "--locked", "--no-fail-fast", "--workspace"])
        .args([
            "--lib",
            "--tests",
            "--",
            "--include-ignored",
            "--show-output",
        ])
        .arg(filter)
        .stdin(Stdio::null());
    println!("== {name}: {}", command::shown(&run));
    let output = run.output().context("cargo cannot be started")?;
    let mut outcome = tests_outcome(name, kind, &String::from_utf8_lossy(&output.stdout));
    let errors = String::from_utf8_lossy(&output.stderr);
    // What ends a test program is no line of a test.
    if !output.status.success() && outcome.findings.is_empty() {
        outcome.add("a test program", Some((kind, errors.into_owned())));
    } else if outcome.attacks == 0 {
        bail!("no test has `{filter}` in its name: {errors}");
    }
    Ok(outcome)
}

/// What the text of a test program says.
fn tests_outcome(name: &'static str, kind: Kind, text: &str) -> Outcome {
    let mut outcome = Outcome::new(name);
    for line in text.lines() {
        if let Some(attacks) = line.strip_prefix("attacks: ") {
            // The test itself was counted as one.
            outcome.attacks += attacks.parse::<u64>().map_or(0, |attacks| attacks - 1);
        }
        let test = line.strip_prefix("test ");
        match test.and_then(|line| line.split_once(" ... ")) {
            Some((test, "FAILED")) => outcome.add(test, Some((kind, "the test fails".into()))),
            Some((test, verdict)) if verdict != "ignored" => outcome.add(test, None),
            _ => {}
        }
    }
    outcome
}

/// One line an attack.
fn table(outcomes: &[Outcome]) -> String {
    let heads = Kind::ALL.map(|(_, head)| head).join(" | ");
    let mut table =
        format!("\n| attack | times | {heads} |\n| --- | --- | --- | --- | --- | --- |\n");
    for outcome in outcomes {
        let count = |kind| {
            let of_kind = outcome.findings.iter().filter(|(found, _)| *found == kind);
            of_kind.count().to_string()
        };
        let counts = Kind::ALL.map(|(kind, _)| count(kind)).join(" | ");
        table += &format!("| {} | {} | {counts} |\n", outcome.name, outcome.attacks);
    }
    for (_, finding) in outcomes.iter().flat_map(|outcome| &outcome.findings) {
        table += &format!("\n{finding}\n");
    }
    table
}

/// The trainer with these arguments in `folder`, silent.
fn quiet(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut run = Command::new(program);
    run.args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_counted_and_named() {
        let mut kills = Outcome::new("kills");
        kills.add("kill 1", None);
        kills.add("kill 2", Some((Kind::Wrong, "other weights".into())));
        let table = table(&[kills]);
        assert!(table.contains("| kills | 2 | 0 | 1 | 0 | 0 |\n"), "{table}");
        assert!(table.contains("kills, kill 2: other weights"), "{table}");
    }

    #[test]
    fn tests_say_how_often_they_attack() {
        let text = "running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ignored\n\n---- a stdout ----\nattacks: 40\n";
        let outcome = tests_outcome("tests", Kind::Lost, text);
        assert_eq!(outcome.attacks, 41);
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(outcome.findings[0].0, Kind::Lost);
    }
}
