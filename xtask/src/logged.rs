//! Runs a command that says much: everything goes into a log file, and one line on the terminal shows how far it is.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::command::{self, target_root};

/// Characters of the line on a terminal.
const WIDTH: usize = 78;
/// Last lines of the log that an error shows.
const LAST: usize = 40;

/// The log file of that name, below the folder of builds.
pub fn log(name: &str) -> PathBuf {
    target_root().join(format!("{name}.log"))
}

/// Runs the command without a keyboard. Its standard output and its errors are added to `log`. `progress` makes of a
/// line of its output what a terminal shows, or nothing.
///
/// # Errors
/// When the log cannot be written, and when the command fails; then with the last lines of the log.
pub fn run(
    command: &mut Command,
    log: &Path,
    progress: impl Fn(&str) -> Option<String> + Sync,
) -> Result<()> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let name = command::shown(command);
    writeln!(file, "$ {name}")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{name}` cannot be started"))?;
    let (said, errors) = (child.stdout.take(), child.stderr.take());
    let follow = |from: &mut dyn BufRead| follow(from, &file, &progress);
    let last = thread::scope(|scope| {
        let errors = scope.spawn(|| errors.map(|errors| follow(&mut BufReader::new(errors))));
        let said = said.map(|said| follow(&mut BufReader::new(said)));
        let errors = errors.join().expect("reading does not panic");
        said.into_iter().chain(errors).flatten().collect::<Vec<_>>()
    });
    clear();
    let status = child.wait()?;
    if !status.success() {
        bail!(
            "`{name}` failed with {status}; {} has all that it said, and its last lines are\n{}",
            log.display(),
            last.join("\n")
        );
    }
    Ok(())
}

/// Copies lines into the log, and shows how far it is. The last lines.
fn follow(
    from: &mut dyn BufRead,
    mut log: &File,
    progress: impl Fn(&str) -> Option<String>,
) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let mut bytes = Vec::new();
    // Whatever the bytes are: a reader that gave up would end the command by a closed pipe.
    while from
        .read_until(b'\n', &mut bytes)
        .is_ok_and(|count| count > 0)
    {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        // A log that cannot be written is no reason to stop.
        let _ = writeln!(log, "{line}");
        if let Some(text) = progress(&line) {
            show(&text);
        }
        if last.len() == LAST {
            last.pop_front();
        }
        last.push_back(line);
    }
    last
}

/// Replaces the terminal's last line.
fn show(text: &str) {
    if std::io::stderr().is_terminal() {
        let text: String = text.chars().take(WIDTH).collect();
        eprint!("\r{text:<WIDTH$}");
    }
}

/// Empties the terminal's last line.
fn clear() {
    if std::io::stderr().is_terminal() {
        eprint!("\r{:WIDTH$}\r", "");
    }
}

/// What cargo's lines say of its progress: the crate at hand.
pub fn of_cargo(line: &str) -> Option<String> {
    let line = line.trim_start();
    ["Compiling ", "Checking ", "Documenting "]
        .iter()
        .any(|begin| line.starts_with(begin))
        .then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_command_says_is_in_its_log_and_an_error_has_the_end() {
        let folder = std::env::temp_dir().join(format!("xtask-logged-{}", std::process::id()));
        let log = folder.join("some.log");
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            run(&mut command, &log, |line| Some(line.to_owned()))
        };
        shell("echo one; echo two >&2").unwrap();
        shell("printf 'no text: \\377\\nthree\\n'").unwrap();
        let error = format!("{:#}", shell("seq 100; exit 3").unwrap_err());
        assert!(
            error.ends_with("\n99\n100") && !error.contains("\n60\n"),
            "{error}"
        );
        assert!(
            error.contains("some.log") && error.contains("exit status: 3"),
            "{error}"
        );
        let text = fs::read_to_string(&log).unwrap();
        assert!(
            ["\none\n", "\ntwo\n", "\nthree\n", "\n5\n"]
                .iter()
                .all(|line| text.contains(line)),
            "{text}"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
