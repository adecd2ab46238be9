//! Every parameter's gradient against the slope of an independent f64 network's loss.
//!
//! The reference below is written from the equations of `network.rs` with plain loops in f64; it
//! shares no code with training but the parameters. Central differences of its loss are the truth
//! for back-propagation through time; its loss is the truth for the forward pass.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainer_host::loss::{Expected, Loss, Objective, Target};
use trainer_host::network::{
    Cell, ConvActivation, Convolution, Direction, Head, Mode, Network, NetworkConfig, Padding,
};
use trainer_host::passes::activation_format::{ActivationFormat, ActivationFormats};
use trainer_host::passes::backward::Backpropagation;
use trainer_host::passes::example::Example;
use trainer_host::passes::perturbation::Perturbation;

/// Step of the differences: its square times third derivatives of the order of one is below the tolerance, and the
/// rounding of an f64 loss divided by it far below.
const STEP: f64 = 1e-4;
/// Share of the distance between the slopes of both sides that a gradient may lie outside of them. A bend lies at a
/// distance of up to 1e-7 from the value where f32 and f64 disagree about a sign; a slope of three points over a step of
/// 1e-4 is off by 0.15 % of the bend for that.
const BEND: f64 = 0.01;
/// The f32 gradient sums a few hundred products of values near one, each rounded at 6e-8, and
/// σ and tanh are off by up to 4e-7; relative to the largest gradient of the array.
const TOLERANCE: f64 = 2e-5;
/// The same for the loss.
const LOSS_TOLERANCE: f64 = 2e-5;

/// The parameters of one network in f64, in the order of `Network::parameters`.
struct Reference<'a> {
    config: &'a NetworkConfig,
    parameters: Vec<Vec<f64>>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `W x` for a row-major `W: [rows, x.len()]`, one row.
fn dot(w: &[f64], row: usize, x: &[f64]) -> f64 {
    (0..x.len()).map(|k| w[row * x.len() + k] * x[k]).sum()
}

/// (GR1) to (GR4) with `[W_x, W_h, b, b_hn]`, from h to the next h.
fn gru_step([w_x, w_h, bias, recurrent_bias]: [&Vec<f64>; 4], x: &[f64], h: &mut Vec<f64>) {
    let hidden = h.len();
    let input = |r: usize| dot(w_x, r, x) + bias[r];
    let next = (0..hidden).map(|u| {
        let r = sigmoid(input(u) + dot(w_h, u, h));
        let z = sigmoid(input(hidden + u) + dot(w_h, hidden + u, h));
        let product = dot(w_h, 2 * hidden + u, h) + recurrent_bias[u];
        let n = (input(2 * hidden + u) + r * product).tanh();
        (1.0 - z) * n + z * h[u]
    });
    *h = next.collect();
}

/// (CV) with `[W, b]` over steps `x`.
fn filtered(conv: &Convolution, [w, b]: [&Vec<f64>; 2], x: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let channels = x[0].len();
    let at = |t: usize| {
        let filter = |f: usize| {
            let mut sum = b[f];
            for (k, c) in (0..conv.kernel).flat_map(|k| (0..channels).map(move |c| (k, c))) {
                if let Some(step) = (t + 1 + k).checked_sub(conv.kernel) {
                    sum += w[(f * conv.kernel + k) * channels + c] * x[step][c];
                }
            }
            match conv.activation {
                ConvActivation::Relu => sum.max(0.0),
                ConvActivation::None => sum,
            }
        };
        (0..conv.filters).map(filter).collect()
    };
    let ends = (conv.first()..x.len()).step_by(conv.stride);
    ends.map(at).collect()
}

/// (GR1), (GR2), (GR3b) and (GR4) with `[W_x, W_h, b]`, from h to the next h.
fn gru_before_step([w_x, w_h, bias]: [&Vec<f64>; 3], x: &[f64], h: &mut Vec<f64>) {
    let hidden = h.len();
    let sum = |r: usize, h: &[f64]| dot(w_x, r, x) + dot(w_h, r, h) + bias[r];
    let reset: Vec<f64> = (0..hidden).map(|u| sigmoid(sum(u, h)) * h[u]).collect();
    let next = (0..hidden).map(|u| {
        let z = sigmoid(sum(hidden + u, h));
        let n = sum(2 * hidden + u, &reset).tanh();
        (1.0 - z) * n + z * h[u]
    });
    *h = next.collect();
}

impl<'a> Reference<'a> {
    fn of(network: &'a Network) -> Self {
        let parameters = network.parameters();
        let widen = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect();
        Self {
            config: &network.config,
            parameters: parameters.iter().map(|p| widen(p.values)).collect(),
        }
    }

    /// Outputs after each step.
    fn outputs(&self, sequence: ArrayView2<'_, f32>) -> Vec<Vec<f64>> {
        self.outputs_from(sequence, &mut self.zero_state())
    }

    /// h and c of each recurrent layer before the first step; of a GRU h alone counts.
    fn zero_state(&self) -> Vec<[Vec<f64>; 2]> {
        let cell = self.config.cell;
        let zeros = |hidden: &usize| [cell.outputs(*hidden), *hidden].map(|size| vec![0.0; size]);
        self.config.hidden.iter().map(zeros).collect()
    }

