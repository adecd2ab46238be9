//! The configuration of a loss: its kind and its constants.

use serde::{Deserialize, Serialize};

use super::class_weights::ClassWeights;
use super::objective::{Loss, Objective};
use crate::network::Head;
use crate::out_of_range::{OutOfRange, require};
use crate::targets::Targets;

/// Which loss, with its constants; equations are those of [`crate::loss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Which loss. By default cross-entropy for classes and mean squared error for values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Loss>,
    /// δ of (L5), in deviations of the normalised targets; above 0.
    pub delta: f32,
    /// s of (L6), from 0 up to but not including 1.
    pub label_smoothing: f32,
    /// w of (L7): `"balanced"`, or one number for each class in the data's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            kind: None,
            delta: 1.0,
            label_smoothing: 0.0,
            class_weights: None,
        }
    }
}

impl LossConfig {
    /// The loss for `targets`.
    pub fn loss_for(&self, targets: &Targets) -> Loss {
        self.kind.unwrap_or(Loss::by_default(targets.task()))
    }

    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// With the number's key.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        require(
            self.delta > 0.0 && self.delta.is_finite(),
            "loss.delta",
            self.delta,
            "a number above 0",
        )?;
        require(
            (0.0..1.0).contains(&self.label_smoothing),
            "loss.label_smoothing",
            self.label_smoothing,
            "at least 0 and below 1",
        )?;
        require(
            self.label_smoothing == 0.0 || self.kind.is_none_or(|kind| kind.head() != Head::Linear),
            "loss.label_smoothing",
            self.label_smoothing,
            "0 for a loss on values",
        )?;
        if let Some(ClassWeights::List(weights)) = &self.class_weights {
            let fit = |w: &f32| w.is_finite() && *w >= 0.0;
            require(
                weights.iter().all(fit) && weights.iter().any(|w| *w > 0.0),
                "loss.class_weights",
                format!("{weights:?}"),
                "numbers of at least 0, one of them above",
            )?;
        }
        Ok(())
    }

    /// What training on `targets` minimises; the network has so many `outputs`.
    ///
    /// # Errors
    /// When the loss, its smoothing or its weights do not suit the targets.
    pub fn objective(&self, targets: &Targets, outputs: usize) -> Result<Objective, OutOfRange> {
        let loss = self.loss_for(targets);
        let classes = targets.task().is_class();
        require(
            classes || loss.head() == Head::Linear,
            "loss.kind",
            loss.name(),
            "mean-squared-error, mean-absolute-error or huber, since the targets are values and \
             not classes; --task classes takes whole numbers for classes",
        )?;
        require(
            self.label_smoothing == 0.0 || loss.head() != Head::Linear,
            "loss.label_smoothing",
            self.label_smoothing,
            "0 for a loss on values",
        )?;
        let class_weights = match &self.class_weights {
            None => Vec::new(),
            Some(weights) => {
                let resolved = weights.resolve(targets, outputs);
                let found = serde_json::to_string(weights).unwrap_or_default();
                let needed = if classes {
                    "\"balanced\" or a list with one number for each class"
                } else {
                    "left out, since the targets are values and not classes"
                };
                require(resolved.is_some(), "loss.class_weights", found, needed)?;
                resolved.unwrap_or_default()
            }
        };
        Ok(Objective {
            loss,
            delta: self.delta,
            label_smoothing: self.label_smoothing,
            class_weights,
        })
    }
}
