//! Tables of a front end for sound, made from formulas on a host.

use alloc::vec::Vec;
use core::f64::consts::{PI, TAU};

use super::settings::energy_unit;
use super::{COSINE_BITS, Kind, Settings, Sound, SoundRecord};
use crate::front_end::logarithm::LOG_BITS;
use crate::front_end::{FrontEnd, SettingsError, Word2, test_samples};

/// One of Q1.30.
const ONE_Q30: f64 = (1u64 << 30) as f64;

/// Record and tables of a front end for sound, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundTables {
    pub(crate) record: SoundRecord,
    pub(crate) window: Vec<i16>,
    pub(crate) turns: Vec<[i32; 6]>,
    pub(crate) halves: Vec<Word2>,
    pub(crate) counts: Vec<u16>,
    pub(crate) weights: Vec<u16>,
    pub(crate) cosines: Vec<i16>,
    pub(crate) golden: Vec<i32>,
}

impl SoundTables {
    /// The tables for `settings`.
    ///
    /// # Errors
    /// What the engine cannot compute.
    pub(in crate::front_end) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        settings.validate()?;
        let (counts, weights, first_bin) = bands(settings)?;
        let floor = libm::round(settings.floor * energy_unit(settings.frame)) as u64;
        let offset = libm::log(energy_unit(settings.frame)) * (1u32 << LOG_BITS) as f64;
        let record = SoundRecord {
            kind: settings.kind.code(),
            frame_bits: settings.frame.ilog2() as u8,
            hop: settings.hop as u16,
            rate: settings.rate,
            bands: settings.bands as u16,
            features: settings.features() as u16,
            emphasis: (libm::round(settings.pre_emphasis * 32_768.0) as u16).min(i16::MAX as u16),
            first_bin,
            floor: [floor as u32, (floor >> 32) as u32],
            offset: libm::round(offset) as i32,
            bins: weights.len() as u16,
            reserved: [0; 5],
        };
        let window = (0..settings.frame).map(|n| settings.window.at(n, settings.frame));
        let mut tables = Self {
            record,
            window: window.map(|w| libm::round(w * 16_384.0) as i16).collect(),
            turns: turns(settings.frame / 2),
            halves: (1..settings.frame / 4)
                .map(|k| circle(k as f64 / settings.frame as f64))
                .collect(),
            counts,
            weights,
            cosines: cosines(settings),
            golden: Vec::new(),
        };
        let samples: Vec<i16> = test_samples().take(settings.frame).collect();
        tables.golden = FrontEnd::Sound(tables.view()).recording(&samples);
        Ok(tables)
    }

    pub(in crate::front_end) fn view(&self) -> Sound<'_> {
        Sound {
            record: &self.record,
            window: &self.window,
            turns: &self.turns,
            halves: &self.halves,
            counts: &self.counts,
            weights: &self.weights,
            cosines: &self.cosines,
            golden: &self.golden,
        }
    }
}

impl From<&Sound<'_>> for SoundTables {
    fn from(view: &Sound<'_>) -> Self {
        Self {
            record: *view.record,
            window: view.window.into(),
            turns: view.turns.into(),
            halves: view.halves.into(),
            counts: view.counts.into(),
            weights: view.weights.into(),
            cosines: view.cosines.into(),
            golden: view.golden.into(),
        }
    }
}

/// Cosine and sine of a share of a turn, Q1.30. They are cut, not rounded, so that together they are at most 1.
fn circle(turn: f64) -> Word2 {
    let angle = TAU * turn;
    [libm::cos(angle), libm::sin(angle)].map(|v| (v * ONE_Q30) as i32)
}

/// Of each stage of fours after the first one, for a transform of `points`.
fn turns(points: usize) -> Vec<[i32; 6]> {
    let mut quarter = if points.ilog2() % 2 == 1 { 2 } else { 4 };
    let mut turns = Vec::new();
    while quarter < points {
        turns.extend((0..quarter).map(|k| {
            let turn = k as f64 / (4 * quarter) as f64;
            let ([c1, s1], [c2, s2], [c3, s3]) =
                (circle(turn), circle(2.0 * turn), circle(3.0 * turn));
            [c1, s1, c2, s2, c3, s3]
        }));
        quarter *= 4;
    }
    turns
}

/// The corners of the bands in Hz, `[bands + 2]`: evenly apart in mel, or in Hz for a spectrum.
fn corners(settings: &Settings) -> Vec<f64> {
    let mel = |hertz: f64| 2595.0 * libm::log10(1.0 + hertz / 700.0);
    let hertz = |mel: f64| 700.0 * (libm::pow(10.0, mel / 2595.0) - 1.0);
    let (low, high) = (settings.low_hz, settings.high_hz);
    let between =
        |low: f64, high: f64, i: usize| low + (high - low) * i as f64 / (settings.bands + 1) as f64;
    let corner = |i: usize| match settings.kind {
        Kind::Mfcc | Kind::LogMel => hertz(between(mel(low), mel(high), i)),
        Kind::Spectrum => between(low, high, i),
    };
    (0..settings.bands + 2).map(corner).collect()
}

/// Bins of each section, their weights in Q0.15, and the first bin.
fn bands(settings: &Settings) -> Result<(Vec<u16>, Vec<u16>, u16), SettingsError> {
    let corners = corners(settings);
    let bin = f64::from(settings.rate) / settings.frame as f64;
    let bins = || (0..settings.frame / 2).map(|k| k as f64 * bin);
    let first_bin = bins().take_while(|hertz| *hertz < corners[0]).count();
    let (mut counts, mut weights) = (Vec::new(), Vec::new());
    for pair in corners.windows(2) {
        let own = bins().filter(|hertz| (pair[0]..pair[1]).contains(hertz));
        let before = weights.len();
        weights.extend(own.map(|hertz| {
            let share = (hertz - pair[0]) / (pair[1] - pair[0]);
            libm::round(share * 32_768.0) as u16
        }));
        counts.push((weights.len() - before) as u16);
    }
    // A bin on a band's first corner has no weight in it.
    let is_empty = |band: usize| {
        let begin: usize = counts[..band].iter().map(|count| usize::from(*count)).sum();
        let rising = &weights[begin..begin + usize::from(counts[band])];
        rising.iter().all(|v| *v == 0) && counts[band + 1] == 0
    };
    match (0..settings.bands).find(|band| is_empty(*band)) {
        None => Ok((counts, weights, first_bin as u16)),
        Some(band) => Err(SettingsError::EmptyBand {
            band,
            from_to: (corners[band], corners[band + 2]),
            bin,
        }),
    }
}

/// The orthonormal DCT-II in Q0.15, `[coefficients, bands]`: `D_jb = √(2/B) · cos(πj(2b + 1)/2B)`, and half of its square for
/// j = 0.
fn cosines(settings: &Settings) -> Vec<i16> {
    if settings.kind != Kind::Mfcc {
        return Vec::new();
    }
    let bands = settings.bands as f64;
    let cosine = |j: usize, b: usize| {
        let scale = libm::sqrt(if j == 0 { 1.0 } else { 2.0 } / bands);
        scale * libm::cos(PI * j as f64 * (2 * b + 1) as f64 / (2.0 * bands))
    };
    (0..settings.coefficients)
        .flat_map(|j| (0..settings.bands).map(move |b| cosine(j, b)))
        .map(|d| {
            (libm::round(d * f64::from(1 << COSINE_BITS)) as i32).clamp(-32_767, 32_767) as i16
        })
        .collect()
}
