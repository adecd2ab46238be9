//! The front end against formulas in f64, its tables against their bounds, and its section in model files.

mod sealed;

use std::f64::consts::PI;
use std::path::{Path, PathBuf};

use lstm_nostd::artifact::{ModelFile, RandomModel, Sizes};
use lstm_nostd::front_end::{Kind, Settings, SettingsError, Signal, Tables, Window};
use lstm_nostd::{ArtifactError, Model};
use proptest::prelude::*;
use sealed::sealed;

/// What is asked of a logarithm of a band above −70 dB of full scale.
const MAX_LOG_ERROR: f64 = 0.02;
/// A full-scale tone's power in its bin, N/16 under a Hann window, less 70 dB, where N is 256.
const AUDIBLE: f64 = 256.0 / 16.0 * 1e-7;
/// What is asked of a coefficient, of its deviation.
const MAX_COEFFICIENT_ERROR: f64 = 0.005;

/// The formulas in f64.
struct Reference {
    settings: Settings,
    window: Vec<f64>,
    /// cos and sin of 2πn/N.
    circle: Vec<(f64, f64)>,
    /// `[bands][N/2]`
    filters: Vec<Vec<f64>>,
    /// `[coefficients][bands]`
    cosines: Vec<Vec<f64>>,
}

impl Reference {
    fn new(settings: Settings) -> Self {
        let n = settings.frame;
        let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
        let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
        let spread = |low: f64, high: f64, i: usize| {
            low + (high - low) * i as f64 / (settings.bands + 1) as f64
        };
        let corner = |i: usize| match settings.kind {
            Kind::Spectrum => spread(settings.low_hz, settings.high_hz, i),
            _ => hertz(spread(mel(settings.low_hz), mel(settings.high_hz), i)),
        };
        let filter = |b: usize| -> Vec<f64> {
            let (from, peak, to) = (corner(b), corner(b + 1), corner(b + 2));
            let at = |k: usize| {
                let hertz = k as f64 * f64::from(settings.rate) / n as f64;
                let (rise, fall) = ((hertz - from) / (peak - from), (to - hertz) / (to - peak));
                rise.min(fall).max(0.0)
            };
            (0..n / 2).map(at).collect()
        };
        let bands = settings.bands as f64;
        let cosine = |j: usize, b: usize| {
            let scale = (if j == 0 { 1.0 } else { 2.0 } / bands).sqrt();
            scale * (PI * j as f64 * (2 * b + 1) as f64 / (2.0 * bands)).cos()
        };
        let angle = |i: usize| 2.0 * PI * i as f64 / n as f64;
        let weight = |i: usize| match settings.window {
            Window::Hann => 0.5 - 0.5 * angle(i).cos(),
            Window::Hamming => 0.54 - 0.46 * angle(i).cos(),
            Window::Rectangular => 1.0,
        };
        Self {
            window: (0..n).map(weight).collect(),
            circle: (0..n).map(|i| (angle(i).cos(), angle(i).sin())).collect(),
            filters: (0..settings.bands).map(filter).collect(),
            cosines: (0..settings.coefficients)
                .map(|j| (0..settings.bands).map(|b| cosine(j, b)).collect())
                .collect(),
            settings,
        }
    }

    /// Energies of the bands of each frame, without the floor.
    fn energies(&self, samples: &[i16]) -> Vec<Vec<f64>> {
        let (n, a) = (self.settings.frame, self.settings.pre_emphasis);
        let x = |i: usize| f64::from(samples[i]) / 32_768.0;
        let mut y: Vec<f64> = (0..samples.len())
            .map(|i| x(i) - if i > 0 { a * x(i - 1) } else { 0.0 })
            .collect();
        y.resize(y.len().max(n), 0.0);
        let frames = y.windows(n).step_by(self.settings.hop);
        frames.map(|frame| self.frame_energies(frame)).collect()
    }

