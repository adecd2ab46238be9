//! What does `new-firmware` write, and what does it refuse?

use crate::bench::{Bench, json};
use crate::{exported, refuse, words};

#[test]
fn a_project_has_the_boards_flags_and_the_runs_recording() {
    let bench = Bench::new();
    exported(&bench);
    let line = "new-firmware here/ramps-fw --board pico2 --model run --json";
    std::fs::create_dir(bench.path("here")).unwrap();
    let written = json(&bench.succeed(&words(line)));
    assert_eq!(written["core"], "M33");
    let read =
        |name: &str| std::fs::read_to_string(bench.path("here/ramps-fw").join(name)).unwrap();
    let config: toml::Table = toml::from_str(&read(".cargo/config.toml")).unwrap();
    let target = &config["target"]["thumbv8m"]["main-none-eabihf"];
    assert_eq!(
        target["runner"].as_str(),
        Some("probe-rs run --chip RP235x")
    );
    assert_eq!(
        target["rustflags"][1].as_str(),
        Some("target-cpu=cortex-m33")
    );
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("ramps-fw"));
    assert_eq!(
        manifest["dependencies"]["lstm-nostd"]["path"].as_str(),
        Some("lstm-nostd")
    );
    assert!(bench.path("here/ramps-fw/lstm-nostd/src/lib.rs").exists());
    // Ramps of eight steps and two channels; without a test part, one that chose the weights.
    assert!(read("src/example.rs").contains("[[i32; 2]; 8]"));
    assert!(read("README.md").contains("validation part of ramps.csv, labelled `"));
    for name in [
        "Cargo.toml",
        ".cargo/config.toml",
        "README.md",
        "src/main.rs",
        "src/example.rs",
    ] {
        assert!(!read(name).contains("{{"), "{name}: {}", read(name));
    }
    let entries = std::fs::read_dir(bench.path("here")).unwrap();
    assert_eq!(entries.count(), 1, "nothing else is left");

    // With the settings of a recogniser, the program prints events.
    let settings = "rate_hz = 8\n[running]\nwarm_up = 4\n[decision]\non = 0.5\noff = 0.5\n";
    bench.file("r.toml", settings);
    let line = "new-firmware events --board microbit --model run --recogniser r.toml --json";
    let written = json(&bench.succeed(&words(line)));
    let event = written["prints"][1].as_str().unwrap();
    assert!(
        event.starts_with("step ") && event.contains("confidence"),
        "{event}"
    );
    let read = |name: &str| std::fs::read_to_string(bench.path("events/src").join(name)).unwrap();
    assert!(
        read("settings.rs").contains("warm_up: 4,")
            && read("settings.rs").contains("// 50.0 %\n    on: 16384,")
    );
    assert!(
        read("main.rs").contains("of_model(&model, SETTINGS)") && !read("main.rs").contains("{{")
    );

    // A task of Embassy awaits the sensor, on a board without a Cortex-M too.
    let line = "new-firmware task --board esp32c3 --style embassy --model run --json";
    let written = json(&bench.succeed(&words(line)));
    assert_eq!(
        (&written["style"], &written["core"]),
        (&"embassy".into(), &"RV32IMC".into())
    );
    assert_eq!(written["runner"], "espflash flash --monitor --chip esp32c3");
    let read = |name: &str| std::fs::read_to_string(bench.path("task").join(name)).unwrap();
    assert!(read("src/main.rs").contains("sensor.sample().await"));
    for name in [
        "Cargo.toml",
        "README.md",
        "build.rs",
        "src/board.rs",
        "src/main.rs",
        "src/sensor.rs",
    ] {
        assert!(!read(name).contains("{{"), "{name}: {}", read(name));
    }
    assert!(!bench.path("task/memory.x").exists());

    // The engine of a folder is not copied.
    let engine = concat!(env!("CARGO_MANIFEST_DIR"), "/../lstm-nostd");
    let line =
        format!("new-firmware other --board microbit --model run/model.lstm --engine {engine}");
    bench.succeed(&words(&line));
    assert!(!bench.path("other/lstm-nostd").exists());
}

#[test]
fn what_cannot_be_written_is_refused_without_a_trace() {
    let bench = Bench::new();
    exported(&bench);
    let cases = [
        ("fw --board microbit --model nowhere", "nowhere"),
        (
            "fw --board mps2-an386 --model run --runner probe-rs",
            "mps2-an386 is started by qemu",
        ),
        (
            "fw --board pico2 --model run --runner qemu",
            "pico2 is started by probe-rs",
        ),
        (
            "fw --board riscv-virt --style embassy --model run",
            "no timer that Embassy knows",
        ),
        ("run --board microbit --model run", "exists already"),
    ];
    for (line, reason) in cases {
        let line = format!("new-firmware {line}");
        let said = refuse(&bench, &words(&line));
        assert!(said.contains(reason), "{line}: {said}");
    }
    let usage = [
        (
            "fw --board arduino --model run",
            "no board is called `arduino`",
        ),
        ("2fw --board microbit --model run", "begins with a letter"),
        (
            "core --board microbit --model run",
            "`core` cannot name a project",
        ),
        (
            "fw --board microbit --model run --engine nowhere",
            "neither a folder",
        ),
    ];
    for (line, reason) in usage {
        let line = format!("new-firmware {line}");
        let said = bench.fail(&words(&line));
        assert!(said.contains(reason), "{line}: {said}");
    }
    assert!(!bench.path("fw").exists());
}
