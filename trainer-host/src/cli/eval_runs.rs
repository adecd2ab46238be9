//! `eval` of a folder with several runs: a row for each, and the mean.

use serde::Serialize;

use super::evaluated::Evaluated;
use super::seeds::FigureSpread;
use super::several::OfRun;
use super::table::table;
use crate::evaluate::Score;

/// What `eval` found in each run.
#[derive(Debug, Serialize)]
pub(super) struct EvaluatedRuns {
    runs: Vec<OfRun<Evaluated>>,
    /// Over the f32 networks.
    float: Option<FigureSpread>,
    /// Over the integers, if all runs are quantised.
    integer: Option<FigureSpread>,
}

impl EvaluatedRuns {
    pub(super) fn of(runs: Vec<OfRun<Evaluated>>) -> Self {
        let spread = |score: fn(&Evaluated) -> Option<&Score>| {
            FigureSpread::of(runs.iter().map(|run| score(&run.result)))
        };
        Self {
            float: spread(Evaluated::float_score),
            integer: spread(Evaluated::integer_score),
            runs,
        }
    }

    pub(super) fn text(&self) -> String {
        let figure = |score: Option<&Score>| score.map_or("-".into(), FigureSpread::figure_text);
        let mut rows: Vec<Vec<String>> = (self.runs.iter())
            .map(|OfRun { run, result }| {
                let scores = [result.float_score(), result.integer_score()].map(figure);
                let mut row = vec![run.display().to_string(), result.sequences.to_string()];
                row.extend(scores);
                row
            })
            .collect();
        type Text = fn(&FigureSpread) -> String;
        let parts: [(&str, Text); 2] = [
            ("mean", FigureSpread::mean_text),
            ("deviation", FigureSpread::deviation_text),
        ];
        for (name, text) in parts {
            let of = |spread: &Option<FigureSpread>| spread.as_ref().map_or("-".into(), text);
            rows.push(vec![
                name.into(),
                String::new(),
                of(&self.float),
                of(&self.integer),
            ]);
        }
        table(&["run", "sequences", "f32", "integers"], &rows)
    }
}
