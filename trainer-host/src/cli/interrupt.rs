//! Ctrl-C: the first one asks for a tidy stop, the second one stops at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;

/// The program's flag, from the first call of [`flag`] on.
static FLAG: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// A flag that the first Ctrl-C (or a termination signal) sets. Every call returns the same flag.
pub(super) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let mut known = FLAG.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(flag) = &*known {
        return Ok(Arc::clone(flag));
    }
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::SeqCst) {
            // 128 + SIGINT, as shells say it.
            std::process::exit(130);
        }
        eprintln!("\nstopping after this batch; press Ctrl-C again to stop at once");
    })
    .context("Ctrl-C cannot be handled")?;
    *known = Some(Arc::clone(&flag));
    Ok(flag)
}
