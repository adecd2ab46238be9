//! Models of whole windows against the same layers run one after the other by hand, and against steps.

mod sealed;

use lstm_nostd::artifact::{ArtifactError, LayerKind, ModelFile, RandomConv, RandomModel, Sizes};
use lstm_nostd::kernels::{
    Active, Block, Kernels, Order, RecurrentRows, Scheme, Width, convert, lanes, scalar::Scalar,
};
use lstm_nostd::layers::{dense, mean};
use lstm_nostd::{Direction, I16F16, Mode, Model, SelfTestError, WindowModel};
use proptest::prelude::*;
use sealed::sealed;

use Direction::{Beside, Forward, Reverse};

const KINDS: [LayerKind; 5] = [
    LayerKind::Lstm,
    LayerKind::Gru,
    LayerKind::Coupled,
    LayerKind::GruBefore,
    LayerKind::Projected,
];

/// Directions of one to four recurrent layers, of which one runs backwards.
fn directions() -> impl Strategy<Value = Vec<Direction>> {
    let layer = prop_oneof![
        Just(vec![Forward]),
        Just(vec![Reverse]),
        Just(vec![Forward, Beside])
    ];
    let layers = prop::collection::vec(layer, 1..4).prop_map(|layers| layers.concat());
    layers.prop_filter("more than four, or no window", |all| {
        all.len() <= 4 && all.iter().any(|one| *one != Forward)
    })
}

fn shapes() -> impl Strategy<Value = (RandomModel, Mode)> {
    let sizes = (1usize..6, prop::collection::vec(1usize..11, 4), 1usize..4);
    let schemes = prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..4);
    let conv = prop::option::of((1usize..6, 1u16..4, 1u16..4, any::<bool>()));
    let mode = prop::sample::select(Mode::ALL.to_vec());
    let dense = prop::collection::vec(1usize..6, 0..2);
    // Of projections, which may have more outputs than units.
    let projection = prop::option::of(1usize..21);
    (
        sizes,
        directions(),
        schemes,
        conv,
        mode,
        dense,
        (any::<(bool, u64)>(), projection),
    )
        .prop_map(
            |(
                (inputs, units, outputs),
                directions,
                schemes,
                conv,
                mode,
                dense,
                ((peepholes, seed), projection),
            )| {
                let conv = conv.map(|(filters, kernel, stride, is_rectified)| RandomConv {
                    filters,
                    kernel,
                    stride,
                    first: kernel - 1,
                    is_rectified,
                });
                let kinds = KINDS
                    .iter()
                    .cycle()
                    .skip(seed as usize % KINDS.len())
                    .take(4);
                let shape = RandomModel {
                    inputs,
                    hidden: units[..directions.len()].to_vec(),
                    kinds: kinds.copied().collect(),
                    schemes: of_halves(&schemes, &directions, conv.is_some()),
                    directions,
                    dense,
                    outputs,
                    peepholes,
                    conv,
                    mean: mode == Mode::SequenceToMean,
                    projection,
                    seed,
                    ..RandomModel::default()
                };
                (shape, mode)
            },
        )
}

/// A scheme for each layer, of which halves that stand side by side have the same.
fn of_halves(schemes: &[Scheme], directions: &[Direction], conv: bool) -> Vec<Scheme> {
    let mut next = schemes.iter().copied().cycle();
    let mut all: Vec<Scheme> = Vec::new();
    if conv {
        all.extend(next.next());
    }
    for direction in directions {
        match (direction, all.last()) {
            (Beside, Some(below)) => all.push(*below),
            _ => all.extend(next.next()),
        }
    }
    // Dense layers.
    all.extend(next.take(2));
    all
}

fn file_of((shape, mode): &(RandomModel, Mode)) -> ModelFile {
    let mut file = shape.build();
    file.mode = *mode;
    file
}

fn window<K: Kernels>(model: &WindowModel<'_>, raw: &[Vec<i32>]) -> Vec<i32> {
    // Whatever is in the buffer does not matter.
    let mut buffer = vec![Block([0x5a5a; 4]); model.buffer_blocks(raw.len())];
    let mut outputs = vec![I16F16::ZERO; model.output_count(raw.len())];
    model
        .run_with::<K>(&raw.concat(), &mut buffer, &mut outputs)
        .unwrap();
    outputs.iter().map(|output| output.to_bits()).collect()
}

/// The values of a layer's step, one in a lane, with the width of all.
type Values = (Width, Vec<i32>);

