//! From recordings to features, by the integers of the chip: what a configuration says of it.
//!
//! A setting that is left out has the engine's default, which may depend on the rate of the recordings. Once they are
//! read, every setting is known. `statistics.rs` has what follows for recordings of motion.

use lstm_nostd::front_end::{
    FrontEnd as View, Kind, Settings, SettingsError, Statistic, StatisticsSettings, Tables, Window,
};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place};
use super::problem::Problem;
use super::sound_problem::SoundProblem;

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
    /// Statistics of each channel, for motion.
    Statistics,
}

impl Features {
    /// Which features of sound they are; `None` for motion.
    pub const fn of_sound(self) -> Option<Kind> {
        match self {
            Self::Mfcc => Some(Kind::Mfcc),
            Self::LogMel => Some(Kind::LogMel),
            Self::Spectrum => Some(Kind::Spectrum),
            Self::Statistics => None,
        }
    }
}

/// A statistic of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelStatistic {
    /// The mean.
    Mean,
    /// The logarithm of the deviation.
    Deviation,
    /// The least sample.
    Minimum,
    /// The greatest sample.
    Maximum,
    /// How often the mean is crossed.
    Crossings,
    /// The logarithm of the root mean square of differences.
    Differences,
}

impl ChannelStatistic {
    /// All statistics, in the order of features.
    pub const ALL: [Self; 6] = [
        Self::Mean,
        Self::Deviation,
        Self::Minimum,
        Self::Maximum,
        Self::Crossings,
        Self::Differences,
    ];
}

