//! Recordings of motion: channels become statistics, the chip's own integers.

use lstm_nostd::front_end::FrontEnd as View;
use trainer_host::data::{
    ChannelStatistic, DataError, Features, FrontEnd, Known, Options, Parts, Targets, open,
    open_split, open_test,
};

use super::{Files, refused};

/// Frames of 4 rows every 2.
fn options() -> Options {
    Options {
        front_end: Some(FrontEnd {
            frame: Some(4),
            hop: Some(2),
            rate: Some(12.5),
            ..FrontEnd::new(Features::Statistics)
        }),
        ..Options::default()
    }
}

/// A value of channel `channel` of series `series`.
fn value(series: usize, t: usize, channel: usize) -> f64 {
    let phase = (series * 5 + t * 3 + channel * 7) % 11;
    phase as f64 * 0.37 - 1.3 + channel as f64
}

/// A long CSV of four series of so many rows, with a label each, or one for each row.
fn csv(rows: [usize; 4], label_per_row: bool) -> String {
    let mut text = "series_id,t,acc_x,acc_y,acc_z,label\n".to_owned();
    for (series, rows) in rows.into_iter().enumerate() {
        for t in 0..rows {
            let values: Vec<String> = (0..3).map(|j| value(series, t, j).to_string()).collect();
            let label = match label_per_row {
                true => t / 3 % 2,
                false => series % 2,
            };
            text += &format!("{series},{t},{},c{label}\n", values.join(","));
        }
    }
    text
}

fn opened(text: &str, options: &Options) -> Result<Parts, DataError> {
    let files = Files::new();
    open(files.write("motion.csv", text).to_str().unwrap(), options)
}

#[test]
fn channels_become_the_features_of_the_chip() {
    let train = opened(&csv([9, 4, 7, 8], false), &options()).unwrap().train;
    let front_end = train.front_end.clone().unwrap();
    // The largest value is below 4.4, and 16384 / 4.4 is above 2¹¹.
    assert_eq!(front_end.fraction_bits, Some(vec![11; 3]));
    let magnitude = ["acc_x", "acc_y", "acc_z"].map(str::to_owned).to_vec();
    assert_eq!(front_end.magnitudes, Some(vec![magnitude]));
    assert_eq!(train.channels.len(), 4 * 6);
    assert_eq!(train.channels[0], "acc_x mean");
    assert_eq!(train.channels[23], "|acc_x acc_y acc_z| differences");
    assert_eq!(train.targets, Targets::Class(vec![0, 1, 0, 1]));
    let tables = front_end.tables().unwrap();
    assert_eq!(tables.view().rate_mhz(), 12_500);
    let View::Statistics(statistics) = tables.view() else {
        panic!("another kind")
    };
    for (series, (rows, frames)) in [(9, 3), (4, 1), (7, 2), (8, 3)].into_iter().enumerate() {
        let samples: Vec<i16> = (0..rows)
            .flat_map(|t| (0..3).map(move |j| (j, value(series, t, j) as f32)))
            .map(|(j, value)| statistics.sample(j, value))
            .collect();
        let expected = tables.view().recording(&samples);
        let found: Vec<i32> = train.sequences[series].iter().map(|v| *v as i32).collect();
        assert_eq!(found, expected);
        assert_eq!(train.sequences[series].nrows(), frames);
    }
}

#[test]
fn a_frame_has_the_target_of_its_last_row() {
    let train = opened(&csv([9, 4, 7, 8], true), &options()).unwrap().train;
    let Targets::ClassPerStep(classes) = &train.targets else {
        panic!("{:?}", train.targets)
    };
    // Frames end in rows 3, 5 and 7.
    assert_eq!(classes[0], [1, 1, 0]);
    assert_eq!(classes[1], [1]);
}

#[test]
fn chosen_statistics_and_scales_are_kept() {
    let mut options = options();
    let front_end = options.front_end.as_mut().unwrap();
    front_end.statistics = Some(vec![ChannelStatistic::Crossings, ChannelStatistic::Mean]);
    front_end.fraction_bits = Some(vec![8, 9, 10]);
    front_end.magnitudes = Some(Vec::new());
    let train = opened(&csv([9, 4, 7, 8], false), &options).unwrap().train;
    let names = ["mean", "crossings"].map(|name| format!("acc_y {name}"));
    assert_eq!(train.channels[2..4], names);
    let kept = train.front_end.unwrap();
    assert_eq!(kept.fraction_bits, Some(vec![8, 9, 10]));
}

/// A model knows its own scales; so values beyond those of training are no others.
#[test]
fn data_for_a_model_has_the_model_s_samples() {
    let files = Files::new();
    let path = files.write("motion.csv", csv([9, 4, 7, 8], false));
    let parts = open_split(path.to_str().unwrap(), &options(), 0.5, 3).unwrap();
    let tables = parts.train.front_end.as_ref().unwrap().tables().unwrap();
    let schema = parts.train.schema();
    let known = Known {
        schema: &schema,
        mean: None,
        offsets: None,
        front_end: Some(&tables),
        unlabelled: false,
    };
    // Columns in another order, and values ten times as large.
    let text = csv([9, 4, 7, 8], false).replace("acc_x,acc_y,acc_z", "acc_z,acc_y,acc_x");
    let other = files.write("other.csv", text);
    let judged = open_test(other.to_str().unwrap(), &Options::default(), known).unwrap();
    assert_eq!(judged.schema(), schema);
    let same = open_test(path.to_str().unwrap(), &Options::default(), known).unwrap();
    for part in [&parts.train, parts.validation.as_ref().unwrap()] {
        for (name, sequence) in part.names.iter().zip(&part.sequences) {
            let at = same.names.iter().position(|other| other == name).unwrap();
            assert_eq!(&same.sequences[at], sequence);
        }
    }
    // The first column's features are those of the third one now.
    assert_eq!(judged.sequences[0].column(12), same.sequences[0].column(0));
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let good = options();
    let data = csv([9, 4, 7, 8], false);
    refused(
        opened(&csv([9, 3, 7, 8], false), &good),
        &[
            "recording 1 has 3 rows",
            "a frame 4",
            "data.front_end.frame",
        ],
    );
    let with = |change: &dyn Fn(&mut FrontEnd)| {
        let mut options = good.clone();
        change(options.front_end.as_mut().unwrap());
        opened(&data, &options)
    };
    refused(
        with(&|f| f.bands = Some(3)),
        &["front_end.bands", "kind statistics"],
    );
    refused(
        with(&|f| f.fraction_bits = Some(vec![1])),
        &["1 numbers", "as many"],
    );
    refused(
        with(&|f| f.magnitudes = Some(vec![vec!["acc_x".into(), "q".into()]])),
        &["q", "acc_y"],
    );
    refused(
        with(&|f| f.hop = Some(5)),
        &["hop is 5", "docs/front-end.md"],
    );
    refused(
        with(&|f| f.statistics = Some(Vec::new())),
        &["one or more statistics"],
    );
    refused(
        with(&|f| (f.kind, f.statistics) = (Features::Mfcc, Some(Vec::new()))),
        &["front_end.statistics", "other kinds"],
    );
    refused(
        with(&|f| f.kind = Features::Mfcc),
        &["for WAV files", "--front-end statistics"],
    );
}
