//! Files of other programs: refused in one line, or a network of finite weights.

use std::path::Path;

use trainer_host::data::{Normalisation, Schema};
use trainer_host::exports::{to_onnx, to_state_dict};
use trainer_host::import::{Assembled, Hints, assemble, read};
use trainer_host::run::{Fitted, NetworkOrigin};

use crate::Target;

pub(crate) const SAFETENSORS: Target = Target {
    name: "safetensors",
    run,
    seeds: safetensors_seeds,
};

pub(crate) const ONNX: Target = Target {
    name: "onnx",
    run,
    seeds: onnx_seeds,
};

pub(crate) const KERAS: Target = Target {
    name: "keras",
    run,
    seeds: keras_seeds,
};

pub(crate) const TFLITE: Target = Target {
    name: "tflite",
    run,
    seeds: tflite_seeds,
};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../../trainer-host/src/import/tests/files/",
            $name
        ))
    };
}

fn run(data: &[u8]) {
    accepts(data);
}

/// Whether a reader makes a network of it.
pub(crate) fn accepts(data: &[u8]) -> bool {
    match network(data) {
        Ok(assembled) => {
            let parameters = assembled.network.parameters();
            let mut values = parameters.iter().flat_map(|parameter| parameter.values);
            assert!(values.all(|value| value.is_finite()));
            true
        }
        Err(message) => {
            assert_eq!(message.lines().count(), 1, "{message}");
            false
        }
    }
}

fn network(data: &[u8]) -> Result<Assembled, String> {
    let source = read(data, &Hints::default()).map_err(|problem| problem.to_string())?;
    assemble(&source, Path::new("file")).map_err(|error| error.to_string())
}

/// A network, as a run has it.
fn small() -> (Assembled, Fitted) {
    let assembled = network(file!("small.tflite")).expect("the file is read");
    let config = assembled.network.config.clone();
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect();
    let fitted = Fitted {
        front_end: None,
        origin: NetworkOrigin::Trained,
        data: None,
        schema: Schema {
            channels: names(config.inputs),
            outputs: names(config.outputs),
            task: config.head.task(config.mode),
        },
        inputs: (assembled.inputs.clone())
            .unwrap_or_else(|| Normalisation::unchanged(config.inputs)),
        values: None,
        targets: None,
        raw: Vec::new(),
        network: config,
    };
    (assembled, fitted)
}

fn safetensors_seeds() -> Vec<Vec<u8>> {
    let (assembled, fitted) = small();
    vec![to_state_dict(&assembled.network, &fitted).expect("it has no peepholes")]
}

fn onnx_seeds() -> Vec<Vec<u8>> {
    let (assembled, fitted) = small();
    vec![to_onnx(&assembled.network, &fitted).expect("it has no convolution")]
}

fn keras_seeds() -> Vec<Vec<u8>> {
    vec![file!("small.keras").to_vec(), file!("small.h5").to_vec()]
}

fn tflite_seeds() -> Vec<Vec<u8>> {
    vec![
        file!("small.tflite").to_vec(),
        file!("small_int8.tflite").to_vec(),
    ]
}
