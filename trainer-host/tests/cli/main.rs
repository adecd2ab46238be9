//! The program as a user meets it. Each file answers one question.

#[path = "../bench/mod.rs"]
mod bench;
mod both_ways;
mod configuration;
mod diagnose;
mod examples;
mod figures;
mod find_rate;
mod imported;
mod making_it_fit;
mod motion;
mod new_firmware;
mod pages;
mod predict;
mod python;
mod quantisations;
mod refused_data;
mod refused_files;
mod refused_flags;
mod run_data;
mod same_weights;
mod schema;
mod several_runs;
mod sounds;
mod stages;
mod tensorboard;

use std::path::PathBuf;

use bench::Bench;

/// Trains a small network into `run`, with a validation part however few recordings there are.
fn train(bench: &Bench, data: &str, extra: &[&str]) -> String {
    let mut arguments = vec![
        "train",
        data,
        "--out",
        "run",
        "--epochs",
        "3",
        "--hidden",
        "6",
        "--validation-share",
        "0.15",
    ];
    arguments.extend(extra);
    bench.succeed(&arguments)
}

/// Two classes that a few epochs can tell apart: rising and falling ramps with a ripple.
fn ramps() -> String {
    let mut text = String::from("series_id,t,x,y,label\n");
    for series in 0..40 {
        let up = series % 2 == 0;
        for t in 0..8 {
            let x =
                f64::from(if up { t } else { 7 - t }) + 0.1 * f64::from((series * 7 + t * 3) % 5);
            let y = 100.0 * f64::from(t % 2);
            let label = if up { "up" } else { "down" };
            text += &format!("s{series},{t},{x:.2},{y},{label}\n");
        }
    }
    text
}

/// A trained, quantised and exported run in `bench`.
fn exported(bench: &Bench) -> PathBuf {
    bench.file("ramps.csv", ramps().as_bytes());
    train(bench, "ramps.csv", &[]);
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&["export", "run"]);
    bench.path("run/model.lstm")
}

/// What the program says where it refuses what the flags, which are in order, ask for.
fn refuse(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The arguments of a command line in which none holds a space.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}
