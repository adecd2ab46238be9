//! Bad input of every kind: the message names the place, the fault and the cure.

use std::io::Write;

use ndarray::{Array1, Array3};
use ndarray_npy::NpzWriter;
use trainer_host::data::{Columns, Fill, Forecast, Known, Options, open, open_test};

use super::{Files, open_bytes};

/// Opens a file, which must fail with a message that ends in these pieces, in this order.
#[track_caller]
fn refuses(name: &str, bytes: impl AsRef<[u8]>, pieces: &[&str]) {
    refuses_with(&Options::default(), name, bytes, pieces);
}

#[track_caller]
fn refuses_with(options: &Options, name: &str, bytes: impl AsRef<[u8]>, pieces: &[&str]) {
    let message = match open_bytes(name, bytes, options) {
        Ok(_) => panic!("{name} was accepted, expected {pieces:?}"),
        Err(error) => error.to_string(),
    };
    assert_in_order(&message, pieces);
}

#[track_caller]
fn assert_in_order(message: &str, pieces: &[&str]) {
    let mut rest = message;
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => panic!("{piece:?} is not (or not in order) in: {message}"),
        }
    }
}

/// Opens a training and a test file, which must fail.
#[track_caller]
fn refuses_test(name: &str, train: &str, test: &str, pieces: &[&str]) {
    let files = Files::new();
    let train = files.write(&format!("train{name}"), train);
    let options = Options {
        test: Some(files.write(&format!("test{name}"), test)),
        ..Options::default()
    };
    let message = open(train.to_str().unwrap(), &options)
        .unwrap_err()
        .to_string();
    assert_in_order(&message, pieces);
}

fn with_targets(targets: &[&str]) -> Options {
    let mut options = Options::default();
    options.columns.targets = targets.iter().map(|t| t.to_string()).collect();
    options
}

/// Two series of two steps; a starting point to spoil.
const CSV: &str = "series_id,t,x,label\na,0,1.5,up\na,1,2.5,up\nb,0,3.5,down\nb,1,4.5,down\n";
const TS: &str = "@dimensions 2\n@classLabel true up down\n@data\n1,2:3,4:up\n5,6:7,8:down\n";
const TSV: &str = "1\t0.5\t0.25\n2\t1.5\t1.25\n";

#[test]
fn accepts_what_the_others_spoil() {
    for (name, bytes) in [("a.csv", CSV), ("a.ts", TS), ("a.tsv", TSV)] {
        assert_eq!(
            open_bytes(name, bytes, &Options::default())
                .unwrap()
                .train
                .len(),
            2
        );
    }
    assert_eq!(
        open_bytes("a.npz", npz(|_| {}), &Options::default())
            .unwrap()
            .train
            .len(),
        2
    );
}

#[test]
fn refuses_missing_file() {
    let message = open("no/such.csv", &Options::default())
        .unwrap_err()
        .to_string();
    assert_in_order(&message, &["no/such.csv: cannot be read", "check the path"]);
}

#[test]
fn refuses_folder_without_recordings() {
    let files = Files::new();
    std::fs::create_dir(files.0.path().join("a.csv")).unwrap();
    let path = files.0.path().join("a.csv");
    let message = open(path.to_str().unwrap(), &Options::default())
        .unwrap_err()
        .to_string();
    assert_in_order(
        &message,
        &["a.csv: no recordings in this folder", "walk_01.csv"],
    );
}

#[test]
fn refuses_unknown_extension() {
    refuses(
        "a.xlsx",
        "abc",
        &["a.xlsx", "\"xlsx\"", ".csv", ".tsv", ".ts", ".npz"],
    );
}

#[test]
fn refuses_unknown_built_in() {
    let message = |name| open(name, &Options::default()).unwrap_err().to_string();
    assert_in_order(
        &message("digit"),
        &["no such built-in", "did you mean \"digits\"?", "adding"],
    );
    assert_in_order(
        &message("zzzz"),
        &["no such built-in data; built in are digits"],
    );
}

