//! Findings about the gates over recorded sequences: saturation, short memory.

use super::activity::{CANDIDATE_END, GATE_END, LayerActivity};
use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use crate::network::{Activation, Gate, GateRole};
use crate::train::TrainConfig;

/// A gate that decides clearly is at its ends for half of the time or more. Beyond nine tenths, gradients can hardly
/// change it.
pub(super) const SATURATED: f64 = 0.9;
/// A cell that forgets most of its content within a tenth of a sequence cannot carry the beginning to the end.
const SHORT: f64 = 0.1;
/// Sequences with fewer steps need hardly any memory.
const LONG_SEQUENCE: usize = 20;
/// A network that fits well needs no longer memory. So at least half of a constant guess's loss must be left.
const UNLEARNED: f64 = 0.5;

/// If the network learned nothing at all, memory is the first thing to try.
const NOTHING_LEARNED: f64 = 0.95;

/// Saturated gates, and forget gates that are closed although sequences are long.
///
/// `left` is the training loss as a share of a constant guess's.
pub(super) fn findings(
    layers: &[LayerActivity],
    config: &TrainConfig,
    left: f64,
    median_steps: usize,
) -> Vec<Finding> {
    let saturated = layers.iter().filter_map(|layer| saturated(layer, config));
    saturated
        .chain(short_memory(layers, config, left, median_steps))
        .collect()
}

/// Share of the activations of gate `number` at the unhealthy ends of its range, and the names of these ends.
fn saturation(layer: &LayerActivity, number: usize) -> (f64, String) {
    let (low, high) = layer.ends(number);
    let gate = layer.gates[number];
    match (gate.role, gate.activation) {
        // Long memories need forget gates that stay open.
        (GateRole::Forget, _) => (low, format!("below {GATE_END}")),
        // One less such a gate is a forget gate.
        (GateRole::Coupled, _) => {
            let upper = short(f64::from(1.0 - GATE_END));
            (high, format!("above {upper}"))
        }
        (_, Activation::Tanh) => (low + high, format!("beyond ±{CANDIDATE_END}")),
        (_, Activation::Sigmoid) => {
            let upper = short(f64::from(1.0 - GATE_END));
            (low + high, format!("below {GATE_END} or above {upper}"))
        }
    }
}

/// The largest share of any gate of any layer.
pub(super) fn largest_saturation(layers: &[LayerActivity]) -> f64 {
    let gates = layers
        .iter()
        .flat_map(|layer| (0..layer.gates.len()).map(|gate| saturation(layer, gate).0));
    gates.fold(0.0, f64::max)
}

fn saturated(layer: &LayerActivity, config: &TrainConfig) -> Option<Finding> {
    let layer_name = &layer.name;
    let mut evidence = Vec::new();
    let mut names = Vec::new();
    for (number, gate) in layer.gates.iter().enumerate() {
        let name = gate.name;
        let (share, ends) = saturation(layer, number);
        let figure = Figure::at_least(
            format!("layer {layer_name}, {name}: share of activations {ends}"),
            share,
            SATURATED,
        );
        if figure.holds() {
            names.push(name);
            evidence.push(figure);
        }
    }
    if names.is_empty() {
        return None;
    }
    let found = Finding::when(
        Kind::SaturatedGates,
        Severity::Warning,
        format!(
            "Layer {layer_name}: nearly all activations of the {} are at an end of their range, where no gradient passes.",
            names.join(", ")
        ),
        evidence,
    )?;
    let rate = short(f64::from(config.learning_rate) / 3.0);
    let mut optimiser = config.optimiser;
    let decay = (*optimiser.weight_decay_mut() == 0.0)
        .then(|| Lever::train("--weight-decay 0.0001", "keeps weights small"));
    Some(
        found
            .advise([Lever::train(&format!("--learning-rate {rate}"), "large steps drive gates to their ends")])
            .advise(decay)
            .advise([Lever::look("look for outliers in the channels: a value many deviations from the mean saturates every gate that sees it")]),
    )
}

