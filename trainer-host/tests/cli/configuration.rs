//! Do configuration files say what flags say, and are those of the repository good?

use std::path::{Path, PathBuf};

use crate::bench::{Bench, json};
use crate::ramps;

#[test]
fn a_configuration_file_holds_what_flags_override() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file(
        "ramps.toml",
        b"source = \"ramps.csv\"\n[train]\nhidden = [5]\nepochs = 2\nbatch_size = 8\nvalidation_share = 0.15\n",
    );
    let printed = bench.succeed(&[
        "train",
        "--config",
        "ramps.toml",
        "--epochs",
        "3",
        "--set",
        "train.clip_norm=0.5",
        "--print-config",
    ]);
    bench.file("printed.toml", printed.as_bytes());
    let trained = |file: &str, out: &str, flags: &[&str]| {
        let mut arguments = vec!["train", "--config", file, "--out", out];
        arguments.extend(flags);
        bench.succeed(&arguments);
        std::fs::read(bench.path(&format!("{out}/weights.safetensors"))).unwrap()
    };
    let from_printed = trained("printed.toml", "a", &[]);
    let from_flags = trained(
        "ramps.toml",
        "b",
        &["--epochs", "3", "--set", "train.clip_norm=0.5"],
    );
    assert_eq!(from_printed, from_flags);
    assert_ne!(from_printed, trained("ramps.toml", "c", &[]));
    // As JSON, the same.
    let json = bench.succeed(&[
        "train",
        "--config",
        "printed.toml",
        "--print-config",
        "--json",
    ]);
    bench.file("printed.json", json.as_bytes());
    assert_eq!(from_printed, trained("printed.json", "d", &[]));

    let compared = bench.succeed(&["compare", "a", "c", "--html", "compare.html"]);
    assert!(compared.contains("train.epochs") && compared.contains("train.clip_norm"));
    assert!(!compared.contains("train.hidden"), "{compared}");
    let page = std::fs::read_to_string(bench.path("compare.html")).unwrap();
    assert!(page.contains("Validation loss"));
}

#[test]
fn defaults_for_few_recordings_are_said_and_printed_and_give_way() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    // 40 recordings in batches of 8 make 5 updates an epoch.
    let print = |flags: &[&str]| -> (toml::Table, String) {
        let arguments = [&["train", "ramps.csv", "--print-config"], flags].concat();
        let output = bench.run(&arguments);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        for line in [
            "learning_rate = 0.005",
            "dropout = 0.2",
            "input_noise = 0.3",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}: {text}"
            );
        }
        assert!(text.contains("kind = \"cross-entropy\""), "{text}");
        let table: toml::Table = toml::from_str(&text).unwrap();
        (table["train"].as_table().unwrap().clone(), said)
    };
    let (train, said) = print(&[]);
    assert_eq!(train["epochs"].as_integer(), Some(400));
    assert_eq!(train["validation_share"].as_float(), Some(0.0));
    assert!(
        said.contains("40 sequences") && said.contains("2000 updates"),
        "{said}"
    );
    let (train, said) = print(&["--epochs", "7", "--set", "train.batch_size=3"]);
    assert_eq!(train["epochs"].as_integer(), Some(7));
    assert_eq!(train["batch_size"].as_integer(), Some(3));
    assert!(!said.contains("epochs"), "{said}");
    let (train, _) = print(&["--early-stopping", "3"]);
    assert_eq!(train["validation_share"].as_float(), Some(0.15));
}

#[test]
fn unknown_settings_name_the_nearest_known_one() {
    let bench = Bench::new();
    bench.file("bad.toml", b"[train]\nepoch = 3\n");
    let error = bench.fail(&["train", "digits", "--out", "run", "--config", "bad.toml"]);
    assert!(error.contains("bad.toml:2:1"), "{error}");
    assert!(error.contains("did you mean `epochs`?"), "{error}");
    let error = bench.fail(&[
        "train",
        "digits",
        "--out",
        "run",
        "--set",
        "train.hiden=[3]",
    ]);
    assert!(error.contains("did you mean `hidden`?"), "{error}");
    let error = bench.fail(&["train", "--out", "run", "--config", "nowhere.toml"]);
    assert!(error.contains("nowhere.toml"), "{error}");
    assert!(!bench.path("run").exists());
}

/// Of the repository.
fn configurations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

#[test]
fn every_configuration_of_the_repository_can_be_read() {
    let bench = Bench::new();
    let mut count = 0;
    for entry in std::fs::read_dir(configurations()).unwrap() {
        let path = entry.unwrap().path();
        bench.succeed(&[
            "train",
            "--config",
            path.to_str().unwrap(),
            "--print-config",
        ]);
        count += 1;
    }
    assert!(count >= 6);
}

#[test]
fn the_articles_example_runs() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let config = configurations().join("article.toml");
    let arguments = ["train", "ramps.csv", "--out", "run", "--json", "--config"];
    let trained = json(&bench.succeed(&[&arguments[..], &[config.to_str().unwrap()]].concat()));
    assert_eq!(trained["epochs"], 10);
    assert_eq!(trained["validation"]["accuracy"], 1.0);
    assert!(bench.succeed(&["inspect", "run"]).contains("128"));
}