#[test]
fn refuses_empty_file() {
    for name in ["a.csv", "a.tsv", "a.ts", "a.npz"] {
        refuses(name, "", &[name, "no sequences"]);
    }
    refuses("a.csv", "series_id,t,x,label\n", &["a.csv", "no sequences"]);
    refuses("a.csv", "\n\n", &["a.csv", "no sequences"]);
    refuses(
        "a.ts",
        "@classLabel true a b\n@data\n",
        &["a.ts", "no sequences"],
    );
}

#[test]
fn refuses_ragged_row() {
    refuses(
        "a.csv",
        CSV.replace("a,1,2.5,up", "a,1,2.5"),
        &["a.csv:3", "expected 4 fields, found 3"],
    );
    refuses(
        "a.tsv",
        TSV.replace("\t1.25", ""),
        &["a.tsv:2", "expected 3 fields, found 2"],
    );
    refuses(
        "a.ts",
        TS.replace("7,8", "7"),
        &["a.ts:5, channel 2", "has 1 values, the first one has 2"],
    );
}

#[test]
fn refuses_nan_and_infinity() {
    for bad in ["NaN", "inf", "-inf", "1e39"] {
        refuses(
            "a.csv",
            CSV.replace("3.5", bad),
            &["a.csv:4, column x", bad, "not a finite", "fill"],
        );
        refuses(
            "a.ts",
            TS.replace("7,8", &format!("7,{bad}")),
            &["a.ts:5, channel 2, value 2", bad],
        );
        refuses("a.tsv", TSV.replace("0.5", bad), &["a.tsv:1, field 2", bad]);
    }
}

#[test]
fn refuses_missing_value() {
    refuses(
        "a.csv",
        CSV.replace("3.5", ""),
        &["a.csv:4, column x", "value missing", "fill"],
    );
    for word in ["none", "NaN", "N/A"] {
        for (name, text) in [
            ("a.csv", CSV.replace("2.5,up", &format!("2.5,{word}"))),
            ("a.ts", TS.replace(":up", &format!(":{word}"))),
            ("a.tsv", TSV.replace("2\t", &format!("{word}\t"))),
        ] {
            refuses(
                name,
                text,
                &["label", word, "value is missing", "never made up"],
            );
        }
    }
    refuses(
        "a.csv",
        CSV.replace("2.5,up", "2.5,"),
        &[
            "a.csv:3, column label",
            "label or name is missing",
            "is never made up",
        ],
    );
    refuses(
        "a.ts",
        TS.replace("7,8", "?,8"),
        &["a.ts:5, channel 2, value 1", "value missing"],
    );
    refuses(
        "a.ts",
        TS.replace(":down", ":"),
        &["a.ts:5, the label", "label or name is missing"],
    );
    refuses(
        "a.tsv",
        "\t1\t2\n",
        &["a.tsv:1, field 1", "label or name is missing"],
    );
}

#[test]
fn refuses_text_for_a_number() {
    refuses(
        "a.csv",
        CSV.replace("2.5", "2,5").replace("up", "u"),
        &["a.csv:3", "expected 4"],
    );
    refuses(
        "a.csv",
        CSV.replace("2.5", "two"),
        &["a.csv:3, column x", "\"two\" is not a number", "--group"],
    );
    refuses(
        "a.csv",
        CSV.replace("a,1", "a,later"),
        &["a.csv:3, column t", "\"later\" is not"],
    );
}

#[test]
fn refuses_missing_column() {
    let own = "acc_x,acc_y,activity\n1,2,walk\n3,4,walk\n";
    refuses(
        "a.csv",
        own,
        &[
            "a.csv:1",
            "\"series_id\"",
            "acc_x, acc_y, activity",
            "one row a time step",
        ],
    );
    refuses(
        "a.csv",
        CSV.replace("label", "class"),
        &["a.csv:1", "\"label\"", "series_id, t, x, class"],
    );
    refuses_with(
        &with_targets(&["y"]),
        "a.csv",
        CSV,
        &["a.csv:1", "\"y\"", "series_id, t, x, label"],
    );
}