    /// Outputs after each step from a state, which becomes that after the last step.
    fn outputs_from(
        &self,
        sequence: ArrayView2<'_, f32>,
        state: &mut [[Vec<f64>; 2]],
    ) -> Vec<Vec<f64>> {
        let mut arrays = self.parameters.iter();
        let mut values: Vec<Vec<f64>> = sequence
            .rows()
            .into_iter()
            .map(|row| row.iter().map(|v| f64::from(*v)).collect())
            .collect();
        let steps = values.len();
        if let Some(conv) = &self.config.conv {
            let (w, b) = (arrays.next().unwrap(), arrays.next().unwrap());
            values = filtered(conv, [w, b], &values);
        }
        let mut beneath = values.clone();
        // After each half's own last step, (WD2).
        let mut ends: Vec<f64> = Vec::new();
        for (l, [h, c]) in state.iter_mut().enumerate() {
            let direction = self.config.direction(l);
            if direction != Direction::Beside {
                beneath = std::mem::take(&mut values);
                ends.clear();
            }
            let mut own = beneath.clone();
            if direction != Direction::Forward {
                own.reverse();
            }
            self.recurrent(&mut arrays, &mut own, [h, c]);
            ends.extend(h.iter());
            if direction != Direction::Forward {
                own.reverse();
            }
            match direction {
                Direction::Beside => {
                    (values.iter_mut().zip(own)).for_each(|(x, own)| x.extend(own))
                }
                Direction::Forward | Direction::Reverse => values = own,
            }
        }
        let zeros = vec![0.0; ends.len()];
        if self.config.is_of_windows() && self.config.mode == Mode::SequenceToOne {
            let last = values.last_mut();
            last.into_iter().for_each(|last| last.clone_from(&ends));
        }
        if self.config.mode == Mode::SequenceToMean {
            // (MT3) of the steps so far.
            let mut sums = zeros.clone();
            for (x, steps) in values.iter_mut().zip(1..) {
                sums.iter_mut().zip(&*x).for_each(|(sum, h)| *sum += h);
                *x = sums.iter().map(|sum| sum / f64::from(steps)).collect();
            }
        }
        if let Some(conv) = &self.config.conv {
            // At each step of the input, the state that stands; before the first one, zeros.
            let standing = |t: usize| match t.checked_sub(conv.first()) {
                Some(since) => values[since / conv.stride].clone(),
                None => zeros.clone(),
            };
            values = (0..steps).map(standing).collect();
        }
        let sizes: Vec<usize> = self
            .config
            .dense
            .iter()
            .copied()
            .chain([self.config.outputs])
            .collect();
        for (l, &size) in sizes.iter().enumerate() {
            let (w, b) = (arrays.next().unwrap(), arrays.next().unwrap());
            for x in &mut values {
                let y = (0..size).map(|r| dot(w, r, x) + b[r]);
                *x = y
                    .map(|y| if l + 1 < sizes.len() { y.max(0.0) } else { y })
                    .collect();
            }
        }
        values
    }

    /// One recurrent layer over `values` in the order of its steps, which become its outputs, from the state h, c.
    fn recurrent<'p>(
        &self,
        arrays: &mut impl Iterator<Item = &'p Vec<f64>>,
        values: &mut [Vec<f64>],
        [h, c]: [&mut Vec<f64>; 2],
    ) {
        let hidden = c.len();
        let (w_x, w_h) = (arrays.next().unwrap(), arrays.next().unwrap());
        let bias = arrays.next().unwrap();
        if self.config.cell == Cell::Gru {
            let recurrent_bias = arrays.next().unwrap();
            for x in values {
                gru_step([w_x, w_h, bias, recurrent_bias], x, h);
                *x = h.clone();
            }
            return;
        }
        if self.config.cell == Cell::GruBefore {
            for x in values {
                gru_before_step([w_x, w_h, bias], x, h);
                *x = h.clone();
            }
            return;
        }
        let none = vec![0.0; 3 * hidden];
        let peephole = if self.config.cell.peepholes() {
            arrays.next().unwrap()
        } else {
            &none
        };
        let projection = self.config.cell.projection();
        let projection = projection.map(|rows| (rows, arrays.next().unwrap()));
        let is_coupled = matches!(self.config.cell, Cell::Coupled { .. });
        // Blocks of g and o, and of o among the peepholes.
        let [g_at, o_at, p_o_at] =
            if is_coupled { [1, 2, 1] } else { [2, 3, 2] }.map(|n| n * hidden);
        for x in values {
            let z: Vec<f64> = (0..o_at + hidden)
                .map(|r| dot(w_x, r, x) + dot(w_h, r, h) + bias[r])
                .collect();
            let mut shown = vec![0.0; hidden];
            for u in 0..hidden {
                let i = sigmoid(z[u] + peephole[u] * c[u]);
                let f = match is_coupled {
                    true => 1.0 - i,
                    false => sigmoid(z[hidden + u] + peephole[hidden + u] * c[u]),
                };
                let g = z[g_at + u].tanh();
                c[u] = f * c[u] + i * g;
                let o = sigmoid(z[o_at + u] + peephole[p_o_at + u] * c[u]);
                shown[u] = o * c[u].tanh();
            }
            // (PJ2)
            *h = match projection {
                Some((rows, w_r)) => (0..rows).map(|p| dot(w_r, p, &shown)).collect(),
                None => shown,
            };
            *x = h.clone();
        }
    }

    fn loss(&self, objective: &Objective, batch: &[Example<'_>]) -> f64 {
        let (mut sum, mut rows) = (0.0, 0.0);
        for example in batch {
            let outputs = self.outputs(example.sequence);
            let first = match self.config.mode {
                Mode::SequenceToOne | Mode::SequenceToMean => outputs.len() - 1,
                Mode::SequenceToSequence => 0,
            };
            for (t, y) in outputs.iter().enumerate().skip(first) {
                sum += row_loss(objective, y, example.target.expected(t));
                rows += 1.0;
            }
        }
        sum / rows
    }
}

