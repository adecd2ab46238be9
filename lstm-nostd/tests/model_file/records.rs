//! The record of every kind of layer: every field held to its range, and accepted at its ends.

use crate::rows::KINDS;
use crate::*;

/// The field of the layer at this place that refuses the file with these bytes.
#[track_caller]
fn refused(file: &ModelFile, place: (LayerKind, usize), at: usize, bytes: &[u8]) -> Refused {
    let bytes = changed_in(file, |content| {
        content[at..at + bytes.len()].copy_from_slice(bytes);
    });
    let (found, refused) = layer_field(refusal(&bytes));
    assert_eq!(found, place);
    refused
}

#[test]
fn every_field_of_a_recurrent_record_is_held_to_its_range() {
    for kind in KINDS {
        let file = example_of_kind(kind);
        let field = |at: usize, bytes: &[u8]| refused(&file, (kind, 0), FIRST_LAYER + at, bytes);
        for scheme in [0, 4] {
            assert_eq!(field(1, &[scheme]), ("scheme", scheme.into(), (1, 3)));
        }
        let has_cell = !matches!(kind, LayerKind::Gru | LayerKind::GruBefore);
        let flags = u8::from(has_cell);
        let beyond = u32::from(flags) + 1;
        let expected = ("flags", beyond, (0, flags.into()));
        assert_eq!(field(2, &[flags + 1, 0]), expected);
        assert_eq!(field(2, &[0, 1]), ("flags", 256, (0, flags.into())));
        assert_eq!(field(4, &[2, 0]), ("inputs", 2, (3, 3)));
        assert_eq!(field(4, &[3, 1]), ("inputs", 259, (3, 3)));
        assert_eq!(field(6, &[0, 0]), ("units", 0, (1, 65_535)));
        assert_eq!(field(8, &[16]), ("x shift", 16, (0, 15)));
        let bits = if has_cell { (1, 15) } else { (0, 0) };
        for beyond in [bits.1 + 1, if has_cell { 0 } else { 255 }] {
            let expected = ("cell integer bits", beyond, bits);
            assert_eq!(field(9, &[beyond as u8]), expected);
        }
        assert_eq!(field(11, &[1]), ("hidden shift", 1, (0, 0)));
        assert_eq!(field(12, &[1]), ("input shift", 1, (0, 0)));
        for reserved in [14, 15] {
            assert_eq!(field(reserved, &[9]), ("reserved byte", 9, (0, 0)));
        }
        let mut int8 = RandomModel {
            inputs: 3,
            hidden: vec![5],
            kinds: vec![kind],
            outputs: 2,
            schemes: vec![Scheme::W8a8],
            ..RandomModel::default()
        };
        int8.seed = 1;
        let at = FIRST_LAYER + 11;
        let shift = refused(&int8.build(), (kind, 0), at, &[9]);
        assert_eq!(shift, ("hidden shift", 9, (0, 8)));
    }
}

#[test]
fn a_kind_that_there_is_not_is_refused_as_the_kind_of_a_recurrent_layer() {
    let file = example();
    for kind in [0, 2, 7, 9, 255] {
        let expected = ("kind", kind.into(), (1, 6));
        let found = refused(&file, (LayerKind::Lstm, 0), FIRST_LAYER, &[kind]);
        assert_eq!(found, expected);
    }
}

/// Fields at their ends; weights of zero let every shift pass.
#[test]
fn a_recurrent_layer_is_read_with_every_field_at_its_end() {
    let is_read = |change: &dyn Fn(&mut Lstm)| {
        let mut file = example_of(&[Scheme::W8a8, Scheme::W8a8, Scheme::W8a16]);
        let layer = lstm(&mut file, 0);
        layer.w_x.iter_mut().flatten().for_each(|w| *w = 0);
        layer.w_h.iter_mut().flatten().for_each(|w| *w = 0);
        layer.bias.fill(0);
        change(layer);
        let bytes = file.to_bytes().unwrap();
        assert_eq!(ModelFile::from(&Model::parse(&bytes).unwrap()), file);
    };
    for x_shift in [0, 15] {
        is_read(&|layer| layer.x_shift = x_shift);
    }
    for h_shift in [0, 8] {
        is_read(&|layer| layer.h_shift = h_shift);
    }
    for bits in [1, 15] {
        is_read(&|layer| layer.cell_int_bits = bits);
    }
}

