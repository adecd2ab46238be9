//! What a front end for motion computes, in the units of its user, and what is refused.

use alloc::vec::Vec;

use super::{
    Axes, FLOOR_BITS, MAX_CHANNELS, MAX_FRAME, MAX_SAMPLES, Statistic, Statistics, StatisticsRecord,
};
use crate::front_end::logarithm::LOG_BITS;
use crate::front_end::settings_error::{Check, first_refused};
use crate::front_end::{FrontEnd, STATISTICS_CODE, SettingsError, test_samples};

/// Fraction bits of a mean, which (FS3) has by r.
const MEAN_BITS: u32 = 6;

/// What a front end for motion computes.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticsSettings {
    /// Moments a second; 0 if it is not known.
    pub rate: f64,
    /// Moments of a frame, `N`, 2 to 2048.
    pub frame: usize,
    /// Moments from the begin of a frame to the begin of the next, 1..=`N`.
    pub hop: usize,
    /// The statistics of each channel; their order says nothing.
    pub statistics: Vec<Statistic>,
    /// Channels whose magnitudes are channels too, two or three each.
    pub magnitudes: Vec<Vec<usize>>,
    /// Fraction bits of the samples of each channel, `[C]`, −112 to 112; see [`Statistics::fraction_bits`]. Those of a
    /// magnitude's channels are equal.
    pub fraction_bits: Vec<i8>,
    /// Deviations, and differences, of so many LSB of a sample or fewer say nothing; 0.1 to 32768.
    pub floor: f64,
}

impl StatisticsSettings {
    /// Usual settings for `channels` channels: all statistics of frames of 32 moments, half of which overlap.
    pub fn new(channels: usize) -> Self {
        Self {
            rate: 0.0,
            frame: 32,
            hop: 16,
            statistics: Statistic::ALL.to_vec(),
            magnitudes: Vec::new(),
            fraction_bits: alloc::vec![0; channels],
            floor: 1.0,
        }
    }

    /// Features of a frame.
    pub fn features(&self) -> usize {
        let channels = self.fraction_bits.len() + self.magnitudes.len();
        channels * self.bits().count_ones() as usize
    }

    fn bits(&self) -> u8 {
        let bits = self.statistics.iter().map(|statistic| statistic.bit());
        bits.fold(0, |all, bit| all | bit)
    }

    /// Refuses what the engine cannot compute.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        first_refused(self.checks().into_iter().chain(self.magnitude_checks()))
    }

    fn checks(&self) -> [Check; 7] {
        let channels = self.fraction_bits.len();
        let is_rate = self.rate == 0.0 || (0.001..=4_000_000.0).contains(&self.rate);
        [
            (
                is_rate,
                "rate",
                self.rate,
                "0.001 to 4000000 a second, or left out",
            ),
            (
                (2..=MAX_FRAME).contains(&self.frame),
                "frame",
                self.frame as f64,
                "2 to 2048",
            ),
            (
                (1..=self.frame).contains(&self.hop),
                "hop",
                self.hop as f64,
                "1 to the moments of a frame",
            ),
            (
                self.bits() != 0,
                "statistics",
                0.0,
                "one or more statistics",
            ),
            (
                (1..=MAX_CHANNELS).contains(&channels) && channels * self.frame <= MAX_SAMPLES,
                "the number of channels",
                channels as f64,
                "1 to 64, and at most 32768 samples in a frame of all channels",
            ),
            (
                self.fraction_bits
                    .iter()
                    .all(|bits| bits.unsigned_abs() <= 112),
                "fraction_bits",
                self.fraction_bits
                    .iter()
                    .map(|bits| f64::from(*bits))
                    .fold(0.0, |a, b| if b.abs() > libm::fabs(a) { b } else { a }),
                "-112 to 112",
            ),
            (
                (0.1..=32_768.0).contains(&self.floor),
                "floor",
                self.floor,
                "0.1 to 32768 LSB of a sample",
            ),
        ]
    }

    fn magnitude_checks(&self) -> [Check; 4] {
        let channels = self.fraction_bits.len();
        let greatest = self.magnitudes.iter().flatten().copied().max();
        let mut lengths = self.magnitudes.iter().map(Vec::len);
        let wrong_length = lengths.find(|length| !matches!(length, 2 | 3));
        let without_scale = self.magnitudes.iter().position(|axes| {
            let mut bits = axes.iter().filter_map(|j| self.fraction_bits.get(*j));
            let first = bits.next();
            bits.any(|bits| Some(bits) != first)
        });
        [
            (
                self.magnitudes.len() <= MAX_CHANNELS,
                "the number of magnitudes",
                self.magnitudes.len() as f64,
                "at most 64",
            ),
            (
                wrong_length.is_none(),
                "magnitudes: the number of channels of one",
                wrong_length.unwrap_or(0) as f64,
                "2 or 3",
            ),
            (
                greatest.is_none_or(|channel| channel < channels),
                "magnitudes: a channel's number",
                greatest.unwrap_or(0) as f64,
                "below the number of channels",
            ),
            (
                without_scale.is_none(),
                "magnitudes: one that has no common scale",
                without_scale.unwrap_or(0) as f64,
                "of channels with equal fraction_bits",
            ),
        ]
    }
}

