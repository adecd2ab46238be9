//! How well the chosen network fits each part of the data, and how well a constant guess does. Both are
//! measured without the noise and dropout of training.

use serde::Serialize;

use super::guess::{constant_outputs, repeated};
use crate::baseline::constant;
use crate::data::{Dataset, Parts};
use crate::evaluate::{BaselineScore, Baselines, ClassScore, Outputs, Score};
use crate::run::Run;
use crate::train::judge;
use crate::training_run::{TrainingRunError, judged_outputs};

/// The network on one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartFit {
    /// Mean loss, labels not smoothed.
    pub loss: f64,
    /// Share of right decisions, for a classification.
    pub accuracy: Option<f64>,
    /// The loss of the constant that is best on the training part.
    pub guess_loss: f64,
    /// The accuracy of a constant decision for the training part's most frequent class.
    pub guess_accuracy: Option<f64>,
    /// Sequences of the part.
    pub sequences: usize,
    /// Persons or machines that they came from, if known.
    pub groups: Option<usize>,
    /// The baselines of a classification; none on the training part, which they know by heart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineScore>,
    /// All figures.
    #[serde(skip)]
    pub score: Score,
}

impl PartFit {
    /// The loss as a share of the guess's: 1 if the network learned nothing, 0 if everything.
    pub fn left(&self) -> f64 {
        self.loss / self.guess_loss.max(f64::MIN_POSITIVE)
    }

    /// Counts of a classification.
    pub fn classes(&self) -> Option<&ClassScore> {
        match &self.score {
            Score::Classes(score) => Some(score),
            Score::Values(_) => None,
        }
    }

    /// Mean squared error over all outputs, of a forecast and of repeating the last value (persistence).
    pub(super) fn persistence(&self) -> Option<(f64, f64)> {
        let Score::Values(score) = &self.score else {
            return None;
        };
        let beside = &score.beside;
        let standardised = beside.standardised.zip(beside.standardised_persistence);
        let (errors, simplest) = standardised.or(Some((score.errors, beside.persistence?)))?;
        Some((errors.mse, simplest.mse))
    }
}

/// Standard error of an accuracy over `count` sequences. Two right and two wrong decisions are added, so that
/// an accuracy of 1 is not taken as certain (Agresti and Coull 1998).
pub(super) fn standard_error(accuracy: f64, count: usize) -> f64 {
    let count = count as f64;
    let share = (accuracy * count + 2.0) / (count + 4.0);
    (share * (1.0 - share) / (count + 4.0)).sqrt()
}

/// The network on all parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// The part that the network was trained on.
    pub train: PartFit,
    /// The part whose loss chose the weights.
    pub validation: Option<PartFit>,
    /// A part that chose nothing.
    pub test: Option<PartFit>,
    /// The loss of the best constant, counted as the log counts the training loss: with smoothed labels.
    /// `None` with a teacher, since the teacher's share of the loss has no such constant.
    pub logged_guess: Option<f64>,
    /// The loss of outputs that are all 0, counted in the same way. A network that knows nothing begins near it, which
    /// with unequal classes is far above the best constant.
    pub logged_blank: Option<f64>,
    /// For a classification: the training part's most frequent class.
    pub commonest: Option<String>,
}

impl Fit {
    /// The part to judge by: the validation part, or else the training part; never the test part.
    pub fn judged(&self) -> (&'static str, &PartFit) {
        match &self.validation {
            Some(validation) => ("validation", validation),
            None => ("training", &self.train),
        }
    }

    /// Runs the network of `run`, its integers after quantisation-aware training, over its data.
    ///
    /// # Errors
    /// When the loss is not for the data, or the integers cannot be made.
    pub fn measure(run: &Run, data: &Parts) -> Result<Self, TrainingRunError> {
        let config = &run.config.train;
        let train = run.fitted.normalised(&data.train);
        let objective = config
            .loss
            .objective(&train.targets, train.outputs.len())
            .map_err(crate::train::TrainError::from)?;
        let plain = objective.without_smoothing();
        let outputs = run.network.config.outputs;
        let commonest = constant::commonest(&data.train);
        let baselines = Baselines::fit(&data.train);
        let guess = constant_outputs(&plain, &train, outputs);
        let measure = |part: &Dataset| -> Result<PartFit, TrainingRunError> {
            let real = judged_outputs(run, data, part)?;
            let score = baselines.score(part, &real);
            let normalised = run.fitted.normalised(part);
            let found = judge(&in_normalised_units(run, real), &normalised, &plain);
            let guessed = judge(&repeated(&guess, &normalised), &normalised, &plain);
            Ok(PartFit {
                loss: found.loss,
                accuracy: found.accuracy,
                guess_loss: guessed.loss,
                guess_accuracy: part
                    .class_counts()
                    .zip(commonest)
                    .map(|(counts, commonest)| {
                        counts[commonest] as f64 / counts.iter().sum::<usize>().max(1) as f64
                    }),
                sequences: part.len(),
                groups: part.summary().groups,
                baselines: Vec::new(),
                score,
            })
        };
        let beside = |part: &Dataset| -> Result<PartFit, TrainingRunError> {
            let mut fit = measure(part)?;
            fit.baselines = baselines.of_classes(part);
            Ok(fit)
        };
        let logged = |row: &[f32]| {
            let loss = judge(&repeated(row, &train), &train, &objective).loss;
            config.distillation.is_none().then_some(loss)
        };
        Ok(Self {
            train: measure(&data.train)?,
            validation: data.validation.as_ref().map(beside).transpose()?,
            test: data.test.as_ref().map(beside).transpose()?,
            logged_guess: logged(&constant_outputs(&objective, &train, outputs)),
            logged_blank: logged(&vec![0.0; outputs]),
            commonest: commonest.map(|class| data.train.outputs[class].clone()),
        })
    }
}

/// Outputs of a run as its loss sees them; those of a regression are in the targets' own units.
pub(super) fn in_normalised_units(run: &Run, mut outputs: Outputs) -> Outputs {
    if let Some(targets) = &run.fitted.targets {
        outputs.iter_mut().for_each(|values| targets.apply(values));
    }
    outputs
}
