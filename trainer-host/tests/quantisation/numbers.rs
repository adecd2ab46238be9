//! Numbers of real sensors and real targets: means far from zero, deviations far apart.

use lstm_nostd::Model;
use lstm_nostd::kernels::Scheme;
use ndarray::Array2;
use proptest::prelude::*;
use trainer_host::data::{Dataset, Targets, views};
use trainer_host::evaluate::{Comparison, Score, compare};
use trainer_host::integers::{output_error, stream};
use trainer_host::network::Network;
use trainer_host::quantise::Rounding;
use trainer_host::quantise::magnitudes::Clipping;
use trainer_host::run::Fitted;
use trainer_host::run::choose::{Chosen, Request, choose};
use trainer_host::train::TrainConfig;

const STEPS: usize = 24;
const SEQUENCES: usize = 30;

/// A smooth pseudo-random value in about −2..2.
fn smooth(seed: u64, sequence: usize, t: usize, j: usize) -> f64 {
    let phase = (seed % 1000) as f64 + 7.3 * sequence as f64 + 1.7 * j as f64;
    let fast = (phase * 12.9898 + 0.9 * t as f64).sin();
    (0.31 * t as f64 + phase).sin() + fast
}

/// A network whose outputs are targets of these means and deviations, and the data that it is right about.
struct Case {
    data: Dataset,
    fitted: Fitted,
    network: Network,
}

impl Case {
    /// `input` gives sequence, step and channel as they are stored, and `offsets` what stands beside that.
    fn new(
        seed: u64,
        targets: &[(f64, f64)],
        offsets: Vec<f64>,
        input: impl Fn(usize, usize, usize) -> f64,
    ) -> Self {
        let inputs = 2;
        let sequence =
            |s: usize| Array2::from_shape_fn((STEPS, inputs), |(t, j)| input(s, t, j) as f32);
        let mut data = Dataset {
            channels: (0..inputs).map(|j| format!("x{j}")).collect(),
            sequences: (0..SEQUENCES).map(sequence).collect(),
            targets: Targets::ValuePerStep(vec![Array2::zeros((STEPS, targets.len())); SEQUENCES]),
            outputs: (0..targets.len()).map(|o| format!("y{o}")).collect(),
            offsets,
            ..Dataset::default()
        };
        let config = TrainConfig {
            hidden: vec![8],
            ..TrainConfig::default()
        };
        let fitted = Fitted::fit(&config, &data).unwrap();
        let mut network = Network::new(&fitted.network, seed).unwrap();
        let normalised = fitted.normalised_inputs(&data);
        let found = network.outputs(&views(&normalised));
        let last = network.dense.last_mut().unwrap();
        for o in 0..targets.len() {
            let column = || {
                found
                    .iter()
                    .flat_map(|y| y.column(o))
                    .map(|y| f64::from(*y))
            };
            let count = column().count() as f64;
            let mean = column().sum::<f64>() / count;
            let variance = column().map(|y| (y - mean).powi(2)).sum::<f64>() / count;
            let deviation = variance.sqrt() as f32;
            last.weight.row_mut(o).mapv_inplace(|w| w / deviation);
            last.bias[o] = (last.bias[o] - mean as f32) / deviation;
        }
        let mut outputs = network.outputs(&views(&normalised));
        for y in &mut outputs {
            for (mut column, (mean, deviation)) in y.columns_mut().into_iter().zip(targets) {
                column.mapv_inplace(|y| (f64::from(y) * deviation + mean) as f32);
            }
        }
        data.targets = Targets::ValuePerStep(outputs);
        let fitted = Fitted::fit(&config, &data).unwrap();
        Self {
            data,
            fitted,
            network,
        }
    }

    fn of_targets(seed: u64, targets: &[(f64, f64)]) -> Self {
        Self::new(seed, targets, Vec::new(), |s, t, j| smooth(seed, s, t, j))
    }

    fn chosen(&self, schemes: &[Scheme]) -> Chosen {
        let request = Request {
            schemes: schemes.to_vec(),
            clipping: Some(Clipping::MinMax),
            rounding: Some(Rounding::Nearest),
            equal_shifts: false,
        };
        choose((&self.network, &self.fitted), &self.data, None, &request).unwrap()
    }

    fn comparison(&self, schemes: &[Scheme]) -> Comparison {
        let chosen = self.chosen(schemes);
        let model = Model::parse(&chosen.bytes).unwrap();
        let exact = self
            .network
            .outputs(&views(&self.fitted.normalised_inputs(&self.data)));
        let exact = self.fitted.in_real_units(exact);
        compare(
            &self.data,
            &exact,
            &stream::outputs(&model, &self.data.recordings()),
        )
    }

    /// Signal over the integers' noise in the outputs, in dB.
    fn sqnr_db(&self) -> f64 {
        let chosen = self.chosen(&[Scheme::W8a16; 2]);
        let model = Model::parse(&chosen.bytes).unwrap();
        let exact = self
            .network
            .outputs(&views(&self.fitted.normalised_inputs(&self.data)));
        let found = stream::outputs(&model, &self.data.recordings());
        let pairs = || exact.iter().flatten().zip(found.iter().flatten());
        let signal: f64 = pairs().map(|(y, _)| f64::from(*y).powi(2)).sum();
        let noise: f64 = pairs().map(|(y, found)| f64::from(y - found).powi(2)).sum();
        10.0 * (signal / noise).log10()
    }
}

