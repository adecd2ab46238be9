//! The program as a user meets it: the stages in a row, and what it says to bad input.

mod bench;

use std::path::{Path, PathBuf};

use bench::{Bench, json};

/// Trains a small network into `run`.
fn train(bench: &Bench, data: &str, extra: &[&str]) -> String {
    let mut arguments = vec![
        "train", data, "--out", "run", "--epochs", "3", "--hidden", "6",
    ];
    arguments.extend(extra);
    bench.succeed(&arguments)
}

/// Two classes that a few epochs can tell apart: rising and falling ramps with a ripple.
fn ramps() -> String {
    let mut text = String::from("series_id,t,x,y,label\n");
    for series in 0..40 {
        let up = series % 2 == 0;
        for t in 0..8 {
            let x =
                f64::from(if up { t } else { 7 - t }) + 0.1 * f64::from((series * 7 + t * 3) % 5);
            let y = 100.0 * f64::from(t % 2);
            let label = if up { "up" } else { "down" };
            text += &format!("s{series},{t},{x:.2},{y},{label}\n");
        }
    }
    text
}

#[test]
fn the_stages_run_in_a_row() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let trained = train(&bench, "ramps.csv", &["--epochs", "30", "--json"]);
    assert_eq!(json(&trained)["epochs"], 30);
    let report = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(report.contains("<svg") && report.contains("Confusion"));
    assert!(
        !report.replace("http://www.w3.org/", "").contains("http"),
        "a report needs no network"
    );

    let quantised = json(&bench.succeed(&["quantise", "run", "--json"]));
    let float = quantised["comparison"]["float"]["accuracy"]
        .as_f64()
        .unwrap();
    let integer = quantised["comparison"]["integer"]["accuracy"]
        .as_f64()
        .unwrap();
    assert!(float > 0.9, "{float}");
    assert!((float - integer).abs() < 0.1);

    let exported = bench.succeed(&["export", "run", "-o", "ramps.lstm"]);
    assert!(exported.contains("ramps.lstm"));
    let inspected = json(&bench.succeed(&["inspect", "ramps.lstm", "--json"]));
    assert_eq!(inspected["outputs"], serde_json::json!(["down", "up"]));
    assert_eq!(inspected["inputs"][0]["name"], "x");
    assert!(bench.succeed(&["inspect", "run"]).contains("peepholes"));

    // The model file alone gives the run's own integers.
    let from_run = json(&bench.succeed(&["eval", "run", "--part", "validation", "--json"]));
    let from_file = json(&bench.succeed(&["eval", "ramps.lstm", "--data", "ramps.csv", "--json"]));
    assert!(
        from_run["comparison"]["integer"]["accuracy"]
            .as_f64()
            .unwrap()
            > 0.8
    );
    assert!(from_file["score"]["accuracy"].as_f64().unwrap() > 0.9);
}

#[test]
fn each_layer_has_its_scheme() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &["--epochs", "30", "--hidden", "6,10"]);
    let bytes = |scheme: &str, layers: [&str; 3]| {
        let quantised = json(&bench.succeed(&["quantise", "run", "--scheme", scheme, "--json"]));
        assert_eq!(quantised["schemes"], serde_json::json!(layers));
        let comparison = &quantised["comparison"];
        let accuracy = |of: &str| comparison[of]["accuracy"].as_f64().unwrap();
        assert!(
            (accuracy("float") - accuracy("integer")).abs() < 0.2,
            "{scheme}"
        );
        bench.succeed(&["export", "run", "-o", "ramps.lstm"]);
        let inspected = json(&bench.succeed(&["inspect", "ramps.lstm", "--json"]));
        let of_layers = inspected["layers"].as_array().unwrap().iter();
        let of_layers: Vec<_> = of_layers
            .map(|layer| layer["scheme"].as_str().unwrap())
            .collect();
        assert_eq!(of_layers, layers);
        let size = |of: &str| inspected[of].as_u64().unwrap();
        (size("file_bytes"), size("state_bytes"))
    };
    let wide = bytes("w8a16", ["w8a16"; 3]);
    let narrow = bytes("w8a8", ["w8a8"; 3]);
    let small = bytes("w4a16", ["w4a16"; 3]);
    let mixed = bytes("w4a16,w8a8,w8a16", ["w4a16", "w8a8", "w8a16"]);
    // 6 and 10 units: five blocks of cells and as many of int16 hidden state, or three of int8.
    assert_eq!((wide.1, narrow.1, mixed.1), (120, 104, 112));
    assert_eq!(wide.0, narrow.0);
    assert!(small.0 < mixed.0 && mixed.0 < wide.0);

    let said = bench.fail(&["quantise", "run", "--scheme", "w8a8,w8a16"]);
    assert!(
        said.contains("2 schemes") && said.contains("3 layers"),
        "{said}"
    );
    let said = bench.fail(&["quantise", "run", "--scheme", "w2a2"]);
    assert!(said.contains("w2a2") && said.contains("w4a16"), "{said}");
}

