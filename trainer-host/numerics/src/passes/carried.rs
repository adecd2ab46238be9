//! The states of streams between two sequences: where each stream stands after the sequences that it went through.
//!
//! A stream is a place in a batch. Its next sequence begins with the state that its last one ended with, and the
//! gradient ends at the sequence's first step.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::network::{Mode, Network};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::convolution::ConvState;
use crate::passes::forward::{PackedNetwork, Pass};
use crate::passes::outputs::WINDOW_STEPS;

/// h and c of every recurrent layer of one stream, and what its convolution keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CarriedState {
    conv: Option<ConvState>,
    layers: Vec<CarriedLayer>,
    /// Sum and steps of a mean over time.
    mean: (Vec<f32>, usize),
}

#[derive(Clone, Debug, PartialEq)]
struct CarriedLayer {
    /// `[O]`.
    hidden: Vec<f32>,
    /// `[H]`: the state that lasts.
    cell: Vec<f32>,
}

/// What a network says about one sequence of a stream, and where it then stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPart {
    /// Outputs before the head's σ or softmax: `[1, O]` for sequence to one, `[T, O]` otherwise.
    pub outputs: Array2<f32>,
    /// Cells of all layers after the last step.
    pub cells: Vec<f32>,
}

/// A network that goes on from where it stands.
pub struct NetworkStream {
    network: PackedNetwork,
    pass: Pass,
    state: Option<CarriedState>,
    inputs: usize,
    outputs: usize,
}

impl NetworkStream {
    /// `network` in a zero state.
    pub fn new(network: &Network) -> Self {
        Self::rounding(network, &ActivationFormats::default())
    }

    fn rounding(network: &Network, formats: &ActivationFormats) -> Self {
        Self {
            network: PackedNetwork::rounding(network, formats),
            pass: Pass::default(),
            state: None,
            inputs: network.config.inputs,
            outputs: network.config.outputs,
        }
    }

    /// Sets the state to zero.
    pub fn reset(&mut self) {
        self.state = None;
    }

    /// The outputs after one more normalised step, `[I]` to `[O]`.
    ///
    /// # Panics
    /// If it has another number of channels than the network.
    pub fn step(&mut self, step: &[f32]) -> Vec<f32> {
        let step = ArrayView2::from_shape((1, step.len()), step).expect("a row of values");
        self.advance(step).into_raw_vec_and_offset().0
    }

    /// The outputs after normalised steps, `[T, I]`: the last row is that after the last step, and a network from
    /// sequence to sequence has one for each step.
    fn advance(&mut self, steps: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut rows = Vec::new();
        for steps in steps.axis_chunks_iter(Axis(0), WINDOW_STEPS) {
            self.pass.load(&[steps], self.inputs);
            self.pass
                .recurrent_from(&self.network, &[self.state.as_ref()]);
            self.pass.head(&self.network);
            self.state = Some(self.pass.state_at_end(0));
            let logits = self.pass.logits();
            rows.extend((0..logits.rows()).flat_map(|row| logits.row(row)));
        }
        let outputs = Array2::from_shape_vec((rows.len() / self.outputs, self.outputs), rows);
        outputs.expect("a row has one value for each output")
    }
}

impl Network {
    /// Outputs before the head's σ or softmax after each step of a normalised sequence, `[T, I]`, also of a network that is
    /// made for an answer at the end: `[T, O]`. A network of whole windows that answers once has no such outputs: of a layer
    /// that runs backwards, the head would read the state at each step, and not the one after the layer's own last step.
    ///
    /// # Panics
    /// If the sequence is empty or has another number of channels than the network.
    pub fn outputs_after_each_step(
        &self,
        formats: &ActivationFormats,
        sequence: ArrayView2<'_, f32>,
    ) -> Array2<f32> {
        if self.config.mode == Mode::SequenceToMean {
            let mut stream = NetworkStream::rounding(self, formats);
            let steps = sequence.axis_chunks_iter(Axis(0), 1);
            let rows: Vec<Array2<f32>> = steps.map(|step| stream.advance(step)).collect();
            let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
            return concatenate(Axis(0), &rows).expect("every step has as many outputs");
        }
        let mut packed = PackedNetwork::rounding(self, formats);
        packed.mode = Mode::SequenceToSequence;
        let mut outputs = Pass::default().outputs(&packed, &[sequence]);
        outputs.pop().unwrap_or_default()
    }

