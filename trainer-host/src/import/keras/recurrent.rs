//! LSTM and GRU of Keras, forwards, backwards and both ways.

use serde_json::Value;

use super::chain::{class, name, require_own_class};
use super::layers::{Reading, function, require_units};
use super::settings::require_settings;
use crate::import::conventions::{Convention, RecurrentWeights, WeightsKind};
use crate::import::error::{Problem, short};
use crate::import::model::Layer;

impl Reading {
    /// A layer that is no part of another one.
    pub(super) fn recurrent(
        &mut self,
        layer: &Value,
        title: &str,
        place: &str,
    ) -> Result<(), Problem> {
        let config = &layer["config"];
        let weights = self.recurrent_weights(layer, title, place)?;
        let every_step = config["return_sequences"] == true;
        if config["go_backwards"] != true {
            self.push(title, Layer::Recurrent(weights))?;
            return match every_step {
                true => Ok(()),
                false => self.push(title, Layer::LastStep),
            };
        }
        if every_step {
            let why = "it runs backwards (go_backwards) and returns each step's outputs from the last to the first, so that all above it would run backwards too; wrap it in Bidirectional, or take return_sequences=False";
            return Err(Problem::refused(title, why));
        }
        self.push(title, Layer::Reverse(weights))?;
        self.push(title, Layer::OwnLastStep)
    }

    /// Two layers, of which the second one runs backwards and gives its outputs in the order of time.
    pub(super) fn bidirectional(
        &mut self,
        title: &str,
        config: &Value,
        place: &str,
    ) -> Result<(), Problem> {
        let refuse = |why: String| Err(Problem::refused(title, why));
        let forward = &config["layer"];
        if !matches!(config["merge_mode"].as_str(), Some("concat")) {
            let mode = short(&config["merge_mode"].to_string());
            return refuse(format!("merge_mode {mode} is not taken; \"concat\" is"));
        }
        // Files of older versions leave out a second layer that is as the first one.
        let reverse = match &config["backward_layer"] {
            Value::Null => {
                let mut twin = forward.clone();
                twin["config"]["go_backwards"] = true.into();
                let own = name(forward);
                let own = own.strip_prefix("forward_").unwrap_or(own);
                twin["config"]["name"] = format!("backward_{own}").into();
                twin
            }
            given => given.clone(),
        };
        for (half, backwards) in [(forward, false), (&reverse, true)] {
            let config = &half["config"];
            if !matches!(class(half), "LSTM" | "GRU") || class(half) != class(forward) {
                return refuse(format!(
                    "its layer {} is neither LSTM nor GRU, or the other half is another",
                    short(class(half))
                ));
            }
            require_own_class(half, title)?;
            require_settings(class(half), config, title)?;
            if (config["go_backwards"] == true) != backwards {
                return refuse("go_backwards of its layers is not false and true".into());
            }
            if config["return_state"] == true {
                return refuse("its states are read (return_state), which is not taken".into());
            }
            if (config["return_sequences"] == true)
                != (forward["config"]["return_sequences"] == true)
            {
                return refuse("its layers have other return_sequences".into());
            }
        }
        let mut half = |layer: &Value, which: &str| {
            let place = self.weights.half(place, which, name(layer))?;
            self.recurrent_weights(layer, title, &place)
        };
        let halves = [
            half(forward, "forward_layer")?,
            half(&reverse, "backward_layer")?,
        ];
        self.push(title, Layer::Both(Box::new(halves)))?;
        match forward["config"]["return_sequences"] == true {
            true => Ok(()),
            false => self.push(title, Layer::OwnLastStep),
        }
    }

    /// The arrays of a layer at `place`, whatever its direction.
    fn recurrent_weights(
        &mut self,
        layer: &Value,
        title: &str,
        place: &str,
    ) -> Result<RecurrentWeights, Problem> {
        let config = &layer["config"];
        let is = |key: &str| config[key].as_bool().unwrap_or(false);
        for (key, needed) in [("activation", "tanh"), ("recurrent_activation", "sigmoid")] {
            let found = function(&config[key]);
            if found != needed {
                let why = format!("activation {found} is not taken ({key}); {needed} is");
                return Err(Problem::refused(title, why));
            }
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
        let parts = ["kernel", "recurrent_kernel", "bias"];
        let read = &parts[..if biases.is_empty() { 2 } else { 3 }];
        self.weights.require_all_read(&cell, place, read, title)?;
        let weights = RecurrentWeights {
            kind: match class(layer) {
                "LSTM" => WeightsKind::Lstm,
                // Before Keras had the setting, the reset gate came before the product.
                _ if !is("reset_after") => WeightsKind::GruBefore,
                _ => WeightsKind::Gru,
            },
            convention: Convention::Keras,
            input: array(0, "kernel")?.matrix(title)?,
            recurrent: array(1, "recurrent_kernel")?.matrix(title)?,
            biases,
            peepholes: None,
            projection: None,
        };
        require_units(title, config, weights.recurrent.nrows())?;
        Ok(weights)
    }
}
