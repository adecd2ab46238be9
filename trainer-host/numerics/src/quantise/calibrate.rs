//! Calibration: the magnitudes and mean squares that a network's values take on recorded sequences.
//!
//! Observes only; what the numbers decide is in [`crate::quantise`].

use ndarray::{Array2, ArrayView2, Axis};

use crate::network::{Direction, Mode, Network};
use crate::passes::trace::LayerStates;
use crate::quantise::magnitudes::Magnitudes;

/// Sequences that are looked at, at most: evenly spaced ones.
const MOST_SEQUENCES: usize = 512;

/// What one recurrent layer saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentRanges {
    /// Of each input channel, `[I]`.
    pub input: Vec<Magnitudes>,
    /// Mean square of each input channel, `[I]`.
    pub input_square: Vec<f64>,
    /// Mean square of each value that it hands on, `[O]`.
    pub hidden_square: Vec<f64>,
    /// Of all hidden values.
    pub hidden: Magnitudes,
    /// Of all states that last: cells, or the hidden values of a kind without cells before they are rounded.
    pub cell: Magnitudes,
    /// Of what the units show, before a projection; of nothing without one.
    pub shown: Magnitudes,
}

/// What a convolution saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvRanges {
    /// Of each input channel, `[C]`.
    pub input: Vec<Magnitudes>,
    /// Of all outputs.
    pub outputs: Magnitudes,
}

/// What the whole network saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The convolution, if there is one.
    pub conv: Option<ConvRanges>,
    /// Recurrent layers, first to last.
    pub recurrent: Vec<RecurrentRanges>,
    /// Means over time of the uppermost recurrent layer's outputs, in a network that reads them; else of nothing.
    pub mean: Magnitudes,
    /// Values after each hidden dense layer's ReLU, first to last.
    pub dense: Vec<Magnitudes>,
    /// Of each output before the head, `[O]`.
    pub outputs: Vec<OutputRange>,
}

/// The values that one output took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputRange {
    /// The least one.
    pub least: f64,
    /// The greatest one.
    pub greatest: f64,
}

impl OutputRange {
    const NOTHING: Self = Self {
        least: f64::INFINITY,
        greatest: f64::NEG_INFINITY,
    };

    fn of<'a>(values: impl IntoIterator<Item = &'a f32>) -> Self {
        let values = values.into_iter().map(|value| f64::from(*value));
        values.fold(Self::NOTHING, |range, value| {
            range.merged(Self {
                least: value,
                greatest: value,
            })
        })
    }

    fn merged(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    /// The middle; 0 of no values.
    pub fn centre(self) -> f64 {
        if self.least > self.greatest {
            return 0.0;
        }
        self.least / 2.0 + self.greatest / 2.0
    }

    /// The largest distance from the middle; 0 of no values.
    pub fn reach(self) -> f64 {
        (self.greatest / 2.0 - self.least / 2.0).max(0.0)
    }
}

impl Calibration {
    /// Runs `network` over normalised sequences, each `[T, I]`, and keeps what it saw.
    ///
    /// Of many sequences, evenly spaced ones stand for all. The result does not depend on the number of
    /// threads: sequences are observed on their own and merged in their order.
    pub fn observe(network: &Network, sequences: &[ArrayView2<'_, f32>]) -> Self {
        let few = evenly_spaced(sequences, MOST_SEQUENCES);
        let steps = few.iter().map(ArrayView2::nrows).sum();
        let parts: Vec<Observed> = network.states(&few, |part, states| {
            Observed::of(network, (few[part], states), (steps, part))
        });
        let mut total = Observed::nothing(network, (steps, 0));
        for part in &parts {
            total.merge(part);
        }
        total.finish()
    }
}

/// At most `most` of `all`, in their order.
pub fn evenly_spaced<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len().min(most);
    (0..count).map(|n| all[n * all.len() / count]).collect()
}

/// Magnitudes, and sums of squares with their number of steps.
struct Observed {
    calibration: Calibration,
    directions: Vec<Direction>,
    steps: f64,
}

impl Observed {
    /// For part `part` of `steps` steps in all.
    fn nothing(network: &Network, (steps, part): (usize, usize)) -> Self {
        let expecting = |width: usize| Magnitudes::expecting(steps * width, part);
        let recurrent = network.recurrent.iter().map(|layer| {
            let (inputs, hidden) = (layer.inputs(), layer.outputs());
            RecurrentRanges {
                input: vec![expecting(1); inputs],
                input_square: vec![0.0; inputs],
                hidden_square: vec![0.0; hidden],
                hidden: expecting(hidden),
                cell: expecting(layer.units()),
                shown: expecting(layer.units()),
            }
        });
        let conv = network.config.conv.map(|conv| ConvRanges {
            input: vec![expecting(1); network.config.inputs],
            outputs: expecting(conv.filters),
        });
        let hidden_dense = network.dense.len() - 1;
        let dense = network.dense[..hidden_dense].iter();
        Self {
            calibration: Calibration {
                conv,
                recurrent: recurrent.collect(),
                mean: expecting(network.config.head_inputs()),
                dense: dense.map(|layer| expecting(layer.bias.len())).collect(),
                outputs: vec![OutputRange::NOTHING; network.config.outputs],
            },
            directions: network.config.directions.clone(),
            steps: 0.0,
        }
    }