fn blocks((width, values): &Values) -> Vec<Block> {
    let mut blocks = vec![Block::ZERO; width.blocks(values.len())];
    match width {
        Width::Int16 => {
            let lanes = lstm_nostd::kernels::lanes_mut::<i16>(&mut blocks);
            lanes
                .iter_mut()
                .zip(values)
                .for_each(|(l, v)| *l = *v as i16);
        }
        Width::Int8 => {
            let lanes = lstm_nostd::kernels::lanes_mut::<i8>(&mut blocks);
            lanes
                .iter_mut()
                .zip(values)
                .for_each(|(l, v)| *l = *v as i8);
        }
    }
    blocks
}

fn values(width: Width, blocks: &[Block], count: usize) -> Vec<i32> {
    match width {
        Width::Int16 => lanes::<i16>(blocks)[..count]
            .iter()
            .map(|v| (*v).into())
            .collect(),
        Width::Int8 => lanes::<i8>(blocks)[..count]
            .iter()
            .map(|v| (*v).into())
            .collect(),
    }
}

fn arriving(x: &Values, width: Width, shift: u32) -> Vec<Block> {
    if x.0 == width {
        return blocks(x);
    }
    let mut into = vec![Block::ZERO; width.blocks(x.1.len())];
    convert((x.0, &blocks(x)), (width, &mut into), shift, x.1.len());
    into
}

/// What one recurrent layer hands on after each step, in the order of the steps of time, and the mean of it.
fn by_hand(model: &WindowModel<'_>, l: usize, inputs: &[Vec<Block>]) -> (Vec<Vec<i32>>, Vec<i32>) {
    let layer = &model.recurrent_layers()[l];
    let rows: &RecurrentRows<'_> = layer.rows();
    let mut h = vec![Block::ZERO; rows.width.blocks(rows.outputs)];
    let mut next = vec![Block::ZERO; layer.scratch_blocks()];
    let mut c = vec![[0; 4]; layer.cell_blocks()];
    let mut sums = vec![[0; 4]; mean::blocks(rows.outputs)];
    let mut step = |x: &Vec<Block>| {
        layer.step::<Scalar>(x, &mut h, &mut c, &mut next);
        mean::add(rows, &h, &mut sums);
        values(rows.width, &h, rows.outputs)
    };
    let mut all: Vec<Vec<i32>> = match model.direction(l) {
        Forward => inputs.iter().map(&mut step).collect(),
        Reverse | Beside => inputs.iter().rev().map(&mut step).collect(),
    };
    if model.direction(l) != Forward {
        all.reverse();
    }
    let mut means = vec![Block::ZERO; Width::Int16.blocks(rows.outputs)];
    mean::read(rows, &sums, &mut means);
    (all, values(Width::Int16, &means, rows.outputs))
}

/// Outputs of the dense layers on values.
fn answer(model: &WindowModel<'_>, mut x: Values) -> Vec<i32> {
    let layers: Vec<_> = model.dense_layers().collect();
    let (output, hidden) = layers.split_last().unwrap();
    for layer in hidden {
        let mut y = vec![Block::ZERO; layer.width.blocks(layer.outputs)];
        dense::relu::<Scalar>(layer, &arriving(&x, layer.width, layer.input_shift), &mut y);
        x = (layer.width, values(layer.width, &y, layer.outputs));
    }
    let mut y = vec![I16F16::ZERO; output.outputs];
    dense::output::<Scalar>(
        output,
        &arriving(&x, output.width, output.input_shift),
        &mut y,
    );
    y.iter().map(|y| y.to_bits()).collect()
}

/// A model without a convolution, (WD1) and (WD2) as they are written.
fn specified(model: &WindowModel<'_>, raw: &[Vec<i32>]) -> Vec<i32> {
    let width = model.recurrent_layers()[0].rows().width;
    let mut x: Vec<Values> = (raw.iter())
        .map(|raw| {
            let channel = |(j, raw): (usize, &i32)| match width {
                Width::Int16 => model
                    .input_channel(j)
                    .unwrap()
                    .normalise::<i16>(*raw)
                    .into(),
                Width::Int8 => i32::from(model.input_channel(j).unwrap().normalise::<i8>(*raw)),
            };
            (width, raw.iter().enumerate().map(channel).collect())
        })
        .collect();
    let (mut last, mut means) = (Vec::new(), Vec::new());
    let mut l = 0;
    while l < model.recurrent_layers().len() {
        let halves = 1 + usize::from(model.direction(l + 1) == Beside);
        let mut y: Vec<Values> = vec![(width, Vec::new()); raw.len()];
        (last, means) = (Vec::new(), Vec::new());
        for l in l..l + halves {
            let rows = model.recurrent_layers()[l].rows();
            let inputs: Vec<_> = (x.iter())
                .map(|x| arriving(x, rows.width, rows.input_shift))
                .collect();
            let (own, mean) = by_hand(model, l, &inputs);
            let end = if model.direction(l) == Forward {
                raw.len() - 1
            } else {
                0
            };
            last.extend(own[end].clone());
            means.extend(mean);
            for (y, own) in y.iter_mut().zip(own) {
                y.0 = rows.width;
                y.1.extend(own);
            }
        }
        x = y;
        l += halves;
    }
    match model.mode() {
        Mode::SequenceToSequence => x.into_iter().flat_map(|x| answer(model, x)).collect(),
        Mode::SequenceToOne => answer(model, (x[0].0, last)),
        Mode::SequenceToMean => answer(model, (Width::Int16, means)),
    }
}

