//! The recording that a new project classifies, and what the project prints about it.

use lstm_nostd::recognise::{Event, Settings};
use lstm_nostd::{I16F16, Model, Task, decide, probability};

use crate::data::{Dataset, Targets};
use crate::integers::stream::{self, input_formats, raw_sequence};
use crate::recogniser::host_recogniser;

/// A recording in raw integers, as a sensor would give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// `[T][I]`
    pub raw: Vec<Vec<i32>>,
    /// Where it comes from.
    pub source: String,
    /// What the data says of it: the class, or the values.
    pub label: Option<String>,
}

impl Example {
    /// The first recording of `data`, which `source` names.
    ///
    /// Panics if there is none.
    pub fn first_of(data: &Dataset, source: String, model: &Model<'_>) -> Self {
        let label = match &data.targets {
            Targets::Class(classes) => Some(data.outputs[classes[0]].clone()),
            Targets::Value(values) => {
                let values: Vec<_> = values[0].iter().map(f32::to_string).collect();
                Some(values.join(", "))
            }
            Targets::ClassPerStep(_) | Targets::ValuePerStep(_) => None,
        };
        Self {
            raw: raw_sequence(&input_formats(model), data.recording(0)),
            source,
            label,
        }
    }

    /// The steps in the model file for the self-test; they are the beginning of one recording.
    pub fn of_self_test(model: &Model<'_>) -> Self {
        Self {
            raw: model.golden_steps().map(|(raw, _)| raw.into()).collect(),
            source: "the steps in model.lstm that the self-test runs".to_owned(),
            label: None,
        }
    }

    /// Leaves the steps out that do not fit `bytes`; whether there were some.
    pub fn shorten(&mut self, bytes: usize) -> bool {
        let channels = self.raw.first().map_or(1, Vec::len);
        let steps = (bytes / (4 * channels)).max(1);
        let is_longer = self.raw.len() > steps;
        self.raw.truncate(steps);
        is_longer
    }

    /// What the project prints: one line for the self-test, then the answers, or with the settings of a recogniser the
    /// events.
    ///
    /// Panics if the settings are not for the model.
    pub fn printed(&self, model: &Model<'_>, recogniser: Option<Settings>) -> Vec<String> {
        let steps = model.golden_steps().count();
        let mut lines = vec![format!(
            "self-test: {steps} steps, bit for bit as on the host"
        )];
        if let Some(settings) = recogniser {
            let mut recogniser =
                host_recogniser(model, settings).expect("the settings were checked");
            let events = self.raw.iter().filter_map(|raw| recogniser.step(raw));
            lines.extend(events.map(|event| event_line(model, event)));
            return lines;
        }
        // Of a convolution's outputs, those that move are printed.
        let moves = |step: usize| match model.convolution() {
            Some(conv) if model.mode().is_per_step() => {
                step >= conv.first && (step - conv.first).is_multiple_of(conv.stride)
            }
            _ => true,
        };
        let outputs = stream::run(model, &self.raw);
        for (step, bits) in outputs.iter().enumerate().filter(|(step, _)| moves(*step)) {
            let outputs: Vec<_> = bits.iter().map(|bits| I16F16::from_bits(*bits)).collect();
            if model.mode().is_per_step() {
                lines.push(format!("step {step}:"));
            }
            lines.extend(answer(model, &outputs));
        }
        lines
    }
}

/// The lines about one answer, as `assets/firmware/show` prints them.
fn answer(model: &Model<'_>, outputs: &[I16F16]) -> Vec<String> {
    let names = model.output_names();
    match (model.task(), outputs) {
        (Task::Softmax, _) => {
            let mut probabilities = vec![0; outputs.len()];
            probability::softmax(outputs, &mut probabilities);
            let class = decide(outputs);
            class_line(model, class, probabilities[class])
        }
        (Task::Sigmoid, [logit]) => {
            let (class, p) = (decide(outputs), probability::sigmoid(*logit));
            class_line(model, class, if class == 1 { p } else { i16::MAX - p })
        }
        (Task::Sigmoid, _) => names
            .zip(outputs)
            .map(|(name, logit)| {
                let tenths = permille(probability::sigmoid(*logit));
                format!("{name}: {}.{} %", tenths / 10, tenths % 10)
            })
            .collect(),
        (Task::Linear, _) => names
            .zip(outputs.iter().enumerate())
            .map(|(name, (output, bits))| format!("{name}: {}", model.value(output, *bits)))
            .collect(),
    }
}

fn class_line(model: &Model<'_>, class: usize, probability: i16) -> Vec<String> {
    let name = model.output_names().nth(class).unwrap_or("?");
    let tenths = permille(probability);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    vec![format!("class {name}, probability {whole}.{tenth} %")]
}

fn event_line(model: &Model<'_>, event: Event) -> String {
    let name = model.output_names().nth(event.class).unwrap_or("?");
    let tenths = permille(event.confidence);
    let (whole, tenth) = (tenths / 10, tenths % 10);
    format!("step {}: {name}, confidence {whole}.{tenth} %", event.step)
}

/// Thousandths of a probability in Q0.15.
fn permille(probability: i16) -> i32 {
    (i32::from(probability) * 1000 + (1 << 14)) >> 15
}
