//! The recordings that are decided wrongly: a table, and for the most confident ones their signals, the probabilities after
//! each step, and what the gates did.

use ndarray::{Array2, ArrayView1, Axis};

use super::features::feature_picture;
use super::network::gate_pictures;
use super::page::data_table;
use super::{Chart, Page, Series, columns, escape};
use crate::data::{Dataset, Targets};
use crate::evaluate::{Outputs, decide};
use crate::network::Head;
use crate::passes::activation_format::ActivationFormats;
use crate::run::Run;

/// Recordings in the table, at most.
const LISTED: usize = 200;
/// Recordings that are drawn.
const DRAWN: usize = 6;
/// Channels that are drawn.
const CHANNELS: usize = 6;
/// Points of a line, at most.
const POINTS: usize = 400;
/// Pixels of the gates of all recordings that are drawn, at most. A pixel takes a byte at most, and four thirds of it as text.
const GATE_PIXELS: usize = 192 * 1024;

/// A wrong decision.
struct Wrong {
    sequence: usize,
    /// The step of the decision, from 0.
    step: usize,
    truth: usize,
    decision: usize,
    /// Probability of the decision.
    probability: f64,
}

/// Adds what is decided wrongly of `data`, the part that `part` names, where `outputs` are what was judged.
pub(super) fn wrong_sections(
    page: &mut Page,
    run: &Run,
    (part, data): (&str, &Dataset),
    outputs: &Outputs,
) {
    let head = run.network.config.head;
    let mut wrong: Vec<Wrong> = (0..data.len())
        .filter_map(|sequence| worst_of(data, sequence, outputs, head))
        .collect();
    if wrong.is_empty() {
        return;
    }
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let class = |class: usize| {
        let name = data.outputs.get(class);
        name.map_or_else(|| class.to_string(), |name| escape(name))
    };
    let name = |sequence: usize| match data.names.get(sequence) {
        Some(name) => name.clone(),
        None => format!("number {sequence}"),
    };
    let rows = wrong.iter().take(LISTED).map(|wrong| {
        vec![
            name(wrong.sequence),
            class(wrong.truth),
            class(wrong.decision),
            format!("{:.1} %", 100.0 * wrong.probability),
            wrong.step.to_string(),
            data.sequences[wrong.sequence].nrows().to_string(),
        ]
    });
    let header = [
        "recording",
        "truth",
        "decided as",
        "probability",
        "at step",
        "steps",
    ];
    let note = format!(
        "<p>{} of {} recordings, those first whose wrong decision has the highest probability. Steps count from 0.</p>",
        wrong.len(),
        data.len()
    );
    let table = data_table(&header, rows);
    page.section(&format!("Decided wrongly, {part}"), &(note + &table));
    let charts: String = (wrong.iter().take(DRAWN))
        .map(|wrong| drawn(run, data, wrong, &name(wrong.sequence)))
        .collect();
    let note = format!(
        "<p>Gates are those of the f32 network, a row of pixels for each unit. Their pictures take at most {} KB of this file: \
         of long recordings and large layers, they show evenly spaced steps and units.</p>",
        GATE_PIXELS.div_ceil(1024) * 4 / 3
    );
    page.section(
        &format!("Signals of wrong decisions, {part}"),
        &(note + &charts),
    );
}

/// The wrong decision of a sequence that has the highest probability; `None` if all are right, or are values.
fn worst_of(data: &Dataset, sequence: usize, outputs: &Outputs, head: Head) -> Option<Wrong> {
    let rows = outputs.get(sequence)?;
    let last = data.sequences[sequence].nrows().saturating_sub(1);
    let judged = rows.outer_iter().enumerate().map(|(row, values)| {
        let (step, truth) = match &data.targets {
            Targets::Class(classes) => (last, Some(classes[sequence])),
            Targets::ClassPerStep(classes) => (row, classes[sequence].get(row).copied()),
            _ => (row, None),
        };
        let decision = decide(values);
        let probability = probabilities(values, head)[decision];
        Some(Wrong {
            sequence,
            step,
            truth: truth?,
            decision,
            probability,
        })
    });
    let wrong = judged
        .flatten()
        .filter(|judged| judged.truth != judged.decision);
    wrong.max_by(|a, b| a.probability.total_cmp(&b.probability))
}

