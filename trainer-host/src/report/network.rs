//! Pictures of a network's inside: histograms of weights and activations, and the gates over one sequence.

use lstm_nostd::Direction;
use ndarray::{Array2, ArrayView2, Axis, s};

use super::heat_map::{HeatMap, Scale};
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
        .map(|sequence| traces_over_time(network, sequence.view()))
        .collect();
    let Some(example) = traces.first() else {
        return;
    };
    let title = |l: usize| network.config.recurrent_title(l);
    for l in 0..network.recurrent.len() {
        page.section(
            &format!("Activations of {}", title(l)),
            &small(&histograms(
                network.recurrent[l].gates(),
                traces.iter().map(|trace| &trace[l]).collect(),
            )),
        );
    }
    for (l, trace) in example.iter().enumerate() {
        page.section(
            &format!("{} over one sequence", title(l)),
            &small(&activity(network.recurrent[l].gates(), trace, None)),
        );
    }
}

/// What each recurrent layer did with a normalised sequence, `[T, I]`, in the order of time also where it runs backwards.
fn traces_over_time(network: &Network, sequence: ArrayView2<'_, f32>) -> Vec<LayerTrace> {
    let mut traces = network.trace(sequence);
    for (l, trace) in traces.iter_mut().enumerate() {
        if network.config.direction(l) == Direction::Forward {
            continue;
        }
        let LayerTrace {
            gates,
            hidden,
            cell,
            shown,
        } = trace;
        for values in [gates, hidden, cell, shown] {
            values.invert_axis(Axis(0));
        }
    }
    traces
}

/// Gates and states of all recurrent layers over one normalised sequence, `[T, I]`, in pictures that have at most so many
/// pixels together: of what does not fit, evenly spaced steps and units are left.
pub(super) fn gate_pictures(
    network: &Network,
    sequence: ArrayView2<'_, f32>,
    pixels: usize,
) -> String {
    let traces = traces_over_time(network, sequence);
    let layers = || network.recurrent.iter().zip(&traces);
    let pictures: usize = layers().map(|(layer, _)| layer.gates().len() + 2).sum();
    let of_one = pixels / pictures.max(1);
    let layers = layers().enumerate().map(|(l, (layer, trace))| {
        let name = format!("<p>{}</p>", network.config.recurrent_title(l));
        name + &small(&activity(layer.gates(), trace, Some(of_one)))
    });
    layers.collect()
}

/// Pictures side by side, as many as there is room for.
pub(super) fn small(pictures: &str) -> String {
    format!("<div class=\"small\">{pictures}</div>")
}

/// For example `input gate i`.
fn title(gate: &Gate) -> String {
    format!("{} {}", gate.name, gate.letter)
}

