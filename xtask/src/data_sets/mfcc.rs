//! Mel-frequency cepstral coefficients of the spoken digits.
//!
//! ```text
//! y_n = x_n − 0.97 x_{n−1}                        pre-emphasis, x = sample / 32768
//! P_k = |Σ_n w_n y_n e^{−2πikn/256}|² / 256       frames of 256 samples every 128, periodic Hann window w
//! E_m = ln(Σ_k F_mk P_k + 10⁻⁶)                   20 triangles on the mel scale, 100 Hz to 4000 Hz, peak 1
//! c_j = Σ_m E_m D_jm                              orthonormal DCT-II, j = 0..13
//! ```
//!
//! `recordings.rs` says what is tested.

use std::f64::consts::PI;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::recordings::{self, Recording};

pub(super) const RATE: u32 = 8000;
const FRAME: usize = 256;
const HOP: usize = 128;
const BINS: usize = FRAME / 2 + 1;
const FILTERS: usize = 20;
const COEFFICIENTS: usize = 13;

/// Long CSVs of the training and the test part of the recordings in `folder`, see [`recordings::parts`].
pub(super) fn long_csv(folder: &Path, half: bool) -> Result<[String; 2]> {
    let [train, test] = recordings::parts(folder, half)?;
    let transform = Transform::new();
    Ok([rows_of(&train, &transform)?, rows_of(&test, &transform)?])
}

/// A header, and a row for each frame.
fn rows_of(recordings: &[Recording], transform: &Transform) -> Result<String> {
    let names: Vec<String> = (0..COEFFICIENTS).map(|j| format!("mfcc{j}")).collect();
    let mut text = format!("series_id,t,{},label\n", names.join(","));
    for Recording { path, name, digit } in recordings {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let samples = samples(&bytes).with_context(|| path.display().to_string())?;
        for (t, frame) in transform.frames(&samples).enumerate() {
            write!(text, "{name},{t}")?;
            for value in frame {
                write!(text, ",{value}")?;
            }
            writeln!(text, ",{digit}")?;
        }
    }
    Ok(text)
}

