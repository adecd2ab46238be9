//! The model file: written and read, and refused when anything in it is wrong.

mod sealed;

use std::hint::black_box;

use lstm_nostd::artifact::{
    AlignedBytes, Gru, GruBefore, LayerError, LayerKind, Lstm, ModelFile, Projected, RandomConv,
    RandomModel, Recurrent, Sizes, VERSION, WriteError, check_first_layer,
};
use lstm_nostd::kernels::{Order, Scheme};
use lstm_nostd::{ArtifactError, Block, I16F16, Mode, Model, OutputScale, Task};
use proptest::prelude::*;
use sealed::sealed;

fn shapes() -> impl Strategy<Value = RandomModel> {
    let hidden = prop::collection::vec(1usize..20, 1..=3);
    let dense = prop::collection::vec(1usize..10, 0..=2);
    (
        1usize..14,
        hidden,
        dense,
        1usize..6,
        (any::<[bool; 2]>(), kinds()),
        (schemes(), prop::option::of(convolutions())),
        any::<u64>(),
    )
        .prop_map(
            |(
                inputs,
                hidden,
                dense,
                outputs,
                ([peepholes, mean], kinds),
                (schemes, conv),
                seed,
            )| {
                RandomModel {
                    inputs,
                    hidden,
                    kinds,
                    dense,
                    outputs,
                    peepholes,
                    mean,
                    schemes,
                    conv,
                    seed,
                    ..RandomModel::default()
                }
            },
        )
}

fn convolutions() -> impl Strategy<Value = RandomConv> {
    (1usize..8, 1u16..6, 1u16..5, 0u16..6, any::<bool>()).prop_map(
        |(filters, kernel, stride, first, is_rectified)| RandomConv {
            filters,
            kernel,
            stride,
            first,
            is_rectified,
        },
    )
}

/// One kind of recurrent layer, or all in turn.
fn kinds() -> impl Strategy<Value = Vec<LayerKind>> {
    let (lstm, gru, coupled) = (LayerKind::Lstm, LayerKind::Gru, LayerKind::Coupled);
    let (gru_before, projected) = (LayerKind::GruBefore, LayerKind::Projected);
    prop::sample::select(vec![
        vec![lstm],
        vec![gru],
        vec![coupled],
        vec![gru_before],
        vec![projected],
        vec![gru, coupled, lstm],
        vec![gru_before, projected, lstm],
    ])
}

/// One scheme for all layers, or several mixed.
fn schemes() -> impl Strategy<Value = Vec<Scheme>> {
    prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=4)
}

/// The recurrent layer `index`, an LSTM.
fn lstm(file: &mut ModelFile, index: usize) -> &mut Lstm {
    file.recurrent[index].as_lstm_mut().unwrap()
}

/// The recurrent layer `index`, a GRU.
fn gru(file: &mut ModelFile, index: usize) -> &mut Gru {
    match &mut file.recurrent[index] {
        Recurrent::Gru(layer) => layer,
        other => panic!("layer {index} is {:?}", other.kind()),
    }
}

/// A GRU of five units on three inputs.
fn gru_example() -> ModelFile {
    example_of_kind(LayerKind::Gru)
}

fn example_of_kind(kind: LayerKind) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5],
        kinds: vec![kind],
        outputs: 2,
        peepholes: true,
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}

fn example() -> ModelFile {
    example_of(&[])
}

/// The example with these schemes.
fn example_of(schemes: &[Scheme]) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5, 6],
        dense: vec![4],
        outputs: 2,
        peepholes: true,
        schemes: schemes.to_vec(),
        seed: 1,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.golden = vec![(vec![1, -2, 3], vec![4, -5])];
    file
}

/// The example's bytes after `change`, with a checksum that fits again.
fn changed(change: impl FnOnce(&mut [u8])) -> AlignedBytes {
    changed_in(&example(), change)
}

fn changed_in(file: &ModelFile, change: impl FnOnce(&mut [u8])) -> AlignedBytes {
    let bytes = file.to_bytes().unwrap();
    let mut content = bytes[..bytes.len() - 4].to_vec();
    change(&mut content);
    sealed(content)
}

fn refusal(bytes: &[u8]) -> ArtifactError {
    Model::parse(bytes).expect_err("the file must be refused")
}

