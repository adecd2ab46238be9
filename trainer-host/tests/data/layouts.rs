//! Layouts as people have them, and what is said where their meaning is in doubt.

use ndarray::{Array1, Array2, Array3, ArrayD};
use ndarray_npy::{NpzWriter, WritableElement};
use trainer_host::data::{Dataset, Kind, Options, Targets, Window, open, open_split};

use super::{Files, open_bytes, refused};

fn with_kind(kind: Kind) -> Options {
    Options {
        task: Some(kind),
        ..Options::default()
    }
}

fn npz<A: WritableElement>(x: &Array3<f64>, y: &ArrayD<A>) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut bytes);
    npz.add_array("X_train", x).unwrap();
    npz.add_array("y_train", y).unwrap();
    npz.finish().unwrap();
    bytes.into_inner()
}

#[test]
fn floats_that_look_like_classes_are_asked_for() {
    let x = Array3::zeros((12, 2, 1));
    let whole: Array1<f64> = (0..12).map(|i| f64::from(i % 3)).collect();
    let column = whole.clone().into_shape_with_order((12, 1)).unwrap();
    let hot = Array2::from_shape_fn((12, 3), |(i, o)| f64::from(u8::from(i % 3 == o)));
    let classes = Targets::Class((0..12).map(|i| i % 3).collect());
    for (y, cure) in [
        (whole.into_dyn(), "astype(int)"),
        (column.into_dyn(), "astype(int)"),
        (hot.clone().into_dyn(), "argmax"),
    ] {
        let bytes = npz(&x, &y);
        let doubtful = open_bytes("a.npz", &bytes, &Options::default());
        refused(doubtful, &[cure, "--task classes", "--task values"]);
        let read = open_bytes("a.npz", &bytes, &with_kind(Kind::Classes))
            .unwrap()
            .train;
        assert_eq!((read.targets, read.outputs.len()), (classes.clone(), 3));
        let read = open_bytes("a.npz", &bytes, &with_kind(Kind::Values))
            .unwrap()
            .train;
        assert!(matches!(read.targets, Targets::Value(_)));
    }
    // One-hot rows of whole numbers, and fractions, leave no doubt of their own.
    let whole_hot = hot.mapv(|v| v as i64).into_dyn();
    refused(
        open_bytes("a.npz", npz(&x, &whole_hot), &Options::default()),
        &["argmax"],
    );
    let real = Array1::from_shape_fn(12, |i| i as f64 / 8.0).into_dyn();
    assert!(open_bytes("a.npz", npz(&x, &real), &Options::default()).is_ok());
}

#[test]
fn whole_numbers_of_dozens_of_kinds_are_asked_for() {
    let rows = (0..30).map(|i| format!("s{i},0,1.5,{}\n", 100 + i));
    let csv: String = std::iter::once("series_id,t,x,label\n".into())
        .chain(rows)
        .collect();
    refused(
        open_bytes("a.csv", &csv, &Options::default()),
        &["30 different labels", "--task values"],
    );
    let read = open_bytes("a.csv", &csv, &with_kind(Kind::Values))
        .unwrap()
        .train;
    assert_eq!(read.outputs, ["label"]);
    assert!(matches!(read.targets, Targets::Value(ref v) if v[1] == [101.0]));
    assert!(open_bytes("a.csv", &csv, &with_kind(Kind::Classes)).is_ok());
}

#[test]
fn one_label_that_changes_in_one_of_many_series_is_asked_for() {
    let rows = (0..6).flat_map(|i| (0..3).map(move |t| (i, t)));
    let row = |(i, t)| {
        format!(
            "s{i},{t},0.5,{}\n",
            if (i, t) == (4, 1) { 7 } else { i % 2 }
        )
    };
    let csv: String = std::iter::once("series_id,t,x,label\n".into())
        .chain(rows.map(row))
        .collect();
    refused(
        open_bytes("a.csv", &csv, &Options::default()),
        &["a.csv:15", "no other one of 6", "--task"],
    );
    let read = open_bytes("a.csv", &csv, &with_kind(Kind::Classes))
        .unwrap()
        .train;
    assert!(matches!(read.targets, Targets::ClassPerStep(_)));
}

