//! The quantisations of a run side by side: scores, agreement with f32, bytes and instructions.

use super::Page;
use super::page::data_table;
use super::score::percent;
use crate::cost::Core;
use crate::cost::front_end::SecondOfSignal;
use crate::evaluate::Score;
use crate::run::side_by_side::Quantised;

/// Adds the tables of `quantised`, if there are quantisations.
pub(super) fn quantised_sections(page: &mut Page, quantised: &[Quantised]) {
    let Some(first) = quantised.first() else {
        return;
    };
    let (score, float) = figure(&first.comparison.float);
    let near = match first.comparison.agreement {
        Some(_) => "decides as f32",
        None => "RMS difference, deviations",
    };
    let fixed = [
        "quantisation",
        "schemes",
        score,
        near,
        "file, bytes",
        "RAM, bytes",
    ];
    let cores = first.cores.iter().map(|core| core.core);
    let header: Vec<&str> = fixed.into_iter().chain(cores).collect();
    let note = format!(
        "<p>On the {}, where f32 has {float}. Below M0 to M55 stand the instructions of a step on that core, \
         estimated. The quantisation in the last row was made last, and is taken where none is named.</p>",
        first.part
    );
    let table = data_table(&header, quantised.iter().map(row));
    page.section("Quantisations", &(note + &table));
    let seconds: Vec<Vec<String>> = quantised.iter().flat_map(second_rows).collect();
    if !seconds.is_empty() {
        let note = "<p>Instructions, estimated, of the front end and of the network apart.</p>";
        let header = ["quantisation", "core", "front end", "network", "together"];
        let table = data_table(&header, seconds.into_iter());
        page.section("A second of signal", &format!("{note}{table}"));
    }
}

/// The quantisation in a line of a summary.
pub(super) fn quantised_line(one: &Quantised) -> String {
    let (name, score) = figure(&one.comparison.integer);
    let core = one.cores.iter().find(|core| core.core == Core::M4.name());
    let step = core.map_or(String::new(), |core| {
        format!(
            ", {} instructions a step on {}, estimated",
            core.instructions, core.core
        )
    });
    format!(
        "{}: {name} {score} on the {}, as f32 {}; file {} bytes, RAM {} bytes{step}",
        one.name,
        one.part,
        one.comparison.nearness(),
        one.memory.file_bytes,
        one.memory.ram_bytes()
    )
}

/// The name of a score's main figure, and the figure.
fn figure(score: &Score) -> (&'static str, String) {
    match score {
        Score::Classes(score) => ("accuracy", percent(Some(score.accuracy))),
        Score::Values(score) => ("mean squared error", format!("{:.5}", score.errors.mse)),
    }
}

fn row(one: &Quantised) -> Vec<String> {
    let mut schemes = one.schemes.clone();
    schemes.dedup();
    let comparison = &one.comparison;
    let (_, score) = figure(&comparison.integer);
    let near = match (comparison.agreement, comparison.rms_difference) {
        (Some(agreement), _) => format!("{:.2} %", 100.0 * agreement),
        (None, Some(rms)) => format!("{rms:.5}"),
        (None, None) => "–".to_owned(),
    };
    let memory = &one.memory;
    let mut row = vec![
        one.name.clone(),
        schemes.join(", "),
        score,
        near,
        memory.file_bytes.to_string(),
        memory.ram_bytes().to_string(),
    ];
    row.extend(one.cores.iter().map(|core| core.instructions.to_string()));
    row
}

/// A row for each core.
fn second_rows(one: &Quantised) -> Vec<Vec<String>> {
    let row = |second: &SecondOfSignal| {
        let sum = second.front_end + second.network;
        let numbers = [second.front_end, second.network, sum].map(|number| number.to_string());
        let names = [one.name.clone(), second.core.name().to_owned()];
        names.into_iter().chain(numbers).collect()
    };
    one.seconds.iter().map(row).collect()
}