/// (L1) to (L7) from their probabilities.
fn row_loss(objective: &Objective, y: &[f64], expected: Expected<'_>) -> f64 {
    let smoothing = f64::from(objective.label_smoothing);
    let binary = objective.loss == Loss::BinaryCrossEntropy;
    let ways = if binary { 2.0 } else { y.len() as f64 };
    let wanted = |j: usize| {
        let label = match expected {
            Expected::Class(class) if y.len() == 1 => class as f64,
            Expected::Class(class) => f64::from(u8::from(class == j)),
            Expected::Values(values) => f64::from(values[j]),
        };
        (1.0 - smoothing) * label + smoothing / ways
    };
    let terms = y.iter().enumerate();
    let mean = |cost: &dyn Fn(f64) -> f64| {
        let errors = terms.clone().map(|(j, y)| y - wanted(j));
        errors.map(cost).sum::<f64>() / y.len() as f64
    };
    let loss = match objective.loss {
        Loss::CrossEntropy => {
            let sum: f64 = y.iter().map(|y| y.exp()).sum();
            terms.map(|(j, y)| -wanted(j) * (y - sum.ln())).sum()
        }
        Loss::BinaryCrossEntropy => terms
            .map(|(j, y)| {
                let p = sigmoid(*y);
                -wanted(j) * p.ln() - (1.0 - wanted(j)) * (1.0 - p).ln()
            })
            .sum(),
        Loss::MeanSquaredError => mean(&|e| e * e),
        Loss::MeanAbsoluteError => mean(&f64::abs),
        Loss::Huber => {
            let delta = f64::from(objective.delta);
            mean(&|e: f64| match e.abs() {
                small if small <= delta => small * small / 2.0,
                large => delta * (large - delta / 2.0),
            })
        }
    };
    match expected {
        Expected::Class(class) if !objective.class_weights.is_empty() => {
            f64::from(objective.class_weights[class]) * loss
        }
        _ => loss,
    }
}

/// Random sequences of these lengths, with targets of every kind.
struct Batch {
    sequences: Vec<Array2<f32>>,
    classes: Vec<Vec<usize>>,
    values: Vec<Array2<f32>>,
}

impl Batch {
    fn random(lengths: &[usize], config: &NetworkConfig, rng: &mut ChaCha8Rng) -> Self {
        let mut array = |columns: usize| -> Vec<Array2<f32>> {
            let one = |&rows: &usize| {
                Array2::from_shape_fn((rows, columns), |_| rng.random_range(-1.0..1.0))
            };
            lengths.iter().map(one).collect()
        };
        let (sequences, values) = (array(config.inputs), array(config.outputs));
        let classes = config.outputs.max(2);
        let one = |&rows: &usize| (0..rows).map(|_| rng.random_range(0..classes)).collect();
        Self {
            sequences,
            values,
            classes: lengths.iter().map(one).collect(),
        }
    }

    fn examples(&self, loss: Loss, mode: Mode) -> Vec<Example<'_>> {
        let on_values = loss.head() == Head::Linear;
        let of = |b: usize| match (on_values, mode) {
            (true, Mode::SequenceToOne | Mode::SequenceToMean) => {
                Target::Value(self.values[b].row(0).to_slice().unwrap())
            }
            (true, _) => Target::ValuePerStep(self.values[b].view()),
            (_, Mode::SequenceToOne | Mode::SequenceToMean) => Target::Class(self.classes[b][0]),
            _ => Target::ClassPerStep(&self.classes[b]),
        };
        let example = |b: usize| Example {
            sequence: self.sequences[b].view(),
            target: of(b),
            seed: 0,
            teacher: None,
        };
        (0..self.sequences.len()).map(example).collect()
    }
}

/// Weights large enough that every nonlinearity bends.
fn random_network(config: &NetworkConfig, rng: &mut ChaCha8Rng) -> Network {
    let mut network = Network::zeros(config).unwrap();
    for values in network.values_mut() {
        values
            .iter_mut()
            .for_each(|v| *v = rng.random_range(-0.7..0.7));
    }
    network
}

fn check(config: &NetworkConfig, lengths: &[usize], objective: impl Into<Objective>, seed: u64) {
    let objective = objective.into();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let network = random_network(config, &mut rng);
    let batch = Batch::random(lengths, config, &mut rng);
    let examples = batch.examples(objective.loss, config.mode);
    let mut backpropagation =
        Backpropagation::new(&network, objective.clone(), Perturbation::default());
    let (found_loss, gradient) = backpropagation.gradient(&network, &examples);
    let mut reference = Reference::of(&network);
    let true_loss = reference.loss(&objective, &examples);
    assert!(
        (found_loss - true_loss).abs() <= LOSS_TOLERANCE * true_loss.abs().max(1.0),
        "loss {found_loss}, true {true_loss}"
    );
    compare(gradient, &mut reference, &|reference| {
        reference.loss(&objective, &examples)
    });
}

