//! Attacks on a training in its folder.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::attempt::{Ended, Folder, moment, run, wait};
use super::{Outcome, quiet};

/// A training of a second or less.
const TRAIN: [&str; 9] = [
    "train",
    "digits",
    "--hidden",
    "6",
    "--epochs",
    "5",
    "--threads",
    "1",
    "--out",
];
const RESUME: [&str; 2] = ["train", "--resume"];
/// What a run leaves that follows from its configuration alone.
const FILES: [&str; 3] = ["weights.safetensors", "checkpoint.safetensors", "log.jsonl"];

fn train(program: &Path, folder: &Path, out: &str) -> Command {
    quiet(program, folder, &[&TRAIN[..], &[out]].concat())
}

fn resume(program: &Path, folder: &Path, out: &str) -> Command {
    quiet(program, folder, &[&RESUME[..], &[out]].concat())
}

/// Trains in `whole` as nobody disturbs it; returns how long that takes.
fn undisturbed(program: &Path, folder: &Path) -> Result<Duration> {
    let begun = Instant::now();
    let ended = run(&mut train(program, folder, "whole"), None)?;
    ensure!(
        ended.is_good(),
        "a training that nobody disturbs: {}",
        ended.in_words()
    );
    Ok(begun.elapsed())
}

/// What the run in `out` lacks of the undisturbed one.
fn differs(folder: &Path, out: &str) -> Option<String> {
    let read = |run: &str, file: &str| std::fs::read(folder.join(run).join(file)).ok();
    let differs = |file: &&&str| read("whole", file) != read(out, file);
    let file = FILES.iter().find(differs)?;
    Some(format!("another {file}"))
}

/// Continues what stands in `out` to its end, or begins it where nothing stands.
fn finish(program: &Path, folder: &Path, out: &str) -> Result<Option<String>> {
    let has_run = folder.join(out).join("config.toml").is_file();
    let mut command = if has_run {
        resume(program, folder, out)
    } else {
        train(program, folder, out)
    };
    let ended = run(&mut command, None)?;
    if !ended.is_good() {
        return Ok(Some(ended.in_words()));
    }
    Ok(differs(folder, out))
}

/// SIGKILL at any moment, twice in a row for each run.
pub(super) fn kills(program: &Path, times: u32) -> Result<Outcome> {
    let folder = Folder::new()?;
    let life = undisturbed(program, folder.path())?;
    let mut outcome = Outcome {
        name: "kills of a training",
        ..Outcome::default()
    };
    for n in 0..times {
        let out = format!("run-{n}");
        let mut command = match folder.path().join(&out).join("config.toml").is_file() {
            true => resume(program, folder.path(), &out),
            false => train(program, folder.path(), &out),
        };
        if let Ended::Itself(output) = run(&mut command, Some(moment(n, life)))?
            && !output.status.success()
        {
            outcome
                .lost
                .push(format!("kill {n}: it ended with {}", output.status));
        }
        outcome.attacks += 1;
        if let Some(loss) = finish(program, folder.path(), &out)? {
            outcome.lost.push(format!("kill {n}: {loss}"));
        }
    }
    Ok(outcome)
}

/// The program with a limit on the size of files that it writes. Writing more is an error, as on a full disk.
fn limited(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
        ))
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    limited
}

/// A disk that is full after so many blocks a file, and has room again.
pub(super) fn full_disk(program: &Path, times: u32) -> Result<Outcome> {
    let mut outcome = Outcome {
        name: "full disk in a training",
        ..Outcome::default()
    };
    if !cfg!(unix) {
        return Ok(outcome);
    }
    let folder = Folder::new()?;
    undisturbed(program, folder.path())?;
    for n in 0..times {
        let out = format!("run-{n}");
        let mut command = limited(&train(program, folder.path(), &out), n % 24);
        let ended = run(&mut command, None)?;
        outcome.attacks += 1;
        let loss = match &ended {
            Ended::Itself(output) if output.status.code().is_some_and(|code| code <= 2) => {
                // With enough blocks there was room.
                let loss = finish(program, folder.path(), &out)?;
                loss.or_else(|| {
                    ended
                        .is_good()
                        .then(|| differs(folder.path(), &out))
                        .flatten()
                })
            }
            ended => Some(ended.in_words()),
        };
        outcome
            .lost
            .extend(loss.map(|loss| format!("limit of {} blocks: {loss}", n % 24)));
    }
    Ok(outcome)
}

/// Two trainings in one folder: one is refused, and the other one ends as if it were alone.
pub(super) fn two_processes(program: &Path, times: u32) -> Result<Outcome> {
    let folder = Folder::new()?;
    undisturbed(program, folder.path())?;
    let mut outcome = Outcome {
        name: "two processes in one folder",
        ..Outcome::default()
    };
    for n in 0..times {
        let out = format!("run-{n}");
        let both = [(); 2].map(|()| train(program, folder.path(), &out).spawn());
        let mut good = 0;
        for child in both {
            good += u32::from(wait(child?, None)?.is_good());
        }
        outcome.attacks += 1;
        let loss = match good {
            1 => differs(folder.path(), &out),
            good => Some(format!("{good} of 2 ended well")),
        };
        outcome
            .lost
            .extend(loss.map(|loss| format!("pair {n}: {loss}")));
    }
    Ok(outcome)
}

/// A folder that cannot be written; `None` for the superuser, who can write everywhere.
pub(super) fn read_only(program: &Path) -> Result<Option<Outcome>> {
    let folder = Folder::new()?;
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed)?;
    let mut permissions = std::fs::metadata(&closed)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&closed, permissions)?;
    if std::fs::write(closed.join("probe"), "").is_ok() {
        println!("read-only folder: left out, because the superuser writes everywhere");
        return Ok(None);
    }
    let ended = run(&mut train(program, folder.path(), "closed/run"), None)?;
    let is_tidy = matches!(&ended, Ended::Itself(output) if output.status.code() == Some(1));
    let lost = if is_tidy {
        Vec::new()
    } else {
        vec![ended.in_words()]
    };
    Ok(Some(Outcome {
        name: "read-only folder",
        attacks: 1,
        lost,
    }))
}
