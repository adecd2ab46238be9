//! Scores of a regression, and of a forecast beside the simplest forecast.
//!
//! ```text
//! MSE = mean (y − q)²      MAE = mean |y − q|      R² = 1 − Σ (y − q)² / Σ (q − mean q)²     (V1)
//! ```
//!
//! Over several outputs, MSE and MAE are taken over all values, and R² is the mean over the outputs. A forecast is
//! judged by the values that it predicts: if the targets are changes, the last known value is added to both sides.
//! **Persistence**, which predicts that last value, is judged beside it, and so is **ridge** regression where the training
//! part is at hand (see [`crate::baseline`]). Standardised errors divide each output's error by its channel's deviation
//! over the training rows, as is usual in the literature on forecasting.

use serde::Serialize;

use super::Outputs;
use crate::baseline::persistence;
use crate::data::{Dataset, Targets};

/// Errors of a regression, in the targets' own units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueScore {
    /// Number of judged values.
    pub values: usize,
    /// Over all outputs.
    #[serde(flatten)]
    pub errors: Errors,
    /// What they are to be compared with, over all outputs.
    #[serde(flatten)]
    pub beside: Beside,
    /// Each output.
    pub outputs: Vec<OutputScore>,
}

/// Errors of one output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputScore {
    /// Its name. For a forecast, the name of the value, not of its change.
    pub name: String,
    /// In its own units.
    #[serde(flatten)]
    pub errors: Errors,
    /// What they are to be compared with.
    #[serde(flatten)]
    pub beside: Beside,
}

/// The same errors in standard units, and those of the baselines over the same values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Beside {
    /// Standardised errors, for a forecast whose training part is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardised: Option<Errors>,
    /// For a forecast: errors of persistence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Errors>,
    /// Standardised errors of persistence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardised_persistence: Option<Errors>,
    /// Errors of ridge regression, if the training part is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ridge: Option<Errors>,
    /// Standardised errors of ridge regression, for a forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardised_ridge: Option<Errors>,
}

/// (V1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Errors {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the variance that the outputs explain; `None` for targets that do not vary.
    pub r2: Option<f64>,
}

/// One judged value, in real units.
#[derive(Clone, Copy, Debug)]
pub struct JudgedValue {
    /// Its sequence in the data.
    pub sequence: usize,
    /// Its step of the sequence; `None` where a sequence has one value.
    pub step: Option<usize>,
    /// Its target.
    pub truth: f64,
    /// The output for it.
    pub found: f64,
    /// The value that persistence predicts.
    last: f64,
}

impl ValueScore {
    /// Judges the outputs for a data set of values.
    ///
    /// # Panics
    /// When the targets are classes.
    pub(super) fn of(data: &Dataset, outputs: &Outputs) -> Self {
        let judged: Vec<Vec<JudgedValue>> = (0..data.outputs.len())
            .map(|o| judged(data, outputs, o))
            .collect();
        let persists = data.origin.is_some();
        let names: Vec<&str> = (0..data.outputs.len())
            .map(|o| match &data.origin {
                Some(origin) => origin.value_name(data, o),
                None => &data.outputs[o],
            })
            .collect();
        let scores: Vec<OutputScore> = (names.iter().zip(&judged).enumerate())
            .map(|(o, (name, judged))| {
                let errors = Errors::of(judged.iter().map(|j| (j.truth, j.found)));
                let persistence =
                    persists.then(|| Errors::of(judged.iter().map(|j| (j.truth, j.last))));
                let scaled = |errors: Errors| Some(errors.scaled(deviation(data, o)?));
                OutputScore {
                    name: (*name).to_owned(),
                    errors,
                    beside: Beside {
                        standardised: scaled(errors),
                        persistence,
                        standardised_persistence: persistence.and_then(scaled),
                        ..Beside::default()
                    },
                }
            })
            .collect();
        let all = |of| mean_over(&scores, of);
        Self {
            values: judged.iter().map(Vec::len).sum(),
            errors: all(|o| Some(o.errors)).unwrap_or(Errors::NONE),
            beside: Beside {
                standardised: all(|o| o.beside.standardised),
                persistence: all(|o| o.beside.persistence),
                standardised_persistence: all(|o| o.beside.standardised_persistence),
                ..Beside::default()
            },
            outputs: scores,
        }
    }

    /// Sets the outputs of ridge regression for the same data beside the score.
    pub(super) fn set_ridge(&mut self, data: &Dataset, ridge: &Outputs) {
        for (o, score) in self.outputs.iter_mut().enumerate() {
            let errors = Errors::of(judged(data, ridge, o).iter().map(|j| (j.truth, j.found)));
            score.beside.ridge = Some(errors);
            score.beside.standardised_ridge =
                deviation(data, o).map(|deviation| errors.scaled(deviation));
        }
        self.beside.ridge = mean_over(&self.outputs, |o| o.beside.ridge);
        self.beside.standardised_ridge = mean_over(&self.outputs, |o| o.beside.standardised_ridge);
    }

