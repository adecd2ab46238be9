//! Do the README's examples in Python do what they say? Where Python lacks a package, a line says what is skipped.

use std::process::Command;

use crate::bench::Bench;
use crate::{exported, words};

const README: &str = include_str!("../../../README.md");

/// The README's example that begins with a comment on `package`.
fn example(package: &str) -> &'static str {
    let begin = format!("```python\n# {package}:");
    let at = README
        .find(&begin)
        .unwrap_or_else(|| panic!("no example for {package}"));
    let code = &README[at + "```python\n".len()..];
    &code[..code.find("```").unwrap()]
}

/// Python with these modules; `TRAINER_HOST_PYTHON` names another one than `python3`.
fn python_with(modules: &str) -> Option<String> {
    let python = std::env::var("TRAINER_HOST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output();
    match found {
        Ok(output) if output.status.success() => Some(python),
        _ => {
            eprintln!(
                "skipped: {python} lacks one of {modules}; TRAINER_HOST_PYTHON names another Python"
            );
            None
        }
    }
}

/// Runs `code` in the bench's folder, where `trainer-host` is this program.
fn run(bench: &Bench, python: &str, code: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_trainer-host"));
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(python)
        .args(["-c", code])
        .current_dir(bench.path(""))
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Imports the file with the proof of sameness, and quantises it.
fn goes_on(bench: &Bench, file: &str) {
    let line = format!("import {file} --check inputs.npy outputs.npy --out runs/mine");
    let said = bench.succeed(&words(&line));
    assert!(said.contains("largest difference"), "{said}");
    bench.succeed(&words("quantise runs/mine"));
    let answers = bench.succeed(&words("predict runs/mine inputs.npy --format csv"));
    assert_eq!(answers.lines().count(), 17);
}

#[test]
fn the_pytorch_example_runs() {
    let Some(python) = python_with("torch, numpy, safetensors") else {
        return;
    };
    let model = r#"
import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 8, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(8, 4)
    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])
torch.manual_seed(1)
model, recordings = Model(), torch.randn(16, 20, 3).numpy()
"#;
    let bench = Bench::new();
    run(&bench, &python, &format!("{model}{}", example("PyTorch")));
    goes_on(&bench, "model.safetensors");
}

#[test]
fn the_keras_example_runs() {
    let Some(python) = python_with("keras, numpy") else {
        return;
    };
    let model = r#"
import keras, numpy
layers = [keras.Input((20, 3)), keras.layers.LSTM(8), keras.layers.Dense(4, activation="softmax")]
model, recordings = keras.Sequential(layers), numpy.random.default_rng(1).normal(size=(16, 20, 3))
"#;
    let bench = Bench::new();
    run(&bench, &python, &format!("{model}{}", example("Keras")));
    goes_on(&bench, "model.keras");
}

#[test]
fn the_pandas_example_runs() {
    let Some(python) = python_with("pandas") else {
        return;
    };
    let bench = Bench::new();
    exported(&bench);
    std::fs::create_dir(bench.path("runs")).unwrap();
    std::fs::rename(bench.path("run"), bench.path("runs/mine")).unwrap();
    let table = "import pandas\nnew = pandas.read_csv('ramps.csv').drop(columns='label')\n";
    let counts = run(&bench, &python, &format!("{table}{}", example("pandas")));
    assert!(counts.contains("up") || counts.contains("down"), "{counts}");
}