#[test]
fn refuses_other_separators() {
    refuses("a.tsv", TSV.replace('\t', "|"), &["a.tsv:1", "tabs"]);
    for sign in [" ", ",", "  "] {
        let read = |text: &str| {
            open_bytes("a.tsv", text, &Options::default())
                .unwrap()
                .train
        };
        assert_eq!(read(&TSV.replace('\t', sign)), read(TSV), "{sign:?}");
    }
}

#[test]
fn refuses_duplicate_column() {
    refuses(
        "a.csv",
        CSV.replace(",x,", ",t,"),
        &["a.csv:1", "\"t\" occurs twice"],
    );
}

#[test]
fn refuses_declared_classes_that_are_one() {
    let ts =
        |classes: &str| format!("@dimensions 1\n@classLabel true {classes}\n@data\n1,2:a\n2,3:a\n");
    refuses("a.ts", ts("a"), &["a.ts", "every label is \"a\""]);
    refuses("a.ts", ts("a b a"), &["a.ts:2", "\"a\" is declared twice"]);
}

#[test]
fn refuses_column_used_twice() {
    let chosen = |channels: &[&str], targets: &[&str]| Options {
        columns: Columns {
            channels: Some(channels.iter().map(|c| c.to_string()).collect()),
            targets: targets.iter().map(|c| c.to_string()).collect(),
            ..Columns::default()
        },
        ..Options::default()
    };
    for (channels, targets, twice) in [
        (&["x", "x"][..], &[][..], "x"),
        (&["x", "label"], &[], "label"),
        (&["x", "y"], &["y"], "y"),
        (&["x"], &["y", "y"], "y"),
    ] {
        refuses_with(
            &chosen(channels, targets),
            "a.csv",
            "series_id,t,x,y,label\na,0,1,2,3\n",
            &["a.csv:1", &format!("column {twice:?} is chosen twice")],
        );
    }
}

#[test]
fn test_columns_are_matched_by_name() {
    let train = "series_id,t,x0,x1,label\na,0,1,2,up\nb,0,2,1,down\n";
    // Columns have names, and are matched by them; an archive has none.
    let files = Files::new();
    let options = Options {
        test: Some(files.write("test.csv", train.replace("x0,x1", "x1,x0"))),
        ..Options::default()
    };
    let parts = open(files.write("train.csv", train).to_str().unwrap(), &options).unwrap();
    let test = parts.test.unwrap();
    assert_eq!(test.channels, ["x0", "x1"]);
    assert_eq!(test.sequences[0], ndarray::array![[2.0, 1.0]]);
    let without = train.replace("x1", "z");
    refuses_test(
        ".csv",
        train,
        &without,
        &["test.csv", "no channel \"x1\"", "x0, z"],
    );
}

#[test]
fn counts_empty_lines_and_foreign_line_ends() {
    let spoilt = CSV.replace("2.5", "two");
    refuses("a.csv", format!("\n\n{spoilt}"), &["a.csv:5, column x"]);
    refuses(
        "a.csv",
        spoilt.replace('\n', "\r\n"),
        &["a.csv:3, column x"],
    );
    refuses(
        "a.csv",
        spoilt.replace('\n', "\r\n\r\n"),
        &["a.csv:5, column x"],
    );
    refuses(
        "a.csv",
        spoilt.replace("b,0", "\"b\",0").replace("up", "\"u\np\""),
        &["a.csv:4"],
    );
    refuses("a.csv", "\n\nseries_id,t,x\n", &["a.csv:3", "\"label\""]);
    refuses(
        "a.tsv",
        TSV.replace("\n2", "\r\n\r\n2").replace("1.5", "x"),
        &["a.tsv:3, field 2"],
    );
}

#[test]
fn refuses_no_channels() {
    refuses(
        "a.csv",
        "series_id,t,label\na,0,1\n",
        &["a.csv:1", "no channel column"],
    );
}

#[test]
fn refuses_bytes_that_are_no_text() {
    let spoil = |text: &str| [text.as_bytes(), b"\xff\xfe,\xff\n"].concat();
    refuses("a.csv", spoil(CSV), &["a.csv:6", "not valid CSV", "UTF-8"]);
    refuses(
        "a.ts",
        spoil(TS),
        &["a.ts:6", "not valid UEA/sktime .ts", "UTF-8"],
    );
    refuses(
        "a.tsv",
        spoil(TSV),
        &["a.tsv:3", "not valid UCR .tsv", "UTF-8"],
    );
}