#[test]
fn a_byte_order_mark_is_part_of_no_label() {
    let tsv = "\u{feff}1\t0.5\t1\n2\t1\t2\n\u{feff}1\t2\t3\n";
    assert_eq!(
        open_bytes("a.tsv", tsv, &Options::default())
            .unwrap()
            .train
            .outputs,
        ["1", "2"]
    );
    let csv = "\u{feff}label,x\n1,2\n2,3\n";
    assert_eq!(
        open_bytes("a.csv", csv, &Options::default())
            .unwrap()
            .train
            .outputs,
        ["1", "2"]
    );
}

/// 8 series of 5 rows with whatever stands before and behind the columns.
fn table(header: &str, row: impl Fn(usize, usize) -> String) -> String {
    let rows = (0..40).map(|at| row(at / 5, at % 5) + "\n");
    std::iter::once(format!("{header}\n")).chain(rows).collect()
}

#[test]
fn what_counts_rows_or_has_no_name_is_no_channel() {
    let value = |s: usize, t: usize| (s * 7 + t * t) as f64 / 4.0;
    let plain = table("series_id,t,x,label", |s, t| {
        format!("s{s},{t},{},{}", value(s, t), s % 2)
    });
    let expected = open_bytes("a.csv", &plain, &Options::default())
        .unwrap()
        .train;
    for (header, from) in [("", 0), ("row", 0), ("n", 1)] {
        let text = table(&format!("{header},series_id,t,x,label"), |s, t| {
            format!("{},s{s},{t},{},{}", s * 5 + t + from, value(s, t), s % 2)
        });
        let read = open_bytes("a.csv", &text, &Options::default())
            .unwrap()
            .train;
        assert_eq!(read.notes.len(), 1, "{header:?}");
        assert_eq!(
            Dataset {
                notes: vec![],
                ..read
            },
            expected,
            "{header:?}"
        );
    }
    let within = table("series_id,step,x,label", |s, t| {
        format!("s{s},{t},{},{}", value(s, t), s % 2)
    });
    assert_eq!(
        open_bytes("a.csv", within, &Options::default())
            .unwrap()
            .train
            .channels,
        ["x"]
    );
}

#[test]
fn separators_comments_and_decimal_commas_are_read() {
    let csv = "series_id,t,x,label\na,0,1.5,up\na,1,2.5,up\nb,0,3.5,down\nb,1,4.5,down\n";
    let expected = open_bytes("a.csv", csv, &Options::default()).unwrap().train;
    let semicolons = csv.replace(',', ";");
    for text in [
        semicolons.replace('.', ","),
        semicolons,
        csv.replace(',', "\t"),
        csv.replace(',', "\t").replace('.', ","),
        format!(
            "# logger 3\n% second\n{}",
            csv.replace("b,0", "# pause\nb,0")
        ),
    ] {
        assert_eq!(
            open_bytes("a.csv", &text, &Options::default())
                .unwrap()
                .train,
            expected,
            "{text}"
        );
    }
    let tabs = csv.replace(',', "\t");
    assert_eq!(
        open_bytes("a.tsv", tabs, &Options::default())
            .unwrap()
            .train,
        expected
    );
}

#[test]
fn even_time_stamps_of_a_ts_file_are_read() {
    let plain = "@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n";
    let timed = "@timeStamps true\n@classLabel true a b\n@data\n\
                 (0,1),(2,2),(4,3):a\n(2007-01-01 00:00:00,4),(2007-01-01 00:10:00,5),(2007-01-01 00:20:00,6):b\n";
    let read = |text| open_bytes("a.ts", text, &Options::default()).unwrap().train;
    assert_eq!(read(timed), read(plain));
}

