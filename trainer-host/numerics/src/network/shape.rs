//! The structure of a network, and the walk over its layers.

use lstm_nostd::Direction;
use lstm_nostd::model::{MAX_DENSE_LAYERS, MAX_RECURRENT_LAYERS};
use serde::{Deserialize, Serialize};

use crate::network::recurrent::Cell;
use crate::network::{Convolution, Head, MAX_CONV_STEPS, Mode};

/// The largest size of a layer.
pub const MAX_LAYER_SIZE: usize = 4096;

/// The structure of a network; with a seed, it determines the initial weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct NetworkConfig {
    /// Input channels `I`.
    pub inputs: usize,
    /// The convolution below the recurrent layers.
    pub conv: Option<Convolution>,
    /// Units `H` of each recurrent layer, first to last.
    pub hidden: Vec<usize>,
    /// Of each recurrent layer; empty if all run forwards. A layer that runs both ways is two: see [`Direction::Beside`].
    pub directions: Vec<Direction>,
    /// The kind of the recurrent layers.
    pub cell: Cell,
    /// Units of each dense ReLU layer between the last recurrent layer and the output layer.
    pub dense: Vec<usize>,
    /// Outputs `O`.
    pub outputs: usize,
    /// What the outputs mean.
    pub head: Head,
    /// One output a sequence or one a step.
    pub mode: Mode,
}

/// A structure as files have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    inputs: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conv: Option<Convolution>,
    hidden: Vec<usize>,
    /// Names of directions; absent if all layers run forwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    directions: Vec<String>,
    /// The kind of the recurrent layers; LSTM if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    peepholes: bool,
    /// Outputs of recurrent layers with a projection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    projection: Option<usize>,
    dense: Vec<usize>,
    outputs: usize,
    head: Head,
    mode: Mode,
}

impl TryFrom<Stored> for NetworkConfig {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let direction = |name: &String| {
            Direction::from_name(name)
                .ok_or_else(|| format!("direction {name:?}, which this version does not know"))
        };
        Ok(Self {
            directions: stored
                .directions
                .iter()
                .map(direction)
                .collect::<Result<_, _>>()?,
            inputs: stored.inputs,
            conv: stored.conv,
            hidden: stored.hidden,
            cell: Cell::of_stored(stored.kind.as_deref(), stored.peepholes, stored.projection)?,
            dense: stored.dense,
            outputs: stored.outputs,
            head: stored.head,
            mode: stored.mode,
        })
    }
}

impl From<NetworkConfig> for Stored {
    fn from(config: NetworkConfig) -> Self {
        Self {
            inputs: config.inputs,
            conv: config.conv,
            hidden: config.hidden,
            directions: (config.directions.iter())
                .map(|direction| direction.name().to_owned())
                .collect(),
            kind: config.cell.stored_kind().map(str::to_owned),
            peepholes: config.cell.peepholes(),
            projection: config.cell.projection(),
            dense: config.dense,
            outputs: config.outputs,
            head: config.head,
            mode: config.mode,
        }
    }
}

/// What a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution over time.
    Convolution,
    /// A recurrent layer of this kind.
    Recurrent(Cell),
    /// A dense layer.
    Dense,
}

/// The sizes of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerShape {
    /// What it is.
    pub kind: LayerKind,
    /// Its number among the layers of its sort, from 0.
    pub number: usize,
    /// Values that it reads in a step; those of all steps of its window, `K · C`, for a convolution.
    pub inputs: usize,
    /// Units, `H` of a recurrent layer, filters of a convolution.
    pub units: usize,
    /// Values that it hands on.
    pub outputs: usize,
    /// Rows of weights.
    pub rows: usize,
}

impl LayerShape {
    /// The shape of a convolution over `channels` values of each step.
    pub fn convolution(conv: &Convolution, channels: usize) -> Self {
        Self {
            kind: LayerKind::Convolution,
            number: 0,
            inputs: conv.kernel * channels,
            units: conv.filters,
            outputs: conv.filters,
            rows: conv.filters,
        }
    }

