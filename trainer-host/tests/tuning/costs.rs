//! What does a trial's model need of the chip, and which limits hold?

use crate::bench::json;
use crate::{bench, search};

/// What a trial says that its model will need is what the exported model needs, to the byte; a w8a8 model
/// of several layers may need less of an M55.
#[test]
fn costs_before_training_are_those_of_the_exported_model() {
    let bench = bench();
    for (n, (point, target)) in [
        (r#"{"hidden": 7}"#, "m4"),
        (
            r#"{"layers": 2, "hidden.0": 9, "hidden.1": 5, "train.peepholes": false}"#,
            "m0",
        ),
        (r#"{"hidden": 12, "scheme": "w8a8"}"#, "m55"),
        (r#"{"hidden": 12, "scheme": "w4a16"}"#, "m33"),
    ]
    .into_iter()
    .enumerate()
    {
        let run = format!("run-{n}");
        let arguments = [
            "tune", "trial", "digits", "--epochs", "1", "--out", &run, "--point", point,
        ];
        let chip = [
            "--core",
            target,
            "--clock",
            "64MHz",
            "--wait-states",
            "2",
            "--json",
        ];
        let tried = json(&bench.succeed(&[&arguments[..], &chip].concat()));
        let scheme = json(point)["scheme"].as_str().unwrap_or("w8a16").to_owned();
        bench.succeed(&["quantise", &run, "--scheme", &scheme]);
        bench.succeed(&["export", &run, "--target", target, "-o", "model.lstm"]);
        let inspected = json(&bench.succeed(&[&["inspect", "model.lstm"][..], &chip].concat()));
        assert_eq!(tried["footprint"], inspected["cores"][0], "{point}");
        // Two cycles for each line of 16 bytes of the model, at least.
        let waits = inspected["cores"][0]["flash_waits"]["at_least"].as_u64();
        let bytes = inspected["layers"].as_array().unwrap().iter();
        let bytes: u64 = bytes
            .map(|layer| layer["parameter_bytes"].as_u64().unwrap())
            .sum();
        assert!(waits.unwrap() >= 2 * bytes / 16, "{point}");
    }
    let of_chip = ["inspect", "model.lstm", "--chip", "stm32f407vg"];
    let text = bench.succeed(&of_chip);
    assert!(
        text.contains(" to ") && !text.contains("without wait states"),
        "{text}"
    );
    let slower = bench.succeed(&[&of_chip[..], &["--clock", "84MHz"]].concat());
    assert_ne!(text, slower);
    let text = bench.succeed(&["inspect", "model.lstm", "--chip", "rp2040"]);
    assert!(text.contains("without wait states"), "{text}");
}

#[test]
fn what_cannot_fit_is_not_trained() {
    let bench = bench();
    let small = ["--flash", "20K", "--ram", "2K", "--trials", "6", "--json"];
    let arguments = ["tune", "digits", "--epochs", "2", "--storage", "small.db"];
    let study = json(&bench.succeed(&[&arguments[..], &small].concat()));
    assert!(!study["front"].as_array().unwrap().is_empty());
    for trial in study["trials"].as_array().unwrap() {
        assert!(
            trial["footprint"]["flash_bytes"].as_u64().unwrap() <= 20 * 1024,
            "{trial}"
        );
        assert!(
            trial["footprint"]["ram_bytes"].as_u64().unwrap() <= 2 * 1024,
            "{trial}"
        );
    }
    let errors = bench.fail(&["tune", "digits", "--storage", "none.db", "--flash", "8K"]);
    assert!(errors.contains("smallest"), "{errors}");
    assert!(!bench.path("none.db").exists());
    let errors = bench.fail(&["tune", "digits", "--latency", "5ms"]);
    assert!(errors.contains("--clock"), "{errors}");
    let errors = bench.fail(&["tune", "digits", "--chip", "z80"]);
    assert!(errors.contains("nrf52840"), "{errors}");
}

#[test]
fn limits_at_hand_are_of_the_core_at_hand() {
    let bench = bench();
    search(&bench, "s.db");
    let best = [
        "tune",
        "best",
        "--storage",
        "s.db",
        "--out",
        "best",
        "--seeds",
        "1",
        "--core",
        "m0",
        "--json",
    ];
    let free = json(&bench.succeed(&best));
    let needed = free["footprint"]["instructions"].as_u64().unwrap();
    assert_eq!(free["footprint"]["core"], "M0");
    let fewer = (needed - 1).to_string();
    let arguments = [&best[..], &["--overwrite", "--max-instructions", &fewer]].concat();
    let smaller = json(&bench.succeed(&arguments));
    assert!(smaller["footprint"]["instructions"].as_u64().unwrap() < needed);
    let errors = bench.fail(&[&best[..], &["--latency", "1us"]].concat());
    assert!(errors.contains("--clock"), "{errors}");
    let errors = bench.fail(&[&best[..], &["--export", "no/such/m.lstm"]].concat());
    assert!(errors.contains("no such folder"), "{errors}");
}
