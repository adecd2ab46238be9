//! Recordings of sound: WAV files become features, the chip's own integers.

use std::f64::consts::PI;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use trainer_host::data::{
    DataError, Features, FrontEnd, Options, Parts, SignalVariants, Targets, open,
};

use super::{Files, refused};

const SPEC: WavSpec = WavSpec {
    channels: 1,
    sample_rate: 8000,
    bits_per_sample: 16,
    sample_format: SampleFormat::Int,
};

/// A frame of 64 samples at 8 kHz, and few bands.
fn options(kind: Features) -> Options {
    Options {
        front_end: Some(FrontEnd {
            frame: Some(64),
            bands: Some(6),
            coefficients: Some(4),
            ..FrontEnd::new(kind)
        }),
        ..Options::default()
    }
}

/// Samples of a tone.
fn tone(hertz: f64, length: usize) -> Vec<i16> {
    let at = |i: usize| 9000.0 * (2.0 * PI * hertz * i as f64 / 8000.0).sin();
    (0..length).map(|i| at(i).round() as i16).collect()
}

fn write(path: &Path, spec: WavSpec, samples: impl IntoIterator<Item = i32>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

fn write_tone(path: &Path, hertz: f64, length: usize) {
    write(path, SPEC, tone(hertz, length).into_iter().map(i32::from));
}

fn opened(files: &Files, options: &Options) -> Result<Parts, DataError> {
    open(files.0.path().to_str().unwrap(), options)
}

#[test]
fn a_folder_of_classes_gives_the_features_of_the_chip() {
    for kind in [Features::Mfcc, Features::LogMel, Features::Spectrum] {
        let files = Files::new();
        for (name, hertz, length) in [
            ("train/low/a.wav", 400.0, 200),
            ("train/low/b.wav", 450.0, 64),
            ("train/high/a.wav", 2500.0, 40),
            ("test/low/c.wav", 420.0, 128),
        ] {
            write_tone(&files.0.path().join(name), hertz, length);
        }
        let options = options(kind);
        let parts = opened(&files, &options).unwrap();
        let train = &parts.train;
        let front_end = train.front_end.clone().unwrap();
        assert_eq!((front_end.rate, front_end.hop), (Some(8000.0), Some(32)));
        assert_eq!(train.outputs, ["high", "low"]);
        assert_eq!(train.targets, Targets::Class(vec![0, 1, 1]));
        assert_eq!(
            train.names,
            ["train/high/a", "train/low/a", "train/low/b"].map(|n| n.replace("train/", ""))
        );
        let tables = front_end.tables().unwrap();
        let lengths: Vec<usize> = train.sequences.iter().map(|s| s.nrows()).collect();
        // One frame, filled up; 1 + (200 − 64) / 32; one frame.
        assert_eq!(lengths, [1, 5, 1]);
        for (sequence, samples) in train
            .sequences
            .iter()
            .zip([tone(2500.0, 40), tone(400.0, 200)])
        {
            let expected = tables.view().recording(&samples);
            let found: Vec<i32> = sequence.iter().map(|v| *v as i32).collect();
            assert_eq!(found, expected);
            assert!(sequence.iter().all(|v| v.fract() == 0.0));
        }
        let names: Vec<String> = (0..tables.view().features())
            .map(|j| {
                format!(
                    "{}{j}",
                    if kind == Features::Mfcc {
                        "mfcc"
                    } else {
                        "band"
                    }
                )
            })
            .collect();
        assert_eq!(train.channels, names);
        assert_eq!(parts.test.unwrap().targets, Targets::Class(vec![1]));
    }
}

/// What every width and layout of the same samples gives.
#[test]
fn samples_of_every_width_and_of_several_channels_are_the_same_sound() {
    let samples: Vec<i32> = tone(700.0, 100)
        .into_iter()
        .map(|x| i32::from(x) & !0xff)
        .collect();
    let features = |spec: WavSpec, samples: Vec<i32>, channel: Option<u16>| {
        let files = Files::new();
        for name in ["a/1.wav", "b/1.wav"] {
            let path = files.0.path().join(name);
            match spec.sample_format {
                SampleFormat::Int => write(&path, spec, samples.iter().copied()),
                SampleFormat::Float => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    let mut writer = WavWriter::create(&path, spec).unwrap();
                    let values = samples.iter().map(|x| *x as f32 / 32_768.0);
                    values.for_each(|x| writer.write_sample(x).unwrap());
                    writer.finalize().unwrap();
                }
            }
        }
        let mut options = options(Features::Mfcc);
        options.front_end.as_mut().unwrap().channel = channel;
        opened(&files, &options).unwrap().train.sequences
    };
    let expected = features(SPEC, samples.clone(), None);
    for bits_per_sample in [8, 24, 32] {
        let spec = WavSpec {
            bits_per_sample,
            ..SPEC
        };
        let wide = samples.iter().map(|x| match bits_per_sample {
            8 => x >> 8,
            wider => x << (wider - 16),
        });
        assert_eq!(
            features(spec, wide.collect(), None),
            expected,
            "{bits_per_sample} bits"
        );
    }
    let float = WavSpec {
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
        ..SPEC
    };
    assert_eq!(features(float, samples.clone(), None), expected);
    // The mean of x + 256 and x − 256, and the second of two channels.
    let stereo = WavSpec {
        channels: 2,
        ..SPEC
    };
    let mixed = samples.iter().flat_map(|x| [x + 256, x - 256]).collect();
    assert_eq!(features(stereo, mixed, None), expected);
    let second = samples.iter().flat_map(|x| [0, *x]).collect();
    assert_eq!(features(stereo, second, Some(1)), expected);
}

