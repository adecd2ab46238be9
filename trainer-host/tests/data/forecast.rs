//! Windows of long series: they reproduce the series, and no part sees what it must not.

use proptest::prelude::*;
use trainer_host::data::{
    Dataset, Fill, Forecast, Known, Options, Parts, Targets, TimeUnit, open_split, open_test,
};

use super::Files;

/// A series whose first channel is the row's number, and whose second one is 1000 more. Channels that
/// count rows are taken because [`options`] names them.
fn series(rows: usize, from: usize) -> String {
    let rows = (from..from + rows).map(|row| format!("{row},{}\n", row + 1000));
    std::iter::once("a,b\n".to_owned()).chain(rows).collect()
}

fn options(forecast: Forecast) -> Options {
    let mut options = Options {
        forecast: Some(forecast),
        ..Options::default()
    };
    options.columns.channels = Some(vec!["a".into(), "b".into()]);
    options
}

fn open_text(text: &str, options: &Options, share: f64) -> Parts {
    let files = Files::new();
    let path = files.write("a.csv", text);
    open_split(path.to_str().unwrap(), options, share, 0).unwrap_or_else(|error| panic!("{error}"))
}

/// The rows of each window's target, after checking that the window is what (F1) says.
fn target_rows(data: &Dataset, forecast: &Forecast) -> Vec<usize> {
    let Targets::Value(targets) = &data.targets else {
        panic!("a forecast has values");
    };
    let mut rows = Vec::new();
    for (window, target) in data.sequences.iter().zip(targets) {
        assert_eq!(window.nrows(), forecast.look_back);
        let first = window[[0, 0]] as usize;
        for t in 0..forecast.look_back {
            assert_eq!(
                window.row(t).to_vec(),
                [(first + t) as f32, (first + t + 1000) as f32]
            );
        }
        let last = first + forecast.look_back - 1;
        let row = last + forecast.horizon;
        let expected = match forecast.change {
            true => [forecast.horizon as f32; 2],
            false => [row as f32, (row + 1000) as f32],
        };
        assert_eq!(target, &expected);
        rows.push(row);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn windows_reproduce_the_series_and_parts_follow_each_other(
        (look_back, horizon, stride) in (1usize..6, 1usize..4, 1usize..4),
        (extra, validation, test) in (0usize..20, 0usize..6, 0usize..6),
        change: bool,
    ) {
        let training = look_back + horizon + extra;
        let rows = training + validation + test;
        let forecast = Forecast {
            horizon, stride, change,
            validation_rows: Some(validation),
            test_rows: Some(test),
            ..Forecast::new(look_back)
        };
        let parts = open_text(&series(rows, 0), &options(forecast.clone()), 0.5);
        let expected = |from: usize, to: usize| -> Vec<usize> {
            (from.max(look_back + horizon - 1)..to).step_by(stride).collect()
        };
        let found = |part: &Option<Dataset>| part.as_ref().map_or(Vec::new(), |d| target_rows(d, &forecast));
        prop_assert_eq!(target_rows(&parts.train, &forecast), expected(0, training));
        prop_assert_eq!(found(&parts.validation), expected(training, training + validation));
        prop_assert_eq!(found(&parts.test), expected(training + validation, rows));

        // Normalisation is that of the training rows, each once, whatever the windows share.
        let rows = parts.train.origin.as_ref().unwrap().rows.clone().unwrap();
        let mean = (training - 1) as f64 / 2.0;
        let variance = ((training * training - 1) as f64) / 12.0;
        prop_assert!((f64::from(rows.mean[0]) - mean).abs() < 1e-4);
        prop_assert!((f64::from(rows.deviation[1]) - variance.sqrt()).abs() < 1e-4);
        prop_assert_eq!(trainer_host::data::Normalisation::of_inputs(&parts.train), rows);
    }
}

#[test]
fn each_of_several_series_is_cut_and_split_on_its_own() {
    let mut text = String::from("series_id,day,x,group\n");
    for (id, group) in [("s", "ann"), ("t", "bob")] {
        for day in 1..=8 {
            text += &format!("{id},2024-02-{day:02},{day},{group}\n");
        }
    }
    let mut options = options(Forecast {
        test_share: Some(0.25),
        ..Forecast::new(3)
    });
    options.columns.time = "day".into();
    options.columns.channels = None;
    let parts = open_text(&text, &options, 1.0 / 3.0);
    // Of 8 rows 2 to test, of the other 6 a third to validate: 4 to train, one window each.
    assert_eq!(parts.train.len(), 2);
    assert_eq!(parts.train.channels, ["x"]);
    assert_eq!(parts.train.outputs, ["x[+1]"]);
    assert_eq!(parts.validation.unwrap().len(), 4);
    let test = parts.test.unwrap();
    assert_eq!(
        test.groups,
        Some(["ann", "ann", "bob", "bob"].map(String::from).to_vec())
    );
    assert_eq!(
        test.targets,
        Targets::Value([7.0, 8.0, 7.0, 8.0].map(|v| vec![v]).to_vec())
    );
}

#[test]
fn named_targets_are_forecast_and_the_rest_are_inputs_only() {
    let forecast = Forecast {
        targets: Some(vec!["b".into()]),
        change: true,
        horizon: 2,
        ..Forecast::new(2)
    };
    let parts = open_text(&series(6, 0), &options(forecast), 0.0);
    assert_eq!(parts.train.channels, ["a", "b"]);
    assert_eq!(parts.train.outputs, ["b[+2]-b[0]"]);
    let origin = parts.train.origin.as_ref().unwrap();
    assert_eq!(origin.last_value(&parts.train, 0, 0), 1001.0);
    assert_eq!((parts.validation, parts.test), (None, None));
}

#[test]
fn a_test_file_is_cut_whole_and_judged_on_the_training_scale() {
    let files = Files::new();
    let train = files.write("train.csv", series(10, 0));
    let mut options = options(Forecast::new(4));
    options.test = Some(files.write("test.csv", series(7, 50)));
    let parts = open_split(train.to_str().unwrap(), &options, 0.2, 0).unwrap();
    let test = parts.test.unwrap();
    assert_eq!(target_rows(&test, &Forecast::new(4)), [54, 55, 56]);
    assert_eq!(test.origin, parts.train.origin);

    // Opened for a model that exists, the same file has no training part and no scale.
    let schema = parts.train.schema();
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: None,
        offsets: None,
        unlabelled: false,
    };
    let again = open_test(train.to_str().unwrap(), &options, known).unwrap();
    assert_eq!(again.sequences, test.sequences);
    assert_eq!(again.origin.unwrap().rows, None);
}

