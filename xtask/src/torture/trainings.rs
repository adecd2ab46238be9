//! Attacks on a training in its folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::attempt::{Ended, Folder, moment, run, wait};
use super::{Finding, Kind, Outcome, quiet};

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

fn train(program: &Path, folder: &Path, out: &Path) -> Command {
    let mut train = quiet(program, folder, &TRAIN);
    train.arg(out);
    train
}

fn resume(program: &Path, folder: &Path, out: &Path) -> Command {
    let mut resume = quiet(program, folder, &RESUME);
    resume.arg(out);
    resume
}

/// Trains in `whole` as nobody disturbs it; returns how long that takes.
fn undisturbed(program: &Path, folder: &Path) -> Result<Duration> {
    let begun = Instant::now();
    let ended = run(&mut train(program, folder, Path::new("whole")), None)?;
    ensure!(
        ended.is_good(),
        "a training that nobody disturbs: {}",
        ended.in_words()
    );
    Ok(begun.elapsed())
}

/// What the run in `out` lacks of the undisturbed one.
fn differs(folder: &Path, out: &Path) -> Option<Finding> {
    let read = |run: &Path, file: &str| std::fs::read(run.join(file)).ok();
    let (whole, out) = (folder.join("whole"), folder.join(out));
    let differs = |file: &&&str| read(&whole, file) != read(&out, file);
    let file = FILES.iter().find(differs)?;
    Some((Kind::Wrong, format!("another {file}")))
}

/// Continues what stands in `out` to its end, or begins it where nothing stands.
fn finish(program: &Path, folder: &Path, out: &Path) -> Result<Option<Finding>> {
    let has_run = folder.join(out).join("config.toml").is_file();
    let mut command = if has_run {
        resume(program, folder, out)
    } else {
        train(program, folder, out)
    };
    let ended = run(&mut command, None)?;
    if !ended.is_good() {
        return Ok(Some(ended.finding()));
    }
    Ok(differs(folder, out))
}

/// SIGKILL at any moment; then the run is continued to its end.
pub(super) fn kills(program: &Path, times: u32) -> Result<Outcome> {
    let folder = Folder::new()?;
    let life = undisturbed(program, folder.path())?;
    let mut outcome = Outcome::new("kills of a training");
    for n in 0..times {
        let out = PathBuf::from(format!("run-{n}"));
        let mut command = train(program, folder.path(), &out);
        let ended = run(&mut command, Some(moment(n, life)))?;
        let failed = matches!(&ended, Ended::Itself(output) if !output.status.success());
        let finding = match failed {
            true => Some(ended.finding()),
            false => finish(program, folder.path(), &out)?,
        };
        outcome.add(&format!("kill {n}"), finding);
    }
    Ok(outcome)
}

/// The program with a limit on the size of files that it writes. Writing more is an error, as on a full disk.
fn limited(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]);
    limited.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    limited
}

/// A training without room ends with an error or, if there was enough room, well; then it is continued with room.
fn without_room(
    program: &Path,
    folder: &Path,
    out: &Path,
    ended: &Ended,
) -> Result<Option<Finding>> {
    match ended {
        Ended::Itself(output) if output.status.code().is_some_and(|code| code <= 2) => {
            finish(program, folder, out)
        }
        ended => Ok(Some(ended.finding())),
    }
}

/// A disk that is full after so many blocks a file, and has room again.
pub(super) fn full_disk(program: &Path, times: u32) -> Result<Outcome> {
    let mut outcome = Outcome::new("a limit on the size of files");
    if !cfg!(unix) {
        return Ok(outcome);
    }
    let folder = Folder::new()?;
    undisturbed(program, folder.path())?;
    for n in 0..times {
        let out = PathBuf::from(format!("run-{n}"));
        let blocks = n % 24;
        let ended = run(
            &mut limited(&train(program, folder.path(), &out), blocks),
            None,
        )?;
        let finding = without_room(program, folder.path(), &out, &ended)?;
        outcome.add(&format!("{blocks} blocks"), finding);
    }
    Ok(outcome)
}

/// A file system of a few pages, which other files fill; `None` where it may not be mounted.
pub(super) fn small_file_system(program: &Path, times: u32) -> Result<Option<Outcome>> {
    let folder = Folder::new()?;
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk)?;
    let Some(_mounted) = Mounted::tmpfs(&disk, "256k") else {
        println!("full file system: left out, because none may be mounted here");
        return Ok(None);
    };
    undisturbed(program, folder.path())?;
    let mut outcome = Outcome::new("a full file system");
    for n in 0..times {
        let out = disk.join("run");
        let _ = std::fs::remove_dir_all(&out);
        let filler = disk.join("filler");
        // All but so many pages.
        std::fs::write(&filler, vec![0; 4096 * (62 - (n as usize % 24))])?;
        let ended = run(&mut train(program, folder.path(), &out), None)?;
        std::fs::remove_file(&filler)?;
        let finding = without_room(program, folder.path(), &out, &ended)?;
        outcome.add(&format!("{} pages left", 2 + n % 24), finding);
    }
    Ok(Some(outcome))
}

/// A mounted file system, which goes when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(place: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let mounted = mount.arg(place).stderr(Stdio::null()).status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(place.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // One that stays is the system's to clean up.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Two trainings in one folder: one is refused, and the other one ends as if it were alone.
pub(super) fn two_processes(program: &Path, times: u32) -> Result<Outcome> {
    let folder = Folder::new()?;
    undisturbed(program, folder.path())?;
    let mut outcome = Outcome::new("two processes in one folder");
    for n in 0..times {
        let out = PathBuf::from(format!("run-{n}"));
        let both = [(); 2].map(|()| train(program, folder.path(), &out).spawn());
        let mut good = 0;
        let mut hung = None;
        for child in both {
            let ended = wait(child?, None)?;
            good += u32::from(ended.is_good());
            if matches!(ended, Ended::Hung) {
                hung = Some(ended.finding());
            }
        }
        let finding = hung.or_else(|| match good {
            1 => differs(folder.path(), &out),
            good => Some((Kind::Lost, format!("{good} of 2 ended well"))),
        });
        outcome.add(&format!("pair {n}"), finding);
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
    let ended = run(
        &mut train(program, folder.path(), Path::new("closed/run")),
        None,
    )?;
    let is_tidy = matches!(&ended, Ended::Itself(output) if output.status.code() == Some(1));
    let mut outcome = Outcome::new("read-only folder");
    outcome.add("a training", (!is_tidy).then(|| ended.finding()));
    Ok(Some(outcome))
}
