//! The table of the costs of steps, as the repository stores it.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use lstm_nostd::kernels::Scheme;
use serde::{Deserialize, Serialize};

/// Sizes of an LSTM layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// `I`
    pub inputs: usize,
    /// `H`
    pub hidden: usize,
}

/// The shapes of the table; CMSIS-NN was measured with the same shapes.
pub const SHAPES: [Shape; 9] = [
    Shape::new(3, 16),
    Shape::new(6, 32),
    Shape::new(9, 32),
    Shape::new(28, 20),
    Shape::new(13, 64),
    Shape::new(16, 64),
    Shape::new(64, 64),
    Shape::new(10, 118),
    Shape::new(40, 128),
];

impl Shape {
    /// `inputs` channels, `hidden` units.
    pub const fn new(inputs: usize, hidden: usize) -> Self {
        Self { inputs, hidden }
    }

    /// Multiply-accumulates of a step, `4·H·(I + H)`.
    pub fn macs(self) -> usize {
        4 * self.hidden * (self.inputs + self.hidden)
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sizes = text.split_once(',').and_then(|(inputs, hidden)| {
            let inputs = inputs.trim().parse().ok()?;
            Some(Self::new(inputs, hidden.trim().parse().ok()?))
        });
        sizes.ok_or_else(|| format!("`{text}` is not INPUTS,HIDDEN, for example 10,118"))
    }
}

/// Instructions of a layer's step, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// (A), with the loops around it.
    pub products: u64,
    /// σ and tanh.
    pub activations: u64,
    /// Rescaling, peepholes, the update of the state, and all work that a step does once.
    pub rest: u64,
}

impl Parts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.products + self.activations + self.rest
    }
}

/// One line: one time step, mean of several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// For example `M4`.
    pub core: String,
    /// For example `w8a16`.
    pub scheme: String,
    /// Whether the layer input and the hidden state have equal shifts, which saves work in w8a8 on M55.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equal_shifts: bool,
    /// The layer.
    #[serde(flatten)]
    pub shape: Shape,
    /// Its kind, `lstm`, `gru`, `coupled` or `gru-before`.
    #[serde(default = "lstm", skip_serializing_if = "is_lstm")]
    pub layer: String,
    /// Whether it has peepholes.
    pub peepholes: bool,
    /// Instructions of the layer's step.
    pub instructions: u64,
    /// The layer's instructions by parts.
    #[serde(flatten)]
    pub parts: Parts,
    /// An estimate, see `cycles.rs`.
    pub estimated_cycles: u64,
    /// Outputs of the whole model.
    pub outputs: usize,
    /// Instructions of a whole model's step: normalisation, this layer, outputs.
    pub model_instructions: u64,
    /// The least and the most instructions of one such step, over random and extreme data; not in the saved table.
    #[serde(skip)]
    pub range: [u64; 2],
    /// An estimate, see `cycles.rs`.
    pub estimated_model_cycles: u64,
    /// RAM that a stream keeps.
    pub state_bytes: usize,
    /// RAM that a step of the whole model uses, without its stack.
    pub scratch_bytes: usize,
    /// Deepest stack below the call of the whole model's step.
    pub stack_bytes: usize,
}

fn lstm() -> String {
    "lstm".to_owned()
}

fn is_lstm(layer: &str) -> bool {
    layer == "lstm"
}

/// Kinds of layers, as a whole table has them.
const KINDS: [&str; 4] = ["lstm", "gru", "coupled", "gru-before"];

impl Step {
    /// Where it comes among the steps of its core.
    fn place_in_core(&self) -> impl Ord + use<> {
        let scheme = Scheme::ALL.iter().position(|s| s.name() == self.scheme);
        let shape = SHAPES.iter().position(|shape| *shape == self.shape);
        let layer = KINDS.iter().position(|kind| *kind == self.layer);
        (self.equal_shifts, scheme, shape, layer, self.peepholes)
    }

    /// Whether `other` is the same case.
    pub fn is_same_case(&self, other: &Self) -> bool {
        self.core == other.core
            && self.scheme == other.scheme
            && self.equal_shifts == other.equal_shifts
            && self.shape == other.shape
            && self.layer == other.layer
            && self.peepholes == other.peepholes
    }

    /// The scheme, and whether its shifts are equal.
    pub fn scheme(&self) -> String {
        let equal = if self.equal_shifts { ", k = n" } else { "" };
        format!("{}{equal}", self.scheme)
    }

