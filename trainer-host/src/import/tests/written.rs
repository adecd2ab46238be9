//! Files that the tests write, and runs of them.

use std::path::Path;

use super::super::*;
use crate::network::Mode;
use crate::run::Run;

#[test]
fn without_data_inputs_are_drawn_and_said_to_be_guessed() {
    let bytes = state_dict(3, 4, 2);
    let source = open::read(
        &bytes,
        &Hints {
            pooling: Some(Pooling::Steps),
            ..Hints::default()
        },
    )
    .unwrap();
    let assembled = assemble(&source, Path::new("a.safetensors")).unwrap();
    assert_eq!(assembled.network.config.mode, Mode::SequenceToSequence);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let file = Path::new("a.safetensors");
    let imported = write_run(
        (file, &source),
        &assembled,
        &Calibration::Guessed,
        None,
        (&out, false),
    )
    .unwrap();
    assert!(imported.ranges.contains("guessed"), "{}", imported.ranges);
    let run = Run::open(&out).unwrap();
    assert_eq!(run.open_data().unwrap().train.channels.len(), 3);
    assert_eq!(run.fitted.origin.to_string(), "imported from a.safetensors");
    // A run that is there stays.
    let again = write_run(
        (file, &source),
        &assembled,
        &Calibration::Guessed,
        None,
        (&out, false),
    );
    assert!(again.unwrap_err().to_string().contains("holds a run"));
}

/// A `state_dict` of an LSTM of `units` on `inputs` and a linear layer of `outputs`, with values that differ.
pub(super) fn state_dict(inputs: usize, units: usize, outputs: usize) -> Vec<u8> {
    let shapes = [
        ("rnn.weight_ih_l0", vec![4 * units, inputs]),
        ("rnn.weight_hh_l0", vec![4 * units, units]),
        ("rnn.bias_ih_l0", vec![4 * units]),
        ("rnn.bias_hh_l0", vec![4 * units]),
        ("fc.weight", vec![outputs, units]),
        ("fc.bias", vec![outputs]),
    ];
    safetensors_of(&shapes.map(|(name, shape)| (name.to_owned(), shape)))
}

pub(super) fn safetensors_of(shapes: &[(String, Vec<usize>)]) -> Vec<u8> {
    let values: Vec<Vec<u8>> = (shapes.iter().enumerate())
        .map(|(n, (_, shape))| {
            let value = |k: usize| ((n * 7 + k * 3) as f32).sin() * 0.4;
            (0..shape.iter().product())
                .flat_map(|k| value(k).to_le_bytes())
                .collect()
        })
        .collect();
    let tensors = shapes.iter().zip(&values).map(|((name, shape), bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name.clone(), view.unwrap())
    });
    safetensors::serialize(tensors, None).unwrap()
}

#[test]
fn a_state_dict_is_read_by_its_names_and_a_map() {
    let all = |names: &[(&str, &[usize])]| {
        let shapes: Vec<_> = names
            .iter()
            .map(|(name, shape)| (name.to_string(), shape.to_vec()))
            .collect();
        safetensors_of(&shapes)
    };
    // Numbers count by value, an LSTM without a module and without biases, and two linear layers.
    let bytes = all(&[
        ("weight_ih_l0", &[8, 3]),
        ("weight_hh_l0", &[8, 2]),
        ("head.10.weight", &[1, 5]),
        ("head.2.weight", &[5, 2]),
    ]);
    let source = open::read(&bytes, &Hints::default()).unwrap();
    let names: Vec<&str> = source
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "the recurrent module layer 0",
            "the last step",
            "head.2",
            "the ReLU before head.10",
            "head.10"
        ]
    );
    let bytes = all(&[
        ("net.W", &[8, 3]),
        ("net.U", &[8, 2]),
        ("loss.weight", &[3]),
        ("out.weight", &[1, 2]),
    ]);
    let map = |pairs: &[(&str, &str)]| Hints {
        map: pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect(),
        ..Hints::default()
    };
    let error = open::read(&bytes, &map(&[])).unwrap_err().to_string();
    assert!(error.contains("loss") && !error.contains('\n'), "{error}");
    let hints = map(&[
        ("net.W", "lstm.weight_ih"),
        ("net.U", "lstm.weight_hh"),
        ("loss", ""),
    ]);
    assert_eq!(open::read(&bytes, &hints).unwrap().layers.len(), 3);
    let error = open::read(&bytes, &map(&[("nets", "lstm")]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("nets"), "{error}");
}
