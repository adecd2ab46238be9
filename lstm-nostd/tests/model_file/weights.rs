//! What is refused of a recurrent layer's record and of weights, by their place in the file.

use crate::*;

#[test]
fn the_writer_refuses_shifts_out_of_range_in_every_order() {
    for order in Order::ALL {
        for x_shift in [16, 31, 32, 255] {
            let mut file = example();
            lstm(&mut file, 0).x_shift = x_shift;
            let WriteError::Refused(error) = file.to_bytes_in(order).unwrap_err() else {
                panic!("another error")
            };
            let (place, (field, ..)) = layer_field(error);
            assert_eq!((place, field), ((LayerKind::Lstm, 0), "x shift"));
        }
    }
}

#[test]
fn refuses_layer_field() {
    for (at, field) in [
        (0, "kind"),
        (1, "scheme"),
        (2, "flags"),
        (4, "inputs"),
        (8, "x shift"),
        (9, "cell integer bits"),
        (11, "hidden shift"),
        (12, "input shift"),
        (13, "direction"),
        (14, "reserved byte"),
    ] {
        let error = refusal(&changed(|content| content[FIRST_LAYER + at] = 77));
        let (place, (found, ..)) = layer_field(error);
        assert_eq!((place, found), ((LayerKind::Lstm, 0), field));
    }
}

#[test]
fn refuses_what_contradicts_the_scheme() {
    let field = |file: &ModelFile, at: usize, value: u8| {
        let error = refusal(&changed_in(file, |content| {
            content[FIRST_LAYER + at] = value
        }));
        let (place, (field, ..)) = layer_field(error);
        assert_eq!(place, (LayerKind::Lstm, 0));
        field
    };
    // int16 hidden state has no shift, each scheme has its orders, and raw inputs need no conversion.
    assert_eq!(field(&example(), 11, 1), "hidden shift");
    assert_eq!(field(&example_of(&[Scheme::W8a8]), 11, 9), "hidden shift");
    for (scheme, order) in [
        (Scheme::W4a16, Order::Grouped),
        (Scheme::W4a16, Order::Paired),
        (Scheme::W4a16, Order::Offset),
        (Scheme::W8a8, Order::PairedNibbles),
        (Scheme::W8a8, Order::Grouped),
        (Scheme::W8a16, Order::OffsetNibbles),
        (Scheme::W8a16, Order::GroupedBytes),
        (Scheme::W8a16, Order::GroupedNibbles),
    ] {
        let error = refusal(&changed_in(&example_of(&[scheme]), |content| {
            content[FIRST_LAYER + 10] = order.code()
        }));
        assert_eq!(
            error,
            ArtifactError::Layer {
                kind: LayerKind::Lstm,
                index: 0,
                error: LayerError::SchemeOrder { scheme, order }
            }
        );
    }
    assert_eq!(field(&example_of(&[Scheme::W8a8]), 12, 1), "input shift");
    // Between layers of equal width there is nothing to convert; between others there are 8 bits.
    let mut file = example_of(&[Scheme::W8a16, Scheme::W8a8]);
    lstm(&mut file, 1).input_shift = 9;
    let mut same = example();
    lstm(&mut same, 1).input_shift = 1;
    for file in [file, same] {
        let (place, (field, ..)) = layer_field(not_written(&file));
        assert_eq!((place, field), ((LayerKind::Lstm, 1), "input shift"));
    }
}

#[test]
fn refuses_int4_weights_of_minus_8_and_padding_that_is_not_0() {
    let file = example_of(&[Scheme::W4a16]);
    // Byte 0 of a block: inputs 0 and 2 of gate i. The first layer has three inputs; input 3 of gate i is
    // in the upper half of byte 2.
    let first = FIRST_LAYER + 16;
    for (byte, mask, row) in [(0, 0x0f, 0), (1, 0xf0, 1), (6, 0xf0, 2)] {
        let error = refusal(&changed_in(&file, |content| content[first + byte] &= !mask));
        assert_eq!(
            error,
            ArtifactError::Layer {
                kind: LayerKind::Lstm,
                index: 0,
                error: LayerError::Weight { row }
            },
            "byte {byte}"
        );
    }
}

#[test]
fn the_writer_refuses_int4_weights_beyond_7() {
    let mut file = example_of(&[Scheme::W4a16]);
    lstm(&mut file, 0).w_h[7][2] = 8;
    // Row 7 is gate f of unit 2.
    assert!(matches!(
        file.to_bytes().unwrap_err(),
        WriteError::Refused(ArtifactError::Layer {
            kind: LayerKind::Lstm,
            index: 0,
            error: LayerError::Weight { row: 9 }
        })
    ));
    let mut file = example_of(&[Scheme::W4a16]);
    file.dense[1].weight[1][0] = -8;
    assert!(matches!(
        file.to_bytes().unwrap_err(),
        WriteError::Refused(ArtifactError::Layer {
            kind: LayerKind::Dense,
            index: 1,
            error: LayerError::Weight { row: 1 }
        })
    ));
}