    /// Runs normalised sequences, each `[T, I]`, one after the other without a reset between them, with activations
    /// rounded to `formats`. The first begins with a zero state.
    ///
    /// # Panics
    /// If a sequence is empty or has another number of channels than the network.
    pub fn stream(
        &self,
        formats: &ActivationFormats,
        sequences: &[ArrayView2<'_, f32>],
    ) -> Vec<StreamPart> {
        let mut stream = NetworkStream::rounding(self, formats);
        let part = |sequence: &ArrayView2<'_, f32>| {
            let outputs = stream.advance(sequence.view());
            let state = stream.state.as_ref().expect("a sequence has a step");
            StreamPart {
                outputs: match self.config.mode.is_per_step() {
                    false => outputs.slice(s![-1.., ..]).to_owned(),
                    true => outputs,
                },
                cells: (state.layers.iter())
                    .flat_map(|layer| layer.cell.clone())
                    .collect(),
            }
        };
        sequences.iter().map(part).collect()
    }
}

impl Pass {
    /// Runs all recurrent layers, sequence `b` from `starts[b]`; from a zero state where there is none.
    pub(crate) fn recurrent_from(
        &mut self,
        network: &PackedNetwork,
        starts: &[Option<&CarriedState>],
    ) {
        self.begin(network, |b| starts.get(b).copied()??.conv.clone());
        self.reset_states(network);
        for (b, start) in starts.iter().enumerate() {
            let Some(start) = start else { continue };
            for (layer, carried) in self.layers.iter_mut().zip(&start.layers) {
                layer.begin_with(b, &carried.hidden, &carried.cell);
            }
            self.mean.begin_with(b, &start.mean);
        }
        self.advance(network);
    }

    /// The state after the last step of sequence `b`.
    pub(crate) fn state_at_end(&self, b: usize) -> CarriedState {
        let row = self.end_row(b);
        let layers = self.layers.iter().map(|layer| CarriedLayer {
            hidden: layer.outputs().row(row),
            cell: layer.cell().row(row),
        });
        CarriedState {
            conv: self.conv.state(b).cloned(),
            layers: layers.collect(),
            mean: self.mean.at(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Target};
    use crate::network::{Cell, Head, NetworkConfig};
    use crate::passes::backward::Backpropagation;
    use crate::passes::example::Example;
    use crate::passes::perturbation::Perturbation;
    use ndarray::concatenate;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn views(sequences: &[Array2<f32>]) -> Vec<ArrayView2<'_, f32>> {
        sequences.iter().map(|sequence| sequence.view()).collect()
    }

    fn network(mode: Mode) -> Network {
        let config = NetworkConfig {
            inputs: 3,
            conv: None,
            directions: Vec::new(),
            hidden: vec![18, 7],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![5],
            outputs: 2,
            head: Head::Softmax,
            mode,
        };
        Network::new(&config, 1).unwrap()
    }

    fn sequences(lengths: &[usize]) -> Vec<Array2<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let sequence =
            |steps: &usize| Array2::from_shape_fn((*steps, 3), |_| rng.random_range(-2.0..2.0));
        lengths.iter().map(sequence).collect()
    }

    /// A piece of a long sequence ends within one of the pieces that are computed at once.
    #[test]
    fn a_stream_is_one_long_sequence() {
        let network = network(Mode::SequenceToSequence);
        let parts = sequences(&[9, 700, 1, 30]);
        let whole = concatenate(Axis(0), &views(&parts)).unwrap();
        let expected = network.outputs(&[whole.view()]).remove(0);
        let found = network.stream(&ActivationFormats::default(), &views(&parts));
        let outputs: Vec<_> = found.iter().map(|part| part.outputs.view()).collect();
        assert_eq!(concatenate(Axis(0), &outputs).unwrap(), expected);
        let states = network.states(&[whole.view()], |_, layers| {
            layers
                .iter()
                .flat_map(|layer| layer.cell.row(739).to_vec())
                .collect::<Vec<f32>>()
        });
        assert_eq!(found[3].cells, states[0]);
    }

