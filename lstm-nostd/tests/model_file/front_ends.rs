//! The section of a front end: written and read, and every field and table held to its range.

use lstm_nostd::front_end::{Kind, Settings, Statistic, StatisticsSettings, Tables};

use crate::*;

/// Front ends of every kind with few features, of which some tables have an odd number of values.
pub(crate) fn front_ends() -> impl Strategy<Value = Tables> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let sound = (kind, 5u32..=7, 1usize..=3, any::<prop::sample::Index>()).prop_map(
        |(kind, frame_bits, bands, coefficients)| {
            let frame = 1 << frame_bits;
            let settings = Settings {
                frame,
                hop: frame / 2,
                bands,
                coefficients: 1 + coefficients.index(bands),
                ..Settings::new(kind, 8000)
            };
            Tables::new(&settings).unwrap()
        },
    );
    let statistics = prop::sample::subsequence(Statistic::ALL.to_vec(), 1..=2);
    let motion = (statistics, 2usize..12, 2usize..=6, any::<bool>()).prop_map(
        |(statistics, frame, channels, has_magnitude)| {
            let settings = StatisticsSettings {
                statistics,
                frame,
                hop: 1 + frame / 2,
                magnitudes: vec![vec![0, 1]; has_magnitude.into()],
                ..StatisticsSettings::new(channels)
            };
            Tables::of_statistics(&settings).unwrap()
        },
    );
    prop_oneof![sound, motion]
}

