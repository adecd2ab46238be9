//! The files of a run's folder: an error, or a run.
//!
//! The first byte of an input chooses a file of a good run, and the rest takes its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use trainer_host::data::Options;
use trainer_host::run::choose::{Request, choose};
use trainer_host::run::integers;
use trainer_host::run::quantisations::Wanted;
use trainer_host::run::{
    CHECKPOINT, LOG, QUANTISED, Run, RunConfig, WEIGHTS, quantised_file, read_log,
};
use trainer_host::train::TrainConfig;
use trainer_host::training_run::TrainingRun;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "run_folder",
    run: |data| {
        accepts(data);
    },
    seeds,
};

/// The files that are read.
const FILES: [&str; 6] = [
    "config.toml",
    "model.toml",
    WEIGHTS,
    CHECKPOINT,
    QUANTISED,
    LOG,
];

/// A good run, and the content of its files.
struct GoodRun {
    _folder: tempfile::TempDir,
    path: PathBuf,
    files: Vec<Vec<u8>>,
}

thread_local! {
    static GOOD: GoodRun = GoodRun::new();
}

impl GoodRun {
    /// Two units, two epochs, six sequences.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data.csv");
        let row = |row: usize| {
            format!(
                "{},{row},{},{}\n",
                row / 3,
                ["a", "b"][row / 3 % 2],
                row % 5
            )
        };
        let text = format!(
            "series_id,t,label,x\n{}",
            (0..18).map(row).collect::<String>()
        );
        fs::write(&data, text).expect("room in the temporary folder");
        let config = RunConfig {
            source: data.display().to_string(),
            data: Options::default(),
            train: TrainConfig {
                hidden: vec![2],
                epochs: 2,
                validation_share: 0.0,
                ..TrainConfig::default()
            },
        };
        let path = folder.path().join("run");
        let run = TrainingRun::begin(config, &path, false).expect("a run of good data");
        run.train(&mut (), &AtomicBool::new(false))
            .expect("a run that ends");
        quantise(&path);
        let read = |name| fs::read(path.join(name)).expect("a file of a run");
        let files = FILES.map(read).into();
        Self {
            _folder: folder,
            path,
            files,
        }
    }
}

/// Writes the run's integers.
fn quantise(path: &Path) {
    let run = Run::open(path).expect("a good run");
    let data = run.open_data().expect("its data");
    let schemes = vec![Default::default(); run.network.config.layer_count()];
    let request = Request {
        schemes,
        clipping: None,
        rounding: None,
        equal_shifts: false,
    };
    let chosen = choose(run.network_and_fit(), &data.train, None, &request).expect("its integers");
    quantised_file::write(&path.join(QUANTISED), &chosen.file, &run.network)
        .expect("room for them");
}

/// Whether the run is still read with this file in place of its own.
pub(crate) fn accepts(data: &[u8]) -> bool {
    let Some((which, content)) = data.split_first() else {
        return false;
    };
    let which = usize::from(*which) % FILES.len();
    GOOD.with(|good| {
        let path = good.path.join(FILES[which]);
        fs::write(&path, content).expect("room in the temporary folder");
        let is_read = reads(&good.path);
        fs::write(&path, &good.files[which]).expect("room in the temporary folder");
        is_read
    })
}

/// Reads all that is there.
fn reads(path: &Path) -> bool {
    let run = Run::open(path);
    let integers = run.as_ref().ok().map(|run| {
        quantised_file::read(&path.join(QUANTISED), &run.network)
            .is_ok_and(|file| file.to_bytes().is_ok())
            && integers::read(run, &Wanted::default()).is_ok_and(|found| found.is_some())
    });
    let log = read_log(path);
    let resumed = TrainingRun::resume(path);
    for error in [
        run.as_ref().err().map(ToString::to_string),
        log.as_ref().err().map(ToString::to_string),
        resumed.as_ref().err().map(ToString::to_string),
    ]
    .into_iter()
    .flatten()
    {
        assert!(error.len() < 4096, "{} bytes: {error:.200}", error.len());
    }
    run.is_ok() && integers == Some(true) && log.is_ok() && resumed.is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    GOOD.with(|good| {
        let files = good.files.iter().enumerate();
        files
            .map(|(n, content)| [&[n as u8][..], content].concat())
            .collect()
    })
}