/// Holds a gradient to the slopes of the reference's `loss` to both sides. They are equal where the loss is smooth. Where
/// a ReLU bends they differ, and the gradient lies between them.
fn compare(
    gradient: &Network,
    reference: &mut Reference<'_>,
    loss: &dyn Fn(&Reference<'_>) -> f64,
) {
    for (p, parameter) in gradient.parameters().iter().enumerate() {
        let slopes: Vec<[f64; 2]> = (0..parameter.values.len())
            .map(|v| {
                let value = reference.parameters[p][v];
                let mut at = |steps: f64| {
                    reference.parameters[p][v] = value + steps * STEP;
                    loss(reference)
                };
                let [below, above] = [[at(-1.0), at(-2.0)], [at(1.0), at(2.0)]];
                let here = at(0.0);
                // Three points of one side: the error is a third derivative times the square of the step.
                let slope = |[near, far]: [f64; 2]| (4.0 * near - 3.0 * here - far) / (2.0 * STEP);
                let [left, right] = [-slope(below), slope(above)];
                let slack = BEND * (left - right).abs();
                [left.min(right) - slack, left.max(right) + slack]
            })
            .collect();
        let largest = (slopes.as_flattened().iter()).fold(0.1f64, |max, s| max.max(s.abs()));
        for (v, (found, [least, most])) in parameter.values.iter().zip(&slopes).enumerate() {
            let (found, tolerance) = (f64::from(*found), TOLERANCE * largest);
            assert!(
                (least - tolerance..=most + tolerance).contains(&found),
                "{}[{v}]: gradient {found}, slope {least} to {most}, largest {largest}",
                parameter.name
            );
        }
    }
}

fn config(
    hidden: &[usize],
    peepholes: bool,
    dense: &[usize],
    outputs: usize,
    mode: Mode,
) -> NetworkConfig {
    config_of(Cell::Lstm { peepholes }, hidden, dense, outputs, mode)
}

fn config_of(
    cell: Cell,
    hidden: &[usize],
    dense: &[usize],
    outputs: usize,
    mode: Mode,
) -> NetworkConfig {
    NetworkConfig {
        inputs: 3,
        conv: None,
        directions: Vec::new(),
        hidden: hidden.to_vec(),
        cell,
        dense: dense.to_vec(),
        outputs,
        head: Head::Linear,
        mode,
    }
}

/// Losses without a bend, where a difference has no slope to meet.
const SMOOTH: [Loss; 3] = [
    Loss::CrossEntropy,
    Loss::BinaryCrossEntropy,
    Loss::MeanSquaredError,
];
const PROJECTED: Cell = Cell::Projected {
    peepholes: true,
    outputs: 3,
};
const CELLS: [Cell; 8] = [
    Cell::Lstm { peepholes: false },
    Cell::Lstm { peepholes: true },
    Cell::Gru,
    Cell::Coupled { peepholes: false },
    Cell::Coupled { peepholes: true },
    Cell::GruBefore,
    PROJECTED,
    Cell::Projected {
        peepholes: false,
        outputs: 2,
    },
];
const MODES: [Mode; 3] = [
    Mode::SequenceToOne,
    Mode::SequenceToSequence,
    Mode::SequenceToMean,
];

#[test]
fn gradients_are_slopes_for_every_loss_and_mode() {
    for mode in MODES {
        for loss in Loss::ALL {
            // Two layers, peepholes, a dense ReLU layer, lengths that end at different times.
            check(
                &config(&[5, 4], true, &[6], 3, mode),
                &[4, 7, 1, 7],
                loss,
                1,
            );
            check(&config(&[4], false, &[], 2, mode), &[3, 5], loss, 2);
            let gru = config_of(Cell::Gru, &[5, 4], &[6], 3, mode);
            check(&gru, &[4, 7, 1, 7], loss, 1);
            let gru_before = config_of(Cell::GruBefore, &[5, 4], &[6], 3, mode);
            check(&gru_before, &[4, 7, 1, 7], loss, 1);
            let projected = config_of(PROJECTED, &[5, 4], &[6], 3, mode);
            check(&projected, &[4, 7, 1, 7], loss, 1);
        }
    }
}

#[test]
fn weighted_and_smoothed_losses_have_their_slopes() {
    for mode in MODES {
        for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy] {
            let objective = Objective {
                label_smoothing: 0.2,
                class_weights: vec![0.5, 3.0, 1.0],
                ..loss.into()
            };
            check(&config(&[5], true, &[], 3, mode), &[4, 2, 3], objective, 7);
        }
    }
}

#[test]
fn gradients_are_slopes_across_panels_and_shards() {
    // 17 units need a second panel; 18 sequences a second shard.
    let lengths: Vec<usize> = (0..18).map(|s| 1 + s % 3).collect();
    for cell in CELLS.into_iter().skip(1) {
        check(
            &config_of(cell, &[17], &[], 2, Mode::SequenceToOne),
            &lengths,
            Loss::CrossEntropy,
            3,
        );
    }
}

