//! What a front end for sound computes, in the units of its user, and what is refused.

use super::{Kind, MAX_BANDS, MAX_FRAME_BITS, MIN_FRAME_BITS};
use crate::front_end::SettingsError;
use crate::front_end::settings_error::{Check, first_refused};

/// The window of a frame of `N` samples; of period `N`, so that frames add up evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// `0.5 − 0.5 cos(2πn/N)`
    #[default]
    Hann,
    /// `0.54 − 0.46 cos(2πn/N)`
    Hamming,
    /// 1
    Rectangular,
}

impl Window {
    /// All windows.
    pub const ALL: [Self; 3] = [Self::Hann, Self::Hamming, Self::Rectangular];

    /// The window's name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hann => "hann",
            Self::Hamming => "hamming",
            Self::Rectangular => "rectangular",
        }
    }

    /// The weight of sample `n` of `frame`.
    pub(super) fn at(self, n: usize, frame: usize) -> f64 {
        let cosine = libm::cos(core::f64::consts::TAU * n as f64 / frame as f64);
        match self {
            Self::Hann => 0.5 - 0.5 * cosine,
            Self::Hamming => 0.54 - 0.46 * cosine,
            Self::Rectangular => 1.0,
        }
    }
}

/// What a front end for sound computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What the features are.
    pub kind: Kind,
    /// Samples a second.
    pub rate: u32,
    /// Samples of a frame, `N`: a power of two, 32 to 2048.
    pub frame: usize,
    /// Samples from the begin of a frame to the begin of the next, 1..=`N`.
    pub hop: usize,
    /// Bands, 1..=64.
    pub bands: usize,
    /// Coefficients of kind mfcc, at most the bands; other kinds have a feature for each band.
    pub coefficients: usize,
    /// Where the first band begins, in Hz.
    pub low_hz: f64,
    /// Where the last band ends, in Hz; at most half of the rate.
    pub high_hz: f64,
    /// `a` of pre-emphasis, 0 ≤ a < 1; 0 for none.
    pub pre_emphasis: f64,
    /// The window.
    pub window: Window,
    /// What is added to a band's energy before its logarithm, where full scale is 1.
    pub floor: f64,
}

impl Settings {
    /// Usual settings for `kind` at `rate`: frames of 25 to 51 ms, half of which overlap, for mfcc and log-mel; for spectrum
    /// frames of 512 samples.
    pub fn new(kind: Kind, rate: u32) -> Self {
        let of_rate = (rate / 39).clamp(64, 1024).next_power_of_two() as usize;
        let frame = match kind {
            Kind::Mfcc | Kind::LogMel => of_rate,
            Kind::Spectrum => 512,
        };
        let (low_hz, pre_emphasis) = match kind {
            Kind::Mfcc | Kind::LogMel => (100.0, 0.97),
            Kind::Spectrum => (0.0, 0.0),
        };
        Self {
            kind,
            rate,
            frame,
            hop: frame / 2,
            bands: 20,
            coefficients: 13,
            low_hz,
            high_hz: f64::from(rate.min(16_000)) / 2.0,
            pre_emphasis,
            window: Window::Hann,
            floor: 1e-6,
        }
    }

    /// Features of a frame.
    pub fn features(&self) -> usize {
        match self.kind {
            Kind::Mfcc => self.coefficients,
            Kind::LogMel | Kind::Spectrum => self.bands,
        }
    }

    /// Refuses what the engine cannot compute.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        first_refused(self.frame_checks().into_iter().chain(self.band_checks()))
    }

    fn frame_checks(&self) -> [Check; 4] {
        let (least, most) = (1 << MIN_FRAME_BITS, 1 << MAX_FRAME_BITS);
        let is_frame = self.frame.is_power_of_two() && (least..=most).contains(&self.frame);
        [
            (
                self.rate >= 1,
                "rate",
                self.rate as f64,
                "1 or more samples a second",
            ),
            (
                is_frame,
                "frame",
                self.frame as f64,
                "a power of two from 32 to 2048",
            ),
            (
                (1..=self.frame).contains(&self.hop),
                "hop",
                self.hop as f64,
                "1 to the samples of a frame",
            ),
            (
                (0.0..1.0).contains(&self.pre_emphasis),
                "pre_emphasis",
                self.pre_emphasis,
                "0 or more, and below 1",
            ),
        ]
    }

    fn band_checks(&self) -> [Check; 5] {
        let most_bands = MAX_BANDS.min(self.frame / 2);
        let is_floor =
            (1.0..=(1u64 << 62) as f64).contains(&(self.floor * energy_unit(self.frame)));
        [
            (
                (1..=most_bands).contains(&self.bands),
                "bands",
                self.bands as f64,
                "1 to 64, and at most half of the samples of a frame",
            ),
            (
                self.kind != Kind::Mfcc || (1..=self.bands).contains(&self.coefficients),
                "coefficients",
                self.coefficients as f64,
                "1 to the number of bands",
            ),
            (
                self.low_hz >= 0.0 && self.low_hz < self.high_hz,
                "low_hz",
                self.low_hz,
                "0 or more, and below high_hz",
            ),
            (
                self.high_hz <= f64::from(self.rate) / 2.0,
                "high_hz",
                self.high_hz,
                "at most half of the rate",
            ),
            (is_floor, "floor", self.floor, "above 1e-12, and at most 2"),
        ]
    }
}

/// What an energy of 1 is in the accumulator of (FE5): z has 28 fraction bits, X is scaled by 2/N, (FE4) drops 2 · 6 bits,
/// weights have 15; formulas divide by N.
pub(super) fn energy_unit(frame: usize) -> f64 {
    libm::exp2(61.0) / frame as f64
}
