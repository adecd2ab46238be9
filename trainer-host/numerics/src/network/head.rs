//! What a network's outputs mean, and when they are read: [`Head`] and [`Mode`], by the names that every
//! file and text of the host uses.

use lstm_nostd::{Mode as EngineMode, Task as EngineTask};
use serde::{Deserialize, Serialize};

use crate::targets::Task;

/// What the last layer's values mean, and so which loss fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Values as they are (regression; mean squared error).
    Linear,
    /// Independent probabilities (binary cross-entropy).
    Sigmoid,
    /// One class out of several (cross-entropy).
    Softmax,
}

/// Whether there is one output for a sequence, or one for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The output after the last valid step.
    SequenceToOne,
    /// An output after every step.
    SequenceToSequence,
    /// One output of the mean of the uppermost recurrent layer's outputs over all valid steps.
    SequenceToMean,
}

/// What a network that answers once a sequence reads of its uppermost recurrent layer, as a configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The outputs after the last step.
    #[default]
    Last,
    /// The mean of the outputs over all steps.
    Mean,
}

impl Pooling {
    /// Of a network in this mode.
    pub const fn of(mode: Mode) -> Self {
        match mode {
            Mode::SequenceToOne | Mode::SequenceToSequence => Self::Last,
            Mode::SequenceToMean => Self::Mean,
        }
    }

    /// The mode of a network that answers once a sequence.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Last => Mode::SequenceToOne,
            Self::Mean => Mode::SequenceToMean,
        }
    }
}

impl Head {
    /// Its name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    /// The kind of targets that such a network is judged by.
    pub fn task(self, mode: Mode) -> Task {
        match (self, mode.is_per_step()) {
            (Self::Linear, false) => Task::Value,
            (Self::Linear, true) => Task::ValuePerStep,
            (_, false) => Task::Class,
            (_, true) => Task::ClassPerStep,
        }
    }
}

impl Mode {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::SequenceToOne => "sequence to one",
            Self::SequenceToSequence => "sequence to sequence",
            Self::SequenceToMean => "sequence to one, mean over time",
        }
    }

    /// Whether each step has outputs of its own. Else a sequence has one.
    pub const fn is_per_step(self) -> bool {
        matches!(self, Self::SequenceToSequence)
    }
}

impl From<Head> for EngineTask {
    fn from(head: Head) -> Self {
        match head {
            Head::Linear => Self::Linear,
            Head::Sigmoid => Self::Sigmoid,
            Head::Softmax => Self::Softmax,
        }
    }
}

impl From<EngineTask> for Head {
    fn from(task: EngineTask) -> Self {
        match task {
            EngineTask::Linear => Self::Linear,
            EngineTask::Sigmoid => Self::Sigmoid,
            EngineTask::Softmax => Self::Softmax,
        }
    }
}

impl From<Mode> for EngineMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::SequenceToOne => Self::SequenceToOne,
            Mode::SequenceToSequence => Self::SequenceToSequence,
            Mode::SequenceToMean => Self::SequenceToMean,
        }
    }
}

impl From<EngineMode> for Mode {
    fn from(mode: EngineMode) -> Self {
        match mode {
            EngineMode::SequenceToOne => Self::SequenceToOne,
            EngineMode::SequenceToSequence => Self::SequenceToSequence,
            EngineMode::SequenceToMean => Self::SequenceToMean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_modes_keep_their_name_and_meaning_in_the_engine() {
        for head in [Head::Linear, Head::Sigmoid, Head::Softmax] {
            assert_eq!(Head::from(EngineTask::from(head)), head);
            let written = serde_json::to_value(head).unwrap();
            assert_eq!(written, serde_json::json!(head.name()));
            for mode in [
                Mode::SequenceToOne,
                Mode::SequenceToSequence,
                Mode::SequenceToMean,
            ] {
                assert_eq!(Mode::from(EngineMode::from(mode)), mode);
                let task = head.task(mode);
                assert_eq!(task.is_class(), head != Head::Linear);
                assert_eq!(task.is_per_step(), mode == Mode::SequenceToSequence);
            }
        }
    }
}
