//! A convolution with a stride below the recurrent layers: its equation, when the outputs move, and its state.

use lstm_nostd::artifact::{Conv, LayerKind, ModelFile, RandomConv, RandomModel, Recurrent};
use lstm_nostd::kernels::{Block, I32x4, Order, Scheme, Width, narrow, widen};
use lstm_nostd::{FixedModel, I16F16, InputChannel, Model, State};
use proptest::prelude::*;

/// Buffers for a stream of any model.
#[derive(Clone)]
struct Stream {
    hidden: Vec<Block>,
    cell: Vec<I32x4>,
    scratch: Vec<Block>,
    outputs: Vec<I16F16>,
}

impl Stream {
    fn new(model: &Model<'_>) -> Self {
        Self {
            hidden: vec![Block::default(); model.hidden_blocks()],
            cell: vec![[0; 4]; model.cell_blocks()],
            scratch: vec![Block::default(); model.scratch_blocks()],
            outputs: vec![I16F16::ZERO; model.outputs()],
        }
    }

    /// Whether the outputs moved.
    fn step(&mut self, model: &Model<'_>, raw: &[i32]) -> bool {
        let state = (&mut self.hidden[..], &mut self.cell[..]);
        let moved = model.step(state, &mut self.scratch, raw, &mut self.outputs);
        moved.expect("the buffers are the model's")
    }

    /// The same by the specification.
    fn observed_step(&mut self, model: &Model<'_>, raw: &[i32]) -> bool {
        let state = (&mut self.hidden[..], &mut self.cell[..]);
        let scratch = &mut self.scratch;
        let moved = model.observed_step(state, scratch, raw, &mut self.outputs, &mut |_, _, _| ());
        moved.expect("the buffers are the model's")
    }

    fn read(&mut self, model: &Model<'_>) -> Vec<I16F16> {
        let mut outputs = vec![I16F16::ZERO; model.outputs()];
        let read = model.read_outputs((&self.hidden, &self.cell), &mut self.scratch, &mut outputs);
        read.expect("the buffers are the model's");
        outputs
    }
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    prop::sample::select(Scheme::ALL.to_vec())
}

fn convolutions() -> impl Strategy<Value = RandomConv> {
    (1usize..12, 1u16..7, 1u16..6, 0u16..9, any::<bool>()).prop_map(
        |(filters, kernel, stride, first, is_rectified)| RandomConv {
            filters,
            kernel,
            stride,
            first,
            is_rectified,
        },
    )
}

/// `sat` of a width.
fn saturated(value: i64, width: Width) -> i32 {
    match width {
        Width::Int16 => value.clamp(-32_768, 32_767) as i32,
        Width::Int8 => value.clamp(-127, 127) as i32,
    }
}

/// (CV1) in 64 bits for the window that ends at step `t` of `x`, `[T][C]`.
fn filtered(conv: &Conv, x: &[Vec<i32>], t: usize) -> Vec<i32> {
    let (kernel, width) = (usize::from(conv.kernel), conv.filters.scheme.width());
    let channels = x[0].len();
    let filter = |f: usize| {
        let mut sum = i64::from(conv.filters.bias[f]);
        for k in 0..kernel {
            // Steps before the start are zeros.
            let Some(step) = (t + 1 + k).checked_sub(kernel) else {
                continue;
            };
            let weights = &conv.filters.weight[f][k * channels..];
            for (weight, x) in weights.iter().zip(&x[step]) {
                sum += i64::from(*weight) * i64::from(*x);
            }
        }
        let scaled = (sum * i64::from(conv.filters.mult[f]) + (1 << 31)) >> 32;
        let value = (scaled << conv.filters.output_shift).clamp(i32::MIN.into(), i32::MAX.into());
        saturated(
            if conv.is_rectified {
                value.max(0)
            } else {
                value
            },
            width,
        )
    };
    (0..conv.filters.weight.len()).map(filter).collect()
}

