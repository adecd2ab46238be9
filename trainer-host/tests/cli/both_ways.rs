//! Networks whose layers run backwards or both ways, from training to a model file.

use serde_json::Value;

use crate::bench::{Bench, json};
use crate::{ramps, refuse, words};

/// A folder with recordings of eight steps.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench
}

fn succeed(bench: &Bench, line: &str) -> Value {
    json(&bench.succeed(&words(&format!("{line} --json"))))
}

#[test]
fn a_bidirectional_network_goes_through_every_stage() {
    let bench = bench();
    bench.succeed(&words(
        "train ramps.csv --hidden 6 --bidirectional --epochs 1 --out both",
    ));
    let config = std::fs::read_to_string(bench.path("both/config.toml")).unwrap();
    assert!(config.contains("direction = \"bidirectional\""), "{config}");
    let trained = succeed(&bench, "train --resume both --epochs 3");
    assert_eq!(trained["epochs"], 3);
    let network = &succeed(&bench, "inspect both")["network"];
    assert_eq!(network["hidden"], serde_json::json!([6, 6]));
    assert_eq!(
        network["directions"],
        serde_json::json!(["forward", "beside"])
    );
    let said = bench.succeed(&words("quantise both"));
    assert!(
        said.contains("not followed layer by layer") && !said.contains("h max error"),
        "{said}"
    );
    assert!(
        said.contains("weights") && !said.contains("gates"),
        "{said}"
    );
    let quantised = succeed(&bench, "quantise both");
    let memory = &quantised["memory"];
    assert_eq!(memory["window"]["steps"], 8);
    assert!(memory["window"]["buffer_bytes"].as_u64().unwrap() > 0);
    assert_eq!(memory["state_bytes"], 0);
    for stage in [
        "eval both --part train",
        "predict both ramps.csv",
        "report both",
        "export both -o both.lstm",
        "inspect both.lstm",
        "compare both both",
    ] {
        bench.succeed(&words(stage));
    }
    let output = bench.run(&words("diagnose both"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("no endless stream"),
        "{said}"
    );
}

#[test]
fn networks_of_either_kind_begin_with_and_learn_from_one_another() {
    let bench = bench();
    let train = |flags: &str| {
        let line = format!("train ramps.csv --epochs 1 {flags}");
        succeed(&bench, &line);
    };
    train("--hidden 6,5 --direction bidirectional,reverse --layer gru --out both");
    train("--init both --prune-to 4,3 --out pruned");
    let network = &succeed(&bench, "inspect pruned")["network"];
    assert_eq!(network["hidden"], serde_json::json!([4, 4, 3]));
    train("--init both --qat w8a8,w4a16,w8a16 --out aware");
    let schemes = &succeed(&bench, "quantise aware")["schemes"];
    let halves = serde_json::json!(["w8a8", "w8a8", "w4a16", "w8a16"]);
    assert_eq!(*schemes, halves);
    train("--hidden 4 --teacher both --out pupil");
    train("--hidden 4 --direction reverse --pooling mean --teacher pupil --qat w8a8 --out reverse");
    let said = refuse(
        &bench,
        &words("train ramps.csv --init both --bidirectional --out no"),
    );
    assert!(
        said.contains("--bidirectional: a run with --init"),
        "{said}"
    );
}

/// An untrained network decides some recordings wrongly, and has one answer for each.
#[test]
fn a_report_shows_what_the_network_says_and_no_more() {
    let bench = bench();
    let train = |flags: &str, out: &str| {
        let line = format!(
            "train ramps.csv --hidden 4 --learning-rate 1e-9 --epochs 1 --validation-share 0.5 --seed 1 {flags}"
        );
        bench.succeed(&words(&format!("{line} --out {out}")));
        std::fs::read_to_string(bench.path(&format!("{out}/report.html"))).unwrap()
    };
    let curve = "Probability after each step";
    let page = train("--bidirectional", "both");
    assert!(!page.contains(curve) && page.contains("answers once for the whole recording"));
    for title in ["LSTM layer 0, forward half", "LSTM layer 0, reverse half"] {
        assert!(page.contains(title), "{title}");
    }
    assert!(train("", "forward").contains(curve));
}

#[test]
fn answers_that_later_steps_tell_are_refused_or_noted() {
    let bench = Bench::new();
    for begin in ["train --out no", "train --folds 2", "find-rate"] {
        for task in ["embedded-reber", "timed-spikes"] {
            let line = format!("{begin} {task} --direction reverse");
            let said = refuse(&bench, &words(&line));
            assert!(
                said.contains("direction is reverse, and must be forward"),
                "{said}"
            );
        }
    }
    let labelled = |n: usize| {
        let (series, t) = (n / 6, n % 6);
        format!(
            "s{series},{t},{},{}\n",
            (n * 5) % 7,
            ["a", "b"][(n / 3) % 2]
        )
    };
    let rows: String = (0..120).map(labelled).collect();
    bench.file(
        "each.csv",
        format!("series_id,t,x,label\n{rows}").as_bytes(),
    );
    let note = "sees all later steps";
    for (flags, is_noted) in [("--bidirectional", true), ("", false)] {
        let line = format!("train each.csv --hidden 3 --epochs 1 {flags} --overwrite --out each");
        let output = bench.run(&words(&line));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains(note), is_noted, "{said}");
    }
}

#[test]
fn what_needs_a_time_step_is_refused_by_name() {
    let bench = bench();
    let begin = "train ramps.csv --out no --bidirectional";
    for (flags, key) in [
        ("--for-streams", "for_streams"),
        ("--truncate 4", "truncate"),
        ("--hidden 4,4,4", "a bidirectional one counts twice"),
    ] {
        let said = refuse(&bench, &words(&format!("{begin} {flags}")));
        assert!(said.contains(key), "{flags}: {said}");
        assert!(!bench.path("no").exists());
    }
    let said = refuse(
        &bench,
        &words("train ramps.csv --out no --set train.direction=both"),
    );
    assert!(said.contains("forward, reverse, bidirectional"), "{said}");
}