/// Outputs step by step: of all steps, or after the last one.
fn by_steps(model: &Model<'_>, raw: &[Vec<i32>]) -> Vec<i32> {
    let mut hidden = vec![Block::ZERO; model.hidden_blocks()];
    let mut cell = vec![[0; 4]; model.cell_blocks()];
    let mut scratch = vec![Block::ZERO; model.scratch_blocks()];
    let mut outputs = vec![I16F16::ZERO; model.outputs()];
    let mut all = Vec::new();
    for raw in raw {
        model
            .step((&mut hidden, &mut cell), &mut scratch, raw, &mut outputs)
            .unwrap();
        if !model.mode().is_per_step() {
            all.clear();
        }
        all.extend(outputs.iter().map(|output| output.to_bits()));
    }
    all
}

proptest! {
    #[test]
    fn layers_run_over_the_window_as_specified(shape in shapes(), steps in 1usize..9) {
        let mut shape = shape;
        shape.0.conv = None;
        shape.0.schemes = of_halves(&shape.0.schemes, &shape.0.directions, false);
        let file = file_of(&shape);
        let raw = shape.0.raw_inputs(steps);
        let generic = file.to_bytes().unwrap();
        let expected = specified(&WindowModel::parse(&generic).unwrap(), &raw);
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = WindowModel::parse(&bytes).unwrap();
            prop_assert_eq!(&window::<Active>(&model, &raw), &expected);
            prop_assert_eq!(&window::<Scalar>(&model, &raw), &expected);
        }
    }

    /// With a convolution too: a window of a model that has a step.
    #[test]
    fn layers_that_run_forwards_give_what_steps_give(shape in shapes(), steps in 1usize..9) {
        let mut shape = shape;
        shape.0.directions.clear();
        let bytes = file_of(&shape).to_bytes().unwrap();
        let raw = shape.0.raw_inputs(steps);
        let expected = by_steps(&Model::parse(&bytes).unwrap(), &raw);
        let model = WindowModel::parse(&bytes).unwrap();
        prop_assert!(!model.is_of_windows());
        prop_assert_eq!(window::<Active>(&model, &raw), expected);
    }

    /// One layer that runs backwards is one that runs forwards over the steps from the last to the first.
    #[test]
    fn a_reversed_layer_on_reversed_steps_is_the_layer(shape in shapes(), steps in 1usize..9) {
        let mut shape = shape;
        shape.0.conv = None;
        shape.0.hidden.truncate(1);
        shape.0.directions = vec![Reverse];
        let raw = shape.0.raw_inputs(steps);
        let bytes = file_of(&shape).to_bytes().unwrap();
        let found = window::<Active>(&WindowModel::parse(&bytes).unwrap(), &raw);
        shape.0.directions.clear();
        let bytes = file_of(&shape).to_bytes().unwrap();
        let turned: Vec<_> = raw.iter().rev().cloned().collect();
        let forwards = by_steps(&Model::parse(&bytes).unwrap(), &turned);
        let expected: Vec<i32> = forwards.chunks(shape.0.outputs).rev().flatten().copied().collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn parse_after_write_is_the_same_model_and_it_has_no_step(shape in shapes()) {
        let mut file = file_of(&shape);
        let steps = shape.0.raw_inputs(5);
        let bytes = file.to_bytes().unwrap();
        let model = WindowModel::parse(&bytes).unwrap();
        let outputs = window::<Active>(&model, &steps);
        let of_step = |t: usize| match model.mode().is_per_step() {
            true => outputs[t * shape.0.outputs..][..shape.0.outputs].to_vec(),
            false if t == 4 => outputs.clone(),
            false => vec![0; shape.0.outputs],
        };
        file.golden = steps.iter().cloned().enumerate().map(|(t, raw)| (raw, of_step(t))).collect();
        let bytes = file.to_bytes().unwrap();
        let model = WindowModel::parse(&bytes).unwrap();
        prop_assert_eq!(&ModelFile::from(&*model), &file);
        prop_assert!(model.is_of_windows() && model.cargo_features().any(|f| f == "window"));
        prop_assert_eq!(Model::parse(&bytes).unwrap_err(), ArtifactError::WholeWindows);
        let mut buffer = vec![Block::ZERO; model.buffer_blocks(5)];
        prop_assert_eq!(model.self_test(&mut buffer), Ok(5));
        // What a build knows of the file.
        lstm_nostd::artifact::check_first_layer_of_window(&bytes);
        let sizes = Sizes::of_file(&bytes);
        if shape.0.conv.is_none() {
            prop_assert_eq!(sizes.window_blocks(5), buffer.len());
        }
        prop_assert!(sizes.window_blocks(5) >= buffer.len() && sizes.cell_blocks == 0);
        let short = buffer.len() - 1;
        prop_assert!(matches!(model.self_test(&mut buffer[..short]), Err(SelfTestError::Size(_))));
        file.golden[4].1[0] ^= 1;
        let bytes = file.to_bytes().unwrap();
        let model = WindowModel::parse(&bytes).unwrap();
        prop_assert_eq!(model.self_test(&mut buffer), Err(SelfTestError::Differs { step: 4 }));
    }
}