#[test]
fn what_cannot_be_heard_is_refused_by_its_file() {
    let files = Files::new();
    let path = |name: &str| files.0.path().join(name);
    write_tone(&path("a/1.wav"), 500.0, 100);
    write_tone(&path("b/1.wav"), 900.0, 100);
    refused(
        opened(&files, &Options::default()),
        &["front_end", "--front-end mfcc"],
    );
    let good = options(Features::Mfcc);
    let mut bad = good.clone();
    bad.front_end.as_mut().unwrap().frame = Some(100);
    refused(
        opened(&files, &bad),
        &["frame is 100", "power of two", "docs/front-end.md"],
    );
    bad.front_end = good.front_end.clone().map(|front_end| FrontEnd {
        channel: Some(1),
        ..front_end
    });
    refused(opened(&files, &bad), &["1.wav", "front_end.channel is 1"]);

    write(
        &path("b/2.wav"),
        WavSpec {
            sample_rate: 16_000,
            ..SPEC
        },
        [0; 100],
    );
    refused(
        opened(&files, &good),
        &["b/2.wav", "16000", "8000", "resample"],
    );
    write(&path("b/2.wav"), SPEC, []);
    refused(opened(&files, &good), &["b/2.wav"]);
    let whole = std::fs::read(path("b/1.wav")).unwrap();
    std::fs::write(path("b/2.wav"), &whole[..whole.len() - 30]).unwrap();
    refused(opened(&files, &good), &["b/2.wav", "not valid WAV"]);
    std::fs::write(path("b/2.wav"), b"RIFF").unwrap();
    refused(opened(&files, &good), &["b/2.wav"]);
    std::fs::remove_file(path("b/2.wav")).unwrap();

    std::fs::write(path("labels.csv"), "a,b\n1,2\n").unwrap();
    refused(opened(&files, &good), &["tables beside WAV files"]);
    let table = path("labels.csv");
    refused(
        open(table.to_str().unwrap(), &good),
        &["front end", "a long CSV"],
    );
}

/// A class may be a word that texts about a data set begin with, and no unit is guessed.
#[test]
fn sounds_are_neither_left_out_nor_guessed() {
    let files = Files::new();
    for name in ["license_0.wav", "license_1.wav", "yes_0.wav", "yes_1.wav"] {
        write_tone(&files.0.path().join(name), 400.0, 200);
    }
    let parts = opened(&files, &options(Features::Mfcc)).unwrap();
    assert_eq!(parts.train.outputs, ["license", "yes"]);

    let odd = files.0.path().join("yes_2.wav");
    let float = WavSpec {
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
        ..SPEC
    };
    for (value, said) in [
        (20_000.0f32, "32768"),
        (f32::INFINITY, "inf"),
        (f32::NAN, "NaN"),
    ] {
        let mut writer = WavWriter::create(&odd, float).unwrap();
        for _ in 0..100 {
            writer.write_sample(value).unwrap();
        }
        writer.finalize().unwrap();
        let result = opened(&files, &options(Features::Mfcc));
        refused(result, &["yes_2.wav", said]);
    }
    // 24 bits in four bytes.
    let wide = WavSpec {
        bits_per_sample: 24,
        ..SPEC
    };
    write(&odd, wide, 0..100);
    let mut bytes = std::fs::read(&odd).unwrap();
    let at = bytes.windows(4).position(|name| name == b"fmt ").unwrap() + 8;
    bytes[at + 12] = 4;
    std::fs::write(&odd, bytes).unwrap();
    let result = opened(&files, &options(Features::Mfcc));
    refused(result, &["yes_2.wav", "WAV"]);
    std::fs::write(&odd, b"RIFF").unwrap();
    let result = opened(&files, &options(Features::Mfcc));
    refused(result, &["yes_2.wav", "convert it again"]);

    refused(open("digits", &options(Features::Mfcc)), &["built-in"]);
}