#[test]
fn one_sigmoid_output_has_the_slope_of_its_loss() {
    check(
        &config(&[3], true, &[], 1, Mode::SequenceToOne),
        &[4, 2],
        Loss::BinaryCrossEntropy,
        4,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn gradients_are_slopes_for_any_structure(
        hidden in proptest::collection::vec(1usize..6, 1..3),
        dense in proptest::collection::vec(1usize..5, 0..2),
        lengths in proptest::collection::vec(1usize..6, 1..5),
        cell in 0usize..CELLS.len(),
        mode in 0usize..MODES.len(),
        loss in 0usize..3,
        seed: u64,
    ) {
        let mode = MODES[mode];
        // A projection has fewer outputs than units.
        let more = CELLS[cell].projection().unwrap_or(0);
        let hidden: Vec<usize> = hidden.iter().map(|units| units + more).collect();
        check(&config_of(CELLS[cell], &hidden, &dense, 2, mode), &lengths, SMOOTH[loss], seed);
    }
}

/// Convolutions of three channels: strides below and beyond the kernel, both paddings and activations.
const CONVOLUTIONS: [Convolution; 4] = [
    convolution((5, 3, 2), ConvActivation::Relu, Padding::Causal),
    convolution((17, 4, 3), ConvActivation::None, Padding::Valid),
    convolution((2, 1, 1), ConvActivation::None, Padding::Causal),
    convolution((3, 2, 4), ConvActivation::Relu, Padding::Valid),
];

/// With these filters, kernel and stride.
const fn convolution(
    (filters, kernel, stride): (usize, usize, usize),
    activation: ConvActivation,
    padding: Padding,
) -> Convolution {
    Convolution {
        filters,
        kernel,
        stride,
        activation,
        padding,
    }
}

/// Also of sequences that end before the first output, and between two.
#[test]
fn gradients_of_a_convolution_are_slopes() {
    for (seed, conv) in CONVOLUTIONS.into_iter().enumerate() {
        for mode in MODES {
            for cell in [Cell::Lstm { peepholes: true }, Cell::Gru, PROJECTED] {
                let config = NetworkConfig {
                    conv: Some(conv),
                    ..config_of(cell, &[4], &[3], 2, mode)
                };
                check(&config, &[9, 4, 1, 7, 2], Loss::CrossEntropy, seed as u64);
            }
        }
    }
}

/// Layers in reverse and both ways, alone and above one another.
const STACKS: [&[(usize, Direction)]; 4] = [
    &[(4, Direction::Forward), (5, Direction::Beside)],
    &[(4, Direction::Reverse)],
    &[
        (4, Direction::Forward),
        (4, Direction::Beside),
        (4, Direction::Forward),
        (4, Direction::Beside),
    ],
    &[
        (4, Direction::Reverse),
        (4, Direction::Forward),
        (5, Direction::Beside),
        (4, Direction::Forward),
    ],
];

/// A network of these layers.
fn stack_of(stack: &[(usize, Direction)], cell: Cell, mode: Mode) -> NetworkConfig {
    let (hidden, directions): (Vec<usize>, Vec<_>) = stack.iter().copied().unzip();
    NetworkConfig {
        directions,
        ..config_of(cell, &hidden, &[3], 2, mode)
    }
}

/// Each sequence begins backwards with its own last step, whatever the lengths around it.
#[test]
fn gradients_of_layers_both_ways_are_slopes() {
    for (s, stack) in STACKS.into_iter().enumerate() {
        for (m, mode) in MODES.into_iter().enumerate() {
            // Every kind meets one of them at least.
            let config = stack_of(stack, CELLS[(s + 3 * m) % CELLS.len()], mode);
            check(&config, &[3, 4, 1], Loss::CrossEntropy, s as u64);
        }
    }
}

/// 17 units a half: the second half begins within a panel, and ends in another one.
#[test]
fn gradients_of_layers_both_ways_are_slopes_across_panels() {
    let stack = [(17, Direction::Forward), (17, Direction::Beside)];
    let config = stack_of(&stack, Cell::Gru, Mode::SequenceToSequence);
    check(&config, &[2, 1], Loss::CrossEntropy, 3);
}

/// Also of sequences that end before the first output of the convolution.
#[test]
fn gradients_of_layers_both_ways_above_a_convolution_are_slopes() {
    for (n, mode) in MODES.into_iter().enumerate() {
        let config = NetworkConfig {
            conv: Some([CONVOLUTIONS[0], CONVOLUTIONS[3]][n % 2]),
            ..stack_of(STACKS[0], Cell::Gru, mode)
        };
        check(&config, &[9, 1, 7, 2], Loss::MeanSquaredError, n as u64);
    }
}

/// A batch across shards has the mean of the gradients of its sequences alone.
#[test]
fn layers_both_ways_see_no_other_sequence() {
    const ROUNDING: f32 = 1e-6;
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let config = stack_of(
        STACKS[2],
        Cell::Lstm { peepholes: true },
        Mode::SequenceToOne,
    );
    let network = random_network(&config, &mut rng);
    let lengths: Vec<usize> = (0..20).map(|b| 1 + b % 7).collect();
    let batch = Batch::random(&lengths, &config, &mut rng);
    let examples = batch.examples(Loss::CrossEntropy, config.mode);
    let none = Perturbation::default();
    let mut all = Backpropagation::new(&network, Loss::CrossEntropy, none);
    let mut alone = Backpropagation::new(&network, Loss::CrossEntropy, none);
    let (_, found) = all.gradient(&network, &examples);
    let mut sums: Vec<Vec<f32>> = (found.parameters().iter())
        .map(|parameter| vec![0.0; parameter.values.len()])
        .collect();
    for example in &examples {
        let (_, own) = alone.gradient(&network, &[*example]);
        for (sum, parameter) in sums.iter_mut().zip(own.parameters()) {
            let values = sum.iter_mut().zip(parameter.values);
            values.for_each(|(sum, value)| *sum += value / 20.0);
        }
    }
    for (sum, parameter) in sums.iter().zip(found.parameters()) {
        for (a, b) in sum.iter().zip(parameter.values) {
            assert!((a - b).abs() < ROUNDING, "{}: {a} {b}", parameter.name);
        }
    }
}

/// Sequences that are evaluated in windows, and streams of sequences of any lengths, are one long sequence.
#[test]
fn a_convolution_goes_on_over_windows_and_sequences() {
    const TOLERANCE: f64 = 1e-5;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (conv, mode) in CONVOLUTIONS
        .into_iter()
        .flat_map(|conv| MODES.map(|mode| (conv, mode)))
    {
        let config = NetworkConfig {
            conv: Some(conv),
            ..config_of(Cell::Lstm { peepholes: false }, &[6, 5], &[4], 2, mode)
        };
        let network = random_network(&config, &mut rng);
        let batch = Batch::random(&[3, 1100, 513, 512, 1, 40], &config, &mut rng);
        let views: Vec<_> = batch.sequences.iter().map(|s| s.view()).collect();
        let reference = Reference::of(&network);
        for (sequence, found) in views.iter().zip(network.outputs(&views)) {
            let mut expected = reference.outputs(*sequence);
            if !mode.is_per_step() {
                expected.drain(..expected.len() - 1);
            }
            assert_eq!(found.nrows(), expected.len());
            for (a, b) in found.iter().zip(expected.as_slice().concat()) {
                assert!((f64::from(*a) - b).abs() < TOLERANCE, "{conv:?}: {a} {b}");
            }
        }
        let whole = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
        let expected = reference.outputs(whole.view());
        let parts = network.stream(&ActivationFormats::default(), &views);
        let mut end = 0;
        for (part, view) in parts.iter().zip(&views) {
            end += view.nrows();
            for (a, b) in part
                .outputs
                .row(part.outputs.nrows() - 1)
                .iter()
                .zip(&expected[end - 1])
            {
                assert!((f64::from(*a) - b).abs() < TOLERANCE, "{conv:?}: {a} {b}");
            }
        }
    }
}

/// The loss of streams, in windows of any length, is that of the long sequences, whatever the strides of the others.
#[test]
fn streams_through_a_convolution_have_the_loss_of_the_long_sequences() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for conv in CONVOLUTIONS {
        let config = NetworkConfig {
            conv: Some(conv),
            ..config_of(Cell::Gru, &[5], &[], 2, Mode::SequenceToSequence)
        };
        let network = random_network(&config, &mut rng);
        let batches =
            [[4, 9, 6], [8, 3, 8], [5, 6, 1]].map(|l| Batch::random(&l, &config, &mut rng));
        let objective: Objective = Loss::CrossEntropy.into();
        let mut training =
            Backpropagation::new(&network, objective.clone(), Perturbation::default());
        training.begin_streams(3);
        let reference = Reference::of(&network);
        for (n, batch) in batches.iter().enumerate() {
            let examples = batch.examples(Loss::CrossEntropy, config.mode);
            let longest = examples.iter().map(|e| e.sequence.nrows()).max().unwrap();
            let found: f64 = (0..longest)
                .step_by(4)
                .map(|start| {
                    let found = training.window(&network, &examples, start..start + 4);
                    found.loss * found.rows as f64
                })
                .sum();
            let expected: f64 = (0..3)
                .map(|b| {
                    let all = batches[..=n].iter().map(|batch| batch.sequences[b].view());
                    let all: Vec<_> = all.collect();
                    let whole = ndarray::concatenate(ndarray::Axis(0), &all).unwrap();
                    let outputs = reference.outputs(whole.view());
                    let own = &outputs[outputs.len() - examples[b].sequence.nrows()..];
                    let rows = own.iter().enumerate();
                    rows.map(|(t, y)| row_loss(&objective, y, examples[b].target.expected(t)))
                        .sum::<f64>()
                })
                .sum();
            assert!(
                (found - expected).abs() < 1e-4,
                "{conv:?}: {found} {expected}"
            );
        }
    }
}

