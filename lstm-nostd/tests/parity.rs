//! Every backend and every order of weights against the specification, bit for bit.

use lstm_nostd::artifact::RandomModel;
use lstm_nostd::kernels::{
    Active, DenseParameters, I16x4, I32x4, Kernels, Order, blocks, scalar::Scalar,
};
use lstm_nostd::{I16F16, Model};
use proptest::prelude::*;

/// Hidden and cell state of a model's only layer.
type LayerState = (Vec<I16x4>, Vec<I32x4>);

/// States after each of some steps of the model's first layer on the kernels `K`.
fn run<K: Kernels>(
    model: &Model<'_>,
    start: &LayerState,
    inputs: &[Vec<I16x4>],
) -> Vec<LayerState> {
    let layer = &model.lstm_layers()[0];
    let (mut h, mut c) = start.clone();
    let step = |x: &Vec<I16x4>| {
        let mut next = h.clone();
        K::lstm_step(layer, x, &h, &mut c, &mut next);
        h.clone_from(&next);
        (next, c.clone())
    };
    inputs.iter().map(step).collect()
}

/// Mostly any value, sometimes one of the extremes.
fn value<T: Copy + std::fmt::Debug + 'static>(
    any: impl Strategy<Value = T>,
    extremes: [T; 3],
) -> impl Strategy<Value = T> {
    prop_oneof![3 => any, 1 => prop::sample::select(extremes.to_vec())]
}

proptest! {
    #[test]
    fn a_step_is_the_same_in_every_order_and_on_every_backend(
        inputs in 1usize..40,
        hidden in 1usize..40,
        peepholes in any::<bool>(),
        seed in any::<u64>(),
        x in prop::collection::vec(value(any::<i16>(), [i16::MIN, i16::MAX, 0]), 40 * 3),
        h in prop::collection::vec(value(-32_767i16.., [-32_767, 32_767, 0]), 40),
        c in prop::collection::vec(value(any::<i32>(), [i32::MIN, i32::MAX, 0]), 40),
    ) {
        let shape = RandomModel { inputs, hidden: vec![hidden], dense: vec![], outputs: 1, peepholes, seed };
        let file = shape.build();
        let lane = |values: &[i16], n: usize| -> Vec<I16x4> {
            let at = |j: usize| if j < n { values[j] } else { 0 };
            (0..blocks(n)).map(|b| I16x4([0, 1, 2, 3].map(|j| at(4 * b + j)))).collect()
        };
        let cells = (0..blocks(hidden)).map(|b| [0, 1, 2, 3].map(|j| if 4 * b + j < hidden { c[4 * b + j] } else { 0 }));
        let start = (lane(&h, hidden), cells.collect());
        let steps: Vec<_> = x.chunks(40).map(|x| lane(x, inputs)).collect();
        let generic = file.to_bytes().unwrap();
        let expected = run::<Scalar>(&Model::parse(&generic).unwrap(), &start, &steps);
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = Model::parse(&bytes).unwrap();
            prop_assert_eq!(&run::<Scalar>(&model, &start, &steps), &expected);
            prop_assert_eq!(&run::<Active>(&model, &start, &steps), &expected);
        }
    }

    #[test]
    fn a_dense_layer_is_the_same_on_every_backend(
        inputs in 1usize..40,
        outputs in 1usize..20,
        seed in any::<u64>(),
        x in prop::collection::vec(value(any::<i16>(), [i16::MIN, i16::MAX, 0]), 40),
    ) {
        let shape = RandomModel { inputs: 1, hidden: vec![inputs], dense: vec![], outputs, peepholes: false, seed };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let layer = model.dense_layers().last().unwrap();
        let x: Vec<_> = x[..4 * blocks(inputs)].chunks(4).map(|x| I16x4(x.try_into().unwrap())).collect();
        let expected = dense_outputs::<Scalar>(layer, &x);
        prop_assert_eq!(dense_outputs::<Active>(layer, &x), expected);
    }
}

fn dense_outputs<K: Kernels>(layer: &DenseParameters<'_>, x: &[I16x4]) -> Vec<I16F16> {
    let mut outputs = vec![I16F16::ZERO; layer.outputs];
    K::dense(layer, x, |row, value| {
        outputs[row] = I16F16::from_bits(value)
    });
    outputs
}
