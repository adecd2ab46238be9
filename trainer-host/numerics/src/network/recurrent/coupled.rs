//! The gates of an LSTM layer whose forget gate is coupled to its input gate.
//!
//! ```text
//! f_t = 1 − i_t                                            (CF)
//! ```
//!
//! (Greff et al. 2017, "CIFG".) The rest is (1) to (6) of [`super::lstm`], and so are the parameters, an [`LstmLayer`]:
//! without the rows of f, and with peepholes of i and o alone. Rows are stored in the order of [`GATES`].
//!
//! [`LstmLayer`]: super::lstm::LstmLayer

use ndarray::{Array1, Array2, Axis, concatenate, s};

use crate::network::recurrent::lstm::LstmLayer;
use crate::network::recurrent::{Activation, Gate, GateRole, gate_rows};

/// The gates of a layer with coupled gates, in the order in which all weights are stored.
pub const GATES: [Gate; 3] = [
    Gate {
        role: GateRole::Coupled,
        letter: "i",
        name: "input gate",
        activation: Activation::Sigmoid,
        peephole: Some(0),
    },
    Gate {
        role: GateRole::Candidate,
        letter: "g",
        name: "candidate",
        activation: Activation::Tanh,
        peephole: None,
    },
    Gate {
        role: GateRole::Output,
        letter: "o",
        name: "output gate",
        activation: Activation::Sigmoid,
        peephole: Some(1),
    },
];

/// The LSTM of four gates that does what `layer`, whose gates are coupled, does: since σ(−z) = 1 − σ(z), its forget
/// gates have the weights of the input gates with the opposite sign.
pub fn expanded(layer: &LstmLayer) -> LstmLayer {
    let units = layer.w_h.ncols();
    // Blocks of i, f, g and o.
    let rows = |weights: &Array2<f32>| {
        let [i, g, o] = [0, 1, 2].map(|gate| weights.slice(s![gate_rows(gate, units), ..]));
        concatenate(Axis(0), &[i, (-&i).view(), g, o]).expect("blocks of the same width")
    };
    let [i, g, o] = [0, 1, 2].map(|gate| layer.bias.slice(s![gate_rows(gate, units)]));
    let bias: Array1<f32> =
        concatenate(Axis(0), &[i, (-&i).view(), g, o]).expect("vectors can be joined");
    LstmLayer {
        gates: &crate::network::lstm::GATES,
        w_x: rows(&layer.w_x),
        w_h: rows(&layer.w_h),
        bias,
        peephole: layer.peephole.as_ref().map(|peephole| {
            let [i, o] = [0, 1].map(|gate| peephole.slice(s![gate..=gate, ..]));
            concatenate(Axis(0), &[i, (-&i).view(), o]).expect("rows of the same width")
        }),
    }
}

/// The layer with coupled gates that does what `layer`, of four gates, does: if its forget gates have the weights of the
/// input gates with the opposite sign, and these are not all zero.
pub fn coupled(layer: &LstmLayer) -> Option<LstmLayer> {
    let units = layer.w_h.ncols();
    let kept: Vec<usize> = [0, 2, 3]
        .into_iter()
        .flat_map(|gate| gate_rows(gate, units))
        .collect();
    let found = LstmLayer {
        gates: &GATES,
        w_x: layer.w_x.select(Axis(0), &kept),
        w_h: layer.w_h.select(Axis(0), &kept),
        bias: layer.bias.select(Axis(0), &kept),
        peephole: (layer.peephole.as_ref()).map(|peephole| peephole.select(Axis(0), &[0, 2])),
    };
    let input = s![gate_rows(0, units), ..];
    let is_zero = (layer.w_x.slice(input).iter().chain(layer.w_h.slice(input))).all(|w| *w == 0.0);
    (!is_zero && expanded(&found) == *layer).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::lstm;
    use crate::network::{Cell, Head, Mode, Network, NetworkConfig, RecurrentLayer};

    /// Both ways, and both answer alike.
    #[test]
    fn an_lstm_with_opposite_forget_gates_is_a_coupled_one() {
        for peepholes in [false, true] {
            let config = NetworkConfig {
                inputs: 3,
                conv: None,
                directions: Vec::new(),
                hidden: vec![4],
                cell: Cell::Coupled { peepholes },
                dense: vec![],
                outputs: 2,
                head: Head::Linear,
                mode: Mode::SequenceToSequence,
            };
            let mut network = Network::new(&config, 3).unwrap();
            for (n, value) in (network.values_mut().into_iter().flatten()).enumerate() {
                *value += (n as f32).sin() / 4.0;
            }
            let mut wide = network.clone();
            wide.config.cell = Cell::Lstm { peepholes };
            let RecurrentLayer::Coupled(layer) = &network.recurrent[0] else {
                panic!("another kind")
            };
            wide.recurrent = vec![RecurrentLayer::Lstm(expanded(layer))];
            assert_eq!(coupled(&expanded(layer)).as_ref(), Some(layer));
            let x = Array2::from_shape_fn((9, 3), |(t, j)| ((3 * t + j) as f32).sin());
            let [a, b] = [&network, &wide].map(|n| n.outputs(&[x.view()]).remove(0));
            assert!((a - b).iter().all(|d| d.abs() < 1e-6));
            let mut other = expanded(layer);
            other.w_h[[5, 0]] += 0.5;
            assert_eq!(coupled(&other), None);
        }
        let zero = LstmLayer::zeros(&lstm::GATES, 3, 4, true);
        assert_eq!(coupled(&zero), None);
    }

    /// Of (1), (3) and (5), and of the engine.
    #[test]
    fn gates_are_those_of_the_equations() {
        let letters: String = GATES.iter().map(|gate| gate.letter).collect();
        assert_eq!(letters, "igo");
        assert_eq!(GATES.len(), lstm_nostd::kernels::COUPLED_ROWS);
    }
}
