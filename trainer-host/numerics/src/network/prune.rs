//! Structured pruning: a smaller network of the hidden units that matter most.
//!
//! ```text
//! score_u = ‖weights into u‖ · ‖weights out of u‖                         (PR1)
//! ```
//!
//! Into a unit lead its gate rows of W_x and W_h, out of it its columns of W_h and of the layer
//! above (Han et al. 2015 by single weights, Li et al. 2017 by whole filters). What is left keeps its order; the
//! network is physically smaller, and is then fine-tuned.

use ndarray::Array2;

use crate::network::recurrent::square;
use crate::network::{DenseLayer, Network, NetworkConfig};

/// A network cannot be pruned to these sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot prune {found:?} hidden units to {wanted:?}: name one size for each recurrent layer, from 1 to what it has"
)]
pub struct PruneError {
    /// Hidden units of each recurrent layer.
    pub found: Vec<usize>,
    /// What was asked for.
    pub wanted: Vec<usize>,
}

/// `network` with the `hidden` units of each recurrent layer that (PR1) rates highest; the first ones of equal
/// rates.
///
/// # Errors
/// When there is not one size for each layer, or one is 0 or larger than the layer.
pub fn prune(network: &Network, hidden: &[usize]) -> Result<Network, PruneError> {
    let found = &network.config.hidden;
    let fits = hidden.len() == found.len()
        && hidden
            .iter()
            .zip(found)
            .all(|(to, from)| (1..=*from).contains(to));
    if !fits {
        return Err(PruneError {
            found: found.clone(),
            wanted: hidden.to_vec(),
        });
    }
    let mut pruned = network.clone();
    for (l, &count) in hidden.iter().enumerate() {
        let kept = best(&scores(&pruned, l), count);
        pruned.recurrent[l].keep_units(&kept);
        match pruned.recurrent.get_mut(l + 1) {
            Some(above) => above.keep_inputs(&kept),
            None => {
                let DenseLayer { weight, .. } = &mut pruned.dense[0];
                *weight = columns(weight, &kept);
            }
        }
    }
    pruned.config = NetworkConfig {
        hidden: hidden.to_vec(),
        ..network.config.clone()
    };
    Ok(pruned)
}

/// (PR1) for every unit of layer `l`.
fn scores(network: &Network, l: usize) -> Vec<f64> {
    let layer = &network.recurrent[l];
    let above = network.weights_above(l);
    (0..layer.units())
        .map(|u| {
            let out = square(layer.recurrent_weights().column(u)) + square(above.column(u));
            (layer.square_into(u) * out).sqrt()
        })
        .collect()
}

/// The indices of the `count` largest scores, in ascending order.
fn best(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order.truncate(count);
    order.sort_unstable();
    order
}

/// The chosen rows, row by row in memory as parameters are.
pub(crate) fn rows(w: &Array2<f32>, chosen: &[usize]) -> Array2<f32> {
    Array2::from_shape_fn((chosen.len(), w.ncols()), |(r, j)| w[[chosen[r], j]])
}

/// The chosen columns, row by row in memory as parameters are.
pub(crate) fn columns(w: &Array2<f32>, chosen: &[usize]) -> Array2<f32> {
    Array2::from_shape_fn((w.nrows(), chosen.len()), |(r, j)| w[[r, chosen[j]]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Cell, Head, Mode};

    const CELLS: [Cell; 4] = [
        Cell::Lstm { peepholes: true },
        Cell::Gru,
        Cell::Coupled { peepholes: true },
        Cell::GruBefore,
    ];

    fn network(cell: Cell) -> Network {
        let config = NetworkConfig {
            inputs: 3,
            conv: None,
            directions: Vec::new(),
            hidden: vec![6, 5],
            cell,
            dense: vec![4],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToSequence,
        };
        let mut network = Network::new(&config, 5).unwrap();
        // Biases of many kinds begin with zero.
        for (n, value) in (network.values_mut().into_iter().flatten()).enumerate() {
            *value += (n as f32).sin() / 4.0;
        }
        network
    }

    /// Units that nothing reads are the ones to go, and nobody notices.
    #[test]
    fn units_without_readers_are_pruned_and_the_outputs_stay() {
        for cell in CELLS {
            unread_units_go(network(cell));
        }
    }

    fn unread_units_go(mut network: Network) {
        for (l, dead) in [(0, [1, 4]), (1, [0, 3])] {
            for u in dead {
                let [_, w_h] = network.recurrent[l].weights_mut();
                w_h.column_mut(u).fill(0.0);
                match l {
                    0 => {
                        let [w_x, _] = network.recurrent[1].weights_mut();
                        w_x.column_mut(u).fill(0.0);
                    }
                    _ => network.dense[0].weight.column_mut(u).fill(0.0),
                }
            }
        }
        let pruned = prune(&network, &[4, 3]).unwrap();
        assert_eq!(pruned.config.hidden, [4, 3]);
        let shape = Network::zeros(&pruned.config).unwrap();
        let shapes = |n: &Network| {
            n.parameters()
                .iter()
                .map(|p| p.shape.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(shapes(&pruned), shapes(&shape));
        let x = Array2::from_shape_fn((7, 3), |(t, j)| ((3 * t + j) as f32).sin());
        let [a, b] = [&network, &pruned].map(|n| n.outputs(&[x.view()]).remove(0));
        assert!((a - b).iter().all(|d| d.abs() < 1e-6));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for wanted in [&[4][..], &[0, 3], &[7, 3], &[4, 3, 2]] {
            let said = prune(&network(CELLS[1]), wanted).unwrap_err().to_string();
            assert!(said.contains("[6, 5]"), "{said}");
        }
        for cell in CELLS {
            assert_eq!(prune(&network(cell), &[6, 5]).unwrap(), network(cell));
        }
    }
}