#[test]
fn equal_shifts_make_a_file_for_m55_smaller() {
    let bench = Bench::new();
    train(&bench, "digits", &["--epochs", "1", "--hidden", "6,10"]);
    let bytes = |flags: &[&str]| {
        let quantise = ["quantise", "run", "--scheme", "w8a8", "--json"];
        let quantised = json(&bench.succeed(&[&quantise[..], flags].concat()));
        bench.succeed(&["export", "run", "--target", "m55", "-o", "digits.lstm"]);
        let size = std::fs::metadata(bench.path("digits.lstm")).unwrap().len();
        (size, quantised["x_shifts"].clone())
    };
    let ((free, shifts), (equal, equal_shifts)) = (bytes(&[]), bytes(&["--equal-shifts"]));
    // Raw inputs reach further than a hidden state.
    assert_ne!(shifts[0], equal_shifts[0]);
    // 8 + 6 activations are one group instead of two: 64 bytes less for each of six units.
    assert!(equal <= free - 6 * 64, "{equal} against {free}");
    let said = bench.fail(&["quantise", "run", "--equal-shifts"]);
    assert!(said.contains("--scheme w8a8"), "{said}");
}

#[test]
fn the_number_of_threads_does_not_change_the_weights() {
    let weights = |threads: &str| {
        let bench = Bench::new();
        bench.file("ramps.csv", ramps().as_bytes());
        train(&bench, "ramps.csv", &["--threads", threads]);
        std::fs::read(bench.path("run/weights.safetensors")).unwrap()
    };
    assert_eq!(weights("1"), weights("3"));
}

#[test]
fn a_finished_run_is_not_overwritten_by_accident() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &[]);
    let before = std::fs::read(bench.path("run/weights.safetensors")).unwrap();
    let said = bench.fail(&["train", "ramps.csv", "--out", "run"]);
    assert!(
        said.contains("--overwrite") && said.contains("run"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(bench.path("run/weights.safetensors")).unwrap(),
        before
    );
    train(&bench, "ramps.csv", &["--overwrite", "--seed", "1"]);
    assert_ne!(
        std::fs::read(bench.path("run/weights.safetensors")).unwrap(),
        before
    );
}

#[test]
fn bad_data_is_refused_with_its_place() {
    let bench = Bench::new();
    let header = "series_id,t,x,label\n";
    let cases: [(&str, String, &[&str]); 6] = [
        ("empty.csv", String::new(), &["empty.csv"]),
        ("header.csv", header.into(), &["header.csv"]),
        (
            "ragged.csv",
            format!("{header}a,0,1.0,up\na,1,2.0\n"),
            &["ragged.csv:3"],
        ),
        (
            "nan.csv",
            format!("{header}a,0,1.0,up\na,1,NaN,up\n"),
            &["nan.csv:3", "x"],
        ),
        (
            "word.csv",
            format!("{header}a,0,1.0,up\na,1,high,up\n"),
            &["word.csv:3", "x", "high"],
        ),
        (
            "odd.parquet",
            String::from("x"),
            &["odd.parquet", "parquet"],
        ),
    ];
    for (name, content, expected) in cases {
        bench.file(name, content.as_bytes());
        let said = bench.fail(&["train", name, "--out", "run"]);
        for part in expected {
            assert!(said.contains(part), "{name}: {said}");
        }
        assert!(
            !bench.path("run").exists(),
            "{name}: nothing is left behind"
        );
    }
    let said = bench.fail(&["train", "nowhere.csv", "--out", "run"]);
    assert!(said.contains("nowhere.csv"), "{said}");
    let said = bench.fail(&["train", "digitts", "--out", "run"]);
    assert!(
        said.contains("digits"),
        "the nearest name is offered: {said}"
    );
}

