//! What is refused of the header, the channels, the scales and the names.

use crate::*;

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

#[test]
fn refuses_misaligned() {
    let bytes = example().to_bytes().unwrap();
    for offset in 1..4 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(&bytes);
        assert_eq!(
            refusal(&AlignedBytes::from(shifted.as_slice())[offset..]),
            ArtifactError::Misaligned { offset }
        );
    }
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

/// The header's field that refuses the file with these bytes at this place.
fn field(file: &ModelFile, at: usize, bytes: &[u8]) -> Option<Refused> {
    let bytes = changed_in(file, |content| {
        content[at..at + bytes.len()].copy_from_slice(bytes);
    });
    refused_field(&bytes)
}

#[test]
fn every_field_of_the_header_is_held_to_its_range() {
    let any_u16 = (1, u16::MAX.into());
    for (at, bytes, expected) in [
        (6, &[3][..], ("task", 3, (0, 2))),
        (7, &[2], ("mode", 2, (0, 1))),
        (12, &[0, 0], ("inputs", 0, any_u16)),
        (14, &[0, 0], ("outputs", 0, any_u16)),
        (16, &[0], ("recurrent layers", 0, (1, 4))),
        (16, &[5], ("recurrent layers", 5, (1, 4))),
        (17, &[0], ("dense layers", 0, (1, 4))),
        (17, &[5], ("dense layers", 5, (1, 4))),
        // Without golden steps, their twenty bytes are behind the names.
        (18, &[0, 0], ("bytes after the names", 20, (0, 0))),
        (20, &[3, 0], ("cell blocks", 3, (4, 4))),
        (20, &[5, 0], ("cell blocks", 5, (4, 4))),
        (22, &[2, 0], ("scratch blocks", 2, (3, 3))),
        (22, &[4, 0], ("scratch blocks", 4, (3, 3))),
        (24, &[20, 0, 0, 0], ("bytes after the names", 4, (0, 0))),
        (28, &[1, 0], ("front-end words", 1, (0, 0))),
        (30, &[3, 0], ("hidden blocks", 3, (4, 4))),
        (30, &[5, 0], ("hidden blocks", 5, (4, 4))),
    ] {
        assert_eq!(field(&example(), at, bytes), Some(expected), "byte {at}");
    }
    // Without scales, layers lie where they did.
    let mut classes = example();
    classes.task = Task::Softmax;
    classes.scales.clear();
    let outputs = field(&classes, 14, &[3, 0]);
    assert_eq!(outputs, Some(("outputs", 3, (2, 2))));
}

#[test]
fn a_file_is_as_long_as_its_header_says() {
    let bytes = example().to_bytes().unwrap();
    let have_bytes = bytes.len();
    let truncated = |need_bytes, have_bytes| ArtifactError::Truncated {
        need_bytes,
        have_bytes,
    };
    let of_length = |length: usize| {
        changed(|content| content[8..12].copy_from_slice(&(length as u32).to_le_bytes()))
    };
    let longer = refusal(&of_length(have_bytes + 1));
    assert_eq!(longer, truncated(have_bytes + 1, have_bytes));
    let file_bytes = have_bytes - 1;
    let shorter = ArtifactError::TrailingBytes {
        file_bytes,
        have_bytes,
    };
    assert_eq!(refusal(&of_length(file_bytes)), shorter);
    // The least that a file has is a header and a checksum.
    for cut in 0..4 {
        assert_eq!(refusal(&bytes[..cut]), truncated(36, cut));
    }
    for cut in 4..32 {
        assert_eq!(refusal(&bytes[..cut]), truncated(32, cut));
    }
    for cut in [32, 35, 36, have_bytes - 1] {
        assert_eq!(refusal(&bytes[..cut]), truncated(have_bytes, cut));
        let of_nothing = of_length(0);
        let expected = match cut {
            0..36 => truncated(36, cut),
            _ => ArtifactError::TrailingBytes {
                file_bytes: 0,
                have_bytes: cut,
            },
        };
        assert_eq!(refusal(&of_nothing[..cut]), expected);
    }
    let names = changed(|content| content[24] += 4);
    assert_eq!(refusal(&names), truncated(have_bytes + 4, have_bytes));
}

