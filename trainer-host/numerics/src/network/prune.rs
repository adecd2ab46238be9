//! Structured pruning: a smaller network of the hidden units that matter most.
//!
//! ```text
//! score_u = ‖weights into u‖ · ‖weights out of u‖                         (PR1)
//! ```
//!
//! Into a unit lead its gate rows of W_x and W_h, out of it its columns of W_h and of the layer
//! above. Of a projection, they are its columns, and its outputs are rated alike, by its rows (Han et al. 2015 by single
//! weights, Li et al. 2017 by whole filters). What is left keeps its order; the network is physically smaller, and is then
//! fine-tuned.

use ndarray::Array2;

use crate::network::recurrent::square;
use crate::network::{
    DenseLayer, LayerDirections, Network, NetworkConfig, PlaceAbove, Recurrent as _,
    RecurrentLayer, StructureError,
};

/// Why a network cannot be pruned to these sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// The units.
    #[error(
        "cannot prune {found:?} hidden units to {wanted:?}: name one size for each recurrent layer, from 1 to what it has"
    )]
    Units {
        /// Hidden units of each recurrent layer.
        found: Vec<usize>,
        /// What was asked for.
        wanted: Vec<usize>,
    },
    /// The outputs of a projection.
    #[error(
        "cannot prune {found} outputs of the projections to {wanted}: name a size from 1 to what they have"
    )]
    Outputs {
        /// Outputs of each recurrent layer.
        found: usize,
        /// What was asked for.
        wanted: usize,
    },
    /// There is no projection.
    #[error("cannot prune outputs of {kind} layers: they have no projection")]
    NoProjection {
        /// What the layers are.
        kind: &'static str,
    },
    /// What would be left is no network.
    #[error("cannot prune: {0}")]
    Structure(#[from] StructureError),
}

/// `network` with the `hidden` units of each recurrent layer that (PR1) rates highest, and as many outputs of each projection
/// as `projection` says, if it does; the first ones of equal rates. Of a bidirectional layer, each half keeps so many.
///
/// # Errors
/// [`PruneError`]
pub fn prune(
    network: &Network,
    hidden: &[usize],
    projection: Option<usize>,
) -> Result<Network, PruneError> {
    let config = &network.config;
    let (found, directions) = LayerDirections::of(config);
    let fits = hidden.len() == found.len()
        && config.has_equal_halves()
        && (hidden.iter().zip(&found)).all(|(to, from)| (1..=*from).contains(to));
    if !fits {
        return Err(PruneError::Units {
            found,
            wanted: hidden.to_vec(),
        });
    }
    let (halves, _) = directions.halves(hidden);
    let cell = match projection {
        Some(outputs) => config.cell.with_projection(outputs),
        None => config.cell,
    };
    match (projection, config.cell.projection()) {
        (Some(wanted), Some(found)) if !(1..=found).contains(&wanted) => {
            return Err(PruneError::Outputs { found, wanted });
        }
        (Some(_), None) => {
            let kind = config.cell.title();
            return Err(PruneError::NoProjection { kind });
        }
        _ => {}
    }
    let left = NetworkConfig {
        hidden: halves.clone(),
        cell,
        ..config.clone()
    };
    left.validate()?;
    let mut pruned = network.clone();
    for (l, &count) in halves.iter().enumerate() {
        let kept = best(&scores(&pruned, l), count);
        let place = pruned.place_above(l);
        pruned.recurrent[l].keep_units(&kept);
        if cell.projection().is_none() {
            keep_inputs(&mut pruned, place, &kept);
        }
        if let Some(outputs) = projection {
            let kept = best(&output_scores(&pruned, l), outputs);
            let place = pruned.place_above(l);
            if let RecurrentLayer::Projected(layer) = &mut pruned.recurrent[l] {
                layer.keep_outputs(&kept);
            }
            keep_inputs(&mut pruned, place, &kept);
        }
    }
    pruned.config = left;
    Ok(pruned)
}

/// Keeps, of the values that are read at `place`, these alone.
fn keep_inputs(
    network: &mut Network,
    PlaceAbove {
        layers,
        columns: own,
    }: PlaceAbove,
    kept: &[usize],
) {
    let of = |inputs: usize| -> Vec<usize> {
        let kept = kept.iter().map(|value| own.start + value);
        (0..own.start).chain(kept).chain(own.end..inputs).collect()
    };
    if layers.is_empty() {
        let DenseLayer { weight, .. } = &mut network.dense[0];
        *weight = columns(weight, &of(weight.ncols()));
    }
    for layer in &mut network.recurrent[layers] {
        let kept = of(layer.inputs());
        layer.keep_inputs(&kept);
    }
}

/// (PR1) for every unit of layer `l`.
fn scores(network: &Network, l: usize) -> Vec<f64> {
    let layer = &network.recurrent[l];
    let out_of = |u: usize| match layer {
        RecurrentLayer::Projected(layer) => square(layer.w_r.column(u)),
        _ => square_out(network, l, u),
    };
    (0..layer.units())
        .map(|u| (layer.square_into(u) * out_of(u)).sqrt())
        .collect()
}

