//! Back-propagation through time: the exact gradient of a batch's loss.
//!
//! With (1) to (6) of [`crate::network`], from the last step to the first, for each LSTM layer from
//! the top down (GRU layers have (GB1) to (GB4) of `recurrent/gru_cell.rs` in place of (B2) to (B9), or (RB1) to
//! (RB3) of `recurrent/gru_before_cell.rs`):
//!
//! ```text
//! d_h_t = d_h_t from above + W_hᵀ d_z_{t+1}                                 (B1)
//! d_o_t = d_h_t ⊙ tanh(c_t) ⊙ o_t ⊙ (1 − o_t)                               (B2)
//! d_c_t = d_h_t ⊙ o_t ⊙ (1 − tanh²(c_t)) + p_o ⊙ d_o_t + back_{t+1}         (B3)
//! d_i_t = d_c_t ⊙ g_t ⊙ i_t ⊙ (1 − i_t)                                     (B4)
//! d_f_t = d_c_t ⊙ c_{t−1} ⊙ f_t ⊙ (1 − f_t)                                 (B5)
//! d_g_t = d_c_t ⊙ i_t ⊙ (1 − g_t²)                                          (B6)
//! back_t = f_t ⊙ d_c_t + p_i ⊙ d_i_t + p_f ⊙ d_f_t                          (B7)
//! d_b   = Σ_t d_z_t                                                         (B8)
//! d_p_i = Σ_t d_i_t ⊙ c_{t−1},  d_p_f = Σ_t d_f_t ⊙ c_{t−1},
//! d_p_o = Σ_t d_o_t ⊙ c_t                                                   (B9)
//! d_W_x = Σ_t d_z_t x_tᵀ,       d_W_h = Σ_t d_z_t h_{t−1}ᵀ                  (B10)
//! d_x_t = W_xᵀ d_z_t, the layer below's d_h_t from above                    (B11)
//! ```
//!
//! where d_i, d_f, d_g and d_o are the gradients of the gates' pre-activations, stacked as
//! d_z `[4H]`. Each step does (B1) as one product of all four gates and (B2) to (B9) in one pass;
//! (B10) and (B11) are one product each over all steps.
//!
//! Where dropout is active, (B1) passes its product through the mask of (D3), (B4) and (B6) see the
//! mask of (D4), and (B10) reads masked states and inputs, see [`crate::passes::dropout`].
//!
//! Where activations are rounded ([`crate::passes::activation_format`]), gradients pass as if they were not
//! (straight through, Bengio, Léonard and Courville 2013), but for those of clipped values, which are
//! zero.
//!
//! Long sequences may be gone through in windows ([`Backpropagation::window`]): each begins with the
//! state that the one before ended with, and its gradient ends at its first step (truncated
//! back-propagation, Williams and Peng 1990).
//!
//! A batch is cut into shards whose number depends on the batch alone, not on the threads; their
//! gradients are added in a fixed order. So the same bits come from one thread and from many.

use std::ops::Range;

use rayon::prelude::*;

use crate::compute::lanes::Backend;
use crate::loss::{Objective, SoftTargets};
use crate::network::{Mode, Network};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::carried::CarriedState;
use crate::passes::example::Example;
use crate::passes::perturbation::Perturbation;
use crate::passes::shard::{Deal, Shard, Task, Weights};

/// Sequences of a shard, at most.
const SHARD: usize = 16;

/// The loss of a window of a batch, and its gradient.
#[derive(Debug)]
pub struct WindowGradient<'a> {
    /// Mean over the judged rows.
    pub loss: f64,
    /// Judged rows: sequences, or steps of sequence to sequence.
    pub rows: usize,
    /// Those of them whose outputs decide for their class.
    pub right: usize,
    /// In the shape of a network.
    pub gradient: &'a mut Network,
}

/// Computes gradients; keeps its buffers from batch to batch.
#[derive(Debug)]
pub struct Backpropagation {
    backend: Backend,
    objective: Objective,
    perturbation: Perturbation,
    formats: ActivationFormats,
    soft: Option<SoftTargets>,
    shards: Vec<Shard>,
    gradient: Network,
    /// Where each stream stands; none if every sequence begins with a zero state.
    streams: Vec<Option<CarriedState>>,
}