impl From<ChannelStatistic> for Statistic {
    fn from(statistic: ChannelStatistic) -> Self {
        match statistic {
            ChannelStatistic::Mean => Self::Mean,
            ChannelStatistic::Deviation => Self::Deviation,
            ChannelStatistic::Minimum => Self::Minimum,
            ChannelStatistic::Maximum => Self::Maximum,
            ChannelStatistic::Crossings => Self::Crossings,
            ChannelStatistic::Differences => Self::Differences,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// What features are; without it, mfcc.
    #[serde(default)]
    pub kind: Features,
    /// Samples a second; without it, those of the first WAV file, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
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
    /// What is added to an energy before its logarithm; of statistics, the deviation that says nothing, in LSB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// The statistics of each channel; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Vec<ChannelStatistic>>,
    /// Channels whose magnitudes are channels too, by their names; without it, those whose names differ in x, y and z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magnitudes: Option<Vec<Vec<String>>>,
    /// Fraction bits of the samples of each channel, `[C]`; without it, by the training part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction_bits: Option<Vec<i8>>,
    /// Names of the channels that statistics are of, `[C]`; the data says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
}

impl FrontEnd {
    /// With the defaults of `kind`.
    pub fn new(kind: Features) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Refuses keys of another kind.
    pub(super) fn refuse_foreign_keys(&self) -> Result<(), Problem> {
        let of_sound = [
            ("front_end.channel", self.channel.is_some()),
            ("front_end.bands", self.bands.is_some()),
            ("front_end.coefficients", self.coefficients.is_some()),
            ("front_end.low_hz", self.low_hz.is_some()),
            ("front_end.high_hz", self.high_hz.is_some()),
            ("front_end.pre_emphasis", self.pre_emphasis.is_some()),
            ("front_end.window", self.window.is_some()),
        ];
        let of_motion = [
            ("front_end.statistics", self.statistics.is_some()),
            ("front_end.magnitudes", self.magnitudes.is_some()),
            ("front_end.fraction_bits", self.fraction_bits.is_some()),
            ("front_end.channels", self.channels.is_some()),
        ];
        let (foreign, needed) = match self.kind.of_sound() {
            None => (&of_sound[..], "left out for the kind statistics"),
            Some(_) => (&of_motion[..], "left out for other kinds than statistics"),
        };
        match foreign.iter().find(|(_, is_said)| *is_said) {
            None => Ok(()),
            Some((key, _)) => Err(Problem::Setting {
                key,
                found: "a value".into(),
                needed,
            }),
        }
    }

    /// The engine's settings for sound of `rate`.
    fn sound_settings(&self, kind: Kind, rate: u32) -> Settings {
        let usual = Settings::new(kind, rate);
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

    /// This with every setting, for sound of `rate`.
    pub(super) fn of_rate(&self, kind: Kind, rate: u32) -> Self {
        let settings = self.sound_settings(kind, rate);
        Self {
            rate: Some(rate.into()),
            frame: Some(settings.frame),
            hop: Some(settings.hop),
            bands: Some(settings.bands),
            coefficients: Some(settings.coefficients),
            low_hz: Some(settings.low_hz),
            high_hz: Some(settings.high_hz),
            pre_emphasis: Some(settings.pre_emphasis),
            window: Some(settings.window.into()),
            floor: Some(settings.floor),
            ..self.clone()
        }
    }

    /// The engine's settings for motion, of one whose channels are known.
    fn statistics_settings(&self) -> StatisticsSettings {
        let channels = self.channels.as_deref().unwrap_or_default();
        let usual = StatisticsSettings::new(channels.len());
        let frame = self.frame.unwrap_or(usual.frame);
        // A name that is not there becomes a number that the engine refuses.
        let number = |name: &String| {
            let found = channels.iter().position(|channel| channel == name);
            found.unwrap_or(channels.len())
        };
        let magnitudes = self.magnitudes.iter().flatten();
        StatisticsSettings {
            rate: self.rate.unwrap_or(usual.rate),
            frame,
            hop: self.hop.unwrap_or((frame / 2).max(1)),
            statistics: (self.statistics.iter().flatten())
                .map(|statistic| Statistic::from(*statistic))
                .collect(),
            magnitudes: magnitudes
                .map(|axes| axes.iter().map(number).collect())
                .collect(),
            fraction_bits: self.fraction_bits.clone().unwrap_or(usual.fraction_bits),
            floor: self.floor.unwrap_or(usual.floor),
        }
    }

    /// This with every setting, for motion in these channels, whose samples have such fraction bits.
    pub(super) fn of_channels(&self, channels: &[String], fraction_bits: Vec<i8>) -> Self {
        let known = Self {
            statistics: self
                .statistics
                .clone()
                .or(Some(ChannelStatistic::ALL.into())),
            magnitudes: Some(self.magnitudes_of(channels)),
            fraction_bits: Some(fraction_bits),
            channels: Some(channels.into()),
            ..self.clone()
        };
        let settings = known.statistics_settings();
        Self {
            frame: Some(settings.frame),
            hop: Some(settings.hop),
            floor: Some(settings.floor),
            ..known
        }
    }

    /// Names of the channels of each magnitude: as they are set, or three channels in a row whose names have x, y and z
    /// where the others differ in nothing.
    pub(super) fn magnitudes_of(&self, channels: &[String]) -> Vec<Vec<String>> {
        if let Some(magnitudes) = &self.magnitudes {
            return magnitudes.clone();
        }
        let axes = channels.windows(3).filter(|names| are_axes(names));
        axes.map(<[String]>::to_vec).collect()
    }

    /// The tables of the chip, of one whose rate or channels are known.
    ///
    /// # Errors
    /// What the engine cannot compute.
    pub fn tables(&self) -> Result<Tables, SettingsError> {
        match self.kind.of_sound() {
            Some(kind) => {
                let rate = self.rate.unwrap_or_default() as u32;
                Tables::new(&self.sound_settings(kind, rate))
            }
            None => Tables::of_statistics(&self.statistics_settings()),
        }
    }

    /// [`FrontEnd::tables`] for the data at `place`.
    pub(super) fn tables_for(&self, place: &Place) -> Result<Tables, DataError> {
        let refuse = |error| place.clone().refuse(SoundProblem::FrontEnd(error).into());
        self.tables().map_err(refuse)
    }
}

/// The features of a recording, `[T, features]`: whole numbers, as the chip has them.
pub(super) fn features_of(front_end: &View<'_>, samples: &[i16]) -> Array2<f32> {
    let features = front_end.recording(samples);
    let shape = (features.len() / front_end.features(), front_end.features());
    let values = features.into_iter().map(|value| value as f32).collect();
    Array2::from_shape_vec(shape, values).expect("whole frames")
}

/// Whether three names are the same but for one place, where they have x, y and z.
fn are_axes(names: &[String]) -> bool {
    let [x, y, z] = names else {
        return false;
    };
    let places = x.char_indices().filter(|(_, c)| matches!(c, 'x' | 'X'));
    let mut others = places.map(|(at, c)| {
        let with = |axis: char| {
            let axis = if c == 'X' {
                axis.to_ascii_uppercase()
            } else {
                axis
            };
            format!("{}{axis}{}", &x[..at], &x[at + 1..])
        };
        (with('y'), with('z'))
    });
    others.any(|(as_y, as_z)| *y == as_y && *z == as_z)
}

/// Names of the features as channels, `[features]`; of statistics, whose channels are called so, `[C]`.
pub(super) fn channel_names(tables: &Tables, channels: &[String]) -> Vec<String> {
    match tables.view() {
        View::Sound(sound) => {
            let name = match sound.kind() {
                Kind::Mfcc => "mfcc",
                Kind::LogMel | Kind::Spectrum => "band",
            };
            (0..tables.view().features())
                .map(|j| format!("{name}{j}"))
                .collect()
        }
        View::Statistics(statistics) => {
            let magnitude = |axes: Vec<&str>| format!("|{}|", axes.join(" "));
            let magnitudes = statistics.magnitudes().iter().map(|axes| {
                let names = axes.channels().filter_map(|j| channels.get(j));
                magnitude(names.map(String::as_str).collect())
            });
            let all = channels.iter().cloned().chain(magnitudes);
            all.flat_map(|channel| {
                statistics
                    .statistics()
                    .map(move |statistic| format!("{channel} {}", statistic.name()))
            })
            .collect()
        }
    }
}
