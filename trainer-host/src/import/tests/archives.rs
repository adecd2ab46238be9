//! Keras archives whose settings or arrays are not those that are read, and flags that do nothing for a file: each is
//! refused by name.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::*;
use super::containers::containers;
use crate::network::Padding;

pub(super) fn small(name: &str) -> Vec<u8> {
    let mut all = containers().into_iter();
    all.find(|(found, _)| *found == name).unwrap().1
}

pub(super) fn imported(bytes: &[u8], hints: &Hints) -> Result<Source, String> {
    let source = read(bytes, hints).map_err(|problem| problem.to_string())?;
    match assemble(&source, Path::new("a")) {
        Ok(_) => Ok(source),
        Err(error) => Err(error.to_string()),
    }
}

#[track_caller]
pub(super) fn refused(found: Result<Source, String>, words: &str) {
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
