//! The front end for motion against formulas in f64, and its section in model files.

mod sealed;

use lstm_nostd::artifact::{ModelFile, RandomModel, Sizes};
use lstm_nostd::front_end::{
    FrontEnd, Signal, Statistic, StatisticsSettings, Tables, test_samples,
};
use lstm_nostd::{ArtifactError, Model};
use proptest::prelude::*;
use sealed::sealed;

/// Of a mean, in LSB of a sample: half an LSB of Q16.6, and as much for the rounded reciprocal.
const MAX_MEAN_ERROR: f64 = 1.0 / 64.0;
/// Of a logarithm of a deviation: half of the chord's 4.7 · 10⁻⁵, roundings of Q15.16 and of Q19.12, and that of the floor,
/// where it is at least 4 LSB or a whole number.
const MAX_LOG_ERROR: f64 = 2.5e-4;
/// Of a magnitude, in LSB of a sample.
const MAX_ROOT_ERROR: f64 = 0.5;

/// Statistics of `values` in f64, in the order of [`Statistic::ALL`].
fn expected(values: &[f64], floor: f64) -> [f64; 6] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let pairs = || values.iter().zip(&values[1..]);
    let differences = pairs().map(|(a, b)| (b - a).powi(2)).sum::<f64>() / (count - 1.0);
    let half_log = |square: f64| 0.5 * (square + floor * floor).ln();
    // In whole numbers, as a mean in f64 may lie on the other side of a value that equals it.
    let sum = values.iter().sum::<f64>();
    let above = |x: &f64| x * count >= sum;
    [
        mean,
        half_log(variance),
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        pairs().filter(|(a, b)| above(a) != above(b)).count() as f64,
        half_log(differences),
    ]
}

/// A feature in the units of [`expected`].
fn in_units(statistic: Statistic, feature: i32) -> f64 {
    let unit = match statistic {
        Statistic::Mean => 64.0,
        Statistic::Deviation | Statistic::Differences => 4096.0,
        Statistic::Minimum | Statistic::Maximum | Statistic::Crossings => 1.0,
    };
    f64::from(feature) / unit
}

fn check(settings: &StatisticsSettings, samples: &[i16]) {
    let channels = settings.fraction_bits.len();
    let tables = Tables::of_statistics(settings).unwrap();
    let features = tables.view().recording(samples);
    let moments: Vec<&[i16]> = samples.chunks_exact(channels).collect();
    let frames: Vec<_> = moments
        .windows(settings.frame)
        .step_by(settings.hop)
        .collect();
    assert_eq!(features.len(), frames.len() * settings.features());
    let mut features = features.into_iter();
    for frame in frames {
        let of_channel = |j: usize| -> Vec<f64> { frame.iter().map(|x| f64::from(x[j])).collect() };
        let root = |axes: &Vec<usize>, moment: &[i16]| -> f64 {
            let square = |j: &usize| i64::from(moment[*j]).pow(2);
            (axes.iter().map(square).sum::<i64>() as f64).sqrt()
        };
        let mut all: Vec<Vec<f64>> = (0..channels).map(of_channel).collect();
        for axes in &settings.magnitudes {
            // Rounded roots, whose error a test beside the root bounds: other statistics would amplify it.
            all.push(
                frame
                    .iter()
                    .map(|moment| root(axes, moment).round())
                    .collect(),
            );
        }
        for values in all {
            let expected = expected(&values, settings.floor);
            for (statistic, expected) in Statistic::ALL.into_iter().zip(expected) {
                let found = in_units(statistic, features.next().unwrap());
                let allowed = match statistic {
                    Statistic::Mean => MAX_MEAN_ERROR,
                    Statistic::Deviation | Statistic::Differences => MAX_LOG_ERROR,
                    _ => 0.0,
                };
                let error = (found - expected).abs();
                assert!(error <= allowed, "{statistic:?}: {found}, {expected}");
            }
        }
    }
    assert_eq!(features.next(), None);
}

