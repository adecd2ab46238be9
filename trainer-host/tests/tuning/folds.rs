//! When has a trial folds, and what do they change?

use serde_json::Value;

use crate::bench::json;
use crate::{ONE_TRIAL, SEARCH, bench, bench_with, bench_with_folds, search};

/// Each fold is a run that anybody can make, and the trial comes to their mean.
#[test]
fn a_trial_of_folds_is_judged_by_each_of_them() {
    let bench = bench_with_folds();
    let study = search(&bench, "s.db");
    let trials = study["trials"].as_array().unwrap();
    let finished = |trial: &&Value| trial["state"] == "finished";
    for trial in trials.iter().filter(finished) {
        let folds = trial["result"]["folds"].as_array().unwrap();
        assert_eq!(folds.len(), 3);
        for figure in ["error", "accuracy"] {
            let of_folds = folds.iter().map(|fold| fold[figure].as_f64().unwrap());
            let mean = of_folds.sum::<f64>() / 3.0;
            assert!((trial["result"][figure].as_f64().unwrap() - mean).abs() < 1e-12);
        }
    }
    let shown = bench.succeed(&["tune", "show", "--storage", "s.db"]);
    for line in [
        " trials, which count as 12 of 12, of 3 folds (",
        "each judged by 2 trainings of 3 folds, mean",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let trial = trials.iter().find(finished).unwrap();
    let name = format!(
        "s.db.trials/default/trial-{:04}",
        trial["number"].as_u64().unwrap()
    );
    let values = trial["values"].as_array().unwrap();
    let mut sums = vec![0.0; values.len()];
    let (mut judged, mut all) = (0.0, 0.0);
    for fold in ["1/3", "2/3", "3/3"] {
        let folder = format!("{name}/fold-{}", &fold[..1]);
        let config = format!("{folder}/config.toml");
        let text = std::fs::read_to_string(bench.path(&config)).unwrap();
        assert!(
            text.contains(&format!("validation_fold = {fold:?}")),
            "{text}"
        );
        let again = json(&bench.succeed(&["train", "--config", &config, "--out", fold, "--json"]));
        let sequences = again["validation"]["decisions"].as_f64().unwrap();
        judged += sequences;
        all = again["train_data"]["sequences"].as_f64().unwrap() + sequences;
        let records = std::fs::read_to_string(bench.path(&format!("{fold}/log.jsonl"))).unwrap();
        for (sum, line) in sums.iter_mut().zip(records.lines()) {
            let validation = &json(line)["validation"];
            let loss = validation["loss"].as_f64().unwrap();
            let accuracy = validation["accuracy"].as_f64().unwrap();
            *sum += (1.0 - accuracy + loss / (1.0 + loss) / sequences) / 3.0;
        }
    }
    for (value, sum) in values.iter().zip(sums) {
        assert!((value.as_f64().unwrap() - sum).abs() < 1e-12);
    }
    assert_eq!(judged, all, "each sequence is judged once");
}

/// Whether folds are worth their cost follows from the data, and is decided once.
#[test]
fn folds_are_for_data_whose_validation_part_tells_little() {
    let bench = bench_with(&[("folds = 1\n", "")]);
    let same = ONE_TRIAL;
    let folds = |extra: &[&str]| {
        let study = json(&bench.succeed(&[&same[..], extra].concat()));
        study["definition"]["search"]["folds"].as_u64().unwrap()
    };
    assert_eq!(folds(&["--storage", "few.db"]), 3);
    assert_eq!(folds(&["--storage", "no.db", "--validation-share", "0"]), 3);
    assert_eq!(folds(&["--storage", "two.db", "--folds", "2"]), 2);
    // A study that is there stays as it is where nothing is said.
    assert_eq!(folds(&["--storage", "two.db"]), 2);
    for (arguments, problem) in [
        (["--storage", "two.db", "--folds", "3"], "folds"),
        (["--storage", "x.db", "--folds", "0"], "tune.folds"),
        (
            ["--storage", "x.db", "--folds", "100000"],
            "cannot fill 100000 folds",
        ),
    ] {
        let errors = bench.fail(&[&same[..], &arguments].concat());
        assert!(errors.contains(problem), "{errors}");
    }
    let alone = [
        "--storage",
        "x.db",
        "--folds",
        "1",
        "--validation-share",
        "0",
    ];
    let errors = bench.fail(&[&same[..], &alone].concat());
    assert!(errors.contains("there is no validation part"), "{errors}");
    // Windows of a series are not divided, and nobody asked for it.
    let wave: String = (0..300)
        .map(|t| format!("{t},{}\n", (f64::from(t) / 5.0).sin()))
        .collect();
    bench.file("wave.csv", format!("t,y\n{wave}"));
    let forecast = [
        "tune",
        "wave.csv",
        "--look-back",
        "8",
        "--epochs",
        "2",
        "--trials",
        "1",
        "--json",
    ];
    let study = json(&bench.succeed(&[&forecast[..], &["--storage", "w.db"]].concat()));
    assert_eq!(study["definition"]["search"]["folds"], 1);
    let errors = bench.fail(&[&forecast[..], &["--storage", "v.db", "--folds", "3"]].concat());
    assert!(
        errors.contains("a forecast is not cross-validated"),
        "{errors}"
    );
}

/// A network that trials learn from has seen all folds, be it one that only some of them learn from.
#[test]
fn trials_that_may_learn_from_a_run_have_no_folds() {
    let bench = bench();
    bench.succeed(&["train", "digits", "--epochs", "1", "--out", "teacher"]);
    let teacher = "[tune.space]\n\"train.distillation.teacher\" = { choices = [\"teacher\"] }";
    let search = SEARCH.replace("folds = 1\n", "");
    bench.file("search.toml", search.replace("[tune.space]", teacher));
    let study = ONE_TRIAL;
    let errors = bench.fail(&[&study[..], &["--storage", "x.db", "--folds", "2"]].concat());
    assert!(errors.contains("set --folds 1"), "{errors}");
    let found = json(&bench.succeed(&[&study[..], &["--storage", "s.db"]].concat()));
    assert_eq!(found["definition"]["search"]["folds"], 1);
    assert_eq!(found["trials"][0]["state"], "finished");
    // Nor where the points that a study begins with name one.
    let first = "first = [{ \"train.distillation.teacher\" = \"teacher\" }]\n[tune.space]";
    bench.file("search.toml", search.replace("[tune.space]", first));
    let found = json(&bench.succeed(&[&study[..], &["--storage", "f.db"]].concat()));
    assert_eq!(found["definition"]["search"]["folds"], 1);
}

#[test]
fn a_part_that_holds_all_of_a_class_is_refused() {
    let bench = bench();
    // One class a person: whichever persons judge, the others have not shown theirs.
    let rows = (0..18).flat_map(|series| {
        let person = series % 3;
        (0..4).map(move |t| format!("s{series},{t},{},c{person},p{person}\n", series * t))
    });
    let rows: String = rows.collect();
    bench.file("persons.csv", format!("series_id,t,x,label,group\n{rows}"));
    let settings = "source = \"persons.csv\"\n[train]\nepochs = 2\n";
    bench.file("search.toml", settings);
    let refused = |folds| {
        let said = bench.fail(&[&ONE_TRIAL[..], &["--storage", "a.db", "--folds", folds]].concat());
        assert!(
            said.contains("no sequence of class \"c") && said.contains("group \"p"),
            "{said}"
        );
    };
    refused("1");
    refused("3");
    // Without a part of its own to validate on, the folds are all there is, and no better.
    bench.file("search.toml", format!("{settings}validation_share = 0.0\n"));
    refused("3");
}

/// Each fold's epochs are counted, be they fewer than another's.
#[test]
fn what_a_trial_took_is_that_of_its_runs() {
    let patience = "epochs = 40\nearly_stopping = { patience = 2 }";
    let bench = bench_with(&[("folds = 1", "folds = 3"), ("epochs = 6", patience)]);
    let study = json(&bench.succeed(&[&ONE_TRIAL[..], &["--storage", "s.db"]].concat()));
    let trial = &study["trials"][0];
    let hidden = trial["point"]["hidden"].as_f64().unwrap();
    let per_step = 3.0 * (4.0 * hidden * (8.0 + hidden) + 10.0 * hidden);
    let mut macs = 0.0;
    let mut epochs = Vec::new();
    for fold in 1..=3 {
        let folder = format!("s.db.trials/default/trial-0000/fold-{fold}");
        let log = std::fs::read_to_string(bench.path(&format!("{folder}/log.jsonl"))).unwrap();
        let metrics = std::fs::read_to_string(bench.path(&format!("{folder}/metrics.json")));
        let sequences = json(&metrics.unwrap())["train_data"]["sequences"].as_f64();
        epochs.push(log.lines().count());
        macs += log.lines().count() as f64 * sequences.unwrap() * 8.0 * per_step;
    }
    assert!(epochs.iter().any(|e| *e != epochs[0]), "{epochs:?}");
    assert_eq!(trial["macs"].as_f64().unwrap(), macs);
}

/// A schedule that follows the validation loss gets a fold to follow where there is no other part.
#[test]
fn the_best_of_folds_is_trained_as_its_schedule_needs() {
    let plateau = "epochs = 4\nvalidation_share = 0.0\nschedule = { kind = \"plateau\" }";
    let bench = bench_with(&[("folds = 1", "folds = 2"), ("epochs = 6", plateau)]);
    let few = ["--trials", "2", "--repeats", "1", "--storage", "s.db"];
    bench.succeed(&[&["tune", "--config", "search.toml"], &few[..]].concat());
    let best = [
        "tune",
        "best",
        "--storage",
        "s.db",
        "--seeds",
        "1",
        "--out",
        "best",
        "--json",
    ];
    assert_eq!(json(&bench.succeed(&best))["on_all"], false);
    let config = std::fs::read_to_string(bench.path("best/config.toml")).unwrap();
    assert!(config.contains("validation_fold = \"1/2\""), "{config}");
}
