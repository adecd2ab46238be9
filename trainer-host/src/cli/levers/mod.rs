//! The flags that change a training configuration. docs/training.md lists each flag beside its key in a file.
//!
//! | file | what it has |
//! | --- | --- |
//! | `mod.rs` | each flag with its help |
//! | `defaults.rs` | the defaults in the help, read from the default configuration |
//! | `apply.rs` | from flags to the configuration |

mod apply;
mod defaults;

use std::path::PathBuf;

use anyhow::bail;

use crate::data::Fold;
use crate::loss::{ClassWeights, Loss};
use crate::network::initialisation::{InputWeights, RecurrentWeights};
use crate::network::schemes::Schemes;
use crate::network::{CellKind, ConvActivation, LayerDirections, Padding, Pooling};
use crate::optimiser::OptimiserKind;
use crate::schedule::ScheduleKind;
use crate::train::TrainConfig;

/// All flags. [`Levers`] adds their defaults to the help.
#[derive(Clone, Debug, clap::Args)]
struct Flags {
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

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
struct NetworkFlags {
    /// Filters of a convolution over time below the recurrent layers. Any --conv flag adds one.
    #[arg(long, value_name = "FILTERS")]
    conv_filters: Option<usize>,
    /// Steps that a filter of the convolution looks at.
    #[arg(long, value_name = "STEPS")]
    conv_kernel: Option<usize>,
    /// Steps from one output of the convolution to the next: the recurrent layers take one step in so many.
    #[arg(long, value_name = "STEPS")]
    conv_stride: Option<usize>,
    /// What follows the sums of the convolution.
    #[arg(long, value_enum, value_name = "KIND")]
    conv_activation: Option<ConvActivation>,
    /// What stands before the first step of a sequence: zeros, with an output at the first step, or nothing, with the first
    /// output at the end of the first whole kernel.
    #[arg(long, value_name = "causal|valid")]
    conv_padding: Option<Padding>,
    /// Kind of the recurrent layers.
    #[arg(long, value_enum, value_name = "KIND")]
    layer: Option<CellKind>,
    /// Hidden units of each recurrent layer, separated by commas.
    #[arg(
        long,
        value_name = "UNITS",
        value_delimiter = ',',
        overrides_with = "hidden"
    )]
    hidden: Option<Vec<usize>>,
    /// Outputs of each LSTM layer, by a recurrent projection: fewer than it has units. Without, each unit has one.
    #[arg(long, value_name = "OUTPUTS")]
    projection: Option<usize>,
    /// Which way the recurrent layers run over time: forward, reverse or bidirectional, for all layers, or for each, for example
    /// bidirectional,forward. A layer that runs backwards begins with the last step, so the network answers for whole sequences
    /// alone.
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<LayerDirections>,
    /// Run all recurrent layers both ways, with as many units each way: --direction bidirectional.
    #[arg(long, conflicts_with = "direction")]
    bidirectional: bool,
    /// What the dense layers read over time, for sequences of one target each.
    #[arg(long, value_enum, value_name = "KIND")]
    pooling: Option<Pooling>,
    /// Units of each dense ReLU layer before the output layer, separated by commas.
    #[arg(
        long,
        value_name = "UNITS",
        value_delimiter = ',',
        overrides_with = "dense"
    )]
    dense: Option<Vec<usize>>,
    /// Leave out the peephole connections of LSTM layers, coupled ones too.
    #[arg(long)]
    no_peepholes: bool,
    /// Initial bias of the gates that keep the state (forget or update gates); a larger one helps with longer memories.
    #[arg(long, value_name = "BIAS")]
    forget_bias: Option<f32>,
    /// Chrono initialisation of the biases, for memories of up to this many steps.
    #[arg(long, value_name = "STEPS")]
    chrono_steps: Option<u32>,
    /// Initial weights of inputs and dense layers.
    #[arg(long, value_enum, value_name = "KIND")]
    input_weights: Option<InputWeights>,
    /// Initial recurrent weights.
    #[arg(long, value_enum, value_name = "KIND")]
    recurrent_weights: Option<RecurrentWeights>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Training")]
