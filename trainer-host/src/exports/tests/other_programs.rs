//! Other programs compute the same with what is exported, where Python has them.

use std::path::Path;
use std::process::Command;

use ndarray::{Array2, Array3, Axis, s};
use ndarray_npy::NpzWriter;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{configs, drawn, python_with};
use crate::data::views;
use crate::exports::{to_onnx, to_state_dict};
use crate::import::Ending;
use crate::network::{Cell, Direction, Head, Mode, Network, NetworkConfig};
use crate::run::Fitted;

/// Networks for each program.
const COUNT: usize = 48;
/// Sequences for each network.
const SEQUENCES: usize = 3;
/// Largest difference, in deviations of a regression's outputs. Inputs far from zero lose digits before they are
/// normalised in f32; without normalisation, what remains is the rounding of each program's sums.
const TOLERANCE: f64 = 1e-4;
const TOLERANCE_UNSCALED: f64 = 1e-5;

/// Loads each graph, runs it on its inputs, and prints the largest difference.
const RUN_ONNX: &str = r#"
import sys, numpy as np, onnxruntime
for n in range(int(sys.argv[2])):
    at = lambda name: f"{sys.argv[1]}/{n}.{name}"
    session = onnxruntime.InferenceSession(at("file"), providers=["CPUExecutionProvider"])
    arrays = np.load(at("npz"))
    found, = session.run(["output"], {"input": arrays["inputs"]})
    assert found.shape == arrays["outputs"].shape, (n, found.shape, arrays["outputs"].shape)
    print(np.abs(found - arrays["outputs"]).max())
"#;

/// Makes PyTorch's modules by the names and shapes of each state_dict and its metadata alone, and loads it with
/// `strict=True`. PyTorch needs no safetensors for that: a length, a header in JSON, and the bytes.
const RUN_PYTORCH: &str = r#"
import json, sys, numpy as np, torch
from torch import nn

def read(path):
    data = open(path, "rb").read()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    said = json.loads(header.pop("__metadata__")["network"])
    def tensor(entry):
        a, b = entry["data_offsets"]
        return torch.tensor(np.frombuffer(data[begin + a:begin + b], "<f4").reshape(entry["shape"]))
    return said, {name: tensor(entry) for name, entry in header.items()}