#[test]
fn an_unknown_label_in_the_test_part_is_refused() {
    let bench = Bench::new();
    bench.file("train.csv", ramps().as_bytes());
    bench.file(
        "test.csv",
        ramps().replace(",down\n", ",sideways\n").as_bytes(),
    );
    let said = bench.fail(&["train", "train.csv", "--test", "test.csv", "--out", "run"]);
    assert!(
        said.contains("test.csv:") && said.contains("sideways") && said.contains("down"),
        "{said}"
    );
}

#[test]
fn bad_flags_are_refused() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    for (flag, value) in [
        ("--epochs", "0"),
        ("--epochs", "18446744073709551615"),
        ("--batch-size", "0"),
        ("--learning-rate", "-1"),
        ("--dropout", "1.5"),
        ("--hidden", "0"),
        ("--hidden", "many"),
        ("--validation-share", "1.0"),
        ("--loss", "hinge"),
    ] {
        let argument = format!("{flag}={value}");
        let said = bench.fail(&["train", "ramps.csv", "--out", "run", &argument]);
        let field = flag.trim_start_matches('-').replace('-', "_");
        assert!(
            said.contains(flag) || said.contains(&field),
            "{argument}: {said}"
        );
        assert!(
            !bench.path("run").exists(),
            "{argument}: nothing is left behind"
        );
    }
}

/// A trained, quantised and exported run in `bench`.
fn exported(bench: &Bench) -> PathBuf {
    bench.file("ramps.csv", ramps().as_bytes());
    train(bench, "ramps.csv", &[]);
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&["export", "run"]);
    bench.path("run/model.lstm")
}

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

#[test]
fn data_of_other_channels_is_refused() {
    let bench = Bench::new();
    exported(&bench);
    bench.file(
        "three.csv",
        b"series_id,t,x,y,z,label\na,0,1,2,3,up\nb,0,1,2,3,down\n",
    );
    let said = bench.fail(&["eval", "run/model.lstm", "--data", "three.csv"]);
    assert!(
        said.contains("three.csv") && said.contains('3') && said.contains('2'),
        "{said}"
    );
}

#[test]
fn an_interrupted_run_resumes_to_the_same_weights() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let arguments = [
        "train",
        "ramps.csv",
        "--out",
        "whole",
        "--epochs",
        "40",
        "--hidden",
        "24",
    ];
    bench.succeed(&arguments);
    let mut arguments = arguments;
    arguments[3] = "broken";
    let mut child = bench
        .command(&arguments)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Killed once there is a checkpoint, wherever it is by then.
    while !bench.path("broken/checkpoint.safetensors").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the run ended without a checkpoint"
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench.succeed(&["train", "--resume", "broken"]);
    let read = |name: &str| std::fs::read(bench.path(name).join("weights.safetensors")).unwrap();
    assert_eq!(read("whole"), read("broken"));
}

#[test]
fn a_resumed_run_keeps_its_configuration() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &[]);
    let said = bench.fail(&["train", "--resume", "run", "--learning-rate", "0.5"]);
    assert!(said.contains("configuration"), "{said}");
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
fn data_that_is_no_longer_the_runs_own_is_refused() {
    let bench = Bench::new();
    exported(&bench);
    // Another class, then another channel.
    for (changed, expected) in [
        (ramps().replace(",down\n", ",left\n"), "left"),
        (ramps().replace("x,y,label", "x,z,label"), "z"),
    ] {
        bench.file("ramps.csv", changed.as_bytes());
        for command in [
            &["quantise", "run"][..],
            &["eval", "run", "--part", "train"],
        ] {
            let said = bench.fail(command);
            assert!(
                said.contains("ramps.csv") && said.contains(expected),
                "{said}"
            );
        }
    }
    // The same kind, but other values: the weights would not be those of an unbroken run.
    bench.file(
        "ramps.csv",
        ramps()
            .replace(",100\n", ",90\n")
            .replace("100", "90")
            .as_bytes(),
    );
    let said = bench.fail(&["train", "--resume", "run"]);
    assert!(said.contains("ramps.csv is no longer the data"), "{said}");
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
    let file = "quantised.safetensors";
    std::fs::copy(bench.path("other").join(file), bench.path("run").join(file)).unwrap();
    let said = bench.fail(&["eval", "run", "--part", "train"]);
    assert!(
        said.contains(file) && said.contains("trainer-host quantise"),
        "{said}"
    );
}

