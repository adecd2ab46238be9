//! Quantised networks stay near the f32 network that they came from, whatever its shape and scale.

use lstm_nostd::kernels::Scheme;
use ndarray::Array2;
use proptest::prelude::*;
use trainer_host::data::{Recording, views};
use trainer_host::integers::assemble::{InputStage, assemble};
use trainer_host::integers::engine::AnyModel;
use trainer_host::integers::input_format::choose_formats;
use trainer_host::integers::layer_error::{self, LayerError};
use trainer_host::integers::stream;
use trainer_host::network::{
    Cell, ConvActivation, Convolution, Direction, Head, Mode, Network, NetworkConfig, Padding,
    RecurrentLayer,
};
use trainer_host::quantise::calibrate::Calibration;
use trainer_host::quantise::magnitudes::Clipping;
use trainer_host::quantise::{Plan, Rounding, quantise};

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
        let layers = network
            .recurrent
            .iter_mut()
            .filter_map(RecurrentLayer::as_lstm_mut);
        for (l, layer) in layers.enumerate() {
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

    /// Largest distance of an output, and the errors of the layers, with `schemes` over and over.
    fn quantised_error(&self, schemes: &[Scheme]) -> (f64, Vec<LayerError>) {
        let found = self.quantised(schemes, Clipping::MinMax, Rounding::Nearest);
        let exact = self.network.outputs(&views(&self.normalised));
        (largest_distance(&exact, &found.outputs), found.layers)
    }

    /// Quantised with `schemes` over and over, and run.
    fn quantised(&self, schemes: &[Scheme], clipping: Clipping, rounding: Rounding) -> Quantised {
        let real: Vec<Recording<'_>> = self.real.iter().map(Recording::from).collect();
        let normalised = views(&self.normalised);
        let names =
            |prefix: &str, n: usize| (0..n).map(|j| format!("{prefix}{j}")).collect::<Vec<_>>();
        let config = &self.network.config;
        let (inputs, outputs) = (names("in", config.inputs), names("out", config.outputs));
        let means: Vec<f64> = self.mean.iter().map(|mean| f64::from(*mean)).collect();
        let formats = choose_formats(&inputs, &real, &means).unwrap();
        let smallest: Vec<f64> = formats
            .iter()
            .zip(&self.deviation)
            .map(|(f, d)| f.smallest_range(*d, schemes[0].width()))
            .collect();
        let calibration = Calibration::observe(&self.network, &normalised);
        let layers = self.network.config.layer_count();
        let mut schemes: Vec<_> = schemes.iter().copied().cycle().take(layers).collect();
        let first = config.first_recurrent();
        for l in (0..config.hidden.len()).filter(|l| config.is_beside(*l)) {
            schemes[first + l] = schemes[first + l - 1];
        }
        let plan = Plan {
            schemes: &schemes,
            smallest_input_range: &smallest,
            output_mean: &vec![0.0; config.outputs],
            clipping,
            rounding,
            equal_shifts: false,
        };
        let quantised = quantise(&self.network, &calibration, &plan, &normalised).unwrap();
        let stage = InputStage {
            formats: &formats,
            mean: &self.mean.iter().map(|m| f64::from(*m)).collect::<Vec<_>>(),
            deviation: &self.deviation,
            front_end: None,
        };
        let file = assemble(config, &quantised, &stage, (&inputs, &outputs), real[0]).unwrap();
        let bytes = file.to_bytes().unwrap();
        let model = AnyModel::parse(&bytes).unwrap();
        let layers = |model| layer_error::measure(&self.network, model, &normalised, &real);
        let fake = quantised.fake(config);
        let mut unnarrowed = fake.formats.clone();
        unnarrowed.upward.clear();
        for (format, scheme) in unnarrowed
            .dense
            .iter_mut()
            .zip(&schemes[config.first_recurrent() + config.hidden.len()..])
        {
            format.take_if(|_| *scheme != Scheme::W8a8);
        }
        Quantised {
            outputs: stream::outputs(&model, &real),
            fake: fake.network.outputs_in(&fake.formats, &normalised),
            fake_unnarrowed: fake.network.outputs_in(&unnarrowed, &normalised),
            layers: model.steps().map(layers).unwrap_or_default(),
            golden: file.golden,
        }
    }
}