class Net(nn.Module):
    def __init__(self, said, state):
        super().__init__()
        self.said, self.state = said, state
        if conv := said.get("conv"):
            filters, channels, kernel = state["conv.weight"].shape
            assert (filters, kernel) == (conv["filters"], conv["kernel"])
            self.conv = nn.Conv1d(channels, filters, kernel, stride=conv["stride"])
        self.kind = "gru" if any(name.startswith("gru.") for name in state) else "lstm"
        if f"{self.kind}.weight_ih_l0" in state:
            setattr(self, self.kind, self.recurrent(self.kind))
        else:
            count = len({name.split(".")[1] for name in state if name.startswith(self.kind)})
            layers = [self.recurrent(f"{self.kind}.{n}") for n in range(count)]
            setattr(self, self.kind, nn.ModuleList(layers))
        heads = sorted(name for name in state if name.startswith("head.") and name.endswith("weight"))
        linear = [nn.Linear(*reversed(state[name].shape)) for name in heads]
        between = [module for one in linear for module in (one, nn.ReLU())][:-1]
        self.head = linear[0] if "head.weight" in state else nn.Sequential(*between)
        self.load_state_dict(state, strict=True)

    def recurrent(self, prefix):
        part = lambda name: self.state.get(f"{prefix}.{name}")
        layers = 0
        while part(f"weight_ih_l{layers}") is not None: layers += 1
        rows, columns = part("weight_hh_l0").shape
        is_both = part("weight_ih_l0_reverse") is not None
        sizes = dict(num_layers=layers, batch_first=True, bidirectional=is_both)
        inputs = part("weight_ih_l0").shape[1]
        if self.kind == "gru":
            return nn.GRU(inputs, rows // 3, **sizes)
        projected = 0 if part("weight_hr_l0") is None else columns
        return nn.LSTM(inputs, rows // 4, proj_size=projected, **sizes)

    def forward(self, x):
        said = self.said
        if said["input_mean"]:
            x = (x - torch.tensor(said["input_mean"])) / torch.tensor(said["input_deviation"])
        if conv := said.get("conv"):
            x = x.transpose(1, 2)
            if conv["padding"] == "causal":
                x = nn.functional.pad(x, (conv["kernel"] - 1, 0))
            x = self.conv(x)
            if conv["activation"] == "relu":
                x = torch.relu(x)
            x = x.transpose(1, 2)
        layers = getattr(self, self.kind)
        for layer in layers if isinstance(layers, nn.ModuleList) else [layers]:
            x, states = layer(x)
        hidden = states if self.kind == "gru" else states[0]
        if said.get("mean"):
            x = x.mean(1)
        elif not said["every_step"]:
            x = torch.cat([hidden[-2], hidden[-1]], 1) if layer.bidirectional else hidden[-1]
        x = self.head(x)
        return {"linear": lambda x: x, "sigmoid": torch.sigmoid, "softmax": lambda x: x.softmax(-1)}[said["head"]](x)

for n in range(int(sys.argv[2])):
    at = lambda name: f"{sys.argv[1]}/{n}.{name}"
    net, arrays = Net(*read(at("file"))), np.load(at("npz"))
    with torch.no_grad():
        found = net(torch.tensor(arrays["inputs"])).numpy()
    assert found.shape == arrays["outputs"].shape, (n, found.shape, arrays["outputs"].shape)
    print(np.abs(found - arrays["outputs"]).max())
"#;

/// The real outputs of a run's network, with its head.
fn answers(network: &Network, fitted: &Fitted, sequences: &[Array2<f32>]) -> Vec<Array2<f32>> {
    let mut inputs = sequences.to_vec();
    inputs
        .iter_mut()
        .for_each(|sequence| fitted.inputs.apply(sequence));
    let outputs = fitted.in_real_units(network.outputs(&views(&inputs)));
    let ending = match network.config.head {
        Head::Linear => Ending::Plain,
        Head::Softmax => Ending::Softmax,
        Head::Sigmoid => Ending::Sigmoid,
    };
    outputs.iter().map(|rows| ending.apply(rows)).collect()
}

/// Sequences of any length that has an output, `[N, T, I]` in real values.
fn sequences(config: &NetworkConfig, fitted: &Fitted, seed: u64) -> Vec<Array2<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let least = config.conv.map_or(1, |conv| conv.first() + 1);
    let steps = rng.random_range(least..least + 20);
    let sequence = |_| {
        let mut drawn =
            Array2::from_shape_fn((steps, config.inputs), |_| rng.random_range(-1.5..1.5));
        fitted.inputs.invert(&mut drawn);
        drawn
    };
    (0..SEQUENCES).map(sequence).collect()
}

fn stacked(all: &[Array2<f32>]) -> Array3<f32> {
    ndarray::stack(Axis(0), &views(all)).unwrap()
}

/// Writes `n.file` and `n.npz` into `folder`: a network for another program, inputs, and its outputs here.
fn write_case(folder: &Path, n: usize, (network, fitted): &(Network, Fitted), file: &[u8]) {
    let config = &network.config;
    let inputs = sequences(config, fitted, n as u64);
    let outputs = stacked(&answers(network, fitted, &inputs));
    let at = |end: &str| folder.join(format!("{n}.{end}"));
    std::fs::write(at("file"), file).unwrap();
    let mut npz = NpzWriter::new(std::fs::File::create(at("npz")).unwrap());
    npz.add_array("inputs", &stacked(&inputs)).unwrap();
    match config.mode {
        Mode::SequenceToSequence => {
            // Other programs have an output for each step of the recurrent layers.
            let (first, stride) = (config.conv).map_or((0, 1), |conv| (conv.first(), conv.stride));
            let moved = outputs.slice(s![.., first..;stride, ..]).to_owned();
            npz.add_array("outputs", &moved).unwrap();
        }
        Mode::SequenceToOne | Mode::SequenceToMean => {
            let one = outputs.index_axis(Axis(1), 0);
            npz.add_array("outputs", &one).unwrap();
        }
    }
    npz.finish().unwrap();
}

/// Has `program` in Python compute networks that `is_taken`, and compares.
fn agree(
    python: &str,
    program: &str,
    is_taken: fn(&NetworkConfig) -> bool,
    to_file: impl Fn(&Network, &Fitted) -> Vec<u8>,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::deterministic();
    let taken = configs().prop_filter("another format has it", is_taken);
    for n in 0..COUNT {
        let config = taken.new_tree(&mut runner).unwrap().current();
        let (network, mut fitted) = drawn(&config, n % 2 == 0, n as u64);
        if let Some(targets) = &mut fitted.targets {
            targets.deviation.fill(1.0);
        }
        let file = to_file(&network, &fitted);
        write_case(folder.path(), n, &(network, fitted), &file);
    }
    let differences = differences(python, program, folder.path());
    let largest = |rest: usize| {
        let of = differences.iter().skip(rest).step_by(2);
        of.copied().fold(0.0, f64::max)
    };
    let (scaled, unscaled) = (largest(0), largest(1));
    println!("largest difference of {COUNT} networks: {scaled:.2e}, without scales {unscaled:.2e}");
    assert_eq!(differences.len(), COUNT);
    assert!(
        scaled <= TOLERANCE && unscaled <= TOLERANCE_UNSCALED,
        "{differences:?}"
    );
}

/// What the program's outputs differ by, for each network in `folder`.
fn differences(python: &str, program: &str, folder: &Path) -> Vec<f64> {
    let output = Command::new(python)
        .args(["-c", program, folder.to_str().unwrap(), &COUNT.to_string()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn onnxruntime_computes_the_same() {
    let Some(python) = python_with("onnxruntime") else {
        return;
    };
    // ONNX has no projection.
    let is_taken = |config: &NetworkConfig| config.cell.projection().is_none();
    agree(&python, RUN_ONNX, is_taken, |network, fitted| {
        to_onnx(network, fitted).unwrap()
    });
}

#[test]
fn pytorch_computes_the_same() {
    let Some(python) = python_with("torch") else {
        return;
    };
    let is_taken = |config: &NetworkConfig| {
        !config.cell.peepholes()
            && config.cell != Cell::GruBefore
            && !config.directions.contains(&Direction::Reverse)
    };
    agree(&python, RUN_PYTORCH, is_taken, |network, fitted| {
        to_state_dict(network, fitted).unwrap()
    });
}
