//! Can other tools run trials, one command each?

use std::process::Stdio;

use crate::bench;
use crate::bench::json;

#[test]
fn a_trial_is_one_command_with_json_in_and_out() {
    let bench = bench();
    let mut command = bench.command(&[
        "tune", "trial", "digits", "--epochs", "2", "--out", "r", "--json",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let point = br#"{"hidden": 6, "train.learning_rate": 0.02}"#;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), point).unwrap();
    let output = child.wait_with_output().unwrap();
    let tried = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(tried["epochs"], 2);
    assert!(tried["error"].as_f64().unwrap() > 0.0 && tried["accuracy"].as_f64().unwrap() < 1.0);
    let tiny = ["tune", "trial", "digits", "--out", "t", "--point"];
    for (point, problem) in [
        ("hidden 6", "JSON object"),
        (r#"{"hidden": "many"}"#, "above 0"),
        (r#"{"train.epoch": 2}"#, "did you mean `epochs`?"),
    ] {
        let errors = bench.fail(&[&tiny[..], &[point]].concat());
        assert!(errors.contains(problem), "{errors}");
    }
    let errors = bench.fail(&[&tiny[..], &["{}", "--ram", "100"]].concat());
    assert!(errors.contains("RAM would be"), "{errors}");
}

#[test]
fn a_trial_of_folds_is_one_command_too() {
    let bench = bench();
    let trial = |point, folds| {
        let arguments = [
            "tune", "trial", "digits", "--epochs", "2", "--out", "t", "--json",
        ];
        [&arguments[..], &["--point", point, "--folds", folds]].concat()
    };
    let (point, other) = (r#"{"hidden": 6}"#, r#"{"hidden": 7}"#);
    let tried = json(&bench.succeed(&trial(point, "2")));
    assert_eq!(tried["folds"].as_array().unwrap().len(), 2);
    // The same again is gone on with; other settings, or other folds, would replace what is there.
    let same = json(&bench.succeed(&trial(point, "2")));
    assert_eq!(same, tried);
    for refused in [trial(other, "2"), trial(point, "3")] {
        let errors = bench.fail(&refused);
        assert!(errors.contains("--overwrite"), "{errors}");
    }
    let errors = bench.fail(&trial(point, "0"));
    assert!(errors.contains("tune.folds is 0"), "{errors}");
    // Nor may runs of several shapes lie in one folder.
    let errors = bench.fail(&trial(point, "1"));
    assert!(errors.contains("--overwrite"), "{errors}");
    let runs = || {
        let folds = [1, 2, 3].map(|fold| format!("t/fold-{fold}"));
        let is_run = |folder: &String| bench.path(&format!("{folder}/config.toml")).is_file();
        std::iter::once("t".to_owned())
            .chain(folds)
            .filter(is_run)
            .count()
    };
    for (folds, count) in [("3", 3), ("2", 2), ("1", 1), ("2", 2)] {
        bench.succeed(&[&trial(point, folds)[..], &["--overwrite"]].concat());
        assert_eq!(runs(), count);
    }
    // A run that cannot be read is replaced no less.
    bench.file("t/fold-1/config.toml", "source = 3");
    let errors = bench.fail(&trial(point, "2"));
    assert!(errors.contains("--overwrite"), "{errors}");
    bench.succeed(&[&trial(point, "2")[..], &["--overwrite"]].concat());
    let one = ["--validation-fold", "1/2"];
    let errors = bench.fail(&[&trial(point, "2")[..], &one].concat());
    assert!(errors.contains("fold 1/2 alone judges"), "{errors}");
    let mut alone = trial(point, "1");
    alone[6] = "alone";
    let alone = json(&bench.succeed(&[&alone[..], &one].concat()));
    assert_eq!(alone["error"], tried["folds"][0]["error"]);
}
