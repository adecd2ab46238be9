//! `trainer-host diagnose` over real runs that are ill on purpose, and what it says to what is no run.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::bench::{Bench, json};
use crate::words;

/// What the program prints.
fn succeed(bench: &Bench, line: &str) -> String {
    bench.succeed(&words(line))
}

/// What it says where it refuses, in one line.
fn refuse(bench: &Bench, line: &str) -> String {
    let said = crate::refuse(bench, &words(line));
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn diagnosis(bench: &Bench, run: &str) -> Value {
    json(&succeed(bench, &format!("diagnose {run} --json")))
}

fn findings(diagnosis: &Value) -> &[Value] {
    diagnosis["findings"].as_array().unwrap()
}

fn kinds(diagnosis: &Value) -> BTreeSet<&str> {
    let kinds = findings(diagnosis)
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap());
    kinds.collect()
}

/// Kinds of the severe findings.
fn severe(diagnosis: &Value) -> BTreeSet<&str> {
    let severe = findings(diagnosis)
        .iter()
        .filter(|finding| finding["severity"] == "severe");
    severe
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

/// Whether a figure of every finding is outside its limit.
fn evidence_holds(diagnosis: &Value) {
    for figure in findings(diagnosis)
        .iter()
        .flat_map(|f| f["evidence"].as_array().unwrap())
    {
        let value = figure["value"].as_f64().unwrap();
        let limit = &figure["limit"];
        assert!(
            limit["at-least"].as_f64().is_none_or(|l| value >= l),
            "{figure}"
        );
        assert!(
            limit["at-most"].as_f64().is_none_or(|l| value <= l),
            "{figure}"
        );
    }
}

/// The first lever of the finding of this kind, as flags of `train`.
fn first_lever(diagnosis: &Value, kind: &str) -> String {
    let finding = findings(diagnosis)
        .iter()
        .find(|finding| finding["kind"] == kind)
        .unwrap();
    let flags = finding["advice"][0]["flags"].as_array().unwrap();
    let words: Vec<&str> = flags.iter().map(|word| word.as_str().unwrap()).collect();
    words.join(" ")
}

#[test]
fn a_healthy_run_has_nothing_severe() {
    let bench = Bench::new();
    succeed(&bench, "train digits --out run --hidden 16 --epochs 15");
    let found = diagnosis(&bench, "run");
    assert_eq!(severe(&found), BTreeSet::new(), "{found:#}");
    assert!(found["fit"]["validation"]["accuracy"].as_f64().unwrap() > 0.9);
    // The commonest of ten digits.
    let guess = found["fit"]["validation"]["guess_accuracy"]
        .as_f64()
        .unwrap();
    assert!((0.08..0.13).contains(&guess), "{guess}");
    let guess = found["fit"]["validation"]["guess_loss"].as_f64().unwrap();
    assert!((guess - 10f64.ln()).abs() < 0.01, "{guess}");
    evidence_holds(&found);
    // The text says the same, and the JSON is the same on any number of threads.
    let text = succeed(&bench, "diagnose run");
    assert!(text.starts_with("run  (15 epochs, best "), "{text}");
    let [one, two] = [1, 2].map(|n| succeed(&bench, &format!("diagnose run --json --threads {n}")));
    assert_eq!(one, two);
}

#[test]
fn a_rate_of_one_is_too_high_and_the_advice_helps() {
    let bench = Bench::new();
    succeed(
        &bench,
        "train digits --out run --hidden 12 --epochs 4 --learning-rate 1",
    );
    let found = diagnosis(&bench, "run");
    assert_eq!(
        findings(&found)[0]["kind"],
        "learning-rate-too-high",
        "{found:#}"
    );
    assert_eq!(findings(&found)[0]["severity"], "severe");
    evidence_holds(&found);
    let lever = first_lever(&found, "learning-rate-too-high");
    assert_eq!(lever, "--learning-rate 0.1");
    let text = succeed(&bench, "diagnose run");
    assert!(text.contains("SEVERE: learning rate too high"), "{text}");
    // The command below the findings, with the lever's flags, trains; what it changes it changes for the
    // better.
    assert!(
        text.contains("trainer-host train digits --config run/config.toml FLAGS --out NEW_RUN"),
        "{text}"
    );
    succeed(
        &bench,
        &format!("train digits --config run/config.toml {lever} --out better"),
    );
    let better = diagnosis(&bench, "better");
    let loss = |found: &Value| found["fit"]["train"]["loss"].as_f64().unwrap();
    assert!(loss(&better) < loss(&found));
}

#[test]
fn a_rate_next_to_nothing_is_too_low() {
    let bench = Bench::new();
    succeed(
        &bench,
        "train digits --out run --hidden 12 --epochs 1 --learning-rate 0.00001",
    );
    let found = diagnosis(&bench, "run");
    assert_eq!(
        severe(&found),
        BTreeSet::from(["learning-rate-too-low"]),
        "{found:#}"
    );
    assert_eq!(
        first_lever(&found, "learning-rate-too-low"),
        "--learning-rate 0.01"
    );
    evidence_holds(&found);
}

#[test]
fn few_recordings_learned_by_heart_are_over_fitted() {
    let bench = Bench::new();
    // Labels that have nothing to do with the recordings.
    let mut text = String::from("series_id,t,x,y,label\n");
    for series in 0..40u64 {
        for t in 0..10 {
            let mut hash = (series * 10 + t + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            hash = (hash ^ (hash >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let value = |shift: u32| (hash >> shift) as u8;
            text += &format!(
                "s{series},{t},{},{},{}\n",
                value(20),
                value(40),
                ["a", "b", "c"][(series * 7 % 3) as usize]
            );
        }
    }
    std::fs::write(bench.path("noise.csv"), text).unwrap();
    succeed(
        &bench,
        "train noise.csv --out run --epochs 40 --input-noise 0 --dropout 0 --validation-share 0.3 --schedule constant",
    );
    let found = diagnosis(&bench, "run");
    assert!(kinds(&found).contains("over-fitting"), "{found:#}");
    assert!(kinds(&found).contains("small-validation-part"), "{found:#}");
    evidence_holds(&found);
}

#[test]
fn integers_of_four_bits_that_lose_are_told_with_their_layer() {
    let bench = Bench::new();
    succeed(&bench, "train digits --out run --hidden 8 --epochs 8");
    succeed(
        &bench,
        "quantise run --scheme w4a16 --calibration min-max --rounding nearest",
    );
    let found = diagnosis(&bench, "run");
    let lost = findings(&found)
        .iter()
        .find(|f| f["kind"] == "quantisation-loss");
    let lost = lost.unwrap_or_else(|| panic!("{found:#}"));
    assert!(lost["summary"].as_str().unwrap().contains("w4a16"));
    assert_eq!(
        first_lever(&found, "quantisation-loss"),
        "--qat w4a16 --epochs 20 --learning-rate 0.001 --init run --teacher run"
    );
    evidence_holds(&found);
    succeed(&bench, "quantise run");
    assert!(!kinds(&diagnosis(&bench, "run")).contains("quantisation-loss"));
}

#[test]
fn a_stopped_run_is_diagnosed_by_its_checkpoint() {
    let bench = Bench::new();
    succeed(&bench, "train digits --out run --hidden 8 --epochs 3");
    for file in ["weights.safetensors", "metrics.json", "report.html"] {
        std::fs::remove_file(bench.path("run").join(file)).unwrap();
    }
    let found = diagnosis(&bench, "run");
    assert_eq!(found["finished"], false);
    assert!(kinds(&found).contains("unfinished"));
}

#[test]
fn what_is_no_whole_run_is_refused_with_what_to_do() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("empty")).unwrap();
    for place in ["nothing-here", "empty"] {
        let said = refuse(&bench, &format!("diagnose {place}"));
        assert!(
            said.contains("is this a folder that `trainer-host train` wrote?"),
            "{said}"
        );
    }
    succeed(&bench, "train digits --out run --hidden 4 --epochs 2");
    let log = bench.path("run/log.jsonl");
    let whole = std::fs::read_to_string(&log).unwrap();
    let first_line = whole.find('\n').unwrap() + 1;
    for (length, expected) in [
        (whole.len() - 20, "log.jsonl:2: not the record of epoch 2"),
        (first_line, "metrics.json is of 2 epochs, and the log of 1"),
        (0, "no epoch was finished"),
    ] {
        std::fs::write(&log, &whole[..length]).unwrap();
        let said = refuse(&bench, "diagnose run");
        assert!(
            said.contains(expected) && said.contains("train --resume run"),
            "{said}"
        );
    }
    std::fs::write(&log, &whole[first_line..]).unwrap();
    assert!(refuse(&bench, "diagnose run").contains("it is of epoch 2"));
    // As the message says.
    succeed(&bench, "train --resume run");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), whole);
    let metrics = bench.path("run/metrics.json");
    std::fs::write(&metrics, "{").unwrap();
    let said = refuse(&bench, "diagnose run");
    assert!(said.contains("metrics.json: EOF"), "{said}");
    std::fs::remove_file(metrics).unwrap();
    std::fs::remove_file(bench.path("run/weights.safetensors")).unwrap();
    std::fs::remove_file(bench.path("run/checkpoint.safetensors")).unwrap();
    assert!(refuse(&bench, "diagnose run").contains("checkpoint.safetensors: cannot be read"));
}