    fn frame_energies(&self, frame: &[f64]) -> Vec<f64> {
        let n = frame.len();
        let z: Vec<f64> = frame.iter().zip(&self.window).map(|(y, w)| y * w).collect();
        let power = |k: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, z) in z.iter().enumerate() {
                let (cos, sin) = self.circle[k * i % n];
                re += z * cos;
                im -= z * sin;
            }
            (re * re + im * im) / n as f64
        };
        let power: Vec<f64> = (0..n / 2).map(power).collect();
        self.filters
            .iter()
            .map(|filter| dot(filter, &power))
            .collect()
    }

    fn coefficients(&self, energies: &[f64]) -> Vec<f64> {
        let logarithms: Vec<f64> = energies
            .iter()
            .map(|e| (e + self.settings.floor).ln())
            .collect();
        self.cosines
            .iter()
            .map(|row| dot(row, &logarithms))
            .collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Features of a recording in real units, frame by frame.
fn features(settings: &Settings, samples: &[i16]) -> Vec<Vec<f64>> {
    let tables = Tables::new(settings).unwrap();
    let all = tables.view().recording(samples);
    let rows = all.chunks_exact(settings.features());
    rows.map(|row| row.iter().map(|v| f64::from(*v) / 4096.0).collect())
        .collect()
}

/// The settings of the published features of spoken digits: 8 kHz, frames of 256, 20 bands from 100 Hz to 4 kHz, 13 coefficients.
fn of_digits(kind: Kind) -> Settings {
    let settings = Settings::new(Kind::Mfcc, 8000);
    assert_eq!((settings.frame, settings.hop), (256, 128));
    Settings { kind, ..settings }
}

/// Tones and noises at full scale, far below it, of one bit and of nothing.
fn signals() -> Vec<Vec<i16>> {
    let length = 1024;
    let tone = |hertz: f64, amplitude: f64| -> Vec<i16> {
        let at = |i: usize| amplitude * (2.0 * PI * hertz * i as f64 / 8000.0).sin();
        (0..length).map(|i| at(i).round() as i16).collect()
    };
    let noise = |bits: u32| -> Vec<i16> {
        lstm_nostd::front_end::test_samples()
            .take(length)
            .map(|v| v >> (16 - bits))
            .collect()
    };
    let square = |period: usize| -> Vec<i16> {
        (0..length)
            .map(|i| {
                if i % period < period / 2 {
                    i16::MAX
                } else {
                    i16::MIN
                }
            })
            .collect()
    };
    let mut signals = vec![
        vec![0; length],
        vec![i16::MIN; length],
        noise(16),
        noise(8),
        noise(1),
    ];
    signals.extend([150.0, 1000.0, 1234.5, 3990.0].map(|hertz| tone(hertz, 32_767.0)));
    signals.extend([
        tone(440.0, 300.0),
        tone(2000.5, 3.0),
        square(2),
        square(16),
        square(250),
    ]);
    signals
}

/// The largest error of a logarithm of an audible band, and how many were compared.
fn log_error(reference: &Reference, samples: &[i16]) -> (f64, usize) {
    let (mut worst, mut compared) = (0f64, 0);
    let found = features(&reference.settings, samples);
    let expected = reference.energies(samples);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for (l, energy) in found
            .iter()
            .zip(expected)
            .filter(|(_, energy)| **energy > AUDIBLE)
        {
            worst = worst.max((l - (energy + reference.settings.floor).ln()).abs());
            compared += 1;
        }
    }
    (worst, compared)
}

#[test]
fn bands_of_extreme_signals_have_their_energies() {
    for (kind, floor) in [
        (Kind::LogMel, 1e-6),
        (Kind::LogMel, 1e-11),
        (Kind::Spectrum, 1e-9),
    ] {
        let reference = Reference::new(Settings {
            floor,
            ..of_digits(kind)
        });
        for (index, samples) in signals().iter().enumerate() {
            let (worst, compared) = log_error(&reference, samples);
            assert!(
                worst <= MAX_LOG_ERROR,
                "signal {index}, floor {floor}: {worst}"
            );
            assert!(
                compared > 0 || [0, 1, 4, 10].contains(&index),
                "signal {index}"
            );
        }
    }
}

#[test]
fn silence_is_the_floor() {
    let floor = features(&of_digits(Kind::LogMel), &[0; 300]);
    assert_eq!(floor.len(), 1);
    assert!(
        floor[0].iter().all(|l| (l - 1e-6f64.ln()).abs() < 1e-3),
        "{floor:?}"
    );
}

#[test]
fn frames_of_every_length_and_window_agree_with_the_formulas() {
    let samples: Vec<i16> = lstm_nostd::front_end::test_samples().take(5000).collect();
    for bits in 5..=11 {
        let frame = 1 << bits;
        for window in Window::ALL {
            let settings = Settings {
                frame,
                hop: frame / 4 * 3,
                window,
                bands: 4,
                pre_emphasis: 0.5,
                ..of_digits(Kind::Spectrum)
            };
            let reference = Reference::new(settings);
            let (worst, compared) = log_error(&reference, &samples[..(2 * frame).min(2500)]);
            assert!(
                worst <= MAX_LOG_ERROR && compared > 0,
                "{frame} {window:?}: {worst}"
            );
        }
    }
}