#[test]
fn refuses_series_resumed() {
    let again = format!("{CSV}a,2,1,up\n");
    refuses(
        "a.csv",
        again,
        &[
            "a.csv:6",
            "series \"a\" already ended",
            "next to each other",
        ],
    );
}

#[test]
fn refuses_time_not_increasing() {
    for bad in ["a,0,", "a,-1,"] {
        refuses(
            "a.csv",
            CSV.replace("a,1,", bad),
            &["a.csv:3", "does not come after 0", "\"a\"", "sort"],
        );
    }
}

#[test]
fn refuses_changing_group() {
    let csv = "series_id,t,group,x,label\na,0,ann,1,u\na,1,bob,1,u\n";
    refuses("a.csv", csv, &["a.csv:3", "\"bob\" differs from \"ann\""]);
}

#[test]
fn refuses_unknown_label_in_test_part() {
    refuses_test(
        ".csv",
        CSV,
        &CSV.replace("4.5,down", "4.5,left")
            .replace("3.5,down", "3.5,left"),
        &[
            "test.csv:4, column label",
            "\"left\"",
            "[down, up]",
            "correct it",
        ],
    );
    refuses_test(
        ".tsv",
        TSV,
        &TSV.replace("2\t", "7\t"),
        &["test.tsv:2, field 1", "\"7\"", "[1, 2]"],
    );
    refuses_test(
        ".ts",
        TS,
        &TS.replace(":down", ":left"),
        &["test.ts:5", "\"left\"", "[up, down]"],
    );
}

#[test]
fn refuses_unknown_label_at_its_own_step() {
    let steps = "series_id,t,x,label\na,0,1,rest\na,1,1,move\n\na,2,1,rest\n";
    let test = steps.replace("a,2,1,rest", "a,2,1,fall");
    refuses_test(
        ".csv",
        steps,
        &test,
        &["test.csv:5, column label", "\"fall\"", "[move, rest]"],
    );
}

#[test]
fn refuses_undeclared_label() {
    refuses(
        "a.ts",
        TS.replace(":down", ":left"),
        &["a.ts:5", "\"left\"", "header declares, [up, down]"],
    );
}

#[test]
fn refuses_one_class() {
    refuses(
        "a.csv",
        CSV.replace("down", "up"),
        &["a.csv", "every label is \"up\"", "two classes"],
    );
}

#[test]
fn refuses_fractions_as_labels() {
    let csv = CSV.replace("up", "0.25").replace("down", "3");
    refuses(
        "a.csv",
        csv,
        &["a.csv", "\"0.25\" is a fraction", "regression"],
    );
}

#[test]
fn refuses_other_task_or_channels_in_test_part() {
    let steps = CSV.replace("2.5,up", "2.5,down");
    refuses_test(
        ".csv",
        CSV,
        &steps,
        &["test.csv", "targets are a class for each step", "one class"],
    );
    let other = CSV.replace(",x,", ",y,");
    refuses_test(
        ".csv",
        CSV,
        &other,
        &["test.csv", "channels are y", "training part x"],
    );
    let more = "series_id,t,y,z,label\na,0,1,1,up\n";
    refuses_test(
        ".csv",
        CSV,
        more,
        &["test.csv", "expected 1 channels, found 2"],
    );
}

#[test]
fn refuses_channel_count() {
    refuses(
        "a.ts",
        TS.replace("5,6:7,8", "5,6"),
        &["a.ts:5", "expected 2 channels, found 1"],
    );
    let undeclared = TS.replace("@dimensions 2\n", "").replace("5,6:", "");
    refuses(
        "a.ts",
        undeclared,
        &["a.ts:4", "expected 2 channels, found 1"],
    );
}