/// A quantised network's outputs, those of the f32 networks that stand for it, and its layers.
struct Quantised {
    outputs: Vec<Array2<f32>>,
    fake: Vec<Array2<f32>>,
    /// With int16 activations that enter int8 layers as they are.
    fake_unnarrowed: Vec<Array2<f32>>,
    /// Of models that run step by step.
    layers: Vec<LayerError>,
    /// Raw inputs and outputs of the self-test.
    golden: Vec<(Vec<i32>, Vec<i32>)>,
}

fn largest_distance(a: &[Array2<f32>], b: &[Array2<f32>]) -> f64 {
    (a.iter().flatten().zip(b.iter().flatten()))
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, f64::max)
}

fn mean_square(a: &[Array2<f32>], b: &[Array2<f32>]) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let squares = pairs.map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>() / a.iter().map(Array2::len).sum::<usize>() as f64
}

fn config(inputs: usize, hidden: Vec<usize>, dense: Vec<usize>, peepholes: bool) -> NetworkConfig {
    NetworkConfig {
        inputs,
        conv: None,
        directions: Vec::new(),
        hidden,
        cell: Cell::Lstm { peepholes },
        dense,
        outputs: 3,
        head: Head::Softmax,
        mode: Mode::SequenceToSequence,
    }
}

/// RMS error of the hidden state: rounding of int8 weights, 0.3 % of the largest weight of a row each,
/// summed over a row, through gates of slope ¼, gives 0.001; a narrow upper layer whose recurrence
/// amplifies what it is given reached 0.007 once in some thousand networks.
const MAX_HIDDEN_RMS: f64 = 0.02;
/// The output layer adds its own rounding and sums over the hidden units.
const MAX_OUTPUT_ERROR: f64 = 0.08;

/// int4 weights are 18 times as coarse as int8 ones; a format that is off by one bit gives ten times this.
const MAX_MIXED_RMS: f64 = 0.1;

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
        let (distance, layers) = case.quantised_error(&[Scheme::W8a16]);
        prop_assert!(distance <= MAX_OUTPUT_ERROR, "outputs differ by {distance}");
        for layer in layers {
            prop_assert!(layer.hidden_rms <= MAX_HIDDEN_RMS, "{layer:?}");
            prop_assert_eq!(layer.saturated_cells, 0);
        }
    }

    #[test]
    fn mixed_schemes_stay_near_the_f32_network(
        inputs in 1usize..12,
        hidden in prop::collection::vec(4usize..24, 1..=3),
        dense in prop::collection::vec(2usize..12, 0..=1),
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=4),
        seed in any::<u64>(),
    ) {
        let case = Case::new(config(inputs, hidden, dense, true), seed >> 1, 40);
        let (_, layers) = case.quantised_error(&schemes);
        for layer in layers {
            prop_assert!(layer.hidden_rms <= MAX_MIXED_RMS, "{:?} {layer:?}", schemes);
            prop_assert_eq!(layer.saturated_cells, 0);
        }
    }
}

/// Gates, cells and int16 activations are what the fake-quantised network does not round: some 2⁻¹⁵ each,
/// summed over rows and steps.
const MAX_FAKE_DISTANCE: f64 = 0.005;
/// A value half way between two steps of an int8 activation may go either way: a step of 2⁻⁷ or 2⁻⁸, and
/// what follows from it.
const MAX_FAKE_DISTANCE_INT8: f64 = 0.1;

