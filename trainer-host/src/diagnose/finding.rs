//! The parts of a diagnosis: findings, the figures that support them, and the levers to move.

use serde::Serialize;

/// What is the matter. Of equal severity, what explains comes before what it explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Values that are far from all others.
    Outliers,
    /// Rare classes are found much less often than others.
    ClassImbalance,
    /// The loss jumps, or stays above the loss of a constant guess.
    LearningRateTooHigh,
    /// The weights could hardly move.
    LearningRateTooLow,
    /// The loss stays at the loss of a constant guess.
    NoProgress,
    /// The decisions are no better than always the most frequent class, or a forecast is no better than persistence.
    NoBetterThanGuessing,
    /// A simpler method is better.
    BeatenByBaseline,
    /// The training part is not learned.
    UnderFitting,
    /// The loss still fell when the rate was lowered or the run ended.
    StillImproving,
    /// The training part is learned, and others much less.
    OverFitting,
    /// The run has not done all of its epochs.
    Unfinished,
    /// Gradients are far above the clipping limit.
    ExplodingGradients,
    /// Gradients are almost 0, and the loss is not.
    VanishingGradients,
    /// Nearly all activations of a gate are at an end of its range.
    SaturatedGates,
    /// Every cell forgets within a small part of a sequence.
    ShortMemory,
    /// Units that hardly vary, or that have no effect.
    DeadUnits,
    /// Units that say the same as others.
    RedundantUnits,
    /// Most errors are between two classes.
    ConfusedClasses,
    /// Nothing to choose weights by.
    NoValidationPart,
    /// Differences that matter drown in the chance of which sequences were drawn.
    SmallValidationPart,
    /// The test part is judged otherwise than the validation part.
    ValidationTestGap,
    /// Integers decide otherwise than the f32 network.
    QuantisationLoss,
    /// Cells that grow from sequence to sequence where no state is reset.
    GrowingCells,
    /// A channel without information.
    ConstantChannel,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The run is useless until this is fixed.
    Severe,
    /// Mending it makes the run better.
    Warning,
    /// Worth knowing.
    Note,
}

/// What a figure has to be for the finding to be made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// A number that was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it measures, with the unit.
    pub name: String,
    /// What it is.
    pub value: f64,
    /// From where on it speaks for the finding; `None` for a figure that is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

impl Figure {
    /// A figure without a limit.
    pub fn of(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            value,
            limit: None,
        }
    }

    /// A figure that counts from `limit` upwards.
    pub fn at_least(name: impl Into<String>, value: f64, limit: f64) -> Self {
        Self {
            limit: Some(Limit::AtLeast(limit)),
            ..Self::of(name, value)
        }
    }

    /// A figure that counts from `limit` downwards.
    pub fn at_most(name: impl Into<String>, value: f64, limit: f64) -> Self {
        Self {
            limit: Some(Limit::AtMost(limit)),
            ..Self::of(name, value)
        }
    }

    /// Whether the value is within its limit; a value that is no number is not.
    pub fn holds(&self) -> bool {
        match self.limit {
            Some(Limit::AtLeast(limit)) => self.value >= limit,
            Some(Limit::AtMost(limit)) => self.value <= limit,
            None => true,
        }
    }
}

/// The command that a lever belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// `trainer-host train`, with the run's other settings.
    Train,
    /// `trainer-host find-rate`, with the run's other settings.
    FindRate,
    /// `trainer-host quantise RUN`.
    Quantise,
}

impl Command {
    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::FindRate => "find-rate",
            Self::Quantise => "quantise",
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lever {
    /// The command; `None` for what is done to the recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Its flags, word by word.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// What it does about the finding.
    pub why: String,
}

impl Lever {
    /// `train` with these flags, separated by spaces.
    pub fn train(flags: &str, why: impl Into<String>) -> Self {
        Self::of(Some(Command::Train), flags, why)
    }

    /// `quantise` with these flags, separated by spaces.
    pub fn quantise(flags: &str, why: impl Into<String>) -> Self {
        Self::of(Some(Command::Quantise), flags, why)
    }

    /// `find-rate`.
    pub fn find_rate(why: impl Into<String>) -> Self {
        Self::of(Some(Command::FindRate), "", why)
    }

    /// Something without a flag.
    pub fn look(why: impl Into<String>) -> Self {
        Self::of(None, "", why)
    }

    /// The same with one more flag whose value may hold spaces.
    #[must_use]
    pub fn with(mut self, flag: &str, value: String) -> Self {
        self.flags.extend([flag.to_owned(), value]);
        self
    }

