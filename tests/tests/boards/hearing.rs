//! Every core makes the same features of the same samples as the host, and the same outputs of them.

use std::path::{Path, PathBuf};

use lstm_nostd::Model;
use lstm_nostd::artifact::{AlignedBytes, RandomModel};
use lstm_nostd::front_end::{Kind, Settings, StatisticsSettings, Tables, Window, test_samples};
use lstm_tests::boards::{board, device};
use lstm_tests::models::behind;
use lstm_tests::on_every_board;
use lstm_tests::reference::Reference;
use trainer_host::device::{Device, DeviceError};
use xtask::boards::Board;

on_every_board! {
    features_and_outputs_are_those_of_the_host
}

/// Words from samples: features and outputs of each frame.
type Frames = Vec<(Vec<i32>, Vec<i32>)>;

/// A small network behind a front end. Its channels take features over their whole range.
fn model(settings: &Settings) -> AlignedBytes {
    model_behind(Tables::new(settings).unwrap())
}

fn model_behind(tables: Tables) -> AlignedBytes {
    let shape = RandomModel {
        hidden: vec![6],
        outputs: 2,
        seed: 3,
        ..RandomModel::default()
    };
    behind(tables, shape).to_bytes().unwrap()
}

fn of_host(file: &[u8], samples: &[i16]) -> Frames {
    let model = Model::parse(file).unwrap();
    let front_end = model.front_end().unwrap();
    let mut reference = Reference::new(file);
    let all = front_end.recording(samples);
    let frames = all.chunks_exact(front_end.features());
    frames
        .map(|features| (features.to_vec(), reference.run(features)))
        .collect()
}

fn of_device(device: &mut Device, file: &[u8], samples: &[i16]) -> Frames {
    let model = Model::parse(file).unwrap();
    let hop = model.front_end().unwrap().hop_samples();
    device.hear(samples, hop, true).unwrap().frames
}

fn features_and_outputs_are_those_of_the_host(board: &'static Board) {
    let mut device = device(board);
    let whole = Settings::new(Kind::Mfcc, 8000);
    // The micro:bit's RAM holds frames of 128 samples beside a model that it receives.
    let digits = match board.name {
        "microbit" => {
            device.load(&model(&whole)).unwrap();
            let refused = device.hear(&[0; 20], whole.hop, true).unwrap_err();
            assert!(
                refused.to_string().contains("samples in a frame"),
                "{refused}"
            );
            Settings {
                frame: 128,
                hop: 64,
                ..whole
            }
        }
        _ => whole,
    };
    let odd = Settings {
        frame: 128,
        hop: 50,
        bands: 7,
        coefficients: 7,
        window: Window::Hamming,
        ..Settings::new(Kind::Spectrum, 4000)
    };
    let samples: Vec<i16> = (test_samples().zip(0u32..))
        // Noise at full scale, fainter and fainter, and the ends of the range.
        .map(|(x, n)| match n % 700 {
            0..5 => i16::MIN,
            5..10 => i16::MAX,
            n => x >> (n / 50),
        })
        .take(900)
        .collect();
    // Three channels of which every statistic is taken, and two magnitudes.
    let motion = StatisticsSettings {
        frame: 13,
        hop: 7,
        magnitudes: vec![vec![0, 1, 2], vec![2, 0]],
        ..StatisticsSettings::new(3)
    };
    let motion = Tables::of_statistics(&motion).unwrap();
    for file in [model(&digits), model(&odd), model_behind(motion)] {
        device.load(&file).unwrap();
        assert!(device.self_test().unwrap().passed);
        let expected = of_host(&file, &samples);
        assert!(expected.len() >= 6);
        assert_eq!(of_device(&mut device, &file, &samples), expected);
    }
    // A model that takes features takes no samples.
    let mut plain = lstm_nostd::artifact::ModelFile::from(&Model::parse(&model(&odd)).unwrap());
    plain.front_end = None;
    device.load(&plain.to_bytes().unwrap()).unwrap();
    let refused = device.hear(&samples, 50, true).unwrap_err();
    assert!(matches!(refused, DeviceError::Refused { .. }), "{refused}");
    assert!(
        refused.to_string().contains("takes no samples"),
        "{refused}"
    );
}

/// The test part of the spoken digits; none if it is not here.
fn recordings() -> Vec<Vec<i16>> {
    let folder = match std::env::var_os("LSTM_NOSTD_DATA") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for digit in 0..10 {
        let Ok(files) = std::fs::read_dir(folder.join(format!("fsdd/wav/test/{digit}"))) else {
            eprintln!("skipped: the recordings are not here; set LSTM_NOSTD_DATA to their folder");
            return Vec::new();
        };
        paths.extend(files.map(|file| file.unwrap().path()));
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let data = bytes.windows(4).position(|tag| tag == b"data").unwrap() + 8;
            let samples = bytes[data..].as_chunks::<2>().0;
            samples.iter().map(|b| i16::from_le_bytes(*b)).collect()
        })
        .collect()
}

#[test]
#[ignore = "long: recordings of spoken digits on three boards"]
fn spoken_digits_are_heard_as_on_the_host() {
    let recordings = recordings();
    let file = model(&Settings::new(Kind::Mfcc, 8000));
    for (name, every) in [("mps2-an386", 1), ("mps2-an385", 7), ("mps3-an547", 7)] {
        let mut device = device(board(name));
        device.load(&file).unwrap();
        for samples in recordings.iter().step_by(every) {
            let expected = of_host(&file, samples);
            // A recording that is shorter than a frame is filled up with zeros.
            let padding = 256usize.saturating_sub(samples.len());
            let padded = [&samples[..], &vec![0; padding]].concat();
            assert_eq!(of_device(&mut device, &file, &padded), expected, "{name}");
        }
    }
}
