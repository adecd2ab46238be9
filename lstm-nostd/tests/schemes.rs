//! What the schemes have in common: w8a8 and w4a16 are w8a16 with other types around the same step.

use lstm_nostd::artifact::{LayerKind, ModelFile, RandomModel, Recurrent};
use lstm_nostd::kernels::scalar::Scalar;
use lstm_nostd::kernels::{
    Block, I32x4, Kernels, LstmParameters, RecurrentRows, Scheme, Width, convert, lanes, lanes_mut,
    narrow,
};
use lstm_nostd::layers::UnitStep;
use lstm_nostd::{I16F16, Model};
use proptest::prelude::*;

/// Buffers for a stream of any model.
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

    fn step(&mut self, model: &Model<'_>, raw: &[i32]) -> &[I16F16] {
        let state = (&mut self.hidden[..], &mut self.cell[..]);
        let done = model.step(state, &mut self.scratch, raw, &mut self.outputs);
        done.expect("the buffers are the model's");
        &self.outputs
    }
}

fn outputs(file: &ModelFile, raw: &[Vec<i32>]) -> Vec<Vec<I16F16>> {
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let mut stream = Stream::new(&model);
    raw.iter()
        .map(|raw| stream.step(&model, raw).to_vec())
        .collect()
}

/// Lanes as int16, whatever their width.
fn values(width: Width, blocks: &[Block], count: usize) -> Vec<i16> {
    let mut wide = vec![Block::default(); count.div_ceil(4)];
    convert((width, blocks), (Width::Int16, &mut wide), 0, count);
    lanes::<i16>(&wide)[..count].to_vec()
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

proptest! {
    #[test]
    fn int4_weights_are_int8_weights_in_half_the_bytes(
        inputs in 1usize..20,
        hidden in prop::collection::vec(1usize..20, 1..=2),
        dense in prop::collection::vec(1usize..20, 0..=1),
        kind in kinds(),
        seed in any::<u64>(),
    ) {
        let kinds = vec![kind];
        let shape = RandomModel { inputs, hidden, kinds, dense, outputs: 3, peepholes: true, schemes: vec![Scheme::W4a16], seed, ..RandomModel::default() };
        let small = shape.build();
        let mut large = small.clone();
        for layer in &mut large.recurrent {
            match layer {
                Recurrent::Lstm(layer) => layer.scheme = Scheme::W8a16,
                Recurrent::Gru(layer) => layer.scheme = Scheme::W8a16,
                Recurrent::Coupled(layer) => layer.scheme = Scheme::W8a16,
                Recurrent::GruBefore(layer) => layer.scheme = Scheme::W8a16,
                Recurrent::Projected(layer) => {
                    layer.scheme = Scheme::W8a16;
                    layer.projection.scheme = Scheme::W8a16;
                }
            }
        }
        large.dense.iter_mut().for_each(|layer| layer.scheme = Scheme::W8a16);
        let raw = shape.raw_inputs(6);
        prop_assert_eq!(outputs(&small, &raw), outputs(&large, &raw));
        let row = |n: usize| n.div_ceil(4) * 16;
        let mut weights = 0;
        for layer in &small.recurrent {
            let [w_x, w_h] = layer.weights();
            weights += w_x.len().div_ceil(4) * (row(w_x[0].len()) + row(w_h[0].len()));
        }
        let saved = large.to_bytes().unwrap().len() - small.to_bytes().unwrap().len();
        prop_assert!(2 * saved >= weights, "{saved} bytes of {weights}");
    }

    #[test]
    fn int8_activations_are_int16_ones_kept_in_eight_bits(
        inputs in 1usize..20,
        hidden in 1usize..20,
        peepholes in any::<bool>(),
        seed in any::<u64>(),
        x in prop::collection::vec(-128i8.., 20),
        h in prop::collection::vec(-127i8..=127, 20),
        c in prop::collection::vec(any::<i32>(), 20),
    ) {
        let shape = RandomModel {
            inputs, hidden: vec![hidden], outputs: 1, peepholes, schemes: vec![Scheme::W8a8], seed,
            ..RandomModel::default()
        };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let layer = model.recurrent_layers()[0].as_lstm().unwrap();
        let n = layer.rows.h_shift;
        let rows = RecurrentRows { width: Width::Int16, h_shift: 0, ..layer.rows };
        let wide = LstmParameters { rows, ..*layer };
        let pack = |values: &[i8]| {
            let mut blocks = vec![Block::default(); values.len().div_ceil(8)];
            lanes_mut::<i8>(&mut blocks)[..values.len()].copy_from_slice(values);
            blocks
        };
        let (x8, mut h8) = (pack(&x[..inputs]), pack(&h[..hidden]));
        let widened = |x: &[Block], shift, count: usize| {
            let mut y = vec![Block::default(); count.div_ceil(4)];
            convert((Width::Int8, x), (Width::Int16, &mut y), shift, count);
            y
        };
        let (x16, mut h16) = (widened(&x8, 0, inputs), widened(&h8, n, hidden));
        let cells: Vec<I32x4> = c.chunks(4).take(hidden.div_ceil(4)).map(|c| c.try_into().unwrap()).collect();
        let (mut c8, mut c16) = (cells.clone(), cells);
        let (mut next8, mut next16) = (h8.clone(), h16.clone());
        Scalar::lstm_step(layer, &x8, &mut h8, &mut c8, &mut next8);
        Scalar::lstm_step(&wide, &x16, &mut h16, &mut c16, &mut next16);
        prop_assert_eq!(&c8, &c16);
        let narrowed: Vec<i8> = lanes::<i16>(&h16)[..hidden].iter().map(|h| narrow(*h, n)).collect();
        prop_assert_eq!(&lanes::<i8>(&h8)[..hidden], &narrowed[..]);
    }

    /// Every layer's input is the state of the layer below, converted by the shift in the file.
    #[test]
    fn mixed_layers_convert_what_they_are_given(
        inputs in 1usize..12,
        hidden in prop::collection::vec(1usize..20, 2..=4),
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 4),
        seed in any::<u64>(),
    ) {
        let kinds = vec![LayerKind::GruBefore, LayerKind::Projected, LayerKind::Gru, LayerKind::Coupled];
        let shape = RandomModel { inputs, hidden, kinds, outputs: 2, peepholes: true, schemes, seed, ..RandomModel::default() };
        let file = shape.build();
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let mut stream = Stream::new(&model);
        // The upper layers once more, by hand.
        let layers = model.recurrent_layers();
        let mut own: Vec<_> = layers.iter().map(|layer| {
            let n = layer.rows().width.blocks(layer.rows().outputs);
            (vec![Block::default(); n], vec![[0; 4]; layer.cell_blocks()], vec![Block::default(); layer.scratch_blocks()])
        }).collect();
        for raw in shape.raw_inputs(5) {
            stream.step(&model, &raw);
            let mut first = 0;
            for (l, layer) in layers.iter().enumerate() {
                let rows = layer.rows();
                let n = rows.width.blocks(rows.outputs);
                if l > 0 {
                    let below = layers[l - 1].rows();
                    let mut x = vec![Block::default(); rows.width.blocks(rows.inputs)];
                    let h = own[l - 1].0.clone();
                    convert((below.width, &h), (rows.width, &mut x), rows.input_shift, rows.inputs);
                    let (h, c, next) = &mut own[l];
                    layer.step::<Scalar>(&x, h, c, next);
                } else {
                    own[0].0.copy_from_slice(&stream.hidden[..n]);
                }
                let found = values(rows.width, &stream.hidden[first..], rows.outputs);
                prop_assert_eq!(found, values(rows.width, &own[l].0, rows.outputs), "layer {}", l);
                first += n;
            }
        }
    }

    #[test]
    fn an_observed_step_is_the_same_step(
        schemes in prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=3),
        seed in any::<u64>(),
    ) {
        let kinds = vec![LayerKind::GruBefore, LayerKind::Lstm, LayerKind::Projected, LayerKind::Coupled];
        let shape = RandomModel { inputs: 4, hidden: vec![7, 5, 6, 8], kinds, dense: vec![3], outputs: 2, peepholes: true, schemes, seed, ..RandomModel::default() };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let (mut seen, mut unseen) = (Stream::new(&model), Stream::new(&model));
        for raw in shape.raw_inputs(4) {
            let mut steps: Vec<(usize, usize, UnitStep)> = Vec::new();
            let mut observer = |layer: usize, unit: usize, step: &UnitStep| steps.push((layer, unit, *step));
            let state = (&mut seen.hidden[..], &mut seen.cell[..]);
            model.observed_step(state, &mut seen.scratch, &raw, &mut seen.outputs, &mut observer).unwrap();
            prop_assert_eq!(unseen.step(&model, &raw), &seen.outputs[..]);
            let places: Vec<_> = steps.iter().map(|(layer, unit, _)| (*layer, *unit)).collect();
            let expected: Vec<_> = [7, 5, 6, 8].into_iter().enumerate().flat_map(|(l, count)| (0..count).map(move |u| (l, u))).collect();
            prop_assert_eq!(places, expected);
            for (layer, unit, step) in steps {
                let block = 2 * layer + unit / 4;
                prop_assert_eq!(step.cell(), seen.cell[block][unit % 4]);
            }
        }
    }
}
