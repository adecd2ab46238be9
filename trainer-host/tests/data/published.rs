//! The published data sets in their several formats, where they lie beside the workspace or in the
//! folder that `LSTM_NOSTD_DATA` names. Without them these tests say so and check nothing.

use std::path::{Path, PathBuf};

use ndarray::s;
use trainer_host::data::{Dataset, Forecast, Options, Parts, open, split};
use trainer_host::evaluate::{Score, score};

/// The path of a file of the data, if the data is here.
fn published(file: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("LSTM_NOSTD_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let path = folder.join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "skipped: {} is not here; set LSTM_NOSTD_DATA to its folder",
        path.display()
    );
    None
}

fn read(file: &str, test: Option<&str>) -> Option<Parts> {
    let options = Options {
        test: match test {
            Some(test) => Some(published(test)?),
            None => None,
        },
        ..Options::default()
    };
    let path = published(file)?;
    Some(open(path.to_str()?, &options).unwrap_or_else(|error| panic!("{error}")))
}

/// Text files are printed with 4 decimals, or with 7 significant digits.
const DECIMALS: f32 = 0.5e-4;
const SIGNIFICANT: f32 = 1e-6;

fn assert_alike(text: &Dataset, npz: &Dataset) {
    assert_eq!(text.targets, npz.targets);
    assert_eq!(text.len(), npz.len());
    for (a, b) in text.sequences.iter().zip(&npz.sequences) {
        assert_eq!(a.dim(), b.dim());
        for (a, b) in a.iter().zip(b) {
            assert!(
                (a - b).abs() <= DECIMALS + SIGNIFICANT * b.abs(),
                "{a} is not {b}"
            );
        }
    }
}

fn same_in_both(train: &str, test: &str, npz: &str, counts: (usize, usize)) {
    let (Some(text), Some(npz)) = (read(train, Some(test)), read(npz, None)) else {
        return;
    };
    assert_alike(&text.train, &npz.train);
    let (text, test) = (text.test.unwrap(), npz.test.unwrap());
    assert_alike(&text, &test);
    assert_eq!((npz.train.len(), test.len()), counts);
}

#[test]
fn spoken_digits_are_the_same_as_long_csv_and_npz() {
    same_in_both(
        "fsdd/fsdd_mfcc13_train.csv",
        "fsdd/fsdd_mfcc13_test.csv",
        "fsdd/fsdd_mfcc13.npz",
        (2700, 150),
    );
}

#[test]
fn vowels_are_the_same_as_ts_and_npz() {
    same_in_both(
        "japanese_vowels/JapaneseVowels_TRAIN.ts",
        "japanese_vowels/JapaneseVowels_TEST_half.ts",
        "japanese_vowels/japanese_vowels.npz",
        (270, 185),
    );
}

#[test]
fn heartbeats_are_the_same_as_tsv_and_npz() {
    same_in_both(
        "ecg5000/ECG5000_TRAIN.tsv",
        "ecg5000/ECG5000_TEST_half.tsv",
        "ecg5000/ecg5000.npz",
        (500, 2250),
    );
}

#[test]
fn activities_are_split_by_person() {
    let Some(parts) = read("uci_har/uci_har_subset.npz", None) else {
        return;
    };
    let summary = parts.train.summary();
    let counts: Vec<usize> = summary.outputs.iter().map(|o| o.count).collect();
    assert_eq!(counts, [400, 350, 322, 420, 449, 459]);
    assert_eq!(summary.groups, Some(21));
    let split = split(&parts.train, 0.2, 0).unwrap();
    assert!(split.by_group);
    let persons = |part: &[usize]| parts.train.select(part).summary();
    let (train, validation) = (persons(&split.train), persons(&split.validation));
    assert_eq!(train.groups.unwrap() + validation.groups.unwrap(), 21);
    for (class, count) in validation.outputs.iter().zip(counts) {
        let share = class.count as f64 / count as f64;
        assert!(
            (0.14..0.26).contains(&share),
            "class {} has {share}",
            class.name
        );
    }
}

#[test]
fn transformer_temperatures_are_cut_into_the_usual_parts() {
    let Some(path) = published("etth1/ETTh1_first_14400.csv") else {
        return;
    };
    let mut options = Options {
        forecast: Some(Forecast {
            validation_rows: Some(2880),
            test_rows: Some(2880),
            ..Forecast::new(24)
        }),
        ..Options::default()
    };
    options.columns.time = "date".into();
    let parts = open(path.to_str().unwrap(), &options).unwrap();
    let (validation, test) = (parts.validation.unwrap(), parts.test.unwrap());
    assert_eq!(
        (parts.train.len(), validation.len(), test.len()),
        (8616, 2880, 2880)
    );
    // Persistence, one step ahead over all seven channels, on the scale of the training rows.
    let nothing: Vec<_> = (test.sequences.iter())
        .map(|window| window.slice(s![-1.., ..]).to_owned())
        .collect();
    let Score::Values(score) = score(&test, &nothing) else {
        panic!("a forecast has values");
    };
    let mse = score.beside.standardised.unwrap().mse;
    assert!((mse - 0.175).abs() < 0.0005, "{mse}");
    let beside = &score.beside;
    assert_eq!(beside.standardised, beside.standardised_persistence);
}

#[test]
fn forecasting_data_is_told_what_it_lacks() {
    let Some(path) = published("etth1/ETTh1_first_14400.csv") else {
        return;
    };
    let error = open(path.to_str().unwrap(), &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no column \"series_id\" among [date, HUFL"),
        "{error}"
    );
}