    fn of(command: Option<Command>, flags: &str, why: impl Into<String>) -> Self {
        Self {
            command,
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            why: why.into(),
        }
    }
}

/// One thing that is the matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// In one sentence.
    pub summary: String,
    /// Every figure is within its limit.
    pub evidence: Vec<Figure>,
    /// What to do, the first thing first.
    pub advice: Vec<Lever>,
}

impl Finding {
    /// The finding if all figures are within their limits.
    pub fn when(
        kind: Kind,
        severity: Severity,
        summary: impl Into<String>,
        evidence: Vec<Figure>,
    ) -> Option<Self> {
        evidence.iter().all(Figure::holds).then(|| Self {
            kind,
            severity,
            summary: summary.into(),
            evidence,
            advice: Vec::new(),
        })
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn advise(mut self, levers: impl IntoIterator<Item = Lever>) -> Self {
        self.advice.extend(levers);
        self
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 24] = [
        Self::Outliers,
        Self::ClassImbalance,
        Self::LearningRateTooHigh,
        Self::LearningRateTooLow,
        Self::NoProgress,
        Self::NoBetterThanGuessing,
        Self::BeatenByBaseline,
        Self::UnderFitting,
        Self::StillImproving,
        Self::OverFitting,
        Self::Unfinished,
        Self::ExplodingGradients,
        Self::VanishingGradients,
        Self::SaturatedGates,
        Self::ShortMemory,
        Self::DeadUnits,
        Self::RedundantUnits,
        Self::ConfusedClasses,
        Self::NoValidationPart,
        Self::SmallValidationPart,
        Self::ValidationTestGap,
        Self::QuantisationLoss,
        Self::GrowingCells,
        Self::ConstantChannel,
    ];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LearningRateTooHigh => "learning rate too high",
            Self::LearningRateTooLow => "learning rate too low",
            Self::NoProgress => "no progress",
            Self::NoBetterThanGuessing => "no better than guessing",
            Self::BeatenByBaseline => "beaten by a simpler method",
            Self::UnderFitting => "under-fitting",
            Self::StillImproving => "still improving",
            Self::OverFitting => "over-fitting",
            Self::Unfinished => "unfinished",
            Self::ExplodingGradients => "exploding gradients",
            Self::VanishingGradients => "vanishing gradients",
            Self::SaturatedGates => "saturated gates",
            Self::ShortMemory => "short memory",
            Self::DeadUnits => "dead units",
            Self::RedundantUnits => "redundant units",
            Self::ClassImbalance => "class imbalance",
            Self::ConfusedClasses => "confused classes",
            Self::NoValidationPart => "no validation part",
            Self::SmallValidationPart => "small validation part",
            Self::ValidationTestGap => "validation and test part differ",
            Self::QuantisationLoss => "quantisation loss",
            Self::GrowingCells => "cells grow without bound",
            Self::ConstantChannel => "constant channels",
            Self::Outliers => "outliers",
        }
    }
}

/// A number with two significant digits, as a flag takes it.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let unit = 10f64.powi(value.abs().log10().floor() as i32 - 1);
    let digits = (value / unit).round();
    // Through text, since 33 · 0.0001 is not 0.0033.
    let exponent = unit.log10().round() as i32;
    let text = format!("{digits}e{exponent}");
    text.parse::<f64>().map_or(text, |value| value.to_string())
}

/// Sizes as a flag takes them.
pub(super) fn sizes(sizes: &[usize]) -> String {
    let words: Vec<String> = sizes.iter().map(usize::to_string).collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_digits_are_kept() {
        let shown = [0.0033333, 0.01, 1.0, 0.1 / 3.0, 123.0, 9.99e-7].map(short);
        assert_eq!(shown, ["0.0033", "0.01", "1", "0.033", "120", "0.000001"]);
    }

    #[test]
    fn every_kind_is_listed_once_and_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.map(Kind::name).into();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    proptest! {
        #[test]
        fn a_finding_is_made_exactly_when_its_figures_hold(a in -2.0..2.0f64, b in -2.0..2.0f64) {
            let figures = vec![Figure::at_least("a", a, 0.5), Figure::at_most("b", b, 0.5)];
            let made = Finding::when(Kind::NoProgress, Severity::Note, "", figures);
            prop_assert_eq!(made.is_some(), a >= 0.5 && b <= 0.5);
        }

        #[test]
        fn a_shortened_number_is_near(value in 1e-8..1e8f64) {
            let shortened: f64 = short(value).parse().unwrap();
            prop_assert!((shortened / value - 1.0).abs() < 0.051);
        }
    }
}