/// R² of each output, in f32 and in integers.
fn r2(comparison: &Comparison) -> Vec<(f64, f64)> {
    let (Score::Values(float), Score::Values(integer)) = (&comparison.float, &comparison.integer)
    else {
        panic!("a regression has values");
    };
    let pairs = float.outputs.iter().zip(&integer.outputs);
    pairs
        .map(|(float, integer)| (float.errors.r2.unwrap(), integer.errors.r2.unwrap()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A mean of 10⁶ deviations costs nothing, nor do outputs 10⁴ apart: R² stays within 0.01 of f32's.
    #[test]
    fn no_output_is_lost_whatever_its_mean_and_magnitude(
        seed in any::<u64>(),
        targets in prop::collection::vec((-6.0f64..6.0, any::<bool>(), -4.0f64..4.0), 1..4),
    ) {
        let targets: Vec<(f64, f64)> = targets
            .into_iter()
            .map(|(ratio, negative, magnitude)| {
                let deviation = 10f64.powf(magnitude);
                let mean = deviation * 10f64.powf(ratio);
                (if negative { -mean } else { mean }, deviation)
            })
            .collect();
        let found = Case::of_targets(seed >> 1, &targets).comparison(&[Scheme::W8a16; 2]);
        prop_assert_eq!(found.agreement, None);
        for ((float, integer), target) in r2(&found).into_iter().zip(&targets) {
            prop_assert!(float > 0.99, "{target:?}: f32 {float}");
            prop_assert!(integer > float - 0.01, "{target:?}: f32 {float}, integers {integer}");
        }
    }
}

#[test]
fn pressures_and_angles_beside_percentages_keep_their_error() {
    // (mean, deviation): pressure in Pa, an angle in rad, per cent, and a constant's worth of a counter.
    let targets = [(101_325.0, 0.5), (0.003, 0.002), (50.0, 20.0), (1e6, 1.0)];
    let case = Case::of_targets(3, &targets);
    for schemes in [[Scheme::W8a16; 2], [Scheme::W8a16, Scheme::W8a8]] {
        for ((float, integer), target) in r2(&case.comparison(&schemes)).into_iter().zip(targets) {
            assert!(
                integer > float - 0.01,
                "{target:?}: f32 {float}, integers {integer}"
            );
        }
    }
}

/// Counts of 10⁹, GPS in 10⁻⁷ degrees and in degrees: integers are as near to f32 as for the same data less a
/// constant.
#[test]
fn a_constant_in_the_inputs_costs_less_than_a_decibel() {
    let whole = |value: f64| value.round();
    let as_it_is = |value: f64| value;
    type Channel = (&'static str, f64, f64, fn(f64) -> f64);
    let channels: [Channel; 4] = [
        ("counts", 1e9, 14.0, whole),
        ("10⁻⁷ degrees", 525_200_061.0, 70.0, whole),
        ("degrees", 52.52, 7e-6, as_it_is),
        ("pascals", 101_325.0, 0.5, as_it_is),
    ];
    for (name, constant, deviation, form) in channels {
        let sqnr = |constant: f64| {
            Case::new(5, &[(0.0, 1.0)], vec![constant, 0.0], |s, t, j| match j {
                0 => form(deviation * smooth(5, s, t, 0)),
                _ => smooth(5, s, t, 1),
            })
            .sqnr_db()
        };
        let (near, far) = (sqnr(0.0), sqnr(constant));
        println!("{name}: {near:.1} dB, and {far:.1} dB far from zero");
        assert!(
            far >= near - 1.0,
            "{name}: {near:.2} dB, and {far:.2} dB far from zero"
        );
    }
}

#[test]
fn the_layer_with_the_coarse_weights_adds_most_to_the_error() {
    use Scheme::{W4a16, W8a16};
    for (schemes, worst) in [([W8a16, W4a16], "dense.0"), ([W4a16, W8a16], "lstm.0")] {
        let case = Case::of_targets(9, &[(1e4, 0.1), (0.0, 10.0)]);
        let chosen = case.chosen(&schemes);
        let model = Model::parse(&chosen.bytes).unwrap();
        let normalised = case.fitted.normalised_inputs(&case.data);
        let units = output_error::Units {
            inputs: &case.fitted.inputs,
            targets: case.fitted.targets.as_ref(),
        };
        let sequences = (&views(&normalised)[..], &case.data.recordings()[..]);
        let stages = output_error::measure(&case.network, &model, sequences, units);
        let names: Vec<&str> = stages.iter().map(|stage| stage.stage.as_str()).collect();
        assert_eq!(names, ["inputs", "lstm.0", "dense.0"]);
        let most = stages
            .iter()
            .max_by(|a, b| a.added.total_cmp(&b.added))
            .unwrap();
        assert_eq!(most.stage, worst, "{stages:?}");
        // The stages together are all that the integers change.
        let sum: f64 = stages.iter().map(|stage| stage.added).sum();
        let mean = case.comparison(&schemes).rms_difference.unwrap().powi(2);
        assert!((sum - mean).abs() < 0.01 * mean, "{sum} {mean}");
    }
}
