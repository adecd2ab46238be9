//! From a folder of WAV files to a model file that takes samples, and to its answers.

use std::f64::consts::PI;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::front_end::Signal;
use lstm_nostd::{Block, I16F16, Model};

use crate::bench::{Bench, json};
use crate::predict::piped;
use crate::{refuse, train, words};

/// Samples of a rising or falling tone.
fn sweep(rises: bool, number: usize) -> Vec<i16> {
    let length = 500 + 20 * number;
    let at = |i: usize| {
        let share = i as f64 / length as f64;
        let share = if rises { share } else { 1.0 - share };
        let hertz = 400.0 + 30.0 * number as f64 + 900.0 * share;
        8000.0 * (2.0 * PI * hertz * i as f64 / 8000.0).sin()
    };
    (0..length).map(|i| at(i).round() as i16).collect()
}

fn write(path: &Path, sample_rate: u32, samples: &[i16]) {
    let spec = WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
}

/// The outputs of the engine alone, which is given samples in pieces.
fn heard(model: &Model<'_>, samples: &[i16]) -> Vec<f64> {
    let front_end = model.front_end().unwrap();
    let mut signal = Signal::new(vec![0; front_end.history()]);
    let mut work = vec![[0; 2]; front_end.work()];
    let mut features = vec![0; front_end.features()];
    let mut hidden = vec![Block::default(); model.hidden_blocks()];
    let mut cell = vec![[0; 4]; model.cell_blocks()];
    let mut scratch = vec![Block::default(); model.scratch_blocks()];
    let mut outputs = vec![I16F16::ZERO; model.outputs()];
    for mut piece in samples.chunks(77) {
        while front_end
            .push(&mut signal, &mut work, &mut piece, &mut features)
            .unwrap()
        {
            let state = (&mut hidden[..], &mut cell[..]);
            model
                .step(state, &mut scratch, &features, &mut outputs)
                .unwrap();
        }
    }
    outputs.iter().map(|output| output.to_num()).collect()
}

