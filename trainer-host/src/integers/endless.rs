//! A part's sequences in integers as endless streams, beside [`Streams::run`] in f32.

use lstm_nostd::Model;

use crate::data::Recording;
use crate::evaluate::Streams;
use crate::integers::stream::{Stream, input_formats, raw_sequence, real_outputs};
use crate::passes::carried::StreamPart;

/// `model` over the `streams` of sequences of real values, each `[T, I]`: its outputs, with a linear model's exponent
/// applied, and its cells in the units of the f32 network.
pub fn run_streams(
    model: &Model<'_>,
    streams: &Streams,
    sequences: &[Recording<'_>],
) -> Vec<StreamPart> {
    let formats = input_formats(model);
    streams.follow(|stream| {
        let mut state = Stream::new(model);
        let part = |s: &usize| {
            let rows = state.answers(model, &raw_sequence(&formats, sequences[*s]));
            StreamPart {
                outputs: real_outputs(model, &rows),
                cells: cells(model, &state),
            }
        };
        stream.iter().map(part).collect()
    })
}

/// All cells of a state.
fn cells(model: &Model<'_>, state: &Stream) -> Vec<f32> {
    let layers = model.recurrent_layers().iter().enumerate();
    layers
        .flat_map(|(l, layer)| {
            let unit_of_cell = 2f64.powi(layer.cell_int_bits() as i32 - 31);
            let cell = move |u| f64::from(state.cell(model, l, u)) * unit_of_cell;
            (0..layer.units()).map(move |u| cell(u) as f32)
        })
        .collect()
}
