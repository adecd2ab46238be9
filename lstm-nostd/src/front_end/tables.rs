//! Tables of a front end of any kind, owned, on a host.

use alloc::vec;
use alloc::vec::Vec;

use super::{FrontEnd, SettingsError, Signal};
#[cfg(feature = "sound")]
use super::{Settings, SoundTables};
#[cfg(feature = "statistics")]
use super::{StatisticsSettings, StatisticsTables};

/// A front end's record and tables, owned; [`Tables::view`] computes with them.
#[derive(Clone, Debug, PartialEq)]
pub enum Tables {
    /// For sound or vibration.
    #[cfg(feature = "sound")]
    Sound(SoundTables),
    /// For motion.
    #[cfg(feature = "statistics")]
    Statistics(StatisticsTables),
}

impl Tables {
    /// The tables for sound or vibration.
    ///
    /// # Errors
    /// What the engine cannot compute.
    #[cfg(feature = "sound")]
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        SoundTables::new(settings).map(Self::Sound)
    }

    /// The tables for motion.
    ///
    /// # Errors
    /// What the engine cannot compute.
    #[cfg(feature = "statistics")]
    pub fn of_statistics(settings: &StatisticsSettings) -> Result<Self, SettingsError> {
        StatisticsTables::new(settings).map(Self::Statistics)
    }

    /// The front end.
    pub fn view(&self) -> FrontEnd<'_> {
        match self {
            #[cfg(feature = "sound")]
            Self::Sound(tables) => FrontEnd::Sound(tables.view()),
            #[cfg(feature = "statistics")]
            Self::Statistics(tables) => FrontEnd::Statistics(tables.view()),
        }
    }
}

impl From<&FrontEnd<'_>> for Tables {
    fn from(view: &FrontEnd<'_>) -> Self {
        match view {
            #[cfg(feature = "sound")]
            FrontEnd::Sound(sound) => Self::Sound(sound.into()),
            #[cfg(feature = "statistics")]
            FrontEnd::Statistics(statistics) => Self::Statistics(statistics.into()),
        }
    }
}

impl FrontEnd<'_> {
    /// Features of a whole recording, `[T, features]`, as a stream that begins with it gives them. Zeros fill a recording up
    /// that is shorter than a frame.
    pub fn recording(&self, samples: &[i16]) -> Vec<i32> {
        let mut signal = Signal::new(vec![0; self.history()]);
        let mut work = vec![[0; 2]; self.work()];
        let mut features = vec![0; self.features()];
        let mut all = Vec::new();
        let padding = vec![0; self.history().saturating_sub(samples.len())];
        for mut part in [samples, &padding] {
            while self.push_checked(&mut signal, &mut work, &mut part, &mut features) {
                all.extend_from_slice(&features);
            }
        }
        all
    }
}
