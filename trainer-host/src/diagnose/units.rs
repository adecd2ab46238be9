//! Hidden units that a smaller network could do without.

use std::path::Path;

use super::activity::LayerActivity;
use super::finding::{Figure, Finding, Kind, Lever, Severity, sizes};
use crate::network::recurrent::square;
use crate::network::{Direction, Network, RecurrentLayer};

/// h lies within ±1. A unit whose h varies by a hundredth of that does no more than a bias.
const STILL: f64 = 0.01;
/// Share of the layer's median norm. A unit with smaller outgoing weights has no effect.
const UNREAD: f64 = 0.01;
/// With this correlation, two units are equal up to a factor, which the weights can absorb.
const SAME: f64 = 0.99;
/// Share of a layer's units; removing fewer is not worth another run.
const WORTH_PRUNING: f64 = 0.1;
/// Share of a layer's units. This many dead units are more often due to a high rate than to too many units.
const MANY: f64 = 0.25;

/// A layer's units, counted by what is wrong with them.
struct Layer {
    name: String,
    units: usize,
    still: usize,
    unread: usize,
    dead: usize,
    redundant: usize,
    pairs: Vec<(usize, usize)>,
}

/// Dead and redundant units of each recurrent layer of `network`, the network of the run in `folder`.
pub(super) fn findings(layers: &[LayerActivity], network: &Network, folder: &Path) -> Vec<Finding> {
    let layers: Vec<Layer> = layers
        .iter()
        .enumerate()
        .map(|(l, seen)| Layer::of(l, seen, network))
        .collect();
    // A projection has fewer outputs than a layer has units.
    let least = 1 + network.config.cell.projection().unwrap_or(0);
    let mut fewer: Vec<usize> = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let own = (layer.units - layer.dead - layer.redundant).max(least);
        // Both halves of a layer keep as many.
        match (network.config.direction(l), fewer.last_mut()) {
            (Direction::Beside, Some(other)) => *other = own.max(*other),
            _ => fewer.push(own),
        }
    }
    let prune = Lever::train(
        &format!("--prune-to {} --epochs 20", sizes(&fewer)),
        "a smaller network that starts from these weights",
    )
    .with("--init", folder.display().to_string());
    let found = |layer: &Layer| [layer.dead_units(&prune), layer.redundant_units(&prune)];
    layers.iter().flat_map(found).flatten().collect()
}

impl Layer {
    fn of(l: usize, seen: &LayerActivity, network: &Network) -> Self {
        let units = seen.units();
        let out = outgoing(network, l);
        let mut sorted = out.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[units / 2];
        let still: Vec<bool> = (0..units).map(|u| seen.deviation(u) <= STILL).collect();
        let unread: Vec<bool> = out.iter().map(|norm| *norm <= UNREAD * median).collect();
        let dead: Vec<bool> = still.iter().zip(&unread).map(|(a, b)| *a || *b).collect();
        let count = |which: &[bool]| which.iter().filter(|is| **is).count();
        let mut kept: Vec<usize> = Vec::new();
        let mut pairs = Vec::new();
        for u in (0..units).filter(|u| !dead[*u]) {
            match kept.iter().find(|k| seen.correlation(**k, u).abs() >= SAME) {
                Some(same) => pairs.push((*same, u)),
                None => kept.push(u),
            }
        }
        Self {
            name: seen.name.clone(),
            units,
            still: count(&still),
            unread: count(&unread),
            dead: count(&dead),
            redundant: pairs.len(),
            pairs,
        }
    }

    fn share(&self, count: usize) -> f64 {
        count as f64 / self.units as f64
    }

    fn dead_units(&self, prune: &Lever) -> Option<Finding> {
        let name = &self.name;
        let many = self.share(self.dead) >= MANY;
        let found = Finding::when(
            Kind::DeadUnits,
            if many {
                Severity::Warning
            } else {
                Severity::Note
            },
            format!(
                "Layer {name}: {} of {} units do nothing.",
                self.dead, self.units
            ),
            vec![
                Figure::at_least(
                    format!("{name}: share of units that do nothing"),
                    self.share(self.dead),
                    WORTH_PRUNING,
                ),
                Figure::of(
                    format!("{name}: units whose h has a deviation of {STILL} or less"),
                    self.still as f64,
                ),
                Figure::of(
                    format!("{name}: units without effect, by the norm of their outgoing weights"),
                    self.unread as f64,
                ),
            ],
        )?;
        let rate = many
            .then(|| Lever::look("if units died early in the run, a lower rate keeps them alive"));
        Some(found.advise([prune.clone()]).advise(rate))
    }

