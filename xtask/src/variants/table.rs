//! The table of a data set, in Markdown.

use super::measure::{Measured, Row};
use crate::spread::Spread;

/// A heading and a row for each variant.
pub(super) fn text(measured: &Measured, seeds: &[u64]) -> String {
    let mut text = format!(
        "{}: accuracy in %, mean ± deviation of {} trainings; cost in w8a16 on an M4, estimated. The folds chose the\n\
         setting, so that theirs is a little lucky.\n\n\
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
        "| {} | {} | {} | {} | {} | {} | {} | {} | {}{second} |\n",
        row.name,
        row.setting.replace("--", ""),
        shown(row.folds),
        shown(row.float),
        shown(row.integer),
        row.file_bytes,
        row.flash_bytes,
        row.ram_bytes,
        row.instructions,
    )
}

fn shown(accuracy: Spread) -> String {
    format!("{:.2} ± {:.2}", accuracy.mean, accuracy.deviation)
}
