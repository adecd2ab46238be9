//! What is exported is imported again as the same network.

mod other_programs;

use std::path::Path;
use std::process::Command;

use ndarray::Axis;
use ndarray_npy::NpzReader;
use proptest::prelude::*;
use prost::Message as _;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::data::Schema;
use crate::import::onnx::proto;
use crate::import::{Assembled, Ending, Hints, assemble, read};
use crate::network::{
    Cell, ConvActivation, Convolution, Direction, Head, LayerDirections, Mode, Network,
    NetworkConfig, Padding, RecurrentLayer,
};
use crate::run::NetworkOrigin;

/// A network whose parameters are all drawn, and what a run would have fitted.
fn drawn(config: &NetworkConfig, is_scaled: bool, seed: u64) -> (Network, Fitted) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut network = Network::zeros(config).unwrap();
    for value in network.values_mut().into_iter().flatten() {
        *value = rng.random_range(-0.9..0.9);
    }
    let mut normalisation = |length: usize| Normalisation {
        mean: (0..length).map(|_| rng.random_range(-50.0..50.0)).collect(),
        deviation: (0..length).map(|_| rng.random_range(0.1..9.0)).collect(),
        offset: Vec::new(),
    };
    let task = config.head.task(config.mode);
    let names = match (config.head, config.outputs) {
        (Head::Sigmoid, 1) => 2,
        (_, outputs) => outputs,
    };
    let mut stage = |length| match is_scaled {
        true => normalisation(length),
        false => Normalisation::unchanged(length),
    };
    let fitted = Fitted {
        front_end: None,
        origin: NetworkOrigin::Trained,
        data: None,
        network: config.clone(),
        inputs: stage(config.inputs),
        values: None,
        targets: (!task.is_class()).then(|| stage(config.outputs)),
        schema: Schema {
            channels: (0..config.inputs).map(|n| format!("x{n}")).collect(),
            outputs: (0..names).map(|n| format!("y{n}")).collect(),
            task,
        },
        raw: Vec::new(),
    };
    (network, fitted)
}

fn cells() -> impl Strategy<Value = Cell> {
    let lstm = [true, false].map(|peepholes| Cell::Lstm { peepholes });
    let coupled = [true, false].map(|peepholes| Cell::Coupled { peepholes });
    let projected = [true, false].map(|peepholes| Cell::Projected {
        peepholes,
        outputs: 2,
    });
    let gru = [Cell::Gru, Cell::GruBefore];
    prop::sample::select([&lstm[..], &coupled, &projected, &gru].concat())
}

fn configs() -> impl Strategy<Value = NetworkConfig> {
    let sizes = (1..10usize, prop::collection::vec(1..9usize, 1..4));
    let above = (prop::collection::vec(1..7usize, 0..3), 1..4usize);
    let shape = (prop::option::of(convolutions()), 0..6usize);
    (sizes, above, cells(), (0..3usize, 0..3usize), shape).prop_map(
        |((inputs, hidden), (dense, outputs), cell, (mode, head), (conv, way))| {
            // A projection has fewer outputs than units.
            let hidden: Vec<usize> = (hidden.iter())
                .map(|units| units + cell.projection().unwrap_or(0))
                .collect();
            let (hidden, directions) = directions(way, hidden.len()).halves(&hidden);
            NetworkConfig {
                inputs,
                conv,
                directions,
                hidden,
                cell,
                dense,
                outputs: if head == 2 { outputs + 1 } else { outputs },
                head: [Head::Linear, Head::Sigmoid, Head::Softmax][head],
                mode: [
                    Mode::SequenceToOne,
                    Mode::SequenceToSequence,
                    Mode::SequenceToMean,
                ][mode],
            }
        },
    )
}

fn convolutions() -> impl Strategy<Value = Convolution> {
    let activations = prop::sample::select(vec![ConvActivation::Relu, ConvActivation::None]);
    let paddings = prop::sample::select(vec![Padding::Causal, Padding::Valid]);
    (1..7usize, 1..6usize, 1..5usize, activations, paddings).prop_map(
        |(filters, kernel, stride, activation, padding)| Convolution {
            filters,
            kernel,
            stride,
            activation,
            // With one step there is nothing to pad, and an ONNX file cannot tell the two apart.
            padding: if kernel == 1 { Padding::Valid } else { padding },
        },
    )
}

