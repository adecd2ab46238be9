//! From samples to the features that a network reads, in integers.
//!
//! | front end | what it reads | features | its equations |
//! | --- | --- | --- | --- |
//! | [`Sound`] | one channel of sound or vibration | energies of bands, or their cepstrum | (FE1) to (FE7), `sound/` |
//! | [`Statistics`] | several channels of motion | statistics of each channel and of magnitudes | (FS1) to (FS7), `statistics/` |
//!
//! A frame is N moments, and a frame begins every `hop` moments. A moment is a sample of each channel; samples of 16 bits
//! lie moment by moment. Features are the raw inputs of the model's input stage
//! ([`layers::input`](crate::layers::input)), which normalises them.
//!
//! # What the caller keeps
//!
//! A [`Signal`] holds the samples of the frame that is being filled, and the one before. Work memory, in blocks of eight
//! bytes, is needed only while a frame is computed. Tables come with the model file; `Tables` makes them on a host, from
//! `Settings` of sound or `StatisticsSettings`.

mod logarithm;
#[cfg(feature = "write")]
mod settings_error;
mod signal;
#[cfg(feature = "sound")]
mod sound;
#[cfg(feature = "statistics")]
mod statistics;
#[cfg(feature = "write")]
mod tables;

#[cfg(feature = "write")]
pub use settings_error::SettingsError;
pub use signal::Signal;
#[cfg(feature = "sound")]
pub(crate) use sound::turn_count;
#[cfg(feature = "sound")]
pub use sound::{Kind, MAX_BANDS, MAX_FRAME_BITS, MIN_FRAME_BITS, Sound, SoundRecord};
#[cfg(all(feature = "sound", feature = "write"))]
pub use sound::{Settings, SoundTables, Window};
#[cfg(feature = "statistics")]
pub use statistics::{
    Axes, MAX_CHANNELS, MAX_FRAME, MAX_SAMPLES, Statistic, Statistics, StatisticsRecord,
};
#[cfg(all(feature = "statistics", feature = "write"))]
pub use statistics::{StatisticsSettings, StatisticsTables};
#[cfg(feature = "write")]
pub use tables::Tables;

use crate::size_error::SizeError;

/// Fraction bits of a feature that is a logarithm, or follows from some.
pub const FEATURE_BITS: u32 = 12;

/// The last number of a kind of sound in model files; they begin with 1.
pub(crate) const LAST_SOUND_CODE: u8 = 3;
/// The number of statistics in model files.
pub(crate) const STATISTICS_CODE: u8 = 4;

/// Two words of work memory.
pub type Word2 = [i32; 2];

