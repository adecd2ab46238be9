//! Files that were written, damaged and read.

use std::hint::black_box;

use crate::rows::row_of_recurrent;
use crate::*;

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

/// Damage that the checksum cannot see, one byte at a time: how many of the files are refused, and how many run.
fn refused_and_ran(content: &[u8]) -> [usize; 2] {
    let mut counts = [0, 0];
    for (at, byte) in content.iter().enumerate() {
        let near = [byte ^ 1, byte.wrapping_add(1), byte.wrapping_sub(1)];
        for value in [0, 1, 15, 0x7f, 0x80, 0xff].into_iter().chain(near) {
            let mut changed = content.to_vec();
            changed[at] = value;
            counts[usize::from(refused_or_runs(&sealed(changed)))] += 1;
        }
    }
    counts
}

/// Damage byte by byte, in every scheme and order.
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
        let mut row = row_of_recurrent(&mut file.recurrent[0], 0);
        *row.weights[0] = vec![schemes[0].weight_max(); 9];
        *row.bias = 0;
        let bytes = file.to_bytes_in(order).unwrap();
        let content = &bytes[..bytes.len() - 4];
        let [refused, ran] = refused_and_ran(content);
        // Among what runs are weights, among what is refused is padding.
        assert!(
            ran > content.len() && refused > content.len(),
            "{ran} {refused}"
        );
    }
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

/// Damage of a convolution, byte by byte.
#[test]
fn every_changed_byte_of_a_convolution_is_refused_or_runs() {
    for order in Order::ALL {
        let bytes = conv_example().to_bytes_in(order).unwrap();
        let content = &bytes[..bytes.len() - 4];
        let [_, ran] = refused_and_ran(content);
        assert!(ran > content.len(), "{ran}");
    }
}

/// What the parser does not look at would be room for what nobody sees. The version may be newer than it must be.
fn assert_accepted_changes_show(file: &ModelFile, bytes: &[u8], at: usize, value: u8) {
    let mut content = bytes[..bytes.len() - 4].to_vec();
    if (4..6).contains(&at) || content[at] == value {
        return;
    }
    content[at] = value;
    if let Ok(model) = Model::parse(&sealed(content)) {
        let read = ModelFile::from(&model);
        assert_ne!(&read, file, "byte {at} becomes {value}");
    }
}

proptest! {
    #[test]
    fn a_changed_byte_that_is_accepted_changes_the_model(
        shape in shapes(),
        order in prop::sample::select(Order::ALL.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 8),
    ) {
        let file = shape.build();
        let bytes = file.to_bytes_in(order).unwrap();
        for (at, value) in changes {
            assert_accepted_changes_show(&file, &bytes, at.index(bytes.len() - 4), value);
        }
    }
}

/// Three outputs fill three rows of a group, of which the fourth is zeros.
#[test]
fn rows_that_pad_a_group_of_dense_rows_are_zeros() {
    for (scheme, order) in Scheme::ALL
        .into_iter()
        .flat_map(|scheme| Order::ALL.map(|order| (scheme, order)))
        .filter(|(scheme, order)| order.of(*scheme) == *order && *order != Order::Generic)
    {
        let shape = RandomModel {
            inputs: 1,
            hidden: vec![5],
            outputs: 3,
            schemes: vec![scheme],
            seed: 3,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        let bytes = file.to_bytes_in(order).unwrap();
        let output_shift = file.dense[0].output_shift;
        file.dense[0].output_shift = 15 - output_shift;
        let other = file.to_bytes_in(order).unwrap();
        file.dense[0].output_shift = output_shift;
        // The first byte that differs is the shift in the record.
        let differs = bytes.iter().zip(other.iter()).position(|(a, b)| a != b);
        let record = differs.unwrap() - 8;
        assert_eq!(bytes[record + 10], order.code());
        let rows = bytes.len() - 4 - usize::from(bytes[24]) - 3 * 8;
        let mut padding = 0;
        for at in record + 16..rows {
            assert_accepted_changes_show(&file, &bytes, at, bytes[at] ^ 0x10);
            let mut content = bytes[..bytes.len() - 4].to_vec();
            content[at] ^= 1;
            if let Err(error) = Model::parse(&sealed(content)) {
                let of_row = |row| ArtifactError::Layer {
                    kind: LayerKind::Dense,
                    index: 0,
                    error: LayerError::Weight { row },
                };
                padding += usize::from(error == of_row(3));
            }
        }
        assert!(padding > 0, "{scheme:?} {order:?}");
    }
}

/// Fewer than three rows are no group.
#[test]
fn dense_rows_lie_in_the_files_order_if_they_fill_a_group() {
    for (outputs, scheme) in (1..6).flat_map(|outputs| Scheme::ALL.map(|scheme| (outputs, scheme)))
    {
        for order in Order::ALL.map(|order| order.of(scheme)) {
            let shape = RandomModel {
                inputs: 1,
                hidden: vec![1],
                outputs,
                schemes: vec![scheme],
                ..RandomModel::default()
            };
            let bytes = shape.build().to_bytes_in(order).unwrap();
            let head = [
                LayerKind::Dense.code(),
                scheme.code(),
                0,
                0,
                1,
                0,
                outputs as u8,
                0,
            ];
            let is_record = |at: &usize| bytes[*at..].starts_with(&head);
            let record = (32..bytes.len()).rev().find(is_record).unwrap();
            let expected = if outputs < 3 { Order::Generic } else { order };
            assert_eq!(bytes[record + 10], expected.code(), "{outputs} {order:?}");
        }
    }
}
