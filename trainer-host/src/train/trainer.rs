//! The training loop.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use lstm_nostd::kernels::Scheme;
use serde::{Deserialize, Serialize};

use super::averaging;
use super::batches::{Batch, batches};
use super::config::TrainConfig;
use super::divergence::{Divergence, LossLimit};
use super::epoch_sums::{BatchUpdates, EpochSums};
use super::error::TrainError;
use super::observer::{BatchProgress, Observer};
use super::qat::FakeQuantiser;
use super::state::{Anchor, Best, EpochRecord, TrainState, Validation, Weights};
use super::streams;
use super::validation::{check, validate_rounded, validate_streams};
use crate::data::Dataset;
use crate::evaluate::Outputs;
use crate::loss::Objective;
use crate::network::Network;
use crate::optimiser::{Optimiser, clip_global_norm};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::backward::{Backpropagation, WindowGradient};
use crate::passes::example::Example;
use crate::schedule::{Adaptation, Monitor, Position, Schedule, Verdict};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All epochs are done.
    Finished,
    /// The validation loss did not improve for as long as `early_stopping` allows.
    #[serde(rename = "stopped-early")]
    Early,
    /// The loss grew without end. The state is the one after the last whole epoch before that.
    Diverged,
    /// It was asked to stop. The state is the one after the last whole epoch.
    Stopped,
}

/// A batch of a run; epoch and batch count from 1.
#[derive(Clone, Copy)]
struct Place {
    epoch: usize,
    batch: usize,
    batches: usize,
}

impl Place {
    /// Training diverged here, with this loss.
    fn diverged(self, loss: f64) -> Divergence {
        Divergence {
            epoch: self.epoch,
            batch: self.batch,
            loss,
        }
    }
}

/// A training run.
#[derive(Debug)]
pub struct Trainer<'a> {
    config: &'a TrainConfig,
    train: &'a Dataset,
    validation: Option<&'a Dataset>,
    objective: Objective,
    limit: LossLimit,
    /// The teacher's outputs for each training sequence.
    teacher: Option<Outputs>,
    /// The scheme of each layer, in quantisation-aware training.
    schemes: Option<Vec<Scheme>>,
    /// Rounds the weights, with the ranges of the network after the last epoch.
    quantiser: Option<FakeQuantiser>,
    state: TrainState,
    /// Lowers the learning rate by the validation losses so far.
    adaptation: Adaptation,
    /// Counts the epochs without an improvement, for early stopping.
    monitor: Monitor,
}

impl<'a> Trainer<'a> {
    /// A new run over normalised data.
    ///
    /// # Errors
    /// When the configuration or the data cannot be trained with.
    pub fn new(
        config: &'a TrainConfig,
        train: &'a Dataset,
        validation: Option<&'a Dataset>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let network = initial_network(config, train)?;
        Self::beginning_with(config, train, validation, network)
    }

    /// A new run over normalised data that starts from `network`.
    ///
    /// # Errors
    /// When the configuration or the data cannot be trained with, or the network is of another
    /// structure.
    pub fn beginning_with(
        config: &'a TrainConfig,
        train: &'a Dataset,
        validation: Option<&'a Dataset>,
        network: Network,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let optimiser = Optimiser::new(config.optimiser, network.parameter_count());
        let state = TrainState {
            average: (config.ema > 0.0).then(|| network.clone()),
            network,
            optimiser,
            history: Vec::new(),
            best: None,
            anchor: None,
        };
        Self::resume(config, train, validation, state)
    }

    /// A run that continues from `state`.
    ///
    /// # Errors
    /// When the configuration or the data cannot be trained with, or the state is of another
    /// network or optimiser.
    pub fn resume(
        config: &'a TrainConfig,
        train: &'a Dataset,
        validation: Option<&'a Dataset>,
        state: TrainState,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let needed = config.network(train);
        if state.network.config != needed {
            let found = &state.network.config;
            return Err(TrainError::State(format!(
                "its network is {found:?}, needed {needed:?}"
            )));
        }
        let parameters = state.network.parameter_count();
        let fresh = Optimiser::new(config.optimiser, parameters);
        let sizes = |optimiser: &Optimiser| -> Vec<usize> {
            optimiser.moments().iter().map(Vec::len).collect()
        };
        if sizes(&state.optimiser) != sizes(&fresh) {
            return Err(TrainError::State("its optimiser has another memory".into()));
        }
        if state.average.is_some() != (config.ema > 0.0) {
            return Err(TrainError::State(
                "it has a moving average of the weights and ema is 0, or the reverse".into(),
            ));
        }
        check("training", train, train)?;
        if let Some(validation) = validation {
            check("validation", validation, train)?;
        }
        config.validate_for(train, validation.is_some())?;
        let objective = config.loss.objective(&train.targets, train.outputs.len())?;
        let mut trainer = Self {
            config,
            train,
            validation,
            limit: LossLimit::new(config, train, &objective),
            objective,
            teacher: None,
            schemes: (config.qat.as_ref())
                .map(|schemes| schemes.per_layer(&needed))
                .transpose()?,
            quantiser: None,
            state,
            adaptation: Adaptation::default(),
            monitor: Monitor::default(),
        };
        for record in trainer.state.history.clone() {
            trainer.observe(&record);
        }
        Ok(trainer)
    }

