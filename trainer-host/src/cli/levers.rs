//! Flags that say how to train; docs/training.md has them beside their keys in a configuration.

use std::path::PathBuf;

use anyhow::bail;
use clap::ValueEnum;

use crate::data::Fold;
use crate::loss::{ClassWeights, Loss};
use crate::network::initialisation::{InputWeights, RecurrentWeights};
use crate::network::schemes::Schemes;
use crate::optimiser::{OptimiserConfig, OptimiserKind};
use crate::schedule::{Schedule, ScheduleKind};
use crate::train::{Distillation, EarlyStopping, TrainConfig};

/// What can be set; the defaults are those of the training configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Levers {
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    run: RunFlags,
    #[command(flatten)]
    loss: LossFlags,
    #[command(flatten)]
    optimiser: OptimiserFlags,
    #[command(flatten)]
    schedule: ScheduleFlags,
    #[command(flatten)]
    overfitting: OverfittingFlags,
    #[command(flatten)]
    fitting: FittingFlags,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Network")]
struct NetworkFlags {
    /// Hidden units of each LSTM layer, separated by commas [default: 32].
    #[arg(
        long,
        value_name = "UNITS",
        value_delimiter = ',',
        overrides_with = "hidden"
    )]
    hidden: Option<Vec<usize>>,
    /// Units of dense ReLU layers before the output layer, separated by commas [default: none].
    #[arg(
        long,
        value_name = "UNITS",
        value_delimiter = ',',
        overrides_with = "dense"
    )]
    dense: Option<Vec<usize>>,
    /// LSTM layers without peephole connections.
    #[arg(long)]
    no_peepholes: bool,
    /// Initial bias of the forget gates: larger for longer memories [default: 1].
    #[arg(long, value_name = "BIAS")]
    forget_bias: Option<f32>,
    /// Chrono initialisation of the biases, for memories of up to this many steps.
    #[arg(long, value_name = "STEPS")]
    chrono_steps: Option<u32>,
    /// Initial weights of inputs and dense layers [default: glorot].
    #[arg(long, value_enum, value_name = "KIND")]
    input_weights: Option<InputWeights>,
    /// Initial recurrent weights [default: orthogonal].
    #[arg(long, value_enum, value_name = "KIND")]
    recurrent_weights: Option<RecurrentWeights>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