/// Where the channels begin.
const CHANNELS: usize = 32;
/// Where the output scales begin in the example, after three channels.
const SCALES: usize = CHANNELS + 3 * 16;
/// Where the first LSTM layer begins in the example, after two output scales.
const FIRST_LAYER: usize = SCALES + 2 * 12;
/// Bytes of a weight row block: four gates by four inputs.
const ROW_BLOCK: usize = 16;

/// Whether the file is accepted. Then a few extreme steps equal those of the specification, and every name
/// can be read.
fn refused_or_runs(bytes: &[u8]) -> bool {
    let Ok(model) = Model::parse(bytes) else {
        return false;
    };
    let blocks = |count| vec![Block::default(); count];
    let mut hidden = [blocks(model.hidden_blocks()), blocks(model.hidden_blocks())];
    let mut cell = [0, 1].map(|_| vec![[0; 4]; model.cell_blocks()]);
    let mut scratch = blocks(model.scratch_blocks());
    let mut outputs = [0, 1].map(|_| vec![I16F16::ZERO; model.outputs()]);
    for extreme in [i32::MIN, i32::MAX, 0, 12_345] {
        let raw = vec![extreme; model.inputs()];
        let state = (&mut hidden[0][..], &mut cell[0][..]);
        let stepped = model.step(state, &mut scratch, &raw, &mut outputs[0]);
        stepped.unwrap();
        let state = (&mut hidden[1][..], &mut cell[1][..]);
        let observed = model.observed_step(
            state,
            &mut scratch,
            &raw,
            &mut outputs[1],
            &mut |_, _, _| {},
        );
        observed.unwrap();
        assert_eq!(hidden[0], hidden[1]);
        assert_eq!(cell[0], cell[1]);
        assert_eq!(outputs[0], outputs[1]);
    }
    let names = model.input_names().chain(model.output_names());
    names.for_each(|name| assert!(name.len() < 256));
    true
}

