//! From flags to the training configuration.

use anyhow::bail;
use clap::ValueEnum;

use super::{
    FittingFlags, LossFlags, NetworkFlags, OptimiserFlags, OverfittingFlags, RunFlags,
    ScheduleFlags,
};
use crate::network::{Convolution, LayerDirection};
use crate::optimiser::OptimiserConfig;
use crate::schedule::Schedule;
use crate::train::{Distillation, EarlyStopping, TrainConfig};

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// A kind as the command line has it.
pub(super) fn name(kind: impl ValueEnum) -> String {
    kind.to_possible_value()
        .map_or(String::new(), |value| value.get_name().to_owned())
}

impl FittingFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        config.init = self.init.or(config.init.take());
        config.prune_to = self.prune_to.or(config.prune_to.take());
        config.prune_projection_to = self.prune_projection_to.or(config.prune_projection_to);
        config.qat = self.qat.or(config.qat.take());
        if let Some(teacher) = self.teacher {
            match &mut config.distillation {
                Some(distillation) => distillation.teacher = teacher,
                none => *none = Some(Distillation::from_teacher(teacher)),
            }
        }
        match &mut config.distillation {
            Some(distillation) => {
                set(&mut distillation.temperature, self.temperature);
                set(&mut distillation.weight, self.distil_weight);
            }
            None if self.temperature.is_some() || self.distil_weight.is_some() => {
                bail!("--temperature and --distil-weight are for --teacher RUN");
            }
            None => {}
        }
        Ok(())
    }
}

impl NetworkFlags {
    /// A flag that was given for the structure of the network.
    pub(super) fn structure(&self) -> Option<&'static str> {
        let others = [
            (self.layer.is_some(), "--layer"),
            (self.pooling.is_some(), "--pooling"),
            (self.projection.is_some(), "--projection"),
            (self.hidden.is_some(), "--hidden"),
            (self.direction.is_some(), "--direction"),
            (self.bidirectional, "--bidirectional"),
            (self.dense.is_some(), "--dense"),
            (self.no_peepholes, "--no-peepholes"),
        ];
        let mut flags = self.convolution().into_iter().chain(others);
        flags.find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    /// Flags of a convolution, and whether they were given.
    fn convolution(&self) -> [(bool, &'static str); 5] {
        [
            (self.conv_filters.is_some(), "--conv-filters"),
            (self.conv_kernel.is_some(), "--conv-kernel"),
            (self.conv_stride.is_some(), "--conv-stride"),
            (self.conv_activation.is_some(), "--conv-activation"),
            (self.conv_padding.is_some(), "--conv-padding"),
        ]
    }

    pub(super) fn apply(self, config: &mut TrainConfig) {
        if self.convolution().iter().any(|(is_given, _)| *is_given) {
            let conv = config.conv.get_or_insert_with(Convolution::default);
            set(&mut conv.filters, self.conv_filters);
            set(&mut conv.kernel, self.conv_kernel);
            set(&mut conv.stride, self.conv_stride);
            set(&mut conv.activation, self.conv_activation);
            set(&mut conv.padding, self.conv_padding);
        }
        set(&mut config.layer, self.layer);
        set(&mut config.pooling, self.pooling);
        config.projection = self.projection.or(config.projection);
        set(&mut config.hidden, self.hidden);
        let both = (self.bidirectional).then(|| LayerDirection::Bidirectional.into());
        set(&mut config.direction, self.direction.or(both));
        set(&mut config.dense, self.dense);
        config.peepholes &= !self.no_peepholes;
        set(&mut config.forget_bias, self.forget_bias);
        let begin = &mut config.initialisation;
        begin.chrono_steps = self.chrono_steps.or(begin.chrono_steps);
        set(&mut begin.input, self.input_weights);
        set(&mut begin.recurrent, self.recurrent_weights);
    }
}

impl RunFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) {
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        config.bucket_by_length |= self.bucket_by_length;
        config.truncate = self.truncate.or(config.truncate);
        config.for_streams |= self.for_streams;
        set(&mut config.ema, self.ema);
        if self.validation_share.is_some() || self.validation_fold.is_some() {
            config.validation_fold = self.validation_fold;
        }
        set(&mut config.validation_share, self.validation_share);
        if self.early_stopping.is_some() || self.min_delta.is_some() {
            let early = (config.early_stopping).get_or_insert_with(EarlyStopping::default);
            set(&mut early.patience, self.early_stopping);
            set(&mut early.min_delta, self.min_delta);
        }
        set(&mut config.seed, self.seed);
        config.split_seed = self.split_seed.or(config.split_seed);
    }
}

