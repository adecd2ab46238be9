//! Ctrl-C: the first one asks for a tidy stop, the second one stops at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use indicatif::ProgressBar;

/// The exit status after Ctrl-C: 128 + SIGINT, as shells have it.
pub(super) const STATUS: u8 = 130;

/// Work that Ctrl-C stopped, and how to go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Stopped(pub(super) String);

/// The program's flag, from the first call of [`flag`] on.
static FLAG: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// Prints a line above progress bars.
type Show = Box<dyn Fn(String) + Send>;

/// What shows the hint while bars are on the terminal, which would draw over it.
static SHOW: Mutex<Option<Show>> = Mutex::new(None);

/// From now on `show` prints the hint of the first Ctrl-C; without one, it goes to standard error.
pub(super) fn hint_by(show: Option<Show>) {
    *SHOW.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = show;
}

/// From now on the hint stands above `bar`; on standard error if the bar is hidden, for it would print nothing.
pub(super) fn hint_above(bar: &ProgressBar) {
    let bar = bar.clone();
    match bar.is_hidden() {
        true => hint_by(None),
        false => hint_by(Some(Box::new(move |hint| bar.println(hint)))),
    }
}

/// A flag that the first Ctrl-C (or a termination signal) sets, for training. Every call returns the same flag.
pub(super) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    flag_saying("whole epochs are kept")
}

/// [`flag`] for work that keeps something else; the hint of the program's first flag is shown.
pub(super) fn flag_saying(kept: &'static str) -> anyhow::Result<Arc<AtomicBool>> {
    let mut known = FLAG.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(flag) = &*known {
        return Ok(Arc::clone(flag));
    }
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::SeqCst) {
            std::process::exit(STATUS.into());
        }
        let hint = format!("stopping: {kept}; press Ctrl-C again to stop at once");
        match &*SHOW.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Some(show) => show(hint),
            None => say!("\n{hint}"),
        }
    })
    .context("Ctrl-C cannot be handled")?;
    *known = Some(Arc::clone(&flag));
    Ok(flag)
}