    /// The shape of recurrent layer `number` of `units` on `inputs` values.
    pub fn recurrent(cell: Cell, number: usize, inputs: usize, units: usize) -> Self {
        Self {
            kind: LayerKind::Recurrent(cell),
            number,
            inputs,
            units,
            outputs: cell.outputs(units),
            rows: cell.gates().len() * units,
        }
    }

    /// The shape of dense layer `number` of `units` on `inputs` values.
    pub fn dense(number: usize, inputs: usize, units: usize) -> Self {
        Self {
            kind: LayerKind::Dense,
            number,
            inputs,
            units,
            outputs: units,
            rows: units,
        }
    }

    /// For example `conv.0`, `lstm.0` or `dense.1`; the names of its parameters begin with it.
    pub fn name(&self) -> String {
        let kind = match self.kind {
            LayerKind::Convolution => "conv",
            LayerKind::Recurrent(cell) => cell.name(),
            LayerKind::Dense => "dense",
        };
        format!("{kind}.{}", self.number)
    }

    /// Multiplications of weights each time that it has an output.
    pub fn multiplications(&self) -> usize {
        let (recurrent, projection) = match self.kind {
            LayerKind::Recurrent(cell) => {
                let rows = cell.projection().unwrap_or(0);
                (self.outputs, rows * self.units)
            }
            LayerKind::Convolution | LayerKind::Dense => (0, 0),
        };
        self.rows * (self.inputs + recurrent) + projection
    }
}

/// Why a network cannot have the structure that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// A size is zero or beyond what a microcontroller's model can use.
    #[error("{what} is {found}, and must be between 1 and {largest}")]
    Size {
        /// Which size, as in the configuration.
        what: String,
        /// What it was.
        found: usize,
        /// The largest that is allowed.
        largest: usize,
    },
    /// A projection must have fewer outputs than each layer has units.
    #[error(
        "projection is {found}, and must be between 1 and {}, fewer than the units of each recurrent layer: {hidden:?}",
        hidden.iter().min().map_or(0, |least| least.saturating_sub(1))
    )]
    Projection {
        /// The outputs.
        found: usize,
        /// The units of the recurrent layers.
        hidden: Vec<usize>,
    },
    /// There must be a recurrent layer.
    #[error("hidden is empty; give at least one {kind} layer, for example hidden = [32]")]
    NoRecurrentLayer {
        /// The kind of the recurrent layers.
        kind: &'static str,
    },
    /// Too many layers.
    #[error("there are {found} {kind} layers{counted}, and at most {largest} are supported")]
    TooManyLayers {
        /// The kind of the recurrent layers, or dense.
        kind: &'static str,
        /// What is to be said of their count.
        counted: &'static str,
        /// How many there were.
        found: usize,
        /// The largest number that is allowed.
        largest: usize,
    },
    /// A direction has no layer, or stands beside none that runs forwards.
    #[error(
        "directions are {found}; each is of a recurrent layer, and \"beside\" follows \"forward\""
    )]
    Directions {
        /// Their names.
        found: String,
    },
}

impl NetworkConfig {
    /// All layers from the inputs up: a convolution, the recurrent ones, then the dense ones, of which the last is the output
    /// layer.
    pub fn layers(&self) -> Vec<LayerShape> {
        let mut width = self.inputs;
        let mut layers: Vec<LayerShape> = Vec::new();
        if let Some(conv) = &self.conv {
            let layer = LayerShape::convolution(conv, width);
            width = layer.outputs;
            layers.push(layer);
        }
        let mut beneath = width;
        for (number, &units) in self.hidden.iter().enumerate() {
            let is_beside = self.is_beside(number);
            let inputs = if is_beside { beneath } else { width };
            let layer = LayerShape::recurrent(self.cell, number, inputs, units);
            beneath = inputs;
            width = if is_beside {
                width + layer.outputs
            } else {
                layer.outputs
            };
            layers.push(layer);
        }
        for (number, &units) in self.dense.iter().chain([&self.outputs]).enumerate() {
            layers.push(LayerShape::dense(number, width, units));
            width = units;
        }
        layers
    }

