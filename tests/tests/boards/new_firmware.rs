//! Does a project that `trainer-host new-firmware` writes build and run by itself?

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use lstm_nostd::artifact::{AlignedBytes, ModelFile, RandomModel};
use lstm_nostd::front_end::{Kind, Settings, StatisticsSettings, Tables};
use lstm_nostd::{Mode, Task};
use lstm_tests::models::{behind, run_in};
use lstm_tests::reference::Reference;
use trainer_host::new_firmware::{BOARDS, Board, Style};
use xtask::toolchain::Toolchain;
use xtask::{boards, command};

use crate::TRAINER;

/// How a project's program waits for samples.
const STYLES: [&str; 2] = ["loop", "embassy"];

/// A folder with projects.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn trainer(&self, line: &str) -> String {
        run_in(self.0.path(), TRAINER, line)
    }

    /// Writes a project; the lines that it should print.
    fn project(&self, name: &str, board: &str, model: &str) -> Vec<String> {
        self.styled(name, board, model, "loop")
    }

    /// The same in a style.
    fn styled(&self, name: &str, board: &str, model: &str, style: &str) -> Vec<String> {
        self.written(
            name,
            &format!("--board {board} --model {model} --style {style}"),
        )
    }

    /// Writes a project by these flags; the lines that it should print.
    fn written(&self, name: &str, flags: &str) -> Vec<String> {
        let line = format!("new-firmware {name} {flags} --json");
        let written: Written = serde_json::from_str(&self.trainer(&line)).unwrap();
        written.prints
    }

    /// `cargo SUBCOMMAND` in a project, with the compiler that this machine has for its target.
    fn cargo(&self, name: &str, target: &str, subcommand: &str) -> Output {
        let toolchain = Toolchain::find(target).expect("`cargo xtask set-up` installs a compiler");
        let mut cargo = toolchain.cargo(target, subcommand);
        cargo
            .current_dir(self.path(name))
            .args(["--release", "--quiet"])
            // All projects share the folder of the firmware, whose `core` they take.
            .env("CARGO_TARGET_DIR", command::target_root().join("firmware"))
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::null());
        cargo.output().unwrap()
    }

    /// `cargo run`; the lines that it printed.
    fn run(&self, name: &str, target: &str) -> Vec<String> {
        let output = self.cargo(name, target, "run");
        let printed = succeeded(&output, name);
        printed.lines().map(str::to_owned).collect()
    }
}

impl Desk {
    /// Holds a project's code to rustfmt.
    fn check_format(&self, name: &str) {
        for source in ["src/main.rs", "build.rs"] {
            let path = self.path(name).join(source);
            let mut rustfmt = Command::new("rustfmt");
            rustfmt.args(["--check", "--edition", "2024"]).arg(path);
            succeeded(&rustfmt.output().unwrap(), name);
        }
    }

    /// Runs a project on mps2-an386, and holds its code to rustfmt and clippy.
    fn run_and_lint(&self, name: &str, expected: &[String]) {
        assert_eq!(self.run(name, target("mps2-an386")), expected, "{name}");
        self.check_format(name);
        let lints = self.cargo(name, target("mps2-an386"), "clippy");
        assert!(
            lints.status.success() && lints.stderr.is_empty(),
            "{lints:?}"
        );
    }
}

/// What `new-firmware --json` says that the tests need.
#[derive(serde::Deserialize)]
struct Written {
    prints: Vec<String>,
}

fn succeeded(output: &Output, what: &str) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what}: {errors}{printed}");
    printed
}

fn target(board: &str) -> &'static str {
    Board::named(board).unwrap().target
}

/// Two boards, a run and a model file; then a model for another core in the first one.
#[test]
fn projects_run_at_once_and_refuse_a_model_for_another_core() {
    let desk = Desk::new();
    desk.trainer("train digits --out run --hidden 8 --epochs 1");
    desk.trainer("quantise run --scheme w8a8,w8a16");

    let expected = desk.project("first", "microbit", "run");
    assert!(expected[0].starts_with("self-test: ") && expected[1].starts_with("class "));
    assert_eq!(desk.run("first", target("microbit")), expected);
    let readme = std::fs::read_to_string(desk.path("first/README.md")).unwrap();
    assert!(readme.contains(&expected.join("\n")) && readme.contains("the test part of digits"));

    // A model file alone; its weights come into the order of the core.
    desk.trainer("export run --target m55 -o m55.lstm");
    let expected = desk.project("second", "mps2-an505", "m55.lstm");
    assert_eq!(desk.run("second", target("mps2-an505")), expected);

    // The first project with a model for another core.
    std::fs::copy(desk.path("m55.lstm"), desk.path("first/model.lstm")).unwrap();
    let refused = desk.cargo("first", target("microbit"), "build");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    let reason =
        "the weights are in the order for Cortex-M55 and M85, which this core does not read";
    assert!(errors.contains(reason), "{errors}");

    // A scheme that the project's Cargo.toml leaves out.
    desk.trainer("quantise run --scheme w4a16");
    desk.trainer("export run --target m0 -o first/model.lstm");
    let refused = desk.cargo("first", target("microbit"), "build");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        errors.contains("switch the cargo feature `w4a16` of lstm-nostd on"),
        "{errors}"
    );
}