/// Probabilities of the classes from one row of outputs.
fn probabilities(outputs: ArrayView1<'_, f32>, head: Head) -> Vec<f64> {
    if outputs.len() == 1 {
        let second = 1.0 / (1.0 + (-f64::from(outputs[0])).exp());
        return vec![1.0 - second, second];
    }
    let most = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let parts: Vec<f64> = match head {
        Head::Sigmoid => {
            let one = |output: &f32| 1.0 / (1.0 + (-f64::from(*output)).exp());
            return outputs.iter().map(one).collect();
        }
        _ => (outputs.iter())
            .map(|output| f64::from(output - most).exp())
            .collect(),
    };
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// A line over steps, thinned out to what can be seen.
fn over_steps(name: &str, values: impl ExactSizeIterator<Item = f64>) -> Series {
    let every = values.len().div_ceil(POINTS).max(1);
    let points = values.enumerate().step_by(every);
    Series::line(
        name,
        points.map(|(step, value)| (step as f64, value)).collect(),
    )
}

/// The signals of one recording, and what the network thinks after each step.
fn drawn(run: &Run, data: &Dataset, wrong: &Wrong, name: &str) -> String {
    let one = data.select(&[wrong.sequence]);
    let normalised = run.fitted.normalised_inputs(&one);
    let Some(signals) = normalised.first() else {
        return String::new();
    };
    let class = |class: usize| data.outputs.get(class).map_or("", String::as_str);
    let few = match signals.ncols() > CHANNELS {
        true => format!("; the first {CHANNELS} of {} inputs", signals.ncols()),
        false => String::new(),
    };
    let title = format!(
        "{name}: {}, decided as {} at step {}{few}",
        class(wrong.truth),
        class(wrong.decision),
        wrong.step
    );
    let features = feature_picture(data, signals.view());
    let channels = signals
        .axis_iter(Axis(1))
        .zip(&data.channels)
        .take(CHANNELS);
    let lines =
        channels.map(|(values, name)| over_steps(name, values.iter().map(|v| f64::from(*v))));
    let inputs = Chart::lines(&title, ("step", "input, in deviations"), lines.collect());
    let charts = inputs.figure() + &thought(run, signals, wrong, class);
    columns(&charts) + &features + &gates(run, signals)
}

/// Said in place of the probabilities after each step of a network that has none.
const ONE_ANSWER: &str = "<p>A layer runs backwards, so the network answers once for the whole recording, and there are no \
                          probabilities after each step.</p>\n";

/// The probabilities of truth and decision after each step.
fn thought<'a>(
    run: &Run,
    signals: &Array2<f32>,
    wrong: &Wrong,
    class: impl Fn(usize) -> &'a str,
) -> String {
    let config = &run.network.config;
    if config.is_of_windows() && !config.mode.is_per_step() {
        return ONE_ANSWER.to_owned();
    }
    let formats = ActivationFormats::default();
    // Also where the network is made for an answer at the end.
    let steps = (run.network).outputs_after_each_step(&formats, signals.view());
    let rows = steps.outer_iter();
    let shares: Vec<Vec<f64>> = rows.map(|row| probabilities(row, config.head)).collect();
    let of_class = |number: usize| {
        let shares = shares.iter().map(|row| row.get(number).copied());
        over_steps(class(number), shares.map(|share| share.unwrap_or(f64::NAN)))
    };
    let thought = Chart {
        marks: vec![(wrong.step as f64, "decision".to_owned())],
        ..Chart::lines(
            "Probability after each step, f32",
            ("step", "probability"),
            vec![of_class(wrong.truth), of_class(wrong.decision)],
        )
    };
    thought.figure()
}

/// What the gates did, to be opened.
fn gates(run: &Run, signals: &Array2<f32>) -> String {
    let pictures = gate_pictures(&run.network, signals.view(), GATE_PIXELS / DRAWN);
    format!("<details><summary>Gates over these steps</summary>{pictures}</details>\n")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_surest_wrong_decision_of_a_sequence_is_taken() {
        let data = Dataset {
            sequences: vec![Array2::zeros((3, 1)), Array2::zeros((3, 1))],
            targets: Targets::ClassPerStep(vec![vec![0, 0, 1], vec![1, 1, 1]]),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        };
        let outputs = vec![
            array![[1.0, 0.0], [0.0, 1.0], [5.0, 0.0]],
            array![[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]],
        ];
        let worst = worst_of(&data, 0, &outputs, Head::Softmax).unwrap();
        assert_eq!((worst.step, worst.truth, worst.decision), (2, 1, 0));
        assert!((worst.probability - 1.0 / (1.0 + (-5f64).exp())).abs() < 1e-9);
        assert!(worst_of(&data, 1, &outputs, Head::Softmax).is_none());
    }

    #[test]
    fn probabilities_sum_to_one() {
        for (outputs, head) in [
            (array![0.3f32, -2.0, 900.0], Head::Softmax),
            (array![0.7f32], Head::Sigmoid),
        ] {
            let sum: f64 = probabilities(outputs.view(), head).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }
}
