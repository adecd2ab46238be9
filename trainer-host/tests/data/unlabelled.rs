//! Are recordings read without their labels as they are with them?

use std::io::Cursor;
use std::path::Path;

use ndarray::{Array1, Array3};
use ndarray_npy::NpzWriter;
use trainer_host::data::{
    DataError, Dataset, Forecast, Known, Options, Schema, Targets, Window, open, open_test,
};

use super::Files;

/// The inputs alone.
fn inputs(path: &Path, options: &Options, schema: &Schema) -> Result<Dataset, DataError> {
    let known = Known {
        schema,
        front_end: None,
        mean: None,
        offsets: Some(&[]),
        unlabelled: true,
    };
    open_test(path.to_str().unwrap(), options, known)
}

fn train(path: &Path, options: &Options) -> Dataset {
    open(path.to_str().unwrap(), options).unwrap().train
}

/// Four sequences of five steps of two channels, with `labels` or as arrays of inputs alone.
fn npz(labels: bool) -> Vec<u8> {
    let x = Array3::from_shape_fn((4, 5, 2), |(n, t, j)| (n * 10 + t * 2 + j) as f32);
    let mut bytes = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut bytes);
    match labels {
        true => {
            npz.add_array("X_train", &x).unwrap();
            npz.add_array("y_train", &Array1::from(vec![0u8, 1, 0, 1]))
                .unwrap();
        }
        false => npz.add_array("X", &x).unwrap(),
    }
    npz.finish().unwrap();
    bytes.into_inner()
}

/// A table of series `a` to `d`, `rows` each, with a label or without.
fn table(labels: bool, rows: usize) -> String {
    let mut text = format!("series_id,t,x,y{}\n", if labels { ",label" } else { "" });
    for (s, series) in ["a", "b", "c", "d"].iter().enumerate() {
        for t in 0..rows {
            text += &format!("{series},{t},{},{}", s * 10 + t, t * t);
            text += if labels {
                [",up\n", ",down\n"][s % 2]
            } else {
                "\n"
            };
        }
    }
    text
}

#[test]
fn labels_are_neither_needed_nor_read_in_any_format() {
    let files = Files::new();
    let ts = |head: &str, ends: [&str; 2]| {
        format!(
            "@problemName a\n@dimensions 2\n{head}\n@data\n1,2:3,4{}\n5,6:7,8{}\n",
            ends[0], ends[1]
        )
    };
    for (labelled, unlabelled) in [
        (
            files.write("a.csv", table(true, 6)),
            files.write("b.csv", table(false, 6)),
        ),
        (
            files.write("a.ts", ts("@classLabel true up down", [":up", ":down"])),
            files.write("b.ts", ts("@classLabel false", ["", ""])),
        ),
        (
            files.write("a.tsv", "1\t0.5\t1\n2\t-1\t0\n"),
            files.write("b.tsv", "?\t0.5\t1\n?\t-1\t0\n"),
        ),
        (
            files.write("a.npz", npz(true)),
            files.write("b.npz", npz(false)),
        ),
    ] {
        let options = Options::default();
        let known = train(&labelled, &options);
        for path in [&labelled, &unlabelled] {
            let found = inputs(path, &options, &known.schema()).unwrap();
            assert_eq!(found.sequences, known.sequences, "{path:?}");
            assert_eq!(found.channels, known.channels, "{path:?}");
            assert_eq!(found.names, known.names, "{path:?}");
            assert_eq!(found.targets, Targets::Value(vec![vec![]; known.len()]));
        }
        if !unlabelled.ends_with("b.tsv") {
            assert!(open(unlabelled.to_str().unwrap(), &options).is_err());
        }
    }
}

#[test]
fn a_label_that_training_never_saw_is_no_matter() {
    let files = Files::new();
    let options = Options::default();
    let schema = train(&files.write("a.csv", table(true, 6)), &options).schema();
    let other = files.write("b.csv", table(true, 6).replace("up", "sideways"));
    assert!(inputs(&other, &options, &schema).is_ok());
    let narrow = files.write("c.csv", "series_id,t,x\na,0,1\n");
    let error = inputs(&narrow, &options, &schema).unwrap_err().to_string();
    assert!(
        error.contains("there is no channel \"y\" among [x]"),
        "{error}"
    );
}

#[test]
fn a_folder_needs_no_classes_in_its_names() {
    let files = Files::new();
    let options = Options::default();
    for (folder, names) in [
        ("known", ["up_1.csv", "down_1.csv"]),
        ("new", ["one.csv", "two.csv"]),
    ] {
        std::fs::create_dir(files.0.path().join(folder)).unwrap();
        for name in names {
            files.write(&format!("{folder}/{name}"), "t,x,y\n0,1,2\n1,3,4\n");
        }
    }
    let schema = train(&files.0.path().join("known"), &options).schema();
    let found = inputs(&files.0.path().join("new"), &options, &schema).unwrap();
    assert_eq!(found.names, ["one", "two"]);
}

#[test]
fn windows_have_names_and_the_last_forecast_is_of_what_comes() {
    let files = Files::new();
    let path = files.write("a.csv", table(true, 7));
    let mut options = Options {
        window: Some(Window::new(3)),
        ..Options::default()
    };
    let schema = train(&path, &options).schema();
    let found = inputs(&path, &options, &schema).unwrap();
    assert_eq!(found.names[..3], ["a[0..3]", "a[3..6]", "b[0..3]"]);
    options.window = None;
    let unlabelled = files.write("b.csv", table(false, 7));
    options.forecast = Some(Forecast {
        horizon: 2,
        ..Forecast::new(3)
    });
    let known = train(&unlabelled, &options);
    let found = inputs(&unlabelled, &options, &known.schema()).unwrap();
    // 7 - 3 + 1 windows of each series, of which the last two lead beyond its end.
    assert_eq!((known.len(), found.len()), (4 * 3, 4 * 5));
    assert_eq!(found.sequences[..3], known.sequences[..3]);
    assert_eq!(found.names[4], "a[4..7]");
    assert_eq!(found.sequences[4][[2, 0]], 6.0);
}
