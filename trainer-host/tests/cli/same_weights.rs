//! Does a run end with the same weights, on any number of threads and however often it is killed, and are
//! they kept?

use crate::bench::{Bench, json};
use crate::{ramps, train};

#[test]
fn the_number_of_threads_does_not_change_the_weights() {
    let weights = |threads: &str| {
        let bench = Bench::new();
        bench.file("ramps.csv", ramps().as_bytes());
        train(&bench, "ramps.csv", &["--threads", threads]);
        std::fs::read(bench.path("run/weights.safetensors")).unwrap()
    };
    assert_eq!(weights("1"), weights("3"));
}

#[test]
fn a_finished_run_is_not_overwritten_by_accident() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &[]);
    let before = std::fs::read(bench.path("run/weights.safetensors")).unwrap();
    let said = bench.fail(&["train", "ramps.csv", "--out", "run"]);
    assert!(
        said.contains("--overwrite") && said.contains("run"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(bench.path("run/weights.safetensors")).unwrap(),
        before
    );
    train(&bench, "ramps.csv", &["--overwrite", "--seed", "1"]);
    assert_ne!(
        std::fs::read(bench.path("run/weights.safetensors")).unwrap(),
        before
    );
}

#[test]
fn an_interrupted_run_resumes_to_the_same_weights() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let arguments = [
        "train",
        "ramps.csv",
        "--out",
        "whole",
        "--epochs",
        "40",
        "--hidden",
        "24",
    ];
    bench.succeed(&arguments);
    let mut arguments = arguments;
    arguments[3] = "broken";
    let mut child = bench
        .command(&arguments)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Killed once there is a checkpoint, wherever it is by then.
    while !bench.path("broken/checkpoint.safetensors").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the run ended without a checkpoint"
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench.succeed(&["train", "--resume", "broken"]);
    let read = |name: &str| std::fs::read(bench.path(name).join("weights.safetensors")).unwrap();
    assert_eq!(read("whole"), read("broken"));
}

#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_same_weights() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let arguments = |out| {
        let fixed = ["train", "ramps.csv", "--epochs", "30", "--hidden", "24"];
        [&fixed[..], &["--batch-size", "4", "--out", out]].concat()
    };
    bench.succeed(&arguments("whole"));
    let command = || match bench.path("killed/config.toml").exists() {
        true => vec!["train", "--resume", "killed"],
        false => arguments("killed"),
    };
    // Whenever a kill comes, between two files or within one: later and later ones, so that some
    // epochs are done in between on any machine that is not very busy.
    for milliseconds in (0..200).step_by(13) {
        let mut child = bench
            .command(&command())
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    bench.succeed(&command());
    for file in ["weights.safetensors", "log.jsonl", "checkpoint.safetensors"] {
        let content = |run: &str| std::fs::read(bench.path(run).join(file)).unwrap();
        assert_eq!(content("whole"), content("killed"), "{file}");
    }
}

#[test]
fn a_run_goes_on_to_more_epochs_and_is_as_a_stopped_one_until_then() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &[]);
    let resume = |epochs| ["train", "--resume", "run", "--epochs", epochs, "--json"];
    let said = json(&bench.succeed(&resume("5")));
    assert_eq!(said["epochs"], 5);
    let log = std::fs::read_to_string(bench.path("run/log.jsonl")).unwrap();
    let config = std::fs::read_to_string(bench.path("run/config.toml")).unwrap();
    assert_eq!(log.lines().count(), 5);
    assert!(config.contains("epochs = 5\n"), "{config}");
    assert!(bench.fail(&resume("4")).contains("5 epochs are done"));
    // More epochs would be none where early stopping has ended the run.
    let early = [
        "--early-stopping",
        "1",
        "--min-delta",
        "100",
        "--out",
        "early",
    ];
    bench.succeed(&[&["train", "ramps.csv", "--epochs", "5"][..], &early].concat());
    let said = bench.fail(&["train", "--resume", "early", "--epochs", "9"]);
    assert!(said.contains("early stopping ended this run"), "{said}");
    assert!(bench.path("early/weights.safetensors").exists());

    let weights = std::fs::read(bench.path("run/weights.safetensors")).unwrap();
    let page = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    for file in ["weights.safetensors", "metrics.json", "report.html"] {
        std::fs::remove_file(bench.path("run").join(file)).unwrap();
    }
    for command in ["report", "quantise", "eval", "export", "inspect"] {
        let arguments: &[&str] = match command {
            "eval" => &["eval", "run", "--part", "validation"],
            command => &[command, "run"],
        };
        let output = bench.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}: {said}");
        assert!(
            said.contains("warning: run was stopped after epoch 5"),
            "{said}"
        );
    }
    let again = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert_eq!(again.matches("<svg").count(), page.matches("<svg").count());
    bench.succeed(&["train", "--resume", "run"]);
    assert_eq!(
        std::fs::read(bench.path("run/weights.safetensors")).unwrap(),
        weights
    );
}

#[test]
fn a_resumed_run_keeps_its_configuration() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &[]);
    let said = bench.fail(&["train", "--resume", "run", "--learning-rate", "0.5"]);
    assert!(said.contains("configuration"), "{said}");
}

#[test]
fn weights_are_written_even_where_a_log_cannot_be() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    std::fs::create_dir_all(bench.path("run/log.jsonl")).unwrap();
    let arguments = [
        "train",
        "ramps.csv",
        "--out",
        "run",
        "--epochs",
        "2",
        "--hidden",
        "3",
    ];
    let said = bench.fail(&arguments);
    assert!(said.contains("log.jsonl"), "{said}");
    assert!(bench.path("run/weights.safetensors").exists());
}