    /// The direction of recurrent layer `l`.
    pub fn direction(&self, l: usize) -> Direction {
        self.directions.get(l).copied().unwrap_or_default()
    }

    /// Whether the network answers for whole windows alone, because a layer runs backwards.
    pub fn is_of_windows(&self) -> bool {
        let mut directions = self.directions.iter();
        directions.any(|direction| *direction != Direction::Forward)
    }

    /// Values that the first dense layer reads.
    pub fn head_inputs(&self) -> usize {
        let layers = self.layers();
        layers[layers.len() - 1 - self.dense.len()].inputs
    }

    /// The place of the first recurrent layer in the order of [`NetworkConfig::layers`]: behind a convolution, if there is
    /// one.
    pub fn first_recurrent(&self) -> usize {
        usize::from(self.conv.is_some())
    }

    /// How many layers [`NetworkConfig::layers`] has.
    pub fn layer_count(&self) -> usize {
        self.first_recurrent() + self.hidden.len() + self.dense.len() + 1
    }

    /// Steps of the input from one step of the recurrent layers to the next.
    pub fn stride(&self) -> usize {
        self.conv.map_or(1, |conv| conv.stride)
    }

    /// Multiplications of weights each time that the whole network has new outputs, which is once in a stride.
    pub fn multiplications(&self) -> usize {
        self.layers().iter().map(LayerShape::multiplications).sum()
    }

    /// Refuses sizes of zero and absurd ones.
    ///
    /// # Errors
    /// [`StructureError`]
    pub fn validate(&self) -> Result<(), StructureError> {
        let kind = self.cell.title();
        if self.hidden.is_empty() {
            return Err(StructureError::NoRecurrentLayer { kind });
        }
        // What the engine takes, whose dense layers include the output layer.
        let counted = match self.directions.contains(&Direction::Beside) {
            true => " (a bidirectional one counts twice)",
            false => "",
        };
        for (kind, counted, found, largest) in [
            (kind, counted, self.hidden.len(), MAX_RECURRENT_LAYERS),
            ("hidden dense", "", self.dense.len(), MAX_DENSE_LAYERS - 1),
        ] {
            if found > largest {
                return Err(StructureError::TooManyLayers {
                    kind,
                    counted,
                    found,
                    largest,
                });
            }
        }
        let edges = [
            ("inputs".to_owned(), self.inputs),
            ("outputs".to_owned(), self.outputs),
        ];
        let number = |l: usize| self.layer_number(l);
        let hidden = self.hidden.iter().enumerate();
        let hidden = hidden.map(|(l, units)| (format!("hidden[{}]", number(l)), *units));
        let dense = numbered("dense", &self.dense);
        for (what, found) in edges.into_iter().chain(hidden).chain(dense) {
            size(what, found, MAX_LAYER_SIZE)?;
        }
        self.require_directions()?;
        if let Some(found) = self.cell.projection() {
            let least = self.hidden.iter().copied().min().unwrap_or(0);
            if !(1..least).contains(&found) {
                let hidden = self.hidden.clone();
                return Err(StructureError::Projection { found, hidden });
            }
        }
        let Some(conv) = &self.conv else {
            return Ok(());
        };
        size("conv.filters".into(), conv.filters, MAX_LAYER_SIZE)?;
        size("conv.kernel".into(), conv.kernel, MAX_CONV_STEPS)?;
        size("conv.stride".into(), conv.stride, MAX_CONV_STEPS)?;
        let window = "conv.kernel times inputs".into();
        size(window, conv.kernel * self.inputs, MAX_LAYER_SIZE)
    }

    /// Refuses a direction without a layer, and one of [`Direction::Beside`] that stands beside nothing.
    fn require_directions(&self) -> Result<(), StructureError> {
        let before = |l: usize| l.checked_sub(1).map(|l| self.direction(l));
        let fits = |(l, direction): (usize, &Direction)| {
            let stands = *direction != Direction::Beside || before(l) == Some(Direction::Forward);
            stands && l < self.hidden.len()
        };
        match self.directions.iter().enumerate().all(fits) {
            true => Ok(()),
            false => {
                let names = self.directions.iter().map(|direction| direction.name());
                let found = names.collect::<Vec<_>>().join(", ");
                Err(StructureError::Directions { found })
            }
        }
    }
}

