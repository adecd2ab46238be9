//! The quantiser against the equations of its pages, over random networks of every kind.

mod calibration;
mod convolution;
mod dense;
mod formats;
mod layer_inputs;
mod recurrent;
mod walk;

use lstm_nostd::kernels::Scheme;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use proptest::sample::select;

use super::calibrate::Calibration;
use super::magnitudes::Clipping;
use super::{Plan, QuantisedNetwork, Rounding, quantise};
use crate::network::{
    Cell, ConvActivation, Convolution, Direction, Head, Mode, Network, NetworkConfig, Padding,
};

/// A network with random parameters, sequences for it, and what decides its integers.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) network: Network,
    /// Each `[T, I]`.
    pub(super) sequences: Vec<Array2<f32>>,
    /// Of each layer.
    pub(super) schemes: Vec<Scheme>,
    /// `[I]`
    pub(super) smallest_input_range: Vec<f64>,
    /// `[O]`
    pub(super) output_mean: Vec<f64>,
    pub(super) clipping: Clipping,
    pub(super) rounding: Rounding,
    pub(super) equal_shifts: bool,
}

impl Case {
    pub(super) fn views(&self) -> Vec<ArrayView2<'_, f32>> {
        self.sequences.iter().map(|all| all.view()).collect()
    }

    pub(super) fn calibration(&self) -> Calibration {
        Calibration::observe(&self.network, &self.views())
    }

    pub(super) fn plan(&self) -> Plan<'_> {
        Plan {
            schemes: &self.schemes,
            smallest_input_range: &self.smallest_input_range,
            output_mean: &self.output_mean,
            clipping: self.clipping,
            rounding: self.rounding,
            equal_shifts: self.equal_shifts,
        }
    }

    pub(super) fn quantised(&self) -> QuantisedNetwork {
        quantise(
            &self.network,
            &self.calibration(),
            &self.plan(),
            &self.views(),
        )
        .unwrap()
    }

    /// Without clipping, and each weight to the nearest integer.
    pub(super) fn plain(mut self) -> Self {
        (self.clipping, self.rounding) = (Clipping::MinMax, Rounding::Nearest);
        self
    }
}

/// Networks of every kind, both ways too, with and without a convolution and hidden dense layers.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    let structure = (
        (1usize..5, proptest::option::of(convolutions()), cells()),
        select(STACKS.to_vec()),
        proptest::collection::vec(3usize..7, 3),
        proptest::collection::vec(1usize..6, 0..=2),
        1usize..4,
        select(vec![Head::Linear, Head::Sigmoid, Head::Softmax]),
        select(vec![
            Mode::SequenceToOne,
            Mode::SequenceToSequence,
            Mode::SequenceToMean,
        ]),
    );
    let config = structure.prop_map(
        |((inputs, conv, cell), stack, hidden, dense, outputs, head, mode)| NetworkConfig {
            inputs,
            conv,
            directions: stack.to_vec(),
            hidden: hidden[..stack.len()].to_vec(),
            cell,
            dense,
            outputs,
            head,
            mode,
        },
    );
    let plan = (
        proptest::collection::vec(select(Scheme::ALL.to_vec()), 8),
        select(Clipping::ALL.to_vec()),
        select(Rounding::ALL.to_vec()),
        any::<bool>(),
    );
    (config, plan, any::<u64>()).prop_map(
        |(config, (schemes, clipping, rounding, equal_shifts), seed)| {
            let mut noise = Noise(seed);
            Case {
                network: network(&config, &mut noise),
                sequences: sequences(config.inputs, &mut noise),
                schemes: of_layers(&config, &schemes),
                smallest_input_range: (0..config.inputs).map(|_| noise.magnitude(0.1)).collect(),
                output_mean: match config.head {
                    Head::Linear => (0..config.outputs).map(|_| 9.0 * noise.next()).collect(),
                    _ => vec![0.0; config.outputs],
                },
                clipping,
                rounding,
                equal_shifts,
            }
        },
    )
}

const STACKS: [&[Direction]; 5] = [
    &[Direction::Forward],
    &[Direction::Forward, Direction::Forward],
    &[Direction::Forward, Direction::Beside],
    &[Direction::Reverse, Direction::Forward],
    &[Direction::Forward, Direction::Beside, Direction::Forward],
];

