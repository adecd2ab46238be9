//! What is written is read back, and no bytes whatever make a reader panic.

use std::fmt::Write;
use std::io::Cursor;

use ndarray::{Array1, Array2, Array3, s};
use ndarray_npy::NpzWriter;
use proptest::collection::vec;
use proptest::prelude::*;
use trainer_host::data::{Dataset, Kind, Options, Targets, open, to_long_csv};

use super::{Files, open_bytes};

fn finite() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("finite", |value| value.is_finite())
}

fn matrix(steps: usize, columns: usize) -> impl Strategy<Value = Array2<f32>> {
    vec(finite(), steps * columns)
        .prop_map(move |values| Array2::from_shape_vec((steps, columns), values).unwrap())
}

/// 2 to 6 sequences of 1 to 5 steps and 1 to 3 numbered channels, without targets that mean anything.
fn sequences() -> impl Strategy<Value = Vec<Array2<f32>>> {
    (1..4usize, vec(1..6usize, 2..7)).prop_flat_map(|(channels, lengths)| {
        let each = lengths
            .into_iter()
            .map(|steps| matrix(steps, channels).boxed());
        each.collect::<Vec<_>>()
    })
}

/// One class a sequence, numbered channels and classes, each class used: what every format can say.
fn plain() -> impl Strategy<Value = Dataset> {
    sequences().prop_map(|sequences| Dataset {
        channels: (0..sequences[0].ncols()).map(|j| format!("x{j}")).collect(),
        targets: Targets::Class((0..sequences.len()).map(|i| i % 2).collect()),
        outputs: vec!["0".into(), "1".into()],
        sequences,
        ..Dataset::default()
    })
}

/// Every kind of target, with names and groups that need quotes.
fn any_dataset() -> impl Strategy<Value = Dataset> {
    (plain(), 0..4usize, any::<bool>(), any::<u64>()).prop_map(|(mut data, kind, grouped, salt)| {
        let n = data.len();
        let steps: Vec<usize> = data.sequences.iter().map(|s| s.nrows()).collect();
        let value = |i: usize, t: usize, o: usize| {
            f32::from_bits(
                (salt as u32).wrapping_mul(2 * i as u32 + 31 * t as u32 + 7 * o as u32 + 1),
            )
        };
        let value = move |i, t, o| {
            Some(value(i, t, o))
                .filter(|v| v.is_finite())
                .unwrap_or(0.5)
        };
        data.channels
            .iter_mut()
            .for_each(|name| *name = format!("accel, \"{name}\" (m/s²)"));
        data.outputs = vec!["go \"left\"".into(), "go, right".into()];
        data.targets = match kind {
            0 => data.targets,
            // A set whose labels never change would be read as one class a sequence.
            1 if steps[0] > 1 => Targets::ClassPerStep(
                steps
                    .iter()
                    .map(|t| (0..*t).map(|t| t % 2).collect())
                    .collect(),
            ),
            2 if steps[0] > 1 => Targets::ValuePerStep(
                (steps.iter().enumerate())
                    .map(|(i, t)| {
                        Array2::from_shape_fn((*t, 2), |(t, o)| t as f32 + value(i, 0, o).signum())
                    })
                    .collect(),
            ),
            _ => Targets::Value(
                (0..n)
                    .map(|i| vec![value(i, 0, 0), value(i, 0, 1)])
                    .collect(),
            ),
        };
        data.groups = grouped.then(|| (0..n).map(|i| format!("person {}, \"x\"", i % 3)).collect());
        data
    })
}

fn to_npz(data: &Dataset) -> Vec<u8> {
    let (n, f) = (data.len(), data.channels.len());
    let longest = data.sequences.iter().map(|s| s.nrows()).max().unwrap();
    let mut x = Array3::from_elem((n, longest, f), f32::NAN);
    for (i, steps) in data.sequences.iter().enumerate() {
        x.slice_mut(s![i, ..steps.nrows(), ..]).assign(steps);
    }
    let Targets::Class(classes) = &data.targets else {
        panic!("plain data has classes");
    };
    let lengths: Array1<u16> = data.sequences.iter().map(|s| s.nrows() as u16).collect();
    let mut bytes = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new_compressed(&mut bytes);
    npz.add_array("X_train", &x.mapv(f64::from)).unwrap();
    npz.add_array(
        "y_train",
        &classes.iter().map(|c| *c as u8).collect::<Array1<u8>>(),
    )
    .unwrap();
    npz.add_array("lengths_train", &lengths).unwrap();
    npz.finish().unwrap();
    bytes.into_inner()
}

