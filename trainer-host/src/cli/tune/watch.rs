//! The progress of a study: a line for each worker on a terminal, and a line for each trial that has ended.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::show::training_line;
use crate::cli::interrupt;
use crate::cost::Limits;
use crate::files::atomic;
use crate::search::{Point, in_one_line};
use crate::tune::best::best;
use crate::tune::plan::{counted, whole_trials};
use crate::tune::report::study_page;
use crate::tune::stored_trial::{Attempt, StoredTrial, TrainingId};
use crate::tune::study::{Definition, Study};
use crate::tune::worker::{Event, Workplace};

/// The page's name, in the folder of the trials' runs.
const PAGE: &str = "study.html";
/// Between two pages of a study that goes on.
const PAGE_EVERY: Duration = Duration::from_secs(4);

pub(super) struct Watch {
    name: String,
    definition: Definition,
    /// The page, and when it is written again.
    page: PathBuf,
    page_at: Instant,
    ended: Vec<StoredTrial>,
    workers: Vec<Option<Running>>,
    screen: Option<Screen>,
}

struct Running {
    training: TrainingId,
    point: Point,
    epochs: usize,
}

/// A terminal's lower lines.
struct Screen {
    all: MultiProgress,
    best: ProgressBar,
    workers: Vec<ProgressBar>,
}

impl Screen {
    fn new(workers: usize, trials: usize, ended: usize) -> Self {
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let best = all.add(ProgressBar::new(trials as u64));
        best.set_style(style(
            "{elapsed_precise} [{bar:16}] {pos}/{len} trials{wide_msg}",
        ));
        best.set_position(ended as u64);
        let worker = |_| {
            let bar = all.add(ProgressBar::new(1));
            bar.set_style(style("         [{bar:16}] {wide_msg}"));
            bar.set_message("waits");
            bar
        };
        let workers = (0..workers).map(worker).collect();
        let lines = all.clone();
        // If the terminal is gone, nobody reads this.
        let show = move |hint| drop(lines.println(hint));
        interrupt::hint_by(Some(Box::new(show)));
        Self { all, best, workers }
    }
}

impl Watch {
    pub(super) fn new(study: &Study, trials: &[StoredTrial], place: &Workplace) -> Self {
        let (definition, workers) = (&study.definition, place.workers);
        let ended: Vec<StoredTrial> = (trials.iter())
            .filter(|trial| !trial.is_running())
            .cloned()
            .collect();
        let count = definition.search.trials;
        let terminal = std::io::stderr().is_terminal();
        let watch = Self {
            name: study.name().to_owned(),
            definition: definition.clone(),
            page: place.folder.join(PAGE),
            page_at: Instant::now() + PAGE_EVERY,
            workers: (0..workers).map(|_| None).collect(),
            screen: terminal
                .then(|| Screen::new(workers, count, whole_trials(&ended, &definition.search))),
            ended,
        };
        if !watch.ended.is_empty() {
            watch.line(&format!(
                "{} have already ended{}",
                counted(&watch.ended, &definition.search),
                watch.best_line()
            ));
        }
        watch
    }

    fn line(&self, text: &str) {
        match &self.screen {
            // If the terminal is gone, nobody reads this.
            Some(screen) => drop(screen.all.println(text)),
            None => say!("{text}"),
        }
    }

    fn best(&self) -> Option<&StoredTrial> {
        best(&self.ended, &self.definition.search, &Limits::default())
    }

    fn best_line(&self) -> String {
        let line = |trial: &StoredTrial| {
            let own = TrainingId::own(trial.number);
            format!(", best: {}", training_line(trial, own))
        };
        self.best().map_or(String::new(), line)
    }

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Began {
                worker,
                attempt: Attempt { training, number },
                point,
                epochs,
                ..
            } => {
                if number > 1 {
                    self.line(&format!("{training} continues in attempt {number}"));
                }
                self.workers[worker] = Some(Running {
                    training,
                    point,
                    epochs,
                });
                self.show(worker, 0, None);
            }
            Event::Trouble(problem) => self.line(&problem),
            Event::Epoch {
                worker,
                epoch,
                lowest,
            } => self.show(worker, epoch, Some(lowest)),
            Event::Ended {
                worker,
                training,
                trial,
            } => {
                self.workers[worker] = None;
                if let Some(screen) = &self.screen {
                    screen.workers[worker].set_position(0);
                    screen.workers[worker].set_message("waits");
                }
                if let Some(trial) = trial {
                    self.end(training, *trial);
                }
            }
        }
    }

    /// Records the result of a training of `trial`.
    fn end(&mut self, training: TrainingId, trial: StoredTrial) {
        let line = training_line(&trial, training);
        let before = self.best().map(|best| best.number);
        let known = self.ended.iter_mut().find(|t| t.number == trial.number);
        match known {
            Some(known) => *known = trial,
            None => self.ended.push(trial),
        }
        let now = self.best().map(|best| best.number);
        let mark = if now == before {
            String::new()
        } else if now == Some(training.trial) {
            "  ← best so far".into()
        } else {
            now.map_or(String::new(), |now| {
                format!("  ← trial {now} is now the best")
            })
        };
        self.line(&format!("{line}{mark}"));
        if Instant::now() >= self.page_at {
            // The folder is that of the trials' runs, whose failures end the work; the page alone does not.
            let _ = self.write_page(&self.sorted(), true);
            self.page_at = Instant::now() + PAGE_EVERY;
        }
        if let Some(screen) = &self.screen {
            let search = &self.definition.search;
            let ended = whole_trials(&self.ended, search).min(search.trials);
            screen.best.set_position(ended as u64);
            screen.best.set_message(self.best_line());
        }
    }

    /// Writes the page of `trials`.
    fn write_page(&self, trials: &[StoredTrial], is_live: bool) -> anyhow::Result<()> {
        let page = study_page(&self.name, &self.definition, trials, is_live);
        Ok(atomic::write(&self.page, page.as_bytes())?)
    }

    /// Writes the last page, of all trials that the study has; returns its place, if it could be written.
    pub(super) fn last_page(&self, trials: &[StoredTrial]) -> Option<&Path> {
        self.write_page(trials, false)
            .ok()
            .map(|()| self.page.as_path())
    }

    /// Writes the last page, of the trials that are known here.
    pub(super) fn last_page_of_known(&self) {
        // The failure that ended the work counts, not that of the page.
        let _ = self.write_page(&self.sorted(), false);
    }

    fn sorted(&self) -> Vec<StoredTrial> {
        let mut trials = self.ended.clone();
        trials.sort_by_key(|trial| trial.number);
        trials
    }

    fn show(&self, worker: usize, epoch: usize, lowest: Option<f64>) {
        let (Some(screen), Some(running)) = (&self.screen, &self.workers[worker]) else {
            return;
        };
        let bar = &screen.workers[worker];
        bar.set_length(running.epochs as u64);
        bar.set_position(epoch as u64);
        let lowest = lowest.map_or(String::new(), |value| format!("error {value:.4}, "));
        bar.set_message(format!(
            "{}, epoch {epoch}/{}, {lowest}{}",
            running.training,
            running.epochs,
            in_one_line(&running.point)
        ));
    }

    /// Ends the lines on the terminal.
    pub(super) fn finish(&self) {
        if let Some(screen) = &self.screen {
            interrupt::hint_by(None);
            // If the terminal is gone, nobody reads this.
            let _ = screen.all.clear();
        }
    }
}