#[test]
fn refuses_zero_length() {
    refuses(
        "a.tsv",
        "1\t1\t2\n2\tNaN\tNaN\n",
        &["a.tsv:2", "length zero", "leave it out"],
    );
    refuses(
        "a.ts",
        TS.replace("7,8", ""),
        &["a.ts:5, channel 2", "length zero"],
    );
}

#[test]
fn refuses_ts_headers() {
    refuses(
        "a.ts",
        TS.replace("@data\n", ""),
        &["a.ts:3", "before the @data line"],
    );
    refuses(
        "a.ts",
        "@dimensions 2\n@classLabel true a b\n",
        &["a.ts", "no @data line"],
    );
    refuses(
        "a.ts",
        TS.replace("true up down", "false"),
        &["a.ts:3", "no labels", "@classLabel true"],
    );
    refuses(
        "a.ts",
        TS.replace("ns 2", "ns two"),
        &["a.ts:1", "number of channels", "\"two\""],
    );
    refuses(
        "a.ts",
        format!("@timeStamps true\n{TS}"),
        &["a.ts:5, channel 1", "time stamps", "(time,value)"],
    );
    let uneven = "@timeStamps true\n@classLabel true a b\n@data\n(0,1),(1,2),(3,4):a\n";
    refuses(
        "a.ts",
        uneven,
        &["a.ts:4, channel 1", "time stamps are uneven", "resample"],
    );
    let unequal = format!("@equalLength true\n{TS}").replace("5,6:7,8", "5:7");
    refuses(
        "a.ts",
        unequal,
        &["a.ts:6", "1 steps", "first one has 2", "@equalLength false"],
    );
}

/// The arrays of two sequences of up to three steps, two channels; a starting point to spoil.
struct Arrays {
    x: Array3<f64>,
    y: Array1<i64>,
    lengths: Array1<i32>,
    /// Leaves one out.
    without: &'static str,
}

fn npz(spoil: impl Fn(&mut Arrays)) -> Vec<u8> {
    let mut arrays = Arrays {
        x: Array3::zeros((2, 3, 2)),
        y: Array1::from_vec(vec![0, 1]),
        lengths: Array1::from_vec(vec![3, 2]),
        without: "",
    };
    spoil(&mut arrays);
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut npz = NpzWriter::new_compressed(&mut bytes);
    if arrays.without != "X_train" {
        npz.add_array("X_train", &arrays.x).unwrap();
    }
    if arrays.without != "y_train" {
        npz.add_array("y_train", &arrays.y).unwrap();
    }
    npz.add_array("lengths_train", &arrays.lengths).unwrap();
    npz.finish().unwrap();
    bytes.into_inner()
}

#[test]
fn refuses_npz_without_an_array() {
    let without = |without| npz(move |a| a.without = without);
    refuses(
        "a.npz",
        without("X_train"),
        &["a.npz", "\"X_train\"", "[y_train, lengths_train]"],
    );
    refuses(
        "a.npz",
        without("y_train"),
        &["a.npz", "\"y_train\"", "[X_train, lengths_train]"],
    );
}

#[test]
fn refuses_npz_lengths() {
    let length = |length| npz(move |a| a.lengths[1] = length);
    refuses(
        "a.npz",
        length(4),
        &["a.npz, lengths_train[1]", "length 4 is not in 1..=3"],
    );
    refuses(
        "a.npz",
        length(-1),
        &["a.npz, lengths_train[1]", "length -1 is not in 1..=3"],
    );
    refuses(
        "a.npz",
        length(0),
        &["a.npz, lengths_train[1]", "length zero"],
    );
    let short = npz(|a| a.lengths = Array1::ones(1));
    refuses(
        "a.npz",
        short,
        &["a.npz, lengths_train", "shape [1], expected [2]"],
    );
}

