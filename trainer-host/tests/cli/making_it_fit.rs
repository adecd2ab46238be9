//! Quantisation-aware training, pruning and distillation, from flags to figures.

use serde_json::Value;

use crate::bench::{Bench, json};
use crate::words;

/// What the program prints, as JSON.
fn succeed(bench: &Bench, arguments: &[&str]) -> Value {
    json(&bench.succeed(&[arguments, &["--json"]].concat()))
}

/// What it says where it refuses, as if asked for JSON.
fn refuse(bench: &Bench, arguments: &[&str]) -> String {
    crate::refuse(bench, &[arguments, &["--json"]].concat())
}

fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{pointer} is no number in {value}"))
}

/// A run on the handwritten digits in `base`.
fn base(bench: &Bench) -> Value {
    let arguments = "train digits --out base --hidden 12 --epochs 6";
    succeed(bench, &words(arguments))
}

/// The validation accuracy of the chosen epoch, as the log has it.
fn logged_accuracy(bench: &Bench, run: &str, epoch: u64) -> f64 {
    let log = std::fs::read_to_string(bench.path(run).join("log.jsonl")).unwrap();
    let records = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let record = records
        .into_iter()
        .find(|record: &Value| record["epoch"] == epoch)
        .unwrap();
    number(&record, "/validation/accuracy")
}

#[test]
fn integers_have_the_accuracy_that_quantisation_aware_training_saw() {
    // Of 574 validation sequences: the fake-quantised network leaves the rounding of gates and cells out,
    // which turns one or two decisions that were nearly equal.
    const NEARLY: f64 = 0.006;
    let bench = Bench::new();
    base(&bench);
    for scheme in ["w4a16", "w8a8", "w4a16,w8a8"] {
        let line = format!(
            "train digits --init base --qat {scheme} --out {scheme} --epochs 3 --learning-rate 0.002"
        );
        let trained = succeed(&bench, &words(&line));
        assert_eq!(trained["judged_as"], format!("{scheme} integers"));
        let epoch = trained["best_epoch"].as_u64().unwrap();
        let seen = logged_accuracy(&bench, scheme, epoch);
        let integers = number(&trained, "/validation/accuracy");
        println!("{scheme}: seen {seen:.4}, integers {integers:.4}");
        assert!((seen - integers).abs() <= NEARLY, "{seen} {integers}");
        // `quantise` makes the same integers, of the same scheme, without a flag.
        let quantised = succeed(&bench, &["quantise", scheme]);
        let last = scheme.split(',').next_back().unwrap();
        let schemes = [scheme.split(',').next().unwrap(), last];
        assert_eq!(quantised["schemes"], serde_json::json!(schemes));
        assert_eq!(
            number(&quantised, "/comparison/integer/accuracy"),
            number(&trained, "/test/accuracy")
        );
    }
}

#[test]
fn fine_tuning_keeps_the_validation_part_that_the_network_has_not_seen() {
    let bench = Bench::new();
    let before = base(&bench);
    // Weights that hardly move are judged as before, if by the same sequences.
    let begin = "train digits --init base --epochs 1 --learning-rate 1e-9 --seed 7";
    for (run, flags) in [
        ("plain", ""),
        ("taught", "--teacher base"),
        ("share", "--validation-share 0.4"),
    ] {
        let after = succeed(&bench, &words(&format!("{begin} --out {run} {flags}")));
        assert_eq!(after["validation"], before["validation"], "{run}");
    }
    let all = succeed(
        &bench,
        &words(&format!("{begin} --out all --validation-share 0")),
    );
    assert!(all["validation"].is_null());
    let said = refuse(
        &bench,
        &words(&format!("{begin} --out other --split-seed 7")),
    );
    assert!(
        said.contains("base: was trained on") && said.contains("--split-seed"),
        "{said}"
    );
    // Several seeds have the same part, and go on where they were stopped.
    let seeds = "train digits --init plain --epochs 1 --learning-rate 1e-9 --seeds 1,2 --out seeds";
    for _ in 0..2 {
        let found = succeed(&bench, &words(seeds));
        assert_eq!(found["runs"][1]["validation"], before["validation"]);
    }
}

#[test]
fn schemes_of_other_layers_are_refused_before_anything_is_written() {
    let bench = Bench::new();
    let said = refuse(
        &bench,
        &words("train digits --qat w8a8,w4a16,w8a8 --out wrong"),
    );
    assert!(
        said.contains("qat: ") && said.contains("2 layers, 1 LSTM and 1 dense"),
        "{said}"
    );
    assert!(!bench.path("wrong").exists());
}

#[test]
fn training_with_int4_weights_recovers_what_rounding_to_them_loses() {
    let bench = Bench::new();
    base(&bench);
    let nearest = "quantise base --scheme w4a16 --rounding nearest --calibration min-max";
    let rounded = succeed(&bench, &words(nearest));
    let line = "train digits --init base --qat w4a16 --out fine --epochs 6 --learning-rate 0.004";
    let trained = succeed(&bench, &words(line));
    let [before, after] = [
        number(&rounded, "/comparison/integer/accuracy"),
        number(&trained, "/test/accuracy"),
    ];
    println!("rounded {before:.4}, trained {after:.4}");
    assert!(after > before, "{before} {after}");
}

