//! All targets as one program of libFuzzer, which `cargo xtask fuzz` builds with coverage.
//!
//! The environment says which target is attacked (`FUZZ_TARGET`). The target's inputs are written to the folder
//! `FUZZ_INPUTS` before libFuzzer reads it.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use lstm_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let target = lstm_fuzz::target(&variable("FUZZ_TARGET"));
        let target = TARGET.get_or_init(|| target.expect("a target of this name"));
        let written = target.write_inputs(Path::new(&variable("FUZZ_INPUTS")));
        written.expect("room for the inputs");
    },
    |data: &[u8]| (TARGET.get().expect("libFuzzer begins with `init`").run)(data)
);
