//! A convolution over time.

use serde_json::Value;

use super::layers::Reading;
use crate::import::error::{Problem, short};
use crate::import::model::{ConvWeights, Layer, why_not_same_padding};
use crate::network::Padding;

impl Reading {
    pub(super) fn convolution(
        &mut self,
        title: &str,
        config: &Value,
        place: &str,
    ) -> Result<(), Problem> {
        let refuse = |why: String| Err(Problem::refused(title, why));
        for (key, taken) in [("dilation_rate", 1), ("groups", 1)] {
            if whole(&config[key]).is_some_and(|found| found != taken) {
                return refuse(format!("its {key} of {} is not taken", config[key]));
            }
        }
        if config["data_format"] == "channels_first" {
            return refuse("data_format channels_first is not taken".into());
        }
        let padding = match config["padding"].as_str() {
            Some("causal") => Padding::Causal,
            Some("valid") | None => Padding::Valid,
            Some("same") => return refuse(why_not_same_padding()),
            Some(other) => return refuse(format!("padding {} is not taken", short(other))),
        };
        let stride = match whole(&config["strides"]) {
            Some(stride) if stride > 0 => stride as usize,
            _ if config["strides"].is_null() => 1,
            _ => return refuse(format!("strides of {} are no stride", config["strides"])),
        };
        let array = |n: usize, part: &str| self.weights.array(place, place, n, part);
        let kernel = array(0, "kernel")?;
        let bias = match config["use_bias"].as_bool().unwrap_or(true) {
            true => Some(array(1, "bias")?.vector()),
            false => None,
        };
        let read = &["kernel", "bias"][..if bias.is_some() { 2 } else { 1 }];
        self.weights.require_all_read(place, place, read, title)?;
        let [steps, channels, filters] = kernel.shape[..] else {
            return Err(Problem::Damaged(format!(
                "{title}: a kernel of shape {:?} has not steps, channels and filters",
                kernel.shape
            )));
        };
        let values = kernel.vector();
        let value = |f: usize, k: usize, c: usize| values[(k * channels + c) * filters + f];
        let shape = (filters, steps, channels);
        let weights = ConvWeights::new(shape, value, bias, (stride, padding));
        self.push(title, Layer::Convolution(weights))?;
        self.activation(title, &config["activation"])
    }
}

/// A whole number, or the only one of a list.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Array(all) if all.len() == 1 => all[0].as_u64(),
        other => other.as_u64(),
    }
}