#[test]
fn flags_that_would_have_no_effect_are_refused() {
    let bench = Bench::new();
    exported(&bench);
    let said = bench.fail(&["eval", "run", "--part", "train", "--test", "ramps.csv"]);
    assert!(said.contains("--data"), "{said}");
    let said = bench.fail(&["train", "--resume", "run", "--label", "y"]);
    assert!(said.contains("data"), "{said}");
    let said = bench.fail(&["eval", "run", "--part", "train", "--limit", "0"]);
    assert!(said.contains("--limit"), "{said}");
}

#[test]
fn an_error_says_everything_once() {
    let bench = Bench::new();
    let said = bench.fail(&["inspect", "nowhere.lstm"]);
    assert_eq!(said.matches("os error").count(), 1, "{said}");
}

#[test]
fn what_no_model_file_holds_is_refused_before_training() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file(
        "big.csv",
        ramps()
            .replace(",100\n", ",2.4e9\n")
            .replace("100,", "2.4e9,")
            .as_bytes(),
    );
    bench.file(
        "long.csv",
        ramps().replace("down", &"d".repeat(256)).as_bytes(),
    );
    for (data, extra, expected) in [
        ("big.csv", "--epochs=1", "\"y\" reaches 2.400e9"),
        ("long.csv", "--epochs=1", "256 bytes"),
        ("ramps.csv", "--hidden=1,1,1,1,1", "LSTM layers"),
    ] {
        let said = bench.fail(&["train", data, "--out", "run", extra]);
        assert!(said.contains(expected), "{data}: {said}");
        assert!(!bench.path("run").exists(), "nothing is left behind");
    }
}

#[test]
fn a_loss_that_does_not_fit_the_targets_is_refused() {
    let bench = Bench::new();
    bench.file(
        "ramps.csv",
        ramps()
            .replace(",down", ",1")
            .replace(",up", ",2")
            .as_bytes(),
    );
    for loss in ["cross-entropy", "binary-cross-entropy"] {
        let arguments = [
            "train",
            "ramps.csv",
            "--out",
            "run",
            "--targets",
            "label",
            "--loss",
            loss,
        ];
        let said = bench.fail(&arguments);
        assert!(said.contains(&format!("loss.kind is {loss}")), "{said}");
    }
}

#[test]
fn one_output_for_two_classes_goes_through_every_stage() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(
        &bench,
        "ramps.csv",
        &["--loss", "binary-cross-entropy", "--epochs", "30"],
    );
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&["export", "run"]);
    let inspected = json(&bench.succeed(&["inspect", "run/model.lstm", "--json"]));
    assert_eq!(inspected["task"], "sigmoid");
    assert_eq!(inspected["outputs"], serde_json::json!(["down", "up"]));
    let arguments = ["eval", "run/model.lstm", "--data", "ramps.csv", "--json"];
    let evaluated = json(&bench.succeed(&arguments));
    assert!(
        evaluated["score"]["accuracy"].as_f64().unwrap() > 0.9,
        "{evaluated}"
    );
}

#[test]
fn weights_are_written_even_where_a_log_cannot_be() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    std::fs::create_dir_all(bench.path("run/log.jsonl")).unwrap();
    let arguments = [
        "train",
        "ramps.csv",
        "--out",
        "run",
        "--epochs",
        "2",
        "--hidden",
        "3",
    ];
    let said = bench.fail(&arguments);
    assert!(said.contains("log.jsonl"), "{said}");
    assert!(bench.path("run/weights.safetensors").exists());
}