/// Record and tables of a front end for motion, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticsTables {
    pub(crate) record: StatisticsRecord,
    pub(crate) fraction_bits: Vec<i8>,
    pub(crate) magnitudes: Vec<Axes>,
    pub(crate) golden: Vec<i32>,
}

impl StatisticsTables {
    pub(in crate::front_end) fn new(settings: &StatisticsSettings) -> Result<Self, SettingsError> {
        settings.validate()?;
        let moments = settings.frame as f64;
        let words = |value: f64| {
            let value = libm::round(value) as u64;
            [value as u32, (value >> 32) as u32]
        };
        let offset =
            |value: f64| libm::round(libm::log(value) * f64::from(1u32 << LOG_BITS)) as i32;
        // s of (FS3)
        let shift = 15 - settings.frame.next_power_of_two().ilog2();
        let reciprocal = libm::exp2(f64::from(32 + MEAN_BITS - shift)) / moments;
        let unit = f64::from(1u32 << FLOOR_BITS);
        let floor = settings.floor * settings.floor * unit;
        let axes = |channels: &Vec<usize>| {
            let channels: Vec<u8> = channels.iter().map(|channel| *channel as u8).collect();
            Axes::new(&channels)
        };
        let record = StatisticsRecord {
            kind: STATISTICS_CODE,
            statistics: settings.bits(),
            hop: settings.hop as u16,
            rate_mhz: libm::round(settings.rate * 1000.0) as u32,
            frame: settings.frame as u16,
            features: settings.features() as u16,
            channels: settings.fraction_bits.len() as u16,
            magnitudes: settings.magnitudes.len() as u16,
            reciprocal: libm::round(reciprocal) as i32,
            floor: words(floor * moments * moments),
            difference_floor: words(floor * (moments - 1.0)),
            offset: offset(unit * moments * moments),
            difference_offset: offset(unit * (moments - 1.0)),
        };
        let mut tables = Self {
            record,
            fraction_bits: settings.fraction_bits.clone(),
            magnitudes: settings.magnitudes.iter().map(axes).collect(),
            golden: Vec::new(),
        };
        let samples: Vec<i16> = test_samples().take(record.history()).collect();
        tables.golden = FrontEnd::Statistics(tables.view()).recording(&samples);
        Ok(tables)
    }

    pub(in crate::front_end) fn view(&self) -> Statistics<'_> {
        Statistics {
            record: &self.record,
            fraction_bits: &self.fraction_bits,
            magnitudes: &self.magnitudes,
            golden: &self.golden,
        }
    }
}

impl From<&Statistics<'_>> for StatisticsTables {
    fn from(view: &Statistics<'_>) -> Self {
        Self {
            record: *view.record,
            fraction_bits: view.fraction_bits.into(),
            magnitudes: view.magnitudes.into(),
            golden: view.golden.into(),
        }
    }
}
