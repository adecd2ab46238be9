//! The program as a user starts it, in a folder of its own.

#[path = "schema.rs"]
pub(crate) mod schema;

use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder to work in, which goes with its test.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer-host"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and returns standard output, which is held to docs/json.md; fails loudly.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        let printed = String::from_utf8(output.stdout).unwrap();
        schema::check_printed(arguments, &printed);
        printed
    }

    /// Runs, demands a tidy failure, and returns what it said.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        let status = output.status.code().expect("an exit status, not a signal");
        assert!(
            status == 1 || status == 2,
            "{arguments:?}: status {status}, {errors}"
        );
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
        errors
    }
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
