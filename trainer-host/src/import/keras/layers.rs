//! What each class of layer is.

use serde_json::Value;

use super::chain::{class, name};
use super::weights::{Numbers, Weights};
use crate::import::conventions::{Convention, RecurrentWeights, WeightsKind};
use crate::import::error::{Kind, Problem};
use crate::import::model::{Layer, NamedLayer};

/// The smallest deviation by which the layer `Normalization` divides.
const EPSILON: f64 = 1e-7;

/// The layers that were read so far.
pub(super) struct Reading {
    weights: Weights,
    layers: Vec<NamedLayer>,
    notes: Vec<String>,
}

impl Reading {
    pub(super) fn new(weights: Weights) -> Self {
        Self {
            weights,
            layers: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn has_last_step(&self) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.layer == Layer::LastStep)
    }

    pub(super) fn finish(self) -> (Vec<NamedLayer>, Vec<String>) {
        (self.layers, self.notes)
    }

    /// Reads the next layer.
    pub(super) fn layer(&mut self, layer: &Value) -> Result<(), Problem> {
        let title = format!("{} layer {}", class(layer), name(layer));
        let later = |kind| Err(Problem::later(title.clone(), kind));
        let config = &layer["config"];
        let place = self.weights.place(class(layer), name(layer));
        match class(layer) {
            "InputLayer" => Ok(()),
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
            "LSTM" => self.recurrent(WeightsKind::Lstm, &title, config, &place),
            // Before Keras had the setting, the reset gate came before the product.
            "GRU" if config["reset_after"].as_bool() != Some(true) => later(Kind::ResetBefore),
            "GRU" => self.recurrent(WeightsKind::Gru, &title, config, &place),
            "Dense" => self.dense(&title, config, &place),
            "TimeDistributed" => self.at_each_step(&title, config, &place),
            "Normalization" => self.normalisation(&title, config, &place),
            "BatchNormalization" => self.batch_normalisation(&title, config, &place),
            "Rescaling" => {
                let number = |key: &str, default| config[key].as_f64().unwrap_or(default);
                let (scale, offset) = (vec![number("scale", 1.0)], vec![number("offset", 0.0)]);
                self.push(title, Layer::Affine { scale, offset })
            }
            "Activation" => self.activation(&title, &config["activation"]),
            "ReLU"
                if config["max_value"].is_null() && number_or_zero(&config["negative_slope"]) =>
            {
                self.push(title, Layer::Relu)
            }
            "Softmax" => self.push(title, Layer::Softmax),
            "Bidirectional" => later(Kind::Bidirectional),
            "Conv1D" | "SeparableConv1D" | "DepthwiseConv1D" | "ConvLSTM1D" => {
                later(Kind::Convolution)
            }
            "GlobalAveragePooling1D" => later(Kind::MeanPooling),
            "GlobalMaxPooling1D" => later(Kind::MaxPooling),
            _ => Err(Problem::refused(
                title,
                "it is not taken; LSTM, GRU, Dense, TimeDistributed Dense, Normalization, BatchNormalization, Rescaling, Activation and Dropout are",
            )),
        }
    }

    fn push(&mut self, title: impl Into<String>, layer: Layer) -> Result<(), Problem> {
        self.layers.push(layer.named(title));
        Ok(())
    }

    fn recurrent(
        &mut self,
        kind: WeightsKind,
        title: &str,
        config: &Value,
        place: &str,
    ) -> Result<(), Problem> {
        let is = |key: &str| config[key].as_bool().unwrap_or(false);
        for (key, needed) in [("activation", "tanh"), ("recurrent_activation", "sigmoid")] {
            let found = function(&config[key]);
            if found != needed {
                let why = format!("activation {found} is not taken ({key}); {needed} is");
                return Err(Problem::refused(title, why));
            }
        }
        if is("go_backwards") {
            return Err(Problem::later(title, Kind::Reverse));
        }
        if is("time_major") {
            return Err(Problem::refused(title, "time_major is not taken"));
        }
        if is("stateful") {
            let note = "it is stateful; here each sequence begins with a state of zeros";
            self.notes.push(format!("{title}: {note}"));
        }
        let cell = format!("{place}/cell");
        let array = |n: usize, part: &str| self.weights.array(&cell, place, n, part);
        let biases = match config["use_bias"].as_bool().unwrap_or(true) {
            true => array(2, "bias")?.rows(),
            false => Vec::new(),
        };
        let weights = RecurrentWeights {
            kind,
            convention: Convention::Keras,
            input: array(0, "kernel")?.matrix(title)?,
            recurrent: array(1, "recurrent_kernel")?.matrix(title)?,
            biases,
            peepholes: None,
        };
        self.push(title, Layer::Recurrent(weights))?;
        match is("return_sequences") {
            true => Ok(()),
            false => self.push(title, Layer::LastStep),
        }
    }

