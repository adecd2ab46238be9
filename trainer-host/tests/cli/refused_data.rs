//! Which data does the program refuse, and with which words?

use crate::bench::Bench;
use crate::{exported, ramps};

#[test]
fn bad_data_is_refused_with_its_place() {
    let bench = Bench::new();
    let header = "series_id,t,x,label\n";
    let cases: [(&str, String, &[&str]); 6] = [
        ("empty.csv", String::new(), &["empty.csv"]),
        ("header.csv", header.into(), &["header.csv"]),
        (
            "ragged.csv",
            format!("{header}a,0,1.0,up\na,1,2.0\n"),
            &["ragged.csv:3"],
        ),
        (
            "nan.csv",
            format!("{header}a,0,1.0,up\na,1,NaN,up\na,2,1.0,up\nb,0,1.0,down\n"),
            &["nan.csv:3", "x"],
        ),
        (
            "word.csv",
            format!("{header}a,0,1.0,up\na,1,high,up\n"),
            &["word.csv:3", "x", "high"],
        ),
        (
            "odd.parquet",
            String::from("x"),
            &["odd.parquet", "parquet"],
        ),
    ];
    for (name, content, expected) in cases {
        bench.file(name, content.as_bytes());
        let said = bench.fail(&["train", name, "--out", "run"]);
        for part in expected {
            assert!(said.contains(part), "{name}: {said}");
        }
        assert!(
            !bench.path("run").exists(),
            "{name}: nothing is left behind"
        );
    }
    let said = bench.fail(&["train", "nowhere.csv", "--out", "run"]);
    assert!(said.contains("nowhere.csv"), "{said}");
    let said = bench.fail(&["train", "digitts", "--out", "run"]);
    assert!(
        said.contains("digits"),
        "the nearest name is offered: {said}"
    );
}

#[test]
fn an_unknown_label_in_the_test_part_is_refused() {
    let bench = Bench::new();
    bench.file("train.csv", ramps().as_bytes());
    bench.file(
        "test.csv",
        ramps().replace(",down\n", ",sideways\n").as_bytes(),
    );
    let said = bench.fail(&["train", "train.csv", "--test", "test.csv", "--out", "run"]);
    assert!(
        said.contains("test.csv:") && said.contains("sideways") && said.contains("down"),
        "{said}"
    );
}

#[test]
fn data_of_other_channels_is_refused() {
    let bench = Bench::new();
    exported(&bench);
    bench.file("one.csv", b"series_id,t,x,label\na,0,1,up\nb,0,1,down\n");
    let said = bench.fail(&["eval", "run/model.lstm", "--data", "one.csv"]);
    assert!(
        said.contains("one.csv") && said.contains("no channel \"y\""),
        "{said}"
    );
}

#[test]
fn data_that_is_no_longer_the_runs_own_is_refused() {
    let bench = Bench::new();
    exported(&bench);
    // Another class, then another channel.
    for (changed, expected) in [
        (ramps().replace(",down\n", ",left\n"), "left"),
        (ramps().replace("x,y,label", "x,z,label"), "z"),
    ] {
        bench.file("ramps.csv", changed.as_bytes());
        for command in [
            &["quantise", "run"][..],
            &["eval", "run", "--part", "train"],
        ] {
            let said = bench.fail(command);
            assert!(
                said.contains("ramps.csv") && said.contains(expected),
                "{said}"
            );
        }
    }
    // The same kind, but other values: the weights would not be those of an unbroken run.
    bench.file(
        "ramps.csv",
        ramps()
            .replace(",100\n", ",90\n")
            .replace("100", "90")
            .as_bytes(),
    );
    let said = bench.fail(&["train", "--resume", "run"]);
    assert!(said.contains("ramps.csv is no longer the data"), "{said}");
}

#[test]
fn what_no_model_file_holds_is_refused_before_training() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file(
        "big.csv",
        ramps()
            .replace(",100\n", ",2.4e9\n")
            .replace("100,", "2.4e9,")
            .as_bytes(),
    );
    bench.file(
        "long.csv",
        ramps().replace("down", &"d".repeat(256)).as_bytes(),
    );
    for (data, extra, expected) in [
        ("big.csv", "--epochs=1", "\"y\" reaches 2.400e9"),
        ("long.csv", "--epochs=1", "256 bytes"),
        ("ramps.csv", "--hidden=1,1,1,1,1", "LSTM layers"),
    ] {
        let said = bench.fail(&["train", data, "--out", "run", extra]);
        assert!(said.contains(expected), "{data}: {said}");
        assert!(!bench.path("run").exists(), "nothing is left behind");
    }
}
