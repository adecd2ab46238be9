//! The sections of a report that show a score. For classes: confusion matrix, figures of each class, ROC curve. For
//! values: errors.

use super::page::{data_table as table, escape};
use super::{Chart, Page, Series, confusion_table};
use crate::evaluate::{BaselineScore, ClassScore, Roc, Score, ValueScore};

/// Adds the sections of `score`, the score of the named part.
pub fn score_sections(page: &mut Page, part: &str, score: &Score) {
    let summary = format!("<p>{}</p>", escape(&score.describe()));
    match score {
        Score::Classes(classes) => {
            let names: Vec<String> = classes.classes.iter().map(|c| c.name.clone()).collect();
            let matrix = confusion_table(&names, &classes.confusion);
            page.section(&format!("Confusion, {part}"), &(summary + &matrix));
            page.section(&format!("Classes, {part}"), &class_table(classes));
            if let Some(roc) = &classes.roc {
                page.section(&format!("ROC, {part}"), &roc_svg(roc));
            }
            if !classes.groups.is_empty() {
                page.section(&format!("Groups, {part}"), &group_table(classes));
            }
        }
        Score::Values(values) => {
            page.section(
                &format!("Errors, {part}"),
                &(summary + &error_table(values)),
            );
        }
    }
}

/// Adds the baselines of a classification beside the network's score on the named part, if there are any.
pub(super) fn baseline_section(
    page: &mut Page,
    part: &str,
    score: &Score,
    baselines: &[BaselineScore],
) {
    let Score::Classes(own) = score else { return };
    if baselines.is_empty() {
        return;
    }
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
    page.section(
        &format!("Beside simpler methods, {part}"),
        &table(&["method", "accuracy", "balanced accuracy"], rows),
    );
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

fn roc_svg(roc: &Roc) -> String {
    let curves = vec![
        Series::line(
            &format!("{}, area {:.4}", roc.positive, roc.auc),
            roc.points.clone(),
        ),
        Series::line("chance, area 0.5", vec![(0.0, 0.0), (1.0, 1.0)]),
    ];
    let labels = ("false positive rate", "true positive rate");
    Chart::lines("Receiver operating characteristic", labels, curves).figure()
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
    use crate::evaluate::ClassFigures;

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
        score_sections(&mut page, "test part", &score);
        let html = page.finish();
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"));
        assert!(html.contains("<td>–</td><td>50.0 %</td><td>25.0 %</td><td>2</td>"));
        assert!(html.contains("up, area 0.5000"));
        assert!(!html.contains("Groups"));
    }
}
