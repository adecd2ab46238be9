//! `trainer-host tune trial`: runs one trial for another search program, with JSON in and JSON out.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use serde::Serialize;

use super::limits::LimitArgs;
use crate::cli::data_args::print_notes;
use crate::cli::progress::Progress;
use crate::cli::settings::{Settings, with_data, with_known_split};
use crate::cli::{Printer, interrupt};
use crate::cost::Footprint;
use crate::data::Fold;
use crate::files::disk;
use crate::files::versioned::Versioned;
use crate::run;
use crate::search::{Point, SearchConfig, Stopping};
use crate::tune::trial::TrialResult;
use crate::tune::trial_config::TrialConfig;
use crate::tune::trial_data::TrialData;
use crate::tune::trial_training::{Follower, Part, Trained, TrialTraining};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder to write; a run with the same settings there is continued.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace runs in the folder that have other settings or folds.
    #[arg(long)]
    overwrite: bool,
    /// Settings as JSON, for example '{"hidden": 24, "train.learning_rate": 0.01}' [default: standard input].
    #[arg(long, value_name = "JSON")]
    point: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Number of folds that judge the trial [default: 1, the validation part alone].
    #[arg(long, value_name = "COUNT")]
    folds: Option<usize>,
    #[command(flatten)]
    settings: Settings,
}

impl Follower for Progress {
    fn fold(&mut self, fold: Fold) {
        self.label(format!("fold {fold}  "));
    }
}

#[derive(Debug, Serialize)]
struct Tried {
    point: Point,
    run: PathBuf,
    footprint: Footprint,
    #[serde(flatten)]
    result: TrialResult,
}

impl Tried {
    /// Whoever runs this reads JSON.
    fn json(&self) -> String {
        let json = Versioned::of(self).to_json();
        json.unwrap_or_else(|error| error.to_string())
    }
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let text = match args.point {
        Some(text) => text,
        None => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read")?;
            text
        }
    };
    let point: Point = serde_json::from_str(&text).context(
        "the settings are not a JSON object of names and values, for example {\"hidden\": 24}",
    )?;
    let settings = args.settings.effective()?;
    let mut search = settings.tune.clone().unwrap_or_default();
    search.folds = args.folds.or(search.folds);
    search.validate()?;
    let folds = search.folds();
    let base = with_known_split(with_data(settings)?)?.with_initial_structure()?;
    let trial_config = TrialConfig::new(&base, &point)?;
    let data = TrialData::open(&trial_config.run)?;
    print_notes(&data.all().notes());
    let limits = args.limits.limits();
    limits.validate().map_err(|problem| anyhow!(problem))?;
    let footprint = data.footprint(&trial_config, &limits)?;
    limits.check(&footprint)?;
    let stop = interrupt::flag()?;
    data.check_folds(folds, &SearchConfig::default())?;
    let training = TrialTraining::new(trial_config, &data, folds)?;
    let others = training.others_runs(&args.out);
    if let Some(other) = others.first().filter(|_| !args.overwrite) {
        bail!(
            "{}: holds a run with other settings or folds; replace it with --overwrite, or choose another folder with --out",
            other.display()
        );
    }
    for other in &others {
        run::remove(other)?;
        // A fold's folder is useless without its run, but one with other files stays.
        let _ = disk::remove_dir(other);
    }
    let mut progress = Progress::new("", training.epochs(), 0);
    let part = Part::whole(Stopping::None);
    let trained = training.run(&args.out, part, &mut progress, &stop)?;
    drop(progress);
    let Some(Trained::AllFolds(result)) = trained else {
        let stopped = "stopped before the last epoch; the same command continues";
        bail!(interrupt::Stopped(stopped.into()));
    };
    let tried = Tried {
        point,
        run: args.out,
        footprint,
        result,
    };
    printer.print(&tried, Tried::json)
}