#[test]
fn a_pruned_network_is_smaller_and_learns_again() {
    let bench = Bench::new();
    let whole = base(&bench);
    let line = "train digits --init base --prune-to 8 --out pruned --epochs 6";
    let pruned = succeed(&bench, &words(line));
    assert!(number(&pruned, "/parameters") < 0.7 * number(&whole, "/parameters"));
    let inspected = succeed(&bench, &["inspect", "pruned"]);
    assert_eq!(inspected["network"]["hidden"], serde_json::json!([8]));
    let [before, after] = [&whole, &pruned].map(|run| number(run, "/test/accuracy"));
    println!("12 units {before:.4}, 8 units {after:.4}");
    assert!(after > before - 0.05, "{before} {after}");
    // It goes on as any other run does.
    succeed(&bench, &["train", "--resume", "pruned"]);
    let said = refuse(
        &bench,
        &words("train digits --init base --prune-to 13 --out larger"),
    );
    assert!(said.contains("[12]") && said.contains("[13]"), "{said}");
    assert!(!bench.path("larger").exists());
}

#[test]
fn a_teacher_changes_what_is_learned_and_must_fit() {
    let bench = Bench::new();
    base(&bench);
    let student = "train digits --hidden 4 --epochs 3";
    let line = format!("{student} --out taught --teacher base --temperature 3 --distil-weight 0.7");
    let taught = succeed(&bench, &words(&line));
    let alone = succeed(&bench, &words(&format!("{student} --out alone")));
    assert_ne!(taught["test"]["correct"], alone["test"]["correct"]);
    assert!(number(&taught, "/test/accuracy") > 0.3);
    // The mean of a network and itself teaches what the network teaches.
    for seed in ["seed-0", "seed-1"] {
        let folder = bench.path("twice").join(seed);
        std::fs::create_dir_all(&folder).unwrap();
        for file in ["config.toml", "model.toml", "weights.safetensors"] {
            std::fs::copy(bench.path("base").join(file), folder.join(file)).unwrap();
        }
    }
    let line = line.replace("taught --teacher base", "again --teacher twice");
    let again = succeed(&bench, &words(&line));
    assert_eq!(taught["test"], again["test"]);
    let said = refuse(&bench, &words("train digits --init twice --out other"));
    assert!(said.contains("name one of them"), "{said}");
    let said = refuse(
        &bench,
        &words("train digits --init base --hidden 9 --out other"),
    );
    assert!(
        said.contains("--hidden") && said.contains("--prune-to"),
        "{said}"
    );
    let said = refuse(
        &bench,
        &words("tune temporal-order --init base --storage no.db"),
    );
    assert!(
        said.contains("channels") && !bench.path("no.db").exists(),
        "{said}"
    );
    let said = refuse(
        &bench,
        &words("train temporal-order --out other --teacher base"),
    );
    assert!(said.contains("base") && said.contains("channels"), "{said}");
    assert!(!bench.path("other").exists());
}

#[test]
fn the_report_of_quantise_has_layers_units_classes_and_memory() {
    let bench = Bench::new();
    base(&bench);
    let report = succeed(&bench, &words("quantise base --scheme w4a16,w8a16"));
    // Each bit of a weight is 6 dB.
    let [four, eight] = [0, 1].map(|l| number(&report, &format!("/weights/{l}/sqnr_db")));
    assert!(eight > four + 12.0, "{four} {eight}");
    for what in ["gates", "cell", "hidden"] {
        let sqnr = number(&report, &format!("/layers/0/{what}_sqnr_db"));
        assert!((5.0..90.0).contains(&sqnr), "{what}: {sqnr}");
    }
    assert_eq!(report["traces"].as_array().unwrap().len(), 2);
    assert_eq!(report["candidates"].as_array().unwrap().len(), 6);
    assert_eq!(report["classes"].as_array().unwrap().len(), 10);
    let export = succeed(&bench, &["export", "base"]);
    assert_eq!(report["memory"]["file_bytes"], export["file_bytes"]);
    assert_eq!(report["cores"].as_array().unwrap().len(), 6);
    assert!(number(&report, "/cores/2/instructions") > 1000.0);
    // As many sequences are followed as decide otherwise.
    let decisions = number(&report, "/comparison/float/decisions");
    let agreed = number(&report, "/comparison/agreement");
    let parted = number(&report, "/disagreements/sequences");
    assert!((decisions * (1.0 - agreed) - parted).abs() < 1e-6);
    for disagreement in report["disagreements"]["followed"].as_array().unwrap() {
        assert_ne!(disagreement["float"], disagreement["integer"]);
        assert!(disagreement["parted_at"].as_u64() <= disagreement["judged_step"].as_u64());
    }
    let page = std::fs::read_to_string(bench.path("base/quantisation-w4a16-w8a16.html")).unwrap();
    for part in [
        "largest error",
        "median error",
        "Confusion in integers",
        "<svg",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
