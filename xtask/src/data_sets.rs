//! The published data sets that have a configuration, and the choice among them.

use std::path::Path;

use anyhow::{Result, bail, ensure};

/// A data set that has a configuration.
#[derive(Clone, Copy)]
pub struct DataSet {
    /// Name of the configuration and of the folder for runs.
    pub name: &'static str,
    /// Path of the data within the folder of data sets.
    pub file: &'static str,
}

/// Spoken digits.
pub const FSDD: DataSet = DataSet {
    name: "fsdd",
    file: "fsdd/fsdd_mfcc13.npz",
};
/// Speakers of two vowels.
pub const JAPANESE_VOWELS: DataSet = DataSet {
    name: "japanese_vowels",
    file: "japanese_vowels/japanese_vowels.npz",
};
/// Heartbeats.
pub const ECG5000: DataSet = DataSet {
    name: "ecg5000",
    file: "ecg5000/ecg5000.npz",
};
/// Activities of persons.
pub const UCI_HAR: DataSet = DataSet {
    name: "uci_har",
    file: "uci_har/uci_har_subset.npz",
};
/// Temperatures of a transformer, to forecast.
pub const ETTH1: DataSet = DataSet {
    name: "etth1",
    file: "etth1/ETTh1_first_14400.csv",
};

/// The data sets of `known` that `only` names, or all if `only` is empty. Their files must lie in `folder`.
///
/// # Errors
/// When a name is unknown or a file is missing.
pub fn wanted(known: &[DataSet], only: &[String], folder: &Path) -> Result<Vec<DataSet>> {
    let names: Vec<&str> = known.iter().map(|set| set.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(
            "{unknown}: no such experiment; there are {}",
            names.join(", ")
        );
    }
    let is_wanted = |set: &&DataSet| only.is_empty() || only.iter().any(|name| name == set.name);
    let wanted: Vec<DataSet> = known.iter().filter(is_wanted).copied().collect();
    for set in &wanted {
        let path = folder.join(set.file);
        ensure!(
            path.is_file(),
            "{}: there is no such file; docs/training.md says where the data sets come from",
            path.display()
        );
    }
    Ok(wanted)
}
