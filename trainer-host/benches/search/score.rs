//! What a search found, against all that can be found.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::replay::{Task, Trial};
use crate::surrogate::{place, process};

/// Points at random that stand for all points.
const POINTS: usize = 4000;

/// Figures after so many units.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Regret of the least observed error, in points of a percent.
    pub(crate) least: f64,
    /// Regret of the least mean.
    pub(crate) mean: f64,
    /// In percent of all.
    pub(crate) area: f64,
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
    pub(crate) fn new(task: &'a Task<'a>) -> Self {
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
        let middle = errors[errors.len() / 2];
        Self {
            least: errors[0],
            middle,
            area: area(&points, middle, task.limit),
            task,
        }
    }

    /// The least true error.
    pub(crate) fn least(&self) -> f64 {
        self.least.exp()
    }

    pub(crate) fn figures(&self, trials: &[Trial], units: f64) -> Figures {
        let finished: Vec<(&Trial, f64)> = trials
            .iter()
            .take_while(|trial| trial.units <= units)
            .filter_map(|trial| Some((trial, trial.error?)))
            .collect();
        let regret = |chosen: Option<&Trial>| {
            // Nothing is finished: what a point at random has.
            let error = chosen.map_or(self.middle, |trial| self.task.surrogate.error(&trial.point));
            100.0 * (error.exp() - self.least())
        };
        let by_error = finished
            .iter()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(trial, _)| *trial);
        let points: Vec<(f64, f64)> = (finished.iter())
            .map(|(trial, _)| (self.task.surrogate.error(&trial.point), trial.instructions))
            .collect();
        Figures {
            least: regret(by_error),
            mean: regret(self.of_least_mean(&finished)),
            area: 100.0 * area(&points, self.middle, self.task.limit) / self.area,
        }
    }

    /// The trial with the least mean of a Gaussian process over ln error.
    fn of_least_mean<'b>(&self, finished: &[(&'b Trial, f64)]) -> Option<&'b Trial> {
        let places: Vec<Vec<f64>> = finished
            .iter()
            .map(|(trial, _)| place(&self.task.table.space, &trial.point))
            .collect();
        let errors = finished.iter().map(|(_, error)| error.ln()).collect();
        let means: Vec<f64> = match process(&places, errors) {
            Some(process) => process
                .at_all(&places)
                .into_iter()
                .map(|(mean, _)| mean)
                .collect(),
            None => finished.iter().map(|(_, error)| error.ln()).collect(),
        };
        let best = (0..means.len()).min_by(|a, b| means[*a].total_cmp(&means[*b]))?;
        Some(finished[best].0)
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
        let values: Vec<f64> = found.iter().map(|figures| of(&figures[mark])).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        format!("{mean:.digits$} ± {:.digits$}", (variance / n).sqrt())
    };
    (0..marks)
        .map(|mark| {
            let [least, mean, area] = [
                text(mark, |f| f.least, 2),
                text(mark, |f| f.mean, 2),
                text(mark, |f| f.area, 1),
            ];
            format!("{least:>14} {mean:>13} {area:>13}")
        })
        .collect()
}