#[test]
fn refuses_npz_shapes() {
    let no_steps = npz(|a| a.x = Array3::zeros((2, 0, 2)));
    refuses("a.npz", no_steps, &["a.npz, X_train", "length zero"]);
    let no_channels = npz(|a| a.x = Array3::zeros((2, 3, 0)));
    refuses("a.npz", no_channels, &["a.npz, X_train", "no channel"]);
    let labels = npz(|a| a.y = Array1::zeros(3));
    refuses(
        "a.npz",
        labels,
        &["a.npz, y_train", "shape [3], expected [2] or [2, 3]"],
    );
    let nothing = npz(|a| {
        a.x = Array3::zeros((0, 3, 2));
        a.y = Array1::zeros(0);
        a.lengths = Array1::zeros(0);
    });
    refuses("a.npz", nothing, &["a.npz", "no sequences"]);
}

#[test]
fn refuses_npz_nan_but_not_in_padding() {
    let nan = |i, t| npz(move |a| a.x[[i, t, 1]] = f64::NAN);
    refuses(
        "a.npz",
        nan(1, 1),
        &["a.npz, X_train[1, 1, 1]", "NaN is not a finite"],
    );
    open_bytes("a.npz", nan(1, 2), &Options::default()).unwrap();
}

#[test]
fn refuses_npz_element_type() {
    let header = "{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3, 1), }";
    refuses(
        "a.npz",
        stored_npy("X_train", header, &[0; 48]),
        &["a.npz, X_train", "<c8", "astype"],
    );
    let text = "{'descr': '<U1', 'fortran_order': False, 'shape': (2, 3), }";
    refuses(
        "a.npz",
        stored_npy("X_train", text, &[0; 24]),
        &["a.npz, X_train", "<U1", "astype"],
    );
}

#[test]
fn refuses_npz_headers_of_nonsense_or_of_more_than_there_is() {
    let nonsense = stored_npy("X_train", &"(".repeat(50_000), &[]);
    refuses(
        "a.npz",
        nonsense,
        &["a.npz, X_train", "no NumPy header", "damaged"],
    );
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }";
    let bytes = stored_npy("X_train", header, &[0; 24]);
    refuses(
        "a.npz",
        bytes,
        &[
            "a.npz, X_train",
            "declares 1000000000000000 elements",
            "memory",
        ],
    );
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000, 1000), }";
    let bytes = stored_npy("X_train", header, &[0; 24]);
    refuses(
        "a.npz",
        bytes,
        &["a.npz, X_train", "ends before its last element", "damaged"],
    );
}

/// An archive with one array, of this header and these data.
fn stored_npy(name: &str, header: &str, data: &[u8]) -> Vec<u8> {
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16 + 1).to_le_bytes());
    npy.extend(header.bytes());
    npy.push(b'\n');
    npy.extend(data);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default();
    let stored = stored.compression_method(zip::CompressionMethod::Stored);
    archive.start_file(format!("{name}.npy"), stored).unwrap();
    archive.write_all(&npy).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn refuses_npz_cut_short_or_changed() {
    let whole = npz(|_| {});
    refuses(
        "a.npz",
        &whole[..whole.len() / 2],
        &["a.npz", "not valid NPZ", "numpy.savez"],
    );
    refuses(
        "a.npz",
        b"no archive at all",
        &["a.npz", "not valid NPZ", "numpy.savez"],
    );
}

#[test]
fn refuses_test_data_of_another_model() {
    let files = Files::new();
    let path = files.write("a.csv", CSV);
    let schema = open("digits", &Options::default()).unwrap().train.schema();
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: None,
        offsets: None,
        unlabelled: false,
    };
    let error = open_test(path.to_str().unwrap(), &Options::default(), known).unwrap_err();
    assert_in_order(
        &error.to_string(),
        &["a.csv:2, column label", "\"up\"", "[0, 1, 2"],
    );
    let error = open_test("adding", &Options::default(), known).unwrap_err();
    assert_in_order(
        &error.to_string(),
        &["adding", "expected 8 channels, found 2"],
    );
}

fn with_forecast(change: impl Fn(&mut Options, &mut Forecast)) -> Options {
    let (mut options, mut forecast) = (Options::default(), Forecast::new(2));
    change(&mut options, &mut forecast);
    options.forecast = Some(forecast);
    options
}

/// Four rows without labels; a starting point to spoil.
const SERIES: &str = "x,y\n1,5\n2,6\n3,7\n4,8\n";