#[test]
#[should_panic(expected = "include_window_model!")]
fn a_build_that_needs_steps_stops_with_a_reason() {
    let bytes = example().build().to_bytes().unwrap();
    lstm_nostd::artifact::check_first_layer(&bytes);
}

fn example() -> RandomModel {
    RandomModel {
        inputs: 3,
        hidden: vec![5, 5, 2],
        directions: vec![Forward, Beside, Reverse],
        outputs: 2,
        seed: 3,
        ..RandomModel::default()
    }
}

/// Damage that the checksum cannot see: what is accepted runs, as specified.
#[test]
fn every_changed_byte_is_refused_or_runs() {
    for order in [
        Order::Generic,
        Order::Paired,
        Order::GroupedBytes,
        Order::OffsetNibbles,
    ] {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![2, 3, 2],
            kinds: vec![LayerKind::Lstm, LayerKind::Lstm, LayerKind::Gru],
            mean: order == Order::Paired,
            schemes: vec![Scheme::W8a8, Scheme::W8a8, Scheme::W4a16],
            ..example()
        };
        let bytes = shape.build().to_bytes_in(order).unwrap();
        let content = &bytes[..bytes.len() - 4];
        let raw: Vec<Vec<i32>> = [i32::MIN, 12_345, i32::MAX].map(|raw| vec![raw; 3]).into();
        let (mut refused, mut ran) = (0, 0);
        for (at, byte) in content.iter().enumerate() {
            for value in [0, 1, 2, 0x7f, 0xff, byte ^ 1, byte.wrapping_sub(1)] {
                let mut changed = content.to_vec();
                changed[at] = value;
                let file = sealed(changed);
                match WindowModel::parse(&file) {
                    Ok(model) if model.inputs() == 3 => {
                        assert_eq!(
                            window::<Active>(&model, &raw),
                            window::<Scalar>(&model, &raw)
                        );
                        ran += 1;
                    }
                    Ok(_) => {}
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(
            ran > content.len() && refused > content.len(),
            "{ran} {refused}"
        );
    }
}

#[test]
fn buffers_that_are_too_short_are_refused() {
    let bytes = example().build().to_bytes().unwrap();
    let model = WindowModel::parse(&bytes).unwrap();
    let raw = example().raw_inputs(4).concat();
    let mut buffer = vec![Block::ZERO; model.buffer_blocks(4)];
    let mut outputs = vec![I16F16::ZERO; 8];
    assert_eq!(model.run(&raw, &mut buffer, &mut outputs), Ok(()));
    let blocks = buffer.len();
    let found = |error: Result<(), lstm_nostd::SizeError>| {
        let error = error.unwrap_err();
        (error.what, error.found, error.needed)
    };
    let short = model.run(&raw, &mut buffer[..blocks - 1], &mut outputs);
    assert_eq!(found(short), ("buffer", blocks - 1, blocks));
    let short = model.run(&raw, &mut buffer, &mut outputs[..7]);
    assert_eq!(found(short), ("outputs", 7, 8));
    let part = model.run(&raw[..11], &mut buffer, &mut outputs);
    assert_eq!(found(part), ("inputs", 11, 12));
    assert_eq!(
        found(model.run(&[], &mut buffer, &mut outputs)),
        ("inputs", 0, 3)
    );
}

#[test]
fn directions_that_fit_no_layer_are_refused() {
    let refused = |directions: Vec<Direction>, schemes: Vec<Scheme>| {
        let shape = RandomModel {
            directions,
            schemes,
            ..example()
        };
        let error = shape.build().to_bytes().unwrap_err().to_string();
        assert!(error.contains("beside"), "{error}");
    };
    refused(vec![Beside], vec![]);
    refused(vec![Reverse, Beside], vec![]);
    refused(vec![Forward, Beside, Beside], vec![]);
    let schemes = vec![Scheme::W8a16, Scheme::W8a16, Scheme::W8a8];
    refused(vec![Reverse, Forward, Beside], schemes);
}
