//! What does the program say about a run?

use crate::bench::{Bench, json};
use crate::{ramps, train};

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
    assert!(
        report.contains("Scores of the validation part")
            && report.contains("ROC and threshold, validation part")
    );
    let text = bench.succeed(&["eval", "run", "--part", "validation"]);
    assert!(
        text.contains("precision") && text.contains("support"),
        "{text}"
    );
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
fn an_error_says_everything_once() {
    let bench = Bench::new();
    let said = bench.fail(&["inspect", "nowhere.lstm"]);
    assert_eq!(said.matches("os error").count(), 1, "{said}");
}
