//! What each kind of layer refuses, by its place in the file.

use crate::*;

/// What a GRU layer refuses, each by the row in the file: r, z, n of a unit, one unit after the other.
#[test]
fn refuses_rows_of_a_gru() {
    let refused = |file: &ModelFile| match file.to_bytes().unwrap_err() {
        WriteError::Refused(ArtifactError::Layer {
            kind: LayerKind::Gru,
            index: 0,
            error,
        }) => error,
        error => panic!("{error}"),
    };
    let changed = |change: &dyn Fn(&mut Gru)| {
        let mut file = gru_example();
        change(gru(&mut file, 0));
        refused(&file)
    };
    // Rows of the vectors: gate · 5 + unit.
    let overflow = |row| LayerError::Overflow { row };
    assert_eq!(
        changed(&|gru| gru.w_x[3][1] = -128),
        LayerError::Weight { row: 9 }
    );
    assert_eq!(
        changed(&|gru| gru.mult[6] = -1),
        LayerError::Multiplier { row: 4 }
    );
    assert_eq!(changed(&|gru| gru.bias[4] = i32::MAX), overflow(12));
    // The candidate's second bias counts as the first does, and one more for its rounding.
    assert_eq!(
        changed(&|gru| gru.recurrent_bias[1] = i32::MIN),
        overflow(5)
    );
    let edge = |recurrent_bias: i32| {
        let mut file = gru_example();
        let layer = gru(&mut file, 0);
        layer.w_x[10].fill(0);
        layer.w_h[10].fill(0);
        (layer.bias[10], layer.recurrent_bias[0]) = (0, recurrent_bias);
        file
    };
    assert!(edge(i32::MAX - 1).to_bytes().is_ok());
    assert_eq!(refused(&edge(i32::MAX)), overflow(2));
}

/// What a layer with coupled gates refuses, each by the row in the file: i, g, o of a unit, one unit after the other.
#[test]
fn refuses_rows_of_coupled_gates() {
    let changed = |change: &dyn Fn(&mut Lstm)| {
        let mut file = example_of_kind(LayerKind::Coupled);
        let Recurrent::Coupled(layer) = &mut file.recurrent[0] else {
            panic!("another kind")
        };
        change(layer);
        match file.to_bytes().unwrap_err() {
            WriteError::Refused(ArtifactError::Layer {
                kind: LayerKind::Coupled,
                index: 0,
                error,
            }) => error,
            error => panic!("{error}"),
        }
    };
    // Rows of the vectors: gate · 5 + unit.
    assert_eq!(
        changed(&|layer| layer.w_x[3][1] = -128),
        LayerError::Weight { row: 9 }
    );
    assert_eq!(
        changed(&|layer| layer.mult[6] = -1),
        LayerError::Multiplier { row: 4 }
    );
    assert_eq!(
        changed(&|layer| layer.bias[14] = i32::MAX),
        LayerError::Overflow { row: 14 }
    );
    // The peephole of o reaches as far as a bias.
    assert_eq!(
        changed(&|layer| {
            (layer.bias[12], layer.peephole[1][2]) = (i32::MAX - (1 << 29), 32_767);
        }),
        LayerError::Overflow { row: 8 }
    );
    let last_row = FIRST_LAYER + 16 + 3 * 3 * ROW_BLOCK + 3 * 4;
    let padded = example_of_kind(LayerKind::Coupled);
    let error = refusal(&changed_in(&padded, |content| content[last_row] = 1));
    let expected = ArtifactError::Layer {
        kind: LayerKind::Coupled,
        index: 0,
        error: LayerError::Weight { row: 15 },
    };
    assert_eq!(error, expected);
}

/// What a GRU layer refuses whose reset gate comes before the product, each by the row in the file: five rows of r and
/// three of zeros, the same of z and n.
#[test]
fn refuses_rows_of_a_gru_with_reset_before_the_product() {
    let layer_of = |error| ArtifactError::Layer {
        kind: LayerKind::GruBefore,
        index: 0,
        error,
    };
    let changed = |change: &dyn Fn(&mut GruBefore)| {
        let mut file = example_of_kind(LayerKind::GruBefore);
        let Recurrent::GruBefore(layer) = &mut file.recurrent[0] else {
            panic!("another kind")
        };
        change(layer);
        match file.to_bytes() {
            Err(WriteError::Refused(error)) => Some(error),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        }
    };
    // Rows of the vectors: gate · 5 + unit.
    let refused = |row, error: fn(usize) -> LayerError| Some(layer_of(error(row)));
    let weight = |row| LayerError::Weight { row };
    let overflow = |row| LayerError::Overflow { row };
    assert_eq!(changed(&|layer| layer.w_h[3][1] = -128), refused(3, weight));
    assert_eq!(
        changed(&|layer| layer.w_x[7][1] = -128),
        refused(10, weight)
    );
    assert_eq!(
        changed(&|layer| layer.mult[6] = -1),
        refused(9, |row| LayerError::Multiplier { row })
    );
    assert_eq!(
        changed(&|layer| layer.bias[14] = i32::MIN),
        refused(20, overflow)
    );
    // The bound counts the products with the reset state as those with the state.
    let edge = |bias: i32| {
        changed(&|layer| {
            layer.w_x[10].fill(0);
            layer.w_h[10].fill(0);
            layer.w_h[10][0] = 1;
            layer.bias[10] = bias;
        })
    };
    assert_eq!(edge(i32::MAX - (1 << 15)), None);
    assert_eq!(edge(i32::MAX - (1 << 15) + 1), refused(16, overflow));
    // The sixth row of r lies in the second group, behind the layer's record.
    let sixth = FIRST_LAYER + 16 + 3 * ROW_BLOCK + 4;
    let file = example_of_kind(LayerKind::GruBefore);
    let error = refusal(&changed_in(&file, |content| content[sixth] = 1));
    assert_eq!(error, layer_of(LayerError::Weight { row: 5 }));
}