#[test]
fn a_run_that_stops_early_says_so() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let train = |flags: &[&str]| {
        let mut arguments = vec![
            "train",
            "ramps.csv",
            "--out",
            "a",
            "--overwrite",
            "--epochs",
            "5",
        ];
        arguments.extend(flags);
        bench.succeed(&arguments)
    };
    let early = ["--early-stopping", "1", "--min-delta", "100"];
    assert!(train(&early).contains("stopped early at epoch 2"));
    let ending = |printed: &str| json(printed)["ending"].clone();
    assert_eq!(
        ending(&train(&[&early[..], &["--json"]].concat())),
        "stopped-early"
    );
    let text = train(&[]);
    assert!(
        text.contains("5 epochs") && !text.contains("early"),
        "{text}"
    );
    assert_eq!(ending(&train(&["--json"])), "finished");
}

#[test]
fn a_configuration_file_holds_what_flags_override() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file(
        "ramps.toml",
        b"source = \"ramps.csv\"\n[train]\nhidden = [5]\nepochs = 2\nbatch_size = 8\n",
    );
    let printed = bench.succeed(&[
        "train",
        "--config",
        "ramps.toml",
        "--epochs",
        "3",
        "--set",
        "train.clip_norm=0.5",
        "--print-config",
    ]);
    bench.file("printed.toml", printed.as_bytes());
    let trained = |file: &str, out: &str, flags: &[&str]| {
        let mut arguments = vec!["train", "--config", file, "--out", out];
        arguments.extend(flags);
        bench.succeed(&arguments);
        std::fs::read(bench.path(&format!("{out}/weights.safetensors"))).unwrap()
    };
    let from_printed = trained("printed.toml", "a", &[]);
    let from_flags = trained(
        "ramps.toml",
        "b",
        &["--epochs", "3", "--set", "train.clip_norm=0.5"],
    );
    assert_eq!(from_printed, from_flags);
    assert_ne!(from_printed, trained("ramps.toml", "c", &[]));
    // As JSON, the same.
    let json = bench.succeed(&[
        "train",
        "--config",
        "printed.toml",
        "--print-config",
        "--json",
    ]);
    bench.file("printed.json", json.as_bytes());
    assert_eq!(from_printed, trained("printed.json", "d", &[]));

    let compared = bench.succeed(&["compare", "a", "c", "--html", "compare.html"]);
    assert!(compared.contains("train.epochs") && compared.contains("train.clip_norm"));
    assert!(!compared.contains("train.hidden"), "{compared}");
    let page = std::fs::read_to_string(bench.path("compare.html")).unwrap();
    assert!(page.contains("Validation loss"));
}

#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_same_weights() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let arguments = |out| {
        let fixed = ["train", "ramps.csv", "--epochs", "30", "--hidden", "24"];
        [&fixed[..], &["--batch-size", "4", "--out", out]].concat()
    };
    bench.succeed(&arguments("whole"));
    // Whenever a kill comes, between two files or within one: later and later ones, so that some
    // epochs are done in between on any machine.
    for milliseconds in (0..200).step_by(13) {
        let begun = bench.path("killed/config.toml").exists();
        let command = match begun {
            true => vec!["train", "--resume", "killed"],
            false => arguments("killed"),
        };
        let mut child = bench
            .command(&command)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    bench.succeed(&["train", "--resume", "killed"]);
    for file in ["weights.safetensors", "log.jsonl", "checkpoint.safetensors"] {
        let content = |run: &str| std::fs::read(bench.path(run).join(file)).unwrap();
        assert_eq!(content("whole"), content("killed"), "{file}");
    }
}

/// Of the repository.
fn configurations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

#[test]
fn every_configuration_of_the_repository_can_be_read() {
    let bench = Bench::new();
    let mut count = 0;
    for entry in std::fs::read_dir(configurations()).unwrap() {
        let path = entry.unwrap().path();
        bench.succeed(&[
            "train",
            "--config",
            path.to_str().unwrap(),
            "--print-config",
        ]);
        count += 1;
    }
    assert!(count >= 6);
}