/// `file` without its convolution, on inputs that are as the convolution's outputs arrive at the first layer.
fn without_convolution(file: &ModelFile) -> ModelFile {
    let conv = file.conv.as_ref().unwrap();
    let mut upper = ModelFile {
        conv: None,
        ..file.clone()
    };
    // mul_high(raw << 16, 2¹⁶) is raw.
    let identity = InputChannel {
        mult: 1 << 16,
        shift: 16,
        ..InputChannel::default()
    };
    upper.channels = vec![identity; conv.filters.weight.len()];
    upper.input_names = (0..upper.channels.len()).map(|j| format!("y{j}")).collect();
    match &mut upper.recurrent[0] {
        Recurrent::Lstm(layer) => layer.input_shift = 0,
        Recurrent::Gru(layer) => layer.input_shift = 0,
        Recurrent::Coupled(layer) => layer.0.input_shift = 0,
        Recurrent::GruBefore(layer) => layer.input_shift = 0,
        Recurrent::Projected(layer) => layer.input_shift = 0,
    }
    upper
}

/// An activation as it arrives at a layer of another width.
fn arriving(value: i32, from: Width, to: Width, shift: u8) -> i32 {
    match (from, to) {
        (Width::Int8, Width::Int16) => widen(value as i8, shift.into()).into(),
        (Width::Int16, Width::Int8) => narrow(value as i16, shift.into()).into(),
        _ => value,
    }
}

proptest! {
    /// A network on top of the filters' values, which are computed in plain 64-bit sums, gives the same outputs.
    #[test]
    fn a_model_is_its_filters_and_then_its_layers(
        inputs in 1usize..6,
        conv in convolutions(),
        hidden in prop::collection::vec(1usize..9, 1..=2),
        dense in prop::collection::vec(1usize..6, 0..=1),
        kind in prop::sample::select(vec![
            LayerKind::Lstm, LayerKind::Gru, LayerKind::Coupled, LayerKind::GruBefore, LayerKind::Projected
        ]),
        schemes in prop::collection::vec(any_scheme(), 1..=3),
        seed in any::<u64>(),
    ) {
        let shape = RandomModel {
            inputs, hidden, kinds: vec![kind], dense, outputs: 2, schemes, conv: Some(conv), seed, ..RandomModel::default()
        };
        let file = shape.build();
        let upper = without_convolution(&file);
        let upper_bytes = upper.to_bytes().unwrap();
        let upper_model = Model::parse(&upper_bytes).unwrap();
        let raw = shape.raw_inputs(30);
        let content = file.conv.as_ref().unwrap();
        let (width, above) = (content.filters.scheme.width(), file.recurrent[0].scheme().width());
        let normalised = |(channel, raw): (&InputChannel, &i32)| match width {
            Width::Int16 => channel.normalise::<i16>(*raw).into(),
            Width::Int8 => channel.normalise::<i8>(*raw).into(),
        };
        let x: Vec<Vec<i32>> = raw.iter().map(|raw| file.channels.iter().zip(raw).map(normalised).collect()).collect();
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = Model::parse(&bytes).unwrap();
            prop_assert_eq!(&ModelFile::from(&model), &file);
            prop_assert_eq!(model.stride(), usize::from(conv.stride));
            let (mut stream, mut observed) = (Stream::new(&model), Stream::new(&model));
            let mut expected = Stream::new(&upper_model);
            expected.outputs = expected.clone().read(&upper_model);
            for (t, raw) in raw.iter().enumerate() {
                let is_output = t.checked_sub(conv.first.into()).is_some_and(|since| since % usize::from(conv.stride) == 0);
                if is_output {
                    let y = filtered(content, &x, t);
                    let y: Vec<i32> = y.iter().map(|y| arriving(*y, width, above, file.recurrent[0].input_shift())).collect();
                    expected.step(&upper_model, &y);
                }
                prop_assert_eq!(stream.step(&model, raw), is_output, "step {}", t);
                prop_assert_eq!(observed.observed_step(&model, raw), is_output);
                prop_assert_eq!(&stream.outputs, &expected.outputs, "step {}", t);
                prop_assert_eq!(&stream.outputs, &observed.outputs);
                prop_assert_eq!(&stream.hidden, &observed.hidden);
                prop_assert_eq!(&stream.cell, &expected.cell);
                // What a state stands for does not depend on a buffer of outputs.
                prop_assert_eq!(&stream.read(&model), &expected.outputs);
            }
        }
    }

    /// Any bytes are a state: whatever is restored, steps follow.
    #[test]
    fn any_state_goes_on(conv in convolutions(), state in prop::collection::vec(any::<i16>(), 4 * 40), seed in any::<u64>()) {
        let shape = RandomModel { inputs: 3, hidden: vec![4], outputs: 1, conv: Some(conv), seed, ..RandomModel::default() };
        let file = shape.build().to_bytes().unwrap();
        let model = Model::parse(&file).unwrap();
        let mut stream = Stream::new(&model);
        for (block, lanes) in stream.hidden.iter_mut().zip(state.chunks_exact(4)) {
            block.0.copy_from_slice(lanes);
        }
        let mut observed = stream.clone();
        for raw in shape.raw_inputs(12) {
            prop_assert_eq!(stream.step(&model, &raw), observed.observed_step(&model, &raw));
            prop_assert_eq!(&stream.hidden, &observed.hidden);
        }
    }
}

