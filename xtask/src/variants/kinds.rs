//! Kinds of recurrent layers with equally many units.

use super::{Comparison, Variant};
use crate::data_sets::{ECG5000, FSDD, JAPANESE_VOWELS, UCI_HAR};

pub(super) const COMPARISON: Comparison = Comparison {
    name: "kinds",
    data_sets: &[FSDD, JAPANESE_VOWELS, ECG5000, UCI_HAR],
    variants,
    verdict: |_| String::new(),
};

/// The configurations' own rate, half of it and twice.
const RATES: [&str; 3] = ["0.01", "0.005", "0.02"];
/// Outputs of a projection; the configurations have 32 or 64 units.
const PROJECTIONS: [&str; 2] = ["16", "24"];

fn variants() -> Vec<Variant> {
    let plain = [
        ("LSTM with peepholes", ""),
        ("LSTM", "--no-peepholes"),
        ("GRU", "--layer gru"),
        ("coupled gates, peepholes", "--layer coupled"),
    ];
    let rates = || RATES.map(|rate| format!("--learning-rate {rate}"));
    let mut all: Vec<Variant> = (plain.iter())
        .map(|(name, flags)| Variant {
            name: (*name).to_owned(),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            settings: rates().to_vec(),
        })
        .collect();
    let with_rates =
        |projection: &str| rates().map(|rate| format!("--projection {projection} {rate}"));
    all.push(Variant {
        name: "LSTM, projected".to_owned(),
        flags: vec!["--no-peepholes".to_owned()],
        settings: PROJECTIONS.iter().flat_map(|p| with_rates(p)).collect(),
    });
    all
}