#[test]
fn the_articles_example_runs() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let config = configurations().join("article.toml");
    let arguments = ["train", "ramps.csv", "--out", "run", "--json", "--config"];
    let trained = json(&bench.succeed(&[&arguments[..], &[config.to_str().unwrap()]].concat()));
    assert_eq!(trained["epochs"], 10);
    assert_eq!(trained["validation"]["accuracy"], 1.0);
    assert!(bench.succeed(&["inspect", "run"]).contains("128"));
}

#[test]
fn unknown_settings_name_the_nearest_known_one() {
    let bench = Bench::new();
    bench.file("bad.toml", b"[train]\nepoch = 3\n");
    let error = bench.fail(&["train", "digits", "--out", "run", "--config", "bad.toml"]);
    assert!(error.contains("bad.toml:2:1"), "{error}");
    assert!(error.contains("did you mean `epochs`?"), "{error}");
    let error = bench.fail(&[
        "train",
        "digits",
        "--out",
        "run",
        "--set",
        "train.hiden=[3]",
    ]);
    assert!(error.contains("did you mean `hidden`?"), "{error}");
    let error = bench.fail(&["train", "--out", "run", "--config", "nowhere.toml"]);
    assert!(error.contains("nowhere.toml"), "{error}");
    assert!(!bench.path("run").exists());
}

#[test]
fn several_seeds_make_a_mean_and_go_on_where_they_were_stopped() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let arguments = [
        "train",
        "ramps.csv",
        "--out",
        "all",
        "--epochs",
        "3",
        "--hidden",
        "6",
        "--seeds",
        "3,5",
        "--json",
    ];
    let first = json(&bench.succeed(&arguments));
    let accuracies: Vec<f64> = (first["runs"].as_array().unwrap().iter())
        .map(|run| run["validation"]["accuracy"].as_f64().unwrap())
        .collect();
    let mean = first["validation"]["mean"].as_f64().unwrap();
    assert!((mean - (accuracies[0] + accuracies[1]) / 2.0).abs() < 1e-12);
    std::fs::remove_file(bench.path("all/seed-5/metrics.json")).unwrap();
    assert_eq!(json(&bench.succeed(&arguments)), first);
    let error = bench.fail(&[
        "train",
        "ramps.csv",
        "--out",
        "all",
        "--epochs",
        "4",
        "--hidden",
        "6",
        "--seeds",
        "3",
    ]);
    assert!(error.contains("--overwrite"), "{error}");
}

/// A noisy wave of two channels, one row an hour.
fn wave(rows: usize) -> String {
    let mut text = String::from("date,load,temperature\n");
    for row in 0..rows {
        let (day, hour) = (1 + row / 24, row % 24);
        let angle = row as f64 * std::f64::consts::TAU / 12.0;
        let ripple = ((row * 7919) % 13) as f64 / 100.0;
        let (load, temperature) = (50.0 + 10.0 * angle.sin() + ripple, 4.0 * angle.cos());
        text += &format!("2024-01-{day:02} {hour:02}:00,{load:.3},{temperature:.3}\n");
    }
    text
}

#[test]
fn a_forecast_beats_persistence_from_training_to_integers() {
    let bench = Bench::new();
    bench.file("wave.csv", wave(600).as_bytes());
    for change in [None, Some("--change")] {
        let mut flags = vec!["--time", "date", "--look-back", "12", "--test-rows", "120"];
        flags.extend(["--epochs", "6", "--overwrite", "--json"]);
        flags.extend(change);
        let trained = json(&train(&bench, "wave.csv", &flags));
        let mse = |score: &serde_json::Value, of: &str| score[of]["mse"].as_f64().unwrap();
        let test = &trained["test"];
        assert_eq!(test["values"], 240);
        assert!(
            mse(test, "standardised") < 0.5 * mse(test, "standardised_persistence"),
            "{test}"
        );

        let quantised = json(&bench.succeed(&["quantise", "run", "--json"]));
        let integer = &quantised["comparison"]["integer"];
        assert!(mse(integer, "standardised") < 0.5 * mse(test, "standardised_persistence"));
        bench.succeed(&["export", "run", "-o", "wave.lstm"]);
        let inspected = json(&bench.succeed(&["inspect", "wave.lstm", "--json"]));
        let name = if change.is_some() {
            "load[+1]-load[0]"
        } else {
            "load[+1]"
        };
        assert_eq!(inspected["outputs"][0], name);

        // The run remembers how windows are cut; a model file is told, and knows no training rows.
        let again = json(&bench.succeed(&["eval", "run", "--data", "wave.csv", "--json"]));
        assert_eq!(again["sequences"], 588);
        let mut eval = vec!["eval", "wave.lstm", "--data", "wave.csv", "--time", "date"];
        eval.extend(["--look-back", "12", "--test-rows", "120", "--json"]);
        eval.extend(change);
        let file = json(&bench.succeed(&eval));
        assert_eq!(file["score"]["mse"], integer["mse"]);
        assert!(file["score"]["standardised"].is_null());
        let other = bench.fail(&[
            "eval",
            "wave.lstm",
            "--data",
            "wave.csv",
            "--time",
            "date",
            "--look-back",
            "12",
            "--horizon",
            "2",
        ]);
        assert!(other.contains("outputs are load[+2]"), "{other}");
    }
    let report = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(report.contains("Forecast, test part") && report.contains("persistence"));
    let text = bench.succeed(&["eval", "run"]);
    assert!(text.contains("std. persistence MSE"), "{text}");
}