fn to_ts(data: &Dataset) -> String {
    let Targets::Class(classes) = &data.targets else {
        panic!("plain data has classes");
    };
    let mut text = String::from("# comment\n@problemName made up\n@classLabel true 0 1\n@DATA\n");
    for (steps, class) in data.sequences.iter().zip(classes) {
        for channel in steps.columns() {
            let values: Vec<String> = channel.iter().map(f32::to_string).collect();
            write!(text, "{}:", values.join(",")).unwrap();
        }
        writeln!(text, "{class}").unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn long_csv_reads_back_what_was_written(data in any_dataset()) {
        let mut options = Options {
            task: Some(if data.targets.task().is_class() { Kind::Classes } else { Kind::Values }),
            ..Options::default()
        };
        if !data.targets.task().is_class() {
            options.columns.targets = data.outputs.clone();
        }
        let csv = to_long_csv(&data).unwrap();
        let mut read = open_bytes("a.csv", csv, &options).unwrap().train;
        // Series have names, which are their numbers.
        let numbers: Vec<String> = (0..data.len()).map(|series| series.to_string()).collect();
        prop_assert_eq!(std::mem::take(&mut read.names), numbers);
        prop_assert_eq!(read, data);
    }

    #[test]
    fn ts_and_npz_read_back_what_was_written(data in plain()) {
        let options = Options::default();
        prop_assert_eq!(&open_bytes("a.ts", to_ts(&data), &options).unwrap().train, &data);
        prop_assert_eq!(&open_bytes("a.npz", to_npz(&data), &options).unwrap().train, &data);
        // Without a telling extension, the content tells.
        prop_assert_eq!(&open_bytes("a.txt", to_ts(&data), &options).unwrap().train, &data);
        prop_assert_eq!(&open_bytes("a.dat", to_npz(&data), &options).unwrap().train, &data);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        for name in ["a.csv", "a.tsv", "a.ts", "a.npz", "a"] {
            let _ = open_bytes(name, &bytes, &Options::default());
        }
    }

    #[test]
    fn no_near_miss_panics(
        words in vec(
            prop::sample::select(vec![
                "series_id", "t", "label", "x", "a", "0", "1", "-1", "1e999", "NaN", "?", ",", ",",
                ":", "\t", "\n", "\n", "\r\n", "\"", "@data", "@classLabel true a b", "@dimensions 2",
                "@targetLabel true", " ", "#", "\u{feff}", "π",
            ]),
            0..60,
        ),
        head in prop::sample::select(vec![
            "", "series_id,t,x,label\n", "@classLabel true a b\n@data\n", "@targetLabel true\n@data\n",
        ]),
    ) {
        let text = format!("{head}{}", words.concat());
        for name in ["a.csv", "a.tsv", "a.ts", "a"] {
            let _ = open_bytes(name, &text, &Options::default());
        }
    }

    #[test]
    fn no_damaged_archive_panics(
        data in plain(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = to_npz(&data);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = open_bytes("a.npz", &bytes, &Options::default());
        let _ = open_bytes("a.npz", &bytes[..keep.index(bytes.len())], &Options::default());
    }
}

#[test]
fn whole_number_classes_are_in_numeric_order() {
    let csv = "series_id,t,x,label\na,0,1,10\nb,0,1,9\nc,0,1,-1\n";
    let data = open_bytes("a.csv", csv, &Options::default()).unwrap().train;
    assert_eq!(data.outputs, ["-1", "9", "10"]);
}

#[test]
fn columns_go_by_their_names_in_the_options() {
    let csv = "when,what,who,note,z,y\n5,walk,1,-,0.5,2\n7,walk,1,-,1.5,3\n1,sit,2,-,2.5,4\n";
    let mut options = Options::default();
    options.columns.series = "who".into();
    options.columns.time = "when".into();
    options.columns.label = "what".into();
    options.columns.channels = Some(vec!["y".into(), "z".into()]);
    let data = open_bytes("a.csv", csv, &options).unwrap().train;
    assert_eq!(data.channels, ["y", "z"]);
    assert_eq!(data.outputs, ["sit", "walk"]);
    assert_eq!(data.sequences[0], ndarray::array![[2.0, 0.5], [3.0, 1.5]]);
    assert_eq!(data.targets, Targets::Class(vec![1, 0]));
}

#[test]
fn targets_take_the_place_of_the_label() {
    let csv = "series_id,t,x,label,mass\na,0,1,u,2.5\na,1,2,u,2.5\nb,0,3,d,3.5\n";
    let mut options = Options::default();
    options.columns.targets = vec!["mass".into()];
    let data = open_bytes("a.csv", csv, &options).unwrap().train;
    assert_eq!(data.channels, ["x"]);
    assert_eq!(data.outputs, ["mass"]);
    assert_eq!(data.targets, Targets::Value(vec![vec![2.5], vec![3.5]]));
}

#[test]
fn test_labels_that_never_change_still_are_one_for_each_step() {
    let files = Files::new();
    let train = "series_id,t,x,label\na,0,1,rest\na,1,1,move\n";
    let test = "series_id,t,x,label\nz,0,1,move\nz,1,1,move\n";
    let options = Options {
        test: Some(files.write("test.csv", test)),
        ..Options::default()
    };
    let parts = open(files.write("train.csv", train).to_str().unwrap(), &options).unwrap();
    assert_eq!(parts.train.targets, Targets::ClassPerStep(vec![vec![1, 0]]));
    assert_eq!(
        parts.test.unwrap().targets,
        Targets::ClassPerStep(vec![vec![0, 0]])
    );
}

#[test]
fn tsv_strips_padding_and_names_whole_classes() {
    let tsv = "1.0000000e+00\t0.5\t-1e-3\tNaN\r\n-2\t1\t2\t3\r\n";
    let data = open_bytes("a.TSV", tsv, &Options::default()).unwrap().train;
    assert_eq!(data.outputs, ["-2", "1"]);
    assert_eq!(data.sequences[0], ndarray::array![[0.5], [-1e-3]]);
    assert_eq!(data.sequences[1].nrows(), 3);
}

#[test]
fn ts_regression_has_one_value_a_series() {
    let ts = "@univariate true\n@targetLabel true\n@data\n1,2:0.5\n3,4,5:-7\n";
    let data = open_bytes("a.ts", ts, &Options::default()).unwrap().train;
    assert_eq!(data.targets, Targets::Value(vec![vec![0.5], vec![-7.0]]));
    assert_eq!(data.outputs, ["y"]);
}

#[test]
fn npz_holds_every_kind_of_target_and_groups() {
    let x = Array3::<i16>::from_shape_fn((3, 2, 1), |(i, t, _)| (10 * i + t) as i16);
    type Writer<'a> = NpzWriter<&'a mut Cursor<Vec<u8>>>;
    let read = |add: &dyn Fn(&mut Writer<'_>)| {
        let mut bytes = Cursor::new(Vec::new());
        let mut npz = NpzWriter::new(&mut bytes);
        npz.add_array("X_train", &x).unwrap();
        npz.add_array("subject_train", &ndarray::array![7i64, 7, 9])
            .unwrap();
        add(&mut npz);
        npz.finish().unwrap();
        open_bytes("a.npz", bytes.into_inner(), &Options::default())
            .unwrap()
            .train
    };
    let steps = read(&|npz| {
        npz.add_array("y_train", &ndarray::array![[0i64, 5], [5, 5], [0, 0]])
            .unwrap();
    });
    assert_eq!(
        steps.targets,
        Targets::ClassPerStep(vec![vec![0, 1], vec![1, 1], vec![0, 0]])
    );
    assert_eq!(steps.outputs, ["0", "5"]);
    assert_eq!(steps.groups, Some(vec!["7".into(), "7".into(), "9".into()]));
    let column = read(&|npz| {
        npz.add_array("y_train", &ndarray::array![[3u8], [4], [3]])
            .unwrap()
    });
    assert_eq!(column.targets, Targets::Class(vec![0, 1, 0]));
    let one = read(&|npz| {
        npz.add_array("y_train", &ndarray::array![0.5f32, 1.0, 2.0])
            .unwrap()
    });
    assert_eq!(
        one.targets,
        Targets::Value(vec![vec![0.5], vec![1.0], vec![2.0]])
    );
    let each = read(&|npz| npz.add_array("y_train", &x.mapv(f64::from)).unwrap());
    let expected = x.outer_iter().map(|v| v.mapv(f32::from)).collect();
    assert_eq!(each.targets, Targets::ValuePerStep(expected));
}