#[test]
fn times_with_offsets_in_nanoseconds_and_of_counters_are_read() {
    let file = |times: [&str; 4]| {
        let rows = times
            .iter()
            .zip([0, 0, 1, 1])
            .map(|(time, label)| format!("{time},{label},{label}.5\n"));
        std::iter::once("timestamp,label,x\n".to_owned())
            .chain(rows)
            .collect::<String>()
    };
    for times in [
        [
            "2016-07-01T00:00:00+02:00",
            "2016-06-30T22:00:01Z",
            "2016-07-01T00:00:02+0200",
            "2016-07-01 00:00:03+02",
        ],
        [
            "1467331200000000001",
            "1467331200000000002",
            "1467331200000000003",
            "1467331200000000004",
        ],
        ["65516", "65526", "0", "10"],
    ] {
        let read = open_bytes("a.csv", file(times), &Options::default())
            .unwrap()
            .train;
        assert_eq!((read.len(), &read.channels[..]), (1, &["x".to_owned()][..]));
    }
    let back = ["40", "50", "0", "10"];
    refused(
        open_bytes("a.csv", file(back), &Options::default()),
        &["a.csv:4", "does not come after 50"],
    );
    let ambiguous = ["01/07/2016", "02/07/2016", "03/07/2016", "04/07/2016"];
    refused(
        open_bytes("a.csv", file(ambiguous), &Options::default()),
        &["a.csv:2", "two days"],
    );
}

#[test]
fn missing_values_at_the_end_are_padding_in_every_layout() {
    let mut x = Array3::zeros((2, 3, 2));
    x.fill(1.5);
    x.slice_mut(ndarray::s![1, 2.., ..]).fill(f64::NAN);
    let y = Array1::from_vec(vec![0i64, 1]).into_dyn();
    let csv = "series_id,t,x,z,label\na,0,1,1,0\na,1,1,1,0\na,2,1,1,0\nb,0,1,1,1\nb,1,1,1,1\nb,2,NaN,,1\n";
    let ts = "@classLabel true 0 1\n@data\n1,1,1:1,1,1:0\n1,1,NaN:1,1,?:1\n";
    for (name, bytes) in [
        ("a.npz", npz(&x, &y)),
        ("a.csv", csv.into()),
        ("a.ts", ts.into()),
        ("a.tsv", "0\t1\t1\t1\n1\t1\t1\tNaN\n".into()),
    ] {
        let read = open_bytes(name, bytes, &Options::default()).unwrap().train;
        let lengths: Vec<usize> = read.sequences.iter().map(|s| s.nrows()).collect();
        assert_eq!(lengths, [3, 2], "{name}");
        assert!(
            read.notes[0].starts_with("1 of 2 sequences end in missing values"),
            "{name}"
        );
    }
}

#[test]
fn targets_of_padding_are_none() {
    let mut x = Array3::from_elem((2, 3, 1), 1.5);
    x[[1, 2, 0]] = f64::NAN;
    let mut values = x.clone();
    values[[0, 1, 0]] = 2.25;
    let labels = ndarray::array![[0i64, 1, 0], [1, 0, -1]];
    let read = |bytes| {
        open_bytes("a.npz", bytes, &Options::default())
            .unwrap()
            .train
    };
    let classes = read(npz(&x, &labels.into_dyn()));
    assert_eq!(classes.outputs, ["0", "1"]);
    assert_eq!(
        classes.targets,
        Targets::ClassPerStep(vec![vec![0, 1, 0], vec![1, 0]])
    );
    let Targets::ValuePerStep(steps) = read(npz(&x, &values.into_dyn())).targets else {
        panic!("there is a value for each step");
    };
    assert_eq!(steps[1], ndarray::array![[1.5], [1.5]]);
    // Rows of separators alone, as spreadsheets leave them.
    let csv = "series_id,t,x,label\na,0,1,up\nb,0,2,down\n,,,\n,,,\n";
    let read = |text: &str| open_bytes("a.csv", text, &Options::default());
    assert_eq!(read(csv).unwrap().train.len(), 2);
    refused(
        read(&format!("{csv}c,0,1,up\n")),
        &["a.csv:4", "an empty row"],
    );
}

#[test]
fn one_column_of_values_a_step_is_a_value_for_each_step() {
    let x = Array3::from_shape_fn((3, 4, 2), |(i, t, j)| (i + t + j) as f64);
    let y = Array2::from_shape_fn((3, 4), |(i, t)| i as f64 + 0.1 * t as f64);
    let read = open_bytes("a.npz", npz(&x, &y.clone().into_dyn()), &Options::default());
    let read = read.unwrap().train;
    assert_eq!(read.outputs, ["y"]);
    assert!(
        read.notes[0].contains("a value for each step"),
        "{:?}",
        read.notes
    );
    let Targets::ValuePerStep(steps) = read.targets else {
        panic!("there is a value for each step");
    };
    assert_eq!(steps[2][[3, 0]], y[[2, 3]] as f32);
}

