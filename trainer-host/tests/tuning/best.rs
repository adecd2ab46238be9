//! What becomes of the best trial, and of the study in pictures?

use crate::bench::json;
use crate::{bench, search};

#[test]
fn the_best_trial_becomes_a_model_file_and_a_page() {
    let bench = bench();
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
    ];
    let trained = json(&bench.succeed(&[&best[..], &["--json"]].concat()));
    // The first of the finalists has the least mean error.
    assert_eq!(trained["trial"], study["finalists"][0]["trial"]);
    assert_eq!(trained["trial"], study["best"]);
    assert_eq!(trained["judgement"]["trainings"], 3);
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
    let warm = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "study.db",
        "--study",
        "warm",
    ];
    let flags = ["--warm-start", "default", "--trials", "3", "--json"];
    let warm = json(&bench.succeed(&[&warm[..], &flags].concat()));
    let first = study["front"][0].as_u64().unwrap() as usize;
    assert_eq!(warm["trials"][0]["point"], study["trials"][first]["point"]);
}
