//! What one row of outputs means.

use lstm_nostd::{I16F16, Parsed, probability};
use ndarray::ArrayView1;
use serde::Serialize;
use serde::ser::SerializeMap;

use super::arithmetic::Arithmetic;
use crate::data::Schema;
use crate::evaluate::decide;
use crate::network::{Head, Mode, NetworkConfig};

/// What the outputs of a network mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// Values, or scores of classes.
    pub head: Head,
    /// Whether there is an answer for each step.
    pub mode: Mode,
    /// Outputs `O`.
    pub outputs: usize,
    /// Names of the classes, two for a single sigmoid output, or of the values.
    pub names: Vec<String>,
    /// What the numbers are computed in.
    pub arithmetic: Arithmetic,
}

/// What a network says after a sequence or after a step of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Number of the sequence, from 0.
    pub sequence: usize,
    /// What its source calls it.
    pub name: Option<String>,
    /// The step in it, from 0, where each has an answer.
    pub step: Option<usize>,
    /// The class, as an index into the names; none for values.
    pub class: Option<usize>,
    /// Of each class; empty for values.
    pub probabilities: Vec<f64>,
    /// Values in real units, or the scores before softmax or sigmoid, `[O]`.
    pub outputs: Vec<f64>,
    /// What a forecast of changes leads to, `[O]`: the last value that went in, and the change.
    pub forecasts: Vec<f64>,
}

/// Answers and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// Of every answer.
    pub meaning: Meaning,
    /// In the order of the data.
    pub rows: Vec<Answer>,
    /// Names of [`Answer::forecasts`]; empty where there are none.
    pub forecast_names: Vec<String>,
}

impl Meaning {
    /// Of a run's network.
    pub fn of_network(config: &NetworkConfig, schema: &Schema, arithmetic: Arithmetic) -> Self {
        Self {
            head: config.head,
            mode: config.mode,
            outputs: config.outputs,
            names: schema.outputs.clone(),
            arithmetic,
        }
    }

    /// Of a model file.
    pub fn of_model(model: &Parsed<'_>, arithmetic: Arithmetic) -> Self {
        Self {
            head: model.task().into(),
            mode: model.mode().into(),
            outputs: model.outputs(),
            names: model.output_names().map(str::to_owned).collect(),
            arithmetic,
        }
    }

    /// Whether outputs are scores of classes.
    pub fn is_class(&self) -> bool {
        self.head != Head::Linear
    }

    /// Names of the outputs themselves: of a single score of two classes, that it is for the second.
    pub fn output_names(&self) -> &[String] {
        &self.names[self.names.len() - self.outputs.min(self.names.len())..]
    }

    /// The answer that a row of outputs is, `[O]`, without its place.
    pub fn answer(&self, outputs: Vec<f64>) -> Answer {
        let class = (self.is_class()).then(|| decide(ArrayView1::from(&outputs[..])));
        let probabilities = match self.arithmetic {
            Arithmetic::Float => float_probabilities(self.head, &outputs),
            Arithmetic::Integers | Arithmetic::Device => engine_probabilities(self.head, &outputs),
        };
        Answer {
            sequence: 0,
            name: None,
            step: None,
            class,
            probabilities,
            outputs,
            forecasts: Vec::new(),
        }
    }

    /// A number as it is computed: an f32 in its own digits, an integer's value in all of its digits.
    pub fn number(&self, value: f64) -> Number {
        Number {
            value,
            is_single: self.arithmetic == Arithmetic::Float,
        }
    }
}

/// A number of an answer; see [`Meaning::number`].
#[derive(Clone, Copy, Debug)]
pub struct Number {
    value: f64,
    is_single: bool,
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.is_single {
            true => (self.value as f32).fmt(f),
            false => self.value.fmt(f),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_single {
            true => serializer.serialize_f32(self.value as f32),
            false => serializer.serialize_f64(self.value),
        }
    }
}

/// Numbers by their names, as a JSON object in their order.
struct Named<'a>(&'a Meaning, &'a [String], &'a [f64]);

impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(meaning, names, numbers) = self;
        let mut map = serializer.serialize_map(Some(numbers.len()))?;
        for (name, number) in names.iter().zip(*numbers) {
            map.serialize_entry(name, &meaning.number(*number))?;
        }
        map.end()
    }
}

/// An answer with names, for JSON.
#[derive(Serialize)]
pub(super) struct NamedAnswer<'a> {
    sequence: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Named<'a>>,
    outputs: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecasts: Option<Named<'a>>,
}