/// Of so many layers: half of the ways have one that runs backwards or both ways, the first one or the last one.
fn directions(way: usize, layers: usize) -> LayerDirections {
    let mut names = vec!["forward"; layers];
    match way {
        0 => names[0] = "bidirectional",
        1 => names[layers - 1] = "bidirectional",
        2 => names[layers - 1] = "reverse",
        _ => {}
    }
    names.join(",").parse().unwrap()
}

fn again(bytes: &[u8]) -> Assembled {
    let source = read(bytes, &Hints::default()).unwrap();
    assemble(&source, Path::new("again")).unwrap()
}

/// The network with a regression's outputs in real units.
fn in_real_units(network: &Network, fitted: &Fitted) -> Network {
    let mut network = network.clone();
    network.dense = dense_layers(&network, fitted);
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_imported_with_equal_weights(config in configs(), is_scaled: bool, seed: u64) {
        let (network, fitted) = drawn(&config, is_scaled, seed);
        let expected = in_real_units(&network, &fitted);
        let peepholes = config.cell.peepholes();
        let onnx = to_onnx(&network, &fitted);
        prop_assert_eq!(onnx.is_err(), config.cell.projection().is_some());
        let state_dict = to_state_dict(&network, &fitted);
        let has_none = config.cell == Cell::GruBefore || config.directions.contains(&Direction::Reverse);
        prop_assert_eq!(state_dict.is_err(), peepholes || has_none);
        for bytes in [onnx.ok(), state_dict.ok()].into_iter().flatten() {
            let found = again(&bytes);
            prop_assert_eq!(&found.network, &expected);
            prop_assert_eq!(found.inputs, is_scaled.then(|| fitted.inputs.clone()));
            prop_assert_eq!(found.ending, match config.head {
                Head::Linear => Ending::Plain,
                Head::Softmax => Ending::Softmax,
                Head::Sigmoid => Ending::Sigmoid,
            });
        }
        let mut npz = NpzReader::new(std::io::Cursor::new(to_npz(&network, &fitted).unwrap())).unwrap();
        for parameter in network.parameters() {
            let array: ndarray::ArrayD<f32> = npz.by_name(&parameter.name).unwrap();
            prop_assert_eq!(array.shape(), &parameter.shape[..]);
            prop_assert!(array.iter().eq(parameter.values));
        }
    }
}

/// Without them nobody could compute the network again from its weights.
#[test]
fn an_archive_says_the_steps_of_a_convolution() {
    let config = NetworkConfig {
        inputs: 3,
        conv: Some(Convolution {
            filters: 4,
            kernel: 5,
            stride: 2,
            activation: ConvActivation::Relu,
            padding: Padding::Valid,
        }),
        directions: Vec::new(),
        hidden: vec![4],
        cell: Cell::Gru,
        dense: vec![],
        outputs: 2,
        head: Head::Softmax,
        mode: Mode::SequenceToOne,
    };
    let (network, fitted) = drawn(&config, true, 1);
    let archive = to_npz(&network, &fitted).unwrap();
    let mut npz = NpzReader::new(std::io::Cursor::new(archive)).unwrap();
    for (name, expected) in [("kernel", 5), ("stride", 2), ("first", 4), ("relu", 1)] {
        let found: ndarray::Array1<i64> = npz.by_name(&format!("conv.0.{name}")).unwrap();
        assert_eq!(found.to_vec(), [expected], "{name}");
    }
    let weight: ndarray::Array2<f32> = npz.by_name("conv.0.weight").unwrap();
    assert_eq!(weight.dim(), (4, 15));
}

/// Python with this module, or a line that says what is not tested.
pub(crate) fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("TRAINER_HOST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    match found {
        Ok(output) if output.status.success() => Some(python),
        _ => {
            eprintln!(
                "skipped: {python} has no {module}; TRAINER_HOST_PYTHON names another Python"
            );
            None
        }
    }
}

