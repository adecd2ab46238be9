//! Does a network that went out and came back go through every stage?

use crate::bench::{Bench, json};
use crate::{exported, refuse, words};

fn notes(bench: &Bench, line: &str) -> String {
    let output = bench.run(&words(line));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {said}");
    said
}

#[test]
fn a_network_that_went_out_comes_back_and_goes_through_every_stage() {
    let bench = Bench::new();
    exported(&bench);
    bench.succeed(&words("export run --format npz"));
    assert!(bench.path("run/model.npz").is_file());
    let said = refuse(&bench, &words("export run -o net.safetensors"));
    assert!(
        said.contains("peepholes") && said.contains("onnx"),
        "{said}"
    );
    assert!(!bench.path("net.safetensors").exists());
    let said = refuse(&bench, &words("export run -o net.onnx --target m4"));
    assert!(said.contains("--target"), "{said}");
    bench.succeed(&words("export run -o net.onnx"));
    bench.succeed(&words("import net.onnx --calibrate ramps.csv --out back"));
    // The same weights and the same normalisation give the same digits.
    let answers = |run: &str| {
        bench.succeed(&words(&format!(
            "predict {run} ramps.csv --f32 --format csv"
        )))
    };
    assert_eq!(answers("back"), answers("run"));
    for stage in [
        "quantise back",
        "inspect back",
        "export back",
        "predict back ramps.csv",
        "train ramps.csv --init back --epochs 1 --out next",
        "train ramps.csv --init back --epochs 1 --qat w8a16 --out aware",
        "quantise next",
    ] {
        bench.succeed(&words(stage));
    }
    searched(&bench);
    let said = notes(&bench, "eval back");
    assert!(said.contains("its validation part"), "{said}");
    let diagnosis = bench.succeed(&words("diagnose back"));
    assert!(
        diagnosis.contains("no log") && diagnosis.contains("accuracy"),
        "{diagnosis}"
    );
    assert!(!diagnosis.contains("own answers"), "{diagnosis}");
}

/// A search that begins with the network `back`: of its training and its scheme, never of its structure.
fn searched(bench: &Bench) {
    let tune =
        "tune ramps.csv --init back --epochs 1 --trials 3 --finalists 1 --repeats 1 --workers 1";
    let said = notes(bench, &format!("{tune} --storage study.db"));
    assert!(said.contains("imported from net.onnx"), "{said}");
    bench.succeed(&words("tune best --storage study.db --out tuned --seeds 1"));
    let [before, after] = ["back", "tuned"].map(|run| {
        let run = json(&bench.succeed(&words(&format!("inspect {run} --json"))));
        run["network"].clone()
    });
    assert_eq!(before, after);
    let said = refuse(bench, &words(&format!("{tune} --storage x.db --folds 3")));
    assert!(said.contains("train.init"), "{said}");
    for setting in ["hidden", "layers", "hidden.0", "train.layer"] {
        let space = format!("[tune.space]\n\"{setting}\" = {{ choices = [1, 2] }}\n");
        bench.file("structure.toml", space);
        let line = format!("{tune} --config structure.toml --storage x.db");
        let said = refuse(bench, &words(&line));
        assert!(said.contains("its own structure"), "{setting}: {said}");
    }
    let said = refuse(bench, &words(&format!("{tune} --storage x.db --ram 100")));
    assert!(said.contains("--prune-to"), "{said}");
    assert!(!bench.path("x.db").exists());
}

#[test]
fn without_labels_a_score_is_of_the_integers_alone() {
    let bench = Bench::new();
    exported(&bench);
    bench.succeed(&words("export run -o net.onnx"));
    let ramps = crate::ramps();
    let unlabelled = ramps
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n");
    bench.file(
        "inputs.csv",
        unlabelled
            .collect::<String>()
            .replace("series_id", "recording"),
    );
    let line = "import net.onnx --calibrate inputs.csv --out back --series recording";
    let imported = bench.succeed(&words(line));
    assert!(
        imported.contains("40 sequences of inputs.csv, without labels"),
        "{imported}"
    );
    let said = refuse(
        &bench,
        &words("import net.onnx --out other --series recording"),
    );
    assert!(said.contains("--calibrate"), "{said}");
    bench.succeed(&words("quantise back"));
    let said = notes(&bench, "eval back");
    assert!(
        said.contains("its training part") && said.contains("own answers"),
        "{said}"
    );
    let found = json(&bench.succeed(&words("--json diagnose back")));
    assert_eq!(
        (&found["own_answers"], &found["epochs"]),
        (&true.into(), &0.into())
    );
}

/// What `train` would say of the data, and why labels that are there are not used.
#[test]
fn what_the_calibration_data_is_read_as_is_told() {
    let bench = Bench::new();
    exported(&bench);
    bench.succeed(&words("export run -o net.onnx"));
    let ramps = crate::ramps();
    let counted: String = (ramps.lines().enumerate())
        .map(|(row, line)| match row {
            0 => format!("row,{line}\n"),
            row => format!("{row},{line}\n"),
        })
        .collect();
    bench.file("counted.csv", counted);
    let said = notes(
        &bench,
        "import net.onnx --calibrate counted.csv --out counted",
    );
    assert_eq!(said.matches("note: row counts rows").count(), 1, "{said}");
    bench.file("odd.csv", ramps.replacen(",up", ",", 1));
    let said = notes(&bench, "import net.onnx --calibrate odd.csv --out odd");
    assert!(
        said.contains(
            "note: inputs alone are used: odd.csv:2, column label: the label or name is missing"
        ),
        "{said}"
    );
}
