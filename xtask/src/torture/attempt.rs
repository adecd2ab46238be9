//! A folder to work in, a process with a time limit, and moments that are spread over its life.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Finding, Kind};

/// Far longer than any of these processes takes.
const HANGS_AFTER: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A folder that goes when it is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lstm-torture-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // One that stays is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a process ended.
pub(super) enum Ended {
    /// By itself.
    Itself(Output),
    /// It was killed at the moment that was asked for.
    Killed,
    /// It had to be killed long after.
    Hung,
}

impl Ended {
    /// Whether it ended by itself and well.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Itself(output) if output.status.success())
    }

    /// It did not end well where it should have.
    pub(super) fn finding(&self) -> Finding {
        let kind = match self {
            Self::Hung => Kind::Hang,
            _ => Kind::Lost,
        };
        (kind, self.in_words())
    }

    /// What to say of it.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Itself(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                format!(
                    "{}: {}",
                    output.status,
                    said.lines().last().unwrap_or_default()
                )
            }
            Self::Killed => "killed".into(),
            Self::Hung => "it hung".into(),
        }
    }
}

/// Runs a process to its end, or kills it after `life`.
pub(super) fn run(command: &mut Command, life: Option<Duration>) -> Result<Ended> {
    let child = command.spawn().context("the trainer cannot be started")?;
    wait(child, life)
}

/// Waits for a process.
pub(super) fn wait(mut child: Child, life: Option<Duration>) -> Result<Ended> {
    let begun = Instant::now();
    let limit = life.unwrap_or(HANGS_AFTER);
    while child.try_wait()?.is_none() {
        if begun.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(if life.is_some() {
                Ended::Killed
            } else {
                Ended::Hung
            });
        }
        std::thread::sleep(LOOK_EVERY.min(limit.saturating_sub(begun.elapsed())));
    }
    Ok(Ended::Itself(child.wait_with_output()?))
}

/// Moment `n` of a life of `whole`: spread evenly by the golden ratio, without a clock's or a generator's help.
pub(super) fn moment(n: u32, whole: Duration) -> Duration {
    whole.mul_f64((f64::from(n) * 0.618_034).fract())
}
