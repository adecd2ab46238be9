//! What a model's outputs mean, and when they are read.

/// What a model's outputs mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Values: [`Parsed::value`](crate::Parsed::value) has them in real units.
    Linear,
    /// Logits of independent probabilities.
    Sigmoid,
    /// Logits of one class out of several.
    Softmax,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 3] = [Self::Linear, Self::Sigmoid, Self::Softmax];

    /// The number of the task in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::Linear => 0,
            Self::Sigmoid => 1,
            Self::Softmax => 2,
        }
    }

    /// The task with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Linear),
            1 => Some(Self::Sigmoid),
            2 => Some(Self::Softmax),
            _ => None,
        }
    }

    /// Its name in files and messages: `softmax`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    /// The task of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// Names of classes or values that a model of this task and `outputs` has: two for a single
    /// sigmoid, else one an output.
    pub const fn name_count(self, outputs: usize) -> usize {
        match self {
            Self::Sigmoid if outputs == 1 => 2,
            _ => outputs,
        }
    }
}

/// When a model's outputs are meant to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After the last step of a sequence.
    SequenceToOne,
    /// After every step.
    SequenceToSequence,
    /// After the last step of a sequence, of the mean over its steps: see `layers::mean`.
    SequenceToMean,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [
        Self::SequenceToOne,
        Self::SequenceToSequence,
        Self::SequenceToMean,
    ];

    /// Whether each step has outputs of its own. Else those after the last step of a sequence count.
    pub const fn is_per_step(self) -> bool {
        matches!(self, Self::SequenceToSequence)
    }

    /// The number of the mode in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::SequenceToOne => 0,
            Self::SequenceToSequence => 1,
            Self::SequenceToMean => 2,
        }
    }

    /// The mode with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }

    /// Its name in files and messages: `sequence-to-one`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SequenceToOne => "sequence-to-one",
            Self::SequenceToSequence => "sequence-to-sequence",
            Self::SequenceToMean => "sequence-to-mean",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back() {
        for task in Task::ALL {
            assert_eq!(Task::from_code(task.code()), Some(task));
            assert_eq!(Task::from_name(task.name()), Some(task));
        }
        for mode in Mode::ALL {
            assert_eq!(Mode::from_code(mode.code()), Some(mode));
            assert_eq!(Mode::from_name(mode.name()), Some(mode));
        }
        assert_eq!(Task::from_code(3), None);
        assert_eq!(Mode::from_name("softmax"), None);
    }
}