/// A small LSTM on these features.
fn on(tables: Tables) -> ModelFile {
    let shape = RandomModel {
        inputs: tables.view().features(),
        hidden: vec![2],
        outputs: 1,
        seed: 7,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.front_end = Some(tables);
    file
}

/// Two cepstral coefficients of three bands, or the bands themselves; frames of 32 samples.
fn of_sound(kind: Kind) -> ModelFile {
    let settings = Settings {
        frame: 32,
        hop: 20,
        bands: 3,
        coefficients: 2,
        ..Settings::new(kind, 8000)
    };
    on(Tables::new(&settings).unwrap())
}

/// All statistics of three channels and two magnitudes; frames of eight moments.
fn of_motion() -> ModelFile {
    let settings = StatisticsSettings {
        frame: 8,
        hop: 5,
        magnitudes: vec![vec![0, 1, 2], vec![2, 0]],
        ..StatisticsSettings::new(3)
    };
    on(Tables::of_statistics(&settings).unwrap())
}

/// A model of each kind of front end.
pub(crate) fn with_front_end() -> [ModelFile; 2] {
    [of_sound(Kind::Mfcc), of_motion()]
}

/// Where the section begins.
const SECTION: usize = 32;

/// The field that refuses the file with these bytes at these places of the section.
#[track_caller]
fn refused(file: &ModelFile, patches: &[(usize, &[u8])]) -> Option<Refused> {
    let bytes = changed_in(file, |content| {
        for (at, bytes) in patches {
            content[SECTION + at..][..bytes.len()].copy_from_slice(bytes);
        }
    });
    refused_field(&bytes)
}

proptest! {
    #[test]
    fn a_front_end_is_read_as_it_was_written(tables in front_ends()) {
        let version = match &tables {
            Tables::Sound(_) => 5,
            Tables::Statistics(_) => 9,
        };
        let file = on(tables);
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        prop_assert_eq!(&ModelFile::from(&model), &file);
        prop_assert_eq!(&*ModelFile::from(&model).to_bytes().unwrap(), &*bytes);
        prop_assert_eq!(bytes[4..6].to_vec(), vec![version, 0]);
        let (sizes, front_end) = (Sizes::of_file(&bytes), model.front_end().unwrap());
        prop_assert_eq!([sizes.history, sizes.work], [front_end.history(), front_end.work()]);
    }
}

#[test]
fn a_front_end_in_a_file_of_a_version_without_it_is_refused() {
    let in_version = |file: &ModelFile, version: u8| match refusal(&changed_in(file, |content| {
        content[4] = version;
    })) {
        ArtifactError::Field {
            field,
            found,
            allowed,
        } => (field, found, allowed),
        other => panic!("{other}"),
    };
    let sound = of_sound(Kind::Mfcc);
    let words = u32::from(sound.to_bytes().unwrap()[28]);
    let expected = ("front-end words", words, (0, 0));
    assert_eq!(in_version(&sound, 4), expected);
    assert_eq!(in_version(&of_motion(), 8), ("front-end kind", 4, (1, 3)));
}

#[test]
fn the_kind_of_a_front_end_is_one_that_its_version_has() {
    for (file, last) in [(of_sound(Kind::Mfcc), 3), (of_motion(), 4)] {
        for kind in [0, last as u8 + 1, 255] {
            let expected = ("front-end kind", kind.into(), (1, last));
            assert_eq!(refused(&file, &[(0, &[kind])]), Some(expected));
        }
    }
}

#[test]
fn the_section_has_as_many_words_as_the_header_says() {
    for file in with_front_end() {
        let bytes = file.to_bytes().unwrap();
        let words = bytes[28];
        // Behind the section lie the rest of the file and no checksum.
        let rest = (bytes.len() - SECTION - 4 - 4 * usize::from(words)) as u32;
        for (words, left) in [(words - 1, rest + 4), (words + 1, rest - 4)] {
            let error = refusal(&changed_in(&file, |content| content[28] = words));
            let expected = ArtifactError::Field {
                field: "bytes of the front end",
                found: rest,
                allowed: (left, left),
            };
            assert_eq!(error, expected);
        }
    }
}

/// What both kinds say of a logarithm: where its floor's two words and its offset are.
fn check_logarithm(file: &ModelFile, floor: usize, offset: usize) {
    let words = |low: u32, high: u32| {
        let bytes = [low.to_le_bytes(), high.to_le_bytes()].concat();
        refused(file, &[(floor, &bytes)])
    };
    let most = (1 << 30) - 1;
    for (low, high) in [(1, 0), (0, 1), (5, 5), (u32::MAX, most)] {
        assert_eq!(words(low, high), None, "{low} {high}");
    }
    assert_eq!(words(0, 0), Some(("front-end floor", 0, (1, u32::MAX))));
    let high = ("front-end floor's high word", most + 1, (0, most));
    assert_eq!(words(1, most + 1), Some(high));
    let most = 64 << 16;
    for sign in [1, -1] {
        let at = |magnitude: i32| refused(file, &[(offset, &(sign * magnitude).to_le_bytes())]);
        assert_eq!(at(most), None);
        let beyond = most as u32 + 1;
        let expected = ("front-end offset's magnitude", beyond, (0, most as u32));
        assert_eq!(at(most + 1), Some(expected));
    }
}

#[test]
fn every_field_of_sound_is_held_to_its_range() {
    let file = of_sound(Kind::Mfcc);
    let bins = file.to_bytes().unwrap()[SECTION + 28];
    let (last_first, bins_of) = (16 - bins, u32::from(bins));
    let cases: &[(usize, &[u8], Option<Refused>)] = &[
        (1, &[4], Some(("front-end frame bits", 4, (5, 11)))),
        (1, &[12], Some(("front-end frame bits", 12, (5, 11)))),
        (2, &[0, 0], Some(("front-end hop", 0, (1, 32)))),
        (2, &[1, 0], None),
        (2, &[32, 0], None),
        (2, &[33, 0], Some(("front-end hop", 33, (1, 32)))),
        (4, &[0; 4], Some(("front-end rate", 0, (1, u32::MAX)))),
        (4, &[0xff; 4], None),
        (8, &[0, 0], Some(("front-end bands", 0, (1, 64)))),
        (8, &[65, 0], Some(("front-end bands", 65, (1, 64)))),
        (10, &[0, 0], Some(("front-end features", 0, (1, 3)))),
        (10, &[4, 0], Some(("front-end features", 4, (1, 3)))),
        (10, &[3, 0], Some(("front-end features", 3, (2, 2)))),
        (12, &[0xff, 0x7f], None),
        (
            12,
            &[0, 0x80],
            Some(("front-end pre-emphasis", 1 << 15, (0, (1 << 15) - 1))),
        ),
        (14, &[last_first, 0], None),
        (
            14,
            &[last_first + 1, 0],
            Some(("front-end bins", bins_of, (0, bins_of - 1))),
        ),
        (14, &[17, 0], Some(("front-end bins", bins_of, (0, 0)))),
    ];
    for (at, bytes, expected) in cases {
        assert_eq!(refused(&file, &[(*at, bytes)]), *expected, "byte {at}");
    }
    for at in 30..40 {
        let expected = Some(("front-end reserved bytes", 1, (0, 0)));
        assert_eq!(refused(&file, &[(at, &[1])]), expected, "byte {at}");
    }
    check_logarithm(&file, 16, 24);
    // Without coefficients, each band is a feature.
    let bands = of_sound(Kind::LogMel);
    for features in [2, 4] {
        let expected = Some(("front-end features", features.into(), (3, 3)));
        assert_eq!(refused(&bands, &[(10, &[features, 0])]), expected);
    }
}

#[test]
fn every_table_of_sound_is_held_to_its_range() {
    let file = of_sound(Kind::Mfcc);
    let bytes = file.to_bytes().unwrap();
    let bins = usize::from(bytes[SECTION + 28]);
    let end = 4 * usize::from(bytes[28]);
    // From behind: two features, two times three cosines, weights, four counts, and the seven pairs of the halves.
    let weights = end - 2 * 4 - 6 * 2 - (2 * bins).next_multiple_of(4);
    let counts = weights - 4 * 2;
    let (window, turns, halves) = (40, 40 + 32 * 2, counts - 7 * 8);
    assert_eq!((halves - turns) % 24, 0);
    let i16s = |at: usize, value: i16| refused(&file, &[(at, &value.to_le_bytes())]);
    for at in [window, window + 31 * 2] {
        assert_eq!(
            [1 << 14, -(1 << 14)].map(|value| i16s(at, value)),
            [None; 2]
        );
        for value in [(1 << 14) + 1, -(1 << 14) - 1, i16::MIN] {
            let found = value.unsigned_abs().into();
            let expected = ("front-end window's magnitude", found, (0, 1 << 14));
            assert_eq!(i16s(at, value), Some(expected));
        }
    }
    let pair = |at: usize, [cos, sin]: [i32; 2]| {
        let bytes = [cos.to_le_bytes(), sin.to_le_bytes()].concat();
        refused(&file, &[(at, &bytes)])
    };
    let one = 1 << 30;
    for at in [turns, turns + 8, halves - 8, halves, counts - 8] {
        for within in [[one, 0], [0, -one], [-(one - 1), 1 << 15]] {
            assert_eq!(pair(at, within), None, "{at} {within:?}");
        }
        for beyond in [[one, 1], [-1, -one], [one - 1, 1 << 16], [i32::MIN; 2]] {
            let expected = Some(("front-end turn beyond 1", 1, (0, 0)));
            assert_eq!(pair(at, beyond), expected, "{at} {beyond:?}");
        }
    }
    let count = bytes[SECTION + counts] + 1;
    let expected = ("front-end bins of the bands", bins as u32 + 1);
    let found = refused(&file, &[(counts, &[count])]).unwrap();
    assert_eq!((found.0, found.1), expected);
    assert_eq!(found.2, (bins as u32, bins as u32));
    for at in [weights, weights + 2 * (bins - 1)] {
        assert_eq!(i16s(at, i16::MIN), None);
        let expected = ("front-end weight", (1 << 15) + 1, (0, 1 << 15));
        assert_eq!(i16s(at, i16::MIN + 1), Some(expected));
    }
}

#[test]
fn every_field_of_motion_is_held_to_its_range() {
    let file = of_motion();
    let cases: &[(usize, &[u8], Option<Refused>)] = &[
        (1, &[0], Some(("front-end statistics", 0, (1, 63)))),
        (1, &[64], Some(("front-end statistics", 64, (1, 63)))),
        // Of the first statistic alone, three channels and two magnitudes would make five features.
        (1, &[1], Some(("front-end features", 30, (5, 5)))),
        (2, &[0, 0], Some(("front-end hop", 0, (1, 8)))),
        (2, &[1, 0], None),
        (2, &[8, 0], None),
        (2, &[9, 0], Some(("front-end hop", 9, (1, 8)))),
        (4, &[0xff; 4], None),
        (8, &[1, 0], Some(("front-end frame", 1, (2, 2048)))),
        (8, &[0, 8], None),
        (8, &[1, 8], Some(("front-end frame", 2049, (2, 2048)))),
        (10, &[29, 0], Some(("front-end features", 29, (30, 30)))),
        (12, &[0, 0], Some(("front-end channels", 0, (1, 64)))),
        (12, &[64, 0], Some(("front-end features", 30, (396, 396)))),
        (12, &[65, 0], Some(("front-end channels", 65, (1, 64)))),
        (14, &[64, 0], Some(("front-end features", 30, (402, 402)))),
        (14, &[65, 0], Some(("front-end magnitudes", 65, (0, 64)))),
    ];
    for (at, bytes, expected) in cases {
        assert_eq!(refused(&file, &[(*at, bytes)]), *expected, "byte {at}");
    }
    let channels = |count: u8| refused(&file, &[(8, &[0, 8]), (12, &[count, 0])]).unwrap();
    let expected = ("front-end samples of a frame", 17 << 11, (1, 1 << 15));
    assert_eq!(channels(17), expected);
    assert_eq!(channels(16).0, "front-end features");
    let reciprocal = |value: i32| refused(&file, &[(16, &value.to_le_bytes())]);
    let (least, most) = (1 << 23, 1 << 24);
    assert_eq!([least, most].map(reciprocal), [None; 2]);
    for value in [least - 1, most + 1, -least] {
        let allowed = (least as u32, most as u32);
        let expected = ("front-end reciprocal", value as u32, allowed);
        assert_eq!(reciprocal(value), Some(expected));
    }
    check_logarithm(&file, 20, 36);
    check_logarithm(&file, 28, 40);
}

#[test]
fn every_table_of_motion_is_held_to_its_range() {
    let file = of_motion();
    // Three fraction bits and a byte of padding, then two magnitudes of four bytes.
    let (bits, axes) = (44, 48);
    for at in [bits, bits + 2] {
        for value in [112i8, -112] {
            assert_eq!(refused(&file, &[(at, &value.to_le_bytes())]), None);
            let beyond = (value + value.signum()).to_le_bytes();
            let expected = ("front-end fraction bits' magnitude", 113, (0, 112));
            assert_eq!(refused(&file, &[(at, &beyond)]), Some(expected));
        }
    }
    let padding = Some(("padding of the front end", 1, (0, 0)));
    assert_eq!(refused(&file, &[(bits + 3, &[1])]), padding);
    for magnitude in [axes, axes + 4] {
        for axis in 0..3 {
            let at = magnitude + axis;
            for channel in 0..3 {
                assert_eq!(refused(&file, &[(at, &[channel])]), None);
            }
            for channel in [3, 254] {
                let expected = ("front-end axis", channel.into(), (0, 2));
                assert_eq!(refused(&file, &[(at, &[channel])]), Some(expected));
            }
        }
        // Only the third one may be none.
        let none = [0, 1, 2].map(|axis| refused(&file, &[(magnitude + axis, &[255])]).is_none());
        assert_eq!(none, [false, false, true]);
        let padding = Some(("front-end padding of axes", 1, (0, 0)));
        assert_eq!(refused(&file, &[(magnitude + 3, &[1])]), padding);
    }
}

#[test]
fn features_and_inputs_are_as_many() {
    let mut file = of_motion();
    file.front_end = on(Tables::of_statistics(&StatisticsSettings::new(4)).unwrap()).front_end;
    let expected = ArtifactError::Field {
        field: "front-end features",
        found: 24,
        allowed: (30, 30),
    };
    assert_eq!(file.to_bytes().unwrap_err(), WriteError::Refused(expected));
}
