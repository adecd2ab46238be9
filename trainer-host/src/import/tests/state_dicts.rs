//! `state_dict`s whose tensors or metadata are not those that are read: each is refused by name.

use std::path::Path;

use serde_json::{Value, json};

use super::super::*;
use super::archives::{imported, refused, small};
use super::written::safetensors_of;
use crate::network::Padding;

/// Of an LSTM of two units on three channels, or a GRU.
fn state_dict(gates: usize, more: &[(&str, &[usize])], without: &str) -> Vec<u8> {
    let rows = gates * 2;
    let base: [(&str, &[usize]); 6] = [
        ("rnn.weight_ih_l0", &[rows, 3]),
        ("rnn.weight_hh_l0", &[rows, 2]),
        ("rnn.bias_ih_l0", &[rows]),
        ("rnn.bias_hh_l0", &[rows]),
        ("fc.weight", &[1, 2]),
        ("fc.bias", &[1]),
    ];
    let all = base.iter().chain(more).filter(|(name, _)| *name != without);
    let all: Vec<_> = all
        .map(|(name, shape)| (name.to_string(), shape.to_vec()))
        .collect();
    safetensors_of(&all)
}

#[test]
fn the_halves_of_a_state_dict_end_with_their_own_last_steps() {
    let reverse: [(&'static str, &'static [usize]); 4] = [
        ("rnn.weight_ih_l0_reverse", &[8, 3]),
        ("rnn.weight_hh_l0_reverse", &[8, 2]),
        ("rnn.bias_ih_l0_reverse", &[8]),
        ("rnn.bias_hh_l0_reverse", &[8]),
    ];
    let hints = Hints::default();
    // Dense layers read both.
    let dense: (&str, &[usize]) = ("a.weight", &[1, 4]);
    let with = |halves: &[(&'static str, &'static [usize])]| -> Vec<(&str, &[usize])> {
        halves.iter().copied().chain([dense]).collect()
    };
    let map = Hints {
        map: vec![("fc".into(), String::new())],
        ..Hints::default()
    };
    let source = imported(&state_dict(4, &with(&reverse), ""), &map).unwrap();
    assert!(matches!(source.layers[0].layer, Layer::Both(_)));
    assert_eq!(source.layers[1].layer, Layer::OwnLastStep);
    assert!(source.notes.iter().any(|note| note.contains("h_n")));
    refused(imported(&state_dict(4, &reverse, ""), &hints), "gives 4");
    let source = imported(&state_dict(4, &with(&reverse[..3]), ""), &map);
    assert!(source.is_ok(), "a bias may be absent: {source:?}");
    let lone = state_dict(4, &with(&reverse[1..]), "");
    refused(imported(&lone, &map), "weight_ih_l0_reverse");
}

#[test]
fn each_half_of_a_state_dict_has_its_projection() {
    let more: [(&str, &[usize]); 7] = [
        ("rnn.weight_hr_l0", &[1, 2]),
        ("rnn.weight_ih_l0_reverse", &[8, 3]),
        ("rnn.weight_hh_l0_reverse", &[8, 1]),
        ("rnn.bias_ih_l0_reverse", &[8]),
        ("rnn.weight_hr_l0_reverse", &[1, 2]),
        ("rnn.weight_hh_l0", &[8, 1]),
        ("fc.weight", &[1, 2]),
    ];
    let with = |more: &[(&str, &[usize])]| {
        let mut all = vec![
            ("rnn.weight_ih_l0".to_owned(), vec![8, 3]),
            ("fc.bias".to_owned(), vec![1]),
        ];
        all.extend(
            more.iter()
                .map(|(name, shape)| (name.to_string(), shape.to_vec())),
        );
        imported(&safetensors_of(&all), &Hints::default())
    };
    let source = with(&more).unwrap();
    let Layer::Both(halves) = &source.layers[0].layer else {
        panic!("{:?}", source.layers[0]);
    };
    assert!(halves.iter().all(|half| half.projection.is_some()));
    let network = assemble(&source, Path::new("both")).unwrap().network;
    assert_eq!(network.config.hidden, [2, 2]);
    assert_eq!(network.config.cell.projection(), Some(1));
    // One half without it.
    let lone: Vec<_> = (more.iter().copied())
        .filter(|(name, _)| *name != "rnn.weight_hr_l0_reverse")
        .collect();
    refused(with(&lone), "of a projection");
}

#[test]
fn tensors_within_a_recurrent_module_are_read_or_refused() {
    let hints = Hints::default();
    for extra in ["rnn.h0", "rnn.weight_ci_l0", "rnn.weight_ih_l2"] {
        let bytes = state_dict(4, &[(extra, &[2])], "");
        refused(imported(&bytes, &hints), extra.trim_start_matches("rnn."));
        let left_out = Hints {
            map: vec![(extra.into(), String::new())],
            ..Hints::default()
        };
        assert!(imported(&bytes, &left_out).is_ok(), "{extra}");
    }
    // A second bias alone is the second one.
    let source = imported(&state_dict(3, &[], "rnn.bias_ih_l0"), &hints).unwrap();
    let Layer::Recurrent(weights) = &source.layers[0].layer else {
        panic!("{:?}", source.layers[0]);
    };
    assert_eq!(weights.biases[0], vec![0.0; 6]);
    assert!(weights.biases[1].iter().any(|b| *b != 0.0));
    refused(
        imported(&state_dict(4, &[("a.weight", &[5, 9])], ""), &hints),
        "--map",
    );
}

