//! Handing out trainings: a lost one first, then the next trial, then the finalists' repeats.

use super::finalists::next_repeat;
use super::process::Process;
use super::stored_trial::{
    Attempt, State, StoredTraining, StoredTrial, TrainingId, before, is_over,
};
use super::study::{Study, StudyError, to_json};
use crate::cost::Footprint;
use crate::search::{NothingFits, Point, Progress, SearchConfig};

/// A worker's next task.
#[derive(Debug)]
pub(super) enum Claim {
    /// Work on this training.
    Training(Box<Claimed>),
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
    /// The progress of the trials that its point follows from; it is compared with these alone. Empty for a repeat.
    pub(super) earlier: Vec<Progress>,
}

/// The values and costs of the trials that another one is compared with.
fn progress(earlier: &[StoredTrial], search: &SearchConfig) -> Vec<Progress> {
    (earlier.iter())
        .map(|trial| Progress {
            values: trial.values.clone(),
            costs: costs(search, &trial.footprint),
        })
        .collect()
}

/// All objectives but the first.
pub(super) fn costs(search: &SearchConfig, footprint: &Footprint) -> Vec<f64> {
    let costs = search.objectives.iter().skip(1);
    costs.map(|cost| cost.of(0.0, footprint)).collect()
}

/// The point of a new trial.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    /// Number of the trial.
    pub(super) number: usize,
    /// Its settings.
    pub(super) point: Point,
    /// What its model needs.
    pub(super) footprint: Footprint,
}

impl Study {
    /// This process's next task. `propose` returns a new trial from the points already taken and the trials that the new
    /// one follows from. A sampler may think for longer than others would wait, so the study is not locked meanwhile. If
    /// another worker began that trial, `propose` is asked for the next one. A worker without a heartbeat for
    /// `lost_after` seconds is lost.
    ///
    /// # Errors
    /// What `propose` or the database says.
    pub(super) fn claim(
        &mut self,
        process: &Process,
        lost_after: f64,
        mut propose: impl FnMut(&[&Point], &[StoredTrial]) -> Result<Proposal, NothingFits>,
    ) -> Result<Claim, StudyError> {
        let mut proposal = None;
        loop {
            let claim = self.transaction(|study| {
                study.with_trials(|study, trials| {
                    study.next(trials, (process, lost_after), proposal.take())
                })
            })?;
            if let Some(claim) = claim {
                return Ok(claim);
            }
            let trials = &self.known.all;
            let taken: Vec<&Point> = trials.iter().map(|trial| &trial.point).collect();
            let before = before(trials, trials.len(), &self.definition.search);
            proposal = Some(propose(&taken, before)?);
        }
    }

    /// The task that follows on `trials`. `None` if it is a new trial, and `proposal` is not the one.
    fn next(
        &mut self,
        trials: &[StoredTrial],
        (process, lost_after): (&Process, f64),
        proposal: Option<Proposal>,
    ) -> Result<Option<Claim>, StudyError> {
        let is_lost = |training: &StoredTraining| {
            let is_silent = training.silent_seconds > lost_after;
            let is_running = training.state == State::Running;
            is_running && (is_silent || process.has_ended(&training.worker))
        };
        let mut all = trials.iter().flat_map(StoredTrial::trainings);
        if let Some((id, training)) = all.find(|(_, training)| is_lost(training)) {
            return self
                .take_up(trials, id, training.attempt, process)
                .map(Some);
        }
        let before = before(trials, trials.len(), &self.definition.search);
        if before.iter().any(StoredTrial::is_running) {
            return Ok(Some(Claim::Wait));
        }
        if is_over(trials, &self.definition.search) {
            return self.claim_repeat(trials, process).map(Some);
        }
        // Trials are begun in their order, so that these points too follow from the definition.
        let Some(new) = proposal.filter(|proposal| proposal.number == trials.len()) else {
            return Ok(None);
        };
        self.insert_trial(&new, process)?;
        Ok(Some(Claim::Training(Box::new(Claimed {
            attempt: Attempt::first(TrainingId::own(new.number)),
            point: new.point,
            footprint: new.footprint,
            earlier: progress(before, &self.definition.search),
        }))))
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
        let earlier = match repeat {
            0 => progress(
                before(trials, trial, &self.definition.search),
                &self.definition.search,
            ),
            _ => Vec::new(),
        };
        Claim::Training(Box::new(Claimed {
            attempt,
            point: trials[trial].point.clone(),
            footprint: trials[trial].footprint,
            earlier,
        }))
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
