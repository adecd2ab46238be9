//! Pictures of a network's inside: histograms of weights and activations, and the gates over one sequence.

use ndarray::{Array2, s};

use super::heat_map::{Scale, heat_map_svg};
use super::histogram::histogram_svg;
use super::page::Page;
use crate::network::recurrent::gate_rows;
use crate::network::{Activation, Gate, Network};
use crate::passes::trace::LayerTrace;

/// Number of sequences whose activations fill the histograms.
const SEQUENCES: usize = 32;

/// Adds the pictures of `network` to `page`. `sequences: [T, I]` are normalised; the first one is the example.
pub fn network_sections(page: &mut Page, network: &Network, sequences: &[Array2<f32>]) {
    let weights: String = (network.parameters().iter())
        .map(|parameter| histogram_svg(&parameter.name, parameter.values, None))
        .collect();
    page.section("Weights", &small(&weights));
    let traces: Vec<Vec<LayerTrace>> = (sequences.iter().take(SEQUENCES))
        .map(|sequence| network.trace(sequence.view()))
        .collect();
    let Some(example) = traces.first() else {
        return;
    };
    let kind = network.config.cell.title();
    for l in 0..network.recurrent.len() {
        page.section(
            &format!("Activations of {kind} layer {l}"),
            &small(&histograms(
                network.recurrent[l].gates(),
                traces.iter().map(|trace| &trace[l]).collect(),
            )),
        );
    }
    for (l, trace) in example.iter().enumerate() {
        page.section(
            &format!("{kind} layer {l} over one sequence"),
            &small(&activity(network.recurrent[l].gates(), trace)),
        );
    }
}

/// Pictures side by side, as many as there is room for.
fn small(pictures: &str) -> String {
    format!("<div class=\"small\">{pictures}</div>")
}

/// For example `input gate i`.
fn title(gate: &Gate) -> String {
    format!("{} {}", gate.name, gate.letter)
}

fn histograms(gates: &[Gate], traces: Vec<&LayerTrace>) -> String {
    let hidden = traces[0].hidden.ncols();
    let gather = |values: &dyn Fn(&LayerTrace) -> Vec<f32>| -> Vec<f32> {
        traces.iter().flat_map(|trace| values(trace)).collect()
    };
    let mut html = String::new();
    for (g, gate) in gates.iter().enumerate() {
        let values = gather(&|trace| {
            let columns = gate_rows(g, hidden);
            trace.gates.slice(s![.., columns]).iter().copied().collect()
        });
        html += &histogram_svg(&title(gate), &values, Some(gate.activation.range()));
    }
    html += &histogram_svg(
        "cell c",
        &gather(&|trace| trace.cell.iter().copied().collect()),
        None,
    );
    let values = gather(&|trace| trace.hidden.iter().copied().collect());
    html + &histogram_svg("hidden state h", &values, Some((-1.0, 1.0)))
}

/// Gates, cell and hidden state over time, with a row of pixels for each unit.
fn activity(gates: &[Gate], trace: &LayerTrace) -> String {
    let hidden = trace.hidden.ncols();
    let mut html = String::new();
    for (g, gate) in gates.iter().enumerate() {
        let values = trace.gates.slice(s![.., gate_rows(g, hidden)]);
        let scale = match gate.activation {
            Activation::Tanh => Scale::Signed(1.0),
            Activation::Sigmoid => Scale::Share,
        };
        html += &heat_map_svg(&title(gate), values, scale);
    }
    let limit = trace
        .cell
        .iter()
        .fold(1e-3f32, |limit, c| limit.max(c.abs()));
    html += &heat_map_svg("cell c", trace.cell.view(), Scale::Signed(limit));
    html + &heat_map_svg("hidden state h", trace.hidden.view(), Scale::Signed(1.0))
}