#[test]
fn every_field_of_a_channel_and_a_scale_is_held_to_its_range() {
    let file = example();
    for channel in 0..3 {
        let at = CHANNELS + 16 * channel;
        assert_eq!(field(&file, at + 8, &i32::MAX.to_le_bytes()), None);
        let mult = ("input mult", 1 << 31, (0, i32::MAX as u32));
        assert_eq!(field(&file, at + 8, &i32::MIN.to_le_bytes()), Some(mult));
        // Shift and fraction bits, then zeros.
        assert_eq!(field(&file, at + 12, &[31, 255, 0, 0]), None);
        let shift = ("input shift", 32, (0, 31));
        assert_eq!(field(&file, at + 12, &[32, 0, 0, 0]), Some(shift));
        let zeros = |found| Some(("input channel", found, (0, 0)));
        assert_eq!(field(&file, at + 12, &[1, 1, 1, 0]), zeros(1));
        assert_eq!(field(&file, at + 12, &[1, 1, 0, 1]), zeros(256));
    }
    for scale in 0..2 {
        let at = SCALES + 12 * scale;
        let offset = |offset: i64| field(&file, at, &offset.to_le_bytes());
        let most = 1i64 << 62;
        assert_eq!([most, -most].map(offset), [None; 2]);
        for beyond in [most + 1, -most - 1, i64::MAX, i64::MIN] {
            let found = (beyond >> 32) as u32;
            let expected = ("upper half of an output offset", found, (0, 1 << 30));
            assert_eq!(offset(beyond), Some(expected));
        }
        let exponent = |exponent: i16| field(&file, at + 8, &exponent.to_le_bytes());
        assert_eq!([250, -250].map(exponent), [None; 2]);
        let beyond = Some(("output exponent's magnitude", 251, (0, 250)));
        assert_eq!([251, -251].map(exponent), [beyond; 2]);
        let zeros = |found| Some(("output scale", found, (0, 0)));
        assert_eq!(field(&file, at + 10, &[1, 0]), zeros(1));
        assert_eq!(field(&file, at + 10, &[0, 1]), zeros(256));
    }
}

/// The example's names are 22 bytes, `in0` first, and two zeros.
#[test]
fn names_fill_their_section_but_for_zeros_to_a_word() {
    let index = |change: &dyn Fn(&mut [u8])| {
        let bytes = changed(|content| {
            let names = content.len() - 24;
            change(&mut content[names..]);
        });
        match Model::parse(&bytes) {
            Ok(_) => None,
            Err(ArtifactError::Name { index }) => Some(index),
            Err(other) => panic!("{other}"),
        }
    };
    // No UTF-8 in the first channel's name, and in the first output's.
    assert_eq!(index(&|names| names[1] = 0xff), Some(0));
    assert_eq!(index(&|names| names[13] = 0xff), Some(3));
    // The last name may reach to the end of the section.
    assert_eq!(index(&|names| names[17] = 6), None);
    assert_eq!(index(&|names| names[17] = 7), Some(4));
    for padding in [22, 23] {
        assert_eq!(index(&|names| names[padding] = 1), Some(5));
    }
    assert_eq!(index(&|names| names[17] = 3), Some(5));
    let file = example();
    let bytes = file.to_bytes().unwrap();
    let resized = |names: usize| {
        let mut content = bytes[..bytes.len() - 4].to_vec();
        content.resize(content.len() - 24 + names, 0);
        let length = content.len() as u32 + 4;
        content[8..12].copy_from_slice(&length.to_le_bytes());
        content[24] = names as u8;
        refusal(&sealed(content))
    };
    assert_eq!(resized(28), ArtifactError::Name { index: 5 });
    for names in [23, 25] {
        let expected = ArtifactError::Field {
            field: "names length modulo 4",
            found: names % 4,
            allowed: (0, 0),
        };
        assert_eq!(resized(names as usize), expected);
    }
    assert_eq!(resized(20), ArtifactError::Name { index: 4 });
    // Four names fill sixteen bytes, and nothing is left for the fifth.
    let mut file = example();
    file.output_names = vec!["abc".into(), String::new()];
    let bytes = file.to_bytes().unwrap();
    let mut content = bytes[..bytes.len() - 4 - 4].to_vec();
    let length = content.len() as u32 + 4;
    content[8..12].copy_from_slice(&length.to_le_bytes());
    content[24] = 16;
    assert_eq!(refusal(&sealed(content)), ArtifactError::Name { index: 4 });
}

#[test]
fn names_of_every_length_are_read_as_they_were_written() {
    for length in 0..9 {
        let mut file = example();
        file.output_names[1] = "x".repeat(length);
        let bytes = file.to_bytes().unwrap();
        assert_eq!(ModelFile::from(&Model::parse(&bytes).unwrap()), file);
        // Twelve bytes of the channels' names, five of the first output's.
        let names = (12 + 5 + 1 + length).next_multiple_of(4);
        assert_eq!(usize::from(bytes[24]), names);
    }
}

#[test]
fn the_writer_refuses_names_that_are_not_as_many_as_inputs_and_outputs() {
    let index = |inputs: usize, outputs: usize| {
        let mut file = example();
        file.input_names.resize(inputs, "in".into());
        file.output_names.resize(outputs, "out".into());
        match file.to_bytes() {
            Ok(_) => None,
            Err(WriteError::Refused(ArtifactError::Name { index })) => Some(index),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(index(3, 2), None);
    for (inputs, outputs, expected) in [
        (2, 2, 4),
        (3, 1, 4),
        (4, 2, 5),
        (3, 3, 5),
        (4, 1, 5),
        (2, 3, 5),
    ] {
        assert_eq!(index(inputs, outputs), Some(expected));
    }
}