/// Refuses a size of zero or beyond the largest.
fn size(what: String, found: usize, largest: usize) -> Result<(), StructureError> {
    match (1..=largest).contains(&found) {
        true => Ok(()),
        false => Err(StructureError::Size {
            what,
            found,
            largest,
        }),
    }
}

/// Sizes with their places in the configuration.
fn numbered(key: &str, sizes: &[usize]) -> impl Iterator<Item = (String, usize)> {
    (sizes.iter().enumerate()).map(move |(l, size)| (format!("{key}[{l}]"), *size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NetworkConfig {
        NetworkConfig {
            inputs: 3,
            conv: None,
            hidden: vec![20, 7],
            directions: Vec::new(),
            cell: Cell::Lstm { peepholes: true },
            dense: vec![5],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        }
    }

    #[test]
    fn each_layer_reads_what_the_one_below_hands_on() {
        let layers = config().layers();
        let names: Vec<String> = layers.iter().map(LayerShape::name).collect();
        assert_eq!(names, ["lstm.0", "lstm.1", "dense.0", "dense.1"]);
        assert_eq!(layers.len(), config().layer_count());
        assert_eq!(layers[0].inputs, 3);
        for pair in layers.windows(2) {
            assert_eq!(pair[0].outputs, pair[1].inputs);
        }
        // 4 H (I + H) for each LSTM layer, O I for each dense one.
        assert_eq!(
            config().multiplications(),
            80 * (3 + 20) + 28 * (20 + 7) + 5 * 7 + 2 * 5
        );
    }

    /// Run folders of any age are read.
    #[test]
    fn files_say_whether_there_are_peepholes() {
        for peepholes in [false, true] {
            let config = NetworkConfig {
                cell: Cell::Lstm { peepholes },
                ..config()
            };
            let text = format!(
                r#"{{"inputs":3,"hidden":[20,7],"peepholes":{peepholes},"dense":[5],"outputs":2,"head":"softmax","mode":"sequence-to-one"}}"#
            );
            assert_eq!(serde_json::to_string(&config).unwrap(), text);
            assert_eq!(
                serde_json::from_str::<NetworkConfig>(&text).unwrap(),
                config
            );
        }
        let unknown = r#"{"inputs":3,"hidden":[2],"peepholes":true,"dense":[],"outputs":2,"head":"softmax","mode":"sequence-to-one","depth":1}"#;
        let said = serde_json::from_str::<NetworkConfig>(unknown).unwrap_err();
        assert!(said.to_string().contains("depth"), "{said}");
        let later = r#"{"inputs":3,"hidden":[2],"kind":"qrnn","peepholes":true,"dense":[],"outputs":2,"head":"softmax","mode":"sequence-to-one"}"#;
        let said = serde_json::from_str::<NetworkConfig>(later).unwrap_err();
        assert!(said.to_string().contains("qrnn"), "{said}");
    }

    #[test]
    fn refuses_more_layers_than_the_engine_runs() {
        let most = |hidden: usize, dense: usize| NetworkConfig {
            hidden: vec![2; hidden],
            dense: vec![2; dense],
            ..config()
        };
        assert_eq!(most(4, 3).validate(), Ok(()));
        for (config, kind) in [(most(5, 0), "LSTM"), (most(1, 4), "hidden dense")] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(kind), "{message}");
        }
    }

    #[test]
    fn refuses_sizes_of_zero_and_no_layers() {
        let no_layer = NetworkConfig {
            hidden: vec![],
            ..config()
        };
        let message = no_layer.validate().unwrap_err().to_string();
        assert!(message.contains("at least one LSTM layer"), "{message}");
        let no_units = NetworkConfig {
            hidden: vec![4, 0],
            ..config()
        };
        let message = no_units.validate().unwrap_err().to_string();
        assert!(message.contains("hidden[1] is 0"), "{message}");
    }
}
