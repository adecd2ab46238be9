//! Kinds of recurrent layers, and their gates.

use serde::{Deserialize, Serialize};

use super::gru::GruLayer;
use super::gru_before::GruBeforeLayer;
use super::lstm::LstmLayer;
use super::projected::ProjectedLayer;
use super::{RecurrentLayer, coupled, gru, lstm};

/// The kind of a network's recurrent layers, and what is decided of that kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory.
    Lstm {
        /// Whether the gates see the cell.
        peepholes: bool,
    },
    /// Gated recurrent unit, reset after the product.
    Gru,
    /// Long short-term memory whose forget gate is one less the input gate.
    Coupled {
        /// Whether the gates see the cell.
        peepholes: bool,
    },
    /// Gated recurrent unit, reset before the product.
    GruBefore,
    /// Long short-term memory with a recurrent projection.
    Projected {
        /// Whether the gates see the cell.
        peepholes: bool,
        /// Values that a layer hands on, `P`.
        outputs: usize,
    },
}

/// The kind of the recurrent layers, as a configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Long short-term memory.
    #[default]
    Lstm,
    /// Gated recurrent unit: three rows of weights a unit in place of four.
    Gru,
    /// LSTM whose forget gate is one less the input gate: three rows of weights a unit too.
    Coupled,
    /// GRU whose reset gate comes before the product: of imported networks, and no lever of training.
    #[cfg_attr(feature = "cli", clap(skip))]
    GruBefore,
}

impl CellKind {
    /// The kind with what is decided of it alone; a projection is one of LSTM layers.
    pub const fn cell(self, peepholes: bool, projection: Option<usize>) -> Cell {
        match self {
            Self::Lstm => match projection {
                None => Cell::Lstm { peepholes },
                Some(outputs) => Cell::Projected { peepholes, outputs },
            },
            Self::Gru => Cell::Gru,
            Self::Coupled => Cell::Coupled { peepholes },
            Self::GruBefore => Cell::GruBefore,
        }
    }
}

/// What a gate does in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateRole {
    /// How much of the candidate enters the state.
    Input,
    /// How much of the state stays.
    Forget,
    /// How much of the candidate enters the state, and how much of the state leaves it.
    Coupled,
    /// What may enter the state.
    Candidate,
    /// How much of the state is shown.
    Output,
    /// How much of the state the candidate sees.
    Reset,
}

/// What a gate's sum goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// σ, 0 to 1.
    Sigmoid,
    /// tanh, −1 to 1.
    Tanh,
}

impl Activation {
    /// The ends of its values.
    pub const fn range(self) -> (f32, f32) {
        match self {
            Self::Sigmoid => (0.0, 1.0),
            Self::Tanh => (-1.0, 1.0),
        }
    }
}

/// A gate of a kind of layer, in the order in which its rows are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// What it does.
    pub role: GateRole,
    /// Its letter in the equations.
    pub letter: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What its sum goes through.
    pub activation: Activation,
    /// The row of its weights in the layer's peepholes, if it has some.
    pub peephole: Option<usize>,
}

impl Cell {
    /// The kind of a layer in a model file.
    pub const fn of(layer: &lstm_nostd::RecurrentLayer<'_>) -> Self {
        match layer {
            lstm_nostd::RecurrentLayer::Lstm(layer) => Self::Lstm {
                peepholes: !layer.peepholes.is_empty(),
            },
            lstm_nostd::RecurrentLayer::Gru(_) => Self::Gru,
            lstm_nostd::RecurrentLayer::Coupled(layer) => Self::Coupled {
                peepholes: !layer.peepholes.is_empty(),
            },
            lstm_nostd::RecurrentLayer::GruBefore(_) => Self::GruBefore,
            lstm_nostd::RecurrentLayer::Projected(layer) => Self::Projected {
                peepholes: !layer.lstm.peepholes.is_empty(),
                outputs: layer.lstm.rows.outputs,
            },
        }
    }

    /// Its name in a configuration.
    pub const fn kind(self) -> CellKind {
        match self {
            Self::Lstm { .. } | Self::Projected { .. } => CellKind::Lstm,
            Self::Gru => CellKind::Gru,
            Self::Coupled { .. } => CellKind::Coupled,
            Self::GruBefore => CellKind::GruBefore,
        }
    }