/// The samples of a RIFF file of 8 kHz, 16 bits, mono.
pub(super) fn samples(bytes: &[u8]) -> Result<Vec<i16>> {
    ensure!(
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE"),
        "this is no WAV file"
    );
    let (mut at, mut is_known) = (12, false);
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let end = bytes.len().min(at.saturating_add(8).saturating_add(size));
        let content = &bytes[at + 8..end];
        match &head[..4] {
            b"fmt " => {
                let half = |at: usize| {
                    Some(u16::from_le_bytes([
                        *content.get(at)?,
                        *content.get(at + 1)?,
                    ]))
                };
                let rate = half(4)
                    .zip(half(6))
                    .map(|(low, high)| u32::from(low) | u32::from(high) << 16);
                // PCM, one channel, 16 bits.
                is_known = (half(0), half(2), half(14)) == (Some(1), Some(1), Some(16))
                    && rate == Some(RATE);
                ensure!(is_known, "the samples are not PCM of 8 kHz, 16 bits, mono");
            }
            b"data" if is_known => {
                let pairs = content.chunks_exact(2);
                return Ok(pairs
                    .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                    .collect());
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = end + size % 2;
    }
    bail!("the file ends before its samples")
}

/// The tables that every frame needs.
struct Transform {
    window: Vec<f64>,
    /// cos and sin of 2πn/256.
    circle: Vec<(f64, f64)>,
    /// `[FILTERS][BINS]`
    filters: Vec<Vec<f64>>,
    /// `[COEFFICIENTS][FILTERS]`
    cosines: Vec<Vec<f64>>,
}

impl Transform {
    fn new() -> Self {
        let angle = |n: usize| 2.0 * PI * n as f64 / FRAME as f64;
        let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
        let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
        let (low, high) = (mel(100.0), mel(4000.0));
        let corner = |i: usize| hertz(low + (high - low) * i as f64 / (FILTERS + 1) as f64);
        let filter = |m: usize| {
            let (from, peak, to) = (corner(m), corner(m + 1), corner(m + 2));
            let at_bin = |k: usize| {
                let hertz = (k as f64) * f64::from(RATE) / FRAME as f64;
                let (rise, fall) = ((hertz - from) / (peak - from), (to - hertz) / (to - peak));
                rise.min(fall).max(0.0)
            };
            (0..BINS).map(at_bin).collect()
        };
        let cosine = |j: usize, m: usize| {
            let scale = if j == 0 { 1.0 } else { 2.0 } / FILTERS as f64;
            scale.sqrt() * (PI * j as f64 * (2 * m + 1) as f64 / (2 * FILTERS) as f64).cos()
        };
        Self {
            window: (0..FRAME).map(|n| 0.5 - 0.5 * angle(n).cos()).collect(),
            circle: (0..FRAME)
                .map(|n| (angle(n).cos(), angle(n).sin()))
                .collect(),
            filters: (0..FILTERS).map(filter).collect(),
            cosines: (0..COEFFICIENTS)
                .map(|j| (0..FILTERS).map(|m| cosine(j, m)).collect())
                .collect(),
        }
    }

    /// The coefficients of each frame; a recording shorter than a frame is filled up with zeros.
    fn frames<'a>(&'a self, samples: &[i16]) -> impl Iterator<Item = Vec<f32>> + 'a {
        let mut before = 0.0;
        let mut emphasised: Vec<f64> = (samples.iter())
            .map(|sample| {
                let x = f64::from(*sample) / 32768.0;
                let y = x - 0.97 * before;
                before = x;
                y
            })
            .collect();
        emphasised.resize(emphasised.len().max(FRAME), 0.0);
        let count = 1 + (emphasised.len() - FRAME) / HOP;
        (0..count).map(move |t| self.coefficients(&emphasised[t * HOP..t * HOP + FRAME]))
    }

    fn coefficients(&self, frame: &[f64]) -> Vec<f32> {
        let windowed: Vec<f64> = frame.iter().zip(&self.window).map(|(y, w)| y * w).collect();
        let power = |k: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, y) in windowed.iter().enumerate() {
                let (cos, sin) = self.circle[k * n % FRAME];
                re += y * cos;
                im -= y * sin;
            }
            (re * re + im * im) / FRAME as f64
        };
        let power: Vec<f64> = (0..BINS).map(power).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let energies: Vec<f64> = (self.filters.iter())
            .map(|filter| (dot(filter, &power) + 1e-6).ln())
            .collect();
        (self.cosines.iter())
            .map(|cosines| dot(cosines, &energies) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;

    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let head = [1u16, 1].map(u16::to_le_bytes).concat();
        let rates = [rate, 2 * rate].map(u32::to_le_bytes).concat();
        let tail = [2u16, 16].map(u16::to_le_bytes).concat();
        let length = |n: usize| (n as u32).to_le_bytes();
        [
            &b"RIFF"[..],
            &length(0),
            b"WAVE",
            b"LIST",
            &length(3),
            b"abc\0",
            b"fmt ",
            &length(16),
            &head,
            &rates,
            &tail,
            b"data",
            &length(data.len()),
            &data,
        ]
        .concat()
    }

    #[test]
    fn a_tone_is_loudest_in_the_filter_of_its_frequency() {
        let transform = Transform::new();
        // 1000 Hz lies in a bin, and the Hann window spreads it over its neighbours alone.
        let tone: Vec<i16> = (0..FRAME)
            .map(|n| (8000.0 * (2.0 * PI * 1000.0 * n as f64 / 8000.0).sin()) as i16)
            .collect();
        let coefficients: Vec<f32> = transform.frames(&tone).next().unwrap();
        // The energies that the coefficients stand for, smoothed by those that are left out.
        let energy = |m: usize| -> f64 {
            let rows = transform.cosines.iter().zip(&coefficients);
            rows.map(|(row, c)| row[m] * f64::from(*c)).sum()
        };
        let loudest = (0..FILTERS)
            .max_by(|a, b| energy(*a).total_cmp(&energy(*b)))
            .unwrap();
        let at = |m: usize| transform.filters[m][32];
        let expected = (0..FILTERS)
            .max_by(|a, b| at(*a).total_cmp(&at(*b)))
            .unwrap();
        assert_eq!(loudest, expected);
    }

    #[test]
    fn silence_has_the_energy_of_the_floor_alone() {
        let frames: Vec<Vec<f32>> = Transform::new().frames(&[0; 300]).collect();
        assert_eq!(frames.len(), 1);
        let expected = (20f64.sqrt() * 1e-6f64.ln()) as f32;
        assert!((frames[0][0] - expected).abs() < 1e-4, "{frames:?}");
        assert!(frames[0][1..].iter().all(|c| c.abs() < 1e-4), "{frames:?}");
    }

    #[test]
    fn recordings_go_to_the_parts_of_the_official_split() {
        let folder = Folder::new("mfcc");
        for name in ["7_ann_4.wav", "7_ann_5.wav", "3_bob_17.wav"] {
            folder.file(name, wav(8000, &[100; 400]));
        }
        let [train, test] = long_csv(&folder.0, false).unwrap();
        let labels = |csv: &str| -> Vec<String> {
            csv.lines()
                .skip(1)
                .map(|row| row.rsplit(',').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(labels(&train), ["3", "3", "7", "7"]);
        assert_eq!(labels(&test), ["7", "7"]);
        folder.file("7_ann_0.wav", wav(8000, &[100; 400]));
        folder.file("7_bob_0.wav", wav(8000, &[100; 400]));
        let [_, half] = long_csv(&folder.0, true).unwrap();
        // Of ann's two and bob's one, the second.
        assert!(
            half.contains("7_ann_4,") && half.lines().count() == 3,
            "{half}"
        );
        folder.file("7_ann_4.wav", wav(16_000, &[0; 400]));
        let refused = format!("{:#}", long_csv(&folder.0, false).unwrap_err());
        assert!(
            refused.contains("7_ann_4.wav") && refused.contains("8 kHz"),
            "{refused}"
        );
        folder.file("7_ann_4.wav", &wav(8000, &[0; 400])[..50]);
        assert!(long_csv(&folder.0, false).is_err());
    }

    /// Against features that NumPy computed from the same recordings.
    #[test]
    fn the_published_features_are_made_again() {
        let folder = match std::env::var_os("LSTM_NOSTD_DATA") {
            Some(folder) => folder.into(),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        };
        let set = folder.join("fsdd");
        let Ok(expected) = std::fs::read_to_string(set.join("fsdd_mfcc13_test.csv")) else {
            eprintln!("skipped: the recordings are not here; set LSTM_NOSTD_DATA to their folder");
            return;
        };
        let transform = Transform::new();
        let mut compared = 0;
        for row in expected.lines().skip(1).filter(|row| row.starts_with("0_")) {
            let fields: Vec<&str> = row.split(',').collect();
            let path = set.join(format!("wav/test/0/{}.wav", fields[0]));
            let samples = samples(&std::fs::read(path).unwrap()).unwrap();
            let t: usize = fields[1].parse().unwrap();
            let frame = transform.frames(&samples).nth(t).unwrap();
            for (value, field) in frame.iter().zip(&fields[2..2 + COEFFICIENTS]) {
                let expected: f32 = field.parse().unwrap();
                // The file has four decimals.
                assert!((value - expected).abs() < 1e-4, "{row}");
                compared += 1;
            }
            if compared > 20 * COEFFICIENTS {
                return;
            }
        }
        assert!(compared > 0);
    }
}