/// (PR1) for every output of the projection of layer `l`; of none without.
fn output_scores(network: &Network, l: usize) -> Vec<f64> {
    let RecurrentLayer::Projected(layer) = &network.recurrent[l] else {
        return Vec::new();
    };
    (0..layer.outputs())
        .map(|p| (square(layer.w_r.row(p)) * square_out(network, l, p)).sqrt())
        .collect()
}

/// Sum of the squared weights that read value `value` of what layer `l` hands on.
fn square_out(network: &Network, l: usize, value: usize) -> f64 {
    let recurrent = network.recurrent[l].recurrent_weights();
    let above = network.weights_above(l);
    let above = above.iter().map(|weights| square(weights.column(value)));
    square(recurrent.column(value)) + above.sum::<f64>()
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
    use crate::network::{Cell, Direction, Head, Mode};

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
        let pruned = prune(&network, &[4, 3], None).unwrap();
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

    /// Both halves of a layer lose units of their own, and the layer above loses the inputs that those were.
    #[test]
    fn units_of_each_half_are_pruned_apart() {
        for cell in CELLS {
            let config = NetworkConfig {
                hidden: vec![6, 6, 5, 5],
                directions: [Direction::Forward, Direction::Beside].repeat(2),
                ..network(cell).config
            };
            let mut network = Network::new(&config, 3).unwrap();
            for (l, dead) in [[1, 4], [0, 5], [2, 3], [0, 1]].into_iter().enumerate() {
                for u in dead {
                    let [_, w_h] = network.recurrent[l].weights_mut();
                    w_h.column_mut(u).fill(0.0);
                    let first = l % 2 * config.hidden[l];
                    match l {
                        0 | 1 => (network.recurrent[2..].iter_mut()).for_each(|above| {
                            above.weights_mut()[0].column_mut(first + u).fill(0.0)
                        }),
                        _ => network.dense[0].weight.column_mut(first + u).fill(0.0),
                    }
                }
            }
            let pruned = prune(&network, &[4, 3], None).unwrap();
            assert_eq!(pruned.config.hidden, [4, 4, 3, 3]);
            let x = Array2::from_shape_fn((7, 3), |(t, j)| ((3 * t + j) as f32).sin());
            let [a, b] = [&network, &pruned].map(|n| n.outputs(&[x.view()]).remove(0));
            assert!((a - b).iter().all(|d| d.abs() < 1e-6), "{cell:?}");
            let said = prune(&network, &[4, 4, 3, 3], None)
                .unwrap_err()
                .to_string();
            assert!(said.contains("[6, 5]"), "{said}");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for wanted in [&[4][..], &[0, 3], &[7, 3], &[4, 3, 2]] {
            let said = prune(&network(CELLS[1]), wanted, None)
                .unwrap_err()
                .to_string();
            assert!(said.contains("[6, 5]"), "{said}");
        }
        for cell in CELLS {
            assert_eq!(prune(&network(cell), &[6, 5], None).unwrap(), network(cell));
        }
    }

    const PROJECTED: Cell = Cell::Projected {
        peepholes: true,
        outputs: 4,
    };

    /// Of a projection, units that it does not read and outputs that nothing reads are the ones to go.
    #[test]
    fn units_and_outputs_of_a_projection_are_pruned_apart() {
        let mut network = network(PROJECTED);
        for l in [0, 1] {
            let dead = [1, 3];
            if let RecurrentLayer::Projected(layer) = &mut network.recurrent[l] {
                layer.w_r.column_mut(2).fill(0.0);
                (dead.iter()).for_each(|p| layer.lstm.w_h.column_mut(*p).fill(0.0));
            }
            for p in dead {
                match l {
                    0 => {
                        let [w_x, _] = network.recurrent[1].weights_mut();
                        w_x.column_mut(p).fill(0.0);
                    }
                    _ => network.dense[0].weight.column_mut(p).fill(0.0),
                }
            }
        }
        let pruned = prune(&network, &[5, 4], Some(2)).unwrap();
        assert_eq!(pruned.config.hidden, [5, 4]);
        assert_eq!(pruned.config.cell.projection(), Some(2));
        let shape = Network::zeros(&pruned.config).unwrap();
        let shapes = |n: &Network| -> Vec<_> {
            let parameters = n.parameters();
            parameters.iter().map(|p| p.shape.clone()).collect()
        };
        assert_eq!(shapes(&pruned), shapes(&shape));
        let x = Array2::from_shape_fn((7, 3), |(t, j)| ((3 * t + j) as f32).sin());
        let [a, b] = [&network, &pruned].map(|n| n.outputs(&[x.view()]).remove(0));
        assert!((a - b).iter().all(|d| d.abs() < 1e-6));
        for (wanted, outputs, why) in [
            (&[6, 5][..], Some(5), "4 outputs"),
            (&[6, 4], None, "fewer than the units"),
        ] {
            let said = prune(&network, wanted, outputs).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
        let said = prune(&self::network(CELLS[1]), &[6, 5], Some(2)).unwrap_err();
        assert!(said.to_string().contains("no projection"), "{said}");
    }
}
