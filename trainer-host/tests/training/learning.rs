//! Training runs: they learn, repeat themselves to the bit, stop, go on and refuse what is wrong.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainer_host::data::{self, Dataset, Normalisation, Options, Targets};
use trainer_host::evaluate::{Score, StreamScore, Streams};
use trainer_host::passes::activation_format::ActivationFormats;
use trainer_host::schedule::Schedule;
use trainer_host::train::{
    BatchProgress, Divergence, EarlyStopping, Ending, EpochRecord, Observer, TrainConfig,
    TrainError, TrainState, Trainer,
};

/// Some of the digits, normalised: a training and a validation part.
fn digits() -> (Dataset, Dataset) {
    let all = data::open("digits", &Options::default()).unwrap().train;
    let mut train = all.select(&(0..600).collect::<Vec<_>>());
    let mut validation = all.select(&(600..800).collect::<Vec<_>>());
    let normalisation = Normalisation::of_inputs(&train);
    normalisation.apply_to_inputs(&mut train);
    normalisation.apply_to_inputs(&mut validation);
    (train, validation)
}

fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![20],
        epochs: 6,
        ..TrainConfig::default()
    }
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

fn whole_run(config: &TrainConfig) -> TrainState {
    let (train, validation) = digits();
    let mut trainer = Trainer::new(config, &train, Some(&validation)).unwrap();
    assert_eq!(trainer.run(&mut (), &go()).unwrap(), Ending::Finished);
    trainer.into_state()
}

#[test]
fn learns_and_keeps_the_best_weights() {
    // 600 images and 30 epochs reached 0.93; guessing is right for a tenth.
    const ENOUGH: f64 = 0.85;
    let state = whole_run(&TrainConfig {
        epochs: 30,
        ..config()
    });
    let best = state.best.as_ref().unwrap();
    let accuracy = best.validation.accuracy.unwrap();
    assert!(accuracy > ENOUGH, "{accuracy}");
    // The second half of the run is what counts.
    let lowest = state.history[15..]
        .iter()
        .map(|record| record.validation.unwrap().loss);
    assert_eq!(best.validation.loss, lowest.fold(f64::INFINITY, f64::min));
    assert_eq!(state.chosen(), &best.network);
}

/// Without noise, dropout and updates, the share of right decisions while training is that of the network.
#[test]
fn training_accuracy_is_the_share_of_right_decisions() {
    let (train, _) = digits();
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 1e-12,
        dropout: Some(0.0),
        input_noise: Some(0.0),
        ..config()
    };
    // The same part judges, so both shares are of the same sequences.
    let mut trainer = Trainer::new(&config, &train, Some(&train)).unwrap();
    trainer.run(&mut (), &go()).unwrap();
    let record = trainer.into_state().history[0];
    let validation = record.validation.unwrap().accuracy.unwrap();
    assert!((record.train_accuracy.unwrap() - validation).abs() < 1e-12);
}

#[test]
fn the_same_seed_gives_the_same_weights_on_any_number_of_threads() {
    let one = on_threads(1, || whole_run(&config()));
    assert_eq!(one, on_threads(2, || whole_run(&config())));
    assert_ne!(
        one,
        whole_run(&TrainConfig {
            seed: 1,
            ..config()
        })
    );
}

/// Stops after the first epoch.
struct StopsAfterOne<'a>(&'a AtomicBool);

impl Observer for StopsAfterOne<'_> {
    fn epoch(&mut self, _: &EpochRecord, _: &TrainState) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// In the first half of training for streams, some sequences begin with a zero state (ST2). So an epoch that is all of
/// training differs from the first one of a thousand.
#[test]
fn resets_fade_with_the_share_of_training_that_is_done() {
    let (train, _) = digits();
    let first_of = |epochs, for_streams| {
        let config = TrainConfig {
            epochs,
            for_streams,
            schedule: Schedule::Constant,
            ..config()
        };
        let (mut trainer, stop) = (Trainer::new(&config, &train, None).unwrap(), go());
        trainer.run(&mut StopsAfterOne(&stop), &stop).unwrap();
        trainer.into_state().network
    };
    assert_eq!(first_of(1, false), first_of(1000, false));
    assert_ne!(first_of(1, true), first_of(1000, true));
}

