//! The content of layers of every kind, owned: what is asked of it, and a layer of its shape without weights.

use lstm_nostd::kernels::RecurrentRows;

use crate::rows::{KINDS, row_of_recurrent};
use crate::*;

/// Models whose recurrent layers are all of one kind, one model of each kind.
fn models() -> impl Strategy<Value = [ModelFile; 5]> {
    shapes().prop_map(|shape| {
        KINDS.map(|kind| {
            let kinds = vec![kind];
            RandomModel {
                kinds,
                ..shape.clone()
            }
            .build()
        })
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
    fn a_layer_says_of_itself_what_its_record_says(files in models(), any in any::<prop::sample::Index>()) {
        for (file, kind) in files.iter().zip(KINDS) {
            let bytes = file.to_bytes().unwrap();
            let model = Model::parse(&bytes).unwrap();
            let index = any.index(file.recurrent.len());
            check_layer(&file.recurrent[index], kind, model.recurrent_layers()[index].rows());
        }
    }

    #[test]
    fn a_layer_without_weights_keeps_its_shape_and_multipliers(
        files in models(),
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
    ) {
        for file in &files {
            check_without_weights(&with_shifts(&file.recurrent[0], 7, 5), scheme);
        }
    }
}

fn check_layer(layer: &Recurrent, kind: LayerKind, rows: &RecurrentRows<'_>) {
    assert_eq!((layer.kind(), layer.scheme()), (kind, rows.scheme()));
    let shifts = [layer.x_shift(), layer.h_shift(), layer.input_shift()].map(u32::from);
    assert_eq!(shifts, [rows.x_shift, rows.h_shift, rows.input_shift]);
    let [w_x, w_h] = layer.weights();
    let gates = match kind {
        LayerKind::Lstm | LayerKind::Projected => 4,
        _ => 3,
    };
    assert_eq!([w_x.len() % gates, w_h.len()], [0, w_x.len()]);
    assert_eq!(w_x[0].len(), rows.inputs);
    // A step's outputs are the next one's recurrent inputs.
    assert_eq!(layer.outputs(), w_h[0].len());
    let bits = match layer {
        Recurrent::Lstm(layer) => layer.cell_int_bits,
        Recurrent::Coupled(layer) => layer.0.cell_int_bits,
        Recurrent::Projected(layer) => layer.lstm.cell_int_bits,
        Recurrent::Gru(_) | Recurrent::GruBefore(_) => 0,
    };
    assert_eq!(layer.cell_int_bits(), bits);
    let lstm = match layer {
        Recurrent::Lstm(layer) => Some(layer),
        _ => None,
    };
    assert_eq!(layer.as_lstm(), lstm);
    assert_eq!(layer.clone().as_lstm_mut().cloned(), lstm.cloned());
}

fn check_without_weights(layer: &Recurrent, scheme: Scheme) {
    assert_eq!([layer.h_shift(), layer.input_shift()], [7, 5]);
    let (mut layer, mut zeros) = (layer.clone(), layer.without_weights(scheme));
    assert_eq!((zeros.kind(), zeros.scheme()), (layer.kind(), scheme));
    assert_eq!([zeros.h_shift(), zeros.input_shift()], [0, 0]);
    assert_eq!(zeros.x_shift(), layer.x_shift());
    assert_eq!(zeros.cell_int_bits(), layer.cell_int_bits());
    for (zeros, rows) in zeros.weights().into_iter().zip(layer.weights()) {
        assert!(is_zero_in_the_shape_of(zeros, rows));
    }
    for row in 0..layer.weights()[0].len() {
        let mult = *row_of_recurrent(&mut layer, row).mult;
        let zero = row_of_recurrent(&mut zeros, row);
        assert_eq!((*zero.bias, *zero.mult), (0, mult));
    }
    match (&zeros, &layer) {
        (Recurrent::Lstm(zeros), Recurrent::Lstm(layer)) => check_peepholes(zeros, layer),
        (Recurrent::Coupled(zeros), Recurrent::Coupled(layer)) => check_peepholes(zeros, layer),
        (Recurrent::Projected(zeros), Recurrent::Projected(layer)) => {
            check_peepholes(&zeros.lstm, &layer.lstm);
            check_projection(zeros, layer, scheme);
        }
        (Recurrent::Gru(zeros), Recurrent::Gru(layer)) => {
            assert_eq!(zeros.recurrent_bias, vec![0; layer.recurrent_bias.len()]);
        }
        _ => {}
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
