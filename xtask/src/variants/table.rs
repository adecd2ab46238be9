//! The table of a data set, in Markdown.

use super::measure::{Measured, Row};
use crate::spread::Spread;

/// A heading and a row for each variant.
pub(super) fn text(measured: &Measured, seeds: &[u64]) -> String {
    let mut text = format!(
        "{}: accuracy in %, mean ± deviation of {} trainings; cost in w8a16 on an M4, estimated. The folds chose the\n\
         setting, so that theirs is a little lucky, the more so the more settings there were.\n\n\
         | | setting | folds | test, f32 | test, w8a16 | model file | with engine | RAM | instructions a step{} |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | ---{} |\n",
        measured.data_set,
        seeds.len(),
        measured.rate.map_or("", |_| " | a second"),
        measured.rate.map_or("", |_| " | ---"),
    );
    for row in &measured.variants {
        text += &line(row, measured.rate);
    }
    text
}

fn line(row: &Row, rate: Option<f64>) -> String {
    let second = rate.map_or(String::new(), |rate| {
        format!(" | {:.0}", rate * row.instructions)
    });
    format!(
        "| {} | {}{} | {} | {} | {} | {} | {} | {} | {}{second} |\n",
        row.name,
        row.setting.replace("--", ""),
        match row.settings {
            1 => String::new(),
            of => format!(" (of {of})"),
        },
        shown(row.folds),
        shown(row.float),
        shown(row.integer),
        row.file_bytes,
        row.flash_bytes,
        row.ram_bytes,
        row.instructions,
    )
}

/// One row for each variant: its accuracy on every data set, and what it costs on the last one.
pub(super) fn summary(all: &[Measured]) -> String {
    let Some(last) = all.last() else {
        return String::new();
    };
    let names: String = all
        .iter()
        .map(|measured| format!(" {} |", measured.data_set))
        .collect();
    let mut text = format!(
        "Accuracy on the test parts in %: w8a16 (f32). Model file and instructions of a step are of {}.\n\n\
         | |{names} model file | instructions |\n| --- |{} --- | --- |\n",
        last.data_set,
        " --- |".repeat(all.len()),
    );
    for (place, row) in last.variants.iter().enumerate() {
        let accuracies: String = (all.iter())
            .filter_map(|measured| measured.variants.get(place))
            .map(|row| format!(" {} ({:.2}) |", shown(row.integer), row.float.mean))
            .collect();
        text += &format!(
            "| {} |{accuracies} {} | {} |\n",
            row.name, row.file_bytes, row.instructions
        );
    }
    text
}

fn shown(accuracy: Spread) -> String {
    format!("{:.2} ± {:.2}", accuracy.mean, accuracy.deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(data_set: &'static str, accuracies: [f64; 2]) -> Measured {
        let row = |(name, accuracy): (&str, f64)| {
            let spread = Spread::of(&[accuracy - 1.0, accuracy + 1.0]);
            Row {
                name: name.to_owned(),
                setting: "--learning-rate 0.01".to_owned(),
                settings: 3,
                folds: spread,
                float: spread,
                integer: spread,
                instructions: 100.0,
                file_bytes: 10.0,
                flash_bytes: 20.0,
                ram_bytes: 30.0,
            }
        };
        Measured {
            data_set,
            rate: Some(50.0),
            variants: ["a", "b"].into_iter().zip(accuracies).map(row).collect(),
        }
    }

    #[test]
    fn every_row_has_as_many_cells_as_the_heading() {
        let cells = |line: &str| line.matches('|').count();
        let all = [measured("one", [90.0, 80.0]), measured("two", [70.0, 60.0])];
        for text in [text(&all[0], &[0, 1]), summary(&all)] {
            let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
            assert_eq!(rows.len(), 4, "{text}");
            assert!(
                rows.iter().all(|row| cells(row) == cells(rows[0])),
                "{text}"
            );
        }
        let text = summary(&all);
        assert!(
            text.contains("| b | 80.00 ± 1.41 (80.00) | 60.00 ± 1.41 (60.00) | 10 | 100 |"),
            "{text}"
        );
        assert!(super::text(&all[0], &[0, 1]).contains("| 100 | 5000 |"));
    }
}