fn cells() -> impl Strategy<Value = Cell> {
    (0..5, any::<bool>(), 1usize..3).prop_map(|(kind, peepholes, outputs)| match kind {
        0 => Cell::Lstm { peepholes },
        1 => Cell::Gru,
        2 => Cell::Coupled { peepholes },
        3 => Cell::GruBefore,
        _ => Cell::Projected { peepholes, outputs },
    })
}

fn convolutions() -> impl Strategy<Value = Convolution> {
    (1usize..5, 1usize..4, 1usize..3, any::<(bool, bool)>()).prop_map(
        |(filters, kernel, stride, (is_linear, is_valid))| Convolution {
            filters,
            kernel,
            stride,
            activation: match is_linear {
                true => ConvActivation::None,
                false => ConvActivation::Relu,
            },
            padding: match is_valid {
                true => Padding::Valid,
                false => Padding::Causal,
            },
        },
    )
}

/// Both halves of a layer that runs both ways have one scheme.
fn of_layers(config: &NetworkConfig, schemes: &[Scheme]) -> Vec<Scheme> {
    let mut schemes = schemes[..config.layer_count()].to_vec();
    let first = config.first_recurrent();
    for l in (0..config.hidden.len()).filter(|l| config.is_beside(*l)) {
        schemes[first + l] = schemes[first + l - 1];
    }
    schemes
}

/// Every parameter is random, biases and peepholes too, and arrays differ in size.
fn network(config: &NetworkConfig, noise: &mut Noise) -> Network {
    let mut network = Network::zeros(config).unwrap();
    for values in network.values_mut() {
        let largest = noise.magnitude(0.06) as f32;
        values
            .iter_mut()
            .for_each(|value| *value = largest * noise.next() as f32);
    }
    network
}

/// Three sequences whose channels differ in size.
fn sequences(inputs: usize, noise: &mut Noise) -> Vec<Array2<f32>> {
    let largest: Vec<f64> = (0..inputs).map(|_| noise.magnitude(0.3)).collect();
    let sequence =
        |steps| Array2::from_shape_fn((steps, inputs), |(_, j)| (largest[j] * noise.next()) as f32);
    [9, 6, 12].map(sequence).into()
}

/// The largest weight, and the bits of activations.
fn widths(scheme: Scheme) -> (f64, i32) {
    match scheme {
        Scheme::W8a16 => (127.0, 16),
        Scheme::W8a8 => (127.0, 8),
        Scheme::W4a16 => (7.0, 16),
    }
}

/// The integer of a value that is its range.
fn one(scheme: Scheme) -> f64 {
    let (_, bits) = widths(scheme);
    2f64.powi(bits - 1)
}

/// The least n at which 127 steps of 2ⁿ int16 ones cover this share of the range, and at most 8, where they stand for
/// the same range.
fn least_shift(share: f64) -> u8 {
    let covers = |n: &u8| share * 32_768.0 <= 127.0 * 2f64.powi((*n).into());
    (0..8).find(covers).unwrap_or(8)
}

/// Whether `found` is as expected, up to a share of it.
fn is_near(found: f64, expected: f64, share: f64) -> bool {
    (found - expected).abs() <= share * expected.abs()
}

/// SplitMix64 as published: the next output of this state.
pub(super) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    for (shift, factor) in [
        (30, 0xBF58_476D_1CE4_E5B9),
        (27, 0x94D0_49BB_1331_11EB),
        (31, 1u64),
    ] {
        z = (z ^ (z >> shift)).wrapping_mul(factor);
    }
    z
}

/// Pseudo-random values.
struct Noise(u64);

impl Noise {
    /// In −1..1.
    fn next(&mut self) -> f64 {
        split_mix(&mut self.0) as i64 as f64 / 2f64.powi(63)
    }

    /// From `least` to 25 times as much, small ones as often as large ones.
    fn magnitude(&mut self, least: f64) -> f64 {
        least * 5f64.powf(1.0 + self.next())
    }
}

proptest! {
    #[test]
    fn every_network_has_integers(case in cases()) {
        let quantised = case.quantised();
        prop_assert_eq!(quantised.recurrent.len(), case.network.recurrent.len());
        prop_assert_eq!(quantised.dense.len(), case.network.dense.len());
    }
}
