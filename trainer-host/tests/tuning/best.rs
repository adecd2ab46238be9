//! What becomes of the best trial, and of the study in pictures?

use serde_json::Value;

use crate::bench::{Bench, json};
use crate::{bench_with, search};

#[test]
fn the_best_trial_becomes_a_model_file_and_a_page() {
    let bench = bench_with(&[("few.csv", "digits")]);
    let study = search(&bench, "study.db");
    let best = [
        "tune",
        "best",
        "--storage",
        "study.db",
        "--out",
        "best",
        "--export",
        "best.lstm",
        "--seeds",
        "2",
    ];
    let trained = json(&bench.succeed(&[&best[..], &["--json"]].concat()));
    // The first of the finalists has the least mean error.
    assert_eq!(trained["trial"], study["finalists"][0]["trial"]);
    assert_eq!(trained["trial"], study["best"]);
    assert_eq!(trained["judgement"]["trainings"], 3);
    what_is_exported_is_the_best_seed(&bench, &trained);
    let accuracy = trained["test"]["integer"]["accuracy"].as_f64().unwrap();
    let test = json(&bench.succeed(&["eval", "best.lstm", "--data", "digits", "--json"]));
    let text = test.to_string();
    assert!(text.contains(&accuracy.to_string()), "{accuracy} {text}");
    // A limit at hand picks another point of the front.
    let cheapest = (study["trials"].as_array().unwrap().iter())
        .filter(|trial| trial["state"] == "finished")
        .map(|trial| trial["footprint"]["instructions"].as_u64().unwrap())
        .min()
        .unwrap();
    let limit = cheapest.to_string();
    let small = [
        "tune",
        "best",
        "--storage",
        "study.db",
        "--out",
        "small",
        "--seeds",
        "1",
        "--max-instructions",
        &limit,
    ];
    let small = json(&bench.succeed(&[&small[..], &["--json"]].concat()));
    assert_eq!(small["footprint"]["instructions"], cheapest);
    let show = [
        "tune",
        "show",
        "--storage",
        "study.db",
        "--html",
        "study.html",
        "--all",
    ];
    let text = bench.succeed(&show);
    assert!(
        text.contains("importance")
            && text.contains("stopped")
            && text.contains("each judged by 3 trainings, mean"),
        "{text}"
    );
    let page = std::fs::read_to_string(bench.path("study.html")).unwrap();
    for section in [
        "Error and cost",
        "Finalists, mean ± deviation of 3 trainings",
        "Settings of all trials",
        "Importance",
        "Learning curves",
        "All trials",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org").count()
    );
    // Another study of the same storage begins with what this one found.
    let command = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "study.db",
        "--study",
        "warm",
    ];
    let flags = ["--warm-start", "default", "--trials", "3", "--json"];
    let warm = json(&bench.succeed(&[&command[..], &flags].concat()));
    let first = study["front"][0].as_u64().unwrap() as usize;
    assert_eq!(warm["trials"][0]["point"], study["trials"][first]["point"]);
    // What has ended there teaches it, and is kept in its own definition.
    let taught = warm["definition"]["search"]["taught"].as_array().unwrap();
    let trials = study["trials"].as_array().unwrap();
    let finished: Vec<&Value> = (trials.iter())
        .filter(|t| t["result"] != Value::Null)
        .collect();
    assert!(!taught.is_empty() && taught.len() <= finished.len());
    for one in taught {
        let is_it =
            |t: &&&Value| t["point"] == one["point"] && t["result"]["error"] == one["error"];
        assert!(finished.iter().any(|t| is_it(&t)), "{one}");
    }
    // Later trials there change nothing: the same command goes on with what the study was taught.
    let storage = ["--storage", "study.db", "--study", "default"];
    let count = (trials.len() + 2).to_string();
    bench.succeed(&[&["tune"], &storage[..], &["--trials", &count]].concat());
    let flags = ["--warm-start", "default", "--trials", "4", "--json"];
    let again = json(&bench.succeed(&[&command[..], &flags].concat()));
    assert_eq!(
        again["definition"]["search"]["taught"].as_array().unwrap(),
        taught
    );
    assert_eq!(again["trials"].as_array().unwrap().len(), 4);
}

/// The run in the folder is that of the seed of least error, and its integers are held against the search.
fn what_is_exported_is_the_best_seed(bench: &Bench, trained: &Value) {
    let error = |of: &Value| of["error"].as_f64().unwrap();
    let seeds = trained["seeds"].as_array().unwrap();
    assert_eq!(seeds.len(), 2);
    let least = seeds.iter().map(error).fold(f64::INFINITY, f64::min);
    let kept = seeds
        .iter()
        .find(|of| of["seed"] == trained["seed"])
        .unwrap();
    assert_eq!(error(kept), least);
    let exported = &trained["exported"];
    assert_eq!(exported[0]["part"], "training part");
    assert_eq!(error(&exported[0]), least);
    assert_eq!(
        exported[1]["accuracy"],
        trained["test"]["integer"]["accuracy"]
    );
    let read = |path: String| std::fs::read_to_string(bench.path(&path)).unwrap();
    let log = |folder: &str| read(format!("{folder}/log.jsonl"));
    assert_eq!(log("best"), log(&format!("best/seed-{}", trained["seed"])));
    assert_eq!(json(&read("best/metrics.json".into()))["run"], "best");
    // The folder is a run like any other.
    bench.succeed(&["eval", "best"]);
}
