//! The schedule of a configuration: its kind and its constants. Equations are those of [`crate::schedule`].

use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, require};

/// How the learning rate changes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// (LR0)
    Constant,
    /// (LR1), then (LR2).
    Cosine {
        /// w, from 0 up to but not including 1.
        #[serde(default = "default_warm_up")]
        warm_up: f32,
    },
    /// (LR3)
    Step {
        /// Epochs from step to step, at least 1.
        #[serde(default = "default_every")]
        every: usize,
        /// γ, above 0 and at most 1.
        #[serde(default = "default_factor")]
        factor: f32,
    },
    /// (LR4)
    Exponential {
        /// γ, above 0 and at most 1.
        #[serde(default = "default_decay")]
        factor: f32,
    },
    /// (LR5), (LR8)
    OneCycle {
        /// w, from 0 up to but not including 1.
        #[serde(default = "default_rise")]
        warm_up: f32,
        /// Share of the peak to begin with, above 0 and at most 1.
        #[serde(default = "default_start")]
        start: f32,
        /// Share of the peak to end with, above 0 and at most 1.
        #[serde(default = "default_end")]
        end: f32,
        /// The momentum at the peak of the rate, from 0 to `high_momentum`.
        #[serde(default = "default_low_momentum")]
        low_momentum: f32,
        /// The momentum to begin and to end with, below 1.
        #[serde(default = "default_high_momentum")]
        high_momentum: f32,
    },
    /// (LR6)
    Plateau {
        /// γ, above 0 and below 1.
        #[serde(default = "default_factor")]
        factor: f32,
        /// Epochs in a row, at least 1.
        #[serde(default = "default_patience")]
        patience: usize,
        /// An improvement is by more than this, at least 0.
        #[serde(default)]
        min_delta: f64,
        /// The rate is not lowered below this, at least 0.
        #[serde(default)]
        lowest_rate: f32,
    },
    /// (LR7)
    Backtracking {
        /// γ, above 0 and below 1.
        #[serde(default = "default_factor")]
        factor: f32,
        /// Epochs in a row, at least 1.
        #[serde(default = "default_patience")]
        patience: usize,
        /// An improvement is by more than this, at least 0.
        #[serde(default)]
        min_delta: f64,
        /// The rate is not lowered below this, at least 0.
        #[serde(default)]
        lowest_rate: f32,
    },
}

fn default_warm_up() -> f32 {
    0.05
}

fn default_every() -> usize {
    20
}

fn default_factor() -> f32 {
    0.5
}

fn default_decay() -> f32 {
    0.95
}

fn default_rise() -> f32 {
    0.3
}

fn default_start() -> f32 {
    0.04
}

fn default_end() -> f32 {
    4e-6
}

fn default_low_momentum() -> f32 {
    0.85
}

fn default_high_momentum() -> f32 {
    0.95
}

fn default_patience() -> usize {
    5
}

/// A schedule's name in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// A linear climb, then half a cosine down to 0.
    Cosine,
    /// A factor after every fixed number of epochs.
    Step,
    /// A factor after every epoch.
    Exponential,
    /// Up and down once; the momentum goes the other way.
    OneCycle,
    /// A factor whenever the validation loss stops improving.
    Plateau,
    /// As plateau, and back to the weights with the lowest validation loss.
    Backtracking,
}

impl From<ScheduleKind> for Schedule {
    /// With the constants that a configuration may leave out.
    fn from(kind: ScheduleKind) -> Self {
        let (factor, patience) = (default_factor(), default_patience());
        match kind {
            ScheduleKind::Constant => Self::Constant,
            ScheduleKind::Cosine => Self::Cosine {
                warm_up: default_warm_up(),
            },
            ScheduleKind::Step => Self::Step {
                every: default_every(),
                factor,
            },
            ScheduleKind::Exponential => Self::Exponential {
                factor: default_decay(),
            },
            ScheduleKind::OneCycle => Self::OneCycle {
                warm_up: default_rise(),
                start: default_start(),
                end: default_end(),
                low_momentum: default_low_momentum(),
                high_momentum: default_high_momentum(),
            },
            ScheduleKind::Plateau => Self::Plateau {
                factor,
                patience,
                min_delta: 0.0,
                lowest_rate: 0.0,
            },
            ScheduleKind::Backtracking => Self::Backtracking {
                factor,
                patience,
                min_delta: 0.0,
                lowest_rate: 0.0,
            },
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        ScheduleKind::Cosine.into()
    }
}

impl Schedule {
    /// Its kind, without the constants.
    pub fn kind(&self) -> ScheduleKind {
        match self {
            Self::Constant => ScheduleKind::Constant,
            Self::Cosine { .. } => ScheduleKind::Cosine,
            Self::Step { .. } => ScheduleKind::Step,
            Self::Exponential { .. } => ScheduleKind::Exponential,
            Self::OneCycle { .. } => ScheduleKind::OneCycle,
            Self::Plateau { .. } => ScheduleKind::Plateau,
            Self::Backtracking { .. } => ScheduleKind::Backtracking,
        }
    }