/// Where other tests find data; none if it is not here.
fn recordings(part: &str, every: usize) -> Vec<Vec<i16>> {
    let folder = match std::env::var_os("LSTM_NOSTD_DATA") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for digit in 0..10 {
        let Ok(files) = std::fs::read_dir(folder.join(format!("fsdd/wav/{part}/{digit}"))) else {
            eprintln!("skipped: the recordings are not here; set LSTM_NOSTD_DATA to their folder");
            return Vec::new();
        };
        paths.extend(files.map(|file| file.unwrap().path()));
    }
    paths.sort();
    let chosen = paths.iter().step_by(every);
    chosen
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let data = bytes.windows(4).position(|tag| tag == b"data").unwrap() + 8;
            let samples = bytes[data..].as_chunks::<2>().0;
            samples.iter().map(|b| i16::from_le_bytes(*b)).collect()
        })
        .collect()
}

/// Log-mel within its bound, and coefficients within theirs, in the root mean square and at the worst.
fn check_recordings(recordings: &[Vec<i16>]) {
    if recordings.is_empty() {
        return;
    }
    let reference = Reference::new(of_digits(Kind::LogMel));
    let tables = Tables::new(&of_digits(Kind::Mfcc)).unwrap();
    let coefficients = tables.view().features();
    let mut worst_log = 0f64;
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for samples in recordings {
        worst_log = worst_log.max(log_error(&reference, samples).0);
        let energies = reference.energies(samples);
        expected.extend(energies.iter().map(|e| reference.coefficients(e)));
        let all = tables.view().recording(samples);
        let rows = all.chunks_exact(coefficients);
        found.extend(rows.map(|row| {
            row.iter()
                .map(|v| f64::from(*v) / 4096.0)
                .collect::<Vec<_>>()
        }));
    }
    assert_eq!(expected.len(), found.len());
    assert!(worst_log <= MAX_LOG_ERROR, "log-mel: {worst_log}");
    let frames = expected.len() as f64;
    for j in 0..coefficients {
        let mean = expected.iter().map(|row| row[j]).sum::<f64>() / frames;
        let variance = expected
            .iter()
            .map(|row| (row[j] - mean).powi(2))
            .sum::<f64>()
            / frames;
        let errors = || {
            expected
                .iter()
                .zip(&found)
                .map(|(e, f)| (e[j] - f[j]).abs())
        };
        let worst = errors().fold(0.0, f64::max) / variance.sqrt();
        println!(
            "coefficient {j}: deviation {:.3}, worst error {worst:.5} of it",
            variance.sqrt()
        );
        assert!(
            worst <= MAX_COEFFICIENT_ERROR,
            "coefficient {j}: {worst} of its deviation"
        );
    }
    println!("{frames} frames, log-mel at most {worst_log:.5} off");
}

#[test]
fn features_of_some_recordings_agree_with_the_formulas() {
    check_recordings(&recordings("test", 25));
}

#[test]
#[ignore = "long: all recordings, transformed by the sum that defines the transform"]
fn features_of_all_recordings_agree_with_the_formulas() {
    check_recordings(&recordings("test", 1));
    check_recordings(&recordings("train", 1));
}

