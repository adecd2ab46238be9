//! The files of a run's folder: an error, or a run.
//!
//! The first byte of an input chooses a file of a good run, and the rest takes its place. Then all readers of that file
//! read; the others would see what they always see.

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

/// A file of a run's folder, and what reads it: an error, or that it was taken.
type Readable = (&'static str, fn(&GoodRun) -> Result<(), String>);

const FILES: [Readable; 6] = [
    ("config.toml", opened),
    ("model.toml", opened),
    (WEIGHTS, opened),
    (CHECKPOINT, resumed),
    (QUANTISED, |good| quantised(good, &good.run)),
    (LOG, |good| said(read_log(&good.path)).map(drop)),
];

/// A good run, and the content of its files.
struct GoodRun {
    _folder: tempfile::TempDir,
    path: PathBuf,
    run: Run,
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
        let read = |(name, _)| fs::read(path.join(name)).expect("a file of a run");
        let files = FILES.map(read).into();
        Self {
            _folder: folder,
            run: Run::open(&path).expect("a good run"),
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
    let (name, read) = FILES[which];
    GOOD.with(|good| {
        let path = good.path.join(name);
        fs::write(&path, content).expect("room in the temporary folder");
        let read = read(good);
        fs::write(&path, &good.files[which]).expect("room in the temporary folder");
        read.is_ok()
    })
}

/// An error in words, which are few.
fn said<T, E: std::fmt::Display>(read: Result<T, E>) -> Result<T, String> {
    read.map_err(|error| {
        let error = error.to_string();
        assert!(error.len() < 4096, "{} bytes: {error:.200}", error.len());
        error
    })
}

/// Opens the run to use it, and to train it further.
fn opened(good: &GoodRun) -> Result<(), String> {
    let run = said(Run::open(&good.path));
    let resumed = resumed(good);
    quantised(good, &run?)?;
    resumed
}

fn resumed(good: &GoodRun) -> Result<(), String> {
    said(TrainingRun::resume(&good.path)).map(drop)
}

/// Reads the integers of `run`, and writes them again.
fn quantised(good: &GoodRun, run: &Run) -> Result<(), String> {
    let file = said(quantised_file::read(
        &good.path.join(QUANTISED),
        &run.network,
    ))?;
    said(file.to_bytes())?;
    match said(integers::read(run, &Wanted::default()))? {
        Some(_) => Ok(()),
        None => Err("there are no integers".into()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    GOOD.with(|good| {
        let files = good.files.iter().enumerate();
        files
            .map(|(n, content)| [&[n as u8][..], content].concat())
            .collect()
    })
}