    /// The name of the kind, with which the names of its layers and their parameters begin.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "lstm",
            Self::Gru => "gru",
            Self::Coupled { .. } => "coupled",
            Self::GruBefore => "gru-before",
            Self::Projected { .. } => "projected",
        }
    }

    /// Values that a layer hands on, if a projection decides that.
    pub const fn projection(self) -> Option<usize> {
        match self {
            Self::Projected { outputs, .. } => Some(outputs),
            Self::Lstm { .. } | Self::Gru | Self::Coupled { .. } | Self::GruBefore => None,
        }
    }

    /// With so many values that a layer hands on, if a projection decides that.
    pub(in crate::network) const fn with_projection(self, outputs: usize) -> Self {
        match self {
            Self::Projected { peepholes, .. } => Self::Projected { peepholes, outputs },
            other => other,
        }
    }

    /// The kind that files name, if they name one, with or without peepholes and projection. Files of LSTM networks name none.
    pub(in crate::network) fn of_stored(
        kind: Option<&str>,
        peepholes: bool,
        projection: Option<usize>,
    ) -> Result<Self, String> {
        match kind {
            Some("projected") => {
                let missing = "recurrent layers of kind \"projected\" have a projection";
                let outputs = projection.ok_or(missing)?;
                Ok(Self::Projected { peepholes, outputs })
            }
            _ if projection.is_some() => {
                Err("projection is for recurrent layers of kind \"projected\"".into())
            }
            None => Ok(Self::Lstm { peepholes }),
            Some("gru") => Ok(Self::Gru),
            Some("coupled") => Ok(Self::Coupled { peepholes }),
            Some("gru-before") => Ok(Self::GruBefore),
            Some(kind) => Err(format!(
                "kind {kind:?} of recurrent layers, which this version does not know"
            )),
        }
    }

    /// What [`Cell::of_stored`] reads.
    pub(in crate::network) const fn stored_kind(self) -> Option<&'static str> {
        match self {
            Self::Lstm { .. } => None,
            Self::Gru => Some("gru"),
            Self::Coupled { .. } => Some("coupled"),
            Self::GruBefore => Some("gru-before"),
            Self::Projected { .. } => Some("projected"),
        }
    }

    /// As it is written in text.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "LSTM",
            Self::Gru => "GRU",
            Self::Coupled { .. } => "coupled LSTM",
            Self::GruBefore => "reset-before GRU",
            Self::Projected { .. } => "projected LSTM",
        }
    }

    /// The gates of a layer.
    pub const fn gates(self) -> &'static [Gate] {
        match self {
            Self::Lstm { .. } | Self::Projected { .. } => &lstm::GATES,
            Self::Gru | Self::GruBefore => &gru::GATES,
            Self::Coupled { .. } => &coupled::GATES,
        }
    }

    /// Whether there are peepholes.
    pub const fn peepholes(self) -> bool {
        match self {
            Self::Lstm { peepholes }
            | Self::Coupled { peepholes }
            | Self::Projected { peepholes, .. } => peepholes,
            Self::Gru | Self::GruBefore => false,
        }
    }

    /// Values that a layer of `units` hands on.
    pub const fn outputs(self, units: usize) -> usize {
        match self {
            Self::Lstm { .. } | Self::Gru | Self::Coupled { .. } | Self::GruBefore => units,
            Self::Projected { outputs, .. } => outputs,
        }
    }

    /// A layer whose parameters are all zero.
    pub fn zeros(self, inputs: usize, units: usize) -> RecurrentLayer {
        match self {
            Self::Lstm { peepholes } => {
                RecurrentLayer::Lstm(LstmLayer::zeros(self.gates(), inputs, units, peepholes))
            }
            Self::Gru => RecurrentLayer::Gru(GruLayer::zeros(inputs, units)),
            Self::Coupled { peepholes } => {
                RecurrentLayer::Coupled(LstmLayer::zeros(self.gates(), inputs, units, peepholes))
            }
            Self::GruBefore => RecurrentLayer::GruBefore(GruBeforeLayer::zeros(inputs, units)),
            Self::Projected { peepholes, outputs } => {
                let layer = ProjectedLayer::zeros(inputs, units, outputs, peepholes);
                RecurrentLayer::Projected(layer)
            }
        }
    }
}
