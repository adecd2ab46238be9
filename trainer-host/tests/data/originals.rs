//! The published data sets as their publishers lay them out; the files here are small and made up.

use std::fmt::Write;

use trainer_host::data::{Forecast, Options, Parts, Targets, open};

use super::Files;

fn read(files: &Files, path: &str, options: &Options) -> Parts {
    let path = files.0.path().join(path);
    open(path.to_str().unwrap(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn with_test(files: &Files, train: &str, test: &str) -> Parts {
    let options = Options {
        test: Some(files.0.path().join(test)),
        ..Options::default()
    };
    read(files, train, &options)
}

/// A series of 140 values a line, its label first.
fn ecg5000(
    number: impl Fn(usize, usize) -> String,
    label: fn(usize) -> String,
    sign: &str,
) -> String {
    let mut text = String::new();
    for i in 0..6 {
        write!(text, "{}", label(i)).unwrap();
        (0..140).for_each(|t| write!(text, "{sign}{}", number(i, t)).unwrap());
        text += "\n";
    }
    text
}

#[test]
fn ecg5000_in_each_form_of_the_archive() {
    let value = |i: usize, t: usize| (i * 140 + t) as f32 / 7.0 - 50.0;
    let plain = |i: usize, t: usize| value(i, t).to_string();
    // As NumPy's savetxt prints, in fields of 16 signs.
    let scientific = |i: usize, t: usize| {
        let text = format!("{:.7e}", value(i, t));
        let (mantissa, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{:>16}", format!("{mantissa}e{sign}{:02}", exponent.abs()))
    };
    let files = Files::new();
    for part in ["TRAIN", "TEST"] {
        files.write(
            &format!("ECG5000_{part}.tsv"),
            ecg5000(plain, |i| (i % 3 + 1).to_string(), "\t"),
        );
        let whole = |i| format!("{:>16}", format!("{}.0000000e+00", i % 3 + 1));
        files.write(
            &format!("ECG5000_{part}.txt"),
            ecg5000(scientific, whole, ""),
        );
        files.write(
            &format!("ECG5000_{part}"),
            ecg5000(plain, |i| (i % 3 + 1).to_string(), ","),
        );
        let mut ts = String::from(
            "#The original dataset for \"ECG5000\" is a 20-hour long ECG.\n@problemName ECG5000\n@timeStamps false\n\
             @missing false\n@univariate true\n@equalLength true\n@seriesLength 140\n@classLabel true 1 2 3\n@data\n",
        );
        for i in 0..6 {
            let values: Vec<String> = (0..140).map(|t| plain(i, t)).collect();
            writeln!(ts, "{}:{}", values.join(","), i % 3 + 1).unwrap();
        }
        files.write(&format!("ECG5000_{part}.ts"), ts);
    }
    let tsv = with_test(&files, "ECG5000_TRAIN.tsv", "ECG5000_TEST.tsv");
    assert_eq!(tsv.train.outputs, ["1", "2", "3"]);
    assert_eq!(tsv.train.targets, Targets::Class(vec![0, 1, 2, 0, 1, 2]));
    assert_eq!(tsv.train.sequences[5][[139, 0]], value(5, 139));
    assert_eq!(tsv.test.as_ref().unwrap().len(), 6);
    for form in [".ts", ""] {
        let [train, test] = ["TRAIN", "TEST"].map(|part| format!("ECG5000_{part}{form}"));
        assert_eq!(with_test(&files, &train, &test), tsv, "{form:?}");
    }
    let txt = with_test(&files, "ECG5000_TRAIN.txt", "ECG5000_TEST.txt");
    assert_eq!(txt.train.targets, tsv.train.targets);
    for (own, other) in txt.train.sequences.iter().zip(&tsv.train.sequences) {
        assert!(own.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn japanese_vowels_of_the_archive() {
    let files = Files::new();
    for (part, lengths) in [("TRAIN", [20, 26, 22]), ("TEST", [7, 29, 18])] {
        // Keys are in small letters there.
        let mut ts = String::from(
            "%  Multidimensional Curve Classification Using Passing-Through Regions\n@problemname JapaneseVowels\n\
             @timestamps false\n@missing false\n@univariate false\n@dimension 12\n@equallength false\n\
             @classlabel true 1 2 3\n@data\n",
        );
        for (i, length) in lengths.into_iter().enumerate() {
            for j in 0..12 {
                let values: Vec<String> = (0..length).map(|t| format!("{}.5", i + j + t)).collect();
                write!(ts, "{}:", values.join(",")).unwrap();
            }
            writeln!(ts, "{}", i + 1).unwrap();
        }
        files.write(&format!("JapaneseVowels_{part}.ts"), ts);
    }
    let parts = with_test(&files, "JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts");
    assert_eq!(parts.train.sequences[1].dim(), (26, 12));
    assert_eq!(parts.train.sequences[2][[3, 4]], 9.5);
    assert_eq!(parts.test.unwrap().sequences[0].dim(), (7, 12));
}

#[test]
fn uci_har_as_its_folder_is() {
    let files = Files::new();
    let write = |path: String, text: String| {
        let path = files.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let top = "UCI HAR Dataset";
    write(
        format!("{top}/activity_labels.txt"),
        "1 WALKING\n2 WALKING_UPSTAIRS\n3 WALKING_DOWNSTAIRS\n4 SITTING\n5 STANDING\n6 LAYING\n"
            .into(),
    );
    write(
        format!("{top}/features.txt"),
        "1 tBodyAcc-mean()-X\n2 tBodyAcc-mean()-Y\n".into(),
    );
    write(
        format!("{top}/features_info.txt"),
        "Feature Selection \n================\n".into(),
    );
    write(
        format!("{top}/README.txt"),
        "Human Activity Recognition\nVersion 1.0\n".into(),
    );
    for (part, rows) in [("train", 12), ("test", 6)] {
        let lines = |line: &dyn Fn(usize) -> String| -> String {
            (0..rows).map(|row| line(row) + "\n").collect()
        };
        let values = |count: usize, row: usize| -> String {
            (0..count)
                .map(|t| format!(" {:>15}", format!("{}.{t:03}0000e-001", row % 10)))
                .collect()
        };
        write(
            format!("{top}/{part}/y_{part}.txt"),
            lines(&|row| (row % 6 + 1).to_string()),
        );
        write(
            format!("{top}/{part}/subject_{part}.txt"),
            lines(&|row| (row / 6 + 1).to_string()),
        );
        write(
            format!("{top}/{part}/X_{part}.txt"),
            lines(&|row| values(561, row)),
        );
        for sensor in ["body_acc", "body_gyro", "total_acc"] {
            for axis in ["x", "y", "z"] {
                let path = format!("{top}/{part}/Inertial Signals/{sensor}_{axis}_{part}.txt");
                write(path, lines(&|row| values(128, row)));
            }
        }
    }
    let parts = read(&files, top, &Options::default());
    let train = &parts.train;
    assert_eq!(
        train.channels,
        [
            "body_acc_x",
            "body_acc_y",
            "body_acc_z",
            "body_gyro_x",
            "body_gyro_y",
            "body_gyro_z",
            "total_acc_x",
            "total_acc_y",
            "total_acc_z",
        ]
    );
    assert_eq!((train.len(), train.sequences[0].dim()), (12, (128, 9)));
    assert_eq!(train.sequences[3][[17, 0]], 0.3017);
    assert_eq!(train.outputs.len(), 6);
    let Targets::Class(classes) = &train.targets else {
        panic!("activities are classes");
    };
    assert_eq!(train.outputs[classes[7]], "WALKING_UPSTAIRS");
    assert_eq!(train.groups.as_ref().unwrap()[6], "2");
    assert_eq!(parts.test.unwrap().len(), 6);
}

#[test]
fn etth1_forecasts_from_its_dates() {
    let files = Files::new();
    let mut csv = String::from("date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n");
    for row in 0..72 {
        let (day, hour) = (1 + row / 24, row % 24);
        let x = format!("{row}.8270000457763672");
        writeln!(
            csv,
            "2016-07-{day:02} {hour:02}:00:00,{x},2.009,1.599,0.462,4.203,1.34,{x}"
        )
        .unwrap();
    }
    files.write("ETTh1.csv", csv);
    let mut options = Options {
        forecast: Some(Forecast {
            test_rows: Some(24),
            ..Forecast::new(6)
        }),
        ..Options::default()
    };
    options.columns.time = "date".into();
    let parts = read(&files, "ETTh1.csv", &options);
    assert_eq!(parts.train.channels.len(), 7);
    assert_eq!(parts.train.outputs[6], "OT[+1]");
    assert_eq!((parts.train.len(), parts.test.unwrap().len()), (42, 24));
    assert!(parts.train.notes.is_empty(), "{:?}", parts.train.notes);
}