/// The most that integers of `schemes` and the fake-quantised network may differ by.
fn max_fake_distance(schemes: &[Scheme]) -> f64 {
    match schemes.contains(&Scheme::W8a8) {
        true => MAX_FAKE_DISTANCE_INT8,
        false => MAX_FAKE_DISTANCE,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn the_fake_quantised_network_is_what_the_integers_compute(
        inputs in 1usize..8,
        hidden in prop::collection::vec(2usize..20, 1..=2),
        dense in prop::collection::vec(2usize..8, 0..=1),
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=4),
        clipping in prop::sample::select(Clipping::ALL.to_vec()),
        rounding in prop::sample::select(Rounding::ALL.to_vec()),
        seed in any::<u64>(),
    ) {
        let case = Case::new(config(inputs, hidden, dense, true), seed >> 1, 30);
        let found = case.quantised(&schemes, clipping, rounding);
        let most = max_fake_distance(&schemes);
        let distance = largest_distance(&found.fake, &found.outputs);
        prop_assert!(distance <= most, "{:?} {:?} {:?}: {}", schemes, clipping, rounding, distance);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// One above the other, or both ways: then both halves hand on one format.
    #[test]
    fn fake_quantised_projections_are_what_the_integers_compute(
        (inputs, outputs, more) in (1usize..6, 1usize..4, prop::array::uniform2(1usize..10)),
        both_ways in any::<bool>(),
        mode in prop::sample::select(vec![Mode::SequenceToSequence, Mode::SequenceToOne, Mode::SequenceToMean]),
        schemes in prop::array::uniform2(prop::sample::select(Scheme::ALL.to_vec())),
        (clipping, rounding) in (
            prop::sample::select(Clipping::ALL.to_vec()),
            prop::sample::select(Rounding::ALL.to_vec()),
        ),
        seed in any::<u64>(),
    ) {
        let config = NetworkConfig {
            directions: match both_ways {
                true => vec![Direction::Forward, Direction::Beside],
                false => Vec::new(),
            },
            cell: Cell::Projected { peepholes: false, outputs },
            mode,
            ..config(inputs, more.map(|more| outputs + more).to_vec(), vec![], true)
        };
        let case = Case::new(config, seed >> 1, 30);
        let schemes = match both_ways {
            true => vec![schemes[0], schemes[0], schemes[1]],
            false => schemes.to_vec(),
        };
        let found = case.quantised(&schemes, clipping, rounding);
        let most = max_fake_distance(&schemes);
        let distance = largest_distance(&found.fake, &found.outputs);
        prop_assert!(distance <= most, "{:?} {:?} {:?}: {}", schemes, clipping, rounding, distance);
    }
}

const STACKS: [&[Direction]; 4] = [
    &[Direction::Forward, Direction::Beside],
    &[Direction::Reverse],
    &[Direction::Reverse, Direction::Forward, Direction::Beside],
    &[
        Direction::Forward,
        Direction::Beside,
        Direction::Forward,
        Direction::Beside,
    ],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn the_fake_quantised_network_both_ways_is_what_the_integers_compute(
        inputs in 1usize..6,
        stack in prop::sample::select(STACKS.to_vec()),
        hidden in prop::collection::vec(2usize..12, 4),
        mode in prop::sample::select(vec![Mode::SequenceToOne, Mode::SequenceToSequence, Mode::SequenceToMean]),
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=4),
        rounding in prop::sample::select(Rounding::ALL.to_vec()),
        seed in any::<u64>(),
    ) {
        let config = NetworkConfig {
            directions: stack.to_vec(),
            mode,
            ..config(inputs, hidden[..stack.len()].to_vec(), vec![4], true)
        };
        let case = Case::new(config, seed >> 1, 30);
        let found = case.quantised(&schemes, Clipping::MinMax, rounding);
        let most = max_fake_distance(&schemes);
        let distance = largest_distance(&found.fake, &found.outputs);
        prop_assert!(distance <= most, "{:?} {:?} {:?} {:?}: {}", stack, mode, schemes, rounding, distance);
    }
}