/// Validation in streams says little while sequences are still reset, so early stopping waits for the second half.
#[test]
fn training_for_streams_does_not_stop_early_in_its_first_half() {
    let (train, validation) = digits();
    let ended_after = |for_streams| {
        let config = TrainConfig {
            epochs: 8,
            for_streams,
            early_stopping: Some(EarlyStopping {
                patience: 1,
                min_delta: 1e9,
            }),
            ..config()
        };
        let mut trainer = Trainer::new(&config, &train, Some(&validation)).unwrap();
        assert_eq!(trainer.run(&mut (), &go()).unwrap(), Ending::Early);
        trainer.state().epochs()
    };
    let usual = ended_after(false);
    assert_eq!(ended_after(true), 4 + usual);
}

/// Stops in the middle of the third epoch.
struct StopsInEpoch3<'a>(&'a AtomicBool);

impl Observer for StopsInEpoch3<'_> {
    fn batch(&mut self, progress: &BatchProgress) {
        if progress.epoch == 3 && progress.batch == 2 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        assert!(record.epoch < 3);
        assert_eq!(state.epochs(), record.epoch);
    }
}

#[test]
fn a_run_that_stopped_and_went_on_ends_with_the_same_bits() {
    let (train, validation) = digits();
    let config = config();
    let stop = go();
    let mut trainer = Trainer::new(&config, &train, Some(&validation)).unwrap();
    let ending = trainer.run(&mut StopsInEpoch3(&stop), &stop).unwrap();
    assert_eq!(ending, Ending::Stopped);
    let state = trainer.into_state();
    assert_eq!(state.epochs(), 2);
    let mut trainer = Trainer::resume(&config, &train, Some(&validation), state).unwrap();
    assert_eq!(trainer.run(&mut (), &go()).unwrap(), Ending::Finished);
    assert_eq!(trainer.state(), &whole_run(&config));
}

#[test]
fn numbers_out_of_range_are_named() {
    let (train, _) = digits();
    let cases: [(TrainConfig, &str); 6] = [
        (
            TrainConfig {
                epochs: 0,
                ..config()
            },
            "epochs",
        ),
        (
            TrainConfig {
                batch_size: 0,
                ..config()
            },
            "batch_size",
        ),
        (
            TrainConfig {
                learning_rate: f32::NAN,
                ..config()
            },
            "learning_rate",
        ),
        (
            TrainConfig {
                dropout: Some(1.0),
                ..config()
            },
            "dropout",
        ),
        (
            TrainConfig {
                clip_norm: -1.0,
                ..config()
            },
            "clip_norm",
        ),
        (
            TrainConfig {
                validation_share: 1.0,
                ..config()
            },
            "validation_share",
        ),
    ];
    for (config, key) in cases {
        let error = Trainer::new(&config, &train, None).unwrap_err();
        assert!(error.to_string().starts_with(key), "{error}");
    }
}

#[test]
fn divergence_is_an_error_and_not_a_nan_network() {
    let (mut train, _) = digits();
    train.targets = Targets::Value(vec![vec![f32::INFINITY; 10]; train.sequences.len()]);
    let error = Trainer::new(&config(), &train, None)
        .unwrap()
        .run(&mut (), &go())
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::Diverged(Divergence {
                epoch: 1,
                batch: 1,
                ..
            })
        ),
        "{error}"
    );
}

/// Notes where training diverged.
#[derive(Default)]
struct Noted(Option<(Divergence, usize)>);

impl Observer for Noted {
    fn diverged(&mut self, divergence: &Divergence, kept: usize) {
        self.0 = Some((*divergence, kept));
    }
}

