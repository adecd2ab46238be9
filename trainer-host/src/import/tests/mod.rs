//! The readers on files of the programs that write them; on small files of the same network ([`containers`]) and those
//! that the tests write ([`written`]); on damaged ones ([`damaged`]), and on whole ones that are to be refused ([`graphs`],
//! [`archives`], [`state_dicts`]).

mod archives;
mod containers;
mod damaged;
mod graphs;
mod state_dicts;
mod written;

use std::path::{Path, PathBuf};

use lstm_nostd::kernels::Scheme;
use ndarray::Array2;
use prost::Message;

use super::check::{TOLERANCE, outputs_of, sequences};
use super::*;
use crate::evaluate::decide;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::run::Run;
use crate::run::choose::{Request, choose};

/// The relative RMS error of a w8a16 network's outputs, at most.
const MAX_RELATIVE_ERROR: f64 = 0.01;

/// Files that other programs wrote: in the folder that `LSTM_NOSTD_MODELS` names, or beside the workspace.
fn files() -> Option<PathBuf> {
    let beside = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let folders = match std::env::var_os("LSTM_NOSTD_MODELS") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => vec![
            beside("../../shared/models"),
            beside("../../../shared/models"),
        ],
    };
    let found = folders.into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!(
            "skipped: no model files of other programs; set LSTM_NOSTD_MODELS to their folder"
        );
    }
    found
}

/// A file of the collection, the arrays beside it, and what must happen.
struct Case {
    file: PathBuf,
    kind: String,
    what: String,
    arrays: Option<[PathBuf; 2]>,
    is_refused: bool,
}

fn cases(models: &Path) -> Vec<Case> {
    let folder = models.join("variants");
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or("").to_owned();
    let mut cases: Vec<Case> = (manifest.as_array().unwrap().iter())
        .map(|entry| Case {
            file: folder.join(text(entry, "file")),
            kind: text(entry, "kind"),
            what: text(entry, "what"),
            arrays: (!entry["inputs"].is_null())
                .then(|| ["inputs", "outputs"].map(|key| folder.join(text(entry, key)))),
            is_refused: text(entry, "expect").starts_with("refuse"),
        })
        .collect();
    for (file, kind, outputs) in [
        ("torch/lstm.safetensors", "lstm", "outputs.npy"),
        ("torch/lstm.onnx", "lstm", "outputs.npy"),
        ("torch/lstm_dynamo.onnx", "lstm", "outputs.npy"),
        ("torch/peephole.onnx", "lstm-initial", ""),
        ("keras/lstm.keras", "lstm", "outputs.npy"),
        ("keras/lstm.h5", "lstm", "outputs.npy"),
        ("tflite/lstm_float32.tflite", "lstm", "outputs_float.npy"),
        ("tflite/lstm_int8.tflite", "lstm", "outputs_int8.npy"),
        ("tflite/lstm_float32_while.tflite", "while", ""),
        ("tflite/lstm_float32_unroll.tflite", "unroll", ""),
        ("tflite/lstm_int8_unroll.tflite", "unroll", ""),
        ("tflite/lstm_int16x8_unroll.tflite", "unroll", ""),
    ] {
        let file = models.join(file);
        let beside = |name: &str| file.with_file_name(name);
        cases.push(Case {
            kind: kind.into(),
            what: String::new(),
            arrays: (!outputs.is_empty()).then(|| [beside("inputs.npy"), beside(outputs)]),
            is_refused: outputs.is_empty(),
            file,
        });
    }
    cases
}

/// What a `state_dict` does not say.
fn hints(case: &Case) -> Hints {
    let is_state_dict = case.file.extension().is_some_and(|e| e == "safetensors");
    let per_step = case.what.contains("a step") || case.what.contains("every step");
    let pooling = match case.kind.as_str() {
        "mean-pooling" => Pooling::Mean,
        _ if case.what.contains("mean over time") => Pooling::Mean,
        _ if per_step => Pooling::Steps,
        _ => Pooling::Last,
    };
    Hints {
        pooling: is_state_dict.then_some(pooling),
        conv_stride: (is_state_dict && case.kind == "conv1d-lstm").then_some(2),
        ..Hints::default()
    }
}

/// What a refusal must name.
fn named(kind: &str) -> &'static str {
    match kind {
        "pickle" => "safetensors",
        "lstm-clip" => "clip",
        "lstm-initial" => "initial state",
        "activation" => "activation",
        "rnn" => "RNN",
        "while" => "WHILE",
        "unroll" => "unrolled",
        other => panic!("what is a refusal of {other} to name?"),
    }
}

fn import(case: &Case) -> Result<(Source, Assembled), ImportError> {
    let source = open(&case.file, &hints(case))?;
    let assembled = assemble(&source, &case.file)?;
    Ok((source, assembled))
}