/// A self-test that ended before the first output, or with it, would test the output layer alone.
#[test]
fn the_self_test_holds_three_outputs_of_a_convolution() {
    for (kernel, padding) in [(20, Padding::Valid), (20, Padding::Causal)] {
        let conv = Convolution {
            filters: 4,
            kernel,
            stride: 9,
            padding,
            ..Convolution::default()
        };
        let config = NetworkConfig {
            conv: Some(conv),
            ..config(2, vec![5], vec![], false)
        };
        let case = Case::new(config, 7, 60);
        let found = case.quantised(&[Scheme::W8a16], Clipping::MinMax, Rounding::Nearest);
        let outputs = found.golden.iter().map(|(_, outputs)| outputs);
        let moved = outputs.clone().zip(outputs.skip(1)).filter(|(a, b)| a != b);
        let first = usize::from(padding == Padding::Valid);
        assert_eq!(moved.count(), 2 + first, "{padding:?}");
    }
}

fn convolutions() -> impl Strategy<Value = Convolution> {
    (1usize..12, 1usize..6, 1usize..4, any::<(bool, bool)>()).prop_map(
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn integers_above_a_convolution_stay_near_the_f32_network(
        inputs in 1usize..9,
        conv in convolutions(),
        hidden in prop::collection::vec(4usize..16, 1..=2),
        seed in any::<u64>(),
    ) {
        let config = NetworkConfig { conv: Some(conv), ..config(inputs, hidden, vec![], true) };
        let case = Case::new(config, seed >> 1, 40);
        let (distance, layers) = case.quantised_error(&[Scheme::W8a16]);
        prop_assert!(distance <= MAX_OUTPUT_ERROR, "outputs differ by {distance}");
        for layer in layers {
            prop_assert!(layer.hidden_rms <= MAX_HIDDEN_RMS, "{layer:?}");
            prop_assert_eq!(layer.saturated_cells, 0);
        }
    }

    #[test]
    fn the_fake_quantised_convolution_is_what_the_integers_compute(
        inputs in 1usize..6,
        conv in convolutions(),
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=3),
        clipping in prop::sample::select(Clipping::ALL.to_vec()),
        rounding in prop::sample::select(Rounding::ALL.to_vec()),
        seed in any::<u64>(),
    ) {
        let config = NetworkConfig { conv: Some(conv), ..config(inputs, vec![7], vec![4], true) };
        let case = Case::new(config, seed >> 1, 30);
        let found = case.quantised(&schemes, clipping, rounding);
        let most = max_fake_distance(&schemes);
        let distance = largest_distance(&found.fake, &found.outputs);
        prop_assert!(distance <= most, "{:?} {:?} {:?}: {}", schemes, clipping, rounding, distance);
    }
}

#[test]
fn what_narrows_on_its_way_up_is_rounded_in_the_fake_quantised_network() {
    use Scheme::{W8a8, W8a16};
    // Of the distance without that rounding. An int8 hidden state has roundings of its own, half way between
    // two steps.
    const USUAL_SHARE: f64 = 0.5;
    const USUAL_SHARE_INT8_STATE: f64 = 0.85;
    for (name, hidden, dense, schemes, limit) in [
        (
            "LSTM to dense",
            vec![],
            vec![],
            vec![W8a16, W8a8],
            USUAL_SHARE,
        ),
        (
            "dense to dense",
            vec![],
            vec![9],
            vec![W8a16, W8a16, W8a8],
            USUAL_SHARE,
        ),
        (
            "LSTM to LSTM",
            vec![12],
            vec![],
            vec![W8a16, W8a8, W8a16],
            USUAL_SHARE_INT8_STATE,
        ),
    ] {
        let logarithm = |n: usize| {
            let hidden = [vec![6 + n], hidden.clone()].concat();
            let case = Case::new(config(2 + n % 5, hidden, dense.clone(), true), n as u64, 30);
            let found = case.quantised(&schemes, Clipping::MinMax, Rounding::Nearest);
            let [with, without] =
                [&found.fake, &found.fake_unnarrowed].map(|fake| mean_square(fake, &found.outputs));
            (with / without).sqrt().ln()
        };
        let share = ((0..30).map(logarithm).sum::<f64>() / 30.0).exp();
        println!("{name}: {share:.3} of the distance without that rounding");
        assert!(share < limit, "{name}: {share}");
    }
}