/// Damage that the checksum cannot see, byte by byte, in every scheme and order.
#[test]
fn every_changed_byte_is_refused_or_runs() {
    let overflow = std::panic::catch_unwind(|| black_box(i32::MAX) + black_box(1));
    assert!(overflow.is_err(), "build the tests with overflow checks");
    let mixed = [Scheme::W8a16, Scheme::W8a8, Scheme::W4a16];
    for (kind, schemes, order) in [
        (LayerKind::Lstm, [Scheme::W8a16; 3]),
        (LayerKind::Lstm, [Scheme::W8a8; 3]),
        (LayerKind::Lstm, [Scheme::W4a16; 3]),
        (LayerKind::Lstm, mixed),
        (LayerKind::Gru, mixed),
        (LayerKind::Coupled, mixed),
        (LayerKind::GruBefore, mixed),
        (LayerKind::Projected, mixed),
    ]
    .into_iter()
    .flat_map(|(kind, schemes)| Order::ALL.map(|order| (kind, schemes, order)))
    .filter(|(_, schemes, order)| schemes.iter().any(|s| order.of(*s) == *order))
    {
        let shape = RandomModel {
            inputs: 9,
            hidden: vec![3, 2],
            kinds: vec![kind],
            mean: kind == LayerKind::GruBefore,
            dense: vec![2],
            outputs: 1,
            peepholes: true,
            schemes: schemes.to_vec(),
            seed: 5,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        file.golden = vec![(vec![1; 9], vec![2])];
        // With the largest shift, the sum of this row leaves 32 bits.
        let (w_x, bias) = match &mut file.recurrent[0] {
            Recurrent::Lstm(layer) => (&mut layer.w_x, &mut layer.bias),
            Recurrent::Gru(layer) => (&mut layer.w_x, &mut layer.bias),
            Recurrent::Coupled(layer) => (&mut layer.0.w_x, &mut layer.0.bias),
            Recurrent::GruBefore(layer) => (&mut layer.w_x, &mut layer.bias),
            Recurrent::Projected(layer) => (&mut layer.lstm.w_x, &mut layer.lstm.bias),
        };
        w_x[0] = vec![schemes[0].weight_max(); 9];
        bias[0] = 0;
        let bytes = file.to_bytes_in(order).unwrap();
        let content = &bytes[..bytes.len() - 4];
        let (mut refused, mut ran) = (0, 0);
        for (at, byte) in content.iter().enumerate() {
            let near = [byte ^ 1, byte.wrapping_add(1), byte.wrapping_sub(1)];
            for value in [0, 1, 15, 0x7f, 0x80, 0xff].into_iter().chain(near) {
                let mut changed = content.to_vec();
                changed[at] = value;
                if refused_or_runs(&sealed(changed)) {
                    ran += 1;
                } else {
                    refused += 1;
                }
            }
        }
        // Among what runs are weights, among what is refused is padding.
        assert!(
            ran > content.len() && refused > content.len(),
            "{ran} {refused}"
        );
    }
}

#[test]
fn the_writer_refuses_shifts_out_of_range_in_every_order() {
    for order in Order::ALL {
        for x_shift in [16, 31, 32, 255] {
            let mut file = example();
            lstm(&mut file, 0).x_shift = x_shift;
            assert!(matches!(
                file.to_bytes_in(order).unwrap_err(),
                WriteError::Refused(ArtifactError::Layer {
                    kind: LayerKind::Lstm,
                    index: 0,
                    error: LayerError::Field {
                        field: "x shift",
                        ..
                    }
                })
            ));
        }
    }
}

/// The places of the header's bytes, by number.
#[test]
fn the_header_lies_as_its_page_says() {
    let bytes = example().to_bytes().unwrap();
    let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(bytes[..8], *b"LSTM\x03\x00\x00\x01");
    assert_eq!(u32_at(8) as usize, bytes.len());
    // Inputs, outputs, golden steps, cell blocks ⌈5/4⌉ + ⌈6/4⌉.
    assert_eq!([12, 14, 18, 20].map(u16_at), [3, 2, 1, 4]);
    assert_eq!(bytes[16..18], [2, 2]);
    // Scratch: the widest layer's input and new state; hidden blocks as cell blocks.
    assert_eq!([22, 30].map(u16_at), [3, 4]);
    // in0, in1, in2, out0, out1 with their lengths: 22 bytes.
    assert_eq!(u32_at(24), 24);
    assert_eq!(bytes[28..30], [0, 0]);
    let model = Model::parse(&bytes).unwrap();
    assert_eq!(
        Sizes::of_file(&bytes),
        Sizes {
            inputs: model.inputs(),
            outputs: model.outputs(),
            cell_blocks: model.cell_blocks(),
            hidden_blocks: model.hidden_blocks(),
            scratch_blocks: model.scratch_blocks(),
            history: 0,
            work: 0,
        }
    );
}

proptest! {
    #[test]
    fn parse_after_write_is_the_same_model(shape in shapes()) {
        let file = shape.build();
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        prop_assert_eq!(&ModelFile::from(&model), &file);
        prop_assert_eq!(&*ModelFile::from(&model).to_bytes().unwrap(), &*bytes);
    }

    #[test]
    fn every_order_holds_the_same_model(shape in shapes()) {
        let file = shape.build();
        for order in Order::ALL {
            let bytes = file.to_bytes_in(order).unwrap();
            let model = Model::parse(&bytes).unwrap();
            prop_assert_eq!(&ModelFile::from(&model), &file);
            for layer in model.recurrent_layers() {
                let rows = layer.rows();
                prop_assert_eq!(rows.weights.order(), order.of(rows.scheme()));
            }
        }
    }

    #[test]
    fn one_changed_byte_is_refused(shape in shapes(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = shape.build().to_bytes().unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Model::parse(&AlignedBytes::from(bytes.as_slice())).is_err());
    }

    #[test]
    fn a_shortened_file_is_refused(shape in shapes(), cut in any::<prop::sample::Index>()) {
        let bytes = shape.build().to_bytes().unwrap();
        let kept = cut.index(bytes.len());
        prop_assert!(Model::parse(&bytes[..kept]).is_err());
    }

    /// Damage that the checksum cannot see: it is computed anew.
    #[test]
    fn a_mutated_file_is_refused_or_runs(
        shape in shapes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        header_only in any::<bool>(),
    ) {
        let bytes = shape.build().to_bytes().unwrap();
        let mut content = bytes[..bytes.len() - 4].to_vec();
        for (at, value) in changes {
            let range = if header_only { FIRST_LAYER } else { content.len() };
            let at = at.index(range.min(content.len()));
            content[at] = value;
        }
        let bytes = sealed(content);
        refused_or_runs(&bytes);
    }

    #[test]
    fn no_bytes_can_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        prop_assert!(Model::parse(&AlignedBytes::from(bytes.as_slice())).is_err());
        if bytes.len() > 12 {
            bytes[..6].copy_from_slice(b"LSTM\x03\x00");
            let length = bytes.len() as u32 + 4;
            bytes[8..12].copy_from_slice(&length.to_le_bytes());
            let _ = Model::parse(&sealed(bytes));
        }
    }
}