    fn dense(&mut self, title: &str, config: &Value, place: &str) -> Result<(), Problem> {
        let array = |n: usize, part: &str| self.weights.array(place, place, n, part);
        let kernel = array(0, "kernel")?.matrix(title)?;
        let bias = match config["use_bias"].as_bool().unwrap_or(true) {
            true => Some(array(1, "bias")?.vector()),
            false => None,
        };
        let weight = kernel.t().as_standard_layout().into_owned();
        self.push(title, Layer::Dense { weight, bias })?;
        self.activation(title, &config["activation"])
    }

    /// A layer that works on each step's values alone does the same without the wrapper.
    fn at_each_step(&mut self, title: &str, config: &Value, place: &str) -> Result<(), Problem> {
        let inner = &config["layer"];
        let title = format!("{title} ({})", class(inner));
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

    fn activation(&mut self, title: &str, activation: &Value) -> Result<(), Problem> {
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
        require_channels(title, config)?;
        let values = |n: usize, key: &str| -> Result<Vec<f64>, Problem> {
            match &config[key] {
                Value::Null => self
                    .weights
                    .array(place, place, n, key)
                    .map(|array| array.doubles()),
                given => Ok(numbers(given)),
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
        require_channels(title, config)?;
        let is = |key: &str| config[key].as_bool().unwrap_or(true);
        let mut n = 0;
        let mut array = |part: &str| -> Result<Vec<f64>, Problem> {
            n += 1;
            Ok(self.weights.array(place, place, n - 1, part)?.doubles())
        };
        let gamma = is("scale").then(|| array("gamma")).transpose()?;
        let beta = is("center").then(|| array("beta")).transpose()?;
        let (mean, variance) = (array("moving_mean")?, array("moving_variance")?);
        let epsilon = config["epsilon"].as_f64().unwrap_or(1e-3);
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

/// Refuses a normalisation along another axis than the channels.
fn require_channels(title: &str, config: &Value) -> Result<(), Problem> {
    let axis = match &config["axis"] {
        Value::Array(axes) if axes.len() == 1 => axes[0].as_i64(),
        axis => axis.as_i64(),
    };
    match axis {
        None | Some(-1 | 2) => Ok(()),
        Some(axis) => Err(Problem::refused(
            title,
            format!("axis {axis} is not the channels"),
        )),
    }
}

/// The name of a function, which may be an object.
fn function(value: &Value) -> String {
    let of_object = value["config"].as_str().or(value["class_name"].as_str());
    match value.as_str().or(of_object) {
        Some(name) => name.to_owned(),
        None => value.to_string(),
    }
}

/// All numbers in nested lists.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

fn number_or_zero(value: &Value) -> bool {
    value.is_null() || value.as_f64() == Some(0.0)
}

impl Numbers {
    fn vector(&self) -> Vec<f32> {
        self.values.iter().map(|value| *value as f32).collect()
    }

    /// Its rows; a vector is one.
    fn rows(&self) -> Vec<Vec<f32>> {
        let length = self.shape.last().copied().unwrap_or(1).max(1);
        let vector = self.vector();
        vector.chunks(length).map(<[f32]>::to_vec).collect()
    }

    fn doubles(self) -> Vec<f64> {
        self.values
    }

    fn matrix(&self, title: &str) -> Result<ndarray::Array2<f32>, Problem> {
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
