//! From recordings of sound or vibration to features, by the integers of the chip: what a configuration says of it.
//!
//! A setting that is left out has the engine's default, which may depend on the rate of the recordings. Once they are
//! read, every setting is known.

use lstm_nostd::front_end::{Kind, Settings, SettingsError, Tables, Window};
use serde::{Deserialize, Serialize};

/// What features are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// Mel-frequency cepstral coefficients.
    #[default]
    Mfcc,
    /// Logarithms of the energies of bands of equal width in mel.
    LogMel,
    /// The same of bands of equal width in Hz.
    Spectrum,
}

impl From<Features> for Kind {
    fn from(features: Features) -> Self {
        match features {
            Features::Mfcc => Self::Mfcc,
            Features::LogMel => Self::LogMel,
            Features::Spectrum => Self::Spectrum,
        }
    }
}

/// The window of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameWindow {
    /// `0.5 − 0.5 cos`
    Hann,
    /// `0.54 − 0.46 cos`
    Hamming,
    /// 1
    Rectangular,
}

impl From<FrameWindow> for Window {
    fn from(window: FrameWindow) -> Self {
        match window {
            FrameWindow::Hann => Self::Hann,
            FrameWindow::Hamming => Self::Hamming,
            FrameWindow::Rectangular => Self::Rectangular,
        }
    }
}

impl From<Window> for FrameWindow {
    fn from(window: Window) -> Self {
        match window {
            Window::Hann => Self::Hann,
            Window::Hamming => Self::Hamming,
            Window::Rectangular => Self::Rectangular,
        }
    }
}

/// How recordings become features. [`Settings`] has what each setting means, and its range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// What features are; without it, mfcc.
    #[serde(default)]
    pub kind: Features,
    /// Samples a second; without it, those of the first recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Which channel of several is heard, from 0; without it, their mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// Samples of a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<usize>,
    /// Samples from the begin of a frame to the begin of the next; without it, half a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// Bands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<usize>,
    /// Coefficients of kind mfcc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<usize>,
    /// Where the first band begins, in Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_hz: Option<f64>,
    /// Where the last band ends, in Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_hz: Option<f64>,
    /// `a` of pre-emphasis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_emphasis: Option<f64>,
    /// The window of a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<FrameWindow>,
    /// What is added to an energy before its logarithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
}

impl FrontEnd {
    /// With the defaults of `kind`.
    pub const fn new(kind: Features) -> Self {
        Self {
            kind,
            rate: None,
            channel: None,
            frame: None,
            hop: None,
            bands: None,
            coefficients: None,
            low_hz: None,
            high_hz: None,
            pre_emphasis: None,
            window: None,
            floor: None,
        }
    }

    /// The engine's settings for recordings of `rate`.
    pub fn settings(&self, rate: u32) -> Settings {
        let usual = Settings::new(self.kind.into(), rate);
        let frame = self.frame.unwrap_or(usual.frame);
        Settings {
            frame,
            hop: self.hop.unwrap_or(frame / 2),
            bands: self.bands.unwrap_or(usual.bands),
            coefficients: self.coefficients.unwrap_or(usual.coefficients),
            low_hz: self.low_hz.unwrap_or(usual.low_hz),
            high_hz: self.high_hz.unwrap_or(usual.high_hz),
            pre_emphasis: self.pre_emphasis.unwrap_or(usual.pre_emphasis),
            window: self.window.map_or(usual.window, Window::from),
            floor: self.floor.unwrap_or(usual.floor),
            ..usual
        }
    }

    /// This with every setting, for recordings of `rate`.
    pub fn of_rate(&self, rate: u32) -> Self {
        let settings = self.settings(rate);
        Self {
            kind: self.kind,
            rate: Some(rate),
            channel: self.channel,
            frame: Some(settings.frame),
            hop: Some(settings.hop),
            bands: Some(settings.bands),
            coefficients: Some(settings.coefficients),
            low_hz: Some(settings.low_hz),
            high_hz: Some(settings.high_hz),
            pre_emphasis: Some(settings.pre_emphasis),
            window: Some(settings.window.into()),
            floor: Some(settings.floor),
        }
    }

    /// The tables of the chip, of one whose rate is known.
    ///
    /// # Errors
    /// What the engine cannot compute.
    pub fn tables(&self) -> Result<Tables, SettingsError> {
        Tables::new(&self.settings(self.rate.unwrap_or_default()))
    }
}

/// Names of the features as channels, `[features]`.
pub(super) fn channel_names(tables: &Tables) -> Vec<String> {
    let front_end = tables.view();
    let name = match front_end.kind() {
        Kind::Mfcc => "mfcc",
        Kind::LogMel | Kind::Spectrum => "band",
    };
    (0..front_end.features())
        .map(|j| format!("{name}{j}"))
        .collect()
}