#[test]
fn a_column_that_counts_rows_is_no_channel_wherever_it_begins() {
    let rows = |from: fn(usize) -> usize| {
        table("series_id,t,index,x,label", |s, t| {
            format!("s{s},{t},{},{},{}", from(s) + t, s * t % 7, s % 2)
        })
    };
    for from in [(|s| 5 * s) as fn(usize) -> usize, |_| 0, |s| 900 + 17 * s] {
        let read = open_bytes("a.csv", rows(from), &Options::default())
            .unwrap()
            .train;
        assert_eq!(read.channels, ["x"]);
        assert!(
            read.notes[0].contains("index counts rows"),
            "{:?}",
            read.notes
        );
    }
}

#[test]
fn a_time_beside_the_time_is_no_channel() {
    // Even steps of any size; uneven ones by the column's name alone.
    for (name, uneven, note) in [
        ("stamp", 0, "stamp goes on by 20 from row to row"),
        ("ms", 3, "ms increases from row to row as a time does"),
        ("packet", 3, "packet counts rows"),
    ] {
        let rows = table(&format!("series_id,t,{name},x,label"), |s, t| {
            let time = 20 * t + (s + t) % 4 * uneven;
            format!("s{s},{t},{time},{},{}", s * t % 7, s % 2)
        });
        let read = open_bytes("a.csv", &rows, &Options::default())
            .unwrap()
            .train;
        assert_eq!(read.channels, ["x"]);
        assert!(read.notes[0].contains(note), "{:?}", read.notes);
        let mut named = Options::default();
        named.columns.channels = Some(vec![name.into(), "x".into()]);
        let read = open_bytes("a.csv", &rows, &named).unwrap().train;
        assert_eq!((read.channels.len(), read.notes.len()), (2, 0));
    }
    // In an array it stays, and a note names it.
    let x = Array3::from_shape_fn((12, 9, 2), |(i, t, j)| {
        if j == 0 {
            0.02 * t as f64
        } else {
            (i * t % 7) as f64
        }
    });
    let y = Array1::from_shape_fn(12, |i| (i % 2) as i64).into_dyn();
    let read = open_bytes("a.npz", npz(&x, &y), &Options::default())
        .unwrap()
        .train;
    assert_eq!(read.channels.len(), 2);
    assert!(
        read.notes[0].starts_with("x0 goes on by the same amount"),
        "{:?}",
        read.notes
    );
}

#[test]
fn one_hot_columns_that_are_targets_are_asked_for() {
    let rows = table("series_id,t,x,walk,run", |s, t| {
        format!("s{s},{t},{},{},{}", s * t % 7, s % 2, 1 - s % 2)
    });
    let read = |task| {
        let mut options = Options {
            task,
            ..Options::default()
        };
        options.columns.targets = vec!["walk".into(), "run".into()];
        open_bytes("a.csv", &rows, &options)
    };
    refused(read(None), &["one-hot", "--task classes", "--task values"]);
    assert_eq!(
        read(Some(Kind::Classes)).unwrap().train.outputs,
        ["run", "walk"]
    );
    assert!(matches!(
        read(Some(Kind::Values)).unwrap().train.targets,
        Targets::Value(_)
    ));
    // One column of few whole numbers may be a count: a note.
    let mut one = Options::default();
    one.columns.targets = vec!["walk".into()];
    let read = open_bytes("a.csv", rows.replace(",run", ",t2"), &one)
        .unwrap()
        .train;
    assert!(
        read.notes
            .iter()
            .any(|note| note.contains("2 different whole numbers")),
        "{:?}",
        read.notes
    );
}