#[test]
fn forecast_flags_are_refused_where_they_mean_nothing() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let train =
        |flags: &[&str]| bench.fail(&[&["train", "ramps.csv", "--out", "run"], flags].concat());
    assert!(train(&["--horizon", "3"]).contains("--look-back"));
    assert!(train(&["--fill", "guess"]).contains("previous"));
    assert!(train(&["--look-back", "7", "--test-share", "2"]).contains("test_share is 2"));
    let both = train(&[
        "--look-back",
        "3",
        "--test-share",
        "0.2",
        "--test-rows",
        "3",
    ]);
    assert!(both.contains("cannot be used with"), "{both}");
    let folds = train(&["--look-back", "3", "--folds", "3"]);
    assert!(
        folds.contains("a forecast is not cross-validated"),
        "{folds}"
    );
    assert!(!bench.path("run").exists());
}

#[test]
fn folds_judge_every_sequence_once_and_the_same_way_on_any_number_of_threads() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let folds = |threads: &str, extra: &[&str]| {
        let common = [
            "train",
            "ramps.csv",
            "--epochs",
            "3",
            "--hidden",
            "6",
            "--folds",
            "4",
            "--json",
        ];
        json(&bench.succeed(&[&common[..], &["--threads", threads], extra].concat()))
    };
    let found = folds("1", &["--out", "cv"]);
    assert_eq!(found, folds("3", &[]));
    let written = std::fs::read_to_string(bench.path("cv/cross-validation.json")).unwrap();
    assert_eq!(json(&written), found);
    let all = found["folds"].as_array().unwrap();
    let judged = all
        .iter()
        .map(|fold| fold["judged_sequences"].as_u64().unwrap());
    assert_eq!((all.len(), judged.sum::<u64>()), (4, 40));
    let figure = &found["figures"][0];
    let values: Vec<f64> = (figure["values"].as_array().unwrap().iter())
        .map(|value| value.as_f64().unwrap())
        .collect();
    let mean = values.iter().sum::<f64>() / 4.0;
    assert_eq!(figure["name"], "accuracy");
    assert!((figure["mean"].as_f64().unwrap() - mean).abs() < 1e-12);

    let text = bench.succeed(&[
        "train",
        "ramps.csv",
        "--epochs",
        "1",
        "--hidden",
        "4",
        "--folds",
        "2",
    ]);
    assert!(
        text.contains("deviation") && text.contains("stratified"),
        "{text}"
    );
    let again = bench.fail(&["train", "ramps.csv", "--folds", "2", "--out", "cv"]);
    assert!(again.contains("--overwrite"), "{again}");
    let many = bench.fail(&["train", "ramps.csv", "--folds", "41"]);
    assert!(many.contains("40 sequences cannot fill 41 folds"), "{many}");
    assert!(
        bench
            .fail(&["train", "ramps.csv", "--folds", "1"])
            .contains("2 or more")
    );
}

