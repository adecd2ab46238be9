//! From tables of motion to a model file that takes samples of several channels, and to its answers.

use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::front_end::FrontEnd;

use crate::bench::{Bench, json};
use crate::predict::piped;
use crate::{refuse, train, words};

/// Three axes of a slow or a fast shaking.
fn row(is_fast: bool, series: usize, t: usize) -> [f32; 3] {
    let step = if is_fast { 2.1 } else { 0.4 } + series as f32 * 0.01;
    let at = |phase: f32| (t as f32 * step + phase).sin() * 0.5;
    [at(0.0), at(1.0), 1.0 + at(2.0)]
}

fn lines(is_fast: bool, series: usize, rows: usize) -> Vec<String> {
    let line = |t| {
        row(is_fast, series, t)
            .map(|value| value.to_string())
            .join(",")
    };
    (0..rows).map(line).collect()
}

#[test]
fn tables_of_motion_become_a_model_that_takes_samples() {
    let bench = Bench::new();
    let mut text = "series_id,t,ax,ay,az,label\n".to_owned();
    for series in 0..24 {
        let (is_fast, label) = [(false, "slow"), (true, "fast")][series % 2];
        for (t, line) in lines(is_fast, series, 40).into_iter().enumerate() {
            text += &format!("{series},{t},{line},{label}\n");
        }
    }
    std::fs::write(bench.path("motion.csv"), text).unwrap();
    let settings = "--front-end statistics --frame 16 --hop 8 --rate 62.5 \
                    --statistics mean,deviation,crossings --epochs 12";
    train(&bench, "motion.csv", &words(settings));
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&["export", "run"]);
    let of_run = json(&bench.succeed(&words("eval run --part train --json")));
    let accuracy = of_run["comparison"]["integer"]["accuracy"].as_f64();
    assert!(accuracy.unwrap() > 0.9, "{accuracy:?}");

    let inspected = json(&bench.succeed(&words("inspect run/model.lstm --json")));
    let front_end = &inspected["front_end"];
    assert_eq!(
        (
            &front_end["kind"],
            &front_end["channels"],
            &front_end["rate"]
        ),
        (&"statistics".into(), &3.into(), &62.5.into())
    );
    assert_eq!(front_end["features"], 12);
    // A step of the network every 8 rows.
    let step = inspected["cores"][2]["instructions"].as_f64().unwrap();
    let network = inspected["seconds"][2]["network"].as_f64().unwrap();
    assert_eq!(network, (step * 62.5 / 8.0).round());
    assert!(inspected["seconds"][2]["front_end"].as_u64().unwrap() > 1000);
    let slower = json(&bench.succeed(&words("inspect run/model.lstm --rate 31.25 --json")));
    let half = slower["seconds"][2]["network"].as_f64().unwrap();
    assert!((half - network / 2.0).abs() <= 1.0, "{half}, {network}");

    // A file, its lines through a pipe, and its samples through a pipe have the same answers.
    let rows = lines(true, 30, 40);
    let table: Vec<String> = (0..)
        .zip(&rows)
        .map(|(t, line)| format!("0,{t},{line}"))
        .collect();
    let table = format!("series_id,t,ax,ay,az\n{}\n", table.join("\n"));
    std::fs::write(bench.path("new.csv"), table).unwrap();
    let of_file = bench.succeed(&words("predict run/model.lstm new.csv --format csv"));
    let of_file: Vec<&str> = of_file.lines().nth(1).unwrap().split(',').collect();
    let stream = format!("ax,ay,az\n{}\n", rows.join("\n"));
    let of_lines = piped(&bench, "predict run/model.lstm --stdin", stream.as_bytes());
    let of_lines = String::from_utf8(of_lines.stdout).unwrap();
    // A header, and an answer for each of 1 + (40 − 16) / 8 frames.
    assert_eq!(of_lines.lines().count(), 5, "{of_lines}");
    let last: Vec<&str> = of_lines.lines().last().unwrap().split(',').collect();
    let outputs = last.len() - 1;
    assert_eq!(last[1..], of_file[of_file.len() - outputs..]);

    let bytes = AlignedBytes::from(&std::fs::read(bench.path("run/model.lstm")).unwrap()[..]);
    let model = Model::parse(&bytes).unwrap();
    let FrontEnd::Statistics(statistics) = model.front_end().unwrap() else {
        panic!("another kind")
    };
    let samples: Vec<u8> = (0..40)
        .flat_map(|t| (0..).zip(row(true, 30, t)))
        .flat_map(|(channel, value)| statistics.sample(channel, value).to_le_bytes())
        .collect();
    let of_samples = piped(&bench, "predict run/model.lstm --stdin --samples", &samples);
    let of_samples = String::from_utf8(of_samples.stdout).unwrap();
    assert_eq!(of_samples.lines().last(), of_lines.lines().last());

    let refused = refuse(&bench, &words("train motion.csv --out other --frame 16"));
    assert!(refused.contains("--front-end"), "{refused}");
}
