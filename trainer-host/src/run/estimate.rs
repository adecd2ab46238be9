//! The size and cost of a network's integers, before it is trained or quantised.

use lstm_nostd::artifact::{Dense, ModelFile, WriteError};
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Scheme;
use lstm_nostd::layers::input::InputChannel;
use lstm_nostd::{OutputScale, Parsed};

use super::{Run, RunError};
use crate::cost::{Footprint, Limits};
use crate::integers::assemble::most_golden_steps;
use crate::network::{Head, LayerKind, NetworkConfig, StructureError};
use crate::quantise::convolution;
use crate::quantise::recurrent::empty;

/// Why a network's cost cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum FootprintError {
    /// The engine has no such network.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// No model file holds it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Its data cannot be read as its settings say.
    #[error(transparent)]
    Data(#[from] RunError),
}

/// The cost of a network of this structure behind `front_end`, if there is one, with `scheme` in all layers, to the byte. A
/// model's size follows from the sizes of its layers, its names and its golden steps alone. Only a w8a8 layer on an M55 may
/// cost less, if its two shifts are equal. The file keeps the first recording, of `first_steps` steps, or its first steps if it has
/// more than a file keeps; a network that answers for whole windows alone has RAM for one of `longest` steps.
///
/// # Errors
/// When the engine or the file format has no such model.
pub fn footprint(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    (front_end, first_steps, longest): (Option<Tables>, usize, usize),
    limits: &Limits,
) -> Result<Footprint, FootprintError> {
    network.validate()?;
    let core = limits.core();
    let golden_steps = first_steps.min(most_golden_steps(network.conv.as_ref()));
    let file = ModelFile {
        front_end,
        ..empty_model(network, (channels, outputs), scheme, golden_steps)
    };
    let bytes = file.to_bytes_in(core.order())?;
    let model = Parsed::parse(&bytes).expect("the writer returns only what parses");
    let of_step = Footprint::of(core, limits, &model, bytes.len()).with_second(&model);
    Ok(of_step.over_window(&model, longest))
}

/// The cost of the integers of `run`, with `scheme` in all layers: the first recording has `first_steps` steps, and the
/// longest one `longest`.
///
/// # Errors
/// As [`footprint`].
pub fn of_run(
    run: &Run,
    scheme: Scheme,
    (first_steps, longest): (usize, usize),
    limits: &Limits,
) -> Result<Footprint, FootprintError> {
    let network = &run.network.config;
    let schema = &run.fitted.schema;
    let names = (&schema.channels[..], run.fitted.output_names());
    let lengths = (run.fitted.front_end_tables(), first_steps, longest);
    footprint(network, names, scheme, lengths, limits)
}

/// A model of this structure without useful weights.
fn empty_model(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    golden_steps: usize,
) -> ModelFile {
    let rows = |count: usize, width: usize| vec![vec![0; width]; count];
    let (mut recurrent, mut dense) = (Vec::new(), Vec::new());
    let conv = |conv| convolution::empty(conv, network.inputs, scheme);
    for layer in network.layers() {
        match layer.kind {
            LayerKind::Convolution => {}
            LayerKind::Recurrent(cell) => recurrent.push(empty(cell, &layer, scheme)),
            LayerKind::Dense => dense.push(Dense {
                scheme,
                weight: rows(layer.rows, layer.inputs),
                bias: vec![0; layer.rows],
                mult: vec![1; layer.rows],
                ..Dense::default()
            }),
        }
    }
    let channel = InputChannel {
        mult: 1,
        ..InputChannel::default()
    };
    ModelFile {
        task: network.head.into(),
        front_end: None,
        mode: network.mode.into(),
        channels: vec![channel; network.inputs],
        scales: match network.head {
            Head::Linear => vec![OutputScale::LOGIT; network.outputs],
            Head::Sigmoid | Head::Softmax => Vec::new(),
        },
        conv: network.conv.as_ref().map(conv),
        recurrent,
        directions: network.directions.clone(),
        dense,
        input_names: channels.to_vec(),
        output_names: outputs.to_vec(),
        golden: vec![(vec![0; network.inputs], vec![0; network.outputs]); golden_steps],
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::front_end::{Kind, Settings};

    use super::*;
    use crate::network::Cell;

    /// A front end is a section of the model file, and the costs of a second of signal are known with it.
    #[test]
    fn a_front_end_costs_flash_and_has_a_share_of_each_second() {
        let tables = Tables::new(&Settings::new(Kind::Mfcc, 8000)).unwrap();
        let inputs = tables.view().features();
        let network = NetworkConfig {
            inputs,
            conv: None,
            directions: Vec::new(),
            hidden: vec![8],
            cell: Cell::Gru,
            dense: vec![],
            outputs: 2,
            head: Head::Softmax,
            mode: crate::network::Mode::SequenceToOne,
        };
        let names = |count: usize| (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>();
        let (channels, outputs) = (names(inputs), names(2));
        let of = |front_end: Option<Tables>, first_steps: usize| {
            let names = (&channels[..], &outputs[..]);
            footprint(
                &network,
                names,
                Scheme::W8a16,
                (front_end, first_steps, 1),
                &Limits::default(),
            )
            .unwrap()
        };
        // A file keeps a short recording whole, and no more than its most of a long one.
        let most = most_golden_steps(None);
        let kept = [most - 1, most, most + 100].map(|steps| of(None, steps).flash_bytes);
        assert!(kept[0] < kept[1] && kept[1] == kept[2], "{kept:?}");
        let (plain, heard) = (of(None, 0), of(Some(tables), 0));
        assert!(plain.second.is_none() && heard.flash_bytes > plain.flash_bytes + 1000);
        let second = heard.second.unwrap();
        // 62.5 frames a second.
        assert_eq!(
            second.network,
            (62.5 * heard.instructions as f64).round() as u64
        );
        let frames = (62.5 * second.frame as f64) as u64;
        assert!(second.front_end.abs_diff(frames) <= 32, "{second:?}");
    }
}
