//! Running `trainer-host` and reading what it found.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;

/// Builds the trainer.
pub fn build() -> Result<()> {
    command::run(command::cargo().current_dir(command::root()).args([
        "build",
        "--release",
        "--locked",
        "--package",
        "trainer-host",
    ]))
}

/// Runs a subcommand of the trainer, which shows its own progress, and returns what it found.
pub fn run(arguments: &[&str]) -> Result<Value> {
    let mut cargo: Command = command::cargo();
    cargo
        .current_dir(command::root())
        .args([
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "trainer-host",
            "--",
        ])
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    eprintln!("    trainer-host {}", arguments.join(" "));
    let output = cargo
        .output()
        .with_context(|| format!("`{}` cannot be started", command::shown(&cargo)))?;
    if !output.status.success() {
        bail!("`{}` failed with {}", command::shown(&cargo), output.status);
    }
    serde_json::from_slice(&output.stdout).context("the trainer's results are not JSON")
}

/// The number at `place`, a JSON pointer.
pub fn number(value: &Value, place: &str) -> Result<f64> {
    value
        .pointer(place)
        .and_then(Value::as_f64)
        .with_context(|| format!("the trainer's results have no {place}"))
}

/// The text at `place`, a JSON pointer.
pub fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str> {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .with_context(|| format!("the trainer's results have no {place}"))
}
