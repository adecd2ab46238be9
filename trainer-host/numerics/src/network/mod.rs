//! The f32 network: a convolution if it has one, stacked recurrent layers, then dense layers.
//!
//! ```text
//! x   = the convolution's answer to the inputs, if there is one: (CV) of convolution
//! h   = the recurrent layers' answer to x, one kind for all: (1) to (6) of lstm, (GR1) to (GR4) of gru, (GR3b) of gru_before, (CF) of coupled,
//!       (PJ1) and (PJ2) of projected
//! y   = W h + b, with ReLU between dense layers                                 (7)
//! ```
//!
//! The structure and the walk over its layers is [`shape`]. What kinds of recurrent layers have in common is
//! [`recurrent`], and each kind has a file of its own. How the parameters begin is [`initialisation`]; how they are
//! evaluated is [`crate::passes::forward`].

pub mod convolution;
pub mod dense;
mod direction;
mod head;
pub mod initialisation;
pub mod prune;
pub mod recurrent;
pub mod schemes;
pub mod shape;

use std::ops::Range;

use ndarray::{ArrayView2, s};

pub use lstm_nostd::Direction;

pub use convolution::{ConvActivation, Convolution, MAX_CONV_STEPS, Padding};
pub use dense::DenseLayer;
pub use direction::{LayerDirection, LayerDirections};
pub use head::{Head, Mode, Pooling};
pub use recurrent::coupled;
pub use recurrent::gru::{self, GruLayer};
pub use recurrent::gru_before::{self, GruBeforeLayer};
pub use recurrent::lstm::{self, LstmLayer};
pub use recurrent::projected::{self, ProjectedLayer};
pub use recurrent::{
    Activation, Cell, CellKind, Gate, GateRole, LayerParameter, Recurrent, RecurrentLayer,
};
pub use shape::{LayerKind, LayerShape, MAX_LAYER_SIZE, NetworkConfig, StructureError};

/// A network's structure and parameters. Its inputs are normalised values.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The structure.
    pub config: NetworkConfig,
    /// The convolution below the recurrent layers, `[F, K · C]`, if [`NetworkConfig::conv`] has one.
    pub conv: Option<DenseLayer>,
    /// Recurrent layers, first to last.
    pub recurrent: Vec<RecurrentLayer>,
    /// Dense layers, first to last; the last one is the output layer.
    pub dense: Vec<DenseLayer>,
}

/// What a parameter multiplies, which decides how it is regularised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A matrix of weights.
    Weight,
    /// A bias.
    Bias,
    /// Peephole weights.
    Peephole,
}

/// One parameter array of a network, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<'a> {
    /// `conv.0.weight`, `conv.0.bias`, `lstm.0.w_x`, `lstm.0.w_h`, `lstm.0.bias`, `lstm.0.peephole`, `dense.0.weight`,
    /// `dense.0.bias` and so on: the names in a checkpoint.
    pub name: String,
    /// Rows and columns, or a length.
    pub shape: Vec<usize>,
    /// What it multiplies.
    pub kind: ParameterKind,
    /// The values.
    pub values: &'a [f32],
}

/// Where the values are read that a recurrent layer hands on.
struct PlaceAbove {
    /// The recurrent layers that read them; none where the first dense layer does.
    layers: Range<usize>,
    /// Which of their inputs they are.
    columns: Range<usize>,
}

impl Network {
    /// A network whose parameters are all zero; gradients have this shape too.
    ///
    /// # Errors
    /// When a network cannot have this structure.
    pub fn zeros(config: &NetworkConfig) -> Result<Self, StructureError> {
        config.validate()?;
        let (mut conv, mut recurrent, mut dense) = (None, Vec::new(), Vec::new());
        for layer in config.layers() {
            match layer.kind {
                LayerKind::Convolution => {
                    conv = Some(DenseLayer::zeros(layer.inputs, layer.units));
                }
                LayerKind::Recurrent(cell) => recurrent.push(cell.zeros(layer.inputs, layer.units)),
                LayerKind::Dense => dense.push(DenseLayer::zeros(layer.inputs, layer.units)),
            }
        }
        Ok(Self {
            config: config.clone(),
            conv,
            recurrent,
            dense,
        })
    }