    /// Whether the rate follows the validation loss.
    pub fn needs_validation(self) -> bool {
        matches!(self, Self::Plateau { .. } | Self::Backtracking { .. })
    }

    /// Whether the rate is near its peak for the first half of a run, and low at its end.
    pub fn anneals_late(self) -> bool {
        matches!(self, Self::Cosine { .. } | Self::OneCycle { .. })
    }

    /// Refuses constants out of their range; `peak` is the largest rate.
    ///
    /// # Errors
    /// With the constant's key.
    pub fn validate(&self, peak: f32) -> Result<(), OutOfRange> {
        match *self {
            Self::Constant => Ok(()),
            Self::Cosine { warm_up } => check_warm_up(warm_up),
            Self::Step { every, factor } => {
                require(every >= 1, "schedule.every", every, "at least 1")?;
                check_share("schedule.factor", factor)
            }
            Self::Exponential { factor } => check_share("schedule.factor", factor),
            Self::OneCycle {
                warm_up,
                start,
                end,
                low_momentum,
                high_momentum,
            } => {
                check_momenta(low_momentum, high_momentum)?;
                check_warm_up(warm_up)?;
                check_share("schedule.start", start)?;
                check_share("schedule.end", end)
            }
            Self::Plateau {
                factor,
                patience,
                min_delta,
                lowest_rate,
            }
            | Self::Backtracking {
                factor,
                patience,
                min_delta,
                lowest_rate,
            } => {
                check_patience(factor, patience, min_delta)?;
                require(
                    (0.0..=peak).contains(&lowest_rate),
                    "schedule.lowest_rate",
                    lowest_rate,
                    "at least 0 and at most learning_rate",
                )
            }
        }
    }
}

fn check_share(key: &'static str, value: f32) -> Result<(), OutOfRange> {
    let fits = value > 0.0 && value <= 1.0;
    require(fits, key, value, "above 0 and at most 1")
}

fn check_warm_up(value: f32) -> Result<(), OutOfRange> {
    require(
        (0.0..1.0).contains(&value),
        "schedule.warm_up",
        value,
        "at least 0 and below 1",
    )
}

fn check_momenta(low: f32, high: f32) -> Result<(), OutOfRange> {
    require(
        (0.0..1.0).contains(&high),
        "schedule.high_momentum",
        high,
        "at least 0 and below 1",
    )?;
    require(
        (0.0..=high).contains(&low),
        "schedule.low_momentum",
        low,
        "at least 0 and at most high_momentum",
    )
}

fn check_patience(factor: f32, patience: usize, min_delta: f64) -> Result<(), OutOfRange> {
    require(
        factor > 0.0 && factor < 1.0,
        "schedule.factor",
        factor,
        "above 0 and below 1",
    )?;
    require(patience >= 1, "schedule.patience", patience, "at least 1")?;
    require(
        min_delta >= 0.0 && min_delta.is_finite(),
        "schedule.min_delta",
        min_delta,
        "at least 0",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "cli")]
    fn a_kind_alone_has_the_defaults() {
        use clap::ValueEnum;
        for kind in ScheduleKind::value_variants() {
            let name = kind.to_possible_value().unwrap();
            let text = format!("kind = \"{}\"", name.get_name());
            let schedule: Schedule = toml::from_str(&text).unwrap();
            assert_eq!(schedule, (*kind).into());
            assert_eq!(schedule.validate(0.01), Ok(()));
        }
    }

