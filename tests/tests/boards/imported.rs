//! Networks of other programs: quantised to w8a16 they are near to f32, and an M4 computes the same bits.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::{board, device, image, orders};
use lstm_tests::models::trained_model;
use trainer_host::data::{Normalisation, Schema};
use trainer_host::device::{Device, Keep};
use trainer_host::exports::{to_onnx, to_state_dict};
use trainer_host::import::{Calibration, Hints, assemble, open, write_run};
use trainer_host::integers::engine::AnyModel;
use trainer_host::integers::stream::{self, input_formats, raw_sequence};
use trainer_host::network::{Cell, Head, Mode, Network, NetworkConfig};
use trainer_host::run::choose::{Request, choose};
use trainer_host::run::{Fitted, NetworkOrigin, Run};
use xtask::firmware::Application;

use crate::TRAINER;

/// The board.
const M4: &str = "mps2-an386";
/// Relative RMS error of the outputs, at most.
const MAX_RELATIVE_ERROR: f64 = 0.01;
/// Sequences that the board runs.
const SEQUENCES: usize = 2;
/// Five outputs of thirteen and of nine units.
const PROJECTED: Cell = Cell::Projected {
    peepholes: false,
    outputs: 5,
};

/// Two layers of this kind in this mode, and an input stage, as an ONNX file; with a projection, which ONNX has not, as a
/// `state_dict`.
fn exported(cell: Cell, mode: Mode, path: PathBuf) -> PathBuf {
    let config = NetworkConfig {
        inputs: 4,
        conv: None,
        directions: Vec::new(),
        hidden: vec![13, 9],
        cell,
        dense: vec![6],
        outputs: 3,
        head: Head::Softmax,
        mode,
    };
    let mut network = Network::new(&config, 5).unwrap();
    for (n, value) in network.values_mut().into_iter().flatten().enumerate() {
        *value += 0.2 * ((n * 7919 % 1000) as f32 / 500.0 - 1.0);
    }
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect();
    let fitted = Fitted {
        front_end: None,
        origin: NetworkOrigin::Trained,
        data: None,
        schema: Schema {
            channels: names(config.inputs),
            outputs: names(config.outputs),
            task: config.head.task(config.mode),
        },
        inputs: Normalisation {
            mean: vec![100.0, -3.0, 0.0, 0.5],
            deviation: vec![40.0, 0.25, 1.0, 3.0],
            offset: Vec::new(),
        },
        values: None,
        targets: None,
        raw: Vec::new(),
        network: config,
    };
    let bytes = match cell.projection() {
        Some(_) => to_state_dict(&network, &fitted),
        None => to_onnx(&network, &fitted),
    };
    std::fs::write(&path, bytes.unwrap()).unwrap();
    path
}

/// Imports a file, quantises it, and compares host and board; `None` if the file is refused.
fn agrees(device: &mut Device, file: &Path, inputs: Option<PathBuf>, out: &Path) -> Option<f64> {
    let source = open(file, &Hints::default()).ok()?;
    let assembled = assemble(&source, file).ok()?;
    let calibration = inputs.map_or(Calibration::Guessed, Calibration::Inputs);
    write_run(
        (file, &source),
        &assembled,
        &calibration,
        None,
        (out, false),
    )
    .unwrap();
    let run = Run::open(out).unwrap();
    let data = run.open_data().unwrap().train;
    let request = Request {
        schemes: vec![Scheme::W8a16; run.network.config.layer_count()],
        clipping: None,
        rounding: None,
        equal_shifts: false,
    };
    let chosen = choose(run.network_and_fit(), &data, None, &request).unwrap();
    let model = AnyModel::parse(&chosen.bytes).unwrap();
    let (mut signal, mut noise) = (0.0, 0.0);
    let integers = stream::outputs(&model, &data.recordings());
    for (exact, found) in run
        .outputs(&data)
        .iter()
        .flatten()
        .zip(integers.iter().flatten())
    {
        signal += f64::from(*exact).powi(2);
        noise += f64::from(exact - found).powi(2);
    }
    for order in orders(board(M4)) {
        device
            .load(&chosen.file.to_bytes_in(order).unwrap())
            .unwrap();
        for recording in data.recordings().into_iter().take(SEQUENCES) {
            let raw = raw_sequence(&input_formats(&model), recording);
            let keep = match run.network.config.mode {
                Mode::SequenceToOne | Mode::SequenceToMean => Keep::LastStep,
                Mode::SequenceToSequence => Keep::EveryStep,
            };
            let found = device.run_sequence(&raw.concat(), keep).unwrap();
            assert_eq!(
                found.outputs,
                stream::run(&model, &raw).concat(),
                "{}",
                file.display()
            );
        }
    }
    Some((noise / signal).sqrt())
}

