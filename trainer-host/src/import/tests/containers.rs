//! One small network in every container. `files/make.py` wrote those that Rust does not write.

use std::path::Path;

use super::super::*;
use crate::data::{Normalisation, Schema};
use crate::exports::{to_onnx, to_state_dict};
use crate::network::Network;
use crate::network::lstm::LstmLayer;
use crate::run::{Fitted, NetworkOrigin};

macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("files/", $name)).to_vec())
    };
}

/// Files that other programs' libraries wrote.
fn files() -> [(&'static str, Vec<u8>); 4] {
    [
        file!("small.keras"),
        file!("small.h5"),
        file!("small.tflite"),
        file!("small_int8.tflite"),
    ]
}

/// Every container, those that this program writes too.
pub(super) fn containers() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::from(files());
    let small = network(&all[0].1);
    let fitted = fitted(&small);
    let onnx = to_onnx(&small.network, &fitted).unwrap();
    let state_dict = to_state_dict(&small.network, &fitted).unwrap();
    all.extend([("small.onnx", onnx), ("small.safetensors", state_dict)]);
    all
}

fn network(bytes: &[u8]) -> Assembled {
    let source = read(bytes, &Hints::default()).unwrap();
    assemble(&source, Path::new("small")).unwrap()
}

/// What a run of the network has.
fn fitted(assembled: &Assembled) -> Fitted {
    let config = assembled.network.config.clone();
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect();
    Fitted {
        front_end: None,
        origin: NetworkOrigin::Trained,
        data: None,
        schema: Schema {
            channels: names(config.inputs),
            outputs: names(config.outputs),
            task: config.head.task(config.mode),
        },
        inputs: assembled.inputs.clone().unwrap(),
        values: None,
        targets: None,
        raw: Vec::new(),
        network: config,
    }
}

/// The formula of `files/make.py`: multiples of 1/64, in Keras' order.
fn value(seed: usize, at: usize) -> f32 {
    ((at * 37 + seed * 11) % 101) as f32 / 64.0 - 50.0 / 64.0
}

#[test]
fn every_container_gives_the_same_network() {
    let all = containers();
    let expected = network(&all[0].1);
    let (channels, units, classes) = (2, 3, 2);
    let layer: &LstmLayer = match &expected.network.recurrent[..] {
        [crate::network::RecurrentLayer::Lstm(layer)] => layer,
        other => panic!("{other:?}"),
    };
    let columns = 4 * units;
    for (r, c) in (0..columns).flat_map(|r| (0..channels).map(move |c| (r, c))) {
        assert_eq!(layer.w_x[[r, c]], value(1, c * columns + r));
    }
    for (r, c) in (0..columns).flat_map(|r| (0..units).map(move |c| (r, c))) {
        assert_eq!(layer.w_h[[r, c]], value(2, c * columns + r));
    }
    assert!((0..columns).all(|r| layer.bias[r] == value(3, r)));
    let Network { dense, .. } = &expected.network;
    for (r, c) in (0..classes).flat_map(|r| (0..units).map(move |c| (r, c))) {
        assert_eq!(dense[0].weight[[r, c]], value(4, c * classes + r));
    }
    let inputs = Normalisation {
        mean: vec![1.5, -2.0],
        deviation: vec![2.0, 0.5],
        offset: Vec::new(),
    };
    assert_eq!(expected.inputs, Some(inputs));
    for (name, bytes) in &all {
        let found = network(bytes);
        assert_eq!(found.network, expected.network, "{name}");
        assert_eq!(found.inputs, expected.inputs, "{name}");
        assert_eq!(found.ending, Ending::Softmax, "{name}");
    }
}
