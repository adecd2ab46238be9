//! How a study goes: a line for each worker on a terminal, and a line for each trial that has ended.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::show::trial_line;
use crate::cost::Limits;
use crate::search::{Point, in_one_line};
use crate::tune::best::best;
use crate::tune::study::{Definition, State, StoredTrial};
use crate::tune::worker::Event;

pub(super) struct Watch {
    trials: usize,
    ended: Vec<StoredTrial>,
    workers: Vec<Option<Running>>,
    screen: Option<Screen>,
}

struct Running {
    number: usize,
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
            "{elapsed_precise} [{bar:32}] {pos}/{len} trials, {msg}",
        ));
        best.set_position(ended as u64);
        let worker = |_| {
            let bar = all.add(ProgressBar::new(1));
            bar.set_style(style("         [{bar:32}] {msg}"));
            bar.set_message("waits");
            bar
        };
        let workers = (0..workers).map(worker).collect();
        Self { all, best, workers }
    }
}

impl Watch {
    pub(super) fn new(definition: &Definition, trials: &[StoredTrial], workers: usize) -> Self {
        let ended: Vec<StoredTrial> = (trials.iter())
            .filter(|trial| trial.state != State::Running)
            .cloned()
            .collect();
        let count = definition.search.trials;
        let terminal = std::io::stderr().is_terminal();
        let watch = Self {
            trials: count,
            workers: (0..workers).map(|_| None).collect(),
            screen: terminal.then(|| Screen::new(workers, count, ended.len())),
            ended,
        };
        if !watch.ended.is_empty() {
            watch.line(&format!(
                "{} of {count} trials have ended already{}",
                watch.ended.len(),
                watch.best()
            ));
        }
        watch
    }

    fn line(&self, text: &str) {
        match &self.screen {
            // A terminal that is gone has nobody to tell.
            Some(screen) => drop(screen.all.println(text)),
            None => eprintln!("{text}"),
        }
    }

    fn best(&self) -> String {
        best(&self.ended, &Limits::default()).map_or(String::new(), |trial| {
            format!(", best: {}", trial_line(trial))
        })
    }

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Began {
                worker,
                number,
                attempt,
                point,
                epochs,
                ..
            } => {
                if attempt > 1 {
                    self.line(&format!("trial {number:>4} is taken up, attempt {attempt}"));
                }
                self.workers[worker] = Some(Running {
                    number,
                    point,
                    epochs,
                });
                self.show(worker, 0, None);
            }
            Event::Epoch {
                worker,
                epoch,
                lowest,
            } => self.show(worker, epoch, Some(lowest)),
            Event::Ended { worker, trial } => {
                self.workers[worker] = None;
                if let Some(screen) = &self.screen {
                    screen.workers[worker].set_position(0);
                    screen.workers[worker].set_message("waits");
                }
                if let Some(trial) = trial {
                    let before = best(&self.ended, &Limits::default()).map(|b| b.number);
                    let line = trial_line(&trial);
                    self.ended.push(*trial);
                    let now = best(&self.ended, &Limits::default()).map(|b| b.number);
                    let mark = if now == before {
                        ""
                    } else {
                        "  ← best so far"
                    };
                    self.line(&format!("{line}{mark}"));
                    if let Some(screen) = &self.screen {
                        screen
                            .best
                            .set_position(self.ended.len().min(self.trials) as u64);
                        screen.best.set_message(self.best());
                    }
                }
            }
        }
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
            "trial {}, epoch {epoch}/{}, {lowest}{}",
            running.number,
            running.epochs,
            in_one_line(&running.point)
        ));
    }

    pub(super) fn finish(&self) {
        if let Some(screen) = &self.screen {
            // As above.
            let _ = screen.all.clear();
        }
    }
}