    /// All parameters in a fixed order: layer by layer, as named in [`Parameter::name`].
    pub fn parameters(&self) -> Vec<Parameter<'_>> {
        let conv = self.conv.iter().map(DenseLayer::parameters);
        let recurrent = self.recurrent.iter().map(|layer| layer.parameters());
        let dense = self.dense.iter().map(DenseLayer::parameters);
        (self
            .config
            .layers()
            .iter()
            .zip(conv.chain(recurrent).chain(dense)))
        .flat_map(|(layer, parameters)| {
            let named = parameters.into_iter().map(|parameter| Parameter {
                name: format!("{}.{}", layer.name(), parameter.part),
                shape: parameter.shape,
                kind: parameter.kind,
                values: parameter.values,
            });
            named.collect::<Vec<_>>()
        })
        .collect()
    }

    /// The values of all parameters, in the order of [`Network::parameters`].
    pub fn values_mut(&mut self) -> Vec<&mut [f32]> {
        let conv = self.conv.iter_mut().flat_map(DenseLayer::values_mut);
        let recurrent = self
            .recurrent
            .iter_mut()
            .flat_map(|layer| layer.values_mut());
        let dense = self.dense.iter_mut().flat_map(DenseLayer::values_mut);
        conv.chain(recurrent).chain(dense).collect()
    }

    /// The weights that read what recurrent layer `l` hands on, each `[.., O]`: of the layer above, of both its halves if it has
    /// two, or of the first dense layer.
    pub fn weights_above(&self, l: usize) -> Vec<ArrayView2<'_, f32>> {
        let place = self.place_above(l);
        let all = match place.layers.is_empty() {
            true => vec![&self.dense[0].weight],
            false => (self.recurrent[place.layers].iter())
                .map(|layer| layer.input_weights())
                .collect(),
        };
        let columns = place.columns;
        (all.into_iter())
            .map(|weights| weights.slice(s![.., columns.clone()]))
            .collect()
    }

    /// Where what recurrent layer `l` hands on is read.
    fn place_above(&self, l: usize) -> PlaceAbove {
        let outputs = self.recurrent[l].outputs();
        let first = match self.config.is_beside(l) {
            true => self.recurrent[l - 1].outputs(),
            false => 0,
        };
        let above = self.config.layer_above(l);
        let halves = 1 + usize::from(self.config.is_beside(above + 1));
        let last = self.recurrent.len();
        PlaceAbove {
            layers: above.min(last)..(above + halves).min(last),
            columns: first..first + outputs,
        }
    }

    /// A checksum of all parameters with their names: CRC-64/XZ in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
        let mut digest = crc.digest();
        for parameter in self.parameters() {
            digest.update(parameter.name.as_bytes());
            for value in parameter.values {
                digest.update(&value.to_le_bytes());
            }
        }
        format!("{:016x}", digest.finalize())
    }

    /// How many parameters there are.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(|parameter| parameter.values.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NetworkConfig {
        NetworkConfig {
            inputs: 3,
            conv: None,
            directions: Vec::new(),
            hidden: vec![20, 7],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![5],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        }
    }

    #[test]
    fn names_and_values_come_in_the_same_order() {
        let mut network = Network::new(&config(), 1).unwrap();
        let lengths: Vec<usize> = network
            .parameters()
            .iter()
            .map(|p| p.values.len())
            .collect();
        assert_eq!(
            lengths,
            network
                .values_mut()
                .iter()
                .map(|v| v.len())
                .collect::<Vec<_>>()
        );
        let names: Vec<String> = network.parameters().into_iter().map(|p| p.name).collect();
        assert_eq!(names[3], "lstm.0.peephole");
        assert_eq!(names.last().unwrap(), "dense.1.bias");
    }

    #[test]
    fn every_parameter_changes_the_fingerprint() {
        let network = Network::new(&config(), 1).unwrap();
        let mut seen = std::collections::BTreeSet::from([network.fingerprint()]);
        for p in 0..network.parameters().len() {
            let mut changed = network.clone();
            changed.values_mut()[p][0] += 1.0;
            assert!(seen.insert(changed.fingerprint()));
        }
        assert_eq!(network.fingerprint(), network.clone().fingerprint());
    }
}