/// Sequences whose channels follow one another, as those of sensors do.
fn correlated(mut case: Case) -> Case {
    for (normalised, real) in case.normalised.iter_mut().zip(&mut case.real) {
        let channels = normalised.ncols();
        for t in 0..normalised.nrows() {
            for j in 1..channels {
                normalised[[t, j]] = 0.8 * normalised[[t, j - 1]] + 0.3 * normalised[[t, j]];
            }
            for j in 0..channels {
                real[[t, j]] = normalised[[t, j]] * case.deviation[j] + case.mean[j];
            }
        }
    }
    case
}

#[test]
fn rounding_by_output_error_beats_the_nearest_integers() {
    // Geometric mean over networks: 0.49 and 0.42 when this was written.
    const USUAL_SHARE: f64 = 0.6;
    for scheme in [Scheme::W8a16, Scheme::W4a16] {
        let mut logarithms = Vec::new();
        for n in 0..20usize {
            let config = config(3 + n % 6, vec![8 + n], vec![], n % 2 == 0);
            let case = correlated(Case::new(config, n as u64, 60));
            let rms = |rounding| {
                let found = case.quantised(&[scheme], Clipping::MeanSquaredError, rounding);
                found.layers[0].hidden_rms
            };
            logarithms.push((rms(Rounding::Gptq) / rms(Rounding::Nearest)).ln());
        }
        let share = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        println!("{scheme}: error of h is {share:.3} of that of the nearest integers");
        assert!(share < USUAL_SHARE, "{scheme}: {share}");
    }
}

#[test]
fn the_error_does_not_grow_with_time() {
    let error_over = |steps| {
        let case = Case::new(config(4, vec![16], vec![], true), 7, steps);
        case.quantised_error(&[Scheme::W8a16])
            .1
            .remove(0)
            .hidden_rms
    };
    let (short, long) = (error_over(100), error_over(10_000));
    println!("RMS error of h over 100 and 10,000 steps: {short:.6}, {long:.6}");
    assert!(long < 1.5 * short, "{short} {long}");
}

#[test]
fn a_large_constant_channel_costs_nothing() {
    let error_with = |constant: f32| {
        let mut case = Case::new(config(3, vec![12], vec![], true), 11, 60);
        // As the trainer normalises a constant channel: mean as it is, deviation one.
        (case.mean[2], case.deviation[2]) = (constant, 1.0);
        for (real, normalised) in case.real.iter_mut().zip(&mut case.normalised) {
            real.column_mut(2).fill(constant);
            normalised.column_mut(2).fill(0.0);
        }
        case.quantised_error(&[Scheme::W8a16])
            .1
            .remove(0)
            .hidden_rms
    };
    let (small, large) = (error_with(1.0), error_with(1e9));
    assert!(large <= 1.01 * small, "{small} {large}");
}

#[test]
fn the_usual_error_is_that_of_int8_weights() {
    // 0.0011 when this was written; a lost bit of any operand shows here, whatever the outliers do.
    const USUAL_HIDDEN_RMS: f64 = 0.0013;
    let mut errors: Vec<f64> = (0..150usize)
        .flat_map(|n| {
            let hidden = vec![1 + n % 23, 1 + (7 * n) % 19];
            let config = config(1 + n % 11, hidden, vec![], n % 2 == 0);
            Case::new(config, n as u64, 40)
                .quantised_error(&[Scheme::W8a16])
                .1
        })
        .map(|layer| layer.hidden_rms)
        .collect();
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    println!("median RMS error of h: {median:.6}");
    assert!(median < USUAL_HIDDEN_RMS, "{median}");
}
