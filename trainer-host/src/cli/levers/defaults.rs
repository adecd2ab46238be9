//! The defaults in the help of the flags, computed from [`TrainConfig::default`], [`Recordings::defaults`] and the
//! like, so that help and behaviour cannot differ.

use clap::{ArgMatches, Command, Error, FromArgMatches};

use super::apply::name;
use super::{Flags, Levers};
use crate::loss::Loss;
use crate::network::Convolution;
use crate::optimiser::{OptimiserConfig, OptimiserKind};
use crate::schedule::{Schedule, ScheduleKind};
use crate::train::{
    CLASS_DROPOUT, CLASS_INPUT_NOISE, Distillation, EarlyStopping, FEW, Recordings,
    SEVERAL_CHANNELS, SEVERAL_CHANNELS_DROPOUT, TrainConfig, UPDATES, VALIDATED,
};

type Default = fn(&TrainConfig) -> String;

/// The default of each flag that has one, by the flag's name as a field.
const DEFAULTS: [(&str, Default); 45] = [
    ("conv_filters", |_| {
        Convolution::default().filters.to_string()
    }),
    ("conv_kernel", |_| Convolution::default().kernel.to_string()),
    ("conv_stride", |_| Convolution::default().stride.to_string()),
    ("conv_activation", |_| {
        name(Convolution::default().activation)
    }),
    ("conv_padding", |_| {
        Convolution::default().padding.name().to_owned()
    }),
    ("layer", |c| name(c.layer)),
    ("hidden", |c| sizes(&c.hidden)),
    ("direction", |c| c.direction.to_string()),
    ("pooling", |c| name(c.pooling)),
    ("dense", |c| sizes(&c.dense)),
    ("forget_bias", |c| c.forget_bias.to_string()),
    ("chrono_steps", |_| {
        format!("none; {FEW_MEANS}: the steps of the middle one")
    }),
    ("input_weights", |c| name(c.initialisation.input)),
    ("recurrent_weights", |c| name(c.initialisation.recurrent)),
    ("epochs", |c| {
        format!("{}, or as many as make {UPDATES} updates", c.epochs)
    }),
    ("batch_size", |c| or_few(c, |c| c.batch_size.to_string())),
    ("truncate", |c| or(c.truncate, "all")),
    ("ema", |c| c.ema.to_string()),
    ("validation_share", |c| {
        let general = c.validation_share;
        format!("{general}; with fewer than {VALIDATED} sequences of one class each: 0")
    }),
    ("early_stopping", |c| {
        or(c.early_stopping.map(|early| early.patience), "never")
    }),
    ("min_delta", |_| {
        EarlyStopping::default().min_delta.to_string()
    }),
    ("seed", |c| c.seed.to_string()),
    ("split_seed", |_| {
        "that of --seed, or of the runs of --init and --teacher".into()
    }),
    ("loss", |_| {
        let kinds = [Loss::CrossEntropy, Loss::MeanSquaredError].map(name);
        format!("{} for classes, {} for values", kinds[0], kinds[1])
    }),
    ("huber_delta", |c| c.loss.delta.to_string()),
    ("label_smoothing", |c| c.loss.label_smoothing.to_string()),
    ("class_weights", |_| "1".into()),
    ("optimiser", |c| name(c.optimiser.kind())),
    ("momentum", |_| {
        let of = |kind| momentum(kind).unwrap_or_default();
        let (sgd, rmsprop) = (of(OptimiserKind::Sgd), of(OptimiserKind::RmsProp));
        format!("{sgd} and {rmsprop}")
    }),
    ("weight_decay", |_| {
        let of = |kind| *OptimiserConfig::from(kind).weight_decay_mut();
        let (adam, adamw) = (of(OptimiserKind::Adam), of(OptimiserKind::AdamW));
        format!("{adam}, adamw {adamw}")
    }),
    ("clip_norm", |c| c.clip_norm.to_string()),
    ("learning_rate", |c| {
        or_few(c, |c| c.learning_rate.to_string())
    }),
    ("schedule", |c| name(c.schedule.kind())),
    ("warm_up", |_| {
        let of = |kind| warm_up(kind).unwrap_or_default();
        let (cosine, one_cycle) = (of(ScheduleKind::Cosine), of(ScheduleKind::OneCycle));
        format!("{cosine} and {one_cycle}")
    }),
    ("rate_factor", |_| {
        let of = |kind| factor(kind).unwrap_or_default();
        let (each, other) = (of(ScheduleKind::Exponential), of(ScheduleKind::Step));
        format!("exponential {each}, else {other}")
    }),
    ("rate_epochs", |_| {
        let of = |kind| epochs(kind).unwrap_or_default();
        let (step, patience) = (of(ScheduleKind::Step), of(ScheduleKind::Plateau));
        format!("step {step}, else {patience}")
    }),
    ("input_noise", |_| for_classes(CLASS_INPUT_NOISE)),
    ("input_dropout", |c| c.input_dropout.to_string()),
    ("dropout", |_| for_classes(CLASS_DROPOUT)),
    ("recurrent_dropout", |c| {
        let general = c.recurrent_dropout;
        format!(
            "{general}; {FEW_MEANS}, if they have {SEVERAL_CHANNELS} channels or more: {SEVERAL_CHANNELS_DROPOUT}"
        )
    }),
    ("candidate_dropout", |c| c.candidate_dropout.to_string()),
    ("time_shift", |c| {
        let general = c.augmentation.time_shift;
        format!("{general}; {FEW_MEANS}: a twentieth of the steps of the middle one")
    }),
    ("scaling", |c| c.augmentation.scaling.to_string()),
    ("temperature", |_| distillation().temperature.to_string()),
    ("distil_weight", |_| distillation().weight.to_string()),
];

