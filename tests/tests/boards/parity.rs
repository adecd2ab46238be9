//! Every core computes the same bits as the host.

use std::cmp::Ordering::{Equal, Greater, Less};

use lstm_nostd::artifact::{LayerKind, RandomConv, RandomModel};
use lstm_nostd::kernels::Scheme;
use lstm_nostd::{Direction, Mode};
use lstm_tests::boards::{device, orders};
use lstm_tests::models::{Sizes, random_models, trained_model};
use lstm_tests::on_every_board;
use lstm_tests::reference::Reference;
use trainer_host::device::{Device, Keep};
use trainer_host::integers::engine::{AnyModel, Engine as _};
use xtask::boards::{BOARDS, Board};

use crate::TRAINER;

/// Number of time steps for every model in the long tests, and for the trained model.
const MANY_STEPS: usize = 220;
/// Number of time steps for every model in the quick tests.
const STEPS: usize = 40;
/// Number of time steps for every model of other kinds of layers.
const OTHER_STEPS: usize = 4;

/// Number of time steps for every model with a convolution: several strides.
const CONVOLUTION_STEPS: usize = 9;

/// Number of time steps of every window.
const WINDOW_STEPS: usize = 5;

on_every_board! {
    random_models_agree_with_the_host
    random_layers_of_other_kinds_agree_with_the_host
    random_convolutions_agree_with_the_host
    random_windows_agree_with_the_host
    a_trained_model_agrees_with_the_host
}

/// Inputs reach both ends of their 32 bits. The test compares all states and outputs.
///
/// One scheme for all layers, and mixtures that need conversions between layers.
fn random_models_agree_with_the_host(board: &'static Board) {
    compare_models(board, Sizes::Quick, STEPS);
}

#[test]
#[ignore = "long: large models and many steps on every board"]
fn large_models_agree_with_the_host() {
    for board in &BOARDS {
        compare_models(board, Sizes::Large, MANY_STEPS);
    }
}

fn compare_models(board: &'static Board, sizes: Sizes, steps: usize) {
    let mut device = device(board);
    let info = device.info().clone();
    let room = (info.model_bytes, info.channels);
    let mixed = [Scheme::W4a16, Scheme::W8a8, Scheme::W8a16];
    for schemes in [
        &[Scheme::W8a16][..],
        &[Scheme::W8a8],
        &[Scheme::W4a16],
        &mixed,
    ] {
        let models = random_models(&[LayerKind::Lstm], schemes, sizes, room);
        assert!(models.len() >= 12, "{board:?} must hold most of the models");
        for random in models {
            compare_orders(&mut device, board, &random, steps);
        }
    }
}

/// Runs the model in each order of weights that the board's kernels read.
fn compare_orders(device: &mut Device, board: &Board, random: &RandomModel, steps: usize) {
    let raw = random.raw_inputs(steps).concat();
    let mut files: Vec<_> = Vec::new();
    for order in orders(board) {
        let file = random.build().to_bytes_in(order).unwrap();
        let bytes = file.to_vec();
        // Models of single units may lie the same in every order.
        if bytes.len() <= device.info().model_bytes && !files.contains(&bytes) {
            let name = format!("{random:?} in {order:?} order");
            compare(device, &file, &raw, &name);
            files.push(bytes);
        }
    }
}

/// Layers of other kinds in each scheme, and with LSTM layers among them: one unit to more than are advanced at once, and rows that
/// enter the loops over sixteen weights at each place and go round them.
fn random_layers_of_other_kinds_agree_with_the_host(board: &'static Board) {
    const SHAPES: [(usize, &[usize]); 9] = [
        (1, &[1]),
        (2, &[35]),
        (5, &[6, 5]),
        (9, &[15]),
        (17, &[16]),
        (6, &[19, 2]),
        (41, &[9]),
        (82, &[17]),
        (3, &[71]),
    ];
    let mut device = device(board);
    let channels = device.info().channels;
    let schemes = Scheme::ALL.map(|scheme| vec![scheme]);
    let mixed = vec![Scheme::W4a16, Scheme::W8a8, Scheme::W8a16];
    for schemes in schemes.into_iter().chain([mixed]) {
        let kinds = match schemes.len() {
            1 => vec![
                vec![LayerKind::Gru],
                vec![LayerKind::Coupled],
                vec![LayerKind::GruBefore],
                vec![LayerKind::Projected],
            ],
            _ => vec![
                vec![LayerKind::Gru, LayerKind::Coupled, LayerKind::Lstm],
                vec![LayerKind::GruBefore, LayerKind::Lstm, LayerKind::Projected],
            ],
        };
        for kinds in &kinds {
            for (seed, (inputs, hidden)) in SHAPES.into_iter().enumerate() {
                if inputs > channels {
                    continue;
                }
                let random = RandomModel {
                    inputs,
                    directions: Vec::new(),
                    hidden: hidden.to_vec(),
                    kinds: kinds.clone(),
                    dense: vec![],
                    outputs: 2,
                    peepholes: seed % 2 == 1,
                    projection: None,
                    mean: seed % 4 == 2,
                    schemes: schemes.clone(),
                    conv: None,
                    shifts: Some([Equal, Less, Greater][seed % 3]),
                    seed: seed as u64,
                };
                compare_orders(&mut device, board, &random, OTHER_STEPS);
            }
        }
    }
}

