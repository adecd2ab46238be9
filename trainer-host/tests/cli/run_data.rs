//! Which data is a run of, where is it found, and who may write in the run's folder?

use trainer_host::run::FolderLock;

use crate::bench::Bench;
use crate::{exported, ramps, refuse, train, words};

/// Every command that opens a run's own data.
const STAGES: [&str; 4] = [
    "train --resume run",
    "quantise run",
    "eval run --part validation",
    "diagnose run",
];

#[test]
fn a_run_finds_its_data_from_any_folder() {
    let bench = Bench::new();
    exported(&bench);
    std::fs::create_dir_all(bench.path("sub/deeper")).unwrap();
    for stage in STAGES {
        let stage = stage.replace("run", "../../run");
        let mut command = bench.command(&words(&stage));
        let output = command.current_dir(bench.path("sub/deeper")).output();
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stage}: {errors}");
    }
    // The run begins another one from there, and a file with its settings needs no data beside it.
    let mut command = bench.command(&words(
        "train --config ../run/config.toml --init ../run --epochs 1 --out ../next",
    ));
    let output = command.current_dir(bench.path("sub")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    bench.succeed(&words("eval next --part train"));
}

#[test]
fn data_that_has_moved_is_named_anew() {
    let bench = Bench::new();
    exported(&bench);
    std::fs::create_dir(bench.path("archive")).unwrap();
    std::fs::rename(bench.path("ramps.csv"), bench.path("archive/old.csv")).unwrap();
    for stage in STAGES {
        let said = refuse(&bench, &words(stage));
        assert!(
            said.contains("ramps.csv") && said.contains("--data"),
            "{said}"
        );
        let named = format!("{stage} --data archive/old.csv");
        bench.succeed(&words(&named));
    }
}

#[test]
fn data_that_has_changed_is_refused_by_every_stage() {
    let bench = Bench::new();
    exported(&bench);
    bench.file("new.csv", ramps().replace(",100,", ",101,"));
    std::fs::copy(bench.path("new.csv"), bench.path("ramps.csv")).unwrap();
    for stage in STAGES {
        let said = refuse(&bench, &words(stage));
        assert!(said.contains("ramps.csv is no longer the data"), "{said}");
        let said = refuse(&bench, &words(&format!("{stage} --data new.csv")));
        assert!(said.contains("new.csv is no longer the data"), "{said}");
    }
    let said = refuse(&bench, &words("train ramps.csv --init run --out next"));
    assert!(said.contains("ramps.csv is no longer the data"), "{said}");
    assert!(!bench.path("next").exists());
    // Other data on purpose
    bench.succeed(&words("eval run --data new.csv"));
    bench.succeed(&words("train new.csv --init run --epochs 1 --out next"));
}

#[test]
fn a_second_process_in_a_run_folder_is_refused() {
    let bench = Bench::new();
    bench.file("ramps.csv", ramps());
    train(&bench, "ramps.csv", &[]);
    let left = bench.file("run/.writing-left.tmp", "half");
    let before = std::fs::read(bench.path("run/weights.safetensors")).unwrap();
    let lock = FolderLock::take(&bench.path("run")).unwrap();
    assert!(!left.exists());
    for stage in [
        "train --resume run",
        "train ramps.csv --out run --overwrite",
        "quantise run",
    ] {
        let said = refuse(&bench, &words(stage));
        assert!(said.contains("another process is at work"), "{said}");
    }
    let after = std::fs::read(bench.path("run/weights.safetensors")).unwrap();
    assert_eq!(before, after);
    drop(lock);
    bench.succeed(&words("quantise run"));
}

#[test]
fn a_run_whose_network_was_imported_is_not_gone_on_with() {
    let bench = Bench::new();
    exported(&bench);
    let path = bench.path("run/model.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let imported = text.replace("origin = \"trained\"\n", "");
    assert_ne!(imported, text);
    std::fs::write(
        &path,
        format!("{imported}\n[origin.imported]\nfile = \"net.onnx\"\n"),
    )
    .unwrap();
    let said = refuse(&bench, &words("train --resume run"));
    assert!(
        said.contains("imported from net.onnx") && said.contains("--init"),
        "{said}"
    );
    assert!(
        bench
            .succeed(&words("inspect run"))
            .contains("imported from net.onnx")
    );
    bench.succeed(&words("quantise run"));
}

/// A column that counts rows is left out; whichever command reads the data says so, and once.
#[test]
fn what_was_left_out_is_told_by_every_command_that_reads_data() {
    let bench = Bench::new();
    let rows = (0..24).flat_map(|s| (0..5).map(move |t| (s, t)));
    let rows: String = rows
        .map(|(s, t)| format!("s{s},{t},{},{},{}\n", 5 * s + t, s * t % 7, s % 2))
        .collect();
    bench.file("a.csv", format!("series_id,t,index,x,label\n{rows}"));
    let train = ["train", "a.csv", "--epochs", "1", "--hidden", "4"];
    for command in [
        &[&train[..], &["--out", "run"]].concat()[..],
        &[&train[..], &["--folds", "2"]].concat(),
        &["find-rate", "a.csv", "--hidden", "4", "--updates", "20"],
        &["quantise", "run"],
        &["eval", "run", "--part", "train"],
        &["diagnose", "run"],
        &[
            "tune",
            "a.csv",
            "--trials",
            "1",
            "--finalists",
            "1",
            "--repeats",
            "1",
            "--epochs",
            "1",
            "--storage",
            "a.db",
        ],
    ] {
        let output = bench.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        assert_eq!(
            said.matches("note: index counts rows").count(),
            1,
            "{command:?}: {said}"
        );
    }
}

/// Rows that are named as the validation part divide the data alike, whatever the seed: no split is in the way, and data
/// that has changed is noticed.
#[test]
fn rows_divide_the_data_of_a_forecast_for_every_seed() {
    let bench = Bench::new();
    let series = |first: f64| {
        let row = |t: usize| {
            let x = (t as f64 / 3.0).sin();
            let x = if t == 0 { first } else { x };
            format!("{x:.4},{:.4}\n", x * x - 0.3)
        };
        "x,y\n".to_owned() + &(0..80).map(row).collect::<String>()
    };
    let settings = "[data.forecast]\nlook_back = 4\nvalidation_rows = 16\n";
    bench.file("forecast.toml", settings);
    let line = "train series.csv --config forecast.toml --epochs 1";
    bench.file("series.csv", series(0.25));
    bench.succeed(&words(&format!("{line} --hidden 2 --out base")));
    bench.succeed(&words(&format!("{line} --init base --seed 5 --out next")));
    bench.file("series.csv", series(0.75));
    let said = refuse(
        &bench,
        &words(&format!("{line} --init base --seed 6 --out last")),
    );
    assert!(
        said.contains("base: ") && said.contains("no longer"),
        "{said}"
    );
}
