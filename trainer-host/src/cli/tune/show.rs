//! `trainer-host tune show`: what a study has found.

use std::path::PathBuf;

use serde::Serialize;

use super::place::PlaceArgs;
use crate::atomic_file;
use crate::cli::Printer;
use crate::cli::table::{percent, table, table_with_text};

use crate::search::importance::importance;
use crate::search::in_one_line;
use crate::tune::best::front;
use crate::tune::report::study_page;
use crate::tune::study::{Definition, State, StoredTrial, Study, lowest, observations};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Draw the study into this file: front, parallel coordinates, importance, learning curves.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// List every trial, not only the front.
    #[arg(long)]
    all: bool,
}

/// What there is to say of a study.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    study: String,
    definition: Definition,
    /// How many are running, finished, stopped, failed.
    counts: Vec<(State, usize)>,
    /// Multiply-accumulates of all training.
    macs: f64,
    /// Numbers of the trials that none beats, by error.
    front: Vec<usize>,
    /// Share of each setting, the most important first.
    importance: Vec<(String, f64)>,
    trials: Vec<StoredTrial>,
    #[serde(skip)]
    lists_all: bool,
}

impl Overview {
    pub(super) fn new(study: &Study, trials: &[StoredTrial]) -> Self {
        let search = &study.definition.search;
        let states = [
            State::Finished,
            State::Stopped,
            State::Failed,
            State::Running,
        ];
        let count = |state| trials.iter().filter(|trial| trial.state == state).count();
        Self {
            study: study.name().to_owned(),
            definition: study.definition.clone(),
            counts: states.map(|state| (state, count(state))).to_vec(),
            macs: trials.iter().map(|trial| trial.macs).sum(),
            front: front(trials, search)
                .iter()
                .map(|trial| trial.number)
                .collect(),
            importance: importance(&search.space, &observations(trials, search)),
            trials: trials.to_vec(),
            lists_all: false,
        }
    }

    pub(super) fn ended(&self) -> usize {
        let ended = self
            .trials
            .iter()
            .filter(|trial| trial.state != State::Running);
        ended.count()
    }

    pub(super) fn text(&self) -> String {
        let counts: Vec<String> = (self.counts.iter())
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {}", state.name()))
            .collect();
        let mut text = format!(
            "study {}: {} of {} trials ({}), {:.2e} multiply-accumulates of training\n",
            self.study,
            self.trials.len(),
            self.definition.search.trials,
            counts.join(", "),
            self.macs
        );
        let front = || {
            self.front
                .iter()
                .filter_map(|&number| self.trials.get(number))
        };
        let listed: Vec<&StoredTrial> = if self.lists_all {
            self.trials.iter().collect()
        } else {
            front().collect()
        };
        if listed.is_empty() {
            return text + "no trial is finished yet\n";
        }
        text += &format!("\n{}", trial_table(&listed, self.lists_all));
        if !self.importance.is_empty() {
            let rows: Vec<Vec<String>> = (self.importance.iter())
                .map(|(name, share)| vec![name.clone(), percent(*share)])
                .collect();
            text += &format!("\n{}", table(&["setting", "importance"], &rows));
        }
        text
    }
}

fn trial_table(trials: &[&StoredTrial], with_state: bool) -> String {
    let rows: Vec<Vec<String>> = (trials.iter())
        .map(|trial| {
            let result = trial.result.as_ref();
            let share = |share: Option<f64>| share.map_or("-".into(), percent);
            let mut row = vec![trial.number.to_string()];
            if with_state {
                row.push(trial.state.name().into());
            }
            row.extend([
                result.map_or("-".into(), |result| format!("{:.5}", result.error)),
                share(result.and_then(|result| result.accuracy)),
                share(result.and_then(|result| result.float_accuracy)),
                trial.footprint.instructions.to_string(),
                trial.footprint.flash_bytes.to_string(),
                trial.footprint.ram_bytes.to_string(),
                in_one_line(&trial.point),
            ]);
            row
        })
        .collect();
    let mut header = vec!["trial"];
    if with_state {
        header.push("state");
    }
    header.extend([
        "error",
        "integers",
        "f32",
        "instructions",
        "flash",
        "RAM",
        "settings",
    ]);
    table_with_text(&header, &rows)
}

/// A trial that has ended, in one line.
pub(super) fn trial_line(trial: &StoredTrial) -> String {
    let lowest = lowest(&trial.values);
    let outcome = match (&trial.result, &trial.problem) {
        (Some(result), _) => match result.accuracy {
            Some(accuracy) => format!("accuracy {}", percent(accuracy)),
            None => format!("error {:.5}", result.error),
        },
        (None, Some(problem)) => problem.clone(),
        (None, None) => format!("error {lowest:.4} after {} epochs", trial.values.len()),
    };
    format!(
        "trial {:>4} {:<8} {outcome}, {} instructions, {} B flash, {} B RAM; {}",
        trial.number,
        trial.state.name(),
        trial.footprint.instructions,
        trial.footprint.flash_bytes,
        trial.footprint.ram_bytes,
        in_one_line(&trial.point)
    )
}

pub(super) fn run(args: &Args, printer: Printer) -> anyhow::Result<()> {
    let mut study = args.place.open()?;
    let trials = study.trials()?;
    if let Some(html) = &args.html {
        let page = study_page(study.name(), &study.definition, &trials);
        atomic_file::write(html, page.as_bytes())?;
    }
    let mut overview = Overview::new(&study, &trials);
    overview.lists_all = args.all;
    printer.print(&overview, Overview::text)
}
