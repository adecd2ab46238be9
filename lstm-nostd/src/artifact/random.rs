//! Random models, for tests that hold one core or backend against another.

use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;

#[cfg(feature = "conv")]
use super::Conv;
#[cfg(feature = "coupled")]
use super::Coupled;
#[cfg(feature = "gru")]
use super::Gru;
#[cfg(feature = "gru-before")]
use super::GruBefore;
#[cfg(feature = "projection")]
use super::Projected;
use super::{Dense, LayerKind, Lstm, ModelFile, Recurrent};
use crate::kernels::{Scheme, Width};
use crate::layers::Direction;
use crate::layers::input::InputChannel;
use crate::layers::output::OutputScale;
use crate::task::{Mode, Task};

/// The shape of a random model, and the seed of its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RandomModel {
    /// Raw input channels.
    pub inputs: usize,
    /// Units of each recurrent layer.
    pub hidden: Vec<usize>,
    /// Kinds of the recurrent layers, over and over; LSTM for all when there are none.
    pub kinds: Vec<LayerKind>,
    /// Directions of the recurrent layers; those behind the end run forwards.
    pub directions: Vec<Direction>,
    /// Units of each hidden dense layer.
    pub dense: Vec<usize>,
    /// Outputs.
    pub outputs: usize,
    /// Whether the layers of kinds that may have peepholes have them.
    pub peepholes: bool,
    /// Schemes of the layers, recurrent layers first, over and over; w8a16 for all when there are none.
    pub schemes: Vec<Scheme>,
    /// A convolution below the recurrent layers; the first scheme is its.
    #[cfg(feature = "conv")]
    pub conv: Option<RandomConv>,
    /// Outputs of layers with a projection; from one to twice the units if not given.
    pub projection: Option<usize>,
    /// Whether the dense layers read the mean over time.
    pub mean: bool,
    /// How k compares with n in layers of int8 activations; any way if not given.
    pub shifts: Option<Ordering>,
    /// Same seed, same model.
    pub seed: u64,
}

/// The shape of a random convolution.
#[cfg(feature = "conv")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomConv {
    /// Filters.
    pub filters: usize,
    /// Steps that a filter looks at.
    pub kernel: u16,
    /// Steps from one output to the next.
    pub stride: u16,
    /// The first step with an output.
    pub first: u16,
    /// Whether negative outputs become zero.
    pub is_rectified: bool,
}

impl RandomModel {
    /// A model of this shape whose gates cover their whole range and whose weights reach the ends of
    /// theirs, with every row inside of its accumulator's bound.
    pub fn build(&self) -> ModelFile {
        let mut random = Random(self.seed);
        let mut schemes = self.schemes.iter().copied().cycle();
        let mut schemes = core::iter::from_fn(|| Some(schemes.next().unwrap_or_default()));
        #[cfg(feature = "conv")]
        let conv_scheme = (self.conv.as_ref()).and_then(|_| schemes.by_ref().next());
        #[cfg(not(feature = "conv"))]
        let conv_scheme: Option<Scheme> = None;
        let recurrent_schemes = schemes
            .by_ref()
            .take(self.hidden.len())
            .collect::<Vec<_>>()
            .into_iter();
        let first = conv_scheme
            .or_else(|| recurrent_schemes.clone().next())
            .map_or(Width::Int16, Scheme::width);
        let channels: Vec<_> = (0..self.inputs).map(|_| random.channel(first)).collect();
        let scales = (0..self.outputs).map(|_| OutputScale {
            offset: i64::from(random.within(1 << 30)) << random.below(32),
            exponent: random.within(40) as i16,
        });
        let scales: Vec<_> = scales.collect();
        let mut below = (self.inputs, first);
        #[cfg(feature = "conv")]
        let conv = self.conv.map(|shape| {
            let conv = random.conv(shape, conv_scheme.unwrap_or_default(), self.inputs);
            below.0 = shape.filters;
            conv
        });
        let recurrent = random.recurrent_layers(self, recurrent_schemes, &mut below);
        if self.mean {
            below.1 = Width::Int16;
        }
        let mut dense = Vec::new();
        for &outputs in self.dense.iter().chain([&self.outputs]) {
            let scheme = schemes.next().unwrap_or_default();
            dense.push(random.dense(scheme, below, outputs));
            below = (outputs, scheme.width());
        }
        ModelFile {
            task: Task::Linear,
            mode: match self.mean {
                true => Mode::SequenceToMean,
                false => Mode::SequenceToSequence,
            },
            #[cfg(feature = "front-end")]
            front_end: None,
            channels,
            #[cfg(feature = "conv")]
            conv,
            scales,
            recurrent,
            directions: self.directions.clone(),
            dense,
            input_names: (0..self.inputs).map(|j| format!("in{j}")).collect(),
            output_names: (0..self.outputs).map(|r| format!("out{r}")).collect(),
            golden: Vec::new(),
        }
    }

