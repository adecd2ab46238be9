//! What can a study not search, and what must it keep?

use crate::bench::json;
use crate::{bench, bench_with, search};

#[test]
fn what_cannot_be_searched_is_refused_with_its_place() {
    let bench = bench();
    for (text, problem) in [
        ("[tune]\ntrails = 3\n", "did you mean `trials`?"),
        (
            "[tune.space]\nhidden = { low = 9, high = 3 }\n",
            "search.toml:2:",
        ),
        (
            "[tune.space]\nunits = { low = 3, high = 9 }\n",
            "units is no setting",
        ),
        (
            "[tune.space]\nhidden = { low = 3, high = 9, when = { x = [1] } }\n",
            "depends on `x`",
        ),
        ("[tune]\nobjectives = [\"flash\"]\n", "begins with"),
        ("[tune.chip]\ncore = \"m5\"\n", "no core is called `m5`"),
        (
            "[tune]\nstopping = { kind = \"halving\", reduction = 1 }\n",
            "at least 2",
        ),
    ] {
        bench.file("search.toml", text);
        let errors = bench.fail(&[
            "tune",
            "digits",
            "--config",
            "search.toml",
            "--storage",
            "x.db",
        ]);
        assert!(errors.contains(problem), "{text}: {errors}");
        assert!(!bench.path("x.db").exists(), "{text}");
    }
    bench.file("no.db", "this is no database, whatever its name says");
    let errors = bench.fail(&["tune", "show", "--storage", "no.db"]);
    assert!(errors.contains("no.db"), "{errors}");
    let errors = bench.fail(&["tune", "show", "--storage", "missing.db"]);
    assert!(errors.contains("there is no such file"), "{errors}");
    let twice = ["--objectives", "error,flash", "--objectives", "error"];
    let errors = bench.fail(&[&["tune", "digits"][..], &twice].concat());
    assert!(errors.contains("cannot be used multiple times"), "{errors}");
    let mut untrusting = bench.command(&["tune", "show", "--storage"]);
    let untrusting = untrusting.arg("postgres://x@127.0.0.1:1/db?sslmode=require");
    let untrusting = untrusting.env("SSL_CERT_FILE", bench.path("no.pem"));
    let output = untrusting.env_remove("SSL_CERT_DIR").output();
    let errors = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        errors.contains("name a file of them by SSL_CERT_FILE") && !errors.contains('['),
        "{errors}"
    );
    let errors = bench.fail(&["tune", "digits", "--storage", "mysql://host/db"]);
    assert!(errors.contains("postgres://"), "{errors}");
    let errors = bench.fail(&[
        "tune",
        "digits",
        "--storage",
        "postgres://x:secret@127.0.0.1:1/db",
    ]);
    assert!(
        errors.contains("127.0.0.1") && !errors.contains("secret"),
        "{errors}"
    );
}

#[test]
fn trials_are_judged_by_the_same_data() {
    let bench = bench();
    for key in [
        "train.seed",
        "train.validation_share",
        "data.seed",
        "train.init",
    ] {
        bench.file(
            "search.toml",
            format!("[tune.space]\n\"{key}\" = {{ low = 1, high = 9 }}\n"),
        );
        let errors = bench.fail(&[
            "tune",
            "digits",
            "--config",
            "search.toml",
            "--storage",
            "x.db",
        ]);
        assert!(errors.contains("cannot be searched"), "{key}: {errors}");
    }
    // Rows of the validation part alone change between two calls.
    let rows = |last: f64| {
        let value = |t: usize| {
            if t < 100 {
                (t as f64 * 0.3).sin()
            } else {
                last + t as f64
            }
        };
        let line = |t: usize| format!("{t},{}\n", value(t));
        "t,x\n".to_owned() + &(0..120).map(line).collect::<String>()
    };
    let data = [
        "tune",
        "series.csv",
        "--look-back",
        "8",
        "--validation-rows",
        "20",
        "--epochs",
        "1",
    ];
    let place = ["--storage", "f.db", "--workers", "1", "--trials"];
    bench.file("series.csv", rows(0.0));
    bench.succeed(&[&data[..], &place, &["1"]].concat());
    bench.file("series.csv", rows(1.0));
    let errors = bench.fail(&[&data[..], &place, &["2"]].concat());
    assert!(errors.contains("another data"), "{errors}");
}

/// From any folder; other data is refused by all that judge by it.
#[test]
fn a_study_finds_its_own_data_and_takes_no_other() {
    let bench = bench_with(&[("trials = 12", "trials = 2\nrepeats = 1")]);
    search(&bench, "s.db");
    let below = bench.path("below");
    std::fs::create_dir(&below).unwrap();
    let join = ["tune", "--join", "--storage"];
    let best = ["tune", "best", "--out", "best", "--storage"];
    for arguments in [&join[..], &best] {
        let mut command = bench.command(&[arguments, &["../s.db"]].concat());
        let output = command.current_dir(&below).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
    }
    let text = std::fs::read_to_string(bench.path("few.csv")).unwrap();
    let (shorter, _) = text.trim_end().rsplit_once('\n').unwrap();
    bench.file("few.csv", shorter);
    for arguments in [&join[..], &best] {
        let errors = bench.fail(&[arguments, &["s.db"]].concat());
        assert!(
            errors.contains("is not the data that study"),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn a_study_keeps_to_its_own_folder() {
    let bench = bench();
    for name in ["../evil", "", "..", "a/b"] {
        let errors = bench.fail(&["tune", "digits", "--study", name]);
        assert!(errors.contains("name"), "{errors}");
    }
    let trial = [
        "tune", "trial", "digits", "--epochs", "1", "--out", "mine", "--point",
    ];
    bench.succeed(&[&trial[..], &["{\"hidden\": 4}"]].concat());
    let errors = bench.fail(&[&trial[..], &["{\"hidden\": 5}"]].concat());
    assert!(errors.contains("--overwrite"), "{errors}");
}

#[test]
fn a_study_keeps_its_definition() {
    let bench = bench();
    search(&bench, "s.db");
    let same = ["tune", "--config", "search.toml", "--storage", "s.db"];
    for (extra, what) in [
        (["--learning-rate", "0.5"], "training configuration"),
        (["--sampler", "random"], "search"),
        (["--flash", "20K"], "search"),
        (["--data-seed", "3"], "data"),
    ] {
        let errors = bench.fail(&[&same[..], &extra].concat());
        assert!(
            errors.contains(what) && errors.contains("--study"),
            "{errors}"
        );
    }
    let more = json(&bench.succeed(&[&same[..], &["--trials", "14", "--json"]].concat()));
    assert_eq!(more["trials"].as_array().unwrap().len(), 14);
    // Nothing tells that there were fewer before, but the repeats of those that were finalists then.
    let at_once = ["tune", "--config", "search.toml", "--storage", "at-once.db"];
    let at_once = json(&bench.succeed(&[&at_once[..], &["--trials", "14", "--json"]].concat()));
    for key in ["finalists", "best", "front", "macs", "repeats"] {
        assert_eq!(more[key], at_once[key], "{key}");
    }
}