    /// The case in a few words.
    pub fn name(&self) -> String {
        let peepholes = if self.peepholes { ", peepholes" } else { "" };
        let Shape { inputs, hidden } = self.shape;
        let (core, scheme, layer) = (&self.core, self.scheme(), &self.layer);
        format!("{core} {scheme} {layer} ({inputs}, {hidden}){peepholes}")
    }
}

/// Flash of the engine on one core, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// For example `M4`.
    pub core: String,
    /// Built with scheme w8a16 alone.
    pub w8a16: Flash,
    /// Built with every scheme.
    pub every_scheme: Flash,
}

/// Flash of one build of the engine, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// Code of a step: normalisation, kernels, dense layers.
    pub step: u64,
    /// Tables of σ and tanh.
    pub tables: u64,
    /// Code that checks a model file.
    pub parser: u64,
}

impl Flash {
    /// Step, tables and parser.
    pub fn all(self) -> u64 {
        self.step + self.tables + self.parser
    }
}

/// The whole table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Table {
    /// The steps.
    pub steps: Vec<Step>,
    /// The engines.
    pub engines: Vec<Engine>,
}

impl Table {
    /// Reads a table.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the table {} cannot be read", path.display()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is not a table of `cargo xtask bench --json`",
                path.display()
            )
        })
    }

    /// This table, and what `saved` has of other cases and of other cores; both come in the order of a whole table.
    pub fn over(mut self, saved: Self) -> Self {
        let cores: Vec<String> = saved.engines.iter().map(|e| e.core.clone()).collect();
        let is_kept = |step: &Step| !self.steps.iter().any(|own| own.is_same_case(step));
        let kept: Vec<_> = saved.steps.into_iter().filter(is_kept).collect();
        self.steps.extend(kept);
        let measured: Vec<String> = self.engines.iter().map(|e| e.core.clone()).collect();
        let is_kept = |engine: &Engine| !measured.contains(&engine.core);
        (self.engines).extend(saved.engines.into_iter().filter(is_kept));
        let place = |core: &String| cores.iter().position(|c| c == core);
        (self.steps).sort_by_key(|step| (place(&step.core), step.place_in_core()));
        self.engines.sort_by_key(|engine| place(&engine.core));
        self
    }

    /// Instructions that a dense layer with 64 inputs takes for a further multiply-accumulate: what the one with ten
    /// outputs takes above the one with two, divided by their difference, 8 · 64. `None` without both counts.
    pub fn dense_instructions(&self, core: &str, scheme: &str) -> Option<f64> {
        let rest = |outputs| {
            let mut steps =
                (self.steps.iter()).filter(|step| !step.equal_shifts && is_lstm(&step.layer));
            let step = steps.find(|step| {
                step.core == core
                    && step.scheme == scheme
                    && step.shape == Shape::new(16, 64)
                    && step.outputs == outputs
            })?;
            Some((step.model_instructions - step.instructions) as f64)
        };
        Some((rest(10)? - rest(2)?) / (8.0 * 64.0))
    }

    /// One line for each entry, so that a diff shows each changed entry as a line.
    pub fn to_json(&self) -> String {
        fn lines<T: Serialize>(rows: &[T]) -> String {
            let line = |row| serde_json::to_string(row).expect("the table is plain data");
            let lines: Vec<_> = rows
                .iter()
                .map(|row| format!("    {}", line(row)))
                .collect();
            lines.join(",\n")
        }
        format!(
            "{{\n  \"steps\": [\n{}\n  ],\n  \"engines\": [\n{}\n  ]\n}}\n",
            lines(&self.steps),
            lines(&self.engines)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_two_numbers() {
        assert_eq!("10, 118".parse(), Ok(Shape::new(10, 118)));
        assert!("10x118".parse::<Shape>().unwrap_err().contains("`10x118`"));
    }

    #[test]
    fn a_measured_core_replaces_its_own_figures() {
        let path = crate::command::root().join(crate::bench::SAVED);
        let saved = Table::load(&path).unwrap();
        let text = saved.to_json();
        let of = |core: &str| Table {
            steps: (saved.steps.iter().filter(|s| s.core == core).cloned()).collect(),
            engines: (saved.engines.iter().filter(|e| e.core == core).cloned()).collect(),
        };
        assert_eq!(of("M3").over(saved.clone()).to_json(), text);
        let mut changed = of("M3");
        changed.engines[0].w8a16.step += 1;
        let changed = changed.over(saved.clone()).to_json();
        let differ = text.lines().zip(changed.lines()).filter(|(a, b)| a != b);
        assert_eq!(differ.count(), 1);
    }

    #[test]
    fn the_repositorys_table_is_read_and_written_alike() {
        let path = crate::command::root().join(crate::bench::SAVED);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(Table::load(&path).unwrap().to_json(), text);
    }
}
