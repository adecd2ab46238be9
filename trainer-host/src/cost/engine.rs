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

use std::collections::{BTreeMap, BTreeSet};

use lstm_nostd::Parsed;
use serde::Deserialize;

use super::table::Table;
use super::{Core, MODEL};

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

/// The engines of a core.
pub(super) struct Engines {
    smallest: EngineFlash,
    added: Added,
}

impl Engines {
    /// Of each core, in the order of [`Core::ALL`].
    pub(super) fn all(table: &Table) -> Vec<Self> {
        let text = include_str!("../../assets/engine_features.json");
        let added: Vec<Added> = serde_json::from_str(text).expect(
            "assets/engine_features.json is written by `cargo xtask bench --engine --save`",
        );
        assert_eq!(added.len(), Core::ALL.len(), "a row for each core");
        let of_core = |(core, added): (Core, Added)| {
            assert_eq!(added.core, core, "the cores lie in order");
            Self {
                smallest: table.smallest_engine(core),
                added,
            }
        };
        Core::ALL.into_iter().zip(added).map(of_core).collect()
    }
}

impl EngineFlash {
    /// Of the engine on `core` that runs `model`, (K8).
    pub(super) fn of(core: Core, model: &Parsed<'_>) -> Self {
        Self::with(core, &model.cargo_features().collect())
    }

    /// The code of a step, its tables and the parser.
    pub(super) fn all(self) -> usize {
        self.step + self.tables + self.parser
    }

    fn with(core: Core, features: &BTreeSet<&str>) -> Self {
        MODEL.engines[core as usize].with(features)
    }
}

impl Engines {
    /// The engine with these features.
    fn with(&self, features: &BTreeSet<&str>) -> EngineFlash {
        let Self { smallest, added } = self;
        let mut sum = *smallest;
        for one in features.iter().filter_map(|name| added.features.get(*name)) {
            sum.step += one.step;
            sum.tables += one.tables;
            sum.parser += one.parser;
        }
        let is_there = |pair: &&Pair| pair.features.iter().all(|f| features.contains(f.as_str()));
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
    fn an_engine_is_the_smallest_and_what_its_features_add() {
        let parts = EngineFlash {
            step: 100,
            tables: 20,
            parser: 3,
        };
        assert_eq!(parts.all(), 123);
        let engines = Engines {
            smallest: parts,
            added: Added {
                core: Core::M4,
                features: [("gru".to_owned(), parts), ("conv".to_owned(), parts)].into(),
                pairs: vec![Pair {
                    features: ["gru".to_owned(), "conv".to_owned()],
                    beyond: -7,
                }],
            },
        };
        let of = |step, tables, parser| EngineFlash {
            step,
            tables,
            parser,
        };
        assert_eq!(engines.with(&["no such"].into()), parts);
        assert_eq!(engines.with(&["gru"].into()), of(200, 40, 6));
        assert_eq!(engines.with(&["gru", "conv"].into()), of(293, 60, 9));
    }

    #[test]
    fn every_feature_adds_flash_on_every_core_and_less_than_the_whole_engine() {
        let features = features();
        let features: Vec<_> = features.iter().map(String::as_str).collect();
        for core in Core::ALL {
            let smallest = EngineFlash::with(core, &BTreeSet::new()).all();
            for feature in &features {
                let with = EngineFlash::with(core, &[*feature].into()).all();
                assert!(with > smallest + 200, "{} {feature}", core.name());
                assert!(with < 2 * smallest, "{} {feature}", core.name());
            }
            let known = &MODEL.engines[core as usize].added;
            assert_eq!(known.features.len(), features.len());
        }
    }
}
