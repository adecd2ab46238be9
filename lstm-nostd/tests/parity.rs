//! Every backend and every order of weights against the specification, bit for bit.

use lstm_nostd::artifact::{LayerKind, ModelFile, RandomModel};
use lstm_nostd::kernels::{
    Activation, Active, Block, DenseOutputs, DenseParameters, I32x4, Kernels, Order, RowSums,
    Scheme, Width, lanes_mut, scalar::Scalar,
};
use lstm_nostd::{I16F16, Model};
use proptest::prelude::*;

/// What a host without the best instruction set runs.
#[cfg(all(target_arch = "x86_64", not(feature = "kernels-scalar")))]
type Lower = lstm_nostd::kernels::x86::Avx2;
#[cfg(not(all(target_arch = "x86_64", not(feature = "kernels-scalar"))))]
type Lower = Scalar;

/// Hidden and cell state of a model's only layer.
type LayerState = (Vec<Block>, Vec<I32x4>);

/// States after each of some steps of the model's first layer on the kernels `K`.
fn run<K: Kernels>(
    model: &Model<'_>,
    start: &LayerState,
    inputs: &[Vec<Block>],
) -> Vec<LayerState> {
    let layer = &model.recurrent_layers()[0];
    let (mut h, mut c) = start.clone();
    let step = |x: &Vec<Block>| {
        // Lanes past the last unit of the scratch must not come through.
        let mut next = vec![Block([-1; 4]); layer.scratch_blocks()];
        layer.step::<K>(x, &mut h, &mut c, &mut next);
        (h.clone(), c.clone())
    };
    inputs.iter().map(step).collect()
}

/// Sums of every group of rows of the model's first layer on the kernels `K`.
fn sums<K: Kernels>(model: &Model<'_>, x: &[Block], h: &[Block]) -> Vec<RowSums> {
    let layer = &model.recurrent_layers()[0];
    let group = |group| K::row_sums(layer.rows(), group, x, h);
    // A GRU's groups have the weights of the input alone.
    let groups = layer.as_lstm().map_or(0, |lstm| lstm.units());
    (0..groups).map(group).collect()
}

/// Outputs of a dense layer on the kernels `K`.
fn dense_outputs<K: Kernels>(layer: &DenseParameters<'_>, x: &[Block]) -> Vec<i32> {
    let mut out = vec![I16F16::ZERO; layer.outputs];
    K::dense(layer, x, &mut DenseOutputs::Values(&mut out));
    out.into_iter().map(I16F16::to_bits).collect()
}

/// Mostly any value, sometimes one of the extremes.
fn value<T: Copy + std::fmt::Debug + 'static>(
    any: impl Strategy<Value = T>,
    extremes: [T; 3],
) -> impl Strategy<Value = T> {
    prop_oneof![3 => any, 1 => prop::sample::select(extremes.to_vec())]
}

/// `count` activations of the width in blocks; lanes past them hold what must not matter.
fn activations(width: Width, values: &[i16], count: usize) -> Vec<Block> {
    let mut blocks = vec![Block([0x5a5a; 4]); width.blocks(count)];
    let values = &values[..count];
    match width {
        Width::Int16 => fill::<i16>(&mut blocks, values, 0),
        Width::Int8 => fill::<i8>(&mut blocks, values, 8),
    }
    blocks
}

fn fill<A: Activation>(blocks: &mut [Block], values: &[i16], shift: u32) {
    for (lane, value) in lanes_mut::<A>(blocks).iter_mut().zip(values) {
        *lane = A::saturate(i32::from(*value) >> shift);
    }
}