#[test]
fn classes_have_their_figures_in_text_json_and_report() {
    let bench = Bench::new();
    let text = ramps().replace("2.10,", ",");
    bench.file("ramps.csv", text.as_bytes());
    let refused = bench.fail(&["train", "ramps.csv", "--out", "run"]);
    assert!(
        refused.contains("column x") && refused.contains("--fill"),
        "{refused}"
    );
    let trained = json(&train(
        &bench,
        "ramps.csv",
        &["--fill", "interpolate", "--epochs", "8", "--json"],
    ));
    let score = &trained["validation"];
    for figure in ["balanced_accuracy", "macro_f1"] {
        assert!((0.0..=1.0).contains(&score[figure].as_f64().unwrap()));
    }
    assert!(score["roc"]["auc"].as_f64().unwrap() >= 0.5);
    assert_eq!(score["classes"][0]["name"], "down");
    let report = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(report.contains("Classes, validation part") && report.contains("ROC, validation part"));
    let text = bench.succeed(&["eval", "run", "--part", "validation"]);
    assert!(
        text.contains("precision") && text.contains("support"),
        "{text}"
    );
}

#[test]
fn find_rate_proposes_a_rate_and_draws_its_curve() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let command = ["find-rate", "ramps.csv", "--hidden", "6", "--updates", "60"];
    let with = |extra: &[&'static str]| [&command[..], extra].concat();
    let text = bench.succeed(&with(&["--out", "rate.html"]));
    assert!(
        text.contains("proposed") && text.contains("--learning-rate"),
        "{text}"
    );
    let page = std::fs::read_to_string(bench.path("rate.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("smoothed"));
    let found = json(&bench.succeed(&with(&["--json", "--out", "rate.svg"])));
    // The test ends early once the loss is far above its lowest.
    assert!((30..=60).contains(&found["points"].as_array().unwrap().len()));
    assert!(found["proposed"].as_f64().unwrap() > 1e-6);
    assert!(
        std::fs::read_to_string(bench.path("rate.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    // The same settings from a file.
    bench.file("c.toml", b"source = \"ramps.csv\"\n[train]\nhidden = [6]\n");
    let again = [
        "find-rate",
        "--config",
        "c.toml",
        "--updates",
        "60",
        "--json",
    ];
    assert_eq!(json(&bench.succeed(&again))["points"], found["points"]);
    for (extra, said) in [
        (&["--out", "rate.png"][..], ".html or .svg"),
        (&["--lowest", "0"], "lowest is 0"),
        (&["--highest", "1e-9"], "highest is"),
        (&["--momentum", "0.5"], "the optimiser is adam"),
    ] {
        let error = bench.fail(&with(extra));
        assert!(error.contains(said), "{error}");
    }
    assert!(!bench.path("rate.png").exists());
}

#[test]
fn flags_that_do_not_belong_together_leave_no_folder() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    for (flags, said) in [
        ("--momentum 0.9", "--momentum is for --optimiser sgd"),
        ("--truncate 4", "truncate is 4"),
        (
            "--class-weights 1,2,3",
            "loss.class_weights is [1.0,2.0,3.0]",
        ),
        (
            "--validation-share 0 --early-stopping 3",
            "early_stopping is set",
        ),
        ("--schedule sawtooth", "possible values"),
    ] {
        let flags = flags.split(' ');
        let arguments: Vec<&str> = ["train", "ramps.csv", "--out", "run"]
            .into_iter()
            .chain(flags)
            .collect();
        let error = bench.fail(&arguments);
        assert!(error.contains(said), "{error}");
        assert!(!bench.path("run").exists());
    }
}

#[test]
fn classes_trained_by_squared_error_stay_classes_on_the_device() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(
        &bench,
        "ramps.csv",
        &["--loss", "mean-squared-error", "--epochs", "20"],
    );
    let quantised = json(&bench.succeed(&["quantise", "run", "--json"]));
    assert!(
        quantised["comparison"]["integer"]["accuracy"]
            .as_f64()
            .unwrap()
            > 0.8
    );
    bench.succeed(&["export", "run", "-o", "ramps.lstm"]);
    let found = json(&bench.succeed(&["eval", "ramps.lstm", "--data", "ramps.csv", "--json"]));
    assert!(
        found["score"]["accuracy"].as_f64().unwrap() > 0.8,
        "{found}"
    );
}