/// Windows of five rows over one channel with gaps; rows 6 and on are tested.
fn filled(text: &str, fill: Fill, change: bool) -> (Dataset, Option<Dataset>, Vec<f32>) {
    let mut options = Options {
        fill: Some(fill),
        ..options(Forecast {
            test_rows: Some(2),
            change,
            ..Forecast::new(5)
        })
    };
    options.columns.channels = None;
    let parts = open_text(text, &options, 0.0);
    let targets = parts
        .test
        .as_ref()
        .map_or(Vec::new(), |test| match &test.targets {
            Targets::Value(targets) => targets.concat(),
            _ => panic!("a forecast has values"),
        });
    (parts.train, parts.test, targets)
}

#[test]
fn gaps_of_a_forecast_are_filled_from_training_rows_and_from_what_came_before() {
    // Training rows 0 to 5 with mean 2 over those that are there (0, 3, 3, 2); row 6 and 7 are tested.
    let text = "a\n?\n0\nNA\n3\n3\n2\n\"\"\n100\n";
    for (fill, first, last) in [
        (
            Fill::Mean,
            [2.0, 0.0, 2.0, 3.0, 3.0],
            [2.0, 3.0, 3.0, 2.0, 2.0],
        ),
        (
            Fill::Previous,
            [2.0, 0.0, 0.0, 3.0, 3.0],
            [0.0, 3.0, 3.0, 2.0, 2.0],
        ),
    ] {
        let (train, test, targets) = filled(text, fill, false);
        assert_eq!(train.sequences[0].column(0).to_vec(), first);
        assert_eq!(test.unwrap().sequences[0].column(0).to_vec(), last);
        assert_eq!(targets, [100.0]);
    }
}

#[test]
fn a_filled_value_is_never_a_target() {
    // Row 6 is missing: it is no target, and a change from it is none either.
    let text = "a\n1\n2\n3\n4\n5\n6\n?\n8\n";
    let (train, test, targets) = filled(text, Fill::Previous, false);
    assert_eq!((train.len(), test.unwrap().len()), (1, 1));
    assert_eq!(targets, [8.0]);
    assert_eq!(
        train.notes,
        ["1 windows were left out, whose target is missing"]
    );
    let (_, test, _) = filled(text, Fill::Previous, true);
    assert_eq!(test, None);
    let all = format!("a\n{}", "1\n?\n?\n?\n?\n?\n".repeat(2));
    let files = Files::new();
    let mut options = options(Forecast::new(2));
    options.columns.channels = None;
    options.fill = Some(Fill::Zero);
    options.forecast.as_mut().unwrap().horizon = 7;
    let error = open_split(
        files.write("a.csv", all).to_str().unwrap(),
        &options,
        0.0,
        0,
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("no window to train on is left"),
        "{message}"
    );
}