/// What narrows on its way up alone is clipped in each half.
#[test]
fn clipping_on_the_way_up_stops_the_gradient_of_its_half_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for mode in [Mode::SequenceToOne, Mode::SequenceToSequence] {
        let config = stack_of(STACKS[0], Cell::Gru, mode);
        let network = random_network(&config, &mut rng);
        let batch = Batch::random(&[7, 4, 9], &config, &mut rng);
        let examples = batch.examples(Loss::CrossEntropy, mode);
        let none = Perturbation::default();
        for clipped in [0, 1] {
            let mut backpropagation = Backpropagation::new(&network, Loss::CrossEntropy, none);
            let mut upward = vec![None; 2];
            upward[clipped] = Some(ActivationFormat { step: 1e-12 });
            backpropagation.round_activations(ActivationFormats {
                upward,
                ..ActivationFormats::default()
            });
            let (_, gradient) = backpropagation.gradient(&network, &examples);
            let is_zero = [0, 1].map(|half| {
                let parameters = gradient.recurrent[half].parameters();
                (parameters.iter()).all(|p| p.values.iter().all(|value| *value == 0.0))
            });
            assert_eq!(is_zero, [clipped == 0, clipped == 1], "{mode:?}");
        }
    }
}

/// Inference agrees with the reference, also where it carries the state over a window's end.
#[test]
fn outputs_and_traces_are_those_of_the_reference() {
    // Errors of single steps stay small because forget gates are below one.
    const TOLERANCE: f64 = 1e-5;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (cell, mode) in CELLS
        .into_iter()
        .flat_map(|cell| MODES.map(|mode| (cell, mode)))
    {
        let config = config_of(cell, &[18, 5], &[4], 2, mode);
        let network = random_network(&config, &mut rng);
        let lengths = [3, 1100, 513, 512, 1, 40];
        let batch = Batch::random(&lengths, &config, &mut rng);
        let views: Vec<_> = batch.sequences.iter().map(|s| s.view()).collect();
        let outputs = network.outputs(&views);
        let reference = Reference::of(&network);
        for (sequence, found) in views.iter().zip(&outputs) {
            let mut expected = reference.outputs(*sequence);
            if !mode.is_per_step() {
                expected.drain(..expected.len() - 1);
            }
            assert_eq!(found.nrows(), expected.len());
            for (found, expected) in found.rows().into_iter().zip(&expected) {
                for (a, b) in found.iter().zip(expected) {
                    assert!((f64::from(*a) - b).abs() < TOLERANCE, "{a} {b}");
                }
            }
        }
        let states = network.states(&views, |s, layers| (s, layers.to_vec()));
        for ((s, layers), (n, view)) in states.into_iter().zip(views.iter().enumerate()) {
            assert_eq!(s, n);
            for (states, trace) in layers.iter().zip(network.trace(*view)) {
                let of_states = (&states.hidden, &states.cell, &states.shown);
                assert_eq!(of_states, (&trace.hidden, &trace.cell, &trace.shown));
            }
        }
        let trace = network.trace(views[5]);
        assert_eq!(trace[0].cell.dim(), (40, 18));
        let top = match mode {
            Mode::SequenceToMean => trace[1].hidden.mean_axis(Axis(0)).unwrap(),
            _ => Array1::from_iter(trace[1].hidden.row(39).iter().copied()),
        };
        let mut y = network.dense[0].weight.dot(&top) + &network.dense[0].bias;
        y.mapv_inplace(|y| y.max(0.0));
        let y = network.dense[1].weight.dot(&y) + &network.dense[1].bias;
        let last = outputs[5].row(outputs[5].nrows() - 1);
        assert!(y.iter().zip(last).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

/// What narrows on its way up alone: rounding lets gradients pass, and clipping stops them.
#[test]
fn gradients_pass_rounding_on_the_way_up_and_not_clipping() {
    // A step of 1/127 of h: a half of that, in each of two layers.
    const ROUNDING: f32 = 0.03;
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for mode in MODES {
        let config = config(&[17, 6], true, &[], 3, mode);
        let network = random_network(&config, &mut rng);
        let batch = Batch::random(&[7, 4, 9], &config, &mut rng);
        let examples = batch.examples(Loss::CrossEntropy, mode);
        let gradient = |steps: [Option<f32>; 2]| {
            let mut backpropagation =
                Backpropagation::new(&network, Loss::CrossEntropy, Perturbation::default());
            backpropagation.round_activations(ActivationFormats {
                upward: steps
                    .map(|step| step.map(|step| ActivationFormat { step }))
                    .into(),
                ..ActivationFormats::default()
            });
            let (_, gradient) = backpropagation.gradient(&network, &examples);
            let of = |prefix: &str| -> Vec<f32> {
                let all = gradient.parameters().into_iter();
                let own = all.filter(|p| p.name.starts_with(prefix));
                own.flat_map(|p| p.values.to_vec()).collect()
            };
            ["lstm.0", "lstm.1", "dense.0"].map(of)
        };
        let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
        let exact = gradient([None, None]);
        let rounded = gradient([Some(1.0 / 127.0), Some(1.0 / 127.0)]);
        for (a, b) in exact.iter().zip(&rounded) {
            let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            assert!(0.0 < norm(&difference) && norm(&difference) < ROUNDING * norm(a));
        }
        let is_stopped = |gradient: &[Vec<f32>; 3]| gradient.each_ref().map(|g| norm(g) == 0.0);
        let tiny = Some(1e-12);
        assert_eq!(is_stopped(&gradient([tiny, None])), [true, false, false]);
        assert_eq!(is_stopped(&gradient([None, tiny])), [true, true, false]);
    }
}

/// The same bits on any number of threads, and whatever else is in the buffers.
#[test]
fn gradients_do_not_depend_on_threads_or_earlier_batches() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let forwards = config(&[20, 9], true, &[], 3, Mode::SequenceToSequence);
    let both = stack_of(
        STACKS[2],
        Cell::Lstm { peepholes: true },
        Mode::SequenceToSequence,
    );
    for config in [forwards, both] {
        on_any_threads(&config, &mut rng);
    }
}

fn on_any_threads(config: &NetworkConfig, rng: &mut ChaCha8Rng) {
    let network = random_network(config, rng);
    let lengths: Vec<usize> = (0..40).map(|_| rng.random_range(1..30)).collect();
    let batch = Batch::random(&lengths, config, rng);
    let other = Batch::random(&[50; 33], config, rng);
    let examples = batch.examples(Loss::CrossEntropy, config.mode);
    let perturbation = Perturbation {
        input_noise: 0.1,
        input_dropout: 0.2,
        dropout: 0.3,
        recurrent_dropout: 0.2,
        candidate_dropout: 0.2,
    };
    let on = |threads: usize, used: bool| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut backpropagation =
                Backpropagation::new(&network, Loss::CrossEntropy, perturbation);
            if used {
                backpropagation
                    .gradient(&network, &other.examples(Loss::CrossEntropy, config.mode));
            }
            let (loss, gradient) = backpropagation.gradient(&network, &examples);
            (loss, gradient.clone())
        })
    };
    let one = on(1, false);
    for (threads, used) in [(1, true), (2, false), (3, true)] {
        assert_eq!(one, on(threads, used), "{threads} threads");
    }
}

