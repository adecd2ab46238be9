//! Handing out trainings: a lost one first, then the next trial, then the finalists' repeats.

use super::finalists::next_repeat;
use super::plan::Plan;
use super::process::Process;
use super::stored_trial::{
    Attempt, State, StoredTraining, StoredTrial, TrainingId, before, is_over,
};
use super::study::{Study, StudyError, to_json};
use crate::cost::Footprint;
use crate::search::{Point, Progress, SearchConfig};

/// A worker's next task.
#[derive(Debug)]
pub(super) enum Claim {
    /// Work on this training.
    Training(Box<Claimed>),
    /// Propose a new trial, as [`Study::known`] has it, and ask again with it.
    Propose,
    /// Wait until other workers have ended their trainings.
    Wait,
    /// Stop: all trainings have ended.
    Done,
}

/// A training that this worker has claimed.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    /// The training, and which attempt at it this is.
    pub(super) attempt: Attempt,
    /// Its settings.
    pub(super) point: Point,
    /// What its model needs.
    pub(super) footprint: Footprint,
    /// What it trains; all folds for a repeat.
    pub(super) plan: Plan,
    /// How many epochs the trial that it goes on with has had.
    pub(super) done: usize,
    /// The progress of the trials that its point follows from; it is compared with these alone. Empty for a repeat, and
    /// for a trial that goes on with another one.
    pub(super) earlier: Vec<Progress>,
}

/// A task of a worker: an attempt at a training with this plan. The trials before its own are among `trials`.
fn task(
    trials: &[StoredTrial],
    attempt: Attempt,
    (point, footprint, plan): (&Point, Footprint, Plan),
    search: &SearchConfig,
) -> Claim {
    let TrainingId { trial, repeat } = attempt.training;
    let continued = plan.continues.and_then(|number| trials.get(number));
    Claim::Training(Box::new(Claimed {
        attempt,
        point: point.clone(),
        footprint,
        plan,
        done: continued.map_or(0, |trial| trial.values.len()),
        earlier: match repeat {
            0 => plan.rivals(before(trials, trial, search), search),
            _ => Vec::new(),
        },
    }))
}

/// A trial that may begin.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    /// Its number.
    pub(super) number: usize,
    /// Its settings.
    pub(super) point: Point,
    /// What its model needs.
    pub(super) footprint: Footprint,
}

impl Study {
    /// This process's next task. If a new trial is due, it is `proposal`, or [`Claim::Propose`] where that has another
    /// number: a sampler may think for longer than others would wait for the study, so nobody thinks while the study is
    /// locked. A worker without a heartbeat for `lost_after` seconds is lost.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn claim(
        &mut self,
        process: &Process,
        lost_after: f64,
        proposal: Option<&Proposal>,
    ) -> Result<Claim, StudyError> {
        self.transaction(|study| {
            study.with_trials(|study, trials| {
                let is_lost = |training: &StoredTraining| {
                    let is_silent = training.silent_seconds > lost_after;
                    let is_running = training.state == State::Running;
                    is_running && (is_silent || process.has_ended(&training.worker))
                };
                let mut all = trials.iter().flat_map(StoredTrial::trainings);
                if let Some((id, training)) = all.find(|(_, training)| is_lost(training)) {
                    return study.take_up(trials, id, training.attempt, process);
                }
                let number = trials.len();
                let before = before(trials, number, &study.definition.search);
                if before.iter().any(StoredTrial::is_running) {
                    return Ok(Claim::Wait);
                }
                if is_over(trials, &study.definition.search) {
                    return study.claim_repeat(trials, process);
                }
                // Trials are begun in their order, so that their points too follow from the definition.
                let Some(new) = proposal.filter(|proposal| proposal.number == number) else {
                    return Ok(Claim::Propose);
                };
                study.insert_trial(new, process)?;
                let search = &study.definition.search;
                let plan = Plan::of(trials, &new.point, search);
                let attempt = Attempt::first(TrainingId::own(number));
                let what = (&new.point, new.footprint, plan);
                Ok(task(trials, attempt, what, search))
            })
        })
    }

    /// The trials that the next one follows from, and the points of those after them, as this process read them last.
    pub(super) fn known(&self) -> (&[StoredTrial], Vec<&Point>) {
        let trials = &self.known.all;
        let earlier = before(trials, trials.len(), &self.definition.search);
        let running = trials[earlier.len()..].iter().map(|trial| &trial.point);
        (earlier, running.collect())
    }

    /// The next repeat, once all trials have ended; the choice of finalists needs all of them.
    fn claim_repeat(
        &mut self,
        trials: &[StoredTrial],
        process: &Process,
    ) -> Result<Claim, StudyError> {
        if trials.iter().any(StoredTrial::is_running) {
            return Ok(Claim::Wait);
        }
        if let Some(training) = next_repeat(trials, &self.definition.search) {
            self.insert_repeat(training, process)?;
            return Ok(self.claimed(trials, Attempt::first(training)));
        }
        let mut all = trials.iter().flat_map(StoredTrial::trainings);
        let is_running = all.any(|(_, training)| training.state == State::Running);
        Ok(if is_running { Claim::Wait } else { Claim::Done })
    }

    /// An attempt at a training of `trials`.
    fn claimed(&self, trials: &[StoredTrial], attempt: Attempt) -> Claim {
        let TrainingId { trial, repeat } = attempt.training;
        let stored = &trials[trial];
        let plan = match repeat {
            0 => stored.plan,
            _ => Plan::default(),
        };
        let what = (&stored.point, stored.footprint, plan);
        task(trials, attempt, what, &self.definition.search)
    }

    fn insert_trial(&mut self, new: &Proposal, process: &Process) -> Result<(), StudyError> {
        let now = self.database.now();
        let statement = format!(
            "INSERT INTO trials (study, number, state, point, footprint, worker, attempt, heartbeat, began, macs) \
             VALUES ($1, $2, 'running', $3, $4, $5, 1, {now}, {now}, 0.0)"
        );
        let parameters = [
            self.name.as_str().into(),
            new.number.into(),
            to_json(&new.point).as_str().into(),
            to_json(&new.footprint).as_str().into(),
            process.name().as_str().into(),
        ];
        self.database.execute(&statement, &parameters)?;
        Ok(())
    }

    fn insert_repeat(&mut self, training: TrainingId, process: &Process) -> Result<(), StudyError> {
        let now = self.database.now();
        let statement = format!(
            "INSERT INTO repeats (study, number, repeat, state, worker, attempt, heartbeat, began, macs) \
             VALUES ($1, $2, $3, 'running', $4, 1, {now}, {now}, 0.0)"
        );
        let parameters = [
            self.name.as_str().into(),
            training.trial.into(),
            training.repeat.into(),
            process.name().as_str().into(),
        ];
        self.database.execute(&statement, &parameters)?;
        Ok(())
    }

    /// Another attempt at a training that was lost in its attempt `lost`.
    fn take_up(
        &mut self,
        trials: &[StoredTrial],
        training: TrainingId,
        lost: usize,
        process: &Process,
    ) -> Result<Claim, StudyError> {
        let now = self.database.now();
        let change = format!("worker = $1, attempt = attempt + 1, heartbeat = {now}");
        let attempt = |number| Attempt { training, number };
        self.set(&change, &[process.name().as_str().into()], attempt(lost))?;
        Ok(self.claimed(trials, attempt(lost + 1)))
    }
}
