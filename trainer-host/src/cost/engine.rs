//! Flash of the engine: what every build has, and what the cargo features add that a model needs.
//!
//! ```text
//! flash   E + Σ over the features of a model  F + Σ over their pairs  P                             (K8)
//! ```
//!
//! E is the engine with LSTM layers in w8a16 alone, from `assets/instructions.json`. F is what the engine with one
//! feature has more, from `assets/engine_features.json`, which `cargo xtask bench --engine --save` writes. P is what a
//! scheme and a kind of layer have more than both alone; other pairs are left out. (K8) is within [`MAX_FLASH_ERROR`]
//! of the engine that `new-firmware` builds for a model.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lstm_nostd::Parsed;
use serde::Deserialize;

use super::Core;
use super::table::Table;

/// The largest relative error of (K8).
pub const MAX_FLASH_ERROR: f64 = 0.05;

/// Flash of a build of the engine, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct EngineFlash {
    /// The code of a step.
    pub(super) step: usize,
    /// Tables of σ and tanh.
    tables: usize,
    /// The code that checks a model file.
    parser: usize,
}

/// What features add on one core.
#[derive(Deserialize)]
struct Added {
    core: Core,
    features: BTreeMap<String, EngineFlash>,
    pairs: Vec<Pair>,
}

/// What two features have beyond what each adds alone.
#[derive(Deserialize)]
struct Pair {
    features: [String; 2],
    beyond: isize,
}

struct Engines {
    /// By core.
    smallest: Vec<EngineFlash>,
    added: Vec<Added>,
}

static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
    let table = Table::of_this_build();
    Engines {
        smallest: Core::ALL.map(|core| table.smallest_engine(core)).into(),
        added: serde_json::from_str(include_str!("../../assets/engine_features.json")).expect(
            "assets/engine_features.json is written by `cargo xtask bench --engine --save`",
        ),
    }
});

impl EngineFlash {
    /// Of the engine on `core` that runs `model`, (K8).
    pub(super) fn of(core: Core, model: &Parsed<'_>) -> Self {
        // A feature that two layers need is there once.
        let mut features: Vec<_> = model.cargo_features().collect();
        features.sort_unstable();
        features.dedup();
        Self::with(core, &features)
    }

    /// The code of a step, its tables and the parser.
    pub(super) fn all(self) -> usize {
        self.step + self.tables + self.parser
    }

    fn with(core: Core, features: &[&str]) -> Self {
        let mut sum = ENGINES.smallest[core as usize];
        let Some(added) = ENGINES.added.iter().find(|added| added.core == core) else {
            return sum;
        };
        for one in features.iter().filter_map(|name| added.features.get(*name)) {
            sum.step += one.step;
            sum.tables += one.tables;
            sum.parser += one.parser;
        }
        let is_there = |pair: &&Pair| pair.features.iter().all(|f| features.contains(&f.as_str()));
        let beyond = added.pairs.iter().filter(is_there).map(|pair| pair.beyond);
        sum.step = sum.step.saturating_add_signed(beyond.sum());
        sum
    }
}

/// Bytes of the engine on `core` that runs `model`: the code of a step, its tables and the parser, (K8).
pub fn engine_bytes(core: Core, model: &Parsed<'_>) -> usize {
    EngineFlash::of(core, model).all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features of the engine's manifest, without the one that only others turn on.
    fn features() -> Vec<String> {
        let manifest: toml::Table = toml::from_str(include_str!("../../../lstm-nostd/Cargo.toml"))
            .expect("the manifest is TOML");
        let default = manifest["features"]["default"].as_array().unwrap();
        (default.iter())
            .map(|feature| feature.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_feature_adds_flash_on_every_core_and_less_than_the_whole_engine() {
        let features = features();
        let features: Vec<_> = features.iter().map(String::as_str).collect();
        for core in Core::ALL {
            let smallest = EngineFlash::with(core, &[]).all();
            for feature in &features {
                let with = EngineFlash::with(core, &[feature]).all();
                assert!(with > smallest + 200, "{} {feature}", core.name());
                assert!(with < 2 * smallest, "{} {feature}", core.name());
            }
            let known = ENGINES.added.iter().find(|added| added.core == core);
            assert_eq!(known.unwrap().features.len(), features.len());
        }
    }
}