/// A window's gradient is that of its own steps, from a state that is given.
#[test]
fn windows_carry_the_state_and_cut_the_gradient() {
    for cell in CELLS {
        windows_of(cell);
    }
}

fn windows_of(cell: Cell) {
    const WINDOW: usize = 3;
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let config = config_of(cell, &[6, 4], &[], 2, Mode::SequenceToSequence);
    let network = random_network(&config, &mut rng);
    let batch = Batch::random(&[8, 3, 7, 1, 4], &config, &mut rng);
    let objective = Objective::from(Loss::CrossEntropy);
    let examples = batch.examples(objective.loss, config.mode);
    let mut backpropagation =
        Backpropagation::new(&network, objective.clone(), Perturbation::default());
    let mut reference = Reference::of(&network);
    let mut states = vec![reference.zero_state(); examples.len()];
    for start in (0..8).step_by(WINDOW) {
        let window = |example: &Example<'_>| {
            let steps = example.sequence.nrows();
            start.min(steps)..(start + WINDOW).min(steps)
        };
        let loss = |reference: &Reference<'_>| {
            let (mut sum, mut rows) = (0.0, 0.0);
            for (example, state) in examples.iter().zip(&states) {
                let steps = window(example);
                let part = example.sequence.slice(ndarray::s![steps.clone(), ..]);
                let outputs = reference.outputs_from(part, &mut state.clone());
                for (t, y) in steps.zip(&outputs) {
                    sum += row_loss(&objective, y, example.target.expected(t));
                    rows += 1.0;
                }
            }
            sum / rows
        };
        let found = backpropagation.window(&network, &examples, start..start + WINDOW);
        let rows: usize = examples.iter().map(|e| window(e).len()).sum();
        assert_eq!(found.rows, rows);
        assert!((found.loss - loss(&reference)).abs() < LOSS_TOLERANCE);
        compare(found.gradient, &mut reference, &loss);
        for (example, state) in examples.iter().zip(&mut states) {
            let part = example.sequence.slice(ndarray::s![window(example), ..]);
            reference.outputs_from(part, state);
        }
    }
}

