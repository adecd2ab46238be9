//! A file is of the oldest version that has what is in it.

use lstm_nostd::{Direction, Parsed};

use crate::front_ends::with_front_end;
use crate::*;

fn version(file: &ModelFile) -> u8 {
    file.to_bytes().unwrap()[4]
}

/// Two layers of this kind, of which the second one runs backwards.
fn of_windows(kind: LayerKind) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5, 6],
        kinds: vec![kind],
        directions: vec![Direction::Forward, Direction::Reverse],
        outputs: 2,
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}

#[test]
fn a_file_is_of_the_oldest_version_that_has_its_content() {
    assert_eq!(version(&example()), 3);
    for (kind, since) in [
        (LayerKind::Gru, 4),
        (LayerKind::Coupled, 5),
        (LayerKind::GruBefore, 6),
        (LayerKind::Projected, 11),
    ] {
        assert_eq!(version(&example_of_kind(kind)), since);
        // Whatever else is in it may be newer or older.
        assert_eq!(version(&of_windows(kind)), since.max(10));
        let mut mean = example_of_kind(kind);
        mean.mode = Mode::SequenceToMean;
        assert_eq!(version(&mean), since.max(8));
    }
    let [sound, motion] = with_front_end();
    assert_eq!([version(&sound), version(&motion)], [5, 9]);
    assert_eq!(version(&conv_example()), 7);
    let mut mean = example();
    mean.mode = Mode::SequenceToMean;
    assert_eq!(version(&mean), 8);
    assert_eq!(version(&of_windows(LayerKind::Lstm)), 10);
}

#[test]
fn a_file_of_a_version_without_its_mode_is_refused() {
    let mut mean = example();
    mean.mode = Mode::SequenceToMean;
    let refused = |file: &ModelFile, at: usize, value: u8| {
        refused_field(&changed_in(file, |content| content[at] = value)).unwrap()
    };
    // Byte 4 is the version, byte 7 the mode.
    assert_eq!(refused(&mean, 4, 7), ("mode", 2, (0, 1)));
    assert_eq!(refused(&example(), 7, 2), ("mode", 2, (0, 1)));
    assert_eq!(refused(&mean, 7, 3), ("mode", 3, (0, 2)));
}

#[test]
fn a_file_of_a_version_without_its_directions_is_refused() {
    let file = of_windows(LayerKind::Lstm);
    let refused = |bytes: &AlignedBytes| layer_field(Parsed::parse(bytes).unwrap_err());
    let expected = |index, found, most| {
        let field = ("direction", found, (0, most));
        ((LayerKind::Lstm, index), field)
    };
    let older = changed_in(&file, |content| content[4] = 9);
    assert_eq!(refused(&older), expected(1, 1, 0));
    let direction = FIRST_LAYER + 13;
    let unknown = changed_in(&file, |content| content[direction] = 3);
    assert_eq!(refused(&unknown), expected(0, 3, 2));
}

#[test]
fn a_model_with_a_layer_that_runs_backwards_has_no_step() {
    let bytes = of_windows(LayerKind::Lstm).to_bytes().unwrap();
    assert_eq!(refusal(&bytes), ArtifactError::WholeWindows);
    let parsed = Parsed::parse(&bytes).unwrap();
    assert_eq!(
        Model::try_from(parsed).unwrap_err(),
        ArtifactError::WholeWindows
    );
    let bytes = example().to_bytes().unwrap();
    let model = Model::try_from(Parsed::parse(&bytes).unwrap()).unwrap();
    assert_eq!(ModelFile::from(&model), example());
}

/// Directions are counted from the first recurrent layer, with a convolution below or without.
#[test]
fn directions_are_read_as_they_were_written() {
    let conv = RandomConv {
        filters: 3,
        kernel: 2,
        stride: 1,
        first: 1,
        is_rectified: true,
    };
    let (forward, reverse) = (Direction::Forward, Direction::Reverse);
    for directions in [
        vec![reverse, forward],
        vec![forward, reverse],
        vec![forward, Direction::Beside],
    ] {
        for conv in [None, Some(conv)] {
            let shape = RandomModel {
                inputs: 3,
                hidden: vec![5, 6],
                directions: directions.clone(),
                outputs: 2,
                conv,
                seed: 3,
                ..RandomModel::default()
            };
            let mut file = shape.build();
            let bytes = file.to_bytes().unwrap();
            let parsed = Parsed::parse(&bytes).unwrap();
            assert!(file.is_of_windows() && parsed.is_of_windows());
            let read: Vec<_> = (0..2).map(|layer| parsed.direction(layer)).collect();
            assert_eq!(read, directions);
            assert_eq!(ModelFile::from(&parsed), file);
            // Directions of layers that there are not change nothing.
            file.directions.push(reverse);
            assert_eq!(*file.to_bytes().unwrap(), *bytes);
        }
    }
    let mut file = example();
    file.directions = vec![forward, forward, reverse];
    assert!(!file.is_of_windows());
    assert_eq!(*file.to_bytes().unwrap(), *example().to_bytes().unwrap());
}

/// A layer beside another one reads the inputs of that one, and hands on values as wide.
#[test]
fn a_layer_beside_another_stands_beside_one_that_runs_forwards() {
    let (forward, reverse, beside) = (Direction::Forward, Direction::Reverse, Direction::Beside);
    let refused = |directions: &[Direction], schemes: &[Scheme]| {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![5, 6, 4][..directions.len()].to_vec(),
            directions: directions.to_vec(),
            schemes: schemes.to_vec(),
            outputs: 2,
            seed: 3,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        if let Some(place) = directions.iter().position(|one| *one == beside) {
            // On raw inputs, there is nothing to convert.
            lstm(&mut file, place).input_shift = 0;
        }
        match file.to_bytes() {
            Ok(_) => None,
            Err(WriteError::Refused(ArtifactError::Field {
                field: "bits of a layer beside another",
                found,
                allowed,
            })) => Some((found, allowed)),
            Err(other) => panic!("{other}"),
        }
    };
    let (int16, int8) = (Scheme::W8a16, Scheme::W8a8);
    for scheme in Scheme::ALL {
        assert_eq!(refused(&[forward, beside], &[scheme]), None);
        assert_eq!(refused(&[reverse, forward, beside], &[scheme]), None);
    }
    assert_eq!(refused(&[forward, beside], &[Scheme::W4a16, int16]), None);
    assert_eq!(refused(&[beside], &[int16]), Some((16, (0, 0))));
    assert_eq!(refused(&[reverse, beside], &[int8]), Some((8, (0, 0))));
    let two = [forward, beside, beside];
    assert_eq!(refused(&two, &[int16]), Some((16, (0, 0))));
    let widths = refused(&[forward, beside], &[int16, int8]);
    assert_eq!(widths, Some((8, (16, 16))));
    let widths = refused(&[forward, beside], &[int8, int16]);
    assert_eq!(widths, Some((16, (8, 8))));
}
