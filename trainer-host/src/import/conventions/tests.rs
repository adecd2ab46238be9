//! Every convention gives the same layers, and layers go back into each.

use super::*;

use crate::network::LstmLayer;

/// Weights whose value names gate, row and column: gate 0 to 3 for i, f, g, o, or 0 to 2 for r, z, n.
fn value(kind: WeightsKind, role: GateRole, unit: usize, column: usize) -> f32 {
    (kind.position(role) * 100 + unit * 10 + column) as f32
}

/// `matrix` of `[rows, columns]` in the convention's layout.
fn matrix(
    (kind, convention): (WeightsKind, Convention),
    units: usize,
    columns: usize,
) -> Array2<f32> {
    let gates = convention.gates(kind);
    let rows = Array2::from_shape_fn((gates.len() * units, columns), |(r, c)| {
        value(kind, gates[r / units], r % units, c)
    });
    match convention.is_transposed() {
        true => rows.t().as_standard_layout().into_owned(),
        false => rows,
    }
}

/// Of one and of two biases, which the layer adds.
#[test]
fn onnx_and_keras_give_the_same_gru_with_reset_before_the_product() {
    let (kind, inputs, units) = (WeightsKind::GruBefore, 3, 2);
    let layers = [Convention::Onnx, Convention::Keras].map(|convention| {
        let gates = convention.gates(kind);
        let bias = |part: f32| -> Vec<f32> {
            let of = |r: usize| part * value(kind, gates[r / units], r % units, 0);
            (0..3 * units).map(of).collect()
        };
        let weights = RecurrentWeights {
            kind,
            convention,
            input: matrix((kind, convention), units, inputs),
            recurrent: matrix((kind, convention), units, units),
            biases: match convention.biases(kind) {
                1 => vec![bias(1.0)],
                _ => vec![bias(0.25), bias(0.75)],
            },
            peepholes: None,
            projection: None,
        };
        let layer = weights.layer("gru").unwrap();
        let again = RecurrentWeights::of(&layer, convention).layer("gru");
        assert_eq!(again.as_ref(), Ok(&layer));
        layer
    });
    let [onnx, keras] = layers;
    assert_eq!(onnx, keras);
    let RecurrentLayer::GruBefore(layer) = onnx else {
        panic!("it is another kind")
    };
    // r, z, n of two units.
    assert_eq!(layer.bias.to_vec(), [0.0, 10.0, 100.0, 110.0, 200.0, 210.0]);
}

#[test]
fn every_convention_gives_the_same_gru() {
    let (kind, inputs, units) = (WeightsKind::Gru, 3, 2);
    for convention in [Convention::PyTorch, Convention::Onnx, Convention::Keras] {
        let gates = convention.gates(kind);
        let bias = |column: usize| -> Vec<f32> {
            (0..3 * units)
                .map(|r| value(kind, gates[r / units], r % units, column))
                .collect()
        };
        let weights = RecurrentWeights {
            kind,
            convention,
            input: matrix((kind, convention), units, inputs),
            recurrent: matrix((kind, convention), units, units),
            biases: vec![bias(3), bias(4)],
            peepholes: None,
            projection: None,
        };
        let layer = weights.layer("gru").unwrap();
        assert_eq!(
            RecurrentWeights::of(&layer, convention).layer("gru"),
            Ok(layer.clone())
        );
        let RecurrentLayer::Gru(layer) = layer else {
            panic!("{layer:?}")
        };
        // Row 3 is unit 1 of z, row 5 unit 1 of n.
        assert_eq!((layer.w_x[[3, 2]], layer.w_h[[5, 1]]), (112.0, 211.0));
        // Both biases of z, the first one of n; the second one stays apart.
        assert_eq!((layer.bias[3], layer.bias[5]), (113.0 + 114.0, 213.0));
        assert_eq!(layer.recurrent_bias, ndarray::array![204.0, 214.0]);
    }
}