/// One window over all steps is the whole gradient, to the bit.
#[test]
fn a_window_over_all_steps_is_no_truncation() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let config = config(&[6], true, &[], 2, Mode::SequenceToSequence);
    let network = random_network(&config, &mut rng);
    let batch = Batch::random(&[8, 3, 7], &config, &mut rng);
    let examples = batch.examples(Loss::CrossEntropy, config.mode);
    let new = || Backpropagation::new(&network, Loss::CrossEntropy, Perturbation::default());
    let (mut whole, mut windowed) = (new(), new());
    let (loss, gradient) = whole.gradient(&network, &examples);
    let found = windowed.window(&network, &examples, 0..8);
    assert_eq!((found.loss, found.rows), (loss, 18));
    assert_eq!(found.gradient, gradient);
}

/// With the same seeds the same values are dropped, so a loss under dropout has slopes too: here
/// of the f32 network's own loss, since no reference knows its masks.
#[test]
fn gradients_under_dropout_are_slopes_of_the_loss_that_the_same_masks_give() {
    // Rounding of an f32 loss over the step, and the step's square times a third derivative.
    const STEP: f32 = 1.0 / 64.0;
    const TOLERANCE: f64 = 1e-3;
    let forms: [fn(&mut Perturbation); 5] = [
        |p| p.input_dropout = 0.4,
        |p| p.dropout = 0.4,
        |p| p.recurrent_dropout = 0.4,
        |p| p.candidate_dropout = 0.4,
        |p| p.input_noise = 0.4,
    ];
    let forwards = (CELLS[1..].iter())
        .flat_map(|cell| MODES.map(|mode| config_of(*cell, &[17, 5], &[], 2, mode)));
    let both = MODES.map(|mode| stack_of(STACKS[3], Cell::Lstm { peepholes: true }, mode));
    for config in forwards.chain(both) {
        for (form, set) in forms.iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(10);
            let mut network = random_network(&config, &mut rng);
            let batch = Batch::random(&[5, 2, 6, 6], &config, &mut rng);
            let mut examples = batch.examples(Loss::MeanSquaredError, config.mode);
            for (seed, example) in (20..).zip(&mut examples) {
                example.seed = seed;
            }
            let mut perturbation = Perturbation::default();
            set(&mut perturbation);
            let new = |network: &Network, perturbation| {
                Backpropagation::new(network, Loss::MeanSquaredError, perturbation)
            };
            let mut backpropagation = new(&network, perturbation);
            let (loss, gradient) = backpropagation.gradient(&network, &examples);
            let gradient = gradient.clone();
            let mut without = new(&network, Perturbation::default());
            let (plain, _) = without.gradient(&network, &examples);
            assert_ne!(loss, plain, "form {form} does nothing");
            for (p, parameter) in gradient.parameters().iter().enumerate() {
                // Every seventh value of an array, which meets every gate.
                for v in (0..parameter.values.len()).step_by(7) {
                    let mut at = |step: f32| {
                        network.values_mut()[p][v] += step;
                        let (loss, _) = backpropagation.gradient(&network, &examples);
                        network.values_mut()[p][v] -= step;
                        loss
                    };
                    let slope = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
                    let found = f64::from(parameter.values[v]);
                    assert!(
                        (found - slope).abs() <= TOLERANCE,
                        "form {form}, {}[{v}]: gradient {found}, slope {slope}",
                        parameter.name
                    );
                }
            }
        }
    }
}