impl Answer {
    /// With the names of `meaning`, and of forecasts.
    pub(super) fn named<'a>(
        &'a self,
        meaning: &'a Meaning,
        forecast_names: &'a [String],
    ) -> NamedAnswer<'a> {
        let named = |names, numbers: &'a [f64]| {
            (!numbers.is_empty()).then_some(Named(meaning, names, numbers))
        };
        NamedAnswer {
            sequence: self.sequence,
            name: self.name.as_deref(),
            step: self.step,
            class: self.class.map(|class| meaning.names[class].as_str()),
            probabilities: named(&meaning.names, &self.probabilities),
            outputs: Named(meaning, meaning.output_names(), &self.outputs),
            forecasts: named(forecast_names, &self.forecasts),
        }
    }
}

impl Serialize for Answers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.rows.iter();
        serializer.collect_seq(rows.map(|row| row.named(&self.meaning, &self.forecast_names)))
    }
}

/// Of a class each; two for a single score.
fn float_probabilities(head: Head, outputs: &[f64]) -> Vec<f64> {
    let sigmoid = |y: &f64| 1.0 / (1.0 + (-y).exp());
    match head {
        Head::Linear => Vec::new(),
        Head::Sigmoid => both_of_one(outputs.iter().map(sigmoid).collect()),
        Head::Softmax => {
            let max = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = outputs.iter().map(|y| (y - max).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.iter().map(|power| power / sum).collect()
        }
    }
}

/// Those of the engine, Q0.15, for scores that are multiples of 2^-16.
fn engine_probabilities(head: Head, outputs: &[f64]) -> Vec<f64> {
    let logits: Vec<I16F16> = (outputs.iter())
        .map(|y| I16F16::from_bits((y * 65_536.0) as i32))
        .collect();
    let real = |q15: i16| f64::from(q15) / 32_768.0;
    match head {
        Head::Linear => Vec::new(),
        Head::Sigmoid => both_of_one(
            logits
                .iter()
                .map(|y| real(probability::sigmoid(*y)))
                .collect(),
        ),
        Head::Softmax => {
            let mut probabilities = vec![0; logits.len()];
            probability::softmax(&logits, &mut probabilities);
            probabilities.into_iter().map(real).collect()
        }
    }
}

/// A single probability is the second class's.
fn both_of_one(probabilities: Vec<f64>) -> Vec<f64> {
    match probabilities[..] {
        [second] => vec![1.0 - second, second],
        _ => probabilities,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meaning(head: Head, outputs: usize, arithmetic: Arithmetic) -> Meaning {
        let names = if head == Head::Sigmoid && outputs == 1 {
            2
        } else {
            outputs
        };
        Meaning {
            head,
            mode: Mode::SequenceToOne,
            outputs,
            names: (0..names).map(|n| format!("n{n}")).collect(),
            arithmetic,
        }
    }

    proptest! {
        /// The engine's probabilities are within 2 LSB of Q0.15 of the exact ones (3 with the host's own scale of one);
        /// a sigmoid of more than 8 counts as one of 8, 3.4e-4 from one.
        #[test]
        fn both_ways_give_the_same_class_and_nearly_the_same_probabilities(
            bits in prop::collection::vec(-500_000i32..500_000, 1..6), softmax: bool,
        ) {
            let head = if softmax && bits.len() > 1 { Head::Softmax } else { Head::Sigmoid };
            let outputs: Vec<f64> = bits.iter().map(|bits| f64::from(*bits) / 65_536.0).collect();
            let [float, integers] = [Arithmetic::Float, Arithmetic::Integers]
                .map(|way| meaning(head, outputs.len(), way).answer(outputs.clone()));
            prop_assert_eq!(float.class, integers.class);
            let logits: Vec<I16F16> = bits.iter().map(|bits| I16F16::from_bits(*bits)).collect();
            prop_assert_eq!(integers.class, Some(lstm_nostd::decide(&logits)));
            for (a, b) in float.probabilities.iter().zip(&integers.probabilities) {
                prop_assert!((a - b).abs() < 5e-4, "{} {}", a, b);
            }
            prop_assert!((float.probabilities.len() == outputs.len()) == (outputs.len() > 1));
        }
    }

    #[test]
    fn a_row_of_json_has_names_in_their_order() {
        let meaning = meaning(Head::Sigmoid, 1, Arithmetic::Float);
        let answer = meaning.answer(vec![f64::from(0.1f32)]);
        let json = serde_json::to_string(&answer.named(&meaning, &[])).unwrap();
        let expected = r#"{"sequence":0,"class":"n1","probabilities":{"n0":0.47502083,"n1":0.5249792},"outputs":{"n1":0.1}}"#;
        assert_eq!(json, expected);
    }
}