    /// The same run with a teacher, whose outputs for the training sequences these are, `[1, O]` or
    /// `[T, O]` each; how much they count is in the configuration.
    pub fn taught_by(mut self, outputs: Outputs) -> Self {
        self.teacher = Some(outputs);
        self
    }

    /// The state of the run.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// The state after the run.
    pub fn into_state(self) -> TrainState {
        self.state
    }

    /// Trains until all epochs are done, until early stopping ends the run, until it diverges, or until `stop` is set.
    /// It checks `stop` before each update.
    ///
    /// # Errors
    /// When training diverges in its first epoch.
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Ending, TrainError> {
        let perturbation = self.config.perturbation(self.train);
        let mut backpropagation =
            Backpropagation::new(&self.state.network, self.objective.clone(), perturbation);
        if let Some(distillation) = &self.config.distillation {
            backpropagation.soften(distillation.soft_targets());
        }
        while self.state.epochs() < self.config.epochs {
            if let Some(early) = self.config.early_stopping
                && self.monitor.since() >= early.patience
            {
                return Ok(Ending::Early);
            }
            // A stopped epoch leaves no trace.
            let before = Weights::of(&self.state);
            match self.epoch(&mut backpropagation, observer, stop) {
                Ok(Some(mut record)) => {
                    self.keep_best(&record);
                    let verdict = self.observe(&record);
                    record.returned_to = self.backtrack(record.epoch, verdict);
                    self.state.history.push(record);
                    observer.epoch(&record, &self.state);
                }
                Ok(None) => {
                    before.restore(&mut self.state);
                    return Ok(Ending::Stopped);
                }
                Err(TrainError::Diverged(divergence)) if self.state.epochs() > 0 => {
                    before.restore(&mut self.state);
                    observer.diverged(&divergence, self.state.epochs());
                    return Ok(Ending::Diverged);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Ending::Finished)
    }

    /// One epoch; `None` if it was stopped.
    fn epoch(
        &mut self,
        backpropagation: &mut Backpropagation,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<EpochRecord>, TrainError> {
        let (config, epoch) = (self.config, self.state.epochs() + 1);
        let order = batches(config, self.train, epoch);
        streams::begin(config, backpropagation, &order);
        if self.quantiser.is_none() {
            self.calibrate();
        }
        let mut sums = EpochSums::default();
        for (b, indices) in order.iter().enumerate() {
            let place = Place {
                epoch,
                batch: b + 1,
                batches: order.len(),
            };
            let batch = Batch::of(config, self.train, indices, epoch);
            let share_done = self.position(place, 0.0).done;
            streams::reset_some(config, backpropagation, (epoch, place.batch), share_done);
            let Some(done) = self.batch(&batch, place, backpropagation, stop)? else {
                return Ok(None);
            };
            sums.add(&done, indices.len());
            if self.limit.is_exceeded_by(sums.loss) {
                return Err(place.diverged(done.loss).into());
            }
            observer.batch(&BatchProgress {
                epoch,
                epochs: config.epochs,
                batch: b + 1,
                batches: order.len(),
                loss: done.loss,
                learning_rate: done.rate,
            });
        }
        self.calibrate();
        let validation = (self.validation).map(|data| self.judge(data)).transpose()?;
        if let Some(Validation { loss, .. }) = validation
            && !loss.is_finite()
        {
            let last = Place {
                epoch,
                batch: order.len(),
                batches: order.len(),
            };
            return Err(last.diverged(loss).into());
        }
        let is_class = self.train.targets.task().is_class();
        Ok(Some(EpochRecord {
            validation,
            ..sums.record(epoch, is_class)
        }))
    }

    /// One update for each window of a batch; `None` if it was stopped.
    fn batch(
        &mut self,
        batch: &Batch<'_>,
        place: Place,
        backpropagation: &mut Backpropagation,
        stop: &AtomicBool,
    ) -> Result<Option<BatchUpdates>, TrainError> {
        let examples = batch.examples(self.teacher.as_ref());
        let window = self.config.truncate.unwrap_or(batch.longest());
        let windows = batch.longest().div_ceil(window);
        let (mut loss_sum, mut rows, mut right) = (0.0, 0usize, 0);
        let (mut norm_sum, mut rate) = (0.0, 0.0);
        for w in 0..windows {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let steps = w * window..(w + 1) * window;
            let (found, norm) = self.gradient(backpropagation, &examples, steps)?;
            if !(found.loss.is_finite() && norm.is_finite()) {
                return Err(place.diverged(found.loss).into());
            }
            let within = (w as f64 + 0.5) / windows as f64;
            let position = self.position(place, within);
            rate = (self.config.schedule).rate(self.config.learning_rate, position);
            let momentum = self.config.schedule.momentum(position);
            self.state.optimiser.update_with_momentum(
                &mut self.state.network,
                found.gradient,
                rate,
                momentum,
            );
            if let Some(average) = &mut self.state.average {
                let updates = self.state.optimiser.steps();
                averaging::follow(average, &self.state.network, self.config.ema, updates);
            }
            loss_sum += found.loss * found.rows as f64;
            rows += found.rows;
            right += found.right;
            norm_sum += norm;
        }
        Ok(Some(BatchUpdates {
            loss: loss_sum / rows as f64,
            rows,
            right,
            norm_sum,
            updates: windows,
            rate,
        }))
    }

    /// The clipped gradient over `steps` of the examples, and its norm before clipping. In quantisation-aware training,
    /// it is the gradient of the network that the integers stand for.
    fn gradient<'b>(
        &self,
        backpropagation: &'b mut Backpropagation,
        examples: &[Example<'_>],
        steps: Range<usize>,
    ) -> Result<(WindowGradient<'b>, f64), TrainError> {
        let master = &self.state.network;
        let fake = (self.quantiser.as_ref())
            .map(|quantiser| quantiser.fake(master))
            .transpose()?;
        let network = match &fake {
            Some(fake) => {
                backpropagation.round_activations(fake.fake.formats.clone());
                &fake.fake.network
            }
            None => master,
        };
        let found = backpropagation.window(network, examples, steps);
        if let Some(fake) = &fake {
            fake.clip(master, found.gradient);
        }
        let norm = clip_global_norm(found.gradient, self.config.clip_limit());
        Ok((found, norm))
    }

    /// Where the run stands `within` the batch at `place`, from 0 to 1.
    fn position(&self, place: Place, within: f64) -> Position {
        let within = (place.batch - 1) as f64 + within;
        let before = ((place.epoch - 1) * place.batches) as f64;
        Position {
            epochs: place.epoch - 1,
            done: (before + within) / (self.config.epochs * place.batches) as f64,
            scale: self.adaptation.scale(),
        }
    }

    /// In quantisation-aware training: calibrates the ranges of the network that is judged.
    fn calibrate(&mut self) {
        self.quantiser = (self.schemes.as_ref())
            .map(|schemes| FakeQuantiser::new(schemes, self.state.judged(), self.train));
    }

    /// The validation loss of the network in the form it will be used in: f32, or integers.
    fn judge(&self, data: &Dataset) -> Result<Validation, TrainError> {
        let network = self.state.judged();
        let judge = match self.config.for_streams {
            true => validate_streams,
            false => validate_rounded,
        };
        let Some(quantiser) = &self.quantiser else {
            return Ok(judge(
                network,
                &ActivationFormats::default(),
                data,
                &self.objective,
            ));
        };
        let fake = quantiser.fake(network)?.fake;
        Ok(judge(&fake.network, &fake.formats, data, &self.objective))
    }

    /// Updates the learning rate and the count for early stopping by an epoch's validation loss.
    fn observe(&mut self, record: &EpochRecord) -> Verdict {
        let watched = (record.validation).filter(|_| self.config.is_watched(record.epoch));
        let Some(validation) = watched else {
            return Verdict::Waiting;
        };
        let min_delta = self.config.early_stopping.map_or(0.0, |e| e.min_delta);
        self.monitor.observe(validation.loss, min_delta);
        self.adaptation
            .observe(self.config.schedule, validation.loss)
    }

    /// Under a backtracking schedule: remembers the state, or returns to the remembered one. Gives the epoch that it
    /// returned to.
    fn backtrack(&mut self, epoch: usize, verdict: Verdict) -> Option<usize> {
        if !matches!(self.config.schedule, Schedule::Backtracking { .. }) {
            return None;
        }
        match (verdict, &self.state.anchor) {
            (Verdict::Improved, _) => {
                self.state.anchor = Some(Anchor {
                    epoch,
                    network: self.state.network.clone(),
                    optimiser: self.state.optimiser.clone(),
                });
                None
            }
            (Verdict::Lowered, Some(anchor)) => {
                self.state.network = anchor.network.clone();
                self.state.optimiser = anchor.optimiser.clone();
                self.quantiser = None;
                Some(anchor.epoch)
            }
            _ => None,
        }
    }

    /// Keeps the weights if their validation loss is the lowest so far of the epochs that count.
    fn keep_best(&mut self, record: &EpochRecord) {
        let Some(validation) = record.validation else {
            return;
        };
        if !self.config.may_be_best(record.epoch) {
            return;
        }
        if self
            .state
            .best
            .as_ref()
            .is_none_or(|best| validation.loss <= best.validation.loss)
        {
            let network = self.state.judged().clone();
            self.state.best = Some(Best {
                epoch: record.epoch,
                validation,
                network,
            });
        }
    }
}

/// The initial weights of a run over `train`.
pub(super) fn initial_network(
    config: &TrainConfig,
    train: &Dataset,
) -> Result<Network, TrainError> {
    Ok(Network::initialised(
        &config.network(train),
        config.initialisation,
        config.forget_bias,
        config.seed,
    )?)
}