/// A set with two recordings to train on and one to test by, and a folder of noise beside it.
fn words_and_noise() -> Files {
    let files = Files::new();
    write_tone(&files.0.path().join("words/train/low/a.wav"), 400.0, 300);
    write_tone(&files.0.path().join("words/train/high/a.wav"), 2500.0, 400);
    write_tone(&files.0.path().join("words/test/low/a.wav"), 420.0, 300);
    write_tone(&files.0.path().join("noise/hum.wav"), 50.0, 90);
    files
}

fn varied(files: &Files, variants: &SignalVariants) -> Result<Parts, DataError> {
    let words = files.0.path().join("words");
    let options = Options {
        signal_variants: Some(variants.clone()),
        ..options(Features::Mfcc)
    };
    open(words.to_str().unwrap(), &options)
}

#[test]
fn training_recordings_alone_have_variants_as_long_as_they_are() {
    let files = words_and_noise();
    let quiet = SignalVariants {
        count: 3,
        ..SignalVariants::default()
    };
    let noisy = SignalVariants {
        noise: Some(files.0.path().join("noise")),
        ..quiet.clone()
    };
    let plain = open(
        files.0.path().join("words").to_str().unwrap(),
        &options(Features::Mfcc),
    );
    let plain = plain.unwrap();
    for variants in [&quiet, &noisy] {
        let parts = varied(&files, variants).unwrap();
        assert_eq!(parts.train.sequences, plain.train.sequences);
        assert_eq!(parts.train.variants.len(), 2);
        for (sequence, variants) in parts.train.sequences.iter().zip(&parts.train.variants) {
            assert_eq!(variants.len(), 3);
            for (i, variant) in variants.iter().enumerate() {
                assert_eq!(variant.dim(), sequence.dim());
                assert_ne!(variant, sequence);
                assert!(variants[..i].iter().all(|other| other != variant));
            }
        }
        assert_eq!(parts.test.as_ref().unwrap().variants.len(), 0);
        // The same again, and what is split off keeps its own.
        assert_eq!(parts, varied(&files, variants).unwrap());
        let last = parts.train.select(&[1]);
        assert_eq!(last.variants[0], parts.train.variants[1]);
    }
    let [quiet, noisy] = [&quiet, &noisy].map(|v| varied(&files, v).unwrap().train.variants);
    assert_ne!(quiet, noisy);
}

#[test]
fn pieces_of_noise_are_a_class_of_their_own() {
    let files = words_and_noise();
    write_tone(&files.0.path().join("noise/hall.wav"), 70.0, 1000);
    let variants = SignalVariants {
        noise: Some(files.0.path().join("noise")),
        background: true,
        ..SignalVariants::default()
    };
    let parts = varied(&files, &variants).unwrap();
    assert_eq!(parts.train.outputs, ["background", "high", "low"]);
    assert_eq!(parts.train.targets, Targets::Class(vec![1, 2, 0]));
    // As long as the longer of two recordings.
    assert_eq!(
        parts.train.sequences[2].dim(),
        parts.train.sequences[0].dim()
    );
    assert_eq!(parts.train.variants[2].len(), variants.count);
    assert_eq!(parts.test.unwrap().targets, Targets::Class(vec![2]));
    std::fs::remove_file(files.0.path().join("noise/hall.wav")).unwrap();
    refused(varied(&files, &variants), &["400 samples", "record longer"]);
    let silent = SignalVariants {
        noise: None,
        ..variants
    };
    refused(
        varied(&files, &silent),
        &["signal_variants.background", "--noise"],
    );
}

#[test]
fn noise_that_cannot_be_mixed_in_is_refused_by_its_file() {
    let files = words_and_noise();
    let noise = |folder: &str| SignalVariants {
        noise: Some(files.0.path().join(folder)),
        ..SignalVariants::default()
    };
    refused(varied(&files, &noise("nowhere")), &["nowhere"]);
    std::fs::create_dir(files.0.path().join("empty")).unwrap();
    refused(
        varied(&files, &noise("empty")),
        &["empty", "no WAV file", "--noise"],
    );
    let other = WavSpec {
        sample_rate: 16_000,
        ..SPEC
    };
    write(&files.0.path().join("fast/hum.wav"), other, [1, 2, 3]);
    refused(
        varied(&files, &noise("fast")),
        &["hum.wav", "16000", "8000"],
    );
    let none = SignalVariants {
        count: 0,
        ..SignalVariants::default()
    };
    refused(varied(&files, &none), &["signal_variants.count", "1 to 64"]);
}

#[test]
fn variants_are_for_recordings_of_sound() {
    let options = Options {
        signal_variants: Some(SignalVariants::default()),
        ..Options::default()
    };
    refused(
        open("digits", &options),
        &["WAV", "built-in data", "--signal-variants"],
    );
    let files = Files::new();
    let table = files.0.path().join("table.csv");
    std::fs::write(&table, "series_id,x,label\n1,2,a\n2,3,b\n").unwrap();
    refused(
        open(table.to_str().unwrap(), &options),
        &["table.csv", "a long CSV", "--noise"],
    );
}