/// Between layers of different widths, in both directions, values move by up to eight bits.
#[test]
fn a_layer_above_one_of_another_width_may_shift_its_inputs() {
    let layers = |schemes: [Scheme; 4]| example_of(&schemes);
    let (int16, int8) = (Scheme::W8a16, Scheme::W8a8);
    let most = |file: &ModelFile| -> [u8; 3] {
        let most = |set: &dyn Fn(&mut ModelFile, u8)| {
            let is_read = |shift: &u8| {
                let mut file = file.clone();
                set(&mut file, *shift);
                file.to_bytes().is_ok()
            };
            let read: Vec<u8> = (0..12).filter(is_read).collect();
            assert_eq!(read, (0..read.len() as u8).collect::<Vec<_>>());
            read.len() as u8 - 1
        };
        [
            most(&|file, shift| lstm(file, 1).input_shift = shift),
            most(&|file, shift| file.dense[0].input_shift = shift),
            most(&|file, shift| file.dense[1].input_shift = shift),
        ]
    };
    assert_eq!(most(&layers([int16; 4])), [0, 0, 0]);
    assert_eq!(most(&layers([int8; 4])), [0, 0, 0]);
    assert_eq!(most(&layers([int16, int8, int8, int16])), [8, 0, 8]);
    assert_eq!(most(&layers([int8, int16, int8, int8])), [8, 8, 0]);
    // A mean over time is of int16, whatever it is made of.
    let mut mean = layers([int8; 4]);
    mean.mode = Mode::SequenceToMean;
    assert_eq!(most(&mean), [0, 8, 0]);
    mean = layers([int8, int8, int16, int16]);
    mean.mode = Mode::SequenceToMean;
    mean.dense[0].input_shift = 0;
    assert_eq!(most(&mean), [0, 0, 0]);
}

#[test]
fn every_field_of_a_dense_record_is_held_to_its_range() {
    let file = example();
    // Behind the layers of five and six units: four units on six inputs, then two on four.
    let hidden = FIRST_LAYER + 2 * 16 + (5 * 3 + 6 * 4) * ROW_BLOCK + 11 * (32 + 8);
    let output = hidden + 16 + 4 * (2 * 4 + 8);
    for (index, record, inputs, flags) in [(0, hidden, 6, 1), (1, output, 4, 0)] {
        let field =
            |at: usize, bytes: &[u8]| refused(&file, (LayerKind::Dense, index), record + at, bytes);
        for kind in [1, 3] {
            assert_eq!(field(0, &[kind]), ("kind", kind.into(), (2, 2)));
        }
        assert_eq!(field(1, &[4]), ("scheme", 4, (1, 3)));
        for other in [1 - flags, 2] {
            let expected = ("flags", other.into(), (flags.into(), flags.into()));
            assert_eq!(field(2, &[other, 0]), expected);
        }
        assert_eq!(field(4, &[5, 0]), ("inputs", 5, (inputs, inputs)));
        assert_eq!(field(6, &[0, 0]), ("units", 0, (1, 65_535)));
        assert_eq!(field(8, &[16]), ("output shift", 16, (0, 15)));
        assert_eq!(field(9, &[1]), ("input shift", 1, (0, 0)));
        for reserved in 11..16 {
            assert_eq!(field(reserved, &[9]), ("reserved byte", 9, (0, 0)));
        }
    }
    // Rows of two outputs stand alone in every order.
    let order = refused(&file, (LayerKind::Dense, 1), output + 10, &[1]);
    assert_eq!(order, ("order", 1, (0, 0)));
    for output_shift in [0, 15] {
        let mut file = example();
        file.dense[0].output_shift = output_shift;
        let bytes = file.to_bytes().unwrap();
        assert_eq!(ModelFile::from(&Model::parse(&bytes).unwrap()), file);
    }
}

#[test]
fn every_field_of_a_convolution_is_held_to_its_range_and_read_at_its_ends() {
    let file = conv_example();
    let field =
        |at: usize, bytes: &[u8]| refused(&file, (LayerKind::Conv, 0), FIRST_LAYER + at, bytes);
    assert_eq!(field(2, &[2, 0]), ("flags", 2, (0, 1)));
    assert_eq!(field(8, &[16]), ("output shift", 16, (0, 15)));
    for (at, name, least) in [(12, "kernel", 1), (14, "stride", 1), (16, "first step", 0)] {
        // 4097
        let expected = (name, 4097, (least, 4096));
        assert_eq!(field(at, &[1, 16]), expected);
        if least == 1 {
            assert_eq!(field(at, &[0, 0]), (name, 0, (1, 4096)));
        }
    }
    let with = |inputs: usize, conv: RandomConv| {
        let shape = RandomModel {
            inputs,
            hidden: vec![1],
            outputs: 2,
            // A filter of so many weights of int8 would leave its accumulator.
            schemes: vec![Scheme::W4a16],
            conv: Some(conv),
            ..RandomModel::default()
        };
        shape.build()
    };
    let mut conv = RandomConv {
        filters: 1,
        kernel: 4096,
        stride: 4096,
        first: 4096,
        is_rectified: false,
    };
    let file = with(1, conv);
    let bytes = file.to_bytes().unwrap();
    assert_eq!(ModelFile::from(&Model::parse(&bytes).unwrap()), file);
    let record = |inputs: usize| CHANNELS + inputs * 16 + 2 * 12;
    for order in Order::ALL
        .into_iter()
        .filter(|order| order.of(Scheme::W4a16) == *order)
    {
        let code = order.code();
        if code > 0 {
            let found = refused(&file, (LayerKind::Conv, 0), record(1) + 10, &[code]);
            assert_eq!(found, ("order", code.into(), (0, 0)));
        }
    }
    // 17 channels of 4096 steps are more weights than a filter may have.
    conv.kernel = 1;
    let window = refused(
        &with(17, conv),
        (LayerKind::Conv, 0),
        record(17) + 12,
        &[0, 16],
    );
    assert_eq!(window, ("window", 17 * 4096, (1, 65_535)));
}
