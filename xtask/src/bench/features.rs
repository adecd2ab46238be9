//! `cargo xtask bench --engine`: the flash that the cargo features of the engine add on each core.

use std::collections::BTreeMap;
use std::slice;

use anyhow::{Context, Result};
use serde::Serialize;

use super::measure::flash;
use super::table::Flash;
use crate::boards::Board;
use crate::firmware::{Engine, FEATURES};
use crate::set_up;

/// The repository's sizes; `trainer-host/src/cost/engine.rs` reads them.
const SAVED: &str = "trainer-host/assets/engine_features.json";

/// A scheme and a kind of layer, which together have kernels of their own.
static PAIRS: [[&str; 2]; 6] = [
    ["w8a8", "gru"],
    ["w8a8", "gru-before"],
    ["w8a8", "coupled"],
    ["w4a16", "gru"],
    ["w4a16", "gru-before"],
    ["w4a16", "coupled"],
];

/// What features add on one core, in bytes.
#[derive(Serialize)]
struct Added {
    core: String,
    /// By the feature's name: the engine with it, less the smallest engine.
    features: BTreeMap<&'static str, Flash>,
    pairs: Vec<Pair>,
}

/// Two features that are there at once.
#[derive(Serialize)]
struct Pair {
    features: [&'static str; 2],
    /// Bytes of the engine with both, beyond what each adds alone.
    beyond: i64,
}

/// Builds and prints; with `save`, the sizes become those of the repository.
pub(super) fn run(boards: &[&'static Board], save: bool) -> Result<()> {
    for board in boards {
        set_up::compiler_ready(board.target)?;
    }
    println!("core  feature                step  parser");
    let mut added = Vec::new();
    for board in boards {
        added.push(of_core(board)?);
    }
    if save {
        let lines: Vec<_> = added
            .iter()
            .map(serde_json::to_string)
            .collect::<serde_json::Result<_>>()?;
        super::save(SAVED, &format!("[\n  {}\n]\n", lines.join(",\n  ")))?;
    }
    Ok(())
}

fn of_core(board: &'static Board) -> Result<Added> {
    let core = board.core_name();
    let smallest = flash(board, Engine::With(&[]), None)?;
    let mut features = BTreeMap::new();
    for feature in &FEATURES {
        let with = flash(board, Engine::With(slice::from_ref(feature)), None)?;
        let added = (with.all())
            .checked_sub(smallest.all())
            .filter(|&added| added > 0)
            .with_context(|| format!("{feature} adds nothing on {core}"))?;
        // Code that only the parser calls without the feature may become the step's as well.
        let parser = with.parser.saturating_sub(smallest.parser);
        let tables = with.tables.saturating_sub(smallest.tables);
        let step = added.saturating_sub(parser + tables);
        println!("{core:<4}  {feature:<20}  {step:>5}  {parser:>6}");
        let flash = Flash {
            step,
            tables,
            parser,
        };
        features.insert(*feature, flash);
    }
    let mut pairs = Vec::new();
    for pair in &PAIRS {
        let with = flash(board, Engine::With(pair), None)?;
        let alone = pair.iter().map(|feature| features[feature].all());
        let beyond = with.all() as i64 - (smallest.all() + alone.sum::<u64>()) as i64;
        println!("{core:<4}  {:<20}  {beyond:>+5}", pair.join(" and "));
        pairs.push(Pair {
            features: *pair,
            beyond,
        });
    }
    Ok(Added {
        core: core.to_owned(),
        features,
        pairs,
    })
}