/// What a layer with a projection refuses of it: outputs, shift and unit of its record, and its rows.
#[test]
fn refuses_what_a_projection_cannot_have() {
    let file = example_of_kind(LayerKind::Projected);
    let layer_of = |error| ArtifactError::Layer {
        kind: LayerKind::Projected,
        index: 0,
        error,
    };
    // Behind the record of the units: outputs, output shift, order, unit.
    let record = FIRST_LAYER + 16;
    let changed = |at: usize, bytes: &[u8]| {
        let change = |content: &mut [u8]| {
            content[record + at..record + at + bytes.len()].copy_from_slice(bytes);
        };
        refusal(&changed_in(&file, change))
    };
    let field = |field, found, allowed| {
        layer_of(LayerError::Field {
            field,
            found,
            allowed,
        })
    };
    assert_eq!(changed(0, &[0, 0]), field("outputs", 0, (1, 65_535)));
    assert_eq!(changed(2, &[16]), field("output shift", 16, (0, 15)));
    assert_eq!(changed(3, &[9]), layer_of(LayerError::Order { found: 9 }));
    let most = f32::MAX.to_bits();
    for unit in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let bits = unit.to_bits();
        let expected = field("unit of the outputs", bits, (1, most));
        assert_eq!(changed(4, &bits.to_le_bytes()), expected);
    }
    let refused = |change: &dyn Fn(&mut Projected)| {
        let mut file = file.clone();
        let Recurrent::Projected(layer) = &mut file.recurrent[0] else {
            panic!("another kind")
        };
        change(layer);
        not_written(&file)
    };
    let row = 0;
    assert_eq!(
        refused(&|layer| layer.projection.weight[0][1] = -128),
        layer_of(LayerError::Weight { row })
    );
    assert_eq!(
        refused(&|layer| layer.projection.bias[0] = i32::MIN),
        layer_of(LayerError::Overflow { row })
    );
    assert_eq!(
        refused(&|layer| layer.lstm.bias[0] = i32::MIN),
        layer_of(LayerError::Overflow { row })
    );
}

/// Fifteen rows and a sixteenth of zeros, input weights first.
#[test]
fn refuses_padding_rows_of_a_gru() {
    let last_row = FIRST_LAYER + 16 + 3 * ROW_BLOCK + 3 * 4;
    let error = refusal(&changed_in(&gru_example(), |content| content[last_row] = 1));
    let expected = ArtifactError::Layer {
        kind: LayerKind::Gru,
        index: 0,
        error: LayerError::Weight { row: 15 },
    };
    assert_eq!(error, expected);
}

#[test]
fn refuses_what_a_convolution_cannot_have() {
    // Bytes of the record: flags, reserved, kernel, stride, first step; 0 and 4097 little-endian.
    for (field, at, value) in [
        ("flags", 2, [2, 0]),
        ("inputs", 4, [2, 0]),
        ("output shift", 8, [16, 0]),
        ("reserved byte", 9, [1, 0]),
        ("reserved byte", 11, [1, 5]),
        ("kernel", 12, [0, 0]),
        ("kernel", 12, [1, 16]),
        ("stride", 14, [0, 0]),
        ("stride", 14, [1, 16]),
        ("first step", 16, [1, 16]),
        ("reserved byte", 18, [0, 1]),
    ] {
        let file = conv_example();
        let bytes = changed_in(&file, |bytes| {
            bytes[FIRST_LAYER + at..][..2].copy_from_slice(&value);
        });
        match refusal(&bytes) {
            ArtifactError::Layer {
                kind: LayerKind::Conv,
                index: 0,
                error: LayerError::Field { field: found, .. },
            } => assert_eq!(found, field),
            other => panic!("{field}: {other}"),
        }
    }
}

#[test]
fn refuses_a_convolution_above_a_recurrent_layer_and_rows_that_overflow() {
    let mut file = conv_example();
    file.conv.as_mut().unwrap().filters.bias[1] = i32::MAX;
    let error = not_written(&file);
    assert_eq!(
        error.to_string(),
        "conv.0: row 1: its 32-bit accumulator could overflow"
    );
    let mut file = conv_example();
    file.conv.as_mut().unwrap().filters.weight[2][14] = -128;
    let error = not_written(&file);
    assert!(error.to_string().starts_with("conv.0: row 2"), "{error}");
    // A recurrent layer first, whose number then becomes a convolution's, with a second one above it.
    let bytes = changed(|bytes| bytes[FIRST_LAYER] = 8);
    assert!(matches!(
        refusal(&bytes),
        ArtifactError::Layer {
            kind: LayerKind::Conv,
            ..
        }
    ));
}