#[test]
fn windows_over_gaps_in_time_are_left_out() {
    // Rows 10 to 14 of 30 are not there.
    let row = |hour: usize| {
        format!(
            "2024-01-{:02} {:02}:00,{}\n",
            1 + hour / 24,
            hour % 24,
            hour * hour
        )
    };
    let text: String = (0..30)
        .filter(|hour| !(10..15).contains(hour))
        .map(row)
        .collect();
    let mut options = options(Forecast::new(3));
    (options.columns.time, options.columns.channels) = ("when".into(), None);
    let train = open_text(&format!("when,a\n{text}"), &options, 0.0).train;
    let Targets::Value(targets) = &train.targets else {
        panic!("a forecast has values");
    };
    let expected: Vec<f32> = (3..10)
        .chain(18..30)
        .map(|hour| (hour * hour) as f32)
        .collect();
    assert_eq!(targets.concat(), expected);
    // Each target has its time, and the first one behind the gap says so. 2024 begins 19,723 days after 1970.
    assert_eq!(train.origin.as_ref().unwrap().time, TimeUnit::Dates);
    let found = (train.moments.iter()).map(|moment| (moment.time as usize, moment.is_after_gap));
    let expected = (3..10).chain(18..30);
    let expected = expected.map(|hour| (3600 * (24 * 19_723 + hour), [3, 18].contains(&hour)));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert!(
        train.notes[0].starts_with("1 gap in time"),
        "{:?}",
        train.notes
    );
}

/// Changes stand in place of the values, that of a window's first row too. So a window needs one row more, and none of
/// these rows may be missing in time. The last values stay beside it.
#[test]
fn changes_are_the_channels_in_every_part_and_of_data_read_later() {
    let value = |hour: usize| 1_000_000_000 + hour * hour;
    let row = |hour: usize| format!("2024-01-01 {hour:02}:00,{},{hour}.5\n", value(hour));
    let hours = (0..22).filter(|hour| *hour != 9);
    let text = std::iter::once("when,a,b\n".to_owned()).chain(hours.map(row));
    let files = Files::new();
    let path = files.write("a.csv", text.collect::<String>());
    let mut options = options(Forecast {
        change: true,
        differences: true,
        test_rows: Some(4),
        ..Forecast::new(3)
    });
    (options.columns.time, options.columns.channels) = ("when".into(), None);
    let parts = open_split(path.to_str().unwrap(), &options, 0.0, 0).unwrap();
    let train = &parts.train;
    assert_eq!(train.channels, ["a[0]-a[-1]", "b[0]-b[-1]"]);
    assert_eq!(train.outputs, ["a[+1]-a[0]", "b[+1]-b[0]"]);
    let origin = train.origin.as_ref().unwrap();
    assert_eq!(origin.value_name(train, 1), "b[+1]");
    // A window that ends before hour 4 has no row before its first; those of hours 10 to 13 have, behind a gap.
    let ends: Vec<usize> = (3..8).chain(13..17).collect();
    let last = |data: &Dataset, s: usize| {
        let origin = data.origin.as_ref().unwrap();
        let hour = (origin.last_value(data, s, 1) - 0.5) as usize;
        assert_eq!(origin.last_value(data, s, 0), value(hour) as f64);
        let change = |hour: usize| (value(hour) - value(hour - 1)) as f32;
        let expected = (hour - 2..=hour).flat_map(|hour| [change(hour), 1.0]);
        let found = data.sequences[s].iter().copied();
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        hour
    };
    let found = |data: &Dataset| (0..data.len()).map(|s| last(data, s)).collect::<Vec<_>>();
    assert_eq!(found(train), ends);
    assert_eq!(found(parts.test.as_ref().unwrap()), [17, 18, 19, 20]);

    // The same file, read for a model that knows the changes as channels.
    let schema = train.schema();
    let rows = origin.of_file().unwrap();
    assert!((f64::from(rows.mean[0]) + rows.offset[0]) > 999_999_999.0);
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: Some(&rows.mean),
        offsets: Some(&rows.offset),
        unlabelled: false,
    };
    let options = options.as_test_data();
    let again = open_test(path.to_str().unwrap(), &options, known).unwrap();
    assert_eq!(found(&again), [ends, vec![17, 18, 19, 20]].concat());
    // Windows that need no target.
    let known = Known {
        unlabelled: true,
        ..known
    };
    let unlabelled = open_test(path.to_str().unwrap(), &options, known).unwrap();
    let ends: Vec<usize> = (3..9).chain(13..22).collect();
    assert_eq!(found(&unlabelled), ends);
}

#[test]
fn a_forecast_of_large_numbers_keeps_their_differences() {
    let rows = (0..40).map(|row: u32| format!("{}\n", 1_000_000_000 + row * row % 37));
    let text: String = std::iter::once("a\n".to_owned()).chain(rows).collect();
    let mut options = options(Forecast {
        change: true,
        ..Forecast::new(2)
    });
    options.columns.channels = None;
    let train = open_text(&text, &options, 0.0).train;
    let origin = train.origin.as_ref().unwrap();
    let value = |row: u32| f64::from(1_000_000_000 + row * row % 37);
    for row in 2..40 {
        assert_eq!(
            origin.last_value(&train, row as usize - 2, 0),
            value(row - 1)
        );
    }
    let Targets::Value(targets) = &train.targets else {
        panic!("a forecast has values");
    };
    assert_eq!(f64::from(targets[3][0]), value(5) - value(4));
}