#[test]
fn files_of_other_programs_are_the_same_network_or_refused_by_name() {
    let Some(models) = files() else { return };
    let (mut imported, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases(&models) {
        let outcome = match case.is_refused {
            true => is_refused_by_name(&case),
            false => is_same(&case),
        };
        match case.is_refused {
            true => refused += 1,
            false => imported += 1,
        }
        wrong.extend(
            outcome
                .err()
                .map(|why| format!("{}: {why}", case.file.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        imported >= 45 && refused >= 10,
        "{imported} imported, {refused} refused"
    );
}

fn is_refused_by_name(case: &Case) -> Result<(), String> {
    let error = import(case).err().ok_or("it was taken")?;
    let text = error.to_string();
    match text.contains(named(&case.kind)) && text.lines().count() == 1 {
        true => Ok(()),
        false => Err(text),
    }
}

fn is_same(case: &Case) -> Result<(), String> {
    let (source, assembled) = import(case).map_err(|error| error.to_string())?;
    let Some([inputs, outputs]) = &case.arrays else {
        return Ok(());
    };
    let checked =
        check(&source, &assembled, [inputs, outputs], None).map_err(|error| error.to_string())?;
    match source.integer || checked.largest <= TOLERANCE {
        true => Ok(()),
        false => Err(checked.describe()),
    }
}

#[test]
fn integer_weights_decide_as_the_integer_program() {
    let Some(models) = files() else { return };
    let at = |name: &str| models.join("tflite").join(name);
    let file = at("lstm_int8.tflite");
    let source = open(&file, &Hints::default()).unwrap();
    assert!(source.integer);
    let assembled = assemble(&source, &file).unwrap();
    let inputs = sequences(&source, &assembled, &at("inputs.npy")).unwrap();
    let reference = npy::read(&at("outputs_int8.npy")).unwrap();
    for (s, found) in outputs_of(&assembled, &inputs).iter().enumerate() {
        let wanted: Vec<f32> = (0..found.ncols())
            .map(|o| reference[[s, o]] as f32)
            .collect();
        assert_eq!(
            decide(found.row(0)),
            decide(ndarray::ArrayView1::from(&wanted))
        );
    }
}

/// `layout` says which axis is first and nothing else: the same file without it is the same layers.
#[test]
fn batch_first_is_the_same_layers_in_another_order() {
    let Some(models) = files() else { return };
    let bytes = std::fs::read(models.join("variants/onnx/batchwise.onnx")).unwrap();
    let mut twin = onnx::proto::Model::decode(&bytes[..]).unwrap();
    let graph = twin.graph.as_mut().unwrap();
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    for layout in attributes.filter(|attribute| attribute.name == "layout") {
        layout.i = 0;
    }
    let twin = twin.encode_to_vec();
    let [first, twin] = [&bytes, &twin].map(|bytes| open::read(bytes, &Hints::default()).unwrap());
    assert_eq!(first.layers, twin.layers);
    use Axis::{Batch, Channel, One, Time};
    assert_eq!(
        (first.input_axes, twin.input_axes),
        (vec![Batch, Time, Channel], vec![Time, Batch, Channel])
    );
    assert_eq!(first.output_axes, [Batch, Time, One, Channel]);
    assert_eq!(twin.output_axes, [Time, One, Batch, Channel]);
}

/// A run of each file goes through the stages that follow: its data is read back, it is quantised, and integers are
/// near to f32.
#[test]
fn imported_networks_are_quantised_closely() {
    let Some(models) = files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut worst: Vec<(f64, String)> = Vec::new();
    for (n, case) in cases(&models).iter().enumerate() {
        let (Ok((source, assembled)), Some([inputs, _])) = (import(case), &case.arrays) else {
            continue;
        };
        let out = folder.path().join(n.to_string());
        let calibration = Calibration::Inputs(inputs.clone());
        let file = case.file.as_path();
        write_run(
            (file, &source),
            &assembled,
            &calibration,
            None,
            (&out, false),
        )
        .unwrap();
        let run = Run::open(&out).unwrap();
        let data = run.open_data().unwrap();
        assert_eq!(run.network, assembled.network);
        let request = Request {
            schemes: vec![Scheme::W8a16; run.network.config.layer_count()],
            clipping: None,
            rounding: None,
            equal_shifts: false,
        };
        let chosen = choose(run.network_and_fit(), &data.train, None, &request).unwrap();
        let model = AnyModel::parse(&chosen.bytes).unwrap();
        let integers = stream::outputs(&model, &data.train.recordings());
        worst.push((
            relative_error(&run.outputs(&data.train), &integers),
            file.display().to_string(),
        ));
    }
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (error, file) in &worst {
        println!("{error:.5} {file}");
    }
    assert!(worst[0].0 <= MAX_RELATIVE_ERROR, "{worst:?}");
}

fn relative_error(exact: &[Array2<f32>], found: &[Array2<f32>]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (exact, found) in exact.iter().flatten().zip(found.iter().flatten()) {
        signal += f64::from(*exact).powi(2);
        noise += f64::from(exact - found).powi(2);
    }
    (noise / signal).sqrt()
}

#[test]
fn a_check_finds_another_network() {
    let Some(models) = files() else { return };
    let at = |name: &str| models.join("torch").join(name);
    let file = at("lstm.safetensors");
    let source = open(&file, &Hints::default()).unwrap();
    let mut assembled = assemble(&source, &file).unwrap();
    assembled.network.dense[0].bias[1] += 0.25;
    let error = check(
        &source,
        &assembled,
        [&at("inputs.npy"), &at("outputs.npy")],
        None,
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("output 1") && error.to_string().contains("2.50e-1"),
        "{error}"
    );
    let swapped = check(
        &source,
        &assembled,
        [&at("outputs.npy"), &at("inputs.npy")],
        None,
    )
    .unwrap_err();
    assert!(swapped.to_string().contains("needed the axes"), "{swapped}");
}