fn kinds() -> impl Strategy<Value = LayerKind> {
    prop::sample::select(vec![
        LayerKind::Lstm,
        LayerKind::Gru,
        LayerKind::Coupled,
        LayerKind::GruBefore,
        LayerKind::Projected,
    ])
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    prop::sample::select(Scheme::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_step_is_the_same_in_every_order_and_on_every_backend(
        inputs in 1usize..40,
        hidden in 1usize..40,
        kind in kinds(),
        peepholes in any::<bool>(),
        scheme in any_scheme(),
        seed in any::<u64>(),
        x in prop::collection::vec(value(any::<i16>(), [i16::MIN, i16::MAX, 0]), 40 * 3),
        // Of a projection, which may have more outputs than units.
        outputs in prop::option::of(1usize..80),
        h in prop::collection::vec(value(-32_767i16.., [-32_767, 32_767, 0]), 80),
        c in prop::collection::vec(value(any::<i32>(), [i32::MIN, i32::MAX, 0]), 40),
    ) {
        let shape = RandomModel {
            inputs, hidden: vec![hidden], kinds: vec![kind], outputs: 1, peepholes, schemes: vec![scheme], seed,
            projection: outputs,
            ..RandomModel::default()
        };
        let file = shape.build();
        let width = scheme.width();
        let cells = c.chunks(4).take(hidden.div_ceil(4)).map(|c| c.try_into().unwrap());
        let [_, w_h] = file.recurrent[0].weights();
        let start = (activations(width, &h, w_h[0].len()), cells.collect());
        let steps: Vec<_> = x.chunks(40).map(|x| activations(width, x, inputs)).collect();
        let generic = file.to_bytes().unwrap();
        let generic = Model::parse(&generic).unwrap();
        let expected = run::<Scalar>(&generic, &start, &steps);
        let expected_sums = sums::<Scalar>(&generic, &steps[0], &start.0);
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = Model::parse(&bytes).unwrap();
            prop_assert_eq!(&run::<Scalar>(&model, &start, &steps), &expected);
            prop_assert_eq!(&run::<Active>(&model, &start, &steps), &expected);
            prop_assert_eq!(&run::<Lower>(&model, &start, &steps), &expected);
            prop_assert_eq!(&sums::<Scalar>(&model, &steps[0], &start.0), &expected_sums);
            prop_assert_eq!(&sums::<Active>(&model, &steps[0], &start.0), &expected_sums);
            prop_assert_eq!(&sums::<Lower>(&model, &steps[0], &start.0), &expected_sums);
        }
    }

    #[test]
    fn a_dense_layer_is_the_same_on_every_backend(
        inputs in 1usize..40,
        outputs in 1usize..20,
        scheme in any_scheme(),
        seed in any::<u64>(),
        x in prop::collection::vec(value(any::<i16>(), [i16::MIN, i16::MAX, 0]), 40),
    ) {
        let shape = RandomModel {
            inputs: 1, hidden: vec![inputs], outputs, schemes: vec![scheme], seed, ..RandomModel::default()
        };
        let file = shape.build();
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let layer = model.dense_layers().last().unwrap();
        let x = activations(scheme.width(), &x, inputs);
        let expected = dense_outputs::<Scalar>(layer, &x);
        prop_assert_eq!(&dense_outputs::<Active>(layer, &x), &expected);
        prop_assert_eq!(&dense_outputs::<Lower>(layer, &x), &expected);
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = Model::parse(&bytes).unwrap();
            let layer = model.dense_layers().last().unwrap();
            prop_assert_eq!(&dense_outputs::<Scalar>(layer, &x), &expected);
            prop_assert_eq!(&dense_outputs::<Active>(layer, &x), &expected);
            prop_assert_eq!(&ModelFile::from(&model).dense, &file.dense);
        }
        // (E) in 64 bits, from the weights as they were written.
        let lanes: Vec<i64> = match scheme.width() {
            Width::Int16 => lstm_nostd::kernels::lanes::<i16>(&x).iter().map(|x| i64::from(*x)).collect(),
            Width::Int8 => lstm_nostd::kernels::lanes::<i8>(&x).iter().map(|x| i64::from(*x)).collect(),
        };
        let layer = &file.dense[0];
        for ((row, y), (bias, mult)) in layer.weight.iter().zip(expected).zip(layer.bias.iter().zip(&layer.mult)) {
            let sum: i64 = row.iter().zip(&lanes).map(|(w, x)| i64::from(*w) * x).sum();
            let scaled = ((sum + i64::from(*bias)) * i64::from(*mult) + (1 << 31)) >> 32;
            let exact = (scaled << layer.output_shift).clamp(i32::MIN.into(), i32::MAX.into());
            prop_assert_eq!(i64::from(y), exact);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Parts of rows that are longer than a register of the host.
    #[test]
    fn a_step_of_a_large_layer_is_the_same_on_every_instruction_set(
        inputs in 30usize..150,
        hidden in 30usize..100,
        kind in kinds(),
        peepholes in any::<bool>(),
        scheme in any_scheme(),
        seed in any::<u64>(),
        x in prop::collection::vec(value(any::<i16>(), [i16::MIN, i16::MAX, 0]), 150 * 2),
        c in prop::collection::vec(value(any::<i32>(), [i32::MIN, i32::MAX, 0]), 100),
    ) {
        let shape = RandomModel {
            inputs, hidden: vec![hidden], kinds: vec![kind], outputs: 1, peepholes, schemes: vec![scheme], seed,
            ..RandomModel::default()
        };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let cells = c.chunks(4).take(hidden.div_ceil(4)).map(|c| c.try_into().unwrap());
        let start = (activations(scheme.width(), &x, hidden), cells.collect());
        let steps: Vec<_> = x.chunks(150).map(|x| activations(scheme.width(), x, inputs)).collect();
        let expected = run::<Scalar>(&model, &start, &steps);
        prop_assert_eq!(&run::<Active>(&model, &start, &steps), &expected);
        prop_assert_eq!(&run::<Lower>(&model, &start, &steps), &expected);
    }
}