    /// The constants of docs/training.md.
    #[test]
    fn constants_that_are_left_out_are_those_of_the_pages() {
        let (factor, patience, min_delta, lowest_rate) = (0.5, 5, 0.0, 0.0);
        let all = [
            (ScheduleKind::Constant, Schedule::Constant),
            (ScheduleKind::Cosine, Schedule::Cosine { warm_up: 0.05 }),
            (ScheduleKind::Step, Schedule::Step { every: 20, factor }),
            (
                ScheduleKind::Exponential,
                Schedule::Exponential { factor: 0.95 },
            ),
            (
                ScheduleKind::OneCycle,
                Schedule::OneCycle {
                    warm_up: 0.3,
                    start: 0.04,
                    end: 4e-6,
                    low_momentum: 0.85,
                    high_momentum: 0.95,
                },
            ),
            (
                ScheduleKind::Plateau,
                Schedule::Plateau {
                    factor,
                    patience,
                    min_delta,
                    lowest_rate,
                },
            ),
            (
                ScheduleKind::Backtracking,
                Schedule::Backtracking {
                    factor,
                    patience,
                    min_delta,
                    lowest_rate,
                },
            ),
        ];
        for (kind, schedule) in all {
            assert_eq!(Schedule::from(kind), schedule);
            assert_eq!(schedule.kind(), kind);
            let follows = matches!(kind, ScheduleKind::Plateau | ScheduleKind::Backtracking);
            assert_eq!(schedule.needs_validation(), follows, "{kind:?}");
            let anneals = matches!(kind, ScheduleKind::Cosine | ScheduleKind::OneCycle);
            assert_eq!(schedule.anneals_late(), anneals, "{kind:?}");
        }
        assert_eq!(Schedule::default().kind(), ScheduleKind::Cosine);
    }

    #[test]
    fn constants_at_the_ends_of_their_ranges_are_accepted() {
        for text in [
            "kind = 'cosine'\nwarm_up = 0.0",
            "kind = 'step'\nevery = 1\nfactor = 1.0",
            "kind = 'exponential'\nfactor = 1.0",
            "kind = 'one-cycle'\nwarm_up = 0.0\nstart = 1.0\nend = 1.0",
            "kind = 'one-cycle'\nlow_momentum = 0.0\nhigh_momentum = 0.0",
            "kind = 'plateau'\npatience = 1\nmin_delta = 0.0\nlowest_rate = 0.01",
        ] {
            let schedule: Schedule = toml::from_str(text).unwrap();
            assert_eq!(schedule.validate(0.01), Ok(()), "{text}");
        }
    }

    #[test]
    fn constants_out_of_range_are_named() {
        for (text, key) in [
            ("kind = \"cosine\"\nwarm_up = 1.0", "schedule.warm_up"),
            ("kind = \"step\"\nevery = 0", "schedule.every"),
            ("kind = \"exponential\"\nfactor = 1.5", "schedule.factor"),
            ("kind = \"one-cycle\"\nstart = 0.0", "schedule.start"),
            ("kind = \"one-cycle\"\nend = nan", "schedule.end"),
            (
                "kind = \"one-cycle\"\nhigh_momentum = 1.0",
                "schedule.high_momentum",
            ),
            (
                "kind = \"one-cycle\"\nlow_momentum = 0.96",
                "schedule.low_momentum",
            ),
            ("kind = \"plateau\"\nfactor = 1.0", "schedule.factor"),
            ("kind = \"plateau\"\nfactor = 0.0", "schedule.factor"),
            ("kind = \"plateau\"\nmin_delta = -1.0", "schedule.min_delta"),
            ("kind = \"plateau\"\nmin_delta = inf", "schedule.min_delta"),
            ("kind = \"backtracking\"\npatience = 0", "schedule.patience"),
            (
                "kind = \"plateau\"\nlowest_rate = 1.0",
                "schedule.lowest_rate",
            ),
        ] {
            let schedule: Schedule = toml::from_str(text).unwrap();
            assert_eq!(schedule.validate(0.01).unwrap_err().key, key, "{text}");
        }
    }
}