#[test]
fn a_state_dict_has_pytorch_s_names() {
    let lstm = Cell::Lstm { peepholes: false };
    let config = |cell: Cell, hidden: Vec<usize>, dense: Vec<usize>| NetworkConfig {
        inputs: 3,
        conv: None,
        directions: Vec::new(),
        hidden,
        cell,
        dense,
        outputs: 2,
        head: Head::Softmax,
        mode: Mode::SequenceToOne,
    };
    for (config, expected) in [
        (
            config(lstm, vec![4, 4], vec![]),
            ["lstm.weight_ih_l1", "head.weight"],
        ),
        (
            config(lstm, vec![4, 5], vec![6]),
            ["lstm.1.weight_ih_l0", "head.2.weight"],
        ),
        (
            config(Cell::Gru, vec![4, 4], vec![]),
            ["gru.bias_hh_l1", "head.weight"],
        ),
    ] {
        let (network, fitted) = drawn(&config, true, 1);
        let bytes = to_state_dict(&network, &fitted).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        for name in expected {
            assert!(
                tensors.tensor(name).is_ok(),
                "{name}: {:?}",
                tensors.names()
            );
        }
    }
}

/// Each refusal names a format that has the network.
#[test]
fn a_projection_with_peepholes_has_npz_alone() {
    let config = |cell| NetworkConfig {
        inputs: 3,
        conv: None,
        directions: Vec::new(),
        hidden: vec![4],
        cell,
        dense: Vec::new(),
        outputs: 2,
        head: Head::Softmax,
        mode: Mode::SequenceToOne,
    };
    let projected = |peepholes| {
        let outputs = 2;
        drawn(&config(Cell::Projected { peepholes, outputs }), true, 1)
    };
    let (network, fitted) = projected(false);
    to_state_dict(&network, &fitted).unwrap();
    let refused = to_onnx(&network, &fitted).unwrap_err().to_string();
    assert!(
        refused.contains("npz") && refused.contains("safetensors"),
        "{refused}"
    );
    let (network, fitted) = projected(true);
    let refused = to_state_dict(&network, &fitted).unwrap_err().to_string();
    assert!(
        refused.contains("npz has both") && !refused.contains("--format onnx"),
        "{refused}"
    );
}

/// The attribute `input_forget` of ONNX couples the gates, and the rows of f do not count.
#[test]
fn a_file_that_says_input_forget_is_a_network_with_coupled_gates() {
    let config = NetworkConfig {
        inputs: 3,
        conv: None,
        directions: Vec::new(),
        hidden: vec![4],
        cell: Cell::Lstm { peepholes: true },
        dense: vec![],
        outputs: 2,
        head: Head::Linear,
        mode: Mode::SequenceToOne,
    };
    let (network, fitted) = drawn(&config, false, 7);
    let mut model = proto::Model::decode(&to_onnx(&network, &fitted).unwrap()[..]).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let lstm = nodes.iter_mut().find(|node| node.op_type == "LSTM");
    lstm.unwrap().attribute.push(proto::Attribute {
        name: "input_forget".into(),
        i: 1,
        kind: 2,
        ..proto::Attribute::default()
    });
    let found = again(&model.encode_to_vec()).network;
    let RecurrentLayer::Coupled(layer) = &found.recurrent[0] else {
        panic!("another kind")
    };
    let lstm = network.recurrent[0].as_lstm().unwrap();
    let rows: Vec<usize> = (0..4).chain(8..16).collect();
    assert_eq!(layer.w_x, lstm.w_x.select(Axis(0), &rows));
    assert_eq!(layer.w_h, lstm.w_h.select(Axis(0), &rows));
    assert_eq!(layer.bias, lstm.bias.select(Axis(0), &rows));
    let peephole = lstm.peephole.as_ref().unwrap();
    assert_eq!(layer.peephole, Some(peephole.select(Axis(0), &[0, 2])));
}
