//! Does a trial train its first fold alone where that says enough, and does a later one go on with it?

use serde_json::Value;

use crate::bench::json;
use crate::{bench_with, bench_with_folds, found, search};

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// Trials that go on, and those that they go on with.
fn pairs(study: &Value) -> Vec<(&Value, &Value)> {
    let trials = study["trials"].as_array().unwrap();
    let continued = |trial: &Value| trial["plan"]["continues"].as_u64();
    (trials.iter())
        .filter_map(|later| Some((&trials[continued(later)? as usize], later)))
        .collect()
}

/// What one fold and then the others come to is what all come to, and each epoch is counted once.
#[test]
fn folds_in_turn_come_to_what_folds_in_step_come_to() {
    let bench = bench_with_folds();
    let study = search(&bench, "s.db");
    let trials = study["trials"].as_array().unwrap();
    let trains = |trial: &Value| trial["plan"]["trains"].as_str().unwrap().to_owned();
    // The first ones show whether folds agree.
    assert!(trials[..4].iter().all(|trial| trains(trial) == "all-folds"));
    let folds_of_others = |(before, after): &&(&Value, &Value)| {
        trains(before) == "first-fold" && trains(after) == "other-folds"
    };
    let pairs = pairs(&study);
    let (first, rest) = *pairs.iter().find(folds_of_others).expect("a trial goes on");
    assert_eq!(first["state"], "stopped");
    assert_eq!(first["point"], rest["point"]);
    assert_eq!(first["values"], rest["values"]);
    assert_eq!(first["first_fold"], rest["result"]["folds"][0]);
    let point = rest["point"].to_string();
    let alone = [
        "tune",
        "trial",
        "--config",
        "search.toml",
        "--folds",
        "3",
        "--out",
        "alone",
    ];
    let alone = json(&bench.succeed(&[&alone[..], &["--json", "--point", &point]].concat()));
    for figure in ["error", "accuracy", "folds", "epochs"] {
        assert_eq!(alone[figure], rest["result"][figure], "{figure}");
    }
    // Folds are about as large, and so are their trainings.
    let macs = |trial: &Value| trial["macs"].as_f64().unwrap();
    let share = macs(rest) / macs(first);
    assert!((1.9..2.1).contains(&share), "{share}");
    let shown = bench.succeed(&["tune", "show", "--storage", "s.db", "--all"]);
    let said = format!("finished, after {}", number(&first["number"]));
    for part in [
        "first fold",
        &said,
        "trials, which count as 12 of 12, of 3 folds",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

/// Whoever goes on with a trial may be on a machine that has none of its files.
#[test]
fn a_trial_goes_on_without_its_folder() {
    let bench = bench_with(&[("folds = 1", "folds = 3\nfinalists = 1\nrepeats = 1")]);
    let alone = search(&bench, "a.db");
    let some = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "b.db",
        "--json",
    ];
    let some = json(&bench.succeed(&[&some[..], &["--trials", "8"]].concat()));
    let known = some["trials"].as_array().unwrap().len();
    std::fs::remove_dir_all(bench.path("b.db.trials/default")).unwrap();
    let study = search(&bench, "b.db");
    assert_eq!(found(&study), found(&alone));
    let all = pairs(&study);
    let goes_on = |(before, after): &(&Value, &Value)| {
        number(&before["number"]) < known && number(&after["number"]) >= known
    };
    assert!(all.iter().any(goes_on));
}

/// A study of all folds in step is a key away.
#[test]
fn a_study_may_keep_all_folds_in_step() {
    let bench = bench_with_folds();
    let before = std::fs::read_to_string(bench.path("search.toml")).unwrap();
    let text = before.replace("folds = 3", "folds = 3\nfirst_fold = false");
    bench.file("search.toml", text);
    let study = search(&bench, "s.db");
    let mut plans = study["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["plan"]["trains"]);
    assert!(plans.all(|trains| trains == "all-folds"));
    // A study keeps how it began where nothing is said.
    bench.file("search.toml", before);
    assert_eq!(found(&search(&bench, "s.db")), found(&study));
}