    fn of(
        network: &Network,
        (sequence, states): (ArrayView2<'_, f32>, &[LayerStates]),
        place: (usize, usize),
    ) -> Self {
        let mut seen = Self::nothing(network, place);
        let filtered = network.filtered(sequence);
        if let (Some(ranges), Some(filtered)) = (&mut seen.calibration.conv, &filtered) {
            for (magnitudes, column) in ranges.input.iter_mut().zip(sequence.columns()) {
                magnitudes.add(column.insert_axis(Axis(1)));
            }
            ranges.outputs.add(filtered.view());
        }
        let bottom = match &filtered {
            Some(filtered) => filtered.view(),
            None => sequence,
        };
        seen.steps = bottom.nrows() as f64;
        let hidden = |l: usize| states[l].hidden.view();
        let layers = seen.calibration.recurrent.iter_mut().zip(states);
        for (l, (ranges, layer)) in layers.enumerate() {
            let input = network.layer_inputs(l, bottom, hidden);
            for (j, column) in input.axis_iter(Axis(1)).enumerate() {
                ranges.input[j].add(column.insert_axis(Axis(1)));
                ranges.input_square[j] = square(column.iter());
            }
            for (j, column) in layer.hidden.columns().into_iter().enumerate() {
                ranges.hidden_square[j] = square(column.iter());
            }
            ranges.hidden.add(layer.hidden.view());
            ranges.cell.add(layer.cell.view());
            ranges.shown.add(layer.shown.view());
        }
        let mut values: Array2<f32> = network.head_values(hidden);
        if network.config.mode == Mode::SequenceToMean {
            seen.calibration.mean.add(values.view());
        }
        let last = network.dense.len() - 1;
        for (l, dense) in network.dense.iter().enumerate() {
            if l < last {
                values = dense.rectified(&values);
                seen.calibration.dense[l].add(values.view());
            } else {
                values = dense.values(&values);
            }
        }
        seen.calibration.outputs = values.columns().into_iter().map(OutputRange::of).collect();
        seen
    }

    fn merge(&mut self, other: &Self) {
        self.steps += other.steps;
        let (mine, theirs) = (&mut self.calibration, &other.calibration);
        if let (Some(mine), Some(theirs)) = (&mut mine.conv, &theirs.conv) {
            merge_all(&mut mine.input, &theirs.input);
            mine.outputs.merge(&theirs.outputs);
        }
        for (mine, theirs) in mine.recurrent.iter_mut().zip(&theirs.recurrent) {
            merge_all(&mut mine.input, &theirs.input);
            add(&mut mine.input_square, &theirs.input_square);
            add(&mut mine.hidden_square, &theirs.hidden_square);
            mine.hidden.merge(&theirs.hidden);
            mine.cell.merge(&theirs.cell);
            mine.shown.merge(&theirs.shown);
        }
        mine.mean.merge(&theirs.mean);
        merge_all(&mut mine.dense, &theirs.dense);
        for (mine, theirs) in mine.outputs.iter_mut().zip(&theirs.outputs) {
            *mine = mine.merged(*theirs);
        }
    }

    fn finish(mut self) -> Calibration {
        let steps = self.steps.max(1.0);
        if let Some(conv) = &mut self.calibration.conv {
            conv.input.iter_mut().for_each(Magnitudes::finish);
            conv.outputs.finish();
        }
        share_ranges(&mut self.calibration.recurrent, &self.directions);
        for layer in &mut self.calibration.recurrent {
            let squares = layer
                .input_square
                .iter_mut()
                .chain(&mut layer.hidden_square);
            squares.for_each(|square| *square /= steps);
            layer.input.iter_mut().for_each(Magnitudes::finish);
            layer.hidden.finish();
            layer.cell.finish();
            layer.shown.finish();
        }
        self.calibration.mean.finish();
        self.calibration
            .dense
            .iter_mut()
            .for_each(Magnitudes::finish);
        self.calibration
    }
}

/// Halves that stand side by side have one range of outputs, and of what their units show, and so one format.
fn share_ranges(layers: &mut [RecurrentRanges], directions: &[Direction]) {
    for (l, direction) in directions.iter().enumerate() {
        if *direction == Direction::Beside {
            let (before, own) = layers.split_at_mut(l);
            let (before, own) = (&mut before[l - 1], &mut own[0]);
            before.hidden.merge(&own.hidden);
            before.shown.merge(&own.shown);
            own.hidden.clone_from(&before.hidden);
            own.shown.clone_from(&before.shown);
        }
    }
}

fn square<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    values.map(|value| f64::from(*value).powi(2)).sum()
}

fn add(mine: &mut [f64], theirs: &[f64]) {
    mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
}

fn merge_all(mine: &mut [Magnitudes], theirs: &[Magnitudes]) {
    mine.iter_mut().zip(theirs).for_each(|(a, b)| a.merge(b));
}
