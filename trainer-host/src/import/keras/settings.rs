//! The settings of each class of layer: those that are read, and those that change nothing once a network is trained. Any
//! other may change what a layer computes, so it is refused.

use serde_json::Value;

use crate::import::error::{Problem, short};

/// Of every layer. Shapes say what its input is like, and the others how it is named and trained.
const EVERYWHERE: [&str; 10] = [
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "input_shape",
    "input_dim",
    "input_length",
    "activity_regularizer",
    "seed",
];

const RECURRENT: [&str; 26] = [
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "time_major",
    "reset_after",
    "unroll",
    "implementation",
    "unit_forget_bias",
    // Of steps that are masked, which sequences here do not have.
    "zero_output_for_mask",
    "dropout",
    "recurrent_dropout",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "use_cudnn",
];

const DENSE: [&str; 9] = [
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
];

const CONVOLUTION: [&str; 16] = [
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "groups",
    "activation",
    "use_bias",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "rank",
];

const BATCH_NORMALISATION: [&str; 13] = [
    "axis",
    "epsilon",
    "center",
    "scale",
    "momentum",
    "beta_initializer",
    "gamma_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
    "beta_regularizer",
    "gamma_regularizer",
    "beta_constraint",
    "gamma_constraint",
];

/// Settings that are true or false.
const FLAGS: [&str; 10] = [
    "use_bias",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "time_major",
    "reset_after",
    "center",
    "scale",
    "invert",
];

/// Settings of a class, but for those of every layer; `None` of a class that is refused by its own name.
fn settings(class: &str) -> Option<&'static [&'static str]> {
    Some(match class {
        "LSTM" | "GRU" => &RECURRENT,
        "Dense" => &DENSE,
        "Conv1D" => &CONVOLUTION,
        "BatchNormalization" => &BATCH_NORMALISATION,
        "TimeDistributed" => &["layer"],
        "Bidirectional" => &["layer", "backward_layer", "merge_mode"],
        "Normalization" => &["axis", "invert", "mean", "variance"],
        "Rescaling" => &["scale", "offset"],
        "Activation" => &["activation"],
        "ReLU" => &["max_value", "negative_slope", "threshold"],
        "Softmax" => &["axis"],
        "GlobalAveragePooling1D" => &["data_format", "keepdims"],
        _ => return None,
    })
}

/// Refuses a setting that is not known, unless it is absent, and weights that are not what they are in floats.
///
/// # Errors
/// [`Problem`] with the name of the setting.
pub(super) fn require_settings(class: &str, config: &Value, title: &str) -> Result<(), Problem> {
    let Some(settings) = settings(class) else {
        return Ok(());
    };
    let is_known = |key: &str| EVERYWHERE.contains(&key) || settings.contains(&key);
    let is_absent = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    let mut all = config.as_object().into_iter().flatten();
    if let Some((key, _)) = all.find(|(key, value)| !is_known(key) && !is_absent(value)) {
        let why = format!("its setting {} is not known here", short(key));
        return Err(Problem::refused(title, why));
    }
    let is_flag = |value: &Value| matches!(value, Value::Null | Value::Bool(_));
    // The layer Rescaling has another setting of this name.
    let mut flags = FLAGS
        .iter()
        .filter(|key| class != "Rescaling" || **key != "scale");
    if let Some(key) = flags.find(|key| !is_flag(&config[**key])) {
        let why = format!("its setting {key} is neither true nor false");
        return Err(Problem::Damaged(format!("{title}: {why}")));
    }
    match config["dtype"]["class_name"].as_str() {
        None | Some("DTypePolicy" | "Policy") => Ok(()),
        Some(policy) => Err(Problem::refused(
            title,
            format!(
                "it computes by the policy {}, and float weights are needed; save the model before it is quantised",
                short(policy)
            ),
        )),
    }
}

/// Refuses a layer that works along another axis than the channels, the last of `rank`.
///
/// # Errors
/// [`Problem`] with the axis.
pub(super) fn require_channels(title: &str, config: &Value, rank: i64) -> Result<(), Problem> {
    let axis = match &config["axis"] {
        // The last one by default, or one mean and variance for all.
        Value::Null => return Ok(()),
        Value::Array(axes) if axes.len() == 1 => &axes[0],
        axis => axis,
    };
    match axis.as_i64() {
        Some(n) if n == -1 || n == rank - 1 => Ok(()),
        _ => Err(Problem::refused(
            title,
            format!("axis {} is not the channels", short(&axis.to_string())),
        )),
    }
}
