//! What this program's own export writes beside a `state_dict`.

use std::collections::BTreeSet;

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::error::{Problem, short};
use super::model::{Layer, NamedLayer};
use super::open::Pooling;
use crate::network::{Convolution, Head};

/// What a `state_dict` does not say: JSON in the file's metadata, where this program's own export wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// The convolution, whose stride, padding and activation no tensor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv: Option<Convolution>,
    /// Whether every step is read, or the last one.
    pub every_step: bool,
    /// Whether the mean over time is read in place of the last step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mean: bool,
    /// What the outputs mean.
    pub head: Head,
    /// Of the inputs, `[I]`: `x = (value - mean) / deviation` goes into the first layer. Empty where values do.
    pub input_mean: Vec<f64>,
    /// Of the inputs, `[I]`.
    pub input_deviation: Vec<f64>,
    /// Names of the channels.
    pub channels: Vec<String>,
    /// Names of the classes or values.
    pub outputs: Vec<String>,
}

impl Described {
    /// Its key in the metadata.
    pub const KEY: &str = "network";

    /// As it stands in the metadata.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Of a file; `None` of another program's.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Self>, Problem> {
        let damaged = |why: String| Problem::Damaged(format!("metadata {:?}: {why}", Self::KEY));
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
        let text = (metadata.metadata().as_ref()).and_then(|all| all.get(Self::KEY));
        let described = text.map(|text| serde_json::from_str(text));
        described
            .transpose()
            .map_err(|error| damaged(error.to_string()))
    }

    /// Refuses lists that are not of the network's sizes, and names that stand twice.
    pub(super) fn require_sizes(&self, inputs: usize, outputs: usize) -> Result<(), Problem> {
        let refuse =
            |why: String| Err(Problem::Damaged(format!("metadata {:?}: {why}", Self::KEY)));
        // One score of two classes has both of their names.
        let names = match (self.head, outputs) {
            (Head::Sigmoid, 1) => 2,
            _ => outputs,
        };
        for (list, found, needed) in [
            ("channels", self.channels.len(), inputs),
            ("outputs", self.outputs.len(), names),
            (
                "input_mean",
                self.input_mean.len(),
                self.input_deviation.len(),
            ),
            (
                "input_deviation",
                self.input_deviation.len(),
                if self.input_deviation.is_empty() {
                    0
                } else {
                    inputs
                },
            ),
        ] {
            if found != needed {
                return refuse(format!(
                    "{list} has {found} entries, and the network {needed}"
                ));
            }
        }
        let usable = |d: &f64| d.is_finite() && *d > 0.0;
        if !self.input_deviation.iter().all(usable) {
            return refuse("input_deviation has a value that is not above zero".into());
        }
        for names in [&self.channels, &self.outputs] {
            let mut seen = BTreeSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
                return refuse(format!("the name {} stands twice", short(twice)));
            }
        }
        Ok(())
    }

    /// The input stage.
    pub(super) fn input_stage(&self) -> Option<NamedLayer> {
        if self.input_deviation.is_empty() {
            return None;
        }
        let stage = self.input_mean.iter().zip(&self.input_deviation);
        let (scale, offset) = stage.map(|(mean, d)| (1.0 / d, -mean / d)).unzip();
        Some(Layer::Affine { scale, offset }.named("the input stage in the metadata"))
    }

    /// The layer behind the last one.
    pub(super) fn ending(&self) -> Option<NamedLayer> {
        match self.head {
            Head::Linear => None,
            Head::Softmax => Some(Layer::Softmax.named("the softmax in the metadata")),
            Head::Sigmoid => Some(Layer::Sigmoid.named("the sigmoid in the metadata")),
        }
    }

    pub(super) fn pooling(&self) -> Pooling {
        match (self.every_step, self.mean) {
            (true, _) => Pooling::Steps,
            (false, true) => Pooling::Mean,
            (false, false) => Pooling::Last,
        }
    }
}