impl LossFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) {
        let loss = &mut config.loss;
        loss.kind = self.loss.or(loss.kind);
        set(&mut loss.delta, self.huber_delta);
        set(&mut loss.label_smoothing, self.label_smoothing);
        loss.class_weights = self.class_weights.or(loss.class_weights.take());
    }
}

impl OptimiserFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        let optimiser = &mut config.optimiser;
        if let Some(kind) = self.optimiser
            && kind != optimiser.kind()
        {
            *optimiser = kind.into();
        }
        let kind = name(optimiser.kind());
        if let Some(momentum) = self.momentum {
            match optimiser.momentum_mut() {
                Some(field) => *field = momentum,
                None => bail!(
                    "--momentum is for --optimiser sgd and rmsprop, and the optimiser is {kind}"
                ),
            }
        }
        if self.nesterov {
            match optimiser {
                OptimiserConfig::Sgd { nesterov, .. } => *nesterov = true,
                _ => bail!("--nesterov is for --optimiser sgd, and the optimiser is {kind}"),
            }
        }
        set(optimiser.weight_decay_mut(), self.weight_decay);
        set(&mut config.clip_norm, self.clip_norm);
        Ok(())
    }
}

impl ScheduleFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        set(&mut config.learning_rate, self.learning_rate);
        let schedule = &mut config.schedule;
        if let Some(kind) = self.schedule
            && kind != schedule.kind()
        {
            *schedule = kind.into();
        }
        let kind = name(schedule.kind());
        let found = "and the schedule is";
        if let Some(share) = self.warm_up {
            match schedule {
                Schedule::Cosine { warm_up } | Schedule::OneCycle { warm_up, .. } => {
                    *warm_up = share;
                }
                _ => bail!("--warm-up is for --schedule cosine and one-cycle, {found} {kind}"),
            }
        }
        if let Some(value) = self.rate_factor {
            match schedule {
                Schedule::Step { factor, .. }
                | Schedule::Exponential { factor }
                | Schedule::Plateau { factor, .. }
                | Schedule::Backtracking { factor, .. } => *factor = value,
                _ => bail!(
                    "--rate-factor is for --schedule step, exponential, plateau and backtracking, \
                     {found} {kind}"
                ),
            }
        }
        if let Some(value) = self.rate_epochs {
            match schedule {
                Schedule::Step { every: epochs, .. }
                | Schedule::Plateau {
                    patience: epochs, ..
                }
                | Schedule::Backtracking {
                    patience: epochs, ..
                } => *epochs = value,
                _ => bail!(
                    "--rate-epochs is for --schedule step, plateau and backtracking, {found} {kind}"
                ),
            }
        }
        Ok(())
    }
}

impl OverfittingFlags {
    pub(super) fn apply(self, config: &mut TrainConfig) {
        config.input_noise = self.input_noise.or(config.input_noise);
        set(&mut config.input_dropout, self.input_dropout);
        config.dropout = self.dropout.or(config.dropout);
        set(&mut config.recurrent_dropout, self.recurrent_dropout);
        set(&mut config.candidate_dropout, self.candidate_dropout);
        set(&mut config.augmentation.time_shift, self.time_shift);
        set(&mut config.augmentation.scaling, self.scaling);
    }
}
