//! Which runs and model files does the program refuse, and with which words?

use std::path::Path;

use crate::bench::Bench;
use crate::{exported, ramps};

#[test]
fn damaged_models_are_refused() {
    let bench = Bench::new();
    let bytes = std::fs::read(exported(&bench)).unwrap();
    let cut = bench.file("cut.lstm", &bytes[..bytes.len() / 2]);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let flipped = bench.file("flipped.lstm", &flipped);
    let text = bench.file("text.lstm", b"hello, this is text");
    let said = |path: &Path| bench.fail(&["inspect", path.to_str().unwrap()]);
    assert!(said(&cut).contains("cut.lstm: truncated"), "{}", said(&cut));
    assert!(
        said(&flipped).contains("flipped.lstm: checksum"),
        "{}",
        said(&flipped)
    );
    assert!(
        said(&text).contains("text.lstm: bad magic"),
        "{}",
        said(&text)
    );
    let said = bench.fail(&["eval", "flipped.lstm", "--data", "ramps.csv"]);
    assert!(said.contains("checksum"), "{said}");
}

#[test]
fn weights_of_another_shape_are_refused() {
    let bench = Bench::new();
    exported(&bench);
    bench.succeed(&[
        "train",
        "ramps.csv",
        "--out",
        "other",
        "--epochs",
        "1",
        "--hidden",
        "9",
    ]);
    std::fs::copy(
        bench.path("other/weights.safetensors"),
        bench.path("run/weights.safetensors"),
    )
    .unwrap();
    let said = bench.fail(&["quantise", "run"]);
    assert!(
        said.contains("weights.safetensors") && said.contains("lstm.0"),
        "{said}"
    );
    std::fs::write(bench.path("run/weights.safetensors"), b"no tensors").unwrap();
    let said = bench.fail(&["quantise", "run"]);
    assert!(said.contains("weights.safetensors"), "{said}");
    let said = bench.fail(&["export", "other"]);
    assert!(said.contains("trainer-host quantise"), "{said}");
}

/// Changes a file of a run by hand.
fn edit(bench: &Bench, file: &str, from: &str, to: &str) {
    let path = bench.path(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn entries_of_a_run_that_contradict_each_other_are_refused() {
    let bench = Bench::new();
    exported(&bench);
    let whole = std::fs::read(bench.path("run/model.toml")).unwrap();
    for (from, to, expected) in [
        ("inputs = 2", "inputs = 3", "network.inputs is 3"),
        (
            "outputs = [\"down\", \"up\"]",
            "outputs = [\"up\"]",
            "network.outputs is 2",
        ),
        ("outputs = 2", "outputs = 9", "network.outputs is 9"),
        ("task = \"class\"", "task = \"value\"", "schema.task"),
        (
            "mode = \"sequence-to-one\"",
            "mode = \"sequence-to-sequence\"",
            "schema.task",
        ),
        ("mean = [", "mean = [1.0, ", "inputs: needed 2 values"),
        ("mean = [", "mean = [nan]\nold = [", "old"),
        ("deviation = [", "deviation = [-", "deviation has -"),
        (
            "[inputs]",
            "[targets]\nmean = []\ndeviation = []\n\n[inputs]",
            "schema.task",
        ),
    ] {
        bench.file("run/model.toml", &whole);
        edit(&bench, "run/model.toml", from, to);
        for command in [
            &["quantise", "run"][..],
            &["eval", "run", "--part", "train"],
        ] {
            let said = bench.fail(command);
            assert!(
                said.contains("model.toml") && said.contains(expected),
                "{to}: {said}"
            );
        }
    }
}

#[test]
fn integers_of_another_run_are_refused() {
    let bench = Bench::new();
    exported(&bench);
    bench.file("three.csv", ramps().replace("x,y", "x,z").as_bytes());
    let arguments = [
        "train",
        "three.csv",
        "--out",
        "other",
        "--epochs",
        "1",
        "--hidden",
        "3",
    ];
    bench.succeed(&arguments);
    bench.succeed(&["quantise", "other"]);
    let file = "quantised-w8a16.safetensors";
    std::fs::copy(bench.path("other").join(file), bench.path("run").join(file)).unwrap();
    let said = bench.fail(&["eval", "run", "--part", "train"]);
    assert!(
        said.contains(file) && said.contains("trainer-host quantise"),
        "{said}"
    );
}