#[test]
fn refuses_forecast_settings_that_cannot_work() {
    type Change = fn(&mut Options, &mut Forecast);
    let cases: [(Change, &[&str]); 11] = [
        (
            |_, f| f.look_back = 0,
            &["a.csv: look_back is 0", "at least 1"],
        ),
        (|_, f| f.horizon = 0, &["horizon is 0", "at least 1"]),
        (|_, f| f.stride = 0, &["stride is 0", "at least 1"]),
        (
            |_, f| f.test_share = Some(1.0),
            &["test_share is 1", "below 1"],
        ),
        (
            |_, f| f.test_share = Some(f64::NAN),
            &["test_share is NaN", "below 1"],
        ),
        (
            |_, f| (f.test_rows, f.test_share) = (Some(1), Some(0.5)),
            &["test_share is 0.5", "left out where test_rows"],
        ),
        (
            |_, f| f.targets = Some(Vec::new()),
            &["targets is empty", "left out for all"],
        ),
        (
            |_, f| f.targets = Some(vec!["z".into()]),
            &[
                "target \"z\" is not among the channels [x, y]",
                "input channel too",
            ],
        ),
        (
            |_, f| f.targets = Some(vec!["y".into(), "y".into()]),
            &["column \"y\" is chosen twice"],
        ),
        (
            |o, _| o.columns.targets = vec!["y".into()],
            &["columns.targets is y", "forecast.targets"],
        ),
        (
            |o, _| o.fill = Some(Fill::Interpolate),
            &[
                "fill is interpolate",
                "previous, zero or mean",
                "later ones",
            ],
        ),
    ];
    assert!(open_bytes("a.csv", SERIES, &with_forecast(|_, _| {})).is_ok());
    for (change, pieces) in cases {
        refuses_with(&with_forecast(change), "a.csv", SERIES, pieces);
    }
}

#[test]
fn refuses_series_too_short_for_a_window() {
    let long = with_forecast(|_, f| f.look_back = 4);
    refuses_with(
        &long,
        "a.csv",
        SERIES,
        &["a.csv:2", "has 4 rows", "needs 5", "smaller"],
    );
    let parts = with_forecast(|_, f| f.test_rows = Some(2));
    refuses_with(
        &parts,
        "a.csv",
        SERIES,
        &["a.csv:2", "4 rows, 2 of them to train on", "needs 3"],
    );
    let none = with_forecast(|_, f| f.test_rows = Some(5));
    refuses_with(
        &none,
        "a.csv",
        SERIES,
        &["a.csv:2", "4 rows, 0 of them to train on"],
    );
    let second = "series_id,x\na,1\na,2\na,3\nb,1\nb,2\n";
    let two = with_forecast(|_, _| {});
    refuses_with(&two, "a.csv", second, &["a.csv:5", "has 2 rows", "needs 3"]);
}

#[test]
fn refuses_windows_that_would_not_fit_into_memory() {
    let text = String::from("x\n") + &"1\n".repeat(70_000);
    let options = with_forecast(|_, f| f.look_back = 30_000);
    refuses_with(
        &options,
        "a.csv",
        &text,
        &["look_back is 30000 with a stride of 1", "memory"],
    );
}

#[test]
fn refuses_forecast_of_what_is_no_series() {
    let options = with_forecast(|_, _| {});
    refuses_with(
        &options,
        "a.ts",
        TS,
        &["a.ts", "needs a long CSV", "UEA/sktime .ts"],
    );
    refuses_with(
        &options,
        "a.npz",
        npz(|_| {}),
        &["a.npz", "needs a long CSV", "NumPy archive"],
    );
    let message = open("digits", &options).unwrap_err().to_string();
    assert_in_order(&message, &["digits", "needs a long CSV", "built-in data"]);
}

#[test]
fn refuses_forecast_with_two_test_parts() {
    let files = Files::new();
    let path = files.write("a.csv", SERIES);
    let options = with_forecast(|o, f| {
        o.test = Some(path.clone());
        f.test_rows = Some(1);
    });
    let message = open(path.to_str().unwrap(), &options)
        .unwrap_err()
        .to_string();
    assert_in_order(&message, &["test is a file", "left out", "test_rows"]);
}