/// Every kind of answer on one board, then every board with one of them; those that QEMU has are run, the others are
/// built.
#[test]
#[ignore = "long: builds a project for every board and every kind of answer"]
fn every_board_and_every_kind_of_answer() {
    let desk = Desk::new();
    let kinds = [
        ("softmax", Task::Softmax, 3, Mode::SequenceToOne),
        ("binary", Task::Sigmoid, 1, Mode::SequenceToSequence),
        ("sigmoid", Task::Sigmoid, 3, Mode::SequenceToOne),
        ("linear", Task::Linear, 2, Mode::SequenceToSequence),
    ];
    for (name, task, outputs, mode) in kinds {
        let file = format!("{name}.lstm");
        std::fs::write(desk.path(&file), &*model(task, outputs, mode)).unwrap();
        for style in STYLES {
            let name = format!("{name}-{style}");
            let expected = desk.styled(&name, "mps2-an386", &file, style);
            desk.run_and_lint(&name, &expected);
        }
    }
    for (name, tables) in [
        (
            "sound",
            Tables::new(&Settings::new(Kind::Mfcc, 8000)).unwrap(),
        ),
        (
            "motion",
            Tables::of_statistics(&StatisticsSettings::new(3)).unwrap(),
        ),
    ] {
        let file = format!("{name}.lstm");
        std::fs::write(desk.path(&file), &*hearing(tables)).unwrap();
        let expected = desk.project(name, "mps2-an386", &file);
        desk.run_and_lint(name, &expected);
    }
    let settings = "rate_hz = 1\n[windows]\nsteps = 3\nhop = 1\n[decision]\non = 0.1\noff = 0.1\n";
    std::fs::write(desk.path("r.toml"), settings).unwrap();
    for style in STYLES {
        let name = format!("events-{style}");
        let flags =
            format!("--board mps2-an386 --model softmax.lstm --recogniser r.toml --style {style}");
        let expected = desk.written(&name, &flags);
        assert!(expected.len() > 1);
        desk.run_and_lint(&name, &expected);
    }
    for board in BOARDS {
        for style in Style::of(board).iter().map(|style| style.name()) {
            let name = format!("{}-{style}", board.name);
            let expected = desk.styled(&name, board.name, "softmax.lstm", style);
            if board.machine.is_some() {
                assert_eq!(desk.run(&name, board.target), expected, "{name}");
            } else {
                succeeded(&desk.cargo(&name, board.target, "build"), &name);
                desk.check_format(&name);
            }
        }
    }
}

/// A small model with golden steps.
fn model(task: Task, outputs: usize, mode: Mode) -> AlignedBytes {
    let random = small(3, outputs);
    let mut file = random.build();
    (file.task, file.mode) = (task, mode);
    with_golden_steps(file, &random)
}

/// One that takes samples.
fn hearing(tables: Tables) -> AlignedBytes {
    let random = small(tables.view().features(), 3);
    let mut file = behind(tables, random.clone());
    (file.task, file.mode) = (Task::Softmax, Mode::SequenceToOne);
    with_golden_steps(file, &random)
}

fn small(inputs: usize, outputs: usize) -> RandomModel {
    RandomModel {
        inputs,
        hidden: vec![5],
        dense: vec![],
        outputs,
        peepholes: true,
        seed: 7,
        ..RandomModel::default()
    }
}

fn with_golden_steps(mut file: ModelFile, random: &RandomModel) -> AlignedBytes {
    let (task, outputs) = (file.task, random.outputs);
    file.output_names = (0..task.name_count(outputs))
        .map(|o| format!("answer {o}"))
        .collect();
    if task != Task::Linear {
        file.scales.clear();
    }
    let bytes = file.to_bytes().unwrap();
    let mut reference = Reference::new(&bytes);
    for raw in random.raw_inputs(6) {
        let outputs = reference.run(&raw);
        file.golden.push((raw, outputs));
    }
    file.to_bytes().unwrap()
}

/// Projects are for the boards that the firmware here runs on, among others.
#[test]
fn the_boards_of_the_firmware_are_among_them() {
    for here in &boards::BOARDS {
        let there = Board::named(here.name).unwrap();
        assert_eq!(there.core.name(), here.core_name(), "{}", here.name);
        assert_eq!(there.target, here.target);
        assert_eq!(there.target_cpu, here.target_cpu);
        assert_eq!(there.machine, Some(here.machine));
        assert_eq!(there.probe_chip, here.probe_chip);
    }
}
