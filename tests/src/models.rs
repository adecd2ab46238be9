//! Models for the tests on boards.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use lstm_nostd::artifact::{LayerKind, ModelFile, RandomModel};
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Scheme;
use xtask::command;

/// How large the largest random models are.
#[derive(Clone, Copy, Debug)]
pub enum Sizes {
    /// Files of at most 20 KB: an emulated serial port takes 40 µs for a byte.
    Quick,
    /// Files of up to 100 KB.
    Large,
}

/// Random models for a board that can hold a model file of `model_bytes` bytes and `channels` inputs. Their layers take
/// the `kinds` and the `schemes` in turn.
///
/// The shapes are multiples of 4 and of 8, one less and one more, single units, and stacks. The `sizes` add two with
/// long rows. Every second model has peepholes. Every third one has equal shifts of int8 activations.
pub fn random_models(
    kinds: &[LayerKind],
    schemes: &[Scheme],
    sizes: Sizes,
    (model_bytes, channels): (usize, usize),
) -> Vec<RandomModel> {
    // A shape: inputs, units of the recurrent layers, units of the dense layers, outputs.
    let shapes: [(usize, &[usize], &[usize], usize); 14] = [
        (1, &[1], &[], 1),
        (2, &[1], &[], 1),
        (2, &[3], &[], 2),
        (3, &[5], &[], 4),
        (4, &[4], &[4], 4),
        (5, &[7], &[3], 2),
        (8, &[8], &[], 8),
        (7, &[9], &[], 3),
        (9, &[15], &[6], 1),
        (12, &[16], &[], 5),
        (6, &[13, 6], &[], 3),
        (2, &[3, 2, 5, 4], &[7, 2], 2),
        (3, &[4, 9], &[5], 2),
        (17, &[31], &[10], 6),
    ];
    // Rows whose length is not a multiple of the kernels' groups of up to eight.
    let long_rows: [(usize, &[usize], &[usize], usize); 2] = match sizes {
        Sizes::Quick => [(28, &[69, 13], &[], 10), (86, &[22], &[33], 12)],
        Sizes::Large => [(28, &[130, 21], &[], 10), (30, &[118], &[33], 12)],
    };
    let shapes = shapes.iter().chain(&long_rows);
    let models = shapes.zip(0..).map(|(shape, seed)| RandomModel {
        inputs: shape.0,
        directions: Vec::new(),
        hidden: shape.1.to_vec(),
        kinds: kinds.to_vec(),
        dense: shape.2.to_vec(),
        outputs: shape.3,
        peepholes: seed % 2 == 1,
        projection: None,
        mean: false,
        schemes: schemes.to_vec(),
        conv: None,
        shifts: Some([Equal, Less, Greater][seed as usize % 3]),
        seed,
    });
    models
        .filter(|model| {
            let bytes = model.build().to_bytes().expect("the shape fits").len();
            bytes <= model_bytes && model.inputs <= channels
        })
        .collect()
}

/// A model that `trainer`, the program that users run, has trained on the handwritten digits and quantised.
pub fn trained_model(trainer: &str) -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        train_in(folder.path(), trainer);
        std::fs::read(folder.path().join("run/model.lstm")).expect("export wrote the model")
    })
}

/// The run folder of that model, `run` in `folder`.
///
/// Two epochs leave it far from its best, but its weights, formats and normalisation are those of a trained model.
pub fn train_in(folder: &Path, trainer: &str) {
    for arguments in [
        "train digits --out run --hidden 14 --epochs 2",
        "quantise run",
        "export run",
    ] {
        run_in(folder, trainer, arguments);
    }
}

/// What `trainer` prints with these arguments in `folder`, where it succeeds.
pub fn run_in(folder: &Path, trainer: &str, arguments: &str) -> String {
    let mut command = Command::new(trainer);
    let command = (command.current_dir(folder)).args(arguments.split_whitespace());
    command::printed(command).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A random model of this shape with as many inputs as the front end has features.
pub fn behind(tables: Tables, shape: RandomModel) -> ModelFile {
    let shape = RandomModel {
        inputs: tables.view().features(),
        ..shape
    };
    ModelFile {
        front_end: Some(tables),
        ..shape.build()
    }
}