/// The front end of a parsed model: a view of its tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FrontEnd<'m> {
    /// For sound or vibration.
    #[cfg(feature = "sound")]
    Sound(Sound<'m>),
    /// For motion.
    #[cfg(feature = "statistics")]
    Statistics(Statistics<'m>),
}

/// `$body` with `$own` as the front end of the kind that `$front_end` is.
macro_rules! of_each_kind {
    ($front_end:expr, $own:ident => $body:expr) => {
        match $front_end {
            #[cfg(feature = "sound")]
            FrontEnd::Sound($own) => $body,
            #[cfg(feature = "statistics")]
            FrontEnd::Statistics($own) => $body,
        }
    };
}

impl FrontEnd<'_> {
    /// What the features are, as configurations call it.
    pub fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "sound")]
            Self::Sound(sound) => sound.kind().name(),
            #[cfg(feature = "statistics")]
            Self::Statistics(_) => "statistics",
        }
    }

    /// The cargo feature that the front end needs.
    pub fn cargo_feature(&self) -> &'static str {
        match self {
            #[cfg(feature = "sound")]
            Self::Sound(_) => "sound",
            #[cfg(feature = "statistics")]
            Self::Statistics(_) => "statistics",
        }
    }

    /// Moments in a thousand seconds; 0 where the rate is not known.
    pub fn rate_mhz(&self) -> u64 {
        match self {
            #[cfg(feature = "sound")]
            Self::Sound(sound) => u64::from(sound.rate()).wrapping_mul(1000),
            #[cfg(feature = "statistics")]
            Self::Statistics(statistics) => statistics.record.rate_mhz.into(),
        }
    }

    /// Channels that samples come from: 1 for sound.
    pub fn channels(&self) -> usize {
        of_each_kind!(self, own => own.record.channels().into())
    }

    /// Moments of a frame, `N`.
    pub fn frame(&self) -> usize {
        of_each_kind!(self, own => own.record.frame())
    }

    /// Moments from the begin of a frame to the begin of the next, 1..=`N`.
    pub fn hop(&self) -> usize {
        of_each_kind!(self, own => own.record.hop.into())
    }

    /// Samples from the begin of a frame to the begin of the next.
    pub fn hop_samples(&self) -> usize {
        self.hop().wrapping_mul(self.channels())
    }

    /// Features of a frame.
    pub fn features(&self) -> usize {
        of_each_kind!(self, own => own.record.features.into())
    }

    /// Length of a [`Signal`]'s samples: a frame of every channel.
    pub fn history(&self) -> usize {
        of_each_kind!(self, own => own.record.history())
    }

    /// Bytes of a [`Signal`] with [`FrontEnd::history`] samples.
    pub fn signal_bytes(&self) -> usize {
        let samples = self.history().wrapping_mul(size_of::<i16>());
        samples.wrapping_add(size_of::<Signal<[i16; 0]>>())
    }

    /// Blocks of work memory.
    pub fn work(&self) -> usize {
        of_each_kind!(self, own => own.record.work())
    }

    /// Features of the first frame of [`test_samples`].
    fn golden(&self) -> &[i32] {
        of_each_kind!(self, own => own.golden)
    }

    /// Takes samples from the front of `samples` until a frame is whole; whether one is, and its features, `[features]`,
    /// were written. Call it again while it returns `true`: `samples` may have more than one frame.
    ///
    /// # Errors
    /// [`SizeError`] when a buffer is too short; nothing was changed then.
    pub fn push<S: AsRef<[i16]> + AsMut<[i16]> + ?Sized>(
        &self,
        signal: &mut Signal<S>,
        work: &mut [Word2],
        samples: &mut &[i16],
        features: &mut [i32],
    ) -> Result<bool, SizeError> {
        for (what, found, needed) in [
            ("samples of the signal", signal.len(), self.history()),
            ("work memory", work.len(), self.work()),
            ("features", features.len(), self.features()),
        ] {
            if found < needed {
                return Err(SizeError {
                    what,
                    found,
                    needed,
                });
            }
        }
        Ok(self.push_checked(signal, work, samples, features))
    }

    /// [`FrontEnd::push`] with buffers that are long enough. Of shorter ones, it does nothing.
    pub(crate) fn push_checked<S: AsRef<[i16]> + AsMut<[i16]> + ?Sized>(
        &self,
        signal: &mut Signal<S>,
        work: &mut [Word2],
        samples: &mut &[i16],
        features: &mut [i32],
    ) -> bool {
        let history = self.history();
        if !signal.fill(history, samples) {
            return false;
        }
        let is_whole = signal
            .whole(history)
            .and_then(|(before, frame)| match self {
                #[cfg(feature = "sound")]
                Self::Sound(sound) => sound.frame_features(before, frame, work, features),
                #[cfg(feature = "statistics")]
                Self::Statistics(statistics) => {
                    // Statistics are of the frame alone.
                    let _ = before;
                    statistics.frame_features(frame, work, features)
                }
            })
            .is_some();
        signal.advance(history, self.hop_samples());
        is_whole
    }

    /// Whether this build computes the stored features of [`test_samples`]. Buffers as for [`FrontEnd::push`].
    ///
    /// # Errors
    /// [`SizeError`] when a buffer is too short.
    pub fn self_test<S: AsRef<[i16]> + AsMut<[i16]> + ?Sized>(
        &self,
        signal: &mut Signal<S>,
        work: &mut [Word2],
        features: &mut [i32],
    ) -> Result<bool, SizeError> {
        signal.reset();
        for sample in test_samples().take(self.history()) {
            self.push(signal, work, &mut &[sample][..], features)?;
        }
        signal.reset();
        Ok(features.iter().zip(self.golden()).all(|(a, b)| a == b))
    }
}

/// Samples that meet every table of a front end: noise that reaches full scale.
pub fn test_samples() -> impl Iterator<Item = i16> {
    let mut state = 1u32;
    core::iter::from_fn(move || {
        // Numerical Recipes' generator; its upper half is the better one.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((state >> 16) as i16)
    })
}
