//! Chooses the board, its memory map, and the model that is compiled in.
//!
//! A board is a cargo feature, or without one the usual board of the target. The model is the file named
//! by the environment variable `LSTM_MODEL`, or without it `../lstm-nostd/examples/tiny.lstm`.

use std::path::PathBuf;
use std::{env, fs};

/// Boards that must be asked for by a feature.
const BY_FEATURE: [&str; 3] = ["mps2-an500", "mps3-an547", "stm32f405"];
/// Boards that a target stands for.
const BY_TARGET: [(&str, &str); 4] = [
    ("thumbv6m", "microbit"),
    ("thumbv7m", "mps2-an385"),
    ("thumbv7em", "mps2-an386"),
    ("thumbv8m.main", "mps2-an505"),
];
/// Where the slots for models begin in the flash of a board, behind the program.
const SLOTS: [(&str, u32); 2] = [("microbit", 0x3_0000), ("stm32f405", 0x080c_0000)];
/// The model that is compiled in unless `LSTM_MODEL` names another.
const DEFAULT_MODEL: &str = "../lstm-nostd/examples/tiny.lstm";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let board = board();
    println!("cargo::rustc-check-cfg=cfg(board, values(any()))");
    println!("cargo::rustc-cfg=board=\"{board}\"");

    let memory = format!("../trainer-host/assets/firmware/memory/{board}.x");
    let map = out.join("memory.x");
    copy(&memory, &map);
    // Where `cargo xtask bench` puts models, see src/bin/bench.rs.
    let place = "_model_in_flash = ORIGIN(FLASH) + LENGTH(FLASH) / 2;\n";
    let regions = fs::read_to_string(&map).expect("the copy can be read");
    let regions = with_less_ram(regions);
    let slots = slots(&board);
    fs::write(&map, regions + place + &slots).expect("the copy can be written to");
    println!("cargo::rustc-link-search={}", out.display());
    // `link.x` of cortex-m-rt includes memory.x; --nmagic keeps sections from being padded to pages.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");

    println!("cargo::rerun-if-env-changed=LSTM_MODEL");
    let model = env::var("LSTM_MODEL").unwrap_or_else(|_| DEFAULT_MODEL.to_owned());
    copy(&model, &out.join("model.lstm"));
}

/// Names the place of the slots, and keeps the program out of them.
fn slots(board: &str) -> String {
    let place = SLOTS.iter().find(|(name, _)| *name == board);
    place.map_or_else(String::new, |(_, place)| {
        format!(
            "_slots = {place:#x};\n\
             ASSERT(__sidata + SIZEOF(.data) <= _slots, \"the program runs into the slots for models\");\n"
        )
    })
}

/// The memory map, with the feature `less-ram` without the last two kilobytes of its RAM.
fn with_less_ram(regions: String) -> String {
    if env::var_os("CARGO_FEATURE_LESS_RAM").is_none() {
        return regions;
    }
    let shorter = |line: &str| match line.trim_start().starts_with("RAM ") {
        true => format!("{line} - 2K\n"),
        false => format!("{line}\n"),
    };
    regions.lines().map(shorter).collect()
}

/// The board's name.
fn board() -> String {
    for name in BY_FEATURE {
        let feature = name.to_uppercase().replace('-', "_");
        if env::var_os(format!("CARGO_FEATURE_{feature}")).is_some() {
            return name.to_owned();
        }
    }
    let target = env::var("TARGET").expect("cargo sets TARGET");
    BY_TARGET
        .iter()
        .find(|(prefix, _)| target.split("-none").next() == Some(prefix))
        .map(|(_, board)| (*board).to_owned())
        .unwrap_or_else(|| panic!("there is no board for target {target}"))
}

/// Copies a file and has cargo build again when it changes.
fn copy(from: &str, to: &std::path::Path) {
    println!("cargo::rerun-if-changed={from}");
    if let Err(error) = fs::copy(from, to) {
        panic!("{from}: {error}");
    }
}
