//! What a regression answers beside its targets: each answer over its target, and where the errors are largest.

use super::page::{data_table, escape};
use super::{Chart, Look, Page, Series};
use crate::data::{Dataset, Targets};
use crate::evaluate::{JudgedValue, Outputs, judged, variance};

/// Outputs that are drawn, at most.
const DRAWN: usize = 8;
/// Points of a picture, at most; of more answers, evenly spaced ones are drawn.
const POINTS: usize = 600;
/// Rows of the table, at most.
const LISTED: usize = 100;

/// Adds the answers for the part of this name, unless they are classes or a forecast, which is drawn over time.
pub(super) fn value_sections(page: &mut Page, part: &str, data: &Dataset, outputs: &Outputs) {
    let is_class = matches!(data.targets, Targets::Class(_) | Targets::ClassPerStep(_));
    if is_class || data.origin.is_some() {
        return;
    }
    let answers: Vec<Vec<JudgedValue>> = (0..data.outputs.len())
        .map(|o| judged(data, outputs, o))
        .collect();
    let pictures: Vec<Chart> = (answers.iter().zip(&data.outputs).take(DRAWN))
        .map(|(answers, name)| picture(data, name, answers))
        .collect();
    page.charts(&format!("Answers over targets, {part}"), &pictures);
    page.section(&format!("Largest errors, {part}"), &largest(data, &answers));
}

fn name(data: &Dataset, answer: &JudgedValue) -> String {
    let name = data.names.get(answer.sequence);
    let name = name
        .cloned()
        .unwrap_or_else(|| format!("number {}", answer.sequence));
    match answer.step {
        Some(step) => format!("{name}, step {step}"),
        None => name,
    }
}

fn picture(data: &Dataset, output: &str, answers: &[JudgedValue]) -> Chart {
    let every = answers.len().div_ceil(POINTS).max(1);
    let drawn = || answers.iter().step_by(every);
    let truths = || drawn().map(|answer| answer.truth);
    let ends = [
        truths().fold(f64::INFINITY, f64::min),
        truths().fold(f64::NEG_INFINITY, f64::max),
    ];
    let few = match every {
        1 => String::new(),
        n => format!(", one answer in {n}"),
    };
    let series = vec![
        Series {
            look: Look::Points,
            notes: drawn().map(|answer| name(data, answer)).collect(),
            ..Series::line(
                "answers",
                drawn().map(|answer| (answer.truth, answer.found)).collect(),
            )
        },
        Series::line("without any error", ends.map(|end| (end, end)).to_vec()),
    ];
    let title = format!("{output}{few}");
    Chart::lines(&title, ("target", "answer"), series)
}

/// A table of the answers that are furthest from their targets, in deviations of the output's targets.
fn largest(data: &Dataset, answers: &[Vec<JudgedValue>]) -> String {
    let mut all: Vec<(f64, usize, &JudgedValue)> = Vec::new();
    for (o, answers) in answers.iter().enumerate() {
        let deviation = variance(answers.iter().map(|answer| answer.truth).collect()).sqrt();
        let deviation = if deviation > 0.0 { deviation } else { 1.0 };
        all.extend(answers.iter().map(|answer| {
            let error = (answer.found - answer.truth) / deviation;
            (error, o, answer)
        }));
    }
    let count = all.len();
    all.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let rows = all.iter().take(LISTED).map(|(error, o, answer)| {
        vec![
            name(data, answer),
            escape(&data.outputs[*o]),
            format!("{:.5}", answer.truth),
            format!("{:.5}", answer.found),
            format!("{:+.5}", answer.found - answer.truth),
            format!("{error:+.3}"),
        ]
    });
    let header = [
        "recording",
        "output",
        "target",
        "answer",
        "error",
        "in deviations",
    ];
    format!(
        "<p>{} of {count} answers, those first that are furthest off in deviations of their targets.</p>{}",
        count.min(LISTED),
        data_table(&header, rows)
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn data() -> Dataset {
        Dataset {
            sequences: vec![ndarray::Array2::zeros((2, 1)); 3],
            names: ["a", "b", "<c>"].map(str::to_owned).to_vec(),
            targets: Targets::Value(vec![vec![1.0, 100.0], vec![2.0, 200.0], vec![3.0, 600.0]]),
            outputs: vec!["level".into(), "flow".into()],
            ..Dataset::default()
        }
    }

    #[test]
    fn errors_are_ordered_by_deviations_and_named() {
        // Errors in deviations: 0, 0, 0.5 / 0.816 for level; 0, 60 / 216, 0 for flow.
        let outputs = vec![
            array![[1.0, 100.0]],
            array![[2.0, 260.0]],
            array![[2.5, 600.0]],
        ];
        let mut page = Page::new("run");
        value_sections(&mut page, "test part", &data(), &outputs);
        let html = page.finish();
        assert_eq!(html.matches("<figure").count(), 2);
        let (_, rows) = html.split_once("<tbody>").unwrap();
        let first = "<tr><th>&lt;c&gt;</th><td class=\"text\">level</td><td>3.00000</td><td>2.50000</td><td>-0.50000</td><td>-0.612</td>";
        assert!(rows.starts_with(first), "{rows}");
        assert!(rows.contains("<td>+60.00000</td>"));
    }

    #[test]
    fn answers_of_steps_are_named_and_few_are_drawn() {
        let steps = 2000;
        let data = Dataset {
            targets: Targets::ValuePerStep(vec![ndarray::Array2::ones((steps, 1)); 1]),
            outputs: vec!["level".into()],
            ..data()
        };
        let outputs = vec![ndarray::Array2::zeros((steps, 1))];
        let found = judged(&data, &outputs, 0);
        assert_eq!(
            (found.len(), name(&data, &found[7]).as_str()),
            (steps, "a, step 7")
        );
        assert_eq!(picture(&data, "level", &found).series[0].points.len(), 500);
    }
}
