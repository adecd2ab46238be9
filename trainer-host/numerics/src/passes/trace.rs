//! What recurrent layers do with a sequence, step by step: their states, and their gates.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::compute::panels::Panels;
use crate::network::Network;
use crate::passes::activation_format::ActivationFormats;
use crate::passes::forward::{PackedNetwork, Pass};
use crate::passes::outputs::GROUP;

/// Steps of sequences whose states are kept together, where one has no more.
const GROUP_STEPS: usize = 16_384;

/// What one recurrent layer did with one sequence, in the order of its own steps: from the last one if it runs backwards.
/// Above a convolution it takes fewer steps than the sequence has.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTrace {
    /// The gates' activations after each step, in the order of the layer's gates, `[T, G H]`.
    pub gates: Array2<f32>,
    /// h after each step, `[T, O]`.
    pub hidden: Array2<f32>,
    /// The state that lasts after each step, `[T, H]`: c of an LSTM, of a GRU h without rounding.
    pub cell: Array2<f32>,
    /// o ⊙ tanh(c) after each step, `[T, H]`, of a layer with a projection; of others `[T, 0]`.
    pub shown: Array2<f32>,
}

impl LayerTrace {
    /// What each unit hands on, `[T, H]`: h, or m of a layer with a projection.
    pub fn of_units(&self) -> ArrayView2<'_, f32> {
        match self.shown.ncols() {
            0 => self.hidden.view(),
            _ => self.shown.view(),
        }
    }
}

/// The states of one recurrent layer over one sequence, in the order of its own steps: from the last one if it runs
/// backwards. Above a convolution it takes fewer steps than the sequence has.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStates {
    /// h after each step, `[T, O]`.
    pub hidden: Array2<f32>,
    /// The state that lasts after each step, `[T, H]`: c of an LSTM, of a GRU h without rounding.
    pub cell: Array2<f32>,
    /// o ⊙ tanh(c) after each step, `[T, H]`, of a layer with a projection; of others `[T, 0]`.
    pub shown: Array2<f32>,
}

impl Network {
    /// Gates, hidden and cell states of each recurrent layer over one normalised sequence, `[T, I]`.
    ///
    /// # Panics
    /// If the sequence is empty or has another number of channels than the network.
    pub fn trace(&self, sequence: ArrayView2<'_, f32>) -> Vec<LayerTrace> {
        self.trace_in(&ActivationFormats::default(), sequence)
    }

    /// [`Network::trace`] with activations rounded to `formats`.
    ///
    /// # Panics
    /// As [`Network::trace`].
    pub fn trace_in(
        &self,
        formats: &ActivationFormats,
        sequence: ArrayView2<'_, f32>,
    ) -> Vec<LayerTrace> {
        let mut pass = Pass::default();
        pass.load(&[sequence], self.config.inputs);
        pass.recurrent(&PackedNetwork::rounding(self, formats));
        let steps = pass.steps.rows;
        let layers = pass.layers.iter().zip(pass.states(0));
        layers
            .map(|(layer, states)| LayerTrace {
                gates: layer.gates(steps),
                hidden: states.hidden,
                cell: states.cell,
                shown: states.shown,
            })
            .collect()
    }

    /// Hidden and cell states of each recurrent layer over normalised sequences, each `[T, I]`, in their order.
    /// Uses all threads; the result does not depend on their number. `keep` takes what is wanted of them, by
    /// the sequence's number.
    ///
    /// # Panics
    /// As [`Network::trace`].
    pub fn states<T: Send>(
        &self,
        sequences: &[ArrayView2<'_, f32>],
        keep: impl Fn(usize, &[LayerStates]) -> T + Sync,
    ) -> Vec<T> {
        let packed = PackedNetwork::rounding(self, &ActivationFormats::default());
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&s| std::cmp::Reverse(sequences[s].nrows()));
        let longest = order.first().map_or(1, |&s| sequences[s].nrows().max(1));
        let mut kept: Vec<(usize, T)> = order
            .par_chunks((GROUP_STEPS / longest).clamp(1, GROUP))
            .map_init(Pass::default, |pass, group| {
                let views: Vec<_> = group.iter().map(|&s| sequences[s]).collect();
                pass.load(&views, self.config.inputs);
                pass.recurrent(&packed);
                let numbered = group.iter().enumerate();
                let kept = numbered.map(|(b, &s)| (s, keep(s, &pass.states(b))));
                kept.collect::<Vec<_>>()
            })
            .flatten()
            .collect();
        kept.sort_by_key(|(s, _)| *s);
        kept.into_iter().map(|(_, kept)| kept).collect()
    }
}

impl Pass {
    /// States of each recurrent layer after each step of sequence `b`.
    fn states(&self, b: usize) -> Vec<LayerStates> {
        let taken = self.moves.taken(b, self.inputs.length(b));
        let rows: Vec<usize> = (self.steps.steps[..taken].iter())
            .map(|step| step.state + b)
            .collect();
        let unpack = |states: &Panels| {
            Array2::from_shape_fn((rows.len(), states.columns()), |(t, u)| {
                states.get(rows[t], u)
            })
        };
        (self.layers.iter())
            .map(|layer| LayerStates {
                hidden: unpack(layer.outputs()),
                cell: unpack(layer.cell()),
                shown: match layer.shown() {
                    Some(shown) => unpack(shown),
                    None => Array2::zeros((rows.len(), 0)),
                },
            })
            .collect()
    }
}
