//! Do the stages run in a row, from training to integers on the device, for every kind of task?

use crate::bench::{Bench, json};
use crate::{ramps, train, words};

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

    // As a stream: with resets it is what it was, in f32 and in integers, and a page draws both.
    let line = "eval run --part validation --stream --html stream.html --json";
    let streamed = json(&bench.succeed(&line.split(' ').collect::<Vec<_>>()));
    for form in ["float", "integer"] {
        let found = &streamed["stream"][form];
        let plain = &from_run["comparison"][form];
        assert_eq!(found["reset"]["accuracy"], plain["accuracy"], "{form}");
        assert!(found["cells"]["stream"].as_f64().unwrap() > 0.0, "{form}");
    }
    let page = std::fs::read_to_string(bench.path("stream.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 4);
    let text = bench.succeed(&["eval", "ramps.lstm", "--data", "ramps.csv", "--stream"]);
    assert!(
        text.contains("end to end") && text.contains("times as much"),
        "{text}"
    );

    // As events: every ramp that goes up is one, and a window is a ramp.
    let settings = "rate_hz = 8\n[windows]\nsteps = 8\nhop = 8\n[decision]\non = 0.6\noff = 0.6\n\
                    background = [\"down\"]\n[judge]\noccurrences = \"runs\"\n";
    bench.file("r.toml", settings);
    let line = "eval ramps.lstm --data ramps.csv --stream --recogniser r.toml";
    let found = json(&bench.succeed(&words(&format!("{line} --json"))));
    let total = &found["stream"]["recogniser"]["total"];
    let count = |field: &str| total[field].as_u64().unwrap();
    assert!(count("detected") > 8 * count("missed"), "{total}");
    assert_eq!(count("occurrences"), count("detected") + count("missed"));
    let text = bench.succeed(&words(line));
    assert!(text.contains("alarms") && text.contains("hour"), "{text}");
    bench.file("r.toml", settings.replace("hop = 8", "hop = 0"));
    let said = bench.fail(&words(line));
    assert!(said.contains("r.toml:4:7: hop: must be from 1"), "{said}");
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
fn equal_shifts_are_of_recurrent_layers_behind_a_convolution_too() {
    let bench = Bench::new();
    let conv = ["--conv-filters", "4", "--conv-stride", "2"];
    let small = ["--epochs", "1", "--hidden", "6"];
    train(&bench, "digits", &[&conv[..], &small].concat());
    let quantise = |schemes| ["quantise", "run", "--equal-shifts", "--scheme", schemes];
    let said = bench.fail(&quantise("w8a8,w8a16,w8a16"));
    assert!(
        said.contains("no recurrent layer has int8 activations"),
        "{said}"
    );
    bench.succeed(&quantise("w8a16,w8a8,w8a16"));
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
    for change in [&[][..], &["--change", "--differences"]] {
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
        let name = match change {
            [] => "load[+1]",
            _ => "load[+1]-load[0]",
        };
        assert_eq!(inspected["outputs"][0], name);

        // The run remembers how windows are cut; for a model file flags say it, and it knows no training rows.
        let again = json(&bench.succeed(&["eval", "run", "--data", "wave.csv", "--json"]));
        assert_eq!(again["sequences"], 588 - usize::from(!change.is_empty()));
        let mut eval = vec!["eval", "wave.lstm", "--data", "wave.csv", "--time", "date"];
        eval.extend(["--look-back", "12", "--test-rows", "120", "--json"]);
        eval.extend(change);
        let file = json(&bench.succeed(&eval));
        assert_eq!(file["score"]["mse"], integer["mse"]);
        assert!(file["score"]["standardised"].is_null());
        let mut other = vec!["eval", "wave.lstm", "--data", "wave.csv", "--time", "date"];
        other.extend(["--look-back", "12", "--horizon", "2"]);
        other.extend(change);
        let other = bench.fail(&other);
        assert!(other.contains("outputs are load[+2]"), "{other}");
    }
    bench.succeed(&["report", "run"]);
    let report = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(report.contains("Forecast, test part") && report.contains("persistence"));
    // Targets, forecasts and integers stand at their hours: row 480 is 20 days after the first of January.
    let first = 1_704_067_200 + 480 * 3600;
    for name in ["target", "forecast, f32", "ridge regression", "w8a16"] {
        let point = format!("\"name\":\"{name}\",\"p\":[[{first}.0,");
        assert!(
            report.replace("\"look\":\"line\",", "").contains(&point),
            "{name}"
        );
    }
    let text = bench.succeed(&["eval", "run"]);
    // Heads of a wide table stand in lines.
    assert!(
        text.contains("persistence  ") && text.contains("std."),
        "{text}"
    );
}

/// Quantises `run` in each of `schemes`: f32 decides well, and integers about as well.
fn both_decide_well(bench: &Bench, schemes: &[&str]) {
    for scheme in schemes {
        let line = ["quantise", "run", "--scheme", scheme, "--json"];
        let quantised = json(&bench.succeed(&line));
        let of = |form: &str| {
            let accuracy = &quantised["comparison"][form]["accuracy"];
            accuracy.as_f64().unwrap()
        };
        let [float, integer] = ["float", "integer"].map(of);
        assert!(
            float > 0.9 && (float - integer).abs() < 0.1,
            "{scheme}: {float} {integer}"
        );
    }
}

/// Trained, quantised and exported, and refused where a stream has no end.
#[test]
fn a_mean_over_time_goes_through_the_stages() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(
        &bench,
        "ramps.csv",
        &["--epochs", "30", "--pooling", "mean"],
    );
    both_decide_well(&bench, &["w8a16", "w8a8"]);
    bench.succeed(&["export", "run", "-o", "ramps.lstm"]);
    let inspected = bench.succeed(&["inspect", "ramps.lstm"]);
    assert!(inspected.contains("mean over time"), "{inspected}");
    for line in [
        &["eval", "run", "--part", "validation", "--stream"][..],
        &["eval", "ramps.lstm", "--data", "ramps.csv", "--stream"],
    ] {
        let refused = bench.fail(line);
        assert!(refused.contains("endless stream"), "{refused}");
    }
}

/// Trained, quantised in each scheme and for its integers, pruned, examined and exported.
#[test]
fn a_projection_goes_through_the_stages() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let few = ["--hidden", "8", "--projection", "3", "--epochs", "30"];
    train(&bench, "ramps.csv", &few);
    both_decide_well(&bench, &["w8a16", "w8a8", "w4a16"]);
    bench.succeed(&["export", "run", "-o", "ramps.lstm"]);
    let inspected = bench.succeed(&["inspect", "ramps.lstm"]);
    assert!(inspected.contains("8 to 3"), "{inspected}");
    bench.succeed(&["diagnose", "run"]);
    bench.succeed(&["report", "run"]);
    let refused = bench.fail(&["export", "run", "-o", "ramps.onnx"]);
    assert!(refused.contains("no projection"), "{refused}");
    let line = "train ramps.csv --init run --prune-to 6 --prune-projection-to 2 --qat w8a8 --epochs 2 --out fewer";
    let words: Vec<&str> = line.split(' ').collect();
    bench.succeed(&words);
    let inspected = bench.succeed(&["inspect", "fewer"]);
    assert!(
        inspected.contains("[6]") && inspected.contains("projected to 2"),
        "{inspected}"
    );
    let other = "train ramps.csv --out other --projection 3";
    let refused = |flags: &str| bench.fail(&crate::words(&format!("{other} {flags}")));
    let said = refused("--layer gru");
    assert!(said.contains("projection"), "{said}");
    let said = refused("--hidden 3");
    assert!(said.contains("fewer than the units"), "{said}");
}
