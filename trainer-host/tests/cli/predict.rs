//! What does the program say about recordings without labels, and about a stream?

use std::io::Write;
use std::process::{Output, Stdio};

use crate::bench::{Bench, json};
use crate::{exported, ramps, refuse, words};

/// Runs with `input` on standard input.
pub(super) fn piped(bench: &Bench, line: &str, input: impl AsRef<[u8]>) -> Output {
    let mut command = bench.command(&words(line));
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A refused line closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> (Vec<String>, String) {
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    (lines.lines().map(str::to_owned).collect(), errors)
}

/// The ramps without their label, and the steps of each series as lines of a stream.
fn unlabelled() -> (String, Vec<Vec<String>>) {
    let (mut csv, mut series): (String, Vec<Vec<String>>) = Default::default();
    let mut last = String::new();
    for line in ramps().lines() {
        let fields: Vec<&str> = line.split(',').collect();
        csv += &format!("{}\n", fields[..4].join(","));
        if fields[0] == "series_id" {
            continue;
        }
        if fields[0] != last {
            series.push(Vec::new());
        }
        last = fields[0].to_owned();
        series.last_mut().unwrap().push(fields[2..4].join(","));
    }
    (csv, series)
}

#[test]
fn labels_change_nothing_and_a_stream_gives_the_same_answers() {
    let bench = Bench::new();
    exported(&bench);
    let (csv, series) = unlabelled();
    bench.file("new.csv", csv);
    for (way, note) in [
        ("run", "integers (w8a16)"),
        ("run/model.lstm", "integers (w8a16)"),
        ("run --f32", "in f32"),
    ] {
        let output = bench.run(&words(&format!("predict {way} new.csv --format csv")));
        let (lines, errors) = said(&output);
        assert!(output.status.success() && errors.contains(note), "{errors}");
        assert_eq!(
            lines[0],
            "sequence,name,class,p_down,p_up,score_down,score_up"
        );
        assert_eq!(lines.len(), 41);
        let labelled = bench.succeed(&words(&format!("predict {way} ramps.csv --format csv")));
        assert_eq!(labelled.lines().collect::<Vec<_>>(), lines);
        // Every step of every series, with an empty line after each.
        let steps: Vec<String> = series.iter().map(|steps| steps.join("\n")).collect();
        let output = piped(
            &bench,
            &format!("predict {way} --stdin"),
            steps.join("\n\n"),
        );
        let (answers, errors) = said(&output);
        assert!(output.status.success(), "{errors}");
        let mut answers = answers.iter();
        for (steps, line) in series.iter().zip(&lines[1..]) {
            let last = answers.by_ref().take(steps.len()).last().unwrap();
            let (_, expected) = line.split_once(",s").unwrap();
            assert_eq!(expected.split_once(',').unwrap().1, last);
        }
        assert_eq!(answers.next(), None);
    }
}

#[test]
fn answers_come_in_every_form() {
    let bench = Bench::new();
    exported(&bench);
    let table = bench.succeed(&words("predict run ramps.csv"));
    assert!(table.contains("probability"), "{table}");
    let rows = bench.succeed(&words("predict run ramps.csv --format jsonl"));
    let all = json(&bench.succeed(&words("--json predict run ramps.csv")));
    assert_eq!(all["arithmetic"], "integers");
    for (line, row) in rows.lines().zip(all["rows"].as_array().unwrap()) {
        assert_eq!(json(line), *row);
        let class = row["class"].as_str().unwrap();
        assert!(
            row["probabilities"][class].as_f64().unwrap() >= 0.49,
            "{row}"
        );
    }
    for (file, begin) in [("a.csv", "seq"), ("a.jsonl", "{\""), ("a.npz", "PK")] {
        bench.succeed(&["predict", "run", "ramps.csv", "--out", file]);
        let bytes = std::fs::read(bench.path(file)).unwrap();
        assert!(bytes.starts_with(begin.as_bytes()), "{file}");
    }
    let said = refuse(&bench, &words("predict run/model.lstm ramps.csv --f32"));
    assert!(said.contains("name its run"), "{said}");
    let said = bench.fail(&words("predict run"));
    assert!(said.contains("DATA"), "{said}");
}

#[test]
fn a_stream_has_its_columns_by_name_and_stops_at_a_bad_line() {
    let bench = Bench::new();
    exported(&bench);
    let plain = piped(&bench, "predict run --stdin", "1,100\n2,0\n");
    let named = piped(&bench, "predict run --stdin", "y,n,x\n100,0,1\n0,1,2\n");
    let [(plain, _), (named, _)] = [&plain, &named].map(said);
    assert!(named[0].starts_with("class,p_down"), "{named:?}");
    assert_eq!(named[1..], plain);
    let objects = piped(&bench, "predict run --stdin --format jsonl", "1,100\n\n2,0");
    let steps: Vec<_> = said(&objects).0.iter().map(|line| json(line)).collect();
    assert_eq!(
        (&steps[1]["sequence"], &steps[1]["step"]),
        (&1.into(), &0.into())
    );
    let bad = piped(&bench, "predict run --stdin", "1,100\n\n2,x\n3,0\n");
    assert_eq!(bad.status.code(), Some(1));
    let (lines, errors) = said(&bad);
    assert_eq!(lines, plain[..1]);
    assert!(
        errors.contains("standard input:3, channel y: \"x\" is not a number"),
        "{errors}"
    );
}

#[test]
fn a_forecast_of_a_change_leads_to_a_value() {
    let bench = Bench::new();
    let row = |t: u32| format!("{t},{:.3}\n", 20.0 + f64::from(t * t % 17));
    let rows: String = (0..80).map(row).collect();
    bench.file("a.csv", format!("t,OT\n{rows}"));
    let line = "train a.csv --look-back 6 --change --out run --epochs 1 --hidden 4";
    bench.succeed(&words(line));
    bench.succeed(&words("quantise run"));
    for way in ["", " --f32"] {
        let csv = bench.succeed(&words(&format!("predict run a.csv --format csv{way}")));
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "sequence,OT[+1]-OT[0],OT[+1]");
        assert_eq!(lines.len(), 1 + 80 - 6 + 1);
        let last = lines[lines.len() - 1].split(',').skip(1);
        let last: Vec<f64> = last.map(|field| field.parse().unwrap()).collect();
        // 79 · 79 leaves 2.
        assert!((last[1] - last[0] - 22.0).abs() < 1e-5, "{last:?}");
    }
}