#[test]
fn a_byte_order_mark_belongs_to_no_field_of_any_layout() {
    let mark = "\u{feff}";
    let csv = "series_id,t,x,label\na,0,1,up\nb,0,2,down\n";
    let ts = "@classLabel true up down\n@data\n1:up\n2:down\n";
    for (name, text) in [
        ("a.csv", csv.to_owned()),
        ("a.csv", format!("# logger\n{csv}")),
        ("a.csv", csv.replace("series_id", "\"series_id\"")),
        ("a.ts", ts.to_owned()),
        ("a.tsv", "up\t1\ndown\t2\n".to_owned()),
        ("a_TRAIN.txt", "1 1 1\n2 2 2\n".to_owned()),
    ] {
        let read = |text: &str| open_bytes(name, text, &Options::default()).unwrap().train;
        assert_eq!(read(&format!("{mark}{text}")), read(&text), "{name}");
    }
    let folder = Files::new();
    for name in ["up.1.csv", "up.2.csv", "down.1.csv"] {
        folder.write(name, format!("{mark}t,x\n0,1\n1,2\n"));
    }
    let read = open(folder.0.path().to_str().unwrap(), &Options::default());
    assert_eq!(read.unwrap().train.channels, ["x"]);
    let matrices = Files::new();
    matrices.write("y.txt", format!("{mark}1\n2\n"));
    matrices.write("x.txt", format!("{mark}1 2\n3 4\n"));
    let read = open(matrices.0.path().to_str().unwrap(), &Options::default()).unwrap();
    assert_eq!(read.train.outputs, ["1", "2"]);
    refused(
        open_bytes("a.csv", b"\xff\xfet\0,\0x\0\n\0", &Options::default()),
        &["UTF-8"],
    );
}

#[test]
fn gaps_in_time_are_told_where_no_windows_are_cut() {
    let read = open_bytes("a.csv", recording(22..24), &Options::default())
        .unwrap()
        .train;
    assert!(
        read.notes
            .iter()
            .any(|note| note.starts_with("1 gap in time")),
        "{:?}",
        read.notes
    );
    let uneven: String = (0..60)
        .map(|t| format!("{},{},{}\n", t * t, t % 7, t / 10 % 2))
        .collect();
    let read = open_bytes(
        "a.csv",
        format!("timestamp,x,label\n{uneven}"),
        &Options::default(),
    );
    let notes = read.unwrap().train.notes;
    assert!(
        notes.iter().all(|note| !note.contains("gap in time")),
        "{notes:?}"
    );
}

#[test]
fn numbers_between_spaces_without_a_header_are_one_recording() {
    let rows: String = (0..40)
        .map(|t| format!("{} {} -5 {}\n", 15 * t, t * t % 11, 1 + t / 10 % 2))
        .collect();
    let mut options = Options::default();
    (options.columns.time, options.columns.label) = ("1".into(), "4".into());
    let read = open_bytes("S01R01.txt", rows, &options).unwrap().train;
    assert_eq!(read.channels, ["2", "3"]);
    assert_eq!(
        (read.len(), &read.outputs[..]),
        (1, &["1".to_owned(), "2".to_owned()][..])
    );
}

#[test]
fn a_folder_of_recordings_has_its_classes_by_subfolder_or_by_name() {
    let rows = "timestamp,x,y\n0,1,5\n16,2,6\n32,3,7\n";
    let layouts: [&[&str]; 5] = [
        &["run.1.csv", "run.3.csv", "walk.0.csv", "walk.2.csv"],
        &["run_01.csv", "run_02.csv", "walk_01.csv", "walk_02.csv"],
        &["run/a.csv", "run/b.csv", "walk/a.csv", "walk/c.csv"],
        &[
            "train/run.1.csv",
            "train/run.2.csv",
            "train/walk.1.csv",
            "train/walk.2.csv",
            "test/run.9.csv",
        ],
        &[
            "ann/run_1.csv",
            "bob/run_1.csv",
            "ann/walk_1.csv",
            "bob/walk_1.csv",
        ],
    ];
    for files in layouts {
        let folder = Files::new();
        for file in files {
            let path = folder.0.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, rows).unwrap();
        }
        std::fs::write(folder.0.path().join("README.md"), "about").unwrap();
        let parts = open(folder.0.path().to_str().unwrap(), &Options::default()).unwrap();
        assert_eq!(parts.train.channels, ["x", "y"], "{files:?}");
        assert_eq!(parts.train.outputs, ["run", "walk"], "{files:?}");
        let Targets::Class(mut classes) = parts.train.targets else {
            panic!("recordings have classes");
        };
        classes.sort_unstable();
        assert_eq!(classes, [0, 0, 1, 1], "{files:?}");
        assert_eq!(parts.test.is_some(), files.len() == 5);
        assert_eq!(parts.train.groups.is_some(), files[0].starts_with("ann"));
    }
    let mixed = Files::new();
    mixed.write("run.1.csv", rows);
    mixed.write("run.2.csv", rows.replace('y', "z"));
    refused(
        open(mixed.0.path().to_str().unwrap(), &Options::default()),
        &["run.2.csv:1", "same channels"],
    );
}