struct RunFlags {
    /// Passes over the training part.
    #[arg(long)]
    epochs: Option<usize>,
    /// Sequences in a mini-batch.
    #[arg(long, value_name = "SEQUENCES")]
    batch_size: Option<usize>,
    /// Put sequences of similar length into one batch.
    #[arg(long)]
    bucket_by_length: bool,
    /// Cut sequences into windows of this many steps: the gradient stays within a window, the state
    /// carries over to the next. For data with a target for each step.
    #[arg(long, value_name = "STEPS")]
    truncate: Option<usize>,
    /// Train for an endless stream without resets: in the second half of training, each sequence begins with the state
    /// that another one left behind.
    #[arg(long)]
    for_streams: bool,
    /// Judge and keep a moving average of the weights with this decay, for example 0.99; 0 for none.
    #[arg(long, value_name = "DECAY")]
    ema: Option<f32>,
    /// Share of the training data to keep for validation; 0 for none.
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    /// Keep this fold of the training data for validation, for example 2/5, in place of a share.
    #[arg(long, value_name = "FOLD", conflicts_with = "validation_share")]
    validation_fold: Option<Fold>,
    /// Stop when the validation loss has not improved for this many epochs, and keep the best weights.
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<usize>,
    /// For early stopping: smallest change of the loss that counts as an improvement.
    #[arg(long, value_name = "LOSS")]
    min_delta: Option<f64>,
    /// Seed of initialisation, split, shuffling and all noise.
    #[arg(long)]
    seed: Option<u64>,
    /// Seed of the split alone.
    #[arg(long, value_name = "SEED")]
    split_seed: Option<u64>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Loss")]
struct LossFlags {
    /// Loss.
    #[arg(long, value_enum, value_name = "KIND")]
    loss: Option<Loss>,
    /// Huber: error, in deviations of the target, at which the loss turns from squared to linear.
    #[arg(long, value_name = "ERROR")]
    huber_delta: Option<f32>,
    /// Share of each label to spread over all classes.
    #[arg(long, value_name = "SHARE")]
    label_smoothing: Option<f32>,
    /// Weight of an error on each class: balanced, or numbers separated by commas.
    #[arg(long, value_name = "WEIGHTS")]
    class_weights: Option<ClassWeights>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Optimiser")]
struct OptimiserFlags {
    /// Optimiser.
    #[arg(long, value_enum, value_name = "KIND")]
    optimiser: Option<OptimiserKind>,
    /// SGD and RMSprop: momentum.
    #[arg(long)]
    momentum: Option<f32>,
    /// SGD: Nesterov's form of the momentum.
    #[arg(long)]
    nesterov: bool,
    /// Weight decay: decoupled for adamw; for the others, added to the gradient.
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f32>,
    /// Largest global norm of the gradient; larger ones are scaled down. 0 for no limit.
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f32>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Learning rate")]
struct ScheduleFlags {
    /// Largest learning rate of the schedule; `find-rate` proposes one.
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,
    /// How the rate changes over the run.
    #[arg(long, value_enum, value_name = "KIND")]
    schedule: Option<ScheduleKind>,
    /// Cosine and one-cycle: share of the run in which the rate climbs.
    #[arg(long, value_name = "SHARE")]
    warm_up: Option<f32>,
    /// Factor on the rate: after each epoch (exponential), after each --rate-epochs (step), or when the
    /// validation loss has not improved for --rate-epochs (plateau, backtracking).
    #[arg(long, value_name = "FACTOR")]
    rate_factor: Option<f32>,
    /// Step: epochs between two steps. Plateau, backtracking: epochs to wait for an improvement.
    #[arg(long, value_name = "EPOCHS")]
    rate_epochs: Option<usize>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Against over-fitting")]
struct OverfittingFlags {
    /// Deviation of the noise (jitter) on the normalised inputs.
    #[arg(long, value_name = "DEVIATION")]
    input_noise: Option<f32>,
    /// Dropout: share of the inputs to set to zero.
    #[arg(long, value_name = "SHARE")]
    input_dropout: Option<f32>,
    /// Dropout: share of each layer's outputs to set to zero on their way to the next layer.
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f32>,
    /// Variational dropout: share of the hidden state to set to zero, the same units at every step of a
    /// sequence.
    #[arg(long, value_name = "SHARE")]
    recurrent_dropout: Option<f32>,
    /// Dropout of candidates: share of the cells that a step does not write to.
    #[arg(long, value_name = "SHARE")]
    candidate_dropout: Option<f32>,
    /// Shift each training sequence by up to this many steps, either way.
    #[arg(long, value_name = "STEPS")]
    time_shift: Option<usize>,
    /// Scale each channel of a training sequence by a random factor with this deviation.
    #[arg(long, value_name = "DEVIATION")]
    scaling: Option<f32>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Making it fit")]
struct FittingFlags {
    /// Start from the network of this run, with its sizes and its normalisation.
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    /// With --init: keep this many hidden units of each recurrent layer, those with the largest weights.
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    prune_to: Option<Vec<usize>>,
    /// With --init: keep this many outputs of each projection, those with the largest weights.
    #[arg(long, value_name = "OUTPUTS")]
    prune_projection_to: Option<usize>,
    /// Quantisation-aware training: a scheme (w8a16, w8a8 or w4a16) for all layers, or one for each layer,
    /// a convolution first, then recurrent layers, for example w4a16,w8a16.
    #[arg(long, value_name = "SCHEME")]
    qat: Option<Schemes>,
    /// Also learn from the outputs of this run's network, or from the means over a folder of runs that `--seeds` wrote
    /// (knowledge distillation).
    #[arg(long, value_name = "RUN")]
    teacher: Option<PathBuf>,
    /// Temperature that softens the teacher's and the network's outputs.
    #[arg(long)]
    temperature: Option<f32>,
    /// Share of the loss that follows the teacher.
    #[arg(long, value_name = "SHARE")]
    distil_weight: Option<f32>,
}

/// The flags that change a training configuration.
#[derive(Clone, Debug)]
pub(super) struct Levers(Flags);

impl Levers {
    /// Sets in `config` what the command line gives.
    ///
    /// # Errors
    /// When a flag is for another optimiser or schedule than the configuration has, or for the structure of a network
    /// that comes from another run.
    pub(super) fn apply(self, config: &mut TrainConfig) -> anyhow::Result<()> {
        let structure = self.0.network.structure();
        if let Some(flag) = structure.filter(|_| self.0.fitting.init.is_some()) {
            bail!(
                "{flag}: a run with --init has the structure of that run's network; leave {flag} out, or remove units by --prune-to"
            );
        }
        self.0.network.apply(config);
        self.0.run.apply(config);
        self.0.loss.apply(config);
        self.0.optimiser.apply(config)?;
        self.0.schedule.apply(config)?;
        self.0.overfitting.apply(config);
        self.0.fitting.apply(config)
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

    /// Every flag does what its key in a file does.
    #[test]
    fn flags_and_keys_are_the_same() {
        for (flags, keys) in [
            (
                "--hidden 4,5 --dense 6 --no-peepholes",
                "hidden = [4, 5]\ndense = [6]\npeepholes = false",
            ),
            ("--layer gru", "layer = \"gru\""),
            ("--bidirectional", "direction = \"bidirectional\""),
            ("--direction reverse", "direction = \"reverse\""),
            (
                "--hidden 4,5 --direction bidirectional,forward",
                "hidden = [4, 5]\ndirection = [\"bidirectional\", \"forward\"]",
            ),
            ("--pooling mean", "pooling = \"mean\""),
            ("--projection 3", "projection = 3"),
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
            ("--for-streams --ema 0.9", "for_streams = true\nema = 0.9"),
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
                "--init runs/a --prune-projection-to 3",
                "init = \"runs/a\"\nprune_projection_to = 3",
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