#[test]
fn refuses_misaligned() {
    let bytes = example().to_bytes().unwrap();
    let mut shifted = vec![0];
    shifted.extend_from_slice(&bytes);
    assert_eq!(
        refusal(&AlignedBytes::from(shifted.as_slice())[1..]),
        ArtifactError::Misaligned { offset: 1 }
    );
}

#[test]
fn refuses_truncated() {
    let bytes = example().to_bytes().unwrap();
    let have_bytes = bytes.len() - 8;
    let error = refusal(&bytes[..have_bytes]);
    assert_eq!(
        error,
        ArtifactError::Truncated {
            need_bytes: bytes.len(),
            have_bytes
        }
    );
    assert!(matches!(
        refusal(&AlignedBytes::from(&[][..])),
        ArtifactError::Truncated { .. }
    ));
}

#[test]
fn refuses_trailing_bytes() {
    let mut bytes = example().to_bytes().unwrap().to_vec();
    bytes.extend([0; 4]);
    assert!(matches!(
        refusal(&AlignedBytes::from(bytes.as_slice())),
        ArtifactError::TrailingBytes { .. }
    ));
}

#[test]
fn refuses_bad_magic() {
    let bytes = changed(|content| content[0] = b'T');
    assert_eq!(refusal(&bytes), ArtifactError::BadMagic { found: *b"TSTM" });
}

#[test]
fn refuses_version() {
    let bytes = changed(|content| content[4] = VERSION as u8 + 1);
    assert_eq!(
        refusal(&bytes),
        ArtifactError::Version {
            found: VERSION + 1,
            supported: VERSION
        }
    );
}

#[test]
fn refuses_checksum() {
    let mut bytes = example().to_bytes().unwrap().to_vec();
    bytes[FIRST_LAYER + 20] ^= 1;
    assert!(matches!(
        refusal(&AlignedBytes::from(bytes.as_slice())),
        ArtifactError::Checksum { .. }
    ));
}

#[test]
fn refuses_field() {
    for (at, field) in [
        (6, "task"),
        (7, "mode"),
        (16, "recurrent layers"),
        (17, "dense layers"),
        (29, "front-end words"),
    ] {
        let error = refusal(&changed(|content| content[at] = 77));
        assert!(
            matches!(error, ArtifactError::Field { field: found, .. } if found == field),
            "{error}"
        );
    }
    for (at, field) in [
        (20, "cell blocks"),
        (22, "scratch blocks"),
        (30, "hidden blocks"),
    ] {
        let error = refusal(&changed(|content| content[at] += 1));
        assert!(
            matches!(error, ArtifactError::Field { field: found, .. } if found == field),
            "{error}"
        );
    }
    let error = refusal(&changed(|content| content[CHANNELS + 12] = 32));
    assert!(
        matches!(
            error,
            ArtifactError::Field {
                field: "input shift",
                ..
            }
        ),
        "{error}"
    );
    for (at, value, field) in [
        (SCALES + 7, 0x41, "upper half of an output offset"),
        (SCALES + 9, 1, "output exponent's magnitude"),
        (SCALES + 10, 1, "output scale"),
    ] {
        let error = refusal(&changed(|content| content[at] = value));
        assert!(
            matches!(error, ArtifactError::Field { field: found, .. } if found == field),
            "{error}"
        );
    }
}

