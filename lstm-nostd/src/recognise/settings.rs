//! What a recogniser is set to: a constant in firmware, a file on the host.

use core::fmt;

use super::MAX_ANSWERS;

/// The longest time in steps that [`States`] may have.
pub const MAX_STEPS: u32 = 1 << 24;
/// Most windows at once, each with a state.
pub const MAX_WINDOWS: u32 = 1024;

/// Which answers make an event. Equations are those of `decision.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When states are reset, and when their answers are read.
    pub states: States,
    /// An answer votes for a class from this probability on, Q0.15 (RC1).
    pub on: i16,
    /// After an event of a class, its answers vote again once its probability was below this, Q0.15; from 1 to `on`
    /// (RC4).
    pub off: i16,
    /// Votes that an event needs, among the last `answers` answers (RC2).
    pub votes: u8,
    /// The answers whose votes count, at most [`MAX_ANSWERS`].
    pub answers: u8,
    /// Steps from one event to the next, of any class, at least (RC3).
    pub refractory: u32,
    /// Bit c is set if class c is no event: noise, silence, rest. Classes from 64 on are events.
    pub background: u64,
}

/// When states are reset, and when their answers are read. All counts are steps, at most [`MAX_STEPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// A window of `steps` begins every `hop` steps, with a fresh state, and answers at its end. Windows overlap if
    /// `hop` is less than `steps`. ⌈`steps` / `hop`⌉ states take turns, and each costs a step of the network a sample.
    /// For networks that were trained on recordings or windows.
    Windows {
        /// Steps of a window.
        steps: u32,
        /// Steps from the beginning of a window to that of the next.
        hop: u32,
    },
    /// One state goes on, and answers `warm_up` steps after a reset and then `every` few steps. For networks that
    /// were trained for streams, or that answer after every step.
    Running {
        /// Steps from a reset to the first answer.
        warm_up: u32,
        /// Steps from one answer to the next.
        every: u32,
        /// Steps from one reset to the next; 0 for no such resets.
        reset_after: u32,
        /// Whether an event resets the state.
        reset_on_event: bool,
    },
}

/// What is wrong with [`Settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The field, as it is called in [`Settings`], in [`States`] and in files.
    pub field: &'static str,
    /// What is needed.
    pub needs: &'static str,
}

impl SettingsError {
    /// States or tracks for another network or other settings.
    pub(super) const TOO_SMALL: Self = Self {
        field: "states",
        needs: "the recogniser has fewer states or tracks than these settings need: use Settings::states()",
    };

    const fn new(field: &'static str, needs: &'static str) -> Self {
        Self { field, needs }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.needs)
    }
}

impl core::error::Error for SettingsError {}

impl Settings {
    /// States of the network that take turns.
    pub const fn states(&self) -> usize {
        match self.states {
            States::Windows { hop: 0, .. } | States::Running { .. } => 1,
            // Steps that `check` takes do not overflow.
            States::Windows { steps, hop } => {
                (steps.wrapping_add(hop).wrapping_sub(1) / hop) as usize
            }
        }
    }

    /// Whether class `class` is no event.
    pub const fn is_background(&self, class: usize) -> bool {
        class < u64::BITS as usize && (self.background >> class) & 1 == 1
    }

    /// Finds contradictions. A constant is checked when it is built:
    ///
    /// ```
    /// # use lstm_nostd::recognise::{Settings, States};
    /// # const SETTINGS: Settings = Settings { states: States::Windows { steps: 4, hop: 2 }, on: 9, off: 9, votes: 1,
    /// #     answers: 1, refractory: 0, background: 0 };
    /// const _: () = assert!(SETTINGS.check().is_ok());
    /// ```
    ///
    /// # Errors
    /// The first field that is out of range, and what it needs.
    pub const fn check(&self) -> Result<(), SettingsError> {
        if let Err(error) = self.states.check() {
            return Err(error);
        }
        if self.on < 1 {
            return Err(SettingsError::new("on", "must be above 0"));
        }
        if self.off < 1 || self.off > self.on {
            return Err(SettingsError::new(
                "off",
                "must be above 0 and at most `on`; a class votes again after its probability was below it",
            ));
        }
        if self.answers < 1 || self.answers as usize > MAX_ANSWERS {
            return Err(SettingsError::new("answers", "must be from 1 to 16"));
        }
        if self.votes < 1 || self.votes > self.answers {
            return Err(SettingsError::new(
                "votes",
                "must be from 1 to `answers`, among which they are counted",
            ));
        }
        Ok(())
    }

    /// Finds what does not fit an answer of `classes` classes.
    pub(super) fn check_classes(&self, classes: usize) -> Result<(), SettingsError> {
        if classes == 0 {
            return Err(SettingsError::new(
                "states",
                "the model's outputs are values; a recogniser needs classes",
            ));
        }
        if (0..classes).all(|class| self.is_background(class)) {
            return Err(SettingsError::new(
                "background",
                "leaves no class that could be an event",
            ));
        }
        Ok(())
    }
}

impl States {
    const fn check(&self) -> Result<(), SettingsError> {
        const COUNT: &str = "must be from 1 to 16777216 steps";
        const fn is_count(steps: u32) -> bool {
            1 <= steps && steps <= MAX_STEPS
        }
        match *self {
            Self::Windows { steps, .. } if !is_count(steps) => {
                Err(SettingsError::new("steps", COUNT))
            }
            Self::Windows { hop, .. } if !is_count(hop) => Err(SettingsError::new("hop", COUNT)),
            Self::Windows { steps, hop } if steps > hop.saturating_mul(MAX_WINDOWS) => {
                Err(SettingsError::new(
                    "hop",
                    "must be at least a 1024th of `steps`, since each window that has begun needs a state",
                ))
            }
            Self::Running { warm_up, .. } if !is_count(warm_up) => {
                Err(SettingsError::new("warm_up", COUNT))
            }
            Self::Running { every, .. } if !is_count(every) => {
                Err(SettingsError::new("every", COUNT))
            }
            Self::Running {
                warm_up,
                reset_after,
                ..
            } if reset_after != 0 && (reset_after < warm_up || !is_count(reset_after)) => {
                Err(SettingsError::new(
                    "reset_after",
                    "must be 0 for never, or from `warm_up` to 16777216 steps, so that there are answers",
                ))
            }
            Self::Windows { .. } | Self::Running { .. } => Ok(()),
        }
    }
}
