//! What gates and units do over recorded sequences: counts and sums for each layer.

use ndarray::{Array1, Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::network::recurrent::gate_rows;
use crate::network::{Activation, Cell, Gate, GateRole, Network};
use crate::passes::trace::LayerTrace;
use crate::quantise::calibrate::evenly_spaced;

/// Sequences that are looked at, at most: shares of activations do not change any more with others.
const MOST_SEQUENCES: usize = 200;
/// σ is at an end of its range below this and above one minus it: a change of the pre-activation then
/// moves the gate by less than a fifth of what it does at its steepest.
pub(super) const GATE_END: f32 = 0.05;
/// tanh is at an end of its range beyond this, where its slope is below a fifth of its steepest.
pub(super) const CANDIDATE_END: f32 = 0.9;

/// Over all steps of all sequences that were looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerActivity {
    /// The layer, as in `lstm.0`, or `lstm.0, reverse half`.
    pub name: String,
    /// The layer's gates.
    pub gates: &'static [Gate],
    /// Steps of all sequences together.
    pub steps: usize,
    /// How often each gate of each unit was at its lower end, `[G, H]`.
    pub low: Array2<usize>,
    /// How often at its upper end, `[G, H]`.
    pub high: Array2<usize>,
    /// Sum of the forget gates, `[H]`.
    forget: Array1<f64>,
    /// Sum of h, `[H]`.
    hidden: Array1<f64>,
    /// Sum of h hᵀ, `[H, H]`.
    product: Array2<f64>,
}

impl LayerActivity {
    /// Nothing seen of a layer of this name and kind.
    fn none(name: String, cell: Cell, hidden: usize) -> Self {
        let gates = cell.gates();
        Self {
            name,
            gates,
            steps: 0,
            low: Array2::zeros((gates.len(), hidden)),
            high: Array2::zeros((gates.len(), hidden)),
            forget: Array1::zeros(hidden),
            hidden: Array1::zeros(hidden),
            product: Array2::zeros((hidden, hidden)),
        }
    }

    /// Adds one sequence.
    pub fn add(&mut self, trace: &LayerTrace) {
        let shown = trace.of_units();
        let units = shown.ncols();
        self.steps += trace.hidden.nrows();
        for (g, gate) in self.gates.iter().enumerate() {
            let values = trace.gates.slice(s![.., gate_rows(g, units)]);
            let (low, high) = match gate.activation {
                Activation::Tanh => (-CANDIDATE_END, CANDIDATE_END),
                Activation::Sigmoid => (GATE_END, 1.0 - GATE_END),
            };
            for ((_, u), value) in values.indexed_iter() {
                self.low[[g, u]] += usize::from(*value < low);
                self.high[[g, u]] += usize::from(*value > high);
                match gate.role {
                    GateRole::Forget => self.forget[u] += f64::from(*value),
                    GateRole::Coupled => self.forget[u] += 1.0 - f64::from(*value),
                    _ => {}
                }
            }
        }
        let hidden = shown.mapv(f64::from);
        self.hidden += &hidden.sum_axis(ndarray::Axis(0));
        self.product += &hidden.t().dot(&hidden);
    }

    fn merge(&mut self, other: &Self) {
        self.steps += other.steps;
        self.low += &other.low;
        self.high += &other.high;
        self.forget += &other.forget;
        self.hidden += &other.hidden;
        self.product += &other.product;
    }