/// Two good epochs, and then a rate at which nothing holds.
#[test]
fn a_run_that_diverges_ends_with_what_it_had_before() {
    let (mut train, mut validation) = digits();
    // Squared errors grow without end.
    for part in [&mut train, &mut validation] {
        let values = (0..part.len()).map(|s| vec![(s % 3) as f32 - 1.0; 10]);
        part.targets = Targets::Value(values.collect());
    }
    let good = TrainConfig {
        epochs: 2,
        ..config()
    };
    let mut trainer = Trainer::new(&good, &train, Some(&validation)).unwrap();
    assert_eq!(trainer.run(&mut (), &go()).unwrap(), Ending::Finished);
    let before = trainer.into_state();
    let wild = TrainConfig {
        learning_rate: 1e6,
        clip_norm: 0.0,
        ..config()
    };
    let mut noted = Noted::default();
    let state = before.clone();
    let mut trainer = Trainer::resume(&wild, &train, Some(&validation), state).unwrap();
    assert_eq!(trainer.run(&mut noted, &go()).unwrap(), Ending::Diverged);
    assert_eq!(trainer.into_state(), before);
    let (divergence, kept) = noted.0.unwrap();
    assert_eq!((divergence.epoch, kept), (3, 2));
    assert!(
        divergence.loss > 1e6 || divergence.loss.is_nan(),
        "{divergence}"
    );
    // Where there is nothing to keep, it is an error.
    let mut trainer = Trainer::new(&wild, &train, Some(&validation)).unwrap();
    let error = trainer.run(&mut (), &go()).unwrap_err();
    assert!(error.to_string().contains("learning_rate"), "{error}");
}

#[test]
fn empty_and_unlike_parts_are_refused() {
    let (train, validation) = digits();
    let empty = train.select(&[]);
    let config = config();
    let error = Trainer::new(&config, &empty, None).unwrap_err();
    assert!(
        error.to_string().contains("training part has no sequences"),
        "{error}"
    );
    let mut narrow = validation.clone();
    narrow.channels.pop();
    let error = Trainer::new(&config, &train, Some(&narrow)).unwrap_err();
    assert!(
        error.to_string().contains("validation part has 7 channels"),
        "{error}"
    );
}

#[test]
fn unknown_keys_are_refused() {
    let error = toml::from_str::<TrainConfig>("learning_rat = 0.1").unwrap_err();
    assert!(error.to_string().contains("learning_rat"), "{error}");
    assert_eq!(
        toml::from_str::<TrainConfig>("").unwrap(),
        TrainConfig::default()
    );
}

/// Two classes whose values have the means ±0.3, `count` sequences of 20 steps each, one class after the other.
fn two_levels(count: usize, seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let classes: Vec<usize> = (0..2 * count).map(|s| s / count).collect();
    let sequence = |class: &usize| {
        let mean = if *class == 0 { -0.3 } else { 0.3 };
        Array2::from_shape_fn((20, 1), |_| mean + rng.random_range(-1.0..1.0))
    };
    Dataset {
        channels: vec!["x".into()],
        sequences: classes.iter().map(sequence).collect(),
        targets: Targets::Class(classes),
        outputs: vec!["low".into(), "high".into()],
        ..Dataset::default()
    }
}

/// The mean over 20 steps deviates by 0.13, so a network that sums up what it sees is right in 99 % of all cases with
/// resets. In the stream, the sum of 60 sequences of one class outweighs those that follow.
#[test]
fn training_for_streams_brings_accuracy_without_resets() {
    let (train, test) = (two_levels(150, 1), two_levels(60, 2));
    let accuracies = |for_streams| {
        let config = TrainConfig {
            hidden: vec![6],
            epochs: 20,
            for_streams,
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::new(&config, &train, None).unwrap();
        trainer.run(&mut (), &go()).unwrap();
        let network = &trainer.state().network;
        let formats = ActivationFormats::default();
        let streams = Streams::of(&test);
        let runs = [&Streams::reset_at_each(test.len()), &streams]
            .map(|way| way.run(network, &formats, &test.sequences));
        let score = StreamScore::of(&test, &streams, runs);
        println!("{for_streams}: {}", score.to_text());
        [score.reset, score.stream].map(|score| match score {
            Score::Classes(score) => score.accuracy,
            Score::Values(_) => unreachable!(),
        })
    };
    let ([reset, plain], [_, stream]) = (accuracies(false), accuracies(true));
    assert!(reset > 0.93 && stream > reset - 0.05, "{reset}, {stream}");
    assert!(plain < stream - 0.1, "{plain}, {stream}");
}
