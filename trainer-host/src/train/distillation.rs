//! Learning from a larger network: which one, and how much.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::loss::SoftTargets;
use crate::out_of_range::{OutOfRange, require};

/// A teacher and its share of the loss, (L8) of [`crate::loss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// The run whose network is the teacher, or a folder of runs, whose mean outputs teach.
    pub teacher: PathBuf,
    /// T, above 0.
    #[serde(default = "default_temperature")]
    pub temperature: f32,
    /// α, 0 to 1.
    #[serde(default = "default_weight")]
    pub weight: f32,
}

fn default_temperature() -> f32 {
    2.0
}

fn default_weight() -> f32 {
    0.5
}

impl Distillation {
    /// From `teacher`, with the usual constants.
    pub fn from_teacher(teacher: PathBuf) -> Self {
        Self {
            teacher,
            temperature: default_temperature(),
            weight: default_weight(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        require(
            self.temperature.is_finite() && self.temperature > 0.0,
            "distillation.temperature",
            self.temperature,
            "a number above 0",
        )?;
        require(
            (0.0..=1.0).contains(&self.weight),
            "distillation.weight",
            self.weight,
            "0 to 1",
        )
    }

    pub(super) fn soft_targets(&self) -> SoftTargets {
        SoftTargets {
            temperature: self.temperature,
            weight: self.weight,
        }
    }
}
