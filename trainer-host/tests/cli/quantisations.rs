//! Do several quantisations live side by side in a run, and is the one meant that is said?

use crate::bench::{Bench, json};
use crate::{ramps, refuse, train, words};

#[test]
fn several_quantisations_live_in_a_run() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    train(&bench, "ramps.csv", &["--epochs", "10"]);
    let quantise =
        |flags: &str| json(&bench.succeed(&words(&format!("quantise run --json {flags}"))));
    quantise("--scheme w8a16");
    // As an earlier version named it.
    let first = bench.path("run/quantised-w8a16.safetensors");
    std::fs::rename(&first, bench.path("run/quantised.safetensors")).unwrap();
    assert_eq!(quantise("--scheme w4a16 --name small")["name"], "small");
    quantise("--scheme w8a8");
    let inspected = json(&bench.succeed(&words("inspect run --json")));
    let kept = inspected["quantisations"].as_array().unwrap();
    let names: Vec<&str> = kept
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["w8a16", "small", "w8a8"]);
    assert!(kept.iter().all(|one| one["is_current"] == true));

    // The one made last, or the one that is named, in every command.
    let eval = |flags: &str| {
        bench.run(&words(&format!(
            "eval run --part validation --json {flags}"
        )))
    };
    let said = String::from_utf8(eval("").stderr).unwrap();
    assert!(
        said.contains("w8a16, small, w8a8") && said.contains("--quantised NAME"),
        "{said}"
    );
    for (flags, name) in [
        ("", "w8a8"),
        ("--scheme w4a16", "small"),
        ("--quantised w8a16", "w8a16"),
    ] {
        let line =
            |command: &str| json(&bench.succeed(&words(&format!("{command} {flags} --json"))));
        for command in [
            "eval run --part validation",
            "export run -o model.lstm",
            "predict run ramps.csv",
            "diagnose run",
        ] {
            assert_eq!(line(command)["quantisation"], name, "{command} {flags}");
        }
        if !flags.is_empty() {
            let shown = line("inspect run");
            let scheme = if name == "small" { "w4a16" } else { name };
            assert_eq!(shown["layers"][0]["scheme"], scheme, "{shown}");
            assert!(
                !String::from_utf8(eval(flags).stderr)
                    .unwrap()
                    .contains("note: there are")
            );
        }
    }
    let refused = refuse(
        &bench,
        &words("eval run --part validation --quantised tiny"),
    );
    assert!(
        refused.contains("tiny") && refused.contains("small"),
        "{refused}"
    );
    let refused = refuse(
        &bench,
        &words("eval model.lstm --data ramps.csv --scheme w8a8"),
    );
    assert!(refused.contains("is a model file"), "{refused}");
    let refused = refuse(&bench, &words("export run --format npz --scheme w8a8"));
    assert!(refused.contains("f32"), "{refused}");

    let report = json(&bench.succeed(&words("report run --json")));
    let rows = report["quantisations"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    let page = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    for one in rows {
        let bytes = one["memory"]["file_bytes"].as_u64().unwrap();
        let row = format!("<th>{}</th>", one["name"].as_str().unwrap());
        let row = page
            .split(&row)
            .nth(1)
            .unwrap()
            .split("</tr>")
            .next()
            .unwrap();
        assert!(row.contains(&format!("<td>{bytes}</td>")), "{row}");
    }

    one_that_cannot_be_read_is_in_the_way_of_no_other(&bench);

    // Its scheme made again takes the place of the earlier version's file.
    quantise("--scheme w8a16");
    assert!(first.exists() && !bench.path("run/quantised.safetensors").exists());
    assert_eq!(
        json(&bench.succeed(&words("export run --json")))["quantisation"],
        "w8a16"
    );
    // Of other weights, none is taken.
    bench.succeed(&words("train --resume run --epochs 12"));
    let said = String::from_utf8(bench.run(&words("report run")).stderr).unwrap();
    assert!(
        said.contains("not of the run's weights")
            && said.contains("`trainer-host quantise run --scheme w4a16 --name small`")
            && !said.contains("note: note"),
        "{said}"
    );
}

/// `small` of `run` cut short, and whole again in the end.
fn one_that_cannot_be_read_is_in_the_way_of_no_other(bench: &Bench) {
    let small = bench.path("run/quantised-small.safetensors");
    let whole = std::fs::read(&small).unwrap();
    std::fs::write(&small, &whole[..300]).unwrap();
    let mend = "`trainer-host quantise run --scheme SCHEME --name small` makes it again, or delete the file";
    for line in [
        "eval run --part validation",
        "eval run --part validation --scheme w8a16",
        "export run -o model.lstm",
        "predict run ramps.csv",
        "diagnose run",
        "report run",
    ] {
        let output = bench.run(&words(line));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        assert!(
            said.contains("note: a quantisation is left out"),
            "{line}: {said}"
        );
        assert!(
            said.contains(mend) && !said.contains("note: note"),
            "{line}: {said}"
        );
    }
    let shown = bench.run(&words("inspect run"));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("w8a16, w8a8") && shown.contains(mend),
        "{shown}"
    );
    let shown = json(&bench.succeed(&words("inspect run --json")));
    assert_eq!(shown["quantisation_problems"].as_array().unwrap().len(), 1);
    for (flags, expected) in [
        ("--quantised small", mend),
        (
            "--scheme w4a16",
            "small, which cannot be read; `trainer-host quantise run --scheme w4a16`",
        ),
    ] {
        let line = format!("eval run --part validation {flags}");
        let refused = refuse(bench, &words(&line));
        assert!(refused.contains(expected), "{refused}");
    }
    // What no command can make is not to be made.
    let refused = refuse(bench, &words("export run --scheme w8a8,w8a8,w8a8"));
    assert!(
        refused.contains("one for all layers, or one for each") && !refused.contains("quantise"),
        "{refused}"
    );
    std::fs::write(&small, &whole).unwrap();
}