/// Convolutions of each scheme below layers of the same scheme and of others: rows that lie in groups and one by one, rows
/// that enter the loops at several places, strides below and beyond the kernel, with padding before the start and without.
fn random_convolutions_agree_with_the_host(board: &'static Board) {
    // Inputs, filters, kernel, stride, first step with an output, ReLU.
    const SHAPES: [(usize, usize, u16, u16, u16, bool); 6] = [
        (1, 1, 1, 1, 0, true),
        (1, 2, 3, 2, 0, false),
        (3, 3, 5, 2, 4, true),
        (2, 5, 4, 3, 0, true),
        (6, 8, 5, 4, 4, false),
        (3, 9, 2, 3, 1, true),
    ];
    let mut device = device(board);
    let mut schemes: Vec<_> = Scheme::ALL.map(|scheme| vec![scheme]).into();
    schemes.push(vec![Scheme::W8a8, Scheme::W8a16]);
    schemes.push(vec![Scheme::W8a16, Scheme::W8a8]);
    for schemes in schemes {
        for (seed, shape) in SHAPES.into_iter().enumerate() {
            let (inputs, filters, kernel, stride, first, is_rectified) = shape;
            let random = RandomModel {
                inputs,
                hidden: vec![5],
                kinds: vec![[LayerKind::Lstm, LayerKind::Gru][seed % 2]],
                outputs: 2,
                schemes: schemes.clone(),
                conv: Some(RandomConv {
                    filters,
                    kernel,
                    stride,
                    first,
                    is_rectified,
                }),
                seed: seed as u64,
                ..RandomModel::default()
            };
            compare_orders(&mut device, board, &random, CONVOLUTION_STEPS);
        }
    }
}

/// Layers that run backwards and both ways, above one another and above a convolution, in each scheme and mode.
fn random_windows_agree_with_the_host(board: &'static Board) {
    use Direction::{Beside, Forward, Reverse};
    const STACKS: [(&[usize], &[Direction], bool); 4] = [
        (&[3], &[Reverse], false),
        (&[3, 5], &[Forward, Beside], false),
        (&[2, 2, 3], &[Forward, Beside, Reverse], false),
        (&[3, 3], &[Forward, Beside], true),
    ];
    let mut device = device(board);
    for (n, scheme) in Scheme::ALL.into_iter().enumerate() {
        for (seed, (hidden, directions, has_conv)) in STACKS.into_iter().enumerate() {
            let mode = Mode::ALL[(n + seed) % Mode::ALL.len()];
            let random = RandomModel {
                inputs: 2,
                hidden: hidden.to_vec(),
                directions: directions.to_vec(),
                kinds: vec![[LayerKind::Lstm, LayerKind::Gru, LayerKind::Projected][seed % 3]],
                outputs: 2,
                mean: mode == Mode::SequenceToMean,
                schemes: vec![scheme],
                conv: has_conv.then_some(RandomConv {
                    filters: 3,
                    kernel: 2,
                    stride: 2,
                    first: 1,
                    is_rectified: true,
                }),
                seed: seed as u64,
                ..RandomModel::default()
            };
            let mut file = random.build();
            file.mode = mode;
            for order in orders(board) {
                let name = format!("{random:?} in {order:?} order");
                let bytes = file.to_bytes_in(order).unwrap();
                compare_windows(&mut device, &bytes, &random.raw_inputs(WINDOW_STEPS), &name);
            }
        }
    }
}

/// Runs the window `raw` through the model in `file` on both sides.
fn compare_windows(device: &mut Device, file: &[u8], raw: &[Vec<i32>], name: &str) {
    let loaded = device.load(file);
    loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
    let model = AnyModel::parse(file).unwrap();
    let keep = match model.mode().is_per_step() {
        true => Keep::EveryStep,
        false => Keep::LastStep,
    };
    let found = device.run_sequence(&raw.concat(), keep).unwrap();
    assert_eq!(found.outputs, model.answers(raw).concat(), "{name}");
    // There is no state to go on from.
    let refused = device.run(&raw.concat(), keep).unwrap_err().to_string();
    assert!(refused.contains("whole windows"), "{refused}");
}

fn a_trained_model_agrees_with_the_host(board: &'static Board) {
    // Rows of several digits as recorded, with pixels in 0..=16.
    let raw: Vec<i32> = (0..MANY_STEPS as i32 * 8)
        .map(|k| (k * k / 7) % 17)
        .collect();
    compare(&mut device(board), trained_model(TRAINER), &raw, "digits");
}

/// Runs the model in `file` on both sides.
fn compare(device: &mut Device, file: &[u8], raw: &[i32], name: &str) {
    let loaded = device.load(file);
    loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
    let run = device.run(raw, Keep::EveryStep).unwrap();
    let mut host = Reference::new(file);
    let expected = host.run(raw);
    let outputs = expected.len() / run.steps;
    for (step, (found, expected)) in run
        .outputs
        .chunks(outputs)
        .zip(expected.chunks(outputs))
        .enumerate()
    {
        assert_eq!(found, expected, "{name}: outputs of step {step}");
    }
    assert_eq!(run.outputs.len(), expected.len(), "{name}");
    assert_eq!(device.read_state().unwrap(), host.state(), "{name}: state");
}
