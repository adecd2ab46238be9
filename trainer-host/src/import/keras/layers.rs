//! What each class of layer is.

use serde_json::Value;

use super::chain::{Link, class, name, require_own_class, title};
use super::settings::{require_channels, require_settings};
use super::weights::{Numbers, Weights};
use crate::import::error::{Kind, Problem, short};
use crate::import::model::{Layer, NamedLayer};

/// The smallest deviation by which the layer `Normalization` divides.
const EPSILON: f64 = 1e-7;

/// The layers that were read so far.
pub(super) struct Reading {
    pub(super) weights: Weights,
    /// Channels of the model's input, where it says them.
    channels: Option<usize>,
    layers: Vec<NamedLayer>,
    pub(super) notes: Vec<String>,
}

impl Reading {
    pub(super) fn new(weights: Weights) -> Self {
        Self {
            weights,
            channels: None,
            layers: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether the steps are gone.
    pub(super) fn is_pooled(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| layer.layer.pooling().is_some())
    }

    pub(super) fn channels(&self) -> Option<usize> {
        self.channels
    }

    /// Axes of the array at this place.
    fn rank(&self) -> i64 {
        if self.is_pooled() { 2 } else { 3 }
    }

    pub(super) fn finish(self) -> (Vec<NamedLayer>, Vec<String>) {
        (self.layers, self.notes)
    }

    /// Reads the next layer.
    pub(super) fn layer(&mut self, (layer, output): Link<'_>) -> Result<(), Problem> {
        let title = title(layer);
        require_own_class(layer, &title)?;
        require_settings(class(layer), &layer["config"], &title)?;
        self.read(layer, &title)?;
        match (output, class(layer)) {
            (0, _) => Ok(()),
            (1, "LSTM" | "GRU") if layer["config"]["return_state"] == true => {
                // The state h is the last step's output.
                match layer["config"]["return_sequences"] == true {
                    true => self.push(title, Layer::LastStep),
                    false => Ok(()),
                }
            }
            (2, "LSTM") => Err(Problem::refused(
                title,
                "its cell state c is read (return_state), and a network here gives the output h alone",
            )),
            (n, _) => Err(Problem::Damaged(format!("{title}: it has no output {n}"))),
        }
    }

    fn read(&mut self, layer: &Value, title: &str) -> Result<(), Problem> {
        let title = title.to_owned();
        let later = |kind| Err(Problem::later(title.clone(), kind));
        let config = &layer["config"];
        let place = self.weights.place(class(layer), name(layer));
        match class(layer) {
            "InputLayer" => {
                self.channels = input_channels(config);
                Ok(())
            }
            // At training alone.
            "Dropout"
            | "SpatialDropout1D"
            | "GaussianNoise"
            | "GaussianDropout"
            | "AlphaDropout"
            | "ActivityRegularization" => Ok(()),
            "Masking" => {
                let note =
                    "padding is left out of each sequence here, and is not masked by its value";
                self.notes.push(format!("{title}: {note}"));
                Ok(())
            }
            "LSTM" | "GRU" => self.recurrent(layer, &title, &place),
            "Dense" => self.dense(&title, config, &place),
            "TimeDistributed" => self.at_each_step(&title, config, &place),
            "Normalization" => self.normalisation(&title, config, &place),
            "BatchNormalization" => self.batch_normalisation(&title, config, &place),
            "Rescaling" => self.rescaling(&title, config),
            "Activation" => self.activation(&title, &config["activation"]),
            "ReLU" => self.relu(&title, config),
            "Softmax" => {
                require_channels(&title, config, self.rank())?;
                self.push(title, Layer::Softmax)
            }
            "Bidirectional" => self.bidirectional(&title, config, &place),
            "Conv1D" => self.convolution(&title, config, &place),
            "SeparableConv1D" | "DepthwiseConv1D" | "ConvLSTM1D" => later(Kind::Convolution),
            "GlobalAveragePooling1D" => self.mean_over_time(title, config),
            "GlobalMaxPooling1D" => later(Kind::MaxPooling),
            _ => Err(Problem::refused(
                title,
                "it is not taken; LSTM, GRU, Dense, TimeDistributed Dense, Normalization, BatchNormalization, Rescaling, Activation and Dropout are",
            )),
        }
    }

    /// Of all steps; those that `Masking` would leave out are no part of a sequence here.
    fn mean_over_time(&mut self, title: String, config: &Value) -> Result<(), Problem> {
        if !matches!(config["data_format"].as_str(), None | Some("channels_last")) {
            let why = "its data_format is not channels_last, so that it is no mean over time";
            return Err(Problem::refused(title, why));
        }
        if config["keepdims"] == true {
            let why = "it keeps the axis of the steps (keepdims), which is not taken";
            return Err(Problem::refused(title, why));
        }
        self.push(title, Layer::Mean)
    }

    fn rescaling(&mut self, title: &str, config: &Value) -> Result<(), Problem> {
        let values = |key: &str, default: f64| match &config[key] {
            Value::Null => Ok(vec![default]),
            given => numbers(given, title, key),
        };
        let (scale, offset) = (values("scale", 1.0)?, values("offset", 0.0)?);
        self.push(title, Layer::Affine { scale, offset })
    }

    fn relu(&mut self, title: &str, config: &Value) -> Result<(), Problem> {
        let is_none = |key: &&str| match &config[*key] {
            Value::Null => true,
            value => *key != "max_value" && value.as_f64() == Some(0.0),
        };
        let settings = ["max_value", "negative_slope", "threshold"];
        match settings.iter().find(|key| !is_none(key)) {
            None => self.push(title, Layer::Relu),
            Some(key) => {
                let why = format!("its {key} of {} is not taken", config[*key]);
                Err(Problem::refused(title, why))
            }
        }
    }

    pub(super) fn push(&mut self, title: impl Into<String>, layer: Layer) -> Result<(), Problem> {
        self.layers.push(layer.named(title));
        Ok(())
    }

    fn dense(&mut self, title: &str, config: &Value, place: &str) -> Result<(), Problem> {
        let array = |n: usize, part: &str| self.weights.array(place, place, n, part);
        let kernel = array(0, "kernel")?.matrix(title)?;
        let bias = match config["use_bias"].as_bool().unwrap_or(true) {
            true => Some(array(1, "bias")?.vector()),
            false => None,
        };
        let read = &["kernel", "bias"][..if bias.is_some() { 2 } else { 1 }];
        self.weights.require_all_read(place, place, read, title)?;
        require_units(title, config, kernel.ncols())?;
        let weight = kernel.t().as_standard_layout().into_owned();
        self.push(title, Layer::Dense { weight, bias })?;
        self.activation(title, &config["activation"])
    }

    /// A layer that works on each step's values alone does the same without the wrapper.
    fn at_each_step(&mut self, title: &str, config: &Value, place: &str) -> Result<(), Problem> {
        let inner = &config["layer"];
        let title = format!("{title} ({})", short(class(inner)));
        require_own_class(inner, &title)?;
        require_settings(class(inner), &inner["config"], &title)?;
        match class(inner) {
            "Dense" => {
                let place = self.weights.inner(place);
                self.dense(&title, &inner["config"], &place)
            }
            "Dropout" => Ok(()),
            "Activation" => self.activation(&title, &inner["config"]["activation"]),
            _ => Err(Problem::refused(
                title,
                "a Dense, Dropout or Activation is taken at each step",
            )),
        }
    }

    pub(super) fn activation(&mut self, title: &str, activation: &Value) -> Result<(), Problem> {
        let layer = match function(activation).as_str() {
            "linear" | "null" => return Ok(()),
            "relu" => Layer::Relu,
            "softmax" => Layer::Softmax,
            "log_softmax" => Layer::LogSoftmax,
            "sigmoid" => Layer::Sigmoid,
            other => {
                let why = format!(
                    "activation {other} is not taken; relu, softmax, sigmoid and linear are"
                );
                return Err(Problem::refused(title, why));
            }
        };
        self.push(title, layer)
    }

    fn normalisation(&mut self, title: &str, config: &Value, place: &str) -> Result<(), Problem> {
        if config["invert"].as_bool() == Some(true) {
            return Err(Problem::refused(title, "invert is not taken"));
        }
        require_channels(title, config, self.rank())?;
        let values = |n: usize, key: &str| -> Result<Vec<f64>, Problem> {
            match &config[key] {
                Value::Null => self
                    .weights
                    .array(place, place, n, key)
                    .map(|array| array.doubles()),
                given => numbers(given, title, key),
            }
        };
        let (mean, variance) = (values(0, "mean")?, values(1, "variance")?);
        if mean.len() != variance.len() {
            return Err(Problem::Damaged(format!(
                "{title}: {} means and {} variances",
                mean.len(),
                variance.len()
            )));
        }
        let deviation: Vec<f64> = variance.iter().map(|v| v.sqrt().max(EPSILON)).collect();
        self.push(title, Layer::normalisation(&mean, &deviation))
    }

    fn batch_normalisation(
        &mut self,
        title: &str,
        config: &Value,
        place: &str,
    ) -> Result<(), Problem> {
        require_channels(title, config, self.rank())?;
        let is = |key: &str| config[key].as_bool().unwrap_or(true);
        let mut n = 0;
        let mut array = |part: &str| -> Result<Vec<f64>, Problem> {
            n += 1;
            Ok(self.weights.array(place, place, n - 1, part)?.doubles())
        };
        let gamma = is("scale").then(|| array("gamma")).transpose()?;
        let beta = is("center").then(|| array("beta")).transpose()?;
        let (mean, variance) = (array("moving_mean")?, array("moving_variance")?);
        let epsilon = match &config["epsilon"] {
            Value::Null => 1e-3,
            given => numbers(given, title, "epsilon")?[0],
        };
        let count = mean.len();
        let lengths = [Some(&variance), gamma.as_ref(), beta.as_ref()];
        if lengths
            .into_iter()
            .flatten()
            .any(|values| values.len() != count)
        {
            return Err(Problem::Damaged(format!(
                "{title}: its arrays have different lengths"
            )));
        }
        let at = |values: &Option<Vec<f64>>, c: usize, default| {
            values.as_ref().map_or(default, |v| v[c])
        };
        let (scale, offset) = (0..count)
            .map(|c| {
                let scale = at(&gamma, c, 1.0) / (variance[c] + epsilon).sqrt();
                (scale, at(&beta, c, 0.0) - scale * mean[c])
            })
            .unzip();
        self.push(title, Layer::Affine { scale, offset })
    }
}

/// Channels of an input of sequences, where the model says them.
fn input_channels(config: &Value) -> Option<usize> {
    let shapes = [&config["batch_shape"], &config["batch_input_shape"]];
    match shapes.into_iter().find_map(Value::as_array)?.as_slice() {
        [_, _, channels] => usize::try_from(channels.as_u64()?).ok(),
        _ => None,
    }
}

/// Refuses weights of another number of units than the configuration says.
pub(super) fn require_units(title: &str, config: &Value, units: usize) -> Result<(), Problem> {
    match config["units"].as_u64() {
        Some(declared) if declared != units as u64 => Err(Problem::Damaged(format!(
            "{title}: units is {declared}, and its weights are of {units}"
        ))),
        _ => Ok(()),
    }
}

/// The name of a function of Keras, which may be an object. Of another it is the whole object, which is no name.
pub(super) fn function(value: &Value) -> String {
    let is_function = value["class_name"] == "function"
        && (value["registered_name"].is_null() || value["registered_name"] == value["config"])
        && (value["module"].as_str())
            .is_none_or(|module| module == "builtins" || module.starts_with("keras"));
    let of_object = value["config"].as_str().filter(|_| is_function);
    match value.as_str().or(of_object) {
        Some(name) => short(name),
        None => short(&value.to_string()),
    }
}

/// All numbers in nested lists, of which one at most is longer than one.
fn numbers(value: &Value, title: &str, key: &str) -> Result<Vec<f64>, Problem> {
    let refuse = || {
        let why = format!("its {key} is not a number or one for each channel");
        Problem::refused(title, why)
    };
    match value {
        Value::Array(all) if all.len() == 1 => numbers(&all[0], title, key),
        Value::Array(all) => {
            let values: Option<Vec<f64>> = all.iter().map(Value::as_f64).collect();
            values
                .filter(|values| !values.is_empty())
                .ok_or_else(refuse)
        }
        other => Ok(vec![other.as_f64().ok_or_else(refuse)?]),
    }
}

impl Numbers {
    pub(super) fn vector(&self) -> Vec<f32> {
        self.values.iter().map(|value| *value as f32).collect()
    }

    /// Its rows; a vector is one.
    pub(super) fn rows(&self) -> Vec<Vec<f32>> {
        let length = self.shape.last().copied().unwrap_or(1).max(1);
        let vector = self.vector();
        vector.chunks(length).map(<[f32]>::to_vec).collect()
    }

    fn doubles(self) -> Vec<f64> {
        self.values
    }

    pub(super) fn matrix(&self, title: &str) -> Result<ndarray::Array2<f32>, Problem> {
        let damaged = || {
            Problem::Damaged(format!(
                "{title}: an array of shape {:?} is no matrix",
                self.shape
            ))
        };
        let [rows, columns] = self.shape[..] else {
            return Err(damaged());
        };
        ndarray::Array2::from_shape_vec((rows, columns), self.vector()).map_err(|_| damaged())
    }
}
