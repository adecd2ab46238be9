//! Runs `trainer-host` and reads its results.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{command, logged};

/// The trainer. A command builds it once, before it measures anything.
pub struct Trainer {
    executable: PathBuf,
}

impl Trainer {
    /// Builds it.
    ///
    /// # Errors
    /// When it does not build.
    pub fn build() -> Result<Self> {
        let build = || {
            let mut cargo = command::cargo();
            let line = "build --release --locked --package trainer-host";
            cargo.current_dir(command::root()).args(line.split(' '));
            cargo
        };
        logged::run(&mut build(), &logged::log("build"), logged::of_cargo)?;
        // It is built; this asks where it is.
        let mut cargo = build();
        cargo.args(["--quiet", "--message-format=json-render-diagnostics"]);
        let executable = executable(&command::printed(&mut cargo)?)
            .with_context(|| format!("`{}` built no program", command::shown(&cargo)))?;
        Ok(Self { executable })
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.executable
    }

    /// Runs a subcommand and returns its results. The subcommand shows its own progress.
    ///
    /// # Errors
    /// When it fails, or prints no JSON.
    pub fn run(&self, arguments: &[&str]) -> Result<Value> {
        let mut trainer = Command::new(&self.executable);
        trainer
            .current_dir(command::root())
            .args(arguments)
            .arg("--json")
            .stderr(Stdio::inherit());
        eprintln!("    trainer-host {}", arguments.join(" "));
        let results = command::printed(&mut trainer)?;
        serde_json::from_str(&results).context("the trainer's results are not JSON")
    }
}

/// The last program that cargo's messages name, with one message on each line.
fn executable(messages: &str) -> Option<PathBuf> {
    (messages.lines().rev())
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_the_messages_of_a_build() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"trainer-host"},"executable":"/x y/trainer-host"}
{"reason":"build-finished","success":true}
"#;
        let found = executable(messages);
        assert_eq!(found, Some(PathBuf::from("/x y/trainer-host")));
        assert_eq!(executable("{}\nno JSON\n"), None);
    }
}