fn with_front_end(kind: Kind) -> ModelFile {
    let settings = Settings {
        frame: 32,
        hop: 20,
        bands: 3,
        coefficients: 2,
        ..of_digits(kind)
    };
    let shape = RandomModel {
        inputs: settings.features(),
        hidden: vec![2],
        outputs: 1,
        seed: 7,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.front_end = Some(Tables::new(&settings).unwrap());
    file
}

#[test]
fn a_front_end_is_read_as_it_was_written() {
    for kind in Kind::ALL {
        let file = with_front_end(kind);
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        assert_eq!(ModelFile::from(&model), file);
        let front_end = model.front_end().unwrap();
        let sizes = Sizes::of_file(&bytes);
        assert_eq!(
            (sizes.history, sizes.work),
            (front_end.history(), front_end.work())
        );
        assert_eq!(
            (front_end.name(), front_end.frame(), front_end.hop()),
            (kind.name(), 32, 20)
        );
        let mut signal = Signal::new(vec![0; sizes.history]);
        let (mut work, mut features) = (vec![[0; 2]; sizes.work], vec![0; sizes.inputs]);
        assert_eq!(
            front_end.self_test(&mut signal, &mut work, &mut features),
            Ok(true)
        );
        let short = front_end.push(&mut signal, &mut work[1..], &mut &[1][..], &mut features);
        assert_eq!(short.unwrap_err().what, "work memory");
    }
    assert_eq!(with_front_end(Kind::Mfcc).to_bytes().unwrap()[4..6], [5, 0]);
}

/// Damage that the checksum cannot see is refused, or runs without overflow.
#[test]
fn every_changed_byte_of_a_front_end_is_refused_or_runs() {
    let noise: Vec<i16> = lstm_nostd::front_end::test_samples().take(40).collect();
    for kind in [Kind::Mfcc, Kind::LogMel] {
        let bytes = with_front_end(kind).to_bytes().unwrap();
        let content = &bytes[..bytes.len() - 4];
        let section = 32..32 + 4 * usize::from(u16::from_le_bytes([bytes[28], bytes[29]]));
        let (mut refused, mut ran) = (0, 0);
        for at in (4..32).chain(section) {
            for value in [0, 1, 0x40, 0x7f, 0x80, 0xff, content[at] ^ 1] {
                let mut changed = content.to_vec();
                changed[at] = value;
                let changed = sealed(changed);
                let Ok(model) = Model::parse(&changed) else {
                    refused += 1;
                    continue;
                };
                ran += 1;
                if let Some(front_end) = model.front_end() {
                    front_end.recording(&noise);
                    front_end.recording(&[i16::MIN; 40]);
                }
            }
        }
        assert!(ran > 1000 && refused > 1000, "{ran} ran, {refused} refused");
    }
}

#[test]
fn features_and_inputs_are_as_many() {
    let mut file = with_front_end(Kind::Mfcc);
    file.front_end = with_front_end(Kind::LogMel).front_end;
    let refused = file.to_bytes().unwrap_err().to_string();
    assert!(
        refused.contains("front-end features must be in 2..=2, found 3"),
        "{refused}"
    );
}

/// A turn beyond 1 would let points grow.
#[test]
fn turns_beyond_one_are_refused() {
    let bytes = with_front_end(Kind::Mfcc).to_bytes().unwrap();
    let mut content = bytes[..bytes.len() - 4].to_vec();
    // After header, record and window: the first cosine is 1, and the first sine 0.
    let at = 32 + 40 + 2 * 32;
    assert_eq!(content[at..at + 8], [0, 0, 0, 0x40, 0, 0, 0, 0]);
    content[at + 7] = 1;
    let error = Model::parse(&sealed(content)).unwrap_err();
    let ArtifactError::Field { field, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(field, "front-end turn beyond 1");
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let good = of_digits(Kind::Mfcc);
    for (setting, bad) in [
        ("frame", Settings { frame: 250, ..good }),
        (
            "frame",
            Settings {
                frame: 4096,
                ..good
            },
        ),
        ("hop", Settings { hop: 0, ..good }),
        ("hop", Settings { hop: 257, ..good }),
        ("bands", Settings { bands: 65, ..good }),
        (
            "coefficients",
            Settings {
                coefficients: 21,
                ..good
            },
        ),
        (
            "low_hz",
            Settings {
                low_hz: f64::NAN,
                ..good
            },
        ),
        (
            "high_hz",
            Settings {
                high_hz: 4001.0,
                ..good
            },
        ),
        (
            "pre_emphasis",
            Settings {
                pre_emphasis: 1.0,
                ..good
            },
        ),
        ("floor", Settings { floor: 0.0, ..good }),
    ] {
        match Tables::new(&bad).unwrap_err() {
            SettingsError::Range { setting: found, .. } => assert_eq!(found, setting),
            other => panic!("{setting}: {other}"),
        }
    }
    let short = Settings {
        frame: 32,
        hop: 16,
        bands: 16,
        high_hz: 700.0,
        ..good
    };
    let narrow = Tables::new(&short).unwrap_err();
    assert!(
        narrow
            .to_string()
            .contains("take a longer frame or fewer bands"),
        "{narrow}"
    );
}

/// A program in another language keeps a signal in memory of its own.
#[test]
fn the_bytes_of_a_signal_are_said() {
    let bytes = with_front_end(Kind::Mfcc).to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let signal = Signal::<[i16; 32]>::EMPTY;
    assert_eq!(
        model.front_end().unwrap().signal_bytes(),
        size_of_val(&signal)
    );
    let unsized_one: &Signal<[i16]> = &signal;
    assert_eq!(size_of_val(unsized_one), size_of_val(&signal));
}

proptest! {
    /// However samples arrive, the features are those of the whole recording.
    #[test]
    fn pieces_of_any_length_give_the_same_features(
        samples in prop::collection::vec(any::<i16>(), 32..300),
        cuts in prop::collection::vec(0usize..40, 1..40),
        hop in 1usize..=32,
    ) {
        let settings = Settings { frame: 32, hop, bands: 3, coefficients: 2, ..of_digits(Kind::Mfcc) };
        let tables = Tables::new(&settings).unwrap();
        let front_end = tables.view();
        let mut signal = Signal::new(vec![0; front_end.history()]);
        let (mut work, mut features) = (vec![[0; 2]; front_end.work()], vec![0; 2]);
        let mut found = Vec::new();
        let (mut rest, mut cuts) = (&samples[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (mut piece, later) = rest.split_at((cuts.next().unwrap() + 1).min(rest.len()));
            rest = later;
            while front_end.push(&mut signal, &mut work, &mut piece, &mut features).unwrap() {
                found.extend_from_slice(&features);
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert_eq!(found, front_end.recording(&samples));
    }
}
