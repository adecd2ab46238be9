//! Flags that say how to train.

use crate::loss::Loss;
use crate::train::TrainConfig;

/// What can be set; the defaults are those of the training configuration.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Training")]
pub(super) struct Levers {
    /// Hidden units of each LSTM layer, separated by commas [default: 32].
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// Units of dense ReLU layers before the output layer, separated by commas [default: none].
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    dense: Option<Vec<usize>>,
    /// LSTM layers without peephole connections.
    #[arg(long)]
    no_peepholes: bool,
    /// Times through the training part.
    #[arg(long)]
    epochs: Option<usize>,
    /// Sequences in a mini-batch.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Largest learning rate of the schedule.
    #[arg(long)]
    learning_rate: Option<f32>,
    /// Share of the training part that is kept for validation; 0 for none.
    #[arg(long)]
    validation_share: Option<f64>,
    /// Largest global norm of a gradient.
    #[arg(long)]
    clip_norm: Option<f32>,
    /// Deviation of the noise that is added to normalised inputs [default: 0.3 for
    /// sequences of one class each, else 0].
    #[arg(long)]
    input_noise: Option<f32>,
    /// Share of values that dropout sets to zero [default: 0.2 for sequences of one class
    /// each, else 0].
    #[arg(long)]
    dropout: Option<f32>,
    /// Initial bias of the forget gates: larger for longer memories.
    #[arg(long)]
    forget_bias: Option<f32>,
    /// Loss: cross-entropy, binary-cross-entropy or mean-squared-error [default: by the targets].
    #[arg(long, value_parser = parse_loss)]
    loss: Option<Loss>,
    /// Seed of initialisation, split, shuffling and dropout.
    #[arg(long)]
    seed: Option<u64>,
}

fn parse_loss(text: &str) -> Result<Loss, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

impl Levers {
    /// Puts what was given into `config`.
    pub(super) fn apply(self, config: &mut TrainConfig) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut config.hidden, self.hidden);
        set(&mut config.dense, self.dense);
        config.peepholes &= !self.no_peepholes;
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.validation_share, self.validation_share);
        set(&mut config.clip_norm, self.clip_norm);
        config.input_noise = self.input_noise.or(config.input_noise);
        config.dropout = self.dropout.or(config.dropout);
        set(&mut config.forget_bias, self.forget_bias);
        set(&mut config.seed, self.seed);
        if self.loss.is_some() {
            config.loss = self.loss;
        }
    }
}