/// Where the defaults for few recordings apply.
const FEW_MEANS: &str = "with fewer than 200 sequences of one class each";
const _: () = assert!(FEW == 200, "FEW_MEANS says the number");

/// The general default, and the one for few recordings.
fn or_few(general: &TrainConfig, text: Default) -> String {
    let fewest = Recordings {
        sequences: 1,
        median_steps: 100,
        most_steps: 100,
        all_steps: 100,
        channels: 1,
        one_class: true,
        must_split: false,
    };
    let Ok(few) = fewest.defaults(|defaults| Ok::<_, std::convert::Infallible>(defaults.clone()));
    format!("{}; {FEW_MEANS}: {}", text(general), text(&few))
}

fn sizes(sizes: &[usize]) -> String {
    let texts: Vec<String> = sizes.iter().map(usize::to_string).collect();
    match texts.is_empty() {
        true => "none".into(),
        false => texts.join(","),
    }
}

fn or(value: Option<usize>, none: &str) -> String {
    value.map_or(none.to_owned(), |value| value.to_string())
}

fn for_classes(value: f32) -> String {
    format!("{value} for sequences of one class each, else 0")
}

fn distillation() -> Distillation {
    Distillation::from_teacher("".into())
}

fn momentum(kind: OptimiserKind) -> Option<f32> {
    OptimiserConfig::from(kind).momentum_mut().copied()
}

fn warm_up(kind: ScheduleKind) -> Option<f32> {
    match kind.into() {
        Schedule::Cosine { warm_up } | Schedule::OneCycle { warm_up, .. } => Some(warm_up),
        _ => None,
    }
}

fn factor(kind: ScheduleKind) -> Option<f32> {
    match kind.into() {
        Schedule::Step { factor, .. } | Schedule::Exponential { factor } => Some(factor),
        _ => None,
    }
}

fn epochs(kind: ScheduleKind) -> Option<usize> {
    match kind.into() {
        Schedule::Step { every: epochs, .. }
        | Schedule::Plateau {
            patience: epochs, ..
        } => Some(epochs),
        _ => None,
    }
}

/// `command`, with the defaults in the help of its flags.
fn with_defaults(command: Command) -> Command {
    let config = TrainConfig::default();
    DEFAULTS.iter().fold(command, |command, (flag, default)| {
        command.mut_arg(flag, |arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(format!("{help} [default: {}]", default(&config)))
        })
    })
}

impl clap::Args for Levers {
    fn augment_args(command: Command) -> Command {
        with_defaults(Flags::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        with_defaults(Flags::augment_args_for_update(command))
    }
}

impl FromArgMatches for Levers {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Flags::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}