#[test]
fn every_convention_gives_the_same_layer() {
    let (inputs, units) = (3, 2);
    let layers: Vec<LstmLayer> = [
        Convention::PyTorch,
        Convention::Onnx,
        Convention::Keras,
        Convention::TensorFlowLite,
    ]
    .map(|convention| {
        let kind = WeightsKind::Lstm;
        let gates = convention.gates(kind);
        let bias = (0..4 * units)
            .map(|r| value(kind, gates[r / units], r % units, 7) / 2.0)
            .collect::<Vec<f32>>();
        let peepholes = (0..3 * units)
            .map(|r| value(kind, convention.peepholes()[r / units], r % units, 9))
            .collect();
        let weights = RecurrentWeights {
            kind,
            convention,
            input: matrix((kind, convention), units, inputs),
            recurrent: matrix((kind, convention), units, units),
            biases: vec![bias.clone(), bias],
            peepholes: Some(peepholes),
            projection: None,
        };
        let layer = weights.layer("lstm").unwrap();
        let back = RecurrentWeights::of(&layer, convention);
        assert_eq!(back.biases.len(), convention.biases(kind));
        assert_eq!(
            (&back.input, &back.recurrent, &back.peepholes),
            (&weights.input, &weights.recurrent, &weights.peepholes)
        );
        assert_eq!(back.layer("lstm").unwrap(), layer);
        layer.as_lstm().unwrap().clone()
    })
    .into();
    for layer in &layers {
        assert_eq!(layer, &layers[0]);
    }
    assert_eq!(layers[0].w_x[[2 * units + 1, 2]], 212.0);
    assert_eq!(layers[0].bias[3 * units], 307.0);
    let peephole = layers[0].peephole.as_ref().unwrap();
    assert_eq!((peephole[[1, 0]], peephole[[2, 1]]), (109.0, 319.0));
}

/// Whatever the forget gates had.
#[test]
fn coupling_makes_forget_gates_the_opposite_of_input_gates() {
    let (kind, inputs, units) = (WeightsKind::Lstm, 3, 2);
    for convention in [
        Convention::PyTorch,
        Convention::Onnx,
        Convention::Keras,
        Convention::TensorFlowLite,
    ] {
        let gates = convention.gates(kind);
        let of = |roles: &[GateRole], column: usize| -> Vec<f32> {
            let values = (roles.iter())
                .flat_map(|role| (0..units).map(|unit| value(kind, *role, unit, column)));
            values.collect()
        };
        let mut weights = RecurrentWeights {
            kind,
            convention,
            input: matrix((kind, convention), units, inputs),
            recurrent: matrix((kind, convention), units, units),
            biases: vec![of(gates, 7); convention.biases(kind)],
            peepholes: Some(of(&convention.peepholes(), 9)),
            projection: None,
        };
        let before = weights.layer("lstm").unwrap();
        weights.couple("lstm").unwrap();
        let layer = weights.layer("lstm").unwrap();
        let found = coupled::coupled(layer.as_lstm().unwrap()).unwrap();
        // Rows of i, g and o.
        let kept: Vec<usize> = (0..units).chain(2 * units..4 * units).collect();
        let before = before.as_lstm().unwrap();
        assert_eq!(found.w_x, before.w_x.select(Axis(0), &kept));
        assert_eq!(found.bias, before.bias.select(Axis(0), &kept));
        let again = RecurrentWeights::of(&RecurrentLayer::Coupled(found), convention);
        assert_eq!(again.layer("again"), Ok(layer));
    }
}

#[test]
fn refuses_sizes_of_no_lstm() {
    let weights = RecurrentWeights {
        kind: WeightsKind::Lstm,
        convention: Convention::PyTorch,
        input: Array2::zeros((8, 3)),
        recurrent: Array2::zeros((8, 3)),
        biases: vec![],
        peepholes: None,
        projection: None,
    };
    assert!(matches!(weights.layer("a"), Err(Problem::Damaged(_))));
}