#[test]
fn refuses_time_stamps_out_of_order_or_taken_for_a_channel() {
    let text = "date,x\n2024-02-01 10:00,1\n2024-02-01 09:00,2\n2024-02-02 00:00,3\n";
    let named = with_forecast(|o, _| o.columns.time = "date".into());
    refuses_with(
        &named,
        "a.csv",
        text,
        &[
            "a.csv:3",
            "time 2024-02-01 09:00 does not come after 2024-02-01 10:00",
            "sort",
        ],
    );
    let other = text.replace("date", "when");
    refuses_with(
        &with_forecast(|_, _| {}),
        "a.csv",
        &other,
        &["a.csv:2, column when", "is a time stamp", "--time"],
    );
    // A column of that name is the time without a word.
    refuses_with(
        &with_forecast(|_, _| {}),
        "a.csv",
        text,
        &["a.csv:3", "does not come after"],
    );
    refuses_with(&named, "a.csv", SERIES, &["a.csv:1", "no column \"date\""]);
}

#[test]
fn refuses_missing_values_unless_they_are_to_be_filled() {
    let csv = CSV.replace("1.5", "?");
    refuses(
        "a.csv",
        &csv,
        &["a.csv:2, column x", "value missing", "--fill"],
    );
    let fill = |fill| Options {
        fill: Some(fill),
        ..Options::default()
    };
    let ts = TS.replace("5,6", "5,?");
    let mut gappy: [(&str, Vec<u8>); 3] = [
        ("a.csv", csv.into_bytes()),
        ("a.ts", ts.into_bytes()),
        ("a.tsv", TSV.replace("1.5\t", "nan\t").into_bytes()),
    ];
    for (name, bytes) in &mut gappy {
        for how in [Fill::Previous, Fill::Zero, Fill::Mean, Fill::Interpolate] {
            let data = open_bytes(name, &bytes, &fill(how)).unwrap().train;
            assert!(
                data.sequences.iter().flatten().all(|x| x.is_finite()),
                "{name}"
            );
        }
    }
    // Infinity is no gap, and a label or a group that is missing cannot be made up.
    let infinite = CSV.replace("2.5", "inf");
    refuses_with(
        &fill(Fill::Zero),
        "a.csv",
        infinite,
        &["a.csv:3, column x", "inf is not a finite"],
    );
    let unlabelled = CSV.replace("2.5,up", "2.5,");
    refuses_with(
        &fill(Fill::Zero),
        "a.csv",
        unlabelled,
        &[
            "a.csv:3, column label",
            "label or name is missing",
            "is never made up",
        ],
    );
}

#[test]
fn refuses_gaps_that_nothing_fills() {
    let text = "series_id,t,x,y,label\na,0,1,?,up\nb,0,2,?,down\n";
    let fill = |fill| Options {
        fill: Some(fill),
        ..Options::default()
    };
    refuses_with(
        &fill(Fill::Mean),
        "a.csv",
        text,
        &["a.csv, channel y", "no value to fill", "zero"],
    );
    assert!(open_bytes("a.csv", text, &fill(Fill::Zero)).is_ok());

    // A model file does not hold the training part's mean.
    let files = Files::new();
    let whole = files.write("whole.csv", text.replace('?', "3"));
    let schema = open(whole.to_str().unwrap(), &Options::default())
        .unwrap()
        .train
        .schema();
    let path = files.write("a.csv", text);
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: None,
        offsets: None,
        unlabelled: false,
    };
    let error = open_test(path.to_str().unwrap(), &fill(Fill::Mean), known).unwrap_err();
    assert_in_order(
        &error.to_string(),
        &["a.csv, channel y", "evaluate the run folder"],
    );
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: Some(&[1.5, 4.0]),
        offsets: None,
        unlabelled: false,
    };
    let filled = open_test(path.to_str().unwrap(), &fill(Fill::Mean), known).unwrap();
    assert_eq!(filled.sequences[1], ndarray::array![[2.0, 4.0]]);
}
