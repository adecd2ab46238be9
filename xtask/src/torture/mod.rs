//! `cargo xtask torture`: makes every attack that the project has withstood again, and prints what was lost.
//!
//! | attack | what happens | what is counted as lost |
//! | --- | --- | --- |
//! | kills of a training | SIGKILL at any moment; `--resume` continues | other weights than without kills |
//! | full disk | a limit on the size of files, at any size | a run that does not continue when there is room again |
//! | two processes | two trainings in one folder at once | both end well, or other weights |
//! | read-only folder | the run's folder cannot be written | a status of 0, or a panic |
//! | kills of workers | SIGKILL of a study's workers | other trials than without kills |
//! | PostgreSQL, lossy line, long soak | tests, which say themselves what they attack | a test that fails |
//!
//! The program is started as a user starts it. A process that takes far longer than it may counts as a hang.

mod attempt;
mod studies;
mod trainings;

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

/// What an attack came to.
#[derive(Clone, Debug, Default)]
struct Outcome {
    name: &'static str,
    /// How often it was made.
    attacks: u32,
    /// What did not hold, one line each.
    lost: Vec<String>,
}

/// Attacks that are tests: the name, the test's package, and the filter of its names.
const TESTS: [(&str, &str, &str); 5] = [
    (
        "PostgreSQL: crashes and locks",
        "trainer-host",
        "postgresql::",
    ),
    (
        "PostgreSQL: a network that swallows",
        "trainer-host",
        "stalled::",
    ),
    ("lossy serial line", "trainer-host", "device::noisy_line"),
    ("hostile device", "trainer-host", "device::hostile"),
    ("host against emulated boards", "lstm-tests", ""),
];

/// Makes all attacks.
///
/// # Errors
/// When something was lost.
pub fn run(arguments: &Arguments) -> Result<()> {
    let trainer = Trainer::build()?;
    let program = trainer.program();
    let mut outcomes = vec![
        trainings::kills(program, arguments.times)?,
        trainings::full_disk(program, arguments.times)?,
        trainings::two_processes(program, arguments.times.div_ceil(4))?,
    ];
    outcomes.extend(trainings::read_only(program)?);
    outcomes.push(studies::kills(program, arguments.times)?);
    if !arguments.without_tests {
        for (name, package, filter) in TESTS {
            outcomes.push(run_tests(name, package, filter)?);
        }
    }
    print!("{}", table(&outcomes));
    let lost: Vec<&String> = outcomes.iter().flat_map(|outcome| &outcome.lost).collect();
    match lost.as_slice() {
        [] => Ok(()),
        lost => bail!("{} losses; the first one: {}", lost.len(), lost[0]),
    }
}

/// Runs tests as one attack each.
fn run_tests(name: &'static str, package: &str, filter: &str) -> Result<Outcome> {
    let mut run = command::cargo();
    run.current_dir(command::root())
        .args([
            "test",
            "--locked",
            "--no-fail-fast",
            "--package",
            package,
            "--lib",
            "--tests",
            "--",
            filter,
        ])
        .stdin(Stdio::null());
    println!("== {name}: {}", command::shown(&run));
    let output = run.output().context("cargo cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut outcome = Outcome {
        name,
        ..Outcome::default()
    };
    for line in text.lines() {
        let Some((test, verdict)) = line
            .strip_prefix("test ")
            .and_then(|l| l.split_once(" ... "))
        else {
            continue;
        };
        outcome.attacks += u32::from(verdict != "ignored");
        if verdict == "FAILED" {
            outcome.lost.push(format!("{name}: {test}"));
        }
    }
    if !output.status.success() && outcome.lost.is_empty() {
        outcome.lost.push(format!(
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(outcome)
}

/// One line an attack.
fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::from("\n| attack | times | lost |\n| --- | --- | --- |\n");
    for outcome in outcomes {
        table += &format!(
            "| {} | {} | {} |\n",
            outcome.name,
            outcome.attacks,
            outcome.lost.len()
        );
    }
    for lost in outcomes.iter().flat_map(|outcome| &outcome.lost) {
        table += &format!("\nlost: {lost}\n");
    }
    table
}

/// The trainer with these arguments in `folder`, silent.
fn quiet(program: &std::path::Path, folder: &std::path::Path, arguments: &[&str]) -> Command {
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
        let outcomes = [Outcome {
            name: "kills",
            attacks: 3,
            lost: vec!["kill 2: other weights".into()],
        }];
        let table = table(&outcomes);
        assert!(table.contains("| kills | 3 | 1 |\n"), "{table}");
        assert!(table.contains("lost: kill 2: other weights"), "{table}");
    }
}
