//! Keras archives, `state_dict`s and TensorFlow Lite files whose settings, arrays or metadata are not those that are
//! read: each is refused by name.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::*;
use super::containers::containers;
use super::written::safetensors_of;
use crate::network::Padding;

fn small(name: &str) -> Vec<u8> {
    let mut all = containers().into_iter();
    all.find(|(found, _)| *found == name).unwrap().1
}

fn imported(bytes: &[u8], hints: &Hints) -> Result<Source, String> {
    let source = read(bytes, hints).map_err(|problem| problem.to_string())?;
    match assemble(&source, Path::new("a")) {
        Ok(_) => Ok(source),
        Err(error) => Err(error.to_string()),
    }
}

#[track_caller]
fn refused(found: Result<Source, String>, words: &str) {
    let message = found.expect_err("it was taken");
    assert!(message.contains(words), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

/// The archive `small.keras` with other members.
fn archive(member: &str, content: Option<&[u8]>) -> Vec<u8> {
    let mut from = ZipArchive::new(Cursor::new(small("small.keras"))).unwrap();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..from.len() {
        let mut file = from.by_index(n).unwrap();
        let mut own = Vec::new();
        file.read_to_end(&mut own).unwrap();
        let name = file.name().to_owned();
        let kept = match name == member {
            true => content,
            false => Some(&own[..]),
        };
        if let Some(kept) = kept {
            to.start_file(name, SimpleFileOptions::default()).unwrap();
            to.write_all(kept).unwrap();
        }
    }
    to.finish().unwrap().into_inner()
}

/// The configuration of `small.keras`, changed.
fn keras(change: impl Fn(&mut Value)) -> Result<Source, String> {
    let mut from = ZipArchive::new(Cursor::new(small("small.keras"))).unwrap();
    let mut model: Value = serde_json::from_reader(from.by_name("config.json").unwrap()).unwrap();
    change(&mut model);
    let bytes = archive("config.json", Some(model.to_string().as_bytes()));
    imported(&bytes, &Hints::default())
}

/// A setting of layer `n`, which are an input, a normalisation, an LSTM and a dense layer.
fn set(n: usize, key: &str, value: Value) -> Result<Source, String> {
    keras(|model| model["config"]["layers"][n]["config"][key] = value.clone())
}

/// A layer without weights put at `n`.
fn put(n: usize, class: &str, config: Value) -> Result<Source, String> {
    keras(|model| {
        let layers = model["config"]["layers"].as_array_mut().unwrap();
        layers.insert(n, json!({"class_name": class, "config": config}));
    })
}

/// The layers as a functional model, in which the dense layer reads output `read` of the LSTM.
fn functional(read: u64, arguments: Value, settings: Value) -> Result<Source, String> {
    keras(|model| {
        let layers = model["config"]["layers"].as_array_mut().unwrap();
        let settings = settings.as_object().unwrap().clone();
        layers[2]["config"]
            .as_object_mut()
            .unwrap()
            .extend(settings);
        let names: Vec<Value> = layers.iter().map(|l| l["config"]["name"].clone()).collect();
        for (n, layer) in layers.iter_mut().enumerate() {
            layer["inbound_nodes"] = match n {
                0 => json!([]),
                3 => json!([[[names[2], 0, read, arguments]]]),
                n => {
                    json!([{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [names[n - 1], 0, 0]}}],
                             "kwargs": {"training": false, "mask": null}}])
                }
            };
        }
        model["class_name"] = "Functional".into();
        model["config"]["output_layers"] = json!([[names[3], 0, 0]]);
    })
}