    /// Each recurrent layer of `network` over some of `sequences`, `[T, I]` each and normalised.
    pub fn observe(network: &Network, sequences: &[ArrayView2<'_, f32>]) -> Vec<Self> {
        let layers: Vec<Self> = (network.recurrent.iter().enumerate())
            .map(|(l, layer)| {
                Self::none(
                    network.config.recurrent_name(l),
                    layer.cell(),
                    layer.units(),
                )
            })
            .collect();
        // One sum for each sequence, added in their order: the same on any number of threads.
        let parts: Vec<Vec<Self>> = evenly_spaced(sequences, MOST_SEQUENCES)
            .par_iter()
            .map(|sequence| {
                let mut seen = layers.clone();
                let traces = network.trace(*sequence);
                seen.iter_mut().zip(&traces).for_each(|(s, t)| s.add(t));
                seen
            })
            .collect();
        parts.iter().fold(layers, |mut all, part| {
            all.iter_mut().zip(part).for_each(|(a, p)| a.merge(p));
            all
        })
    }

    /// Hidden units.
    pub fn units(&self) -> usize {
        self.hidden.len()
    }

    fn count(&self) -> f64 {
        self.steps.max(1) as f64
    }

    /// Share of the activations of `gate` at the lower and at the upper end.
    pub fn ends(&self, gate: usize) -> (f64, f64) {
        let all = self.count() * self.units() as f64;
        let share = |counts: &Array2<usize>| counts.row(gate).sum() as f64 / all;
        (share(&self.low), share(&self.high))
    }

    /// Steps after which each unit's cell has forgotten most of its content, 1 / (1 − mean f), `[H]`.
    pub fn memory(&self) -> Vec<f64> {
        let mean = self.forget.iter().map(|sum| sum / self.count());
        mean.map(|mean| 1.0 / (1.0 - mean).max(1e-9)).collect()
    }

    fn covariance(&self, u: usize, v: usize) -> f64 {
        let n = self.count();
        self.product[[u, v]] / n - self.hidden[u] / n * (self.hidden[v] / n)
    }

    /// Deviation of a unit's h.
    pub fn deviation(&self, u: usize) -> f64 {
        self.covariance(u, u).max(0.0).sqrt()
    }

    /// Correlation of the h of two units; 0 where one does not vary.
    pub fn correlation(&self, u: usize, v: usize) -> f64 {
        let scale = self.deviation(u) * self.deviation(v);
        if scale > 0.0 {
            self.covariance(u, v) / scale
        } else {
            0.0
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::network::{Direction, Head, Mode, NetworkConfig};

    const LSTM: Cell = Cell::Lstm { peepholes: false };

    use ndarray::array;

    fn seen_nothing(units: usize) -> LayerActivity {
        LayerActivity::none("lstm.0".into(), LSTM, units)
    }

    /// The same layer as number 1.
    pub(in crate::diagnose) fn second(layer: LayerActivity) -> LayerActivity {
        let name = "lstm.1".into();
        LayerActivity { name, ..layer }
    }

    /// A layer whose gates and hidden values are what these functions say of step and unit; gates in the
    /// order i, f, g, o.
    pub(in crate::diagnose) fn layer(
        units: usize,
        gate: impl Fn(usize, usize, usize) -> f32,
        hidden: impl Fn(usize, usize) -> f32,
    ) -> LayerActivity {
        const STEPS: usize = 1000;
        let mut seen = seen_nothing(units);
        seen.add(&LayerTrace {
            gates: Array2::from_shape_fn((STEPS, 4 * units), |(t, r)| {
                gate(t, r / units, r % units)
            }),
            hidden: Array2::from_shape_fn((STEPS, units), |(t, u)| hidden(t, u)),
            cell: Array2::zeros((STEPS, units)),
            shown: Array2::zeros((STEPS, 0)),
        });
        seen
    }

    /// Different for each unit and step, in −1 to 1, and nearly uncorrelated.
    pub(in crate::diagnose) fn noise(t: usize, u: usize) -> f32 {
        let x = (t as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (u as u64 + 7).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (x >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// Gates around their middle; forget gates at 0.9.
    pub(in crate::diagnose) fn lively(t: usize, gate: usize, u: usize) -> f32 {
        match gate {
            1 => 0.9 + 0.04 * noise(t, u),
            2 => 0.8 * noise(t, u + 50),
            _ => 0.5 + 0.4 * noise(t, u + 100),
        }
    }

    #[test]
    fn counts_and_sums_by_hand() {
        let mut seen = seen_nothing(2);
        // Two steps of two units, gates i, f, g, o.
        seen.add(&LayerTrace {
            gates: array![
                [0.01, 0.5, 0.5, 0.75, -0.95, 0.0, 0.96, 0.5],
                [0.04, 0.97, 0.5, 0.75, 0.95, 0.0, 0.98, 0.02]
            ],
            hidden: array![[0.5, 0.1], [-0.5, 0.3]],
            cell: Array2::zeros((2, 2)),
            shown: Array2::zeros((2, 0)),
        });
        assert_eq!(seen.low, array![[2, 0], [0, 0], [1, 0], [0, 1]]);
        assert_eq!(seen.high, array![[0, 1], [0, 0], [1, 0], [2, 0]]);
        assert_eq!(seen.ends(0), (0.5, 0.25));
        assert_eq!(seen.memory(), [2.0, 4.0]);
        assert!((seen.deviation(0) - 0.5).abs() < 1e-6 && (seen.deviation(1) - 0.1).abs() < 1e-6);
        assert!((seen.correlation(0, 1) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn both_halves_of_a_layer_have_its_number() {
        let config = NetworkConfig {
            inputs: 1,
            conv: None,
            directions: vec![Direction::Forward, Direction::Beside, Direction::Forward],
            hidden: vec![2, 2, 3],
            cell: LSTM,
            dense: Vec::new(),
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        let network = Network::new(&config, 1).unwrap();
        let sequence = Array2::zeros((4, 1));
        let seen = LayerActivity::observe(&network, &[sequence.view()]);
        let names: Vec<&str> = seen.iter().map(|layer| layer.name.as_str()).collect();
        let expected = ["lstm.0, forward half", "lstm.0, reverse half", "lstm.1"];
        assert_eq!(names, expected);
    }

    #[test]
    fn halves_that_are_merged_are_the_whole() {
        let whole = layer(3, lively, noise);
        let trace = |range: std::ops::Range<usize>| LayerTrace {
            gates: Array2::from_shape_fn((range.len(), 12), |(t, r)| {
                lively(range.start + t, r / 3, r % 3)
            }),
            hidden: Array2::from_shape_fn((range.len(), 3), |(t, u)| noise(range.start + t, u)),
            cell: Array2::zeros((range.len(), 3)),
            shown: Array2::zeros((range.len(), 0)),
        };
        let [mut a, mut b] = [seen_nothing(3), seen_nothing(3)];
        a.add(&trace(0..400));
        b.add(&trace(400..1000));
        a.merge(&b);
        assert_eq!(
            (a.low.clone(), a.high.clone()),
            (whole.low.clone(), whole.high.clone())
        );
        assert!((a.correlation(0, 2) - whole.correlation(0, 2)).abs() < 1e-9);
    }
}
