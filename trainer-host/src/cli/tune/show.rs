//! `trainer-host tune show`: the results of a study.

use std::path::PathBuf;

use serde::Serialize;

use super::place::PlaceArgs;
use crate::cli::Printer;
use crate::cli::table::{percent, table, table_with_text};
use crate::data;
use crate::files::atomic;
use crate::search::importance::importance;
use crate::search::in_one_line;
use crate::tune::best::{best, front};
use crate::tune::cost_columns::CostColumns;
use crate::tune::finalists::{Finalist, Repeats, fate_of_beginning, judged};
use crate::tune::plan::counted;
use crate::tune::report::study_page;
use crate::tune::stored_trial::{
    State, StoredTraining, StoredTrial, TrainingId, lowest, macs, observations,
};
use crate::tune::study::{Definition, Study};

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

/// The results of a study.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    study: String,
    definition: Definition,
    /// How many are running, finished, stopped, failed.
    counts: Vec<(State, usize)>,
    /// Multiply-accumulates of all trials' own training.
    macs: f64,
    /// Those of the repeats.
    repeat_macs: f64,
    /// Progress of the finalists' repeats, once the search is over.
    repeats: Option<Repeats>,
    /// The trials that were trained again, by their mean error.
    finalists: Vec<Finalist>,
    /// The one that `tune best` takes.
    best: Option<usize>,
    /// Numbers of the trials on the front, sorted by error.
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
        let count = |state| {
            trials
                .iter()
                .filter(|trial| trial.own.state == state)
                .count()
        };
        Self {
            study: study.name().to_owned(),
            definition: study.definition.clone(),
            counts: states.map(|state| (state, count(state))).to_vec(),
            macs: macs(trials.iter().map(|trial| &trial.own)),
            repeat_macs: macs(trials.iter().flat_map(|trial| &trial.repeats)),
            repeats: Repeats::of(trials, search),
            finalists: judged(trials, search),
            best: best(trials, search, &search.chip).map(|trial| trial.number),
            front: front(trials, search)
                .iter()
                .map(|trial| trial.number)
                .collect(),
            importance: importance(&search.space, &observations(trials, search)),
            trials: trials.to_vec(),
            lists_all: false,
        }
    }

    /// How many trials and how many repeats have ended.
    pub(super) fn ended(&self) -> String {
        let is_over = |training: &&StoredTraining| training.state != State::Running;
        let ended = self.trials.iter().filter(|trial| !trial.is_running());
        let trials: Vec<StoredTrial> = ended.cloned().collect();
        let repeats = self.trials.iter().flat_map(|trial| &trial.repeats);
        format!(
            "{} and {} repeats",
            counted(&trials, &self.definition.search),
            repeats.filter(is_over).count()
        )
    }

    /// The study's progress, and the compute it has used.
    fn first_line(&self) -> String {
        let counts: Vec<String> = (self.counts.iter())
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {}", state.name()))
            .collect();
        let repeats = self.repeats.map_or(String::new(), |repeats| {
            format!(", {} of {} repeats", repeats.ended, repeats.all)
        });
        let search = &self.definition.search;
        let folds = match search.folds() {
            1 => String::new(),
            folds => format!(", of {folds} folds"),
        };
        let mut line = format!(
            "study {}: {}{folds} ({}){repeats}, {:.2e} multiply-accumulates of training",
            self.study,
            counted(&self.trials, search),
            counts.join(", "),
            self.macs,
        );
        if self.trials.iter().any(|trial| !trial.repeats.is_empty()) {
            line += &format!(", {:.2e} of repeats", self.repeat_macs);
        }
        line + "\n"
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.first_line();
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
        if !self.finalists.is_empty() {
            text += &format!(
                "\neach judged by {}, mean ± deviation\n{}",
                self.definition.search.judged_by(),
                finalist_table(&self.finalists)
            );
            if let Some(line) = fate_of_beginning(&self.trials, &self.definition.search) {
                text += &format!("{line}\n");
            }
        }
        if !self.importance.is_empty() {
            let rows: Vec<Vec<String>> = (self.importance.iter())
                .map(|(name, share)| vec![name.clone(), percent(*share)])
                .collect();
            text += &format!("\n{}", table(&["setting", "importance"], &rows));
        }
        text
    }
}

fn finalist_table(finalists: &[Finalist]) -> String {
    let costs = CostColumns::of(finalists.iter().map(|finalist| &finalist.footprint));
    let row = |finalist: &Finalist| {
        let mut row = vec![
            finalist.trial.to_string(),
            finalist.judgement.error_text(),
            finalist.judgement.accuracy_text(),
        ];
        row.extend(costs.cells(&finalist.footprint));
        row.push(finalist.settings());
        row
    };
    let rows: Vec<Vec<String>> = finalists.iter().map(row).collect();
    let mut header = vec!["trial", "error", "integers"];
    header.extend(costs.header());
    header.push("settings");
    table_with_text(&header, &rows)
}

fn trial_table(trials: &[&StoredTrial], with_state: bool) -> String {
    let costs = CostColumns::of(trials.iter().map(|trial| &trial.footprint));
    let rows: Vec<Vec<String>> = (trials.iter())
        .map(|trial| {
            let result = trial.own.result.as_ref();
            let share = |share: Option<f64>| share.map_or("-".into(), percent);
            let mut row = vec![trial.number.to_string()];
            if with_state {
                row.push(trial.state_text());
            }
            let figures = trial.figures();
            row.extend([
                figures.map_or("-".into(), |(error, _)| format!("{error:.5}")),
                share(figures.and_then(|(_, accuracy)| accuracy)),
                share(result.and_then(|result| result.float_accuracy)),
            ]);
            row.extend(costs.cells(&trial.footprint));
            row.push(in_one_line(&trial.point));
            row
        })
        .collect();
    let mut header = vec!["trial"];
    if with_state {
        header.push("state");
    }
    header.extend(["error", "integers", "f32"]);
    header.extend(costs.header());
    header.push("settings");
    table_with_text(&header, &rows)
}

/// A training that has ended, in one line; empty if the trial has no such.
pub(super) fn training_line(trial: &StoredTrial, id: TrainingId) -> String {
    let Some((_, training)) = trial.trainings().find(|(other, _)| *other == id) else {
        return String::new();
    };
    let figure = |error: f64, accuracy: Option<f64>| match accuracy {
        Some(accuracy) => format!("accuracy {}", percent(accuracy)),
        None => format!("error {error:.5}"),
    };
    let outcome = match (&training.result, &training.first_fold, &training.problem) {
        (Some(result), ..) => figure(result.error, result.accuracy),
        (_, Some(fold), _) => format!("first fold, {}", figure(fold.error, fold.accuracy)),
        (.., Some(problem)) => problem.clone(),
        (None, None, None) => format!(
            "error {:.4} after {}",
            lowest(&trial.values),
            data::counted(trial.values.len(), "epoch")
        ),
    };
    let repeat = match id.repeat {
        0 => String::new(),
        repeat => format!("repeat {repeat} "),
    };
    let continued = trial.plan.continues.filter(|_| id.repeat == 0);
    let after = continued.map_or(String::new(), |stopped| format!(", after trial {stopped}"));
    format!(
        "trial {:>4} {repeat}{:<8} {outcome}{after}, {} instructions, {} B flash, {} B RAM; {}",
        trial.number,
        training.state.name(),
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
        let page = study_page(study.name(), &study.definition, &trials, false);
        atomic::write(html, page.as_bytes())?;
    }
    let mut overview = Overview::new(&study, &trials);
    overview.lists_all = args.all;
    printer.print(&overview, Overview::text)
}