impl Backpropagation {
    /// For networks of `network`'s structure.
    pub fn new(
        network: &Network,
        objective: impl Into<Objective>,
        perturbation: Perturbation,
    ) -> Self {
        let mut gradient = network.clone();
        gradient
            .values_mut()
            .into_iter()
            .for_each(|values| values.fill(0.0));
        Self {
            backend: Backend::detect(),
            objective: objective.into(),
            perturbation,
            formats: ActivationFormats::default(),
            soft: None,
            shards: Vec::new(),
            gradient,
            streams: Vec::new(),
        }
    }

    /// Rounds activations to `formats` from now on.
    pub fn round_activations(&mut self, formats: ActivationFormats) {
        self.formats = formats;
    }

    /// Takes part of the loss from the teacher's outputs from now on.
    pub fn soften(&mut self, soft: SoftTargets) {
        self.soft = Some(soft);
    }

    /// Begins `streams` streams with zero states. From now on, sequence b of each batch goes on where sequence b of
    /// the batch before ended. No later batch may have more than `streams` sequences.
    pub fn begin_streams(&mut self, streams: usize) {
        self.streams = vec![None; streams];
    }

    /// Sets those streams to zero whose number `is_reset` chooses, so that their next sequence begins with a zero state.
    pub fn reset_streams(&mut self, mut is_reset: impl FnMut(usize) -> bool) {
        for (number, state) in self.streams.iter_mut().enumerate() {
            if is_reset(number) {
                *state = None;
            }
        }
    }