fn short_memory(
    layers: &[LayerActivity],
    config: &TrainConfig,
    left: f64,
    median_steps: usize,
) -> Option<Finding> {
    let longest = layers
        .iter()
        .flat_map(LayerActivity::memory)
        .fold(0.0, f64::max);
    let mut gates = layers.iter().flat_map(|layer| layer.gates);
    let is_keeper = |gate: &Gate| matches!(gate.role, GateRole::Forget | GateRole::Coupled);
    let (state, name, memory) = match gates.find(|gate| is_keeper(gate)) {
        Some(gate) if gate.role == GateRole::Coupled => ("open", gate.name, "mean "),
        Some(gate) => ("closed", gate.name, "(1 − mean "),
        None => return None,
    };
    let end = if state == "closed" { ")" } else { "" };
    let steps = median_steps as f64;
    let severity = if left >= NOTHING_LEARNED {
        Severity::Warning
    } else {
        Severity::Note
    };
    let found = Finding::when(
        Kind::ShortMemory,
        severity,
        format!("Nearly {state} {name}s: every unit forgets within a small part of a sequence."),
        vec![
            Figure::at_most(
                format!("longest memory of a unit in steps, 1 / {memory}{name}{end}"),
                longest,
                SHORT * steps,
            ),
            Figure::at_least("steps of the middle sequence", steps, LONG_SEQUENCE as f64),
            Figure::at_least(
                "training loss, as a share of a constant guess's",
                left,
                UNLEARNED,
            ),
        ],
    )?;
    let bias = (config.forget_bias < 3.0 && config.init.is_none()).then(|| {
        Lever::train(
            "--forget-bias 3",
            "units that remember for twenty steps from the beginning",
        )
    });
    let chrono = (config.init.is_none()).then(|| {
        Lever::train(
            &format!("--chrono-steps {median_steps}"),
            "memories as long as the sequences",
        )
    });
    Some(found.advise(bias).advise(chrono))
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::activity::tests::{layer, lively, noise, second};
    use super::*;

    /// What is found in layers of which one has one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let config = TrainConfig::default();
        let shut = layer(
            8,
            |t, g, u| if g == 3 { 0.001 } else { lively(t, g, u) },
            noise,
        );
        let forgetful = layer(
            8,
            |t, g, u| {
                if g == 1 {
                    0.3 + 0.2 * noise(t, u)
                } else {
                    lively(t, g, u)
                }
            },
            noise,
        );
        vec![
            (
                Kind::SaturatedGates,
                findings(&[layer(8, lively, noise), second(shut)], &config, 0.1, 100),
            ),
            (Kind::ShortMemory, findings(&[forgetful], &config, 0.9, 100)),
        ]
    }

    #[test]
    fn each_illness_is_found_alone() {
        for (kind, found) in ill() {
            assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
        }
    }

    #[test]
    fn lively_gates_are_healthy() {
        let config = TrainConfig::default();
        assert_eq!(findings(&[layer(8, lively, noise)], &config, 0.9, 100), []);
        // Open forget gates are a long memory, and a network that fits needs none.
        let open = layer(
            8,
            |t, g, u| if g == 1 { 0.999 } else { lively(t, g, u) },
            noise,
        );
        assert_eq!(findings(&[open], &config, 0.9, 100), []);
        let forgetful = layer(
            8,
            |t, g, u| if g == 1 { 0.3 } else { lively(t, g, u) },
            noise,
        );
        assert_eq!(findings(&[forgetful], &config, 0.01, 100), []);
    }

    #[test]
    fn the_saturated_gate_and_its_layer_are_named() {
        let (_, found) = &ill()[0];
        assert!(found[0].summary.contains("lstm.1") && found[0].summary.contains("output gate"));
        assert_eq!(found[0].evidence.len(), 1);
        assert_eq!(found[0].evidence[0].value, 1.0);
    }
}
