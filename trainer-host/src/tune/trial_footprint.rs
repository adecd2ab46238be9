//! The size and cost of a trial's model, before it is trained.

use lstm_nostd::artifact::{Dense, ModelFile, WriteError};
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Scheme;
use lstm_nostd::layers::input::InputChannel;
use lstm_nostd::{OutputScale, Parsed};

use crate::cost::{Footprint, Limits};
use crate::network::{Head, LayerKind, NetworkConfig, StructureError};
use crate::quantise::convolution;
use crate::quantise::recurrent::empty;
use crate::run::RunError;

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
/// cost less, if its two shifts are equal. `golden_steps` are stored in the file; a network that answers for whole windows alone has RAM for one of
/// `longest` steps.
///
/// # Errors
/// When the engine or the file format has no such model.
pub fn footprint(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    (front_end, golden_steps, longest): (Option<Tables>, usize, usize),
    limits: &Limits,
) -> Result<Footprint, FootprintError> {
    network.validate()?;
    let core = limits.core();
    let file = ModelFile {
        front_end,
        ..empty_model(network, (channels, outputs), scheme, golden_steps)
    };
    let bytes = file.to_bytes_in(core.order())?;
    let model = Parsed::parse(&bytes).expect("the writer returns only what parses");
    let of_step = Footprint::of(core, limits, &model, bytes.len()).with_second(&model);
    Ok(of_step.over_window(&model, longest))
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

    use super::super::trial_config::TrialConfig;
    use super::super::trial_config::tests::{base, point};
    use super::*;
    use crate::network::Cell;

    /// A footprint counts a step of the input, so that a longer stride costs less.
    #[test]
    fn a_convolution_is_searched_and_costs_less_with_a_longer_stride() {
        let names = |count: usize| vec!["x".to_owned(); count];
        let instructions = |stride: usize| {
            let text = format!(r#"{{"train.conv.filters": 6, "train.conv.stride": {stride}}}"#);
            let config = TrialConfig::new(&base(), &point(&text)).unwrap().run.train;
            let conv = config.conv.unwrap();
            assert_eq!((conv.filters, conv.stride), (6, stride));
            let network = NetworkConfig {
                inputs: 3,
                conv: Some(conv),
                directions: Vec::new(),
                hidden: vec![16],
                cell: config.layer.cell(true, None),
                dense: vec![],
                outputs: 4,
                head: Head::Softmax,
                mode: crate::network::Mode::SequenceToOne,
            };
            let names = (&names(3)[..], &names(4)[..]);
            let limits = Limits::default();
            let found = footprint(&network, names, Scheme::W8a16, (None, 0, 1), &limits).unwrap();
            found.instructions
        };
        let [one, two, four] = [1, 2, 4].map(instructions);
        assert!(
            two < one * 6 / 10 && four < two * 6 / 10,
            "{one} {two} {four}"
        );
    }

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
        let of = |front_end: Option<Tables>| {
            let names = (&channels[..], &outputs[..]);
            footprint(
                &network,
                names,
                Scheme::W8a16,
                (front_end, 0, 1),
                &Limits::default(),
            )
            .unwrap()
        };
        let (plain, heard) = (of(None), of(Some(tables)));
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

    /// A layer both ways costs as two, and its outputs at each step need RAM for the longest window.
    #[test]
    fn directions_are_searched_and_need_ram_for_the_longest_window() {
        let names = |count: usize| vec!["x".to_owned(); count];
        let footprint = |direction: &str, longest: usize| {
            let text = format!(r#"{{"train.direction": "{direction}", "hidden": 16}}"#);
            let train = TrialConfig::new(&base(), &point(&text)).unwrap().run.train;
            let (hidden, directions) = train.direction.halves(&train.hidden);
            let network = NetworkConfig {
                inputs: 3,
                conv: None,
                directions,
                hidden,
                cell: crate::network::Cell::Gru,
                dense: vec![],
                outputs: 4,
                head: Head::Softmax,
                mode: crate::network::Mode::SequenceToSequence,
            };
            let names = (&names(3)[..], &names(4)[..]);
            let limits = Limits::default();
            super::footprint(&network, names, Scheme::W8a16, (None, 0, longest), &limits).unwrap()
        };
        let [one, two] = ["reverse", "bidirectional"].map(|way| footprint(way, 10));
        assert!(
            two.instructions > one.instructions * 18 / 10,
            "{one:?} {two:?}"
        );
        // 32 int16 outputs a step.
        let longer = footprint("bidirectional", 110).ram_bytes - two.ram_bytes;
        assert_eq!(longer, 100 * 32 * 2);
        let forward = [10, 110].map(|longest| footprint("forward", longest).ram_bytes);
        assert_eq!(forward[0], forward[1]);
        let said = TrialConfig::new(&base(), &point(r#"{"train.direction": "both"}"#));
        assert!(said.unwrap_err().to_string().contains("no direction"));
    }
}