    pub(super) fn describe(&self) -> String {
        let beside = |others: [Option<Errors>; 2], of: fn(&Errors) -> Option<f64>| {
            let named = ["persistence", "ridge"].into_iter().zip(others);
            let known = named
                .filter_map(|(name, errors)| Some(format!("{name} {}", figure(of(&errors?)?))));
            match known.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => none,
                some => format!(" ({some})"),
            }
        };
        let plain = [self.beside.persistence, self.beside.ridge];
        let mut text = format!(
            "MSE {}{}, MAE {}{}",
            figure(self.errors.mse),
            beside(plain, |e| Some(e.mse)),
            figure(self.errors.mae),
            beside(plain, |e| Some(e.mae)),
        );
        if let Some(r2) = self.errors.r2 {
            text += &format!(
                ", R² {r2:.4}{}",
                beside([None, self.beside.ridge], |e| e.r2)
            );
        }
        if let Some(standardised) = self.beside.standardised {
            let others = [
                self.beside.standardised_persistence,
                self.beside.standardised_ridge,
            ];
            text += &format!(
                "; standardised MSE {}{}",
                figure(standardised.mse),
                beside(others, |e| Some(e.mse))
            );
        }
        text
    }
}

/// The deviation that standardises output `o` of a forecast.
fn deviation(data: &Dataset, o: usize) -> Option<f64> {
    let origin = data.origin.as_ref()?;
    let deviations = &origin.of_file()?.deviation;
    Some(f64::from(deviations[origin.channels[o]]))
}

/// The errors of all outputs together, if each has them.
fn mean_over(scores: &[OutputScore], of: fn(&OutputScore) -> Option<Errors>) -> Option<Errors> {
    Errors::mean(&scores.iter().map(of).collect::<Option<Vec<_>>>()?)
}

/// At least four significant digits, without an exponent if that loses none.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        1e-3..1e6 => format!("{value:.4}"),
        _ => format!("{value:.3e}"),
    }
}

impl Errors {
    const NONE: Self = Self {
        mse: 0.0,
        mae: 0.0,
        r2: None,
    };

    /// The errors of pairs of truth and output. Two passes, so that a large mean loses no digits.
    fn of(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let count = pairs.clone().count().max(1) as f64;
        let mean_of =
            |term: &dyn Fn((f64, f64)) -> f64| pairs.clone().map(term).sum::<f64>() / count;
        let mse = mean_of(&|(truth, found)| (found - truth).powi(2));
        let mean = mean_of(&|(truth, _)| truth);
        let variance = mean_of(&|(truth, _)| (truth - mean).powi(2));
        Self {
            mse,
            mae: mean_of(&|(truth, found)| (found - truth).abs()),
            r2: (variance > 0.0).then(|| 1.0 - mse / variance),
        }
    }

    /// The errors in units of `deviation`.
    fn scaled(self, deviation: f64) -> Self {
        Self {
            mse: self.mse / deviation.powi(2),
            mae: self.mae / deviation,
            r2: self.r2,
        }
    }

    /// The errors over several outputs that have the same number of values; `None` without outputs.
    fn mean(all: &[Self]) -> Option<Self> {
        let count = all.len() as f64;
        let r2: Vec<f64> = all.iter().filter_map(|errors| errors.r2).collect();
        (!all.is_empty()).then(|| Self {
            mse: all.iter().map(|errors| errors.mse).sum::<f64>() / count,
            mae: all.iter().map(|errors| errors.mae).sum::<f64>() / count,
            r2: (!r2.is_empty()).then(|| r2.iter().sum::<f64>() / r2.len() as f64),
        })
    }
}

/// Truth and forecast of each value of output `o`, in real units: of a forecast of changes, what they lead to.
///
/// # Panics
/// When the targets are classes.
pub fn values_of(data: &Dataset, outputs: &Outputs, o: usize) -> Vec<(f64, f64)> {
    let judged = judged(data, outputs, o).into_iter();
    judged.map(|value| (value.truth, value.found)).collect()
}