fn histograms(gates: &[Gate], traces: Vec<&LayerTrace>) -> String {
    let units = traces[0].cell.ncols();
    let gather = |values: &dyn Fn(&LayerTrace) -> Vec<f32>| -> Vec<f32> {
        traces.iter().flat_map(|trace| values(trace)).collect()
    };
    let mut html = String::new();
    for (g, gate) in gates.iter().enumerate() {
        let values = gather(&|trace| {
            let columns = gate_rows(g, units);
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
    // Outputs of a projection have no range of their own.
    let is_projected = traces[0].shown.ncols() > 0;
    let range = (!is_projected).then_some((-1.0, 1.0));
    html + &histogram_svg("hidden state h", &values, range)
}

/// Units of a picture that has not room for all.
const UNITS: usize = 32;

/// Gates, cell and hidden state over time, with a row of pixels for each unit; each picture has at most so many pixels.
fn activity(gates: &[Gate], trace: &LayerTrace, pixels: Option<usize>) -> String {
    let units = trace.cell.ncols();
    let draw = |title: &str, values: ArrayView2<'_, f32>, scale: Scale| {
        let map = HeatMap::of_units(title, values, scale);
        match pixels {
            None => map.svg(),
            Some(pixels) => map
                .within((pixels / units.clamp(1, UNITS)).max(1), UNITS)
                .svg(),
        }
    };
    let mut html = String::new();
    for (g, gate) in gates.iter().enumerate() {
        let values = trace.gates.slice(s![.., gate_rows(g, units)]);
        let scale = match gate.activation {
            Activation::Tanh => Scale::Signed(1.0),
            Activation::Sigmoid => Scale::Share,
        };
        html += &draw(&title(gate), values, scale);
    }
    let largest = |values: &Array2<f32>, least: f32| {
        let values = values.iter();
        values.fold(least, |limit, value| limit.max(value.abs()))
    };
    let limit = largest(&trace.cell, 1e-3);
    html += &draw("cell c", trace.cell.view(), Scale::Signed(limit));
    // Outputs of a projection may be larger than one.
    let limit = largest(&trace.hidden, 1.0);
    html + &draw("hidden state h", trace.hidden.view(), Scale::Signed(limit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::{Cell, Head, Mode, NetworkConfig};

    /// The last step alone is not zero, so that each half has its first large state there: the half in reverse begins with it.
    #[test]
    fn halves_are_drawn_in_the_order_of_time_and_named_by_their_layer() {
        let mut network = Network::new(
            &NetworkConfig {
                inputs: 1,
                conv: None,
                directions: vec![Direction::Forward, Direction::Beside],
                cell: Cell::Lstm { peepholes: false },
                dense: Vec::new(),
                outputs: 2,
                head: Head::Softmax,
                mode: Mode::SequenceToOne,
                hidden: vec![3, 3],
            },
            1,
        )
        .unwrap();
        let sequence = Array2::from_shape_fn((6, 1), |(t, _)| [0.0, 4.0][usize::from(t == 5)]);
        let own = network.trace(sequence.view());
        let traces = traces_over_time(&network, sequence.view());
        assert_eq!(traces[0], own[0]);
        for (t, row) in traces[1].cell.outer_iter().enumerate() {
            assert_eq!(row, own[1].cell.row(5 - t));
            assert_eq!(traces[1].gates.row(t), own[1].gates.row(5 - t));
        }
        assert_ne!(traces[1], own[1]);
        let html = gate_pictures(&network, sequence.view(), 20_000);
        for title in [
            "<p>LSTM layer 0, forward half</p>",
            "<p>LSTM layer 0, reverse half</p>",
        ] {
            assert!(html.contains(title), "{title}");
        }
        network.config.directions = vec![Direction::Forward, Direction::Reverse];
        assert_eq!(
            network.config.recurrent_title(1),
            "LSTM layer 1, in reverse"
        );
        assert_eq!(network.config.recurrent_title(0), "LSTM layer 0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Pictures of gates stay within their pixels, and small layers over few steps are drawn whole.
        #[test]
        fn gates_of_any_recording_have_room(steps in 1usize..300, hidden in prop::collection::vec(1usize..80, 1..3), gru: bool) {
            let config = NetworkConfig {
                inputs: 2,
                conv: None,
                directions: Vec::new(),
                cell: if gru { Cell::Gru } else { Cell::Lstm { peepholes: true } },
                dense: Vec::new(),
                outputs: 2,
                head: Head::Softmax,
                mode: Mode::SequenceToOne,
                hidden: hidden.clone(),
            };
            let network = Network::new(&config, 1).unwrap();
            let sequence = Array2::from_shape_fn((steps, 2), |(t, i)| ((7 * t + i) % 11) as f32 - 5.0);
            let limit = 20_000;
            let html = gate_pictures(&network, sequence.view(), limit);
            let gates = network.recurrent[0].gates().len();
            let pictures = hidden.len() * (gates + 2);
            prop_assert_eq!(html.matches("<svg").count(), pictures);
            // Besides its pixels a picture has colours and labels.
            prop_assert!(html.len() < limit * 4 / 3 + 2000 * pictures, "{}", html.len());
            for units in &hidden {
                let last = format!(">{}</text>", units - 1);
                prop_assert!(html.contains(&last));
            }
        }
    }
}