#[test]
fn a_folder_of_sounds_becomes_a_model_that_hears() {
    let bench = Bench::new();
    for number in 0..12 {
        for (class, rises) in [("down", false), ("up", true)] {
            let path = bench.path(&format!("sounds/{class}/{number}.wav"));
            write(&path, 8000, &sweep(rises, number));
        }
    }
    let settings = "--front-end mfcc --set data.front_end.frame=64 --set data.front_end.bands=8 \
                    --set data.front_end.coefficients=5 --epochs 12";
    train(&bench, "sounds", &words(settings));
    let page = std::fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(page.contains("Features over one sequence") && page.contains("feature 0"));
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&["export", "run"]);
    let of_run = json(&bench.succeed(&words("eval run --part train --json")));
    assert!(
        of_run["comparison"]["integer"]["accuracy"]
            .as_f64()
            .unwrap()
            > 0.8
    );

    // The model file alone knows how to hear.
    let lines = bench.succeed(&words("predict run/model.lstm sounds --format csv"));
    assert_eq!(
        lines,
        bench.succeed(&words("predict run sounds --format csv"))
    );
    let bytes = AlignedBytes::from(&std::fs::read(bench.path("run/model.lstm")).unwrap()[..]);
    let model = Model::parse(&bytes).unwrap();
    let front_end = model.front_end().unwrap();
    assert_eq!(
        (
            front_end.rate_mhz(),
            front_end.frame(),
            front_end.features()
        ),
        (8_000_000, 64, 5)
    );
    let rows: Vec<Vec<&str>> = lines
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows[0][..3], ["sequence", "name", "class"]);
    for row in &rows[1..] {
        let (class, number) = row[1].split_once('/').unwrap();
        let outputs = heard(&model, &sweep(class == "up", number.parse().unwrap()));
        let scores = &row[row.len() - outputs.len()..];
        let scores: Vec<f64> = scores.iter().map(|score| score.parse().unwrap()).collect();
        assert_eq!(scores, outputs, "{row:?}");
    }
    assert_eq!(rows.len(), 25);
    let one = bench.succeed(&words(
        "predict run/model.lstm sounds/up/3.wav --format csv",
    ));
    let own = rows.iter().find(|row| row[1] == "up/3").unwrap();
    let found: Vec<&str> = one.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((found[1], &found[2..]), ("3", &own[2..]));

    let inspected = json(&bench.succeed(&words("inspect run/model.lstm --json")));
    let front_end = &inspected["front_end"];
    assert_eq!(
        (&front_end["kind"], &front_end["hop"]),
        (&"mfcc".into(), &32.into())
    );
    let m4 = &inspected["seconds"][2];
    assert_eq!(m4["core"], "M4");
    // 250 frames a second, of more than 1,000 instructions each.
    assert!(m4["front_end"].as_u64().unwrap() > 250_000, "{m4}");
    let text = bench.succeed(&words("inspect run/model.lstm"));
    assert!(text.contains("front end a second"), "{text}");
    // A project for a board has the front end, and says where samples go.
    let project = "new-firmware listening --board mps2-an386 --model run/model.lstm";
    bench.succeed(&words(project));
    let read = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    assert!(read("listening/Cargo.toml").contains("\"sound\""));
    assert!(read("listening/src/main.rs").contains("model.push_samples(&mut stream, samples)"));
    std::fs::write(bench.path("r.toml"), "rate_hz = 250\n[running]\n").unwrap();
    bench.succeed(&words(
        "new-firmware events --board mps2-an386 --model run/model.lstm --recogniser r.toml",
    ));
    assert!(read("events/src/main.rs").contains("model.next_frame(&mut frames, &mut samples)"));

    // The same samples through a pipe: the answer to the last frame is that to the recording.
    let samples: Vec<u8> = sweep(true, 3)
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let output = piped(&bench, "predict run/model.lstm --stdin --samples", &samples);
    let lines = String::from_utf8(output.stdout).unwrap();
    let last: Vec<&str> = lines.lines().last().unwrap().split(',').collect();
    assert_eq!(last, own[2..]);
    let half = piped(&bench, "predict run --stdin --samples", &samples[..3]);
    let errors = String::from_utf8(half.stderr).unwrap();
    assert!(
        !half.status.success() && errors.contains("half a sample"),
        "{errors}"
    );

    write(&bench.path("other/1.wav"), 16_000, &[0; 300]);
    let refused = refuse(&bench, &words("predict run/model.lstm other"));
    assert!(
        refused.contains("16000") && refused.contains("8000"),
        "{refused}"
    );
    let refused = refuse(&bench, &words("train sounds --out other-run --epochs 1"));
    assert!(refused.contains("--front-end mfcc"), "{refused}");
}

/// Later stages need no variants, and have the class that was cut from noise.
#[test]
fn a_run_with_noise_goes_through_every_stage() {
    let bench = Bench::new();
    for number in 0..8 {
        for (class, rises) in [("down", false), ("up", true)] {
            let path = bench.path(&format!("sounds/{class}/{number}.wav"));
            write(&path, 8000, &sweep(rises, number));
        }
    }
    let noise = |factor: i32| -> Vec<i16> {
        let at = |i: i32| (i * i * factor % 2003) as i16 - 1000;
        (0..8000).map(at).collect()
    };
    write(&bench.path("noise/hall.wav"), 8000, &noise(7));
    let settings = "--front-end mfcc --set data.front_end.frame=64 --set data.front_end.bands=8 \
                    --set data.front_end.coefficients=5 --epochs 2 --noise noise";
    train(&bench, "sounds", &words(settings));
    // Other noise is other training, and the same to all that only reads the run.
    write(&bench.path("noise/hall.wav"), 8000, &noise(11));
    let refused = refuse(&bench, &words("train --resume run --epochs 5"));
    assert!(refused.contains("no longer"), "{refused}");
    std::fs::remove_dir_all(bench.path("noise")).unwrap();
    bench.succeed(&["quantise", "run"]);
    bench.succeed(&words("eval run --part train"));

    write(&bench.path("noise/hall.wav"), 8000, &noise(7));
    let settings = format!(
        "train sounds --hidden 6 {settings} --set data.signal_variants.background=true --out cut"
    );
    bench.succeed(&words(&settings));
    bench.succeed(&["quantise", "cut"]);
    let found = bench.succeed(&words("eval cut --part train"));
    assert!(found.contains("background"), "{found}");
}