    /// `steps` steps of raw inputs for this shape, small, large and extreme ones mixed.
    pub fn raw_inputs(&self, steps: usize) -> Vec<Vec<i32>> {
        let mut random = Random(!self.seed);
        let step = |random: &mut Random| (0..self.inputs).map(|_| random.raw()).collect();
        (0..steps).map(|_| step(&mut random)).collect()
    }
}

/// Which gates of an LSTM, i, f, g and o, may have peepholes.
const LSTM_PEEPHOLES: [bool; 4] = [true, true, false, true];

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    /// A channel for a first layer of this width. Raw values of ±2²⁰ span several times the range of its inputs.
    fn channel(&mut self, first: Width) -> InputChannel {
        let shift = self.below(12) as u8;
        InputChannel {
            mean: self.within(1 << 20),
            fraction: self.within(1 << shift),
            mult: self.below(1 << (30 - u32::from(shift))) as i32 >> (16 - first.bits()),
            shift,
            frac_bits: self.below(20) as u8,
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// In −limit..=limit.
    fn within(&mut self, limit: i64) -> i32 {
        (self.below(2 * limit as u64 + 1) as i64 - limit) as i32
    }

    fn raw(&mut self) -> i32 {
        match self.below(16) {
            0 => i32::MIN,
            1 => i32::MAX,
            2 => self.next() as i32,
            3 => 0,
            _ => self.within(1 << 20),
        }
    }

    /// Mostly any weight, sometimes an extreme one.
    fn weights(&mut self, scheme: Scheme, count: usize) -> Vec<i8> {
        let most = scheme.weight_max();
        let weight = |random: &mut Self| match random.below(8) {
            0 => most,
            1 => -most,
            _ => random.within(most.into()) as i8,
        };
        (0..count).map(|_| weight(self)).collect()
    }

    /// A shift from the width below, where it is another one.
    fn input_shift(&mut self, scheme: Scheme, below: Width) -> u8 {
        if below == scheme.width() {
            0
        } else {
            self.below(9) as u8
        }
    }

    /// `bias` and `mult` of a row whose products reach `reach`: its results spread over ±`spread`.
    fn row(&mut self, reach: u64, spread: u64) -> (i32, i32) {
        let free = (1u64 << 31) - 1 - reach;
        let bias = self.within(free.min(reach / 4) as i64);
        let mult = (spread << 32) / (reach / 4).max(1);
        (bias, mult.clamp(1, i32::MAX as u64) as i32)
    }

    /// k and n
    fn int8_shifts(&mut self, order: Option<Ordering>) -> (u8, u8) {
        let (k, n) = (5 + self.below(6) as u8, 5 + self.below(4) as u8);
        match order {
            None => (k, n),
            Some(Ordering::Less) => (n - 1 - self.below(3) as u8, n),
            Some(Ordering::Equal) => (n, n),
            Some(Ordering::Greater) => (n + 1 + self.below(3) as u8, n),
        }
    }

    /// Recurrent layers of these schemes; `below` becomes what they hand on.
    fn recurrent_layers(
        &mut self,
        model: &RandomModel,
        mut schemes: impl Iterator<Item = Scheme>,
        below: &mut (usize, Width),
    ) -> Vec<Recurrent> {
        let mut kinds = model.kinds.iter().cycle();
        let (mut layers, mut beneath) = (Vec::new(), *below);
        for &hidden in &model.hidden {
            let scheme = schemes.next().unwrap_or_default();
            let kind = kinds.next().copied().unwrap_or(LayerKind::Lstm);
            if model.directions.get(layers.len()) == Some(&Direction::Beside) {
                let layer = self.recurrent(kind, model, scheme, beneath, hidden);
                below.0 += layer.outputs();
                layers.push(layer);
                continue;
            }
            let layer = self.recurrent(kind, model, scheme, *below, hidden);
            beneath = *below;
            *below = (layer.outputs(), scheme.width());
            layers.push(layer);
        }
        layers
    }

    /// A recurrent layer of this kind, on so many values of the width below.
    fn recurrent(
        &mut self,
        kind: LayerKind,
        model: &RandomModel,
        scheme: Scheme,
        below: (usize, Width),
        hidden: usize,
    ) -> Recurrent {
        match kind {
            #[cfg(feature = "gru")]
            LayerKind::Gru => Recurrent::Gru(self.gru(model, scheme, below, hidden)),
            #[cfg(feature = "coupled")]
            LayerKind::Coupled => {
                let gates = &[true, false, true];
                let sizes = (hidden, hidden);
                Recurrent::Coupled(Coupled(self.lstm(model, scheme, below, sizes, gates)))
            }
            #[cfg(feature = "gru-before")]
            LayerKind::GruBefore => {
                Recurrent::GruBefore(self.gru_before(model, scheme, below, hidden))
            }
            #[cfg(feature = "projection")]
            LayerKind::Projected => {
                Recurrent::Projected(self.projected(model, scheme, below, hidden))
            }
            _ => {
                let sizes = (hidden, hidden);
                Recurrent::Lstm(self.lstm(model, scheme, below, sizes, &LSTM_PEEPHOLES))
            }
        }
    }

    /// k and n of a recurrent layer.
    fn shifts(&mut self, model: &RandomModel, scheme: Scheme) -> (u8, u8) {
        match scheme.width() {
            Width::Int16 => (self.below(3) as u8, 0),
            Width::Int8 => self.int8_shifts(model.shifts),
        }
    }

    /// The two parts of a recurrent row.
    fn parts(&mut self, scheme: Scheme, inputs: usize, hidden: usize) -> [Vec<i8>; 2] {
        [inputs, hidden].map(|count| self.weights(scheme, count))
    }

    /// Rows and peepholes of gates of which these may have peepholes; rows read so many outputs of the step before.
    fn lstm(
        &mut self,
        model: &RandomModel,
        scheme: Scheme,
        (inputs, below): (usize, Width),
        (hidden, outputs): (usize, usize),
        gates: &[bool],
    ) -> Lstm {
        let (x_shift, h_shift) = self.shifts(model, scheme);
        let mut layer = Lstm {
            scheme,
            x_shift,
            h_shift,
            input_shift: self.input_shift(scheme, below),
            cell_int_bits: 1 + self.below(15) as u8,
            ..Lstm::default()
        };
        let mut peephole = Vec::new();
        for row in 0..gates.len() * hidden {
            let mut parts = self.parts(scheme, inputs, outputs);
            let has_peephole = model.peepholes && gates[row / hidden];
            let p = if has_peephole {
                self.within(if row % 5 == 0 { 16_000 } else { 2_000 }) as i16
            } else {
                0
            };
            let more = u64::from(p.unsigned_abs()) << 15;
            let reach = fitted(&mut parts, scheme, (x_shift, h_shift), more);
            let [w_x, w_h] = parts;
            let (bias, mult) = self.row(reach, 40_000);
            layer.w_x.push(w_x);
            layer.w_h.push(w_h);
            layer.bias.push(bias);
            layer.mult.push(mult);
            if has_peephole {
                peephole.push(p);
            }
        }
        layer.peephole = peephole
            .chunks(hidden.max(1))
            .map(<[i16]>::to_vec)
            .collect();
        layer
    }

    #[cfg(feature = "projection")]
    fn projected(
        &mut self,
        model: &RandomModel,
        scheme: Scheme,
        below: (usize, Width),
        hidden: usize,
    ) -> Projected {
        let any = 1 + self.below(2 * hidden.max(1) as u64) as usize;
        let outputs = model.projection.unwrap_or(any);
        let sizes = (hidden, outputs);
        Projected {
            lstm: self.lstm(model, scheme, below, sizes, &LSTM_PEEPHOLES),
            projection: self.dense(scheme, (hidden, scheme.width()), outputs),
            unit: (1 + self.below(1 << 16)) as f32 / 1024.0,
        }
    }

    #[cfg(feature = "gru")]
    fn gru(
        &mut self,
        model: &RandomModel,
        scheme: Scheme,
        (inputs, below): (usize, Width),
        hidden: usize,
    ) -> Gru {
        let (x_shift, h_shift) = self.shifts(model, scheme);
        let mut layer = Gru {
            scheme,
            x_shift,
            h_shift,
            input_shift: self.input_shift(scheme, below),
            ..Gru::default()
        };
        for row in 0..3 * hidden {
            let mut parts = self.parts(scheme, inputs, hidden);
            let of_candidate = row / hidden == 2;
            let recurrent = if of_candidate {
                self.within(1 << 22)
            } else {
                0
            };
            let more = u64::from(recurrent.unsigned_abs()) + 1;
            let reach = fitted(&mut parts, scheme, (x_shift, h_shift), more);
            let [w_x, w_h] = parts;
            let (bias, mult) = self.row(reach, 40_000);
            layer.w_x.push(w_x);
            layer.w_h.push(w_h);
            layer.bias.push(bias);
            layer.mult.push(mult);
            if of_candidate {
                layer.recurrent_bias.push(recurrent);
            }
        }
        layer
    }

    #[cfg(feature = "conv")]
    fn conv(&mut self, shape: RandomConv, scheme: Scheme, channels: usize) -> Conv {
        let inputs = channels * usize::from(shape.kernel);
        Conv {
            filters: self.dense(scheme, (inputs, scheme.width()), shape.filters),
            kernel: shape.kernel,
            stride: shape.stride,
            first: shape.first,
            is_rectified: shape.is_rectified,
        }
    }

    /// The rows of three gates without peepholes.
    #[cfg(feature = "gru-before")]
    fn gru_before(
        &mut self,
        model: &RandomModel,
        scheme: Scheme,
        below: (usize, Width),
        hidden: usize,
    ) -> GruBefore {
        let rows = self.lstm(model, scheme, below, (hidden, hidden), &[false; 3]);
        GruBefore {
            scheme,
            x_shift: rows.x_shift,
            h_shift: rows.h_shift,
            input_shift: rows.input_shift,
            w_x: rows.w_x,
            w_h: rows.w_h,
            bias: rows.bias,
            mult: rows.mult,
        }
    }

    fn dense(&mut self, scheme: Scheme, (inputs, below): (usize, Width), outputs: usize) -> Dense {
        let mut layer = Dense {
            scheme,
            output_shift: self.below(3) as u8,
            input_shift: self.input_shift(scheme, below),
            ..Dense::default()
        };
        let activation = scheme.width().bits() - 1;
        // Outputs of hidden layers spread over the width, those of the last one over as many units.
        let spread = 30_000 >> (15 - activation);
        for _ in 0..outputs {
            let weight = self.weights(scheme, inputs);
            let sum: u64 = weight.iter().map(|w| u64::from(w.unsigned_abs())).sum();
            let (bias, mult) = self.row(sum << activation, spread);
            layer.weight.push(weight);
            layer.bias.push(bias);
            layer.mult.push(mult);
        }
        layer
    }
}

/// What a row's products reach with `more`; rows too long for their accumulator get smaller weights.
fn fitted(parts: &mut [Vec<i8>; 2], scheme: Scheme, (k, n): (u8, u8), more: u64) -> u64 {
    let activation = scheme.width().bits() - 1;
    loop {
        let sum = |w: &[i8]| w.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>();
        let [of_x, of_h] = [sum(&parts[0]) << k, sum(&parts[1]) << n];
        let total = ((of_x + of_h) << activation) + more;
        if total < 1 << 31 {
            return total;
        }
        parts.iter_mut().flatten().for_each(|w| *w /= 2);
    }
}