/// All values of output `o`, sequence by sequence.
///
/// # Panics
/// When the targets are classes.
pub fn judged(data: &Dataset, outputs: &Outputs, o: usize) -> Vec<JudgedValue> {
    let mut judged = Vec::new();
    for (s, outputs) in outputs.iter().enumerate() {
        let change = (data.origin.as_ref()).is_some_and(|origin| origin.change);
        let last = persistence::value(data, s, o).unwrap_or(0.0);
        let base = if change { last } else { 0.0 };
        let mut push = |step: Option<usize>, truth: f32, found: f32| {
            judged.push(JudgedValue {
                sequence: s,
                step,
                truth: base + f64::from(truth),
                found: base + f64::from(found),
                last,
            });
        };
        match &data.targets {
            Targets::Value(values) => push(None, values[s][o], outputs[[0, o]]),
            Targets::ValuePerStep(values) => (values[s].column(o).iter())
                .zip(outputs.column(o))
                .enumerate()
                .for_each(|(step, (truth, found))| push(Some(step), *truth, *found)),
            Targets::Class(_) | Targets::ClassPerStep(_) => panic!("classes are no values"),
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::test_data;
    use super::*;
    use crate::data::{Normalisation, Origin};

    #[test]
    fn three_values_by_hand() {
        // Truth 1, 2, 6 (mean 3, variance 14/3), found 1, 4, 5: squares 0, 4, 1.
        let data = test_data(
            Targets::Value(vec![vec![1.0], vec![2.0], vec![6.0]]),
            &["y"],
        );
        let score = ValueScore::of(&data, &vec![array![[1.0]], array![[4.0]], array![[5.0]]]);
        assert!((score.errors.mse - 5.0 / 3.0).abs() < 1e-12);
        assert_eq!(score.errors.mae, 1.0);
        assert!((score.errors.r2.unwrap() - (1.0 - 5.0 / 14.0)).abs() < 1e-12);
        assert_eq!(
            (score.beside.persistence, score.beside.standardised),
            (None, None)
        );
    }

    #[test]
    fn ridge_is_judged_over_the_same_values() {
        let data = test_data(
            Targets::Value(vec![vec![1.0], vec![2.0], vec![6.0]]),
            &["y"],
        );
        let outputs = |values: [f32; 3]| values.map(|v| array![[v]]).to_vec();
        let mut score = ValueScore::of(&data, &outputs([1.0, 2.0, 6.0]));
        score.set_ridge(&data, &outputs([1.0, 4.0, 5.0]));
        let direct = ValueScore::of(&data, &outputs([1.0, 4.0, 5.0])).errors;
        assert_eq!(score.beside.ridge, Some(direct));
        assert_eq!(score.outputs[0].beside.ridge, Some(direct));
        let text = score.describe();
        assert!(
            text.starts_with(
                "MSE 0 (ridge 1.6667), MAE 0 (ridge 1.0000), R² 1.0000 (ridge 0.6429)"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_constant_target_has_no_r2() {
        let data = test_data(
            Targets::Value(vec![vec![2.0, 1.0], vec![2.0, 3.0]]),
            &["a", "b"],
        );
        let score = ValueScore::of(&data, &vec![array![[2.0, 1.0]], array![[2.0, 2.0]]]);
        assert_eq!(score.outputs[0].errors.r2, None);
        assert_eq!(score.outputs[1].errors.r2, Some(0.5));
        assert_eq!(score.errors.r2, Some(0.5));
        // Squares 0, 0 and 0, 1.
        assert_eq!((score.errors.mse, score.values), (0.25, 4));
    }

    /// The same forecast as a value and as a change has the same errors, and persistence is what
    /// the last step says.
    #[test]
    fn changes_are_judged_by_the_values_they_lead_to() {
        let score_of = |change: bool| {
            let base = |s: usize| if change { [10.0, 20.0][s] } else { 0.0f32 };
            let values = vec![vec![12.0 - base(0)], vec![19.0 - base(1)]];
            let name = if change { "y[+1]-y[0]" } else { "y[+1]" };
            let mut data = test_data(Targets::Value(values), &[name]);
            data.channels = vec!["other".into(), "y".into()];
            data.sequences = vec![array![[0.0, 9.0], [0.0, 10.0]], array![[0.0, 20.0]]];
            data.origin = Some(Origin {
                channels: vec![1],
                change,
                rows: Some(Normalisation {
                    mean: vec![0.0, 5.0],
                    deviation: vec![1.0, 2.0],
                    offset: Vec::new(),
                }),
                values: None,
                time: Default::default(),
            });
            let outputs = vec![array![[11.0 - base(0)]], array![[19.0 - base(1)]]];
            assert_eq!(values_of(&data, &outputs, 0), [(12.0, 11.0), (19.0, 19.0)]);
            ValueScore::of(&data, &outputs)
        };
        let score = score_of(true);
        assert_eq!(score, score_of(false));
        // Errors 1 and 0; persistence 2 and 1; deviation 2.
        assert_eq!(
            (score.errors.mse, score.beside.persistence.unwrap().mse),
            (0.5, 2.5)
        );
        let (own, other) = (
            score.beside.standardised.unwrap(),
            score.beside.standardised_persistence.unwrap(),
        );
        assert_eq!(
            (own.mse, own.mae, other.mse, other.mae),
            (0.125, 0.25, 0.625, 0.75)
        );
    }
}
