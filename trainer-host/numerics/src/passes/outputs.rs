//! A network's outputs for whole sequences: group by group on all threads, and window by window in a group.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::network::Network;
use crate::passes::activation_format::ActivationFormats;
use crate::passes::forward::{PackedNetwork, Pass};

/// Sequences that are evaluated together.
pub(super) const GROUP: usize = 16;
/// Steps that are evaluated before the state is carried over, which bounds the memory of long
/// sequences.
pub(super) const WINDOW_STEPS: usize = 512;

impl Network {
    /// Outputs before the head's σ or softmax for normalised sequences, each `[T, I]`, in their
    /// order: `[1, O]` for sequence to one, `[T, O]` otherwise. Uses all threads; the result does
    /// not depend on their number, nor on which sequences are evaluated together.
    ///
    /// # Panics
    /// If a sequence is empty or has another number of channels than the network.
    pub fn outputs(&self, sequences: &[ArrayView2<'_, f32>]) -> Vec<Array2<f32>> {
        self.outputs_in(&ActivationFormats::default(), sequences)
    }

    /// [`Network::outputs`] with activations rounded to `formats`.
    ///
    /// # Panics
    /// As [`Network::outputs`].
    pub fn outputs_in(
        &self,
        formats: &ActivationFormats,
        sequences: &[ArrayView2<'_, f32>],
    ) -> Vec<Array2<f32>> {
        let packed = PackedNetwork::rounding(self, formats);
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&s| std::cmp::Reverse(sequences[s].nrows()));
        let groups: Vec<Vec<Array2<f32>>> = order
            .par_chunks(GROUP)
            .map_init(Pass::default, |pass, group| {
                let group: Vec<_> = group.iter().map(|&s| sequences[s]).collect();
                pass.outputs(&packed, &group)
            })
            .collect();
        let mut outputs = vec![Array2::zeros((0, 0)); sequences.len()];
        for (s, output) in order.into_iter().zip(groups.into_iter().flatten()) {
            outputs[s] = output;
        }
        outputs
    }
}

impl Pass {
    /// Evaluates sequences, longest first, window by window.
    pub(super) fn outputs(
        &mut self,
        network: &PackedNetwork,
        sequences: &[ArrayView2<'_, f32>],
    ) -> Vec<Array2<f32>> {
        let inputs = network.inputs();
        let outputs = network.dense[network.dense.len() - 1].weight.columns();
        let mut all: Vec<Array2<f32>> = (sequences.iter())
            .map(|sequence| match network.mode.is_per_step() {
                false => Array2::zeros((1, outputs)),
                true => Array2::zeros((sequence.nrows(), outputs)),
            })
            .collect();
        let longest = sequences.iter().map(ArrayView2::nrows).max().unwrap_or(0);
        // A layer that runs backwards begins with the last step.
        let window_steps = match network.stack.is_of_windows() {
            true => longest.max(1),
            false => WINDOW_STEPS,
        };
        for start in (0..longest).step_by(window_steps) {
            let window: Vec<_> = (sequences.iter())
                .take_while(|sequence| sequence.nrows() > start)
                .map(|sequence| {
                    let end = sequence.nrows().min(start + window_steps);
                    sequence.slice_move(s![start..end, ..])
                })
                .collect();
            self.load(&window, inputs);
            match start {
                0 => self.recurrent(network),
                _ => self.recurrent_after(network),
            }
            self.head(network);
            for (b, (sequence, output)) in window.iter().zip(&mut all).enumerate() {
                let rows = match network.mode.is_per_step() {
                    false => 0..1,
                    true => 0..sequence.nrows(),
                };
                for t in rows {
                    // For sequence to one, a later window overwrites an earlier one's output.
                    let (from, to) = match network.mode.is_per_step() {
                        false => (b, 0),
                        true => (self.inputs.steps[t].row + b, start + t),
                    };
                    for o in 0..outputs {
                        output[[to, o]] = self.logits().get(from, o);
                    }
                }
            }
        }
        all
    }
}
