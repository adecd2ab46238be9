//! The sections of a report that show a score. For classes: confusion matrix, figures of each class, ROC curve. For
//! values: errors.

use super::page::{data_table as table, escape};
use super::threshold::threshold_charts;
use super::{Page, columns, confusion_table};
use crate::evaluate::{BaselineScore, ClassScore, Score, ValueScore};

/// Adds `score`, the score of the named part, with simpler methods beside it.
pub(super) fn score_section(
    page: &mut Page,
    part: &str,
    score: &Score,
    baselines: &[BaselineScore],
) {
    let summary = format!("<p>{}</p>", escape(&score.describe()));
    let heading = part
        .strip_suffix(" part")
        .map(|name| format!("Scores of the {name} part"));
    let heading = heading.unwrap_or_else(|| part.to_owned());
    let html = match score {
        Score::Classes(classes) => class_tables(classes, baselines),
        Score::Values(values) => error_table(values),
    };
    page.section(&heading, &(summary + &html));
    if let Score::Classes(ClassScore { roc: Some(roc), .. }) = score {
        let heading = format!("ROC and threshold, {part}");
        page.section(&heading, &threshold_charts(roc));
    }
}

/// Confusion, figures of each class and group, and the network beside simpler methods.
fn class_tables(classes: &ClassScore, baselines: &[BaselineScore]) -> String {
    let names: Vec<String> = classes.classes.iter().map(|c| c.name.clone()).collect();
    let block = |name: &str, table: &str| format!("<div><h3>{name}</h3>{table}</div>");
    let mut others = block("Classes", &class_table(classes));
    if !classes.groups.is_empty() {
        others += &block("Groups", &group_table(classes));
    }
    if !baselines.is_empty() {
        others += &block(
            "Beside simpler methods",
            &baseline_table(classes, baselines),
        );
    }
    let confusion = block("Confusion", &confusion_table(&names, &classes.confusion));
    // A wide matrix has the whole width.
    match names.len() > NARROW {
        true => confusion + &columns(&others),
        false => columns(&(confusion + &others)),
    }
}

/// Classes whose confusion leaves room for another table, at most.
const NARROW: usize = 6;

/// The baselines of a classification beside the network's score.
fn baseline_table(own: &ClassScore, baselines: &[BaselineScore]) -> String {
    let own = [Some(own.accuracy), Some(own.balanced_accuracy)];
    let rows = baselines.iter().map(|baseline| {
        let figures = [baseline.accuracy, baseline.balanced_accuracy];
        (baseline.name.as_str(), figures)
    });
    let rows = std::iter::once(("this network", own)).chain(rows);
    let rows = rows.map(|(name, figures)| {
        let [accuracy, balanced] = figures.map(percent);
        vec![name.to_owned(), accuracy, balanced]
    });
    table(&["method", "accuracy", "balanced accuracy"], rows)
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share))
}

fn class_table(score: &ClassScore) -> String {
    let rows = score.classes.iter().map(|class| {
        let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(percent);
        vec![
            class.name.clone(),
            precision,
            recall,
            f1,
            class.support.to_string(),
        ]
    });
    table(&["class", "precision", "recall", "F1", "support"], rows)
}

fn group_table(score: &ClassScore) -> String {
    let rows = score.groups.iter().map(|group| {
        let accuracy = percent(Some(group.accuracy));
        vec![
            group.name.clone(),
            accuracy,
            group.correct.to_string(),
            group.decisions.to_string(),
        ]
    });
    table(&["group", "accuracy", "correct", "of"], rows)
}

fn error_table(score: &ValueScore) -> String {
    let errors = score.table();
    let header: Vec<&str> = std::iter::once("output").chain(errors.header).collect();
    let rows = errors.rows.into_iter().map(|(name, figures)| {
        let figures = figures.into_iter();
        let figures =
            figures.map(|value| value.map_or("–".into(), |value| format!("{value:.5}")));
        std::iter::once(name).chain(figures).collect()
    });
    table(&header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{ClassFigures, Roc};

    #[test]
    fn two_classes_have_a_table_and_a_curve_and_names_cannot_break_the_page() {
        let class = |name: &str| ClassFigures {
            name: name.into(),
            precision: None,
            recall: Some(0.5),
            f1: Some(0.25),
            support: 2,
        };
        let score = Score::Classes(ClassScore {
            decisions: 4,
            correct: 2,
            accuracy: 0.5,
            balanced_accuracy: 0.5,
            macro_f1: 0.25,
            classes: vec![class("<b>"), class("up")],
            confusion: vec![vec![1, 1], vec![1, 1]],
            roc: Roc::of("up", vec![(0.0, true), (0.0, false)]),
            groups: Vec::new(),
        });
        let mut page = Page::new("run");
        score_section(&mut page, "test part", &score, &[]);
        let html = page.finish();
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"));
        assert!(html.contains("<td>–</td><td>50.0 %</td><td>25.0 %</td><td>2</td>"));
        assert!(html.contains("up, area 0.5000"));
        assert!(!html.contains("Groups"));
    }
}
