//! Quantised networks stay near the f32 network that they came from, whatever its shape and scale.

use lstm_nostd::Model;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use trainer_host::calibrate::Calibration;
use trainer_host::export::{InputStage, assemble};
use trainer_host::input_format::choose_formats;
use trainer_host::integers;
use trainer_host::layer_error::{self, LayerError};
use trainer_host::network::{Head, Mode, Network, NetworkConfig};
use trainer_host::quantise::quantise;

/// A pseudo-random value in −1..1 that depends on all arguments (no distribution is needed here).
fn noise(seed: u64, a: usize, b: usize) -> f32 {
    let mut z = seed ^ (a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((b as u64) << 40);
    z = (z ^ (z >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z >> 40) as f32 / (1u32 << 23) as f32) - 1.0
}

struct Case {
    network: Network,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    real: Vec<Array2<f32>>,
    normalised: Vec<Array2<f32>>,
}

impl Case {
    /// Sequences whose channel j has the scale `10^(j mod 5 − 2)` and an offset.
    fn new(config: NetworkConfig, seed: u64, steps: usize) -> Self {
        let mut network = Network::new(&config, seed).unwrap();
        for (l, layer) in network.lstm.iter_mut().enumerate() {
            if let Some(peephole) = &mut layer.peephole {
                peephole
                    .indexed_iter_mut()
                    .for_each(|((p, u), w)| *w = 0.4 * noise(seed + l as u64, p, u));
            }
        }
        let deviation: Vec<f32> = (0..config.inputs)
            .map(|j| 10f32.powi(j as i32 % 5 - 2))
            .collect();
        let mean: Vec<f32> = deviation
            .iter()
            .enumerate()
            .map(|(j, d)| d * (j as f32 - 1.5))
            .collect();
        let normalised: Vec<Array2<f32>> = (0..6)
            .map(|s| {
                Array2::from_shape_fn((steps, config.inputs), |(t, j)| 2.0 * noise(seed ^ s, t, j))
            })
            .collect();
        let real = normalised
            .iter()
            .map(|x| Array2::from_shape_fn(x.dim(), |(t, j)| x[[t, j]] * deviation[j] + mean[j]))
            .collect();
        Self {
            network,
            mean,
            deviation,
            real,
            normalised,
        }
    }

    /// Largest distance of an output, and the errors of the layers.
    fn quantised_error(&self) -> (f64, Vec<LayerError>) {
        let real: Vec<ArrayView2<'_, f32>> = self.real.iter().map(|s| s.view()).collect();
        let normalised: Vec<ArrayView2<'_, f32>> =
            self.normalised.iter().map(|s| s.view()).collect();
        let formats = choose_formats(self.mean.len(), &real);
        let smallest: Vec<f64> = formats
            .iter()
            .zip(&self.deviation)
            .map(|(f, d)| f.smallest_range(*d))
            .collect();
        let calibration = Calibration::observe(&self.network, &normalised);
        let quantised = quantise(&self.network, &calibration, &smallest).unwrap();
        let stage = InputStage {
            formats: &formats,
            mean: &self.mean,
            deviation: &self.deviation,
        };
        let names =
            |prefix: &str, n: usize| (0..n).map(|j| format!("{prefix}{j}")).collect::<Vec<_>>();
        let config = &self.network.config;
        let (inputs, outputs) = (names("in", config.inputs), names("out", config.outputs));
        let file = assemble(config, &quantised, &stage, (&inputs, &outputs), real[0]).unwrap();
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let exact = self.network.outputs(&normalised);
        let found = integers::outputs(&model, &real);
        let distance = (exact.iter().flatten().zip(found.iter().flatten()))
            .map(|(a, b)| f64::from((a - b).abs()))
            .fold(0.0, f64::max);
        (
            distance,
            layer_error::measure(&self.network, &model, &normalised, &real),
        )
    }
}

fn config(inputs: usize, hidden: Vec<usize>, dense: Vec<usize>, peepholes: bool) -> NetworkConfig {
    NetworkConfig {
        inputs,
        hidden,
        peepholes,
        dense,
        outputs: 3,
        head: Head::Softmax,
        mode: Mode::SequenceToSequence,
    }
}

/// RMS error of the hidden state: rounding of int8 weights, 0.3 % of the largest weight of a row each,
/// summed over a row, through gates of slope ¼.
const MAX_HIDDEN_RMS: f64 = 0.004;
/// The output layer adds its own rounding and sums over the hidden units.
const MAX_OUTPUT_ERROR: f64 = 0.08;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn integers_stay_near_the_f32_network(
        inputs in 1usize..12,
        hidden in prop::collection::vec(1usize..24, 1..=2),
        dense in prop::collection::vec(2usize..12, 0..=1),
        peepholes in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let case = Case::new(config(inputs, hidden, dense, peepholes), seed >> 1, 40);
        let (distance, layers) = case.quantised_error();
        prop_assert!(distance <= MAX_OUTPUT_ERROR, "outputs differ by {distance}");
        for layer in layers {
            prop_assert!(layer.hidden_rms <= MAX_HIDDEN_RMS, "{layer:?}");
            prop_assert_eq!(layer.saturated_cells, 0);
        }
    }
}

#[test]
fn the_error_does_not_grow_with_time() {
    let error_over = |steps| {
        let case = Case::new(config(4, vec![16], vec![], true), 7, steps);
        case.quantised_error().1.remove(0).hidden_rms
    };
    let (short, long) = (error_over(100), error_over(10_000));
    println!("RMS error of h over 100 and 10,000 steps: {short:.6}, {long:.6}");
    assert!(long < 1.5 * short, "{short} {long}");
}