#[test]
fn imported_networks_are_near_f32_and_an_m4_computes_their_bits() {
    let folder = tempfile::tempdir().unwrap();
    let keras = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../trainer-host/src/import/tests/files/small.keras");
    let mut device = device(board(M4));
    let with_peepholes = (Cell::Lstm { peepholes: true }, Mode::SequenceToSequence);
    let exported = |(cell, mode), name| exported(cell, mode, folder.path().join(name));
    for (name, file) in [
        ("keras", keras),
        ("peepholes", exported(with_peepholes, "peepholes.onnx")),
        (
            "reset before, mean",
            exported((Cell::GruBefore, Mode::SequenceToMean), "mean.onnx"),
        ),
        (
            "projection, mean",
            exported((PROJECTED, Mode::SequenceToMean), "projected.safetensors"),
        ),
    ] {
        let error = agrees(&mut device, &file, None, &folder.path().join(name));
        let error = error.unwrap_or_else(|| panic!("{name} is refused"));
        println!("{name}: relative RMS error {error:.5}");
        assert!(error <= MAX_RELATIVE_ERROR, "{name}: {error}");
    }
}

/// `[N, T, I]` numbers from 0 to 16 in `.npy`.
fn array([n, t, i]: [usize; 3]) -> Vec<u8> {
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {t}, {i}), }}");
    header.push('\n');
    let values = (0..n * t * i).flat_map(|k| ((k * k / 7 % 17) as f32).to_le_bytes());
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// What `predict` answers to `input` on standard input, or to the file `data`.
fn predict(model: &Path, data: &Path, device: &[&str], input: Option<&str>) -> String {
    let mut command = Command::new(TRAINER);
    command.arg("predict").arg(model).args(device);
    match input {
        Some(_) => command.arg("--stdin"),
        None => command.arg(data).args(["--format", "csv"]),
    };
    let mut child = (command.stdin(Stdio::piped()).stdout(Stdio::piped()))
        .spawn()
        .unwrap();
    let mut line = child.stdin.take().unwrap();
    line.write_all(input.unwrap_or_default().as_bytes())
        .unwrap();
    drop(line);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn predictions_of_an_m4_are_those_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.lstm");
    std::fs::write(&model, trained_model(TRAINER)).unwrap();
    let data = folder.path().join("inputs.npy");
    std::fs::write(&data, array([6, 8, 8])).unwrap();
    let address = format!("qemu:{}", board(M4).machine);
    let image = image(board(M4), Application::Runner);
    let device = ["--device", &address, "--image", image.to_str().unwrap()];
    let stream = "0,0,5,13,9,1,0,0\n0,0,13,15,10,15,5,0\n\n0,3,15,2,0,11,8,0\n";
    for input in [None, Some(stream)] {
        let host = predict(&model, &data, &[], input);
        assert_eq!(predict(&model, &data, &device, input), host);
        assert!(host.lines().count() >= 3, "{host}");
    }
}

/// Files below `folder`.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        match path.is_dir() {
            true => all.extend(all_files(&path)),
            false => all.push(path),
        }
    }
    all.sort();
    all
}

#[test]
#[ignore = "long: every file of a collection"]
fn every_file_of_a_collection_that_is_imported_gives_the_same_bits_on_an_m4() {
    let Some(models) = std::env::var_os("LSTM_NOSTD_MODELS").map(PathBuf::from) else {
        eprintln!("skipped: LSTM_NOSTD_MODELS names no folder with files of other programs");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let mut errors: Vec<(f64, PathBuf)> = Vec::new();
    for (n, file) in all_files(&models).into_iter().enumerate() {
        let ending = file
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !["onnx", "safetensors", "keras", "h5", "tflite"].contains(&ending.as_str()) {
            continue;
        }
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Names of variants begin with what their inputs are named by.
        let stems = stem
            .match_indices('_')
            .map(|(at, _)| &stem[..at])
            .chain([stem.as_str()]);
        let beside = stems
            .map(|stem| format!("{stem}_inputs.npy"))
            .chain(["inputs.npy".into()]);
        let beside: Vec<PathBuf> = beside.map(|name| file.with_file_name(name)).collect();
        let inputs = beside.into_iter().rev().find(|path| path.is_file());
        println!("{}", file.display());
        let mut device = device(board(M4));
        let found = agrees(&mut device, &file, inputs, &out.path().join(n.to_string()));
        errors.extend(found.map(|error| (error, file)));
    }
    errors.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (error, file) in &errors {
        println!("{error:.5} {}", file.display());
    }
    assert!(errors.len() >= 20, "{} are imported", errors.len());
    assert!(errors[0].0 <= MAX_RELATIVE_ERROR, "{:?}", errors[0]);
}