    /// The mean loss of `batch` and its gradient, in the shape of a network.
    ///
    /// # Panics
    /// If the batch is empty, or a sequence or target does not fit the network.
    pub fn gradient(&mut self, network: &Network, batch: &[Example<'_>]) -> (f64, &mut Network) {
        let found = self.window(network, batch, 0..usize::MAX);
        (found.loss, found.gradient)
    }

    /// The mean loss over the steps of `batch` in `window`, and its gradient as far as these steps
    /// go. Windows of a batch are taken one after the other from step 0; the state is carried from
    /// one to the next, whatever becomes of the network between them.
    ///
    /// # Panics
    /// If no sequence reaches the window, a sequence or target does not fit the network, or a
    /// sequence with one target is longer than the window. If a layer runs backwards, and a sequence is
    /// longer than the window or there are streams.
    pub fn window(
        &mut self,
        network: &Network,
        batch: &[Example<'_>],
        window: Range<usize>,
    ) -> WindowGradient<'_> {
        let weights = Weights::of(network, &self.formats);
        let rows = judged_rows(weights.forward.mode, batch, &window);
        assert!(
            self.streams.is_empty() || batch.len() <= self.streams.len(),
            "a batch has no more sequences than there are streams"
        );
        assert!(
            !weights.forward.stack.is_of_windows()
                || (self.streams.is_empty() && batch.iter().all(|e| is_within(e, &window))),
            "a layer that runs backwards begins with the last step"
        );
        let deals = deal(batch, window.start);
        let task = Task {
            weights: &weights,
            objective: &self.objective,
            soft: self.soft,
            scale: 1.0 / rows as f32,
            perturbation: self.perturbation,
            window,
            streams: &self.streams,
        };
        if self.shards.len() < deals.len() {
            self.shards
                .resize_with(deals.len(), || Shard::on(self.backend));
        }
        let shards = &mut self.shards[..deals.len()];
        shards
            .par_iter_mut()
            .zip(&deals)
            .for_each(|(shard, deal)| shard.compute(&task, deal));
        let (first, rest) = shards
            .split_first_mut()
            .expect("a sequence reaches the window");
        let (mut loss, mut right) = (first.loss, first.right);
        for shard in rest {
            loss += shard.loss;
            right += shard.right;
            first.add_gradient(shard);
        }
        first.unpack(&mut self.gradient);
        for shard in shards {
            for (number, state) in shard.ended.drain(..) {
                self.streams[number] = Some(state);
            }
        }
        WindowGradient {
            loss: loss / rows as f64,
            rows,
            right,
            gradient: &mut self.gradient,
        }
    }
}

/// Rows of `batch` that are judged within `window`.
fn judged_rows(mode: Mode, batch: &[Example<'_>], window: &Range<usize>) -> usize {
    let steps = |example: &Example<'_>| {
        let end = example.sequence.nrows().min(window.end);
        end.saturating_sub(window.start)
    };
    match mode {
        Mode::SequenceToOne | Mode::SequenceToMean => {
            assert!(
                batch.iter().all(|example| is_within(example, window)),
                "a sequence with one target is one window"
            );
            batch.len()
        }
        Mode::SequenceToSequence => batch.iter().map(steps).sum(),
    }
}

/// Whether all steps of an example are in `window`.
fn is_within(example: &Example<'_>, window: &Range<usize>) -> bool {
    window.start == 0 && example.sequence.nrows() <= window.end
}

/// Cuts a batch into shards of similar length: sorted by length, then dealt like cards. Keeps the sequences that reach
/// step `start`.
fn deal<'a>(batch: &[Example<'a>], start: usize) -> Vec<Deal<'a>> {
    let steps = |e: &usize| batch[*e].sequence.nrows();
    let mut sorted: Vec<usize> = (0..batch.len()).collect();
    sorted.sort_by_key(|e| std::cmp::Reverse(steps(e)));
    let count = batch.len().div_ceil(SHARD);
    let shard = |shard: usize| {
        let dealt = sorted.iter().skip(shard).step_by(count);
        // Longest first, so those that end before are the last ones.
        let numbers: Vec<usize> = dealt.copied().take_while(|e| steps(e) > start).collect();
        Deal {
            examples: numbers.iter().map(|n| batch[*n]).collect(),
            numbers,
        }
    };
    let deals = (0..count).map(shard);
    deals.filter(|deal| !deal.numbers.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;
    use crate::loss::Target;
    use crate::network::{Cell, Head, NetworkConfig};
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The gradient of a network of every kind of layer, computed with `backend`.
    fn gradient(cell: Cell, backend: Backend) -> (f64, Network) {
        let config = NetworkConfig {
            inputs: 5,
            conv: None,
            directions: Vec::new(),
            hidden: vec![33, 20],
            cell,
            dense: vec![7],
            outputs: 3,
            head: Head::Softmax,
            mode: Mode::SequenceToSequence,
        };
        let network = Network::new(&config, 1).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let sequences: Vec<Array2<f32>> = (1..=37)
            .map(|steps| Array2::from_shape_fn((steps, 5), |_| rng.random_range(-2.0..2.0)))
            .collect();
        let classes = [0, 1, 2].repeat(13);
        let batch: Vec<Example<'_>> = (sequences.iter())
            .map(|sequence| Example {
                sequence: sequence.view(),
                target: Target::ClassPerStep(&classes[..sequence.nrows()]),
                seed: 3,
                teacher: None,
            })
            .collect();
        let perturbation = Perturbation {
            input_noise: 0.1,
            input_dropout: 0.1,
            dropout: 0.1,
            recurrent_dropout: 0.1,
            candidate_dropout: 0.1,
        };
        let mut backpropagation = Backpropagation::new(&network, Loss::CrossEntropy, perturbation);
        backpropagation.backend = backend;
        let (loss, gradient) = backpropagation.gradient(&network, &batch);
        (loss, gradient.clone())
    }

    #[test]
    fn vector_backends_agree_to_the_bit_and_with_plain_code_nearly() {
        // Plain code may round products on their own; gradients here are below one.
        const ROUNDING: f32 = 1e-5;
        for cell in [
            Cell::Lstm { peepholes: true },
            Cell::Gru,
            Cell::Coupled { peepholes: true },
            Cell::GruBefore,
            Cell::Projected {
                peepholes: true,
                outputs: 5,
            },
        ] {
            backends_agree(cell, ROUNDING);
        }
    }

    fn backends_agree(cell: Cell, rounding: f32) {
        let (loss, plain) = gradient(cell, Backend::Scalar);
        let vector: Vec<_> = (Backend::available().into_iter())
            .filter(|backend| *backend != Backend::Scalar)
            .map(|backend| gradient(cell, backend))
            .collect();
        for other in &vector {
            assert_eq!(other, &vector[0]);
            assert!((other.0 - loss).abs() < f64::from(rounding));
            for (a, b) in plain.parameters().iter().zip(other.1.parameters()) {
                for (x, y) in a.values.iter().zip(b.values) {
                    assert!((x - y).abs() < rounding, "{}: {x} and {y}", a.name);
                }
            }
        }
    }
}