/// Two channels, kernel 3, stride 2, outputs at steps 0, 2, 4.
fn causal() -> RandomModel {
    RandomModel {
        inputs: 2,
        hidden: vec![3],
        outputs: 2,
        conv: Some(RandomConv {
            filters: 4,
            kernel: 3,
            stride: 2,
            first: 0,
            is_rectified: true,
        }),
        seed: 4,
        ..RandomModel::default()
    }
}

/// With sizes known at compile time, steps between strides return nothing, and outputs stand.
#[test]
fn outputs_stand_between_strides() {
    let shape = causal();
    let file = shape.build().to_bytes().unwrap();
    let model = Model::parse(&file).unwrap();
    // The hidden state, a block that says where the convolution stands, and six int16 lanes of its window.
    assert_eq!((model.cell_blocks(), model.hidden_blocks()), (1, 4));
    // Four filters' outputs, then the new hidden state.
    assert_eq!(model.scratch_blocks(), 2);
    let model = FixedModel::<2, 2, 1, 4, 2>::new(model).unwrap();
    let (mut state, mut stepped, mut dynamic) =
        (State::new(), State::new(), Stream::new(model.model()));
    let mut stands = [I16F16::ZERO; 2];
    for (t, raw) in shape.raw_inputs(9).iter().enumerate() {
        let raw = raw[..].try_into().unwrap();
        let moved = model.moved(&mut state, raw);
        assert_eq!(moved.is_some(), t % 2 == 0);
        stands = moved.unwrap_or(stands);
        assert_eq!(model.step(&mut stepped, raw), stands);
        dynamic.step(model.model(), raw);
        assert_eq!(dynamic.outputs, stands);
    }
    state.reset();
    let again = shape.raw_inputs(1);
    assert!(model.advance(&mut state, again[0][..].try_into().unwrap()));
}

/// The features that a firmware needs name the convolution, and its scheme comes first.
#[test]
fn a_model_names_the_feature_and_the_schemes() {
    let mut shape = causal();
    shape.schemes = vec![Scheme::W8a8, Scheme::W8a16];
    let file = shape.build().to_bytes().unwrap();
    let model = Model::parse(&file).unwrap();
    let features: Vec<&str> = model.cargo_features().collect();
    assert_eq!(features, ["w8a8", "w8a8", "conv"]);
    let schemes: Vec<Scheme> = model.schemes().collect();
    assert_eq!(schemes, [Scheme::W8a8, Scheme::W8a16, Scheme::W8a8]);
    // The version that has convolutions first.
    assert_eq!(file[4], 7);
}
