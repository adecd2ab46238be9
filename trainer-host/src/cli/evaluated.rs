//! What `eval` found of one run or model file, for people and as JSON.

use serde::Serialize;

use super::device::DeviceResult;
use super::eval_stream::StreamResult;
use super::score_text::details;
use super::table::percent;
use crate::data::counted;
use crate::data::generated::Judgement;
use crate::evaluate::{Comparison, Score};
use crate::integers::clamped::{self, ClampedInput};

/// What `eval` found.
#[derive(Debug, Serialize)]
pub(super) struct Evaluated {
    pub(super) data: String,
    pub(super) sequences: usize,
    /// Name of the run's quantisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantisation: Option<String>,
    /// f32 against integers, for a quantised run.
    pub(super) comparison: Option<Comparison>,
    /// The score, if there is only f32 or only integers.
    pub(super) score: Option<Score>,
    /// Sequences that pass the criterion of a built-in task's paper.
    pub(super) criterion: Option<Judgement>,
    /// The sequences end to end.
    pub(super) stream: Option<StreamResult>,
    /// Channels with values that the integers cannot hold, on the host as on a device.
    pub(super) clamped_inputs: Vec<ClampedInput>,
    /// The same integers on a device.
    pub(super) device: Option<DeviceResult>,
}

impl Evaluated {
    /// Of the f32 network.
    pub(super) fn float_score(&self) -> Option<&Score> {
        let compared = self.comparison.as_ref().map(|comparison| &comparison.float);
        compared.or(self.score.as_ref())
    }

    /// Of a quantised run's integers.
    pub(super) fn integer_score(&self) -> Option<&Score> {
        self.comparison
            .as_ref()
            .map(|comparison| &comparison.integer)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let sequences = counted(self.sequences, "sequence");
        let mut text = format!("data        {}, {sequences}\n", self.data);
        if let Some(comparison) = &self.comparison {
            text += &comparison.to_text(&self.data);
            text += &details(&comparison.integer);
        }
        if let Some(score) = &self.score {
            text += &format!("score       {}\n{}", score.describe(), details(score));
        }
        if let Some(criterion) = self.criterion {
            text += &format!(
                "criterion   {} of {} sequences pass ({})\n",
                criterion.correct,
                criterion.sequences,
                percent(criterion.correct as f64 / criterion.sequences.max(1) as f64)
            );
        }
        text += &clamped::to_text(&self.clamped_inputs);
        if let Some(stream) = &self.stream {
            text += &stream.to_text();
        }
        if let Some(device) = &self.device {
            text += &device.to_text();
        }
        text
    }
}