#[test]
fn a_folder_of_matrices_has_a_file_for_each_channel() {
    let folder = Files::new();
    for (part, rows) in [("train", 4), ("test", 2)] {
        let path = folder.0.path().join(part).join("Inertial Signals");
        std::fs::create_dir_all(&path).unwrap();
        let matrix = |from: f64| -> String {
            (0..rows)
                .map(|i| format!("  {:e} {:e}\n", from + f64::from(i), from))
                .collect()
        };
        for (name, from) in [("acc_x", 1.0), ("acc_y", 20.0)] {
            std::fs::write(path.join(format!("{name}_{part}.txt")), matrix(from)).unwrap();
        }
        let beside = path.parent().unwrap();
        let lines = |line: &dyn Fn(i32) -> String| (0..rows).map(line).collect::<String>();
        std::fs::write(
            beside.join(format!("X_{part}.txt")),
            lines(&|i| format!("{i} 2 3\n")),
        )
        .unwrap();
        std::fs::write(
            beside.join(format!("y_{part}.txt")),
            lines(&|i| format!("{}\n", 1 + i % 2)),
        )
        .unwrap();
        std::fs::write(
            beside.join(format!("subject_{part}.txt")),
            lines(&|i| format!("{}\n", i / 2)),
        )
        .unwrap();
    }
    folder.write("activity_labels.txt", "1 WALKING\n2 SITTING\n");
    let parts = open(folder.0.path().to_str().unwrap(), &Options::default()).unwrap();
    let train = parts.train;
    assert_eq!(train.channels, ["acc_x", "acc_y"]);
    assert_eq!(train.outputs, ["SITTING", "WALKING"]);
    assert_eq!(train.targets, Targets::Class(vec![1, 0, 1, 0]));
    assert_eq!(
        train.groups,
        Some(["0", "0", "1", "1"].map(String::from).to_vec())
    );
    assert_eq!(
        train.sequences[2],
        ndarray::array![[3.0, 22.0], [1.0, 20.0]]
    );
    assert!(train.notes[0].contains("X"), "{:?}", train.notes);
    assert_eq!(parts.test.unwrap().len(), 2);
}

/// One recording of 60 steps whose label changes every ten, less the rows of `without`.
fn recording(without: std::ops::Range<usize>) -> String {
    let rows = (0..60).filter(|t| !without.contains(t));
    let row = |t: usize| format!("{},{},{}\n", 20 * t, t * t % 17, (t / 10) % 2);
    std::iter::once("timestamp,x,label\n".into())
        .chain(rows.map(row))
        .collect()
}

#[test]
fn the_end_of_one_recording_validates() {
    let files = Files::new();
    let path = files.write("a.csv", recording(0..0));
    let parts = open_split(path.to_str().unwrap(), &Options::default(), 0.25, 1).unwrap();
    let validation = parts.validation.unwrap();
    assert_eq!(
        (
            parts.train.sequences[0].nrows(),
            validation.sequences[0].nrows()
        ),
        (45, 15)
    );
    let options = Options {
        test_share: Some(0.2),
        ..Options::default()
    };
    let parts = open_split(path.to_str().unwrap(), &options, 0.25, 1).unwrap();
    let rows = [parts.train, parts.validation.unwrap(), parts.test.unwrap()]
        .map(|p| p.sequences[0].nrows());
    assert_eq!(rows, [36, 12, 12]);
}

