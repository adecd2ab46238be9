//! Compares the estimate of the engine's flash with the engine that is built for a model.

use lstm_nostd::Parsed;
use lstm_nostd::artifact::{LayerKind, ModelFile, RandomConv, RandomModel};
use lstm_nostd::front_end::{Kind, Settings, StatisticsSettings, Tables, Window};
use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::board;
use lstm_tests::models::behind;
use trainer_host::cost::{self, Core, MAX_FLASH_ERROR};
use xtask::bench;

#[test]
fn flash_of_the_engine_is_what_the_model_says() {
    let shape = RandomModel {
        kinds: vec![LayerKind::Gru],
        schemes: vec![Scheme::W4a16],
        ..small()
    };
    check(&["mps2-an386"], "gru-w4a16", &shape.build());
}

#[test]
#[ignore = "long: builds an engine for each of six models on three cores"]
fn flash_of_any_engine_is_what_the_model_says() {
    let conv = RandomConv {
        filters: 8,
        kernel: 5,
        stride: 2,
        first: 0,
        is_rectified: true,
    };
    let sound = Settings {
        window: Window::Hann,
        ..Settings::new(Kind::Mfcc, 8000)
    };
    let models = [
        (
            "narrow",
            RandomModel {
                schemes: vec![Scheme::W8a8],
                ..small()
            }
            .build(),
        ),
        (
            "conv",
            RandomModel {
                conv: Some(conv),
                schemes: vec![Scheme::W4a16],
                ..small()
            }
            .build(),
        ),
        (
            "mean",
            RandomModel {
                kinds: vec![LayerKind::Coupled],
                schemes: vec![Scheme::W8a8],
                mean: true,
                ..small()
            }
            .build(),
        ),
        (
            "projected",
            RandomModel {
                kinds: vec![LayerKind::Projected],
                schemes: vec![Scheme::W4a16],
                ..small()
            }
            .build(),
        ),
        ("sound", behind(Tables::new(&sound).unwrap(), small())),
        (
            "motion",
            behind(
                Tables::of_statistics(&StatisticsSettings::new(3)).unwrap(),
                small(),
            ),
        ),
    ];
    for (name, file) in models {
        check(&["microbit", "mps2-an386", "mps3-an547"], name, &file);
    }
}

fn small() -> RandomModel {
    RandomModel {
        inputs: 3,
        hidden: vec![8],
        outputs: 2,
        seed: 1,
        ..RandomModel::default()
    }
}

fn check(boards: &[&str], name: &str, file: &ModelFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.lstm"));
    for board in boards.iter().map(|name| board(name)) {
        let bytes = file.to_bytes_in(board.order()).unwrap();
        std::fs::write(&path, &*bytes).unwrap();
        let built = bench::engine_bytes(board, &path).unwrap_or_else(|error| panic!("{error:#}"));
        let core = Core::from_name(board.core_name()).unwrap();
        let estimated = cost::engine_bytes(core, &Parsed::parse(&bytes).unwrap());
        let error = estimated as f64 / built as f64 - 1.0;
        println!("{name} on {}: {:+.1} %", board.name, 100.0 * error);
        assert!(
            error.abs() < MAX_FLASH_ERROR,
            "{name} on {}: {estimated} bytes estimated, {built} built",
            board.name
        );
    }
}
