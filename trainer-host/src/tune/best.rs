//! What a study found: its front, its best trial, and that one trained again on all there is.

use super::plan::{Plan, PlanError};
use super::stored_trial::StoredTrial;
use super::study::Definition;
use crate::cost::Limits;
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

/// The finished trial with the least mean error over `repeats` trainings that fits `limits`; where none of
/// those that fit was trained so often, or all of these failed once, the one with the least error of its own
/// training. Of equal ones, the one of fewest instructions.
pub fn best<'a>(
    trials: &'a [StoredTrial],
    repeats: usize,
    limits: &Limits,
) -> Option<&'a StoredTrial> {
    let standing = |trial: &StoredTrial| {
        let own = trial.own.result.as_ref()?.error;
        Some(match trial.judgement(repeats).map(|j| j.error.mean) {
            Some(mean) if mean.is_finite() => (0, mean),
            None => (1, own),
            Some(_) => (2, own),
        })
    };
    let fits = (trials.iter()).filter(|trial| limits.check(&trial.footprint).is_ok());
    let judged = fits.filter_map(|trial| Some((trial, standing(trial)?)));
    let key = |trial: &StoredTrial| trial.footprint.instructions;
    judged
        .min_by(|(a, (kind_a, error_a)), (b, (kind_b, error_b))| {
            let by_error = kind_a.cmp(kind_b).then(error_a.total_cmp(error_b));
            by_error.then(key(a).cmp(&key(b)))
        })
        .map(|(trial, _)| trial)
}

/// The run that trains the trial's point on training and validation part together: for all epochs of a
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
    // A schedule that follows the validation loss needs its part.
    if !train.schedule.needs_validation() {
        train.validation_share = 0.0;
        if let Some(forecast) = &mut plan.config.data.forecast {
            forecast.validation_rows = None;
        }
    }
    train.early_stopping = None;
    Ok(plan)
}
