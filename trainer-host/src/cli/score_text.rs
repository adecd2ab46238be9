//! A score as aligned tables: each class and the confusion matrix, each group, or each output.

use super::table::{percent, table};
use crate::evaluate::{Beside, ClassScore, Score, ValueScore};

/// Only the report shows wider confusion matrices.
const WIDEST_MATRIX: usize = 16;

/// The tables behind the main figures, after an empty line; empty if there are none.
pub(super) fn details(score: &Score) -> String {
    let tables = match score {
        Score::Classes(score) => class_tables(score),
        Score::Values(score) => value_tables(score),
    };
    tables
        .into_iter()
        .map(|table| format!("\n{table}"))
        .collect()
}

fn class_tables(score: &ClassScore) -> Vec<String> {
    let ratio = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.4}"));
    let classes: Vec<Vec<String>> = (score.classes.iter())
        .map(|class| {
            let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(ratio);
            vec![
                class.name.clone(),
                precision,
                recall,
                f1,
                class.support.to_string(),
            ]
        })
        .collect();
    let mut tables = vec![table(
        &["class", "precision", "recall", "F1", "support"],
        &classes,
    )];
    if score.classes.len() <= WIDEST_MATRIX {
        let names = score.classes.iter().map(|class| class.name.as_str());
        let header: Vec<&str> = std::iter::once("truth \\ decision")
            .chain(names.clone())
            .collect();
        let rows: Vec<Vec<String>> = (names.zip(&score.confusion))
            .map(|(name, row)| {
                let counts = row.iter().map(usize::to_string);
                std::iter::once(name.to_owned()).chain(counts).collect()
            })
            .collect();
        tables.push(table(&header, &rows));
    }
    if !score.groups.is_empty() {
        let rows: Vec<Vec<String>> = (score.groups.iter())
            .map(|group| {
                vec![
                    group.name.clone(),
                    percent(group.accuracy),
                    group.correct.to_string(),
                    group.decisions.to_string(),
                ]
            })
            .collect();
        tables.push(table(&["group", "accuracy", "correct", "of"], &rows));
    }
    tables
}

fn value_tables(score: &ValueScore) -> Vec<String> {
    if score.outputs.len() == 1 && score.beside == Beside::default() {
        return Vec::new();
    }
    let errors = score.table();
    let header: Vec<&str> = std::iter::once("output").chain(errors.header).collect();
    let rows = errors.rows.into_iter().map(|(name, figures)| {
        let figures = figures.into_iter();
        let figures = figures.map(|value| value.map_or("-".into(), |value| format!("{value:.5}")));
        std::iter::once(name).chain(figures).collect()
    });
    vec![table(&header, &rows.collect::<Vec<Vec<String>>>())]
}
