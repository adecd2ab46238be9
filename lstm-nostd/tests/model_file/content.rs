//! The content of layers of every kind, owned: what is asked of it, and a layer of its shape without weights.

use crate::rows::row_of_recurrent;
use crate::*;

/// A model with a recurrent layer of each kind that `shapes` chooses, and the index of one of them.
fn layers() -> impl Strategy<Value = (ModelFile, usize)> {
    (shapes(), any::<prop::sample::Index>()).prop_map(|(shape, any)| {
        let file = shape.build();
        let index = any.index(file.recurrent.len());
        (file, index)
    })
}

/// A layer with shifts of its hidden state and its inputs.
fn with_shifts(layer: &Recurrent, h: u8, input: u8) -> Recurrent {
    let mut layer = layer.clone();
    let (h_shift, input_shift) = match &mut layer {
        Recurrent::Lstm(layer) => (&mut layer.h_shift, &mut layer.input_shift),
        Recurrent::Gru(layer) => (&mut layer.h_shift, &mut layer.input_shift),
        Recurrent::Coupled(layer) => (&mut layer.0.h_shift, &mut layer.0.input_shift),
        Recurrent::GruBefore(layer) => (&mut layer.h_shift, &mut layer.input_shift),
        Recurrent::Projected(layer) => (&mut layer.lstm.h_shift, &mut layer.lstm.input_shift),
    };
    (*h_shift, *input_shift) = (h, input);
    layer
}

/// Whether every weight is zero, and there are as many of them in each row.
fn is_zero_in_the_shape_of(zeros: &[Vec<i8>], rows: &[Vec<i8>]) -> bool {
    let lengths = |rows: &[Vec<i8>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    lengths(zeros) == lengths(rows) && zeros.iter().flatten().all(|weight| *weight == 0)
}

proptest! {
    #[test]
    fn a_layer_says_of_itself_what_its_record_says((file, index) in layers()) {
        let layer = &file.recurrent[index];
        let kinds = file.recurrent.iter().map(Recurrent::kind);
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        prop_assert_eq!(kinds.collect::<Vec<_>>(), model.recurrent_layers().iter().map(|l| Recurrent::from(l).kind()).collect::<Vec<_>>());
        let rows = model.recurrent_layers()[index].rows();
        prop_assert_eq!(layer.scheme(), rows.scheme());
        prop_assert_eq!(u32::from(layer.x_shift()), rows.x_shift);
        prop_assert_eq!(u32::from(layer.h_shift()), rows.h_shift);
        prop_assert_eq!(u32::from(layer.input_shift()), rows.input_shift);
        let [w_x, w_h] = layer.weights();
        let rows_of_unit = match layer.kind() {
            LayerKind::Lstm | LayerKind::Projected => 4,
            _ => 3,
        };
        prop_assert_eq!([w_x.len() % rows_of_unit, w_h.len()], [0, w_x.len()]);
        prop_assert_eq!(w_x[0].len(), rows.inputs);
        // A step's outputs are the next one's recurrent inputs.
        prop_assert_eq!(layer.outputs(), w_h[0].len());
        let has_cell = !matches!(layer.kind(), LayerKind::Gru | LayerKind::GruBefore);
        prop_assert_eq!((1..=15).contains(&layer.cell_int_bits()), has_cell);
        prop_assert_eq!(layer.cell_int_bits() == 0, !has_cell);
        let mut copy = layer.clone();
        let lstm = match layer {
            Recurrent::Lstm(layer) => Some(layer),
            _ => None,
        };
        prop_assert_eq!(layer.as_lstm(), lstm);
        prop_assert_eq!(copy.as_lstm_mut().cloned(), lstm.cloned());
    }

    #[test]
    fn a_layer_without_weights_keeps_its_shape_and_multipliers(
        (file, index) in layers(),
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
    ) {
        let mut layer = with_shifts(&file.recurrent[index], 7, 5);
        prop_assert_eq!([layer.h_shift(), layer.input_shift()], [7, 5]);
        let mut zeros = layer.without_weights(scheme);
        prop_assert_eq!((zeros.kind(), zeros.scheme()), (layer.kind(), scheme));
        prop_assert_eq!([zeros.h_shift(), zeros.input_shift()], [0, 0]);
        prop_assert_eq!([zeros.x_shift(), zeros.cell_int_bits()], [layer.x_shift(), layer.cell_int_bits()]);
        let parts = zeros.weights().into_iter().zip(layer.weights());
        for (zeros, rows) in parts {
            prop_assert!(is_zero_in_the_shape_of(zeros, rows));
        }
        for row in 0..layer.weights()[0].len() {
            let mult = *row_of_recurrent(&mut layer, row).mult;
            let zero = row_of_recurrent(&mut zeros, row);
            prop_assert_eq!((*zero.bias, *zero.mult), (0, mult));
        }
        match (&zeros, &layer) {
            (Recurrent::Lstm(zeros), Recurrent::Lstm(layer)) => check_peepholes(zeros, layer),
            (Recurrent::Coupled(zeros), Recurrent::Coupled(layer)) => check_peepholes(zeros, layer),
            (Recurrent::Projected(zeros), Recurrent::Projected(layer)) => {
                check_peepholes(&zeros.lstm, &layer.lstm);
                check_projection(zeros, layer, scheme);
            }
            (Recurrent::Gru(zeros), Recurrent::Gru(layer)) => {
                prop_assert_eq!(&zeros.recurrent_bias, &vec![0; layer.recurrent_bias.len()]);
            }
            _ => {}
        }
    }
}

fn check_peepholes(zeros: &Lstm, layer: &Lstm) {
    assert_eq!(zeros.peephole.len(), layer.peephole.len());
    for (zeros, peepholes) in zeros.peephole.iter().zip(&layer.peephole) {
        assert_eq!(zeros, &vec![0; peepholes.len()]);
    }
}

fn check_projection(zeros: &Projected, layer: &Projected, scheme: Scheme) {
    assert_eq!(zeros.unit, layer.unit);
    let (zeros, layer) = (&zeros.projection, &layer.projection);
    assert_eq!(zeros.scheme, scheme);
    assert_eq!(zeros.output_shift, layer.output_shift);
    assert!(is_zero_in_the_shape_of(&zeros.weight, &layer.weight));
    assert_eq!(zeros.bias, vec![0; layer.bias.len()]);
    assert_eq!(zeros.mult, layer.mult);
}

#[test]
fn a_files_schemes_are_those_of_its_layers_from_below() {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![2, 2],
        dense: vec![2],
        outputs: 1,
        schemes: vec![
            Scheme::W4a16,
            Scheme::W8a8,
            Scheme::W8a16,
            Scheme::W4a16,
            Scheme::W8a8,
        ],
        conv: Some(RandomConv {
            filters: 1,
            kernel: 1,
            stride: 1,
            first: 0,
            is_rectified: false,
        }),
        ..RandomModel::default()
    };
    let schemes: Vec<_> = shape.build().schemes().collect();
    assert_eq!(schemes, shape.schemes);
}
