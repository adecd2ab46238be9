//! Which flags does the program refuse, alone and together?

use crate::bench::Bench;
use crate::{exported, ramps, words};

#[test]
fn bad_flags_are_refused() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    for (flag, value) in [
        ("--epochs", "0"),
        ("--epochs", "18446744073709551615"),
        ("--batch-size", "0"),
        ("--learning-rate", "-1"),
        ("--dropout", "1.5"),
        ("--hidden", "0"),
        ("--hidden", "many"),
        ("--validation-share", "1.0"),
        ("--loss", "hinge"),
    ] {
        let argument = format!("{flag}={value}");
        let said = bench.fail(&["train", "ramps.csv", "--out", "run", &argument]);
        let field = flag.trim_start_matches('-').replace('-', "_");
        assert!(
            said.contains(flag) || said.contains(&field),
            "{argument}: {said}"
        );
        assert!(
            !bench.path("run").exists(),
            "{argument}: nothing is left behind"
        );
    }
}

/// As a flag, in a configuration and at an import.
#[test]
fn padding_same_is_refused_with_the_reason() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file("same.toml", b"[train.conv]\npadding = \"same\"\n");
    for rest in [
        "train ramps.csv --out run --conv-stride 2 --conv-padding same",
        "train ramps.csv --out run --config same.toml",
        "import net.safetensors --out run --conv-padding same",
    ] {
        let said = bench.fail(&words(rest));
        assert!(said.contains("later steps"), "{rest}: {said}");
    }
}

#[test]
fn flags_that_would_have_no_effect_are_refused() {
    let bench = Bench::new();
    exported(&bench);
    let said = bench.fail(&["eval", "run", "--part", "train", "--test", "ramps.csv"]);
    assert!(said.contains("--data"), "{said}");
    let said = bench.fail(&["train", "--resume", "run", "--label", "y"]);
    assert!(said.contains("data"), "{said}");
    let said = bench.fail(&["eval", "run", "--part", "train", "--limit", "0"]);
    assert!(said.contains("--limit"), "{said}");
}

#[test]
fn flags_that_do_not_belong_together_leave_no_folder() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    for (flags, said) in [
        ("--momentum 0.9", "--momentum is for --optimiser sgd"),
        ("--truncate 4", "truncate is 4"),
        (
            "--class-weights 1,2,3",
            "loss.class_weights is [1.0,2.0,3.0]",
        ),
        (
            "--validation-share 0 --early-stopping 3",
            "early_stopping is set",
        ),
        ("--schedule sawtooth", "possible values"),
    ] {
        let flags = flags.split(' ');
        let arguments: Vec<&str> = ["train", "ramps.csv", "--out", "run"]
            .into_iter()
            .chain(flags)
            .collect();
        let error = bench.fail(&arguments);
        assert!(error.contains(said), "{error}");
        assert!(!bench.path("run").exists());
    }
}

#[test]
fn forecast_flags_are_refused_where_they_mean_nothing() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    let train =
        |flags: &[&str]| bench.fail(&[&["train", "ramps.csv", "--out", "run"], flags].concat());
    assert!(train(&["--horizon", "3"]).contains("--look-back"));
    assert!(train(&["--fill", "guess"]).contains("previous"));
    assert!(train(&["--look-back", "7", "--test-share", "2"]).contains("test_share is 2"));
    let both = train(&[
        "--look-back",
        "3",
        "--test-share",
        "0.2",
        "--test-rows",
        "3",
    ]);
    assert!(both.contains("cannot be used with"), "{both}");
    let folds = train(&["--look-back", "3", "--folds", "3"]);
    assert!(
        folds.contains("a forecast is not cross-validated"),
        "{folds}"
    );
    assert!(!bench.path("run").exists());
}

#[test]
fn a_loss_that_does_not_fit_the_targets_is_refused() {
    let bench = Bench::new();
    bench.file(
        "ramps.csv",
        ramps()
            .replace(",down", ",1")
            .replace(",up", ",2")
            .as_bytes(),
    );
    for loss in ["cross-entropy", "binary-cross-entropy"] {
        let arguments = [
            "train",
            "ramps.csv",
            "--out",
            "run",
            "--targets",
            "label",
            "--loss",
            loss,
        ];
        let said = bench.fail(&arguments);
        assert!(said.contains(&format!("loss.kind is {loss}")), "{said}");
    }
}
