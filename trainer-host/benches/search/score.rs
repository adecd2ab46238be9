//! What a search found, against all that can be found.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use trainer_host::evaluate::Spread;
use trainer_host::search::handover::{self, Score};
use trainer_host::search::{Point, SearchConfig};

use crate::replay::{Task, Trial};

/// Points at random that stand for all points.
const POINTS: usize = 4000;

/// Figures after so many units.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Regret of the least observed error, in points of a percent.
    pub(crate) least: f64,
    /// Regret of what `tune best` hands over.
    pub(crate) best: f64,
    /// In percent of all.
    pub(crate) area: f64,
    /// Whether what `tune best` hands over is no worse than what the search began with.
    pub(crate) is_kept: Option<bool>,
}

pub(crate) struct Judge<'a> {
    task: &'a Task<'a>,
    /// ln of the least true error.
    least: f64,
    /// ln of the median.
    middle: f64,
    area: f64,
}

impl<'a> Judge<'a> {
    /// `None` where no point of the space fits.
    pub(crate) fn new(task: &'a Task<'a>) -> Option<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let space = &task.definition.search.space;
        let rows = task.table.rows.iter().map(|row| row.point.clone());
        let drawn = std::iter::repeat_with(|| space.draw(&mut rng)).take(50 * POINTS);
        let points: Vec<(f64, f64)> = rows
            .chain(drawn)
            .filter_map(|point| Some((task.surrogate.error(&point), task.instructions(&point)?)))
            .take(POINTS)
            .collect();
        let mut errors: Vec<f64> = points.iter().map(|(error, _)| *error).collect();
        errors.sort_by(f64::total_cmp);
        let middle = *errors.get(errors.len() / 2)?;
        Some(Self {
            least: errors[0],
            middle,
            area: area(&points, middle, task.limit),
            task,
        })
    }

    /// The least true error.
    pub(crate) fn least(&self) -> f64 {
        self.least.exp()
    }

    /// Figures after so many units of the search of `seed`, which began with `first`.
    pub(crate) fn figures(
        &self,
        trials: &[Trial],
        (units, seed): (f64, u64),
        first: Option<&Point>,
    ) -> Figures {
        let finished: Vec<(&Trial, f64)> = trials
            .iter()
            .take_while(|trial| trial.units <= units)
            .filter_map(|trial| Some((trial, trial.error?)))
            .collect();
        let true_error = |point: &Point| self.task.surrogate.error(point);
        let regret = |chosen: Option<&Trial>| {
            // Nothing is finished: what a point at random has.
            let error = chosen.map_or(self.middle, |trial| true_error(&trial.point));
            100.0 * (error.exp() - self.least())
        };
        let by_error = finished
            .iter()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(trial, _)| *trial);
        let best = self.handed_over(&finished, seed, first);
        let points: Vec<(f64, f64)> = (finished.iter())
            .map(|(trial, _)| (true_error(&trial.point), trial.instructions))
            .collect();
        let is_kept =
            |(first, best): (&Point, &Trial)| true_error(&best.point) <= true_error(first);
        Figures {
            least: regret(by_error),
            best: regret(best),
            area: 100.0 * area(&points, self.middle, self.task.limit) / self.area,
            is_kept: first.zip(best).map(is_kept),
        }
    }

    /// What `tune best` hands over: it trains the finalists of the default configuration again, each with the same
    /// number of seeds. That comes on top of the units.
    fn handed_over<'b>(
        &self,
        finished: &[(&'b Trial, f64)],
        seed: u64,
        first: Option<&Point>,
    ) -> Option<&'b Trial> {
        let config = SearchConfig::default();
        let mut order: Vec<&(&Trial, f64)> = finished.iter().collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        let is_first = |trial: &Trial| Some(&trial.point) == first;
        let finalists: Vec<&(&Trial, f64)> = (order.into_iter().enumerate())
            .filter(|(n, (trial, _))| *n < config.finalists || is_first(trial))
            .map(|(_, finalist)| finalist)
            .collect();
        let score = |(trial, own): &&(&Trial, f64)| {
            let repeats = (1..config.repeats as u64)
                .map(|repeat| self.task.surrogate.train(&trial.point, seed, repeat).error);
            let errors: Vec<f64> = std::iter::once(*own).chain(repeats).collect();
            let Spread { mean, deviation } = Spread::of(&errors);
            Score {
                mean,
                deviation,
                is_beginning: is_first(trial),
            }
        };
        let scores: Vec<Score> = finalists.iter().map(score).collect();
        let chosen = handover::handed_over(&scores, config.repeats)?;
        Some(finalists[chosen].0)
    }
}

/// The area that points (ln error, instructions) dominate, from the errors' `top` down and up to the `limit`.
fn area(points: &[(f64, f64)], top: f64, limit: f64) -> f64 {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let (mut least, mut area) = (top, 0.0);
    for (error, instructions) in points {
        if error < least && instructions < limit {
            area += (least - error) * (limit - instructions);
            least = error;
        }
    }
    area
}

/// Mean ± standard error of each figure at each mark.
pub(crate) fn line(found: &[Vec<Figures>]) -> String {
    let marks = found.first().map_or(0, Vec::len);
    let text = |mark: usize, of: fn(&Figures) -> f64, digits: usize| {
        mean(found.iter().map(|figures| of(&figures[mark])), digits)
    };
    let columns: String = (0..marks)
        .map(|mark| {
            let [least, best, area] = [
                text(mark, |f| f.least, 2),
                text(mark, |f| f.best, 2),
                text(mark, |f| f.area, 1),
            ];
            format!("{least:>14} {best:>13} {area:>13}")
        })
        .collect();
    let last = found.iter().filter_map(|figures| figures.last()?.is_kept);
    let kept: Vec<bool> = last.collect();
    match kept.len() {
        0 => columns,
        n => {
            let share = kept.iter().filter(|kept| **kept).count() as f64 / n as f64;
            format!("{columns} {:>5.0}%", 100.0 * share)
        }
    }
}

/// How much less regret the first of each pair has, and how much more area.
pub(crate) fn ahead(pairs: &[(&Figures, &Figures)]) -> String {
    let of = |difference: fn(&Figures, &Figures) -> f64, digits: usize| {
        mean(pairs.iter().map(|(a, b)| difference(a, b)), digits)
    };
    format!(
        "least {}, best {}, area {}",
        of(|ours, theirs| theirs.least - ours.least, 2),
        of(|ours, theirs| theirs.best - ours.best, 2),
        of(|ours, theirs| ours.area - theirs.area, 1)
    )
}

/// Mean ± standard error.
fn mean(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let values: Vec<f64> = values.collect();
    let Spread { mean, deviation } = Spread::of(&values);
    let error = deviation / (values.len() as f64).sqrt();
    format!("{mean:.digits$} ± {error:.digits$}")
}
