//! The result of a study: its front, its best trial, and the run that trains that trial again on all data.

use super::finalists::{all_judged, finalists, handed_over};
use super::stored_trial::StoredTrial;
use super::study::Definition;
use super::trial_config::{PointError, TrialConfig};
use crate::cost::Limits;
use crate::data::Fold;
use crate::search::{SearchConfig, pareto};

/// The finished trials that no other one beats in all objectives, sorted by the first objective. Of trials with
/// equal objectives, the first is kept.
pub fn front<'a>(trials: &'a [StoredTrial], search: &SearchConfig) -> Vec<&'a StoredTrial> {
    let finished: Vec<(&StoredTrial, Vec<f64>)> = (trials.iter())
        .filter_map(|trial| Some((trial, trial.objectives(search)?)))
        .collect();
    let points: Vec<Vec<f64>> = finished.iter().map(|(_, o)| o.clone()).collect();
    let mut kept: Vec<(&StoredTrial, Vec<f64>)> = Vec::new();
    for ((trial, objectives), front) in finished.into_iter().zip(pareto::fronts(&points)) {
        if front == 0 && kept.iter().all(|(_, other)| *other != objectives) {
            kept.push((trial, objectives));
        }
    }
    kept.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    kept.into_iter().map(|(trial, _)| trial).collect()
}

/// The best of the finished trials that fit `limits`: the finalist (J1) that (J4) hands over. If some were not trained
/// again, the one of least error: the average excess of the finalists is then added to the error of those. A trial that
/// failed with one of the seeds comes last. Of equal trials, the one of fewest instructions wins.
pub fn best<'a>(
    trials: &'a [StoredTrial],
    search: &SearchConfig,
    limits: &Limits,
) -> Option<&'a StoredTrial> {
    let fits = || (trials.iter()).filter(|trial| limits.check(&trial.footprint).is_ok());
    if let Some(chosen) = handed_over(&all_judged(fits(), search)) {
        return fits().find(|trial| trial.number == chosen.trial);
    }
    let finalists = finalists(fits(), search);
    let is_finalist = |trial: &StoredTrial| finalists.iter().any(|f| f.number == trial.number);
    let luck = luck(trials, search);
    let standing = |trial: &StoredTrial| {
        let own = trial.own.result.as_ref()?.error;
        let mean = (trial.judgement(search.repeats)).map_or(own + luck, |j| j.mean());
        Some(match mean.is_finite() {
            true if is_finalist(trial) => (0, mean),
            true => (1, mean),
            false => (2, own),
        })
    };
    let key = |trial: &StoredTrial| (trial.footprint.instructions, trial.number);
    fits()
        .filter_map(|trial| Some((trial, standing(trial)?)))
        .min_by(|(a, (kind_a, error_a)), (b, (kind_b, error_b))| {
            let by_error = kind_a.cmp(kind_b).then(error_a.total_cmp(error_b));
            by_error.then(key(a).cmp(&key(b)))
        })
        .map(|(trial, _)| trial)
}

/// The average excess of a finalist's mean error over the error of its own training; at least 0.
fn luck(trials: &[StoredTrial], search: &SearchConfig) -> f64 {
    let excess = |trial: &StoredTrial| {
        let mean = trial.judgement(search.repeats)?.error?.mean;
        Some(mean - trial.own.result.as_ref()?.error)
    };
    let finalists = finalists(trials, search).into_iter();
    let excesses: Vec<f64> = finalists.filter_map(excess).collect();
    (excesses.iter().sum::<f64>() / excesses.len().max(1) as f64).max(0.0)
}

/// The run that trains the trial's point again on the training and validation parts together.
///
/// A schedule that follows the validation loss keeps its validation part, or takes the first fold if there was
/// none. If the schedule ends with a low rate, the last weights are among the best, and the run has all epochs.
/// Otherwise it has as many epochs as the chosen weights of the trial's trainings.
///
/// # Errors
/// When the point makes no valid configuration.
pub fn retraining(definition: &Definition, trial: &StoredTrial) -> Result<TrialConfig, PointError> {
    let mut trial_config = TrialConfig::new(&definition.config, &trial.point)?;
    let train = &mut trial_config.run.train;
    let ends_low = train.schedule.anneals_late() && train.early_stopping.is_none();
    if let Some(epochs) = trial.best_epoch().filter(|_| !ends_low) {
        train.epochs = epochs.max(1);
    }
    if train.schedule.needs_validation() {
        // Trials of folds may have no validation part, but the schedule has to follow one.
        if !train.split().has_validation() {
            train.validation_fold = Fold::all(definition.search.folds()).next();
        }
    } else {
        (train.validation_share, train.validation_fold) = (0.0, None);
        if let Some(forecast) = &mut trial_config.run.data.forecast {
            forecast.validation_rows = None;
        }
    }
    train.early_stopping = None;
    Ok(trial_config)
}