#[test]
fn an_output_of_a_layer_is_read_by_its_number() {
    let none = json!({});
    let last = |source: &Source| {
        (source.layers.iter())
            .filter(|l| l.layer == Layer::LastStep)
            .count()
    };
    let states = |sequences: bool| json!({"return_state": true, "return_sequences": sequences});
    for (read, sequences, steps) in [(0, false, 1), (1, false, 1), (0, true, 0), (1, true, 1)] {
        let source = functional(read, none.clone(), states(sequences)).unwrap();
        assert_eq!(
            last(&source),
            steps,
            "output {read}, every step: {sequences}"
        );
    }
    refused(functional(2, none.clone(), states(true)), "cell state");
    refused(functional(1, none.clone(), none.clone()), "no output 1");
    let state = json!({"initial_state": [["memory", 0, 1]]});
    refused(functional(0, state, none.clone()), "initial_state");
    assert!(functional(0, json!({"training": false, "mask": null}), none).is_ok());
}

#[test]
fn a_mean_over_time_is_read_where_it_is_one() {
    let pooled = |config: Value, sequences: bool| {
        keras(|model| {
            let layers = model["config"]["layers"].as_array_mut().unwrap();
            layers[2]["config"]["return_sequences"] = sequences.into();
            let pooling = json!({"class_name": "GlobalAveragePooling1D", "config": config});
            layers.insert(3, pooling);
        })
    };
    let source = pooled(json!({"data_format": "channels_last"}), true).unwrap();
    assert!(source.layers.iter().any(|l| l.layer == Layer::Mean));
    assert_eq!(source.output_axes.len(), 2);
    let first = json!({"data_format": "channels_first"});
    refused(pooled(first, true), "channels_last");
    refused(pooled(json!({"keepdims": true}), true), "keepdims");
    // The last step is no sequence any more.
    refused(pooled(json!({}), false), "a mean over time where");
}

