//! Ctrl-C: the first one asks for a tidy stop, the second one stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// A flag that the first Ctrl-C (or a termination signal) sets.
pub(super) fn flag() -> anyhow::Result<Arc<AtomicBool>> {
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
    Ok(flag)
}
