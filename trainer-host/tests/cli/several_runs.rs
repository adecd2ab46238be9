//! What do several seeds and several folds come to?

use crate::bench::{Bench, json};
use crate::ramps;

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
        "--validation-share",
        "0.2",
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
    let validated = ["eval", "all", "--part", "validation"];
    let evaluated = json(&bench.succeed(&[&validated[..], &["--json"]].concat()));
    assert_eq!(evaluated["float"]["mean"], first["validation"]["mean"]);
    assert_eq!(evaluated["runs"][1]["run"], "all/seed-5");
    assert!(bench.succeed(&validated).contains("deviation"));
    for command in ["inspect", "diagnose"] {
        let said = bench.succeed(&[command, "all"]);
        let heads = ["== all/seed-3 ==", "== all/seed-5 =="];
        assert!(heads.iter().all(|head| said.contains(head)), "{said}");
        let found = json(&bench.succeed(&[command, "all", "--json"]));
        assert_eq!(found["runs"][1]["run"], "all/seed-5");
    }
    bench.succeed(&[&validated[..], &["--stream", "--html", "s.html"]].concat());
    let pages = ["s-seed-3.html", "s-seed-5.html"];
    assert!(pages.iter().all(|page| bench.path(page).is_file()));
    assert!(!bench.path("s.html").exists());
    let error = bench.fail(&[
        "train",
        "ramps.csv",
        "--out",
        "all",
        "--epochs",
        "4",
        "--hidden",
        "6",
        "--validation-share",
        "0.2",
        "--seeds",
        "3",
    ]);
    assert!(error.contains("--overwrite"), "{error}");
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
    assert!(bench.fail(&["eval", "cv"]).contains("keeps no networks"));
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