#[test]
fn windows_span_no_change_of_label_and_no_gap() {
    let options = Options {
        window: Some(Window {
            length: 5,
            step: Some(5),
        }),
        ..Options::default()
    };
    let whole = open_bytes("a.csv", recording(0..0), &options)
        .unwrap()
        .train;
    assert_eq!(whole.len(), 12);
    assert!(matches!(whole.targets, Targets::Class(ref c) if c[..3] == [0, 0, 1]));
    // Rows 22 and 23 are missing: of windows 20..25 and 25..30 the first is over the gap, and all later
    // windows are two rows further on.
    let gappy = open_bytes("a.csv", recording(22..24), &options)
        .unwrap()
        .train;
    assert!(
        gappy
            .notes
            .iter()
            .any(|note| note.contains("1 gap in time")),
        "{:?}",
        gappy.notes
    );
    assert!(
        gappy
            .notes
            .iter()
            .any(|note| note.contains("label changes")),
        "{:?}",
        gappy.notes
    );
}

#[test]
fn a_class_without_a_window_is_told() {
    // Labels of ten rows each, and one of three.
    let text = recording(0..0)
        .replace(",1\n", ",walk\n")
        .replace(",0\n", ",rest\n");
    let text = text.replacen(",rest\n", ",fall\n", 3);
    let options = Options {
        window: Some(Window::new(5)),
        ..Options::default()
    };
    let notes = open_bytes("a.csv", text, &options).unwrap().train.notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("no window of 5 rows has the class fall")),
        "{notes:?}"
    );
}

#[test]
fn a_class_without_a_sequence_to_train_on_is_refused_by_name() {
    let files = Files::new();
    let grouped = table("series_id,t,x,label,group", |s, t| {
        let class = usize::from(s > 3);
        format!("s{s},{t},{},c{class},p{class}", s * t % 7)
    });
    let path = files.write("a.csv", grouped);
    let result = open_split(path.to_str().unwrap(), &Options::default(), 0.25, 0);
    refused(
        result,
        &["no sequence of class \"c", "group \"p", "is all of it"],
    );
    let lone = "series_id,t,x,label\na,0,1,0\nb,0,2,1\nc,0,3,2\n";
    let path = files.write("b.csv", lone);
    let result = open_split(path.to_str().unwrap(), &Options::default(), 0.2, 0);
    refused(result, &["no sequence of class", "one sequence only"]);
}

#[test]
fn a_share_to_test_is_stratified_and_the_same_for_every_split() {
    let files = Files::new();
    let text = table("series_id,t,x,label", |s, t| {
        format!("s{s},{t},{},{}", s * 9 + t * t, s % 2)
    });
    let path = files.write("a.csv", text);
    let options = Options {
        test_share: Some(0.25),
        ..Options::default()
    };
    let read = |seed| open_split(path.to_str().unwrap(), &options, 0.34, seed).unwrap();
    let (one, other) = (read(1), read(2));
    assert_eq!(one.test, other.test);
    assert_eq!(one.test.unwrap().class_counts(), Some(vec![1, 1]));
    assert_eq!((one.train.len(), one.validation.unwrap().len()), (4, 2));
}

#[test]
fn whole_numbers_of_32_bits_are_exact_in_every_layout() {
    let value = |s: usize, t: usize| 1_000_000_000 + (s * 5 + t * t) as i64;
    let csv = table("series_id,t,x,label", |s, t| {
        format!("s{s},{t},{},{}", value(s, t), s % 2)
    });
    let x = Array3::from_shape_fn((8, 5, 1), |(s, t, _)| value(s, t) as f64);
    let y = Array1::from_shape_fn(8, |s| (s % 2) as i64).into_dyn();
    for (name, bytes) in [("a.csv", csv.into_bytes()), ("a.npz", npz(&x, &y))] {
        let read = open_bytes(name, bytes, &Options::default()).unwrap().train;
        for (s, recording) in read.recordings().into_iter().enumerate() {
            let expected: Vec<f64> = (0..5).map(|t| value(s, t) as f64).collect();
            assert_eq!(
                recording.channel(0).collect::<Vec<f64>>(),
                expected,
                "{name}"
            );
        }
        let again = trainer_host::data::to_long_csv(&read).unwrap();
        let again = open_bytes("b.csv", again, &Options::default())
            .unwrap()
            .train;
        assert_eq!(again.sequences, read.sequences, "{name}");
    }
}

#[test]
fn messages_are_cut() {
    let field = "x".repeat(1 << 20);
    let csv = format!("series_id,t,x,label\na,0,{field},up\n");
    let message = open_bytes("a.csv", csv, &Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.len() < 2000 && message.ends_with("(--channels names the channels)"),
        "{}",
        message.len()
    );
}