/// Values with their scales, logits without.
#[test]
fn output_scales_are_those_of_a_linear_model() {
    let mut file = example();
    file.scales[1] = OutputScale {
        offset: -(101_325 << 20),
        exponent: -20,
    };
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let raw = I16F16::from_bits(-(1 << 19));
    assert_eq!(model.value(1, raw), -101_325.5);
    assert_eq!(
        model.output_scale(1).whole(raw),
        -(101_325 << 20) - (1 << 19)
    );
    // An output that the model does not have is taken for a logit.
    assert_eq!(model.value(2, raw), -8.0);
    for scales in [0, 1, 3] {
        file.scales.resize(scales, OutputScale::LOGIT);
        let error = file.to_bytes().unwrap_err().to_string();
        assert!(error.contains("output scales"), "{error}");
    }
    file.task = Task::Softmax;
    assert!(file.to_bytes().is_err());
    file.scales.clear();
    let bytes = file.to_bytes().unwrap();
    assert_eq!(Model::parse(&bytes).unwrap().value(0, raw), -8.0);
}

/// A file of the version before is refused by its number, with the cure.
#[test]
fn an_older_version_is_named_with_its_cure() {
    let said = refusal(&changed(|content| content[4] = 2)).to_string();
    let versions = format!("versions 3 to {VERSION}, found 2");
    assert!(said.contains(&versions), "{said}");
    assert!(said.contains("quantise and export"), "{said}");
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
        let expected =
            |error| matches!(error, LayerError::Field { field: found, .. } if found == field);
        assert!(
            matches!(error, ArtifactError::Layer { kind: LayerKind::Lstm, index: 0, error } if expected(error)),
            "{error}"
        );
    }
}

