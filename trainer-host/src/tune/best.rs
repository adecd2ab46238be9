//! What a study found: its front, its best trial, and that one trained again on all there is.

use super::finalists::finalists;
use super::plan::{Plan, PlanError};
use super::stored_trial::StoredTrial;
use super::study::Definition;
use crate::cost::Limits;
use crate::data::Fold;
use crate::search::{SearchConfig, pareto};

/// The finished trials that none beats in all objectives, by their first one; of those alike, the first.
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

/// Of the finished trials that fit `limits`, the one with the least mean error among their finalists, (J1). One
/// that was not trained again is taken to be as much worse than its training as the others were on average. A
/// trial that failed with one of the seeds comes last. Of equal ones, the one of fewest instructions.
pub fn best<'a>(
    trials: &'a [StoredTrial],
    search: &SearchConfig,
    limits: &Limits,
) -> Option<&'a StoredTrial> {
    let fits = || (trials.iter()).filter(|trial| limits.check(&trial.footprint).is_ok());
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

/// By how much the finalists' mean errors are above those of the trainings that they were chosen by, on average;
/// at least 0.
fn luck(trials: &[StoredTrial], search: &SearchConfig) -> f64 {
    let excess = |trial: &StoredTrial| {
        let mean = trial.judgement(search.repeats)?.error?.mean;
        Some(mean - trial.own.result.as_ref()?.error)
    };
    let finalists = finalists(trials, search).into_iter();
    let excesses: Vec<f64> = finalists.filter_map(excess).collect();
    (excesses.iter().sum::<f64>() / excesses.len().max(1) as f64).max(0.0)
}

/// The run that trains the trial's point on training and validation part together (a schedule that follows the
/// validation loss keeps its part, or the first fold where there was none): for all epochs of a
/// schedule that ends low, where the last weights are among the best, else for as many as the best weights of
/// the trial's trainings had.
///
/// # Errors
/// When the point is no run of the definition.
pub fn retraining(definition: &Definition, trial: &StoredTrial) -> Result<Plan, PlanError> {
    let mut plan = Plan::new(&definition.config, &trial.point)?;
    let train = &mut plan.config.train;
    let ends_low = train.schedule.anneals_late() && train.early_stopping.is_none();
    if let Some(epochs) = trial.best_epoch().filter(|_| !ends_low) {
        train.epochs = epochs.max(1);
    }
    if train.schedule.needs_validation() {
        // Trials of folds may have no part beside them, but the schedule has to follow one.
        if train.split().is_of_nothing() {
            train.validation_fold = Fold::all(definition.search.folds()).next();
        }
    } else {
        (train.validation_share, train.validation_fold) = (0.0, None);
        if let Some(forecast) = &mut plan.config.data.forecast {
            forecast.validation_rows = None;
        }
    }
    train.early_stopping = None;
    Ok(plan)
}