/// Three channels and two magnitudes.
fn small() -> StatisticsSettings {
    StatisticsSettings {
        frame: 8,
        hop: 5,
        magnitudes: vec![vec![0, 1, 2], vec![2, 0]],
        ..StatisticsSettings::new(3)
    }
}

#[test]
fn extreme_signals_have_their_statistics() {
    for frame in [2, 3, 31, 32, 33, 500, 2048] {
        let settings = StatisticsSettings {
            frame,
            hop: frame,
            ..small()
        };
        let length = 3 * frame;
        check(&settings, &vec![i16::MIN; length]);
        check(&settings, &vec![i16::MAX; length]);
        check(&settings, &vec![0; length]);
        let alternating = |n: usize| [i16::MIN, i16::MAX][n % 2];
        check(&settings, &(0..length).map(alternating).collect::<Vec<_>>());
        check(&settings, &test_samples().take(length).collect::<Vec<_>>());
        let one_bit: Vec<i16> = test_samples().map(|x| x >> 15).take(length).collect();
        check(&settings, &one_bit);
    }
}

proptest! {
    #[test]
    fn features_are_the_formulas(
        (frame, hop) in (2usize..40).prop_flat_map(|frame| (Just(frame), 1..=frame)),
        samples in prop::collection::vec(any::<i16>(), 3 * 40..3 * 130),
        shift in 0u32..16,
        floor in 4f64..100.0,
    ) {
        let samples: Vec<i16> = samples.iter().map(|x| x >> shift).collect();
        check(&StatisticsSettings { frame, hop, floor, ..small() }, &samples);
    }

    /// However samples arrive, the features are those of the whole recording.
    #[test]
    fn pieces_of_any_length_give_the_same_features(
        samples in prop::collection::vec(any::<i16>(), 24..300),
        cuts in prop::collection::vec(1usize..40, 1..40),
        hop in 1usize..=8,
    ) {
        let tables = Tables::of_statistics(&StatisticsSettings { hop, ..small() }).unwrap();
        let front_end = tables.view();
        let mut signal = Signal::new(vec![0; front_end.history()]);
        let (mut work, mut features) = (vec![[0; 2]; front_end.work()], vec![0; front_end.features()]);
        let mut found = Vec::new();
        let (mut rest, mut cuts) = (&samples[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (mut piece, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = later;
            while front_end.push(&mut signal, &mut work, &mut piece, &mut features).unwrap() {
                found.extend_from_slice(&features);
            }
        }
        prop_assert_eq!(found, front_end.recording(&samples));
    }

    /// What is chosen is a part of all features.
    #[test]
    fn chosen_statistics_are_those_of_all(chosen in prop::sample::subsequence(Statistic::ALL.to_vec(), 1..=6)) {
        let samples: Vec<i16> = test_samples().take(3 * 30).collect();
        let of = |statistics: &[Statistic]| {
            let settings = StatisticsSettings { statistics: statistics.to_vec(), ..small() };
            Tables::of_statistics(&settings).unwrap().view().recording(&samples)
        };
        let all = of(&Statistic::ALL);
        let expected: Vec<i32> = all
            .iter()
            .zip(Statistic::ALL.iter().cycle())
            .filter(|(_, statistic)| chosen.contains(statistic))
            .map(|(feature, _)| *feature)
            .collect();
        prop_assert_eq!(of(&chosen), expected);
    }

    #[test]
    fn samples_are_rounded_and_saturate(value in prop_oneof![any::<f32>(), -9f32..9.0], bits in -112i8..=112) {
        let settings = StatisticsSettings { fraction_bits: vec![0, bits], ..StatisticsSettings::new(2) };
        let tables = Tables::of_statistics(&settings).unwrap();
        let FrontEnd::Statistics(statistics) = tables.view() else { panic!("another kind") };
        let exact = (f64::from(value) * f64::from(bits).exp2()).round();
        prop_assert_eq!(statistics.sample(1, value), exact as i16);
    }
}

/// [`MAX_ROOT_ERROR`] of all statistics that are in LSB.
#[test]
fn a_magnitude_is_the_rounded_root() {
    let settings = StatisticsSettings {
        frame: 2,
        hop: 2,
        ..small()
    };
    let tables = Tables::of_statistics(&settings).unwrap();
    let samples: Vec<i16> = test_samples().take(6000).collect();
    let features = tables.view().recording(&samples);
    for (features, moments) in features.chunks_exact(30).zip(samples.chunks_exact(6)) {
        let root = |moment: &[i16]| {
            let squares = moment.iter().map(|x| f64::from(*x).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let roots = [root(&moments[..3]), root(&moments[3..])];
        let [least, greatest] = [features[3 * 6 + 2], features[3 * 6 + 3]].map(f64::from);
        assert!((least - roots[0].min(roots[1])).abs() <= MAX_ROOT_ERROR);
        assert!((greatest - roots[0].max(roots[1])).abs() <= MAX_ROOT_ERROR);
    }
}

fn with_statistics() -> ModelFile {
    let settings = small();
    let shape = RandomModel {
        inputs: settings.features(),
        hidden: vec![2],
        outputs: 1,
        seed: 7,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.front_end = Some(Tables::of_statistics(&settings).unwrap());
    file
}

#[test]
fn a_front_end_is_read_as_it_was_written() {
    let file = with_statistics();
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    assert_eq!(ModelFile::from(&model), file);
    assert!(model.cargo_features().any(|name| name == "statistics"));
    let front_end = model.front_end().unwrap();
    let sizes = Sizes::of_file(&bytes);
    assert_eq!(
        (sizes.history, sizes.work),
        (front_end.history(), front_end.work())
    );
    assert_eq!((sizes.history, sizes.work, sizes.inputs), (24, 4, 30));
    let mut signal = Signal::new(vec![0; sizes.history]);
    let (mut work, mut features) = (vec![[0; 2]; sizes.work], vec![0; sizes.inputs]);
    assert_eq!(
        front_end.self_test(&mut signal, &mut work, &mut features),
        Ok(true)
    );
    let short = front_end.push(&mut signal, &mut work[1..], &mut &[1][..], &mut features);
    assert_eq!(short.unwrap_err().what, "work memory");
}

/// Where the header has its version, and the file the front end.
const VERSION_AT: usize = 4;
const RECORD_AT: usize = 32;

#[test]
fn files_of_versions_before_have_no_such_front_end() {
    let bytes = with_statistics().to_bytes().unwrap();
    let mut content = bytes[..bytes.len() - 4].to_vec();
    content[VERSION_AT] -= 1;
    let error = Model::parse(&sealed(content)).unwrap_err();
    assert_eq!(
        error,
        ArtifactError::Field {
            field: "front-end kind",
            found: 4,
            allowed: (1, 3)
        }
    );
}

/// Damage that the checksum cannot see is refused, or runs without overflow.
#[test]
fn every_changed_byte_of_a_front_end_is_refused_or_runs() {
    let noise: Vec<i16> = test_samples().take(100).collect();
    let bytes = with_statistics().to_bytes().unwrap();
    let content = &bytes[..bytes.len() - 4];
    let words = usize::from(u16::from_le_bytes([bytes[28], bytes[29]]));
    let (mut refused, mut ran) = (0, 0);
    for at in RECORD_AT..RECORD_AT + 4 * words {
        for value in [0, 1, 0x40, 0x7f, 0x80, 0xff, content[at] ^ 1] {
            let mut changed = content.to_vec();
            changed[at] = value;
            let changed = sealed(changed);
            let Ok(model) = Model::parse(&changed) else {
                refused += 1;
                continue;
            };
            ran += 1;
            if let Some(front_end) = model.front_end() {
                front_end.recording(&noise);
                front_end.recording(&[i16::MIN; 100]);
            }
        }
    }
    assert!(ran > 500 && refused > 150, "{ran} ran, {refused} refused");
}

/// A file of this content is refused for this field.
fn refuses(content: Vec<u8>, field: &str) {
    match Model::parse(&sealed(content)) {
        Err(ArtifactError::Field { field: found, .. }) => assert_eq!(found, field),
        other => panic!("{field}: {other:?}"),
    }
}

#[test]
fn each_field_of_the_section_is_checked() {
    let bytes = with_statistics().to_bytes().unwrap();
    let content = &bytes[..bytes.len() - 4];
    let tables = RECORD_AT + 44;
    for (at, value, field) in [
        (RECORD_AT, 5, "front-end kind"),
        (RECORD_AT + 1, 0, "front-end statistics"),
        (RECORD_AT + 1, 0x40, "front-end statistics"),
        (RECORD_AT + 2, 9, "front-end hop"),
        (RECORD_AT + 8, 1, "front-end frame"),
        (RECORD_AT + 10, 29, "front-end features"),
        (RECORD_AT + 12, 0, "front-end channels"),
        (RECORD_AT + 15, 1, "front-end magnitudes"),
        (RECORD_AT + 19, 1, "front-end reciprocal"),
        (RECORD_AT + 27, 0x40, "front-end floor's high word"),
        (RECORD_AT + 35, 0x40, "front-end floor's high word"),
        (RECORD_AT + 39, 0x40, "front-end offset's magnitude"),
        (RECORD_AT + 43, 0x40, "front-end offset's magnitude"),
        (tables, 113, "front-end fraction bits' magnitude"),
        (tables + 3, 1, "padding of the front end"),
        (tables + 4, 3, "front-end axis"),
        (tables + 5, 255, "front-end axis"),
        (tables + 6, 3, "front-end axis"),
        (tables + 7, 1, "front-end padding of axes"),
    ] {
        let mut changed = content.to_vec();
        changed[at] = value;
        refuses(changed, field);
    }
    // Frame and channels are each in range, and their samples are too many: 2048 moments of 64 channels.
    let mut changed = content.to_vec();
    changed[RECORD_AT + 8..RECORD_AT + 10].copy_from_slice(&[0, 8]);
    changed[RECORD_AT + 12] = 64;
    refuses(changed, "front-end samples of a frame");
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let good = small();
    let with = |change: &dyn Fn(&mut StatisticsSettings)| {
        let mut settings = good.clone();
        change(&mut settings);
        Tables::of_statistics(&settings).unwrap_err().to_string()
    };
    for (refused, name) in [
        (with(&|s| s.frame = 1), "frame is 1"),
        (with(&|s| s.frame = 2049), "frame is 2049"),
        (with(&|s| s.hop = 0), "hop is 0"),
        (with(&|s| s.hop = 9), "hop is 9"),
        (with(&|s| s.rate = f64::NAN), "rate is NaN"),
        (with(&|s| s.statistics.clear()), "statistics is 0"),
        (with(&|s| s.fraction_bits = vec![0; 65]), "channels is 65"),
        (
            with(&|s| (s.frame, s.fraction_bits) = (2048, vec![0; 17])),
            "channels is 17",
        ),
        (
            with(&|s| s.fraction_bits = vec![1, 1, -113]),
            "fraction_bits is -113",
        ),
        (with(&|s| s.floor = 0.0), "floor is 0"),
        (
            with(&|s| s.magnitudes = vec![vec![0]]),
            "channels of one is 1",
        ),
        (with(&|s| s.magnitudes = vec![vec![0, 3]]), "number is 3"),
        (
            with(&|s| s.fraction_bits = vec![1, 1, 2]),
            "no common scale is 0",
        ),
    ] {
        assert!(refused.contains(name), "{refused}");
    }
}