/// Filters over three steps of five channels, for an LSTM that reads three values.
#[test]
fn a_convolution_of_a_state_dict_needs_its_stride() {
    let file = |filters: usize, more: &[(&str, &[usize])]| {
        let conv: [(&str, &[usize]); 2] = [
            ("first.weight", &[filters, 5, 3]),
            ("first.bias", &[filters]),
        ];
        let all: Vec<_> = conv.iter().chain(more).copied().collect();
        state_dict(4, &all, "")
    };
    let with = |stride: Option<usize>| Hints {
        conv_stride: stride,
        ..Hints::default()
    };
    refused(imported(&file(3, &[]), &with(None)), "--conv-stride");
    let message = "reads 3 values, and the layer before it gives 2";
    refused(imported(&file(2, &[]), &with(Some(2))), message);
    let behind: [(&str, &[usize]); 3] = [
        ("norm.weight", &[3]),
        ("norm.bias", &[3]),
        ("norm.running_mean", &[3]),
    ];
    for more in [&[][..], &behind] {
        let bytes = file(3, more);
        let source = read(&bytes, &with(Some(2))).unwrap();
        let assembled = assemble(&source, Path::new("a")).unwrap();
        let config = &assembled.network.config;
        let conv = config.conv.unwrap();
        assert_eq!((config.inputs, conv.filters, conv.kernel), (5, 3, 3));
        assert_eq!((conv.stride, conv.padding), (2, Padding::Valid));
        let Layer::Convolution(weights) = &source.layers[0].layer else {
            panic!("{:?}", source.layers[0]);
        };
        // The oldest step first.
        assert_eq!(weights.weight.dim(), (3, 15));
    }
}

/// Filters over three steps of `channels` channels, for an LSTM that reads three values.
fn with_conv(channels: usize, more: &[(&str, &[usize])], hints: Hints) -> Result<Source, String> {
    let conv: [(&str, &[usize]); 1] = [("first.weight", &[3, channels, 3])];
    let all: Vec<_> = conv.iter().chain(more).copied().collect();
    let hints = Hints {
        conv_stride: Some(2),
        ..hints
    };
    imported(&state_dict(4, &all, ""), &hints)
}

#[test]
fn one_convolution_of_a_state_dict_is_taken_and_in_one_group() {
    let second: [(&str, &[usize]); 1] = [("second.weight", &[3, 3, 3])];
    let found = with_conv(5, &second, Hints::default());
    refused(found, "one convolution can stand below");
    refused(with_conv(1, &[], Hints::default()), "depthwise");
    let groups = |conv_groups: usize| Hints {
        conv_groups: Some(conv_groups),
        ..Hints::default()
    };
    refused(with_conv(5, &[], groups(5)), "5 groups");
    let has_data = Hints {
        has_data: true,
        ..Hints::default()
    };
    for hints in [groups(1), has_data] {
        let notes = with_conv(1, &[], hints).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("dilation")));
    }
}

/// The other program has a row for each output of the convolution; here it stands until the next one.
#[test]
fn a_check_compares_every_output_of_a_convolution() {
    let hints = Hints {
        pooling: Some(Pooling::Steps),
        ..Hints::default()
    };
    let source = with_conv(5, &[], hints).unwrap();
    let assembled = assemble(&source, Path::new("a")).unwrap();
    let value = |(s, t, c): (usize, usize, usize)| ((s * 7 + t * 3 + c) as f32).sin();
    let inputs = ndarray::Array3::from_shape_fn((2, 10, 5), value);
    let sequences: Vec<_> = inputs.outer_iter().map(|x| x.to_owned()).collect();
    let rows = super::super::check::outputs_of(&assembled, &sequences);
    let folder = tempfile::tempdir().unwrap();
    let files = ["inputs.npy", "outputs.npy"].map(|name| folder.path().join(name));
    ndarray_npy::write_npy(&files[0], &inputs).unwrap();
    let checked = |steps: &[usize]| {
        let value = |(s, n, o): (usize, usize, usize)| rows[s][[steps[n], o]];
        let outputs = ndarray::Array3::from_shape_fn((2, steps.len(), 1), value);
        ndarray_npy::write_npy(&files[1], &outputs).unwrap();
        check(&source, &assembled, [&files[0], &files[1]], None)
    };
    assert_eq!(checked(&[2, 4, 6, 8]).unwrap().values, 8);
    let every: Vec<usize> = (0..10).collect();
    for (steps, words) in [
        (&every[..], "step 2 and every 2 from there, 4 in all"),
        (&[0, 2, 4, 6], "not the same network"),
    ] {
        let error = checked(steps).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// A file of this program's own export, with other metadata.
fn described(change: impl Fn(&mut Value)) -> Result<Source, String> {
    let bytes = small("small.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut all = metadata.metadata().clone().unwrap();
    let mut network: Value = serde_json::from_str(&all["network"]).unwrap();
    change(&mut network);
    let text = network.as_str().map_or(network.to_string(), str::to_owned);
    all.insert("network".into(), text);
    let bytes = safetensors::serialize(tensors.tensors(), Some(all)).unwrap();
    imported(&bytes, &Hints::default())
}

#[test]
fn metadata_of_an_export_fits_the_network() {
    assert!(described(|_| {}).is_ok());
    refused(described(|network| *network = "{broken".into()), "metadata");
    for (key, value) in [
        ("channels", json!(["a"])),
        ("channels", json!(["a", "a"])),
        ("outputs", json!(["a", "b", "c"])),
        ("input_mean", json!([1.0])),
        ("input_deviation", json!([1.0, 0.0])),
    ] {
        refused(
            described(|network| network[key] = value.clone()),
            "metadata",
        );
    }
}