    #[test]
    fn a_stream_of_one_sequence_is_the_sequence() {
        for mode in [
            Mode::SequenceToOne,
            Mode::SequenceToSequence,
            Mode::SequenceToMean,
        ] {
            let network = network(mode);
            let all = sequences(&[20, 600]);
            let expected = network.outputs(&views(&all));
            for (sequence, expected) in all.iter().zip(expected) {
                let found = network.stream(&ActivationFormats::default(), &[sequence.view()]);
                assert_eq!(found[0].outputs, expected);
            }
        }
    }

    /// Batches whose places are streams give the losses of the long sequences, whatever the lengths around them.
    #[test]
    fn a_batch_goes_on_where_the_last_one_ended() {
        let network = network(Mode::SequenceToSequence);
        let batches = [
            sequences(&[4, 9, 6]),
            sequences(&[8, 3, 8]),
            sequences(&[5, 6]),
        ];
        let classes: Vec<usize> = (0..9).map(|t| t % 2).collect();
        let none = Perturbation::default();
        let mut training = Backpropagation::new(&network, Loss::CrossEntropy, none);
        training.begin_streams(3);
        for (n, batch) in batches.iter().enumerate() {
            let example = |sequence: &Array2<f32>| Example {
                sequence: batch.iter().find(|s| *s == sequence).unwrap().view(),
                target: Target::ClassPerStep(&classes[..sequence.nrows()]),
                seed: 0,
                teacher: None,
            };
            let examples: Vec<Example<'_>> = batch.iter().map(example).collect();
            // In windows of four steps, as with truncated back-propagation.
            let (mut sum, mut rows) = (0.0, 0);
            for start in [0, 4, 8] {
                if batch.iter().any(|s| s.nrows() > start) {
                    let found = training.window(&network, &examples, start..start + 4);
                    sum += found.loss * found.rows as f64;
                    rows += found.rows;
                }
            }
            let expected: f64 = (0..batch.len())
                .map(|b| {
                    let stream: Vec<_> =
                        batches[..=n].iter().map(|batch| batch[b].view()).collect();
                    let found = network.stream(&ActivationFormats::default(), &stream);
                    let objective = crate::loss::Objective::from(Loss::CrossEntropy);
                    let mut slope = [0.0; 2];
                    let outputs = &found[n].outputs;
                    let rows = outputs.rows().into_iter().zip(&classes);
                    rows.map(|(row, class)| {
                        let row = row.to_vec();
                        objective.row(&row, crate::loss::Expected::Class(*class), &mut slope)
                    })
                    .sum::<f64>()
                })
                .sum();
            assert!(
                (sum - expected).abs() < 1e-4,
                "batch {n}: {sum} and {expected}"
            );
            assert_eq!(rows, batch.iter().map(|s| s.nrows()).sum::<usize>());
        }
    }

    /// A stream that is set to zero gives the loss of its next sequence alone, and the others go on.
    #[test]
    fn a_reset_stream_begins_anew() {
        let network = network(Mode::SequenceToOne);
        let batches = [sequences(&[9, 9]), sequences(&[6, 6])];
        let loss = |parts: &[&[Array2<f32>]], reset: &[usize]| {
            let none = Perturbation::default();
            let mut training = Backpropagation::new(&network, Loss::CrossEntropy, none);
            training.begin_streams(2);
            let mut last = 0.0;
            for batch in parts {
                training.reset_streams(|number| reset.contains(&number));
                let example = |sequence| Example {
                    sequence,
                    target: Target::Class(1),
                    seed: 0,
                    teacher: None,
                };
                let examples: Vec<_> = views(batch).into_iter().map(example).collect();
                last = training.gradient(&network, &examples).0;
            }
            last
        };
        let [first, second] = &batches;
        let fresh = loss(&[second], &[]);
        assert_eq!(loss(&[first, second], &[0, 1]), fresh);
        let one_goes_on = loss(&[first, second], &[0]);
        let both_go_on = loss(&[first, second], &[]);
        assert!(one_goes_on != fresh && one_goes_on != both_go_on);
    }
}