#[test]
fn refuses_orders_that_dense_rows_do_not_have() {
    // Behind records of 16 bytes: blocks, gates and peepholes of 5 units, then of 6.
    let error = |scheme: Scheme, code| {
        let block = ROW_BLOCK / if scheme == Scheme::W4a16 { 2 } else { 1 };
        let first = FIRST_LAYER + 2 * 16 + (5 * 3 + 6 * 4) * block + 11 * (32 + 8);
        let changed = |content: &mut [u8]| content[first + 10] = code;
        match refusal(&changed_in(&example_of(&[scheme]), changed)) {
            ArtifactError::Layer {
                kind: LayerKind::Dense,
                index: 0,
                error,
            } => error,
            error => panic!("{error}"),
        }
    };
    assert_eq!(error(Scheme::W8a16, 77), LayerError::Order { found: 77 });
    for (scheme, order) in [
        (Scheme::W4a16, Order::Paired),
        (Scheme::W8a8, Order::Grouped),
    ] {
        assert_eq!(
            error(scheme, order.code()),
            LayerError::SchemeOrder { scheme, order }
        );
    }
}

#[test]
fn refuses_order() {
    assert_eq!(
        refusal(&changed(|content| content[FIRST_LAYER + 10] = 77)),
        ArtifactError::Layer {
            kind: LayerKind::Lstm,
            index: 0,
            error: LayerError::Order { found: 77 }
        }
    );
}

#[test]
fn weights_for_another_core_are_named_with_it() {
    for (orders, cores) in [
        (&[1, 6][..], "for Cortex-M4, M7 and M33"),
        (&[2, 4, 5], "for Cortex-M55 and M85"),
        (&[3, 7], "for Cortex-M0 and M3"),
        (&[8, 77], "of a later version"),
    ] {
        for &found in orders {
            let said = LayerError::Order { found }.to_string();
            assert!(said.contains(cores), "{found}: {said}");
        }
    }
}

#[test]
fn refuses_a_pair_that_stands_for_no_weights() {
    let bytes = example().to_bytes_in(Order::Paired).unwrap();
    let first = FIRST_LAYER + 16;
    // 256·127 − 1 would be the weights 128 and −1; a low byte of −128 is a weight of −128.
    for (pair, row) in [([0xff, 0x7f], 0), ([0x80, 0], 1), ([0, 0x80], 0)] {
        let mut content = bytes[..bytes.len() - 4].to_vec();
        content[first..first + 2].copy_from_slice(&pair);
        assert_eq!(
            refusal(&sealed(content)),
            ArtifactError::Layer {
                kind: LayerKind::Lstm,
                index: 0,
                error: LayerError::Weight { row }
            }
        );
    }
}

#[test]
fn refuses_weight() {
    let first = FIRST_LAYER + 16;
    let error = refusal(&changed(|content| content[first + 4] = 0x80));
    let expected = |row| ArtifactError::Layer {
        kind: LayerKind::Lstm,
        index: 0,
        error: LayerError::Weight { row },
    };
    assert_eq!(error, expected(1));
    // Inputs are three, so that the fourth weight of a block's row is padding.
    assert_eq!(
        refusal(&changed(|content| content[first + 3] = 1)),
        expected(0)
    );
}

#[test]
fn refuses_multiplier() {
    // Five units of one input block and two recurrent blocks, then bias and mult of the first unit.
    let mult = FIRST_LAYER + 16 + 5 * 3 * ROW_BLOCK + 16;
    let error = refusal(&changed(|content| content[mult + 3] = 0x80));
    assert_eq!(
        error,
        ArtifactError::Layer {
            kind: LayerKind::Lstm,
            index: 0,
            error: LayerError::Multiplier { row: 0 }
        }
    );
}

#[test]
fn refuses_overflow() {
    let bias = FIRST_LAYER + 16 + 5 * 3 * ROW_BLOCK;
    let error = refusal(&changed(|content| {
        content[bias..bias + 4].copy_from_slice(&i32::MAX.to_le_bytes())
    }));
    assert_eq!(
        error,
        ArtifactError::Layer {
            kind: LayerKind::Lstm,
            index: 0,
            error: LayerError::Overflow { row: 0 }
        }
    );
}