    fn redundant_units(&self, prune: &Lever) -> Option<Finding> {
        let name = &self.name;
        let examples = self.pairs.iter().take(3);
        let examples: Vec<String> = examples.map(|(u, v)| format!("{u} and {v}")).collect();
        let found = Finding::when(
            Kind::RedundantUnits,
            Severity::Note,
            format!(
                "Layer {name}: {} of {} units repeat other units, for example {}.",
                self.redundant,
                self.units,
                examples.join("; ")
            ),
            vec![Figure::at_least(
                format!(
                    "{name}: share of units whose h correlates by {SAME} or more with an earlier unit's"
                ),
                self.share(self.redundant),
                WORTH_PRUNING,
            )],
        )?;
        Some(found.advise([prune.clone()]))
    }
}

/// Norm of the weights that read each unit of layer `l`: its own recurrent ones and the layer's above, or its projection's.
fn outgoing(network: &Network, l: usize) -> Vec<f64> {
    if let RecurrentLayer::Projected(layer) = &network.recurrent[l] {
        let columns = layer.w_r.columns().into_iter();
        return columns.map(|column| square(column).sqrt()).collect();
    }
    let own = network.recurrent[l].recurrent_weights();
    let above = network.weights_above(l);
    let units = own.ncols();
    (0..units)
        .map(|u| {
            let above = above.iter().map(|weights| square(weights.column(u)));
            (square(own.column(u)) + above.sum::<f64>()).sqrt()
        })
        .collect()
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::activity::tests::{layer, lively, noise, second};
    use super::*;
    use crate::network::{Cell, Head, Mode, NetworkConfig};

    const UNITS: usize = 10;

    fn network() -> Network {
        let config = NetworkConfig {
            inputs: 2,
            conv: None,
            directions: Vec::new(),
            hidden: vec![UNITS, UNITS],
            cell: Cell::Lstm { peepholes: true },
            dense: Vec::new(),
            outputs: 3,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        Network::new(&config, 1).unwrap()
    }

    fn found(ill: &LayerActivity, network: &Network) -> Vec<Finding> {
        let healthy = layer(UNITS, lively, noise);
        findings(
            &[healthy, second(ill.clone())],
            network,
            Path::new("runs/a run"),
        )
    }

    /// What is found in networks whose second layer has one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let still = layer(UNITS, lively, |t, u| {
            if u == 3 {
                0.3 + 0.001 * noise(t, u)
            } else {
                noise(t, u)
            }
        });
        let same = layer(UNITS, lively, |t, u| {
            if u == 7 {
                -0.5 * noise(t, 2)
            } else {
                noise(t, u)
            }
        });
        vec![
            (Kind::DeadUnits, found(&still, &network())),
            (Kind::DeadUnits, {
                let mut unread = network();
                let second = unread.recurrent[1].as_lstm_mut().unwrap();
                second.w_h.column_mut(4).fill(0.0);
                unread.dense[0].weight.column_mut(4).fill(1e-4);
                found(&layer(UNITS, lively, noise), &unread)
            }),
            (Kind::RedundantUnits, found(&same, &network())),
        ]
    }

    #[test]
    fn each_illness_is_found_alone_with_the_size_to_prune_to() {
        for (kind, found) in ill() {
            assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
            assert!(
                found[0].summary.contains("lstm.1: 1 of 10"),
                "{}",
                found[0].summary
            );
            let flags = [
                "--prune-to",
                "10,9",
                "--epochs",
                "20",
                "--init",
                "runs/a run",
            ];
            assert_eq!(found[0].advice[0].flags, flags);
        }
    }

    #[test]
    fn units_of_their_own_are_healthy() {
        assert_eq!(found(&layer(UNITS, lively, noise), &network()), []);
    }
}