struct RunFlags {
    /// Times through the training part [default: 60].
    #[arg(long)]
    epochs: Option<usize>,
    /// Sequences in a mini-batch [default: 32].
    #[arg(long, value_name = "SEQUENCES")]
    batch_size: Option<usize>,
    /// Batches of sequences of similar lengths.
    #[arg(long)]
    bucket_by_length: bool,
    /// Steps that the gradient goes back through, with the state carried from one window of so
    /// many steps to the next; for data with a target for each step [default: all].
    #[arg(long, value_name = "STEPS")]
    truncate: Option<usize>,
    /// Share of the training part that is kept for validation; 0 for none [default: 0.15].
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    /// In place of a share: the fold of the training part that is kept for validation, as in 2/5.
    #[arg(long, value_name = "FOLD", conflicts_with = "validation_share")]
    validation_fold: Option<Fold>,
    /// Stop when the validation loss has not improved for this many epochs, with the best
    /// weights [default: never].
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<usize>,
    /// By how much a loss improves, at least, for early stopping [default: 0].
    #[arg(long, value_name = "LOSS")]
    min_delta: Option<f64>,
    /// Seed of initialisation, split, shuffling and all noise [default: 0].
    #[arg(long)]
    seed: Option<u64>,
    /// Seed of the split alone [default: that of --seed, or of the runs of --init and --teacher].
    #[arg(long, value_name = "SEED")]
    split_seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Loss")]
struct LossFlags {
    /// Loss [default: cross-entropy for classes, mean-squared-error for values].
    #[arg(long, value_enum, value_name = "KIND")]
    loss: Option<Loss>,
    /// Huber: error, in deviations of the target, from which it counts in proportion [default: 1].
    #[arg(long, value_name = "ERROR")]
    huber_delta: Option<f32>,
    /// Share of a label that is spread over all classes [default: 0].
    #[arg(long, value_name = "SHARE")]
    label_smoothing: Option<f32>,
    /// What errors on each class cost: balanced, or numbers separated by commas [default: 1].
    #[arg(long, value_name = "WEIGHTS")]
    class_weights: Option<ClassWeights>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Optimiser")]
struct OptimiserFlags {
    /// Optimiser [default: adam].
    #[arg(long, value_enum, value_name = "KIND")]
    optimiser: Option<OptimiserKind>,
    /// SGD and RMSprop: momentum [default: 0.9 and 0].
    #[arg(long)]
    momentum: Option<f32>,
    /// SGD: Nesterov's form of the momentum.
    #[arg(long)]
    nesterov: bool,
    /// Weight decay: decoupled for adamw, else as a gradient of the weights' squares [default: 0,
    /// adamw 0.01].
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f32>,
    /// Largest global norm of a gradient; 0 for no limit [default: 1].
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f32>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Learning rate")]
struct ScheduleFlags {
    /// Largest learning rate of the schedule; find-rate proposes one [default: 0.01].
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,
    /// How the rate moves [default: cosine].
    #[arg(long, value_enum, value_name = "KIND")]
    schedule: Option<ScheduleKind>,
    /// Cosine and one-cycle: share of the run that the rate climbs for [default: 0.05 and 0.3].
    #[arg(long, value_name = "SHARE")]
    warm_up: Option<f32>,
    /// What the rate is multiplied by: each epoch (exponential), each --rate-epochs (step), or when
    /// the validation loss has not improved for those (plateau, backtracking) [default:
    /// exponential 0.95, else 0.5].
    #[arg(long, value_name = "FACTOR")]
    rate_factor: Option<f32>,
    /// Step: epochs from step to step [default: 20]; plateau, backtracking: patience [default: 5].
    #[arg(long, value_name = "EPOCHS")]
    rate_epochs: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Against over-fitting")]
struct OverfittingFlags {
    /// Deviation of the noise (jitter) that is added to normalised inputs [default: 0.3 for
    /// sequences of one class each, else 0].
    #[arg(long, value_name = "DEVIATION")]
    input_noise: Option<f32>,
    /// Share of inputs that dropout sets to zero [default: 0].
    #[arg(long, value_name = "SHARE")]
    input_dropout: Option<f32>,
    /// Share of each layer's outputs that dropout sets to zero on their way up [default: 0.2 for
    /// sequences of one class each, else 0].
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f32>,
    /// Share of the hidden state that variational dropout sets to zero, for all steps of a
    /// sequence alike [default: 0].
    #[arg(long, value_name = "SHARE")]
    recurrent_dropout: Option<f32>,
    /// Share of cells that are not written to at a step [default: 0].
    #[arg(long, value_name = "SHARE")]
    candidate_dropout: Option<f32>,
    /// Most steps that a training sequence is shifted by, either way [default: 0].
    #[arg(long, value_name = "STEPS")]
    time_shift: Option<usize>,
    /// Deviation of the factor that each channel of a training sequence is scaled by [default: 0].
    #[arg(long, value_name = "DEVIATION")]
    scaling: Option<f32>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Making it fit")]
struct FittingFlags {
    /// Begin with the network of this run, its sizes and its normalisation.
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    /// With --init: keep so many hidden units of each LSTM layer, those with the largest weights.
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    prune_to: Option<Vec<usize>>,
    /// Quantisation-aware training for the scheme of all layers, or of each, LSTM layers first, as in
    /// `w4a16,w8a16`: w8a16, w8a8 or w4a16.
    #[arg(long, value_name = "SCHEME")]
    qat: Option<Schemes>,
    /// Learn from the network of this run too (knowledge distillation).
    #[arg(long, value_name = "RUN")]
    teacher: Option<PathBuf>,
    /// Temperature of the teacher's and the network's outputs [default: 2].
    #[arg(long)]
    temperature: Option<f32>,
    /// Share of the loss that follows the teacher [default: 0.5].
    #[arg(long, value_name = "SHARE")]
    distil_weight: Option<f32>,
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn name(kind: impl ValueEnum) -> String {
    kind.to_possible_value()
        .map_or(String::new(), |value| value.get_name().to_owned())
}

impl Levers {
    /// Puts what was given into `config`.
    ///
    /// # Errors
    /// When a flag is for another optimiser or schedule than the configuration has.
    pub(super) fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        self.network.apply(config);
        self.run.apply(config);
        self.loss.apply(config);
        self.optimiser.apply(config)?;
        self.schedule.apply(config)?;
        self.overfitting.apply(config);
        self.fitting.apply(config)
    }
}

impl FittingFlags {
    fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        config.init = self.init.or(config.init.take());
        config.prune_to = self.prune_to.or(config.prune_to.take());
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
    fn apply(self, config: &mut TrainConfig) {
        set(&mut config.hidden, self.hidden);
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
    fn apply(self, config: &mut TrainConfig) {
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        config.bucket_by_length |= self.bucket_by_length;
        config.truncate = self.truncate.or(config.truncate);
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
    fn apply(self, config: &mut TrainConfig) {
        let loss = &mut config.loss;
        loss.kind = self.loss.or(loss.kind);
        set(&mut loss.delta, self.huber_delta);
        set(&mut loss.label_smoothing, self.label_smoothing);
        loss.class_weights = self.class_weights.or(loss.class_weights.take());
    }
}

impl OptimiserFlags {
    fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
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
    fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
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
    fn apply(self, config: &mut TrainConfig) {
        config.input_noise = self.input_noise.or(config.input_noise);
        set(&mut config.input_dropout, self.input_dropout);
        config.dropout = self.dropout.or(config.dropout);
        set(&mut config.recurrent_dropout, self.recurrent_dropout);
        set(&mut config.candidate_dropout, self.candidate_dropout);
        set(&mut config.augmentation.time_shift, self.time_shift);
        set(&mut config.augmentation.scaling, self.scaling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        levers: Levers,
    }

    fn config(flags: &str) -> anyhow::Result<TrainConfig> {
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let mut config = TrainConfig::default();
        Line::try_parse_from(words)?.levers.apply(&mut config)?;
        Ok(config)
    }

    #[test]
    fn no_flag_changes_nothing() {
        assert_eq!(config("").unwrap(), TrainConfig::default());
    }

    /// Every flag says what its key in a file does.
    #[test]
    fn flags_and_keys_are_the_same() {
        for (flags, keys) in [
            (
                "--hidden 4,5 --dense 6 --no-peepholes",
                "hidden = [4, 5]\ndense = [6]\npeepholes = false",
            ),
            ("--forget-bias 3", "forget_bias = 3.0"),
            ("--chrono-steps 50", "initialisation.chrono_steps = 50"),
            ("--input-weights he", "initialisation.input = \"he\""),
            (
                "--recurrent-weights glorot",
                "initialisation.recurrent = \"glorot\"",
            ),
            ("--epochs 3 --batch-size 64", "epochs = 3\nbatch_size = 64"),
            (
                "--bucket-by-length --truncate 20",
                "bucket_by_length = true\ntruncate = 20",
            ),
            (
                "--validation-share 0.3 --seed 4 --split-seed 5",
                "validation_share = 0.3\nseed = 4\nsplit_seed = 5",
            ),
            ("--validation-fold 2/5", "validation_fold = \"2/5\""),
            ("--early-stopping 7", "early_stopping.patience = 7"),
            ("--min-delta 0.5", "early_stopping.min_delta = 0.5"),
            (
                "--loss huber --huber-delta 2",
                "loss.kind = \"huber\"\nloss.delta = 2.0",
            ),
            ("--label-smoothing 0.1", "loss.label_smoothing = 0.1"),
            (
                "--class-weights balanced",
                "loss.class_weights = \"balanced\"",
            ),
            ("--class-weights 1,2", "loss.class_weights = [1.0, 2.0]"),
            (
                "--optimiser gradient-descent",
                "optimiser.kind = \"gradient-descent\"",
            ),
            (
                "--optimiser sgd --momentum 0.5 --nesterov --weight-decay 0.1",
                "optimiser = { kind = \"sgd\", momentum = 0.5, nesterov = true, weight_decay = 0.1 }",
            ),
            (
                "--optimiser rmsprop --momentum 0.5",
                "optimiser = { kind = \"rmsprop\", momentum = 0.5 }",
            ),
            ("--optimiser adamw", "optimiser.kind = \"adamw\""),
            (
                "--weight-decay 0.1",
                "optimiser = { kind = \"adam\", weight_decay = 0.1 }",
            ),
            ("--clip-norm 0", "clip_norm = 0.0"),
            (
                "--learning-rate 0.1 --warm-up 0.2",
                "learning_rate = 0.1\nschedule = { kind = \"cosine\", warm_up = 0.2 }",
            ),
            ("--schedule constant", "schedule.kind = \"constant\""),
            (
                "--schedule exponential --rate-factor 0.9",
                "schedule = { kind = \"exponential\", factor = 0.9 }",
            ),
            (
                "--schedule step --rate-factor 0.1 --rate-epochs 9",
                "schedule = { kind = \"step\", factor = 0.1, every = 9 }",
            ),
            (
                "--schedule one-cycle --warm-up 0.2",
                "schedule = { kind = \"one-cycle\", warm_up = 0.2 }",
            ),
            (
                "--schedule plateau --rate-factor 0.1 --rate-epochs 9",
                "schedule = { kind = \"plateau\", factor = 0.1, patience = 9 }",
            ),
            (
                "--schedule backtracking --rate-epochs 2",
                "schedule = { kind = \"backtracking\", patience = 2 }",
            ),
            (
                "--input-noise 0.1 --input-dropout 0.2",
                "input_noise = 0.1\ninput_dropout = 0.2",
            ),
            (
                "--dropout 0.1 --recurrent-dropout 0.2 --candidate-dropout 0.3",
                "dropout = 0.1\nrecurrent_dropout = 0.2\ncandidate_dropout = 0.3",
            ),
            (
                "--time-shift 4 --scaling 0.1",
                "augmentation = { time_shift = 4, scaling = 0.1 }",
            ),
            (
                "--init runs/a --prune-to 8,4 --qat w4a16",
                "init = \"runs/a\"\nprune_to = [8, 4]\nqat = \"w4a16\"",
            ),
            (
                "--init runs/a --qat w4a16,w8a16 --split-seed 3",
                "init = \"runs/a\"\nqat = [\"w4a16\", \"w8a16\"]\nsplit_seed = 3",
            ),
            (
                "--teacher runs/b",
                "distillation = { teacher = \"runs/b\", temperature = 2.0, weight = 0.5 }",
            ),
            (
                "--teacher runs/b --temperature 3 --distil-weight 0.9",
                "distillation = { teacher = \"runs/b\", temperature = 3.0, weight = 0.9 }",
            ),
        ] {
            let found = config(flags).unwrap();
            assert_eq!(found, toml::from_str(keys).unwrap(), "{flags}");
            assert_ne!(found, TrainConfig::default(), "{flags}");
            let written = toml::to_string(&found).unwrap();
            assert_eq!(toml::from_str::<TrainConfig>(&written).unwrap(), found);
        }
    }

    #[test]
    fn flags_of_another_optimiser_or_schedule_are_refused() {
        for (flags, said) in [
            ("--momentum 0.9", "the optimiser is adam"),
            ("--optimiser rmsprop --nesterov", "the optimiser is rmsprop"),
            ("--schedule step --warm-up 0.1", "the schedule is step"),
            ("--rate-factor 0.1", "the schedule is cosine"),
            ("--temperature 2", "--teacher"),
            (
                "--schedule exponential --rate-epochs 3",
                "the schedule is exponential",
            ),
        ] {
            let error = config(flags).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