#[test]
fn layers_of_keras_that_run_backwards_are_taken_where_their_order_is_that_of_time() {
    let backwards = |sequences: bool| {
        keras(|model| {
            let config = &mut model["config"]["layers"][2]["config"];
            config["go_backwards"] = true.into();
            config["return_sequences"] = sequences.into();
        })
    };
    let source = backwards(false).unwrap();
    assert!(
        source
            .layers
            .iter()
            .any(|l| matches!(l.layer, Layer::Reverse(_)))
    );
    assert!(source.layers.iter().any(|l| l.layer == Layer::OwnLastStep));
    refused(backwards(true), "from the last to the first");
    let wrapped = |mode: &str| {
        keras(|model| {
            let layer = &mut model["config"]["layers"][2];
            let config = json!({"name": "both", "merge_mode": mode, "layer": layer.clone()});
            *layer = json!({"class_name": "Bidirectional", "config": config});
        })
    };
    refused(wrapped("sum"), "merge_mode");
    // The arrays of the halves are looked for.
    refused(wrapped("concat"), "forward_layer");
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
fn settings_of_keras_are_read_or_refused() {
    refused(put(3, "ReLU", json!({"threshold": 0.5})), "threshold");
    refused(put(3, "ReLU", json!({"max_value": 6.0})), "max_value");
    assert!(put(3, "ReLU", json!({"max_value": null, "threshold": 0.0})).is_ok());
    refused(put(4, "Softmax", json!({"axis": 0})), "axis 0");
    refused(
        put(3, "BatchNormalization", json!({"axis": [1, 2]})),
        "axis",
    );
    let scaled = put(
        1,
        "Rescaling",
        json!({"scale": [0.5, 2.0], "offset": [1.0, -1.0]}),
    )
    .unwrap();
    let expected = Layer::Affine {
        scale: vec![0.5, 2.0],
        offset: vec![1.0, -1.0],
    };
    assert_eq!(scaled.layers[0].layer, expected);
    refused(put(1, "Rescaling", json!({"scale": "much"})), "scale");
    refused(set(2, "unheard", json!(3)), "unheard");
    assert!(set(2, "unheard", Value::Null).is_ok());
    refused(set(2, "return_sequences", json!(1)), "return_sequences");
    refused(set(2, "units", json!(999)), "units");
    refused(set(3, "units", json!(999)), "units");
    refused(set(2, "use_bias", json!(false)), "unread");
    refused(set(3, "use_bias", json!(false)), "unread");
    refused(set(0, "batch_shape", json!([null, 5, 9])), "9 channels");
    let own =
        |key: &str, value: &str| keras(|model| model["config"]["layers"][2][key] = value.into());
    refused(own("registered_name", "my>LSTM"), "another package");
    refused(own("module", "my.package"), "another package");
    assert!(own("module", "keras.layers").is_ok());
    let activation =
        json!({"class_name": "function", "config": "softmax", "registered_name": "my>softmax"});
    refused(set(3, "activation", activation), "activation");
    refused(
        keras(|model| model["config"]["layers"][2] = Value::Null),
        "layer 2",
    );
}

#[test]
fn archives_and_groups_do_not_grow_without_a_limit() {
    let spaces = vec![b' '; 17 << 20];
    refused(
        imported(&archive("config.json", Some(&spaces)), &Hints::default()),
        "larger than",
    );
    let looped = include_bytes!("files/loop.h5");
    refused(imported(looped, &Hints::default()), "more than 1000");
    refused(
        imported(&archive("config.json", None), &Hints::default()),
        "config.json",
    );
    let mut arrays = ZipWriter::new(Cursor::new(Vec::new()));
    arrays
        .start_file("a.npy", SimpleFileOptions::default())
        .unwrap();
    let arrays = arrays.finish().unwrap().into_inner();
    refused(
        imported(&arrays, &Hints::default()),
        ".onnx or .safetensors",
    );
}

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

#[test]
fn a_convolution_of_keras_is_taken_with_the_padding_of_a_stream() {
    let conv = |config| put(1, "Conv1D", config);
    refused(conv(json!({"padding": "same"})), "later steps");
    refused(conv(json!({"dilation_rate": [2]})), "dilation_rate");
    refused(conv(json!({"groups": 2})), "groups");
    refused(conv(json!({"strides": [0]})), "strides");
    refused(
        conv(json!({"data_format": "channels_first"})),
        "channels_first",
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

type SetFlag = fn(&mut Hints);

/// Each flag alone.
fn flags() -> [(&'static str, Hints); 9] {
    let flags: [(&str, SetFlag); 9] = [
        ("--conv-groups", |h| h.conv_groups = Some(1)),
        ("--conv-stride", |h| h.conv_stride = Some(2)),
        ("--conv-padding", |h| h.conv_padding = Some(Padding::Causal)),
        ("--output", |h| h.output = Some("zzz".into())),
        ("--map", |h| h.map = vec![("a".into(), "b".into())]),
        ("--linear-head", |h| h.linear_head = true),
        ("--zero-state", |h| h.zero_state = true),
        ("--time-first", |h| h.time_first = true),
        ("--pooling", |h| h.pooling = Some(Pooling::Steps)),
    ];
    flags.map(|(name, set)| {
        let mut hints = Hints::default();
        set(&mut hints);
        (name, hints)
    })
}

#[test]
fn a_flag_without_an_effect_is_refused() {
    let flags = flags();
    for (file, takes) in [
        ("small.keras", &[][..]),
        ("small.h5", &[]),
        ("small.tflite", &[]),
        ("small.onnx", &["--zero-state"]),
        (
            "small.safetensors",
            &["--linear-head", "--time-first", "--pooling"],
        ),
    ] {
        let bytes = small(file);
        for (flag, hints) in &flags {
            match takes.contains(flag) {
                true => assert!(imported(&bytes, hints).is_ok(), "{file} {flag}"),
                false => refused(imported(&bytes, hints), flag),
            }
        }
        let last = Hints {
            pooling: Some(Pooling::Last),
            ..Hints::default()
        };
        assert!(imported(&bytes, &last).is_ok(), "{file}");
    }
}