#[test]
fn refuses_what_contradicts_the_scheme() {
    let field = |file: &ModelFile, at: usize, value: u8| {
        let error = refusal(&changed_in(file, |content| {
            content[FIRST_LAYER + at] = value
        }));
        match error {
            ArtifactError::Layer {
                error: LayerError::Field { field, .. },
                ..
            } => field,
            _ => panic!("{error}"),
        }
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
        assert!(matches!(
            file.to_bytes().unwrap_err(),
            WriteError::Refused(ArtifactError::Layer {
                kind: LayerKind::Lstm,
                index: 1,
                error: LayerError::Field {
                    field: "input shift",
                    ..
                }
            })
        ));
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
fn the_writer_names_the_most_that_a_field_holds() {
    let mut file = example();
    file.recurrent = vec![file.recurrent[0].clone(); 256];
    assert_eq!(
        file.to_bytes().unwrap_err(),
        WriteError::TooLarge {
            field: "recurrent layers",
            found: 256,
            most: 255
        }
    );
    let mut file = example();
    file.golden = vec![(Vec::new(), Vec::new()); 65_536];
    assert_eq!(
        file.to_bytes().unwrap_err(),
        WriteError::TooLarge {
            field: "golden steps",
            found: 65_536,
            most: 65_535
        }
    );
}

#[test]
fn scales_reach_to_their_ends_and_no_further() {
    let written = |offset, exponent| {
        let mut file = example();
        file.scales[1] = OutputScale { offset, exponent };
        file.to_bytes()
    };
    let most = OutputScale::MAX_OFFSET as i64;
    for (offset, exponent) in [(most, 250), (-most, -250)] {
        assert!(written(offset, exponent).is_ok());
        assert!(written(offset + offset.signum(), exponent).is_err());
        assert!(written(offset, exponent + exponent.signum()).is_err());
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

#[test]
fn refuses_name() {
    let names = changed(|content| *content.last_mut().unwrap() = 0xff);
    assert!(matches!(refusal(&names), ArtifactError::Name { .. }));
    let mut file = example();
    file.output_names.pop();
    assert!(matches!(
        file.to_bytes(),
        Err(WriteError::Refused(ArtifactError::Name { .. }))
    ));
}

#[test]
fn names_of_255_bytes_are_kept_whole_and_longer_ones_refused() {
    let mut file = example();
    file.output_names[0] = format!("{}x", "ü".repeat(127));
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    assert!(model.output_names().eq(&file.output_names));
    file.input_names[1].push_str(&"é".repeat(128));
    let needed = file.input_names[1].len();
    assert!(matches!(
        file.to_bytes(),
        Err(WriteError::TooLarge { field: "bytes of a name", found, most: 255 }) if found == needed
    ));
}

#[test]
fn a_single_sigmoid_has_two_names() {
    let shape = RandomModel {
        inputs: 1,
        hidden: vec![1],
        outputs: 1,
        seed: 2,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.task = Task::Sigmoid;
    file.scales.clear();
    file.output_names = vec!["no".into(), "yes".into()];
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    assert_eq!(model.output_names().collect::<Vec<_>>(), ["no", "yes"]);
}

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
        match file.to_bytes() {
            Err(WriteError::Refused(error)) => error,
            other => panic!("{other:?}"),
        }
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

/// Three filters over five steps of three channels, two steps apart.
fn conv_example() -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5],
        outputs: 2,
        conv: Some(RandomConv {
            filters: 3,
            kernel: 5,
            stride: 2,
            first: 4,
            is_rectified: true,
        }),
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}

/// A convolution of few filters is in generic order for every core, so that the layer above it says which core it is for.
#[test]
fn the_build_looks_at_the_order_above_a_convolution_of_few_filters() {
    for (filters, scheme) in [(1, Scheme::W8a16), (2, Scheme::W8a16), (2, Scheme::W4a16)] {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![5],
            outputs: 2,
            schemes: vec![scheme],
            conv: Some(RandomConv {
                filters,
                kernel: 5,
                stride: 2,
                first: 4,
                is_rectified: true,
            }),
            ..RandomModel::default()
        };
        let order = Order::Paired.of(scheme);
        let mut bytes = shape.build().to_bytes_in(order).unwrap().to_vec();
        check_first_layer(&bytes);
        let head = [
            LayerKind::Lstm.code(),
            scheme.code(),
            0,
            0,
            filters as u8,
            0,
            5,
            0,
        ];
        let places: Vec<usize> = (0..bytes.len() - 16)
            .filter(|at| bytes[*at..].starts_with(&head) && bytes[at + 10] == order.code())
            .collect();
        let [record] = places[..] else {
            panic!("{places:?}")
        };
        bytes[record + 10] = 99;
        let found = std::panic::catch_unwind(|| check_first_layer(&bytes));
        assert!(found.is_err(), "{filters} filters of {scheme:?}");
    }
}

/// Damage of a convolution that the checksum cannot see, byte by byte.
#[test]
fn every_changed_byte_of_a_convolution_is_refused_or_runs() {
    for order in Order::ALL {
        let bytes = conv_example().to_bytes_in(order).unwrap();
        let content = &bytes[..bytes.len() - 4];
        let mut ran = 0;
        for (at, byte) in content.iter().enumerate() {
            for value in [0, 1, 0x7f, 0x80, 0xff, byte ^ 1, byte.wrapping_add(1)] {
                let mut changed = content.to_vec();
                changed[at] = value;
                ran += usize::from(refused_or_runs(&sealed(changed)));
            }
        }
        assert!(ran > content.len(), "{ran}");
    }
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
    let WriteError::Refused(error) = file.to_bytes().unwrap_err() else {
        panic!("it is refused");
    };
    assert_eq!(
        error.to_string(),
        "conv.0: row 1: its 32-bit accumulator could overflow"
    );
    let mut file = conv_example();
    file.conv.as_mut().unwrap().filters.weight[2][14] = -128;
    let WriteError::Refused(error) = file.to_bytes().unwrap_err() else {
        panic!("it is refused");
    };
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

#[test]
fn a_file_of_lstm_layers_is_of_the_version_before() {
    assert_eq!(example().to_bytes().unwrap()[4], 3);
    assert_eq!(gru_example().to_bytes().unwrap()[4], 4);
    let coupled = example_of_kind(LayerKind::Coupled);
    assert_eq!(coupled.to_bytes().unwrap()[4], 5);
    let gru_before = example_of_kind(LayerKind::GruBefore);
    assert_eq!(gru_before.to_bytes().unwrap()[4], 6);
    let mut mean = example();
    mean.mode = Mode::SequenceToMean;
    assert_eq!(mean.to_bytes().unwrap()[4], 8);
    let projected = example_of_kind(LayerKind::Projected);
    assert_eq!(projected.to_bytes().unwrap()[4], 11);
    // Older files have no such mode.
    let error = refusal(&changed_in(&mean, |content| content[4] = 7));
    let expected = ArtifactError::Field {
        field: "mode",
        found: 2,
        allowed: (0, 1),
    };
    assert_eq!(error, expected);
}
