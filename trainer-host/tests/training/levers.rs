//! What each lever of training does to a run, and that none of them costs a run its repeatability.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainer_host::data::{self, Dataset, Normalisation, Options, Targets};
use trainer_host::run::checkpoint;
use trainer_host::train::{
    Ending, EpochRecord, Observer, RangeTest, TrainConfig, TrainState, Trainer, find_rate, validate,
};

/// Some of the digits, normalised: a training and a validation part.
fn digits(count: usize) -> (Dataset, Dataset) {
    let all = data::open("digits", &Options::default()).unwrap().train;
    let mut train = all.select(&(0..count).collect::<Vec<_>>());
    let mut validation = all.select(&(600..700).collect::<Vec<_>>());
    let normalisation = Normalisation::of_inputs(&train);
    normalisation.apply_to_inputs(&mut train);
    normalisation.apply_to_inputs(&mut validation);
    (train, validation)
}

/// Streams of random values of several lengths; the class of a step is the sign `delay` steps ago.
fn streams(count: usize, steps: usize, delay: usize, seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sequences: Vec<Array2<f32>> = (0..count)
        .map(|s| {
            let steps = steps - s % 5;
            Array2::from_shape_fn((steps, 1), |_| rng.random_range(-1.0..1.0))
        })
        .collect();
    let class = |sequence: &Array2<f32>, t: usize| {
        usize::from(t >= delay && sequence[[t - delay, 0]] > 0.0)
    };
    let classes = |s: &Array2<f32>| (0..s.nrows()).map(|t| class(s, t)).collect();
    Dataset {
        channels: vec!["x".into()],
        targets: Targets::ClassPerStep(sequences.iter().map(classes).collect()),
        sequences,
        outputs: vec!["low".into(), "high".into()],
        ..Dataset::default()
    }
}

/// A configuration in TOML on top of a small network.
fn config(keys: &str) -> TrainConfig {
    let small = TrainConfig {
        hidden: vec![8],
        epochs: 4,
        ..TrainConfig::default()
    };
    let mut table = toml::Table::try_from(small).unwrap();
    table.extend(toml::from_str::<toml::Table>(keys).unwrap());
    table.try_into().unwrap()
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

fn run(config: &TrainConfig, train: &Dataset, validation: &Dataset) -> TrainState {
    let mut trainer = Trainer::new(config, train, Some(validation)).unwrap();
    trainer.run(&mut (), &go()).unwrap();
    trainer.into_state()
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

struct StopAfter<'a>(usize, &'a AtomicBool);

impl Observer for StopAfter<'_> {
    fn epoch(&mut self, record: &EpochRecord, _: &TrainState) {
        self.1.store(record.epoch >= self.0, Ordering::Relaxed);
    }
}

/// The same run, stopped after `epochs` epochs and taken up from its checkpoint.
fn interrupted(config: &TrainConfig, train: &Dataset, validation: &Dataset) -> TrainState {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let stop = go();
    let mut trainer = Trainer::new(config, train, Some(validation)).unwrap();
    trainer.run(&mut StopAfter(2, &stop), &stop).unwrap();
    let state = trainer.into_state();
    checkpoint::write(&path, &state).unwrap();
    let read = checkpoint::read(&path, &state.network.config, config.optimiser).unwrap();
    assert_eq!(read, state);
    let mut trainer = Trainer::resume(config, train, Some(validation), read).unwrap();
    trainer.run(&mut (), &go()).unwrap();
    trainer.into_state()
}

const LEVERS: [&str; 30] = [
    "layer = 'gru'",
    "layer = 'coupled'",
    "pooling = 'mean'",
    "direction = 'bidirectional'",
    "direction = 'reverse'",
    "projection = 3",
    "optimiser.kind = 'gradient-descent'",
    "optimiser = { kind = 'sgd', nesterov = true }",
    "optimiser = { kind = 'rmsprop', momentum = 0.5 }",
    "optimiser.kind = 'adamw'",
    "optimiser = { kind = 'adam', weight_decay = 0.1 }",
    "clip_norm = 0.0",
    "for_streams = true",
    "ema = 0.9",
    "schedule.kind = 'constant'",
    "schedule = { kind = 'step', every = 1 }",
    "schedule.kind = 'exponential'",
    "schedule.kind = 'one-cycle'",
    "schedule = { kind = 'plateau', patience = 1, min_delta = 1.0 }",
    "schedule = { kind = 'backtracking', patience = 1, min_delta = 1.0 }",
    "input_dropout = 0.2",
    "recurrent_dropout = 0.2",
    "candidate_dropout = 0.2",
    "augmentation.time_shift = 2",
    "augmentation.scaling = 0.2",
    "initialisation.input = 'he'",
    "initialisation.recurrent = 'glorot'",
    "initialisation.chrono_steps = 20",
    "loss = { label_smoothing = 0.1, class_weights = 'balanced' }",
    "loss.kind = 'huber'",
];

#[test]
fn every_lever_changes_a_run_and_keeps_it_repeatable() {
    let (train, validation) = digits(100);
    let plain = run(&config(""), &train, &validation);
    for keys in LEVERS {
        let config = config(keys);
        let one = on_threads(1, || run(&config, &train, &validation));
        assert_ne!(one.chosen(), plain.chosen(), "{keys}");
        assert_eq!(
            one,
            on_threads(2, || run(&config, &train, &validation)),
            "{keys}"
        );
        assert_eq!(one, interrupted(&config, &train, &validation), "{keys}");
    }
}

/// The updates do not see the average; what is judged and kept is the average.
#[test]
fn an_average_follows_the_updates_and_leaves_them_alone() {
    let (train, validation) = digits(100);
    let plain = run(&config(""), &train, &validation);
    let averaged = run(&config("ema = 0.9"), &train, &validation);
    assert_eq!(averaged.network, plain.network);
    assert_eq!(averaged.optimiser, plain.optimiser);
    let losses =
        |state: &TrainState| -> Vec<f64> { state.history.iter().map(|r| r.train_loss).collect() };
    assert_eq!(losses(&averaged), losses(&plain));
    let average = averaged.average.as_ref().unwrap();
    assert_ne!(*average, plain.network);
    let last = averaged.history.last().unwrap().validation.unwrap();
    let objective = config("")
        .loss
        .objective(&train.targets, train.outputs.len())
        .unwrap();
    assert_eq!(validate(average, &validation, &objective), last);
    let best = averaged.best.as_ref().unwrap();
    assert_eq!(
        validate(&best.network, &validation, &objective),
        best.validation
    );
}

#[test]
fn batches_of_streams_keep_a_run_repeatable() {
    let (train, validation) = (streams(40, 30, 1, 1), streams(10, 30, 1, 2));
    let plain = run(&config("hidden = [4, 3]"), &train, &validation);
    let dropped = "dropout = 0.2\ninput_noise = 0.1\nrecurrent_dropout = 0.2";
    for keys in [
        "truncate = 7",
        "bucket_by_length = true",
        &format!("truncate = 7\nbucket_by_length = true\n{dropped}"),
    ] {
        let config = config(&format!("hidden = [4, 3]\n{keys}"));
        let one = on_threads(1, || run(&config, &train, &validation));
        assert_ne!(one.network, plain.network, "{keys}");
        assert_eq!(
            one,
            on_threads(2, || run(&config, &train, &validation)),
            "{keys}"
        );
        assert_eq!(one, interrupted(&config, &train, &validation), "{keys}");
    }
}

/// What happened two steps ago is in the window or, for two steps of ten, only in the state that
/// is carried into it: without that these would be guesses, and the loss at least 0.2 ln 2 = 0.139.
#[test]
fn truncated_streams_learn_what_their_windows_reach() {
    const ENOUGH: f64 = 0.95;
    const WITHOUT_STATE: f64 = 0.139;
    let (train, validation) = (streams(60, 60, 2, 1), streams(20, 60, 2, 2));
    let config = config("hidden = [12]\nepochs = 15\ntruncate = 10\nlearning_rate = 0.03");
    let last = *run(&config, &train, &validation).history.last().unwrap();
    let accuracy = last.validation.unwrap().accuracy.unwrap();
    assert!(
        accuracy > ENOUGH && last.train_loss < 0.8 * WITHOUT_STATE,
        "{last:?}"
    );
}

#[test]
fn every_optimiser_learns() {
    // Of ten digits; the worst reached 0.6 after so few epochs.
    const ENOUGH: f64 = 0.4;
    let (train, validation) = digits(600);
    for keys in [
        "optimiser.kind = 'gradient-descent'\nlearning_rate = 1.0",
        "optimiser = { kind = 'sgd', nesterov = true }\nlearning_rate = 0.1",
        "optimiser.kind = 'rmsprop'\nlearning_rate = 0.01",
        "optimiser.kind = 'adam'",
        "optimiser.kind = 'adamw'",
    ] {
        let config = config(&format!("hidden = [16]\nepochs = 12\n{keys}"));
        let state = run(&config, &train, &validation);
        let accuracy = state.best.unwrap().validation.accuracy.unwrap();
        assert!(accuracy > ENOUGH, "{keys}: {accuracy}");
    }
}

#[test]
fn weight_decay_keeps_weights_small() {
    let (train, validation) = digits(200);
    let norm = |keys: &str| {
        let network = run(&config(keys), &train, &validation).network;
        network.dense[0].weight.iter().map(|w| w * w).sum::<f32>()
    };
    let plain = norm("epochs = 20");
    for keys in [
        "optimiser = { kind = 'adam', weight_decay = 0.1 }",
        "optimiser = { kind = 'adamw', weight_decay = 0.5 }",
    ] {
        let decayed = norm(&format!("epochs = 20\n{keys}"));
        assert!(decayed < 0.7 * plain, "{keys}: {decayed} and {plain}");
    }
}

/// All sequences alike, nine of ten in class 0: the logits' difference is ln 9, and nothing with
/// balanced weights.
#[test]
fn balanced_weights_give_a_rare_class_its_share() {
    let data = Dataset {
        channels: vec!["x".into()],
        sequences: vec![Array2::ones((3, 1)); 40],
        targets: Targets::Class((0..40).map(|s| usize::from(s % 10 == 0)).collect()),
        outputs: vec!["common".into(), "rare".into()],
        ..Dataset::default()
    };
    let difference = |keys: &str| {
        let config = config(&format!(
            "epochs = 80\nbatch_size = 40\nlearning_rate = 0.05\ninput_noise = 0.0\n\
             dropout = 0.0\nvalidation_share = 0.0\n{keys}"
        ));
        let mut trainer = Trainer::new(&config, &data, None).unwrap();
        trainer.run(&mut (), &go()).unwrap();
        let network = trainer.into_state().network;
        let outputs = network.outputs(&[data.sequences[0].view()]);
        outputs[0][[0, 0]] - outputs[0][[0, 1]]
    };
    let plain = difference("");
    assert!((plain - 9f32.ln()).abs() < 0.05, "{plain}");
    for keys in ["'balanced'", "[0.5, 4.5]"] {
        let weighted = difference(&format!("loss.class_weights = {keys}"));
        assert!(weighted.abs() < 0.05, "{keys}: {weighted}");
    }
}

/// A loss that cannot improve: no epoch lowers it by as much as 100.
const NEVER: &str = "min_delta = 100.0";

#[test]
fn early_stopping_ends_a_run_with_its_best_weights() {
    let (train, validation) = digits(100);
    let keys = format!("epochs = 30\nearly_stopping = {{ patience = 3, {NEVER} }}");
    let config = config(&keys);
    let mut trainer = Trainer::new(&config, &train, Some(&validation)).unwrap();
    assert_eq!(trainer.run(&mut (), &go()).unwrap(), Ending::Early);
    let state = trainer.into_state();
    // The first epoch improves on nothing at all; three do not.
    assert_eq!(state.epochs(), 4);
    let losses = state.history.iter().map(|r| r.validation.unwrap().loss);
    let best = state.best.as_ref().unwrap();
    assert_eq!(best.validation.loss, losses.fold(f64::INFINITY, f64::min));
    assert_eq!(state.chosen(), &best.network);
    // Taken up again, it is still over.
    let mut again = Trainer::resume(&config, &train, Some(&validation), state.clone()).unwrap();
    assert_eq!(again.run(&mut (), &go()).unwrap(), Ending::Early);
    assert_eq!(again.into_state(), state);
}

/// Its momentum takes the place of the optimiser's, which stays at zero if that is none.
#[test]
fn one_cycle_moves_the_momentum() {
    let (train, validation) = digits(100);
    let network = |own: f32, bounds: &str| {
        let keys = format!(
            "optimiser = {{ kind = 'sgd', momentum = {own:?} }}\n\
             schedule = {{ kind = 'one-cycle'{bounds} }}"
        );
        run(&config(&keys), &train, &validation).network
    };
    let fixed = ", low_momentum = 0.5, high_momentum = 0.5";
    assert_ne!(network(0.5, ""), network(0.5, fixed));
    assert_eq!(network(0.9, fixed), network(0.5, fixed));
    assert_eq!(network(0.0, ""), network(0.0, fixed));
}

#[test]
fn a_plateau_lowers_the_rate() {
    let (train, validation) = digits(100);
    let keys = format!(
        "epochs = 7\nlearning_rate = 0.008\n\
         schedule = {{ kind = 'plateau', patience = 2, factor = 0.5, lowest_rate = 0.003, {NEVER} }}"
    );
    let state = run(&config(&keys), &train, &validation);
    let rates: Vec<f32> = state.history.iter().map(|r| r.learning_rate).collect();
    assert_eq!(rates, [0.008, 0.008, 0.008, 0.004, 0.004, 0.003, 0.003]);
}

/// Checks each epoch's state against what the record says of going back.
struct WatchReturns {
    rates: Vec<f32>,
    returns: usize,
}

impl Observer for WatchReturns {
    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        self.rates.push(record.learning_rate);
        let anchor = state.anchor.as_ref().unwrap();
        let at_anchor = state.network == anchor.network && state.optimiser == anchor.optimiser;
        let best = (state.history.iter())
            .min_by(|a, b| {
                let loss = |r: &EpochRecord| r.validation.unwrap().loss;
                loss(a).total_cmp(&loss(b))
            })
            .unwrap();
        assert_eq!(anchor.epoch, best.epoch);
        match record.returned_to {
            Some(epoch) => {
                assert_eq!(epoch, anchor.epoch);
                assert!(at_anchor && epoch < record.epoch);
                self.returns += 1;
            }
            None => assert_eq!(at_anchor, anchor.epoch == record.epoch),
        }
    }
}

/// At a rate that is far too high the loss soon worsens; each way back halves the rate.
#[test]
fn backtracking_returns_to_the_best_weights_at_a_lower_rate() {
    let (train, validation) = digits(200);
    let config = config(
        "epochs = 25\nlearning_rate = 0.3\n\
         schedule = { kind = 'backtracking', patience = 2, factor = 0.5 }",
    );
    let mut watch = WatchReturns {
        rates: Vec::new(),
        returns: 0,
    };
    let mut trainer = Trainer::new(&config, &train, Some(&validation)).unwrap();
    trainer.run(&mut watch, &go()).unwrap();
    assert!(watch.returns >= 2, "{:?}", watch.rates);
    let last = *watch.rates.last().unwrap();
    let history = &trainer.state().history;
    let before_last = history[..24].iter().filter(|r| r.returned_to.is_some());
    let expected = 0.3 * 0.5f32.powi(before_last.count() as i32);
    assert!(
        (last - expected).abs() < 1e-6 * expected,
        "{last} {expected}"
    );
}

#[test]
fn levers_that_are_not_for_the_data_are_refused_by_name() {
    let (classes, _) = digits(20);
    let mut values = classes.clone();
    values.targets = Targets::Value(vec![vec![0.0; 10]; 20]);
    let per_step = streams(10, 10, 1, 1);
    for (data, keys, key, said) in [
        (
            &values,
            "loss.kind = 'cross-entropy'",
            "loss.kind",
            "values and not classes",
        ),
        (
            &values,
            "loss.class_weights = 'balanced'",
            "loss.class_weights",
            "left out",
        ),
        (
            &values,
            "loss.label_smoothing = 0.1",
            "loss.label_smoothing",
            "0",
        ),
        (
            &classes,
            "loss.class_weights = [1.0, 2.0]",
            "loss.class_weights",
            "one number for each",
        ),
        (
            &classes,
            "loss.class_weights = [-1.0]",
            "loss.class_weights",
            "at least 0",
        ),
        (&classes, "loss.delta = 0.0", "loss.delta", "above 0"),
        (
            &classes,
            "loss.label_smoothing = 1.0",
            "loss.label_smoothing",
            "below 1",
        ),
        (
            &classes,
            "truncate = 5",
            "truncate",
            "one target a sequence",
        ),
        (&per_step, "truncate = 0", "truncate", "at least 1"),
        (
            &per_step,
            "direction = 'bidirectional'\ntruncate = 5",
            "truncate",
            "a layer runs backwards",
        ),
        (
            &classes,
            "direction = 'reverse'\nfor_streams = true",
            "for_streams",
            "an endless stream has no last step",
        ),
        (
            &classes,
            "direction = ['bidirectional', 'forward']",
            "direction",
            "one for each of hidden",
        ),
        (&per_step, "pooling = 'mean'", "pooling", "each step"),
        (
            &classes,
            "pooling = 'mean'\nfor_streams = true",
            "pooling",
            "endless stream",
        ),
        (
            &per_step,
            "augmentation.time_shift = 1",
            "augmentation.time_shift",
            "each step",
        ),
        (
            &classes,
            "early_stopping.patience = 3",
            "early_stopping",
            "validation",
        ),
        (
            &classes,
            "early_stopping.patience = 0",
            "early_stopping.patience",
            "at least 1",
        ),
        (
            &classes,
            "early_stopping.min_delta = -1.0",
            "early_stopping.min_delta",
            "at least 0",
        ),
        (
            &classes,
            "schedule.kind = 'plateau'",
            "schedule.kind is plateau",
            "validation",
        ),
        (
            &classes,
            "schedule.kind = 'backtracking'",
            "schedule.kind is backtracking",
            "validation",
        ),
        (
            &classes,
            "recurrent_dropout = 1.0",
            "recurrent_dropout",
            "below 1",
        ),
        (
            &classes,
            "candidate_dropout = -0.1",
            "candidate_dropout",
            "at least 0",
        ),
        (
            &classes,
            "input_dropout = nan",
            "input_dropout",
            "at least 0",
        ),
        (
            &classes,
            "initialisation.chrono_steps = 1",
            "initialisation.chrono_steps",
            "at least 3",
        ),
        (
            &classes,
            "optimiser = { kind = 'adamw', weight_decay = 2.0 }",
            "optimiser.weight_decay",
            "from 0 to 1",
        ),
    ] {
        let error = Trainer::new(&config(keys), data, None)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(key) && error.contains(said),
            "{keys}: {error}"
        );
    }
}

#[test]
fn a_range_test_proposes_a_rate_that_learns() {
    let (train, validation) = digits(600);
    let config = config("hidden = [16]\nepochs = 10");
    let test = || find_rate(&config, &train, RangeTest::default()).unwrap();
    let curve = on_threads(1, test);
    assert_eq!(curve, on_threads(2, test));
    let proposed = curve.proposed.unwrap();
    // Adam's rates for an LSTM are about 0.001 to 0.05.
    assert!((3e-4..=0.1).contains(&proposed), "{proposed}");
    assert!(
        curve
            .points
            .windows(2)
            .all(|pair| pair[0].rate < pair[1].rate)
    );
    let trained = TrainConfig {
        learning_rate: proposed,
        ..config.clone()
    };
    let state = run(&trained, &train, &validation);
    assert!(state.best.unwrap().validation.accuracy.unwrap() > 0.6);
    for (test, key) in [
        (
            RangeTest {
                lowest: 0.0,
                ..RangeTest::default()
            },
            "lowest",
        ),
        (
            RangeTest {
                highest: 1e-7,
                ..RangeTest::default()
            },
            "highest",
        ),
        (
            RangeTest {
                updates: 1,
                ..RangeTest::default()
            },
            "updates",
        ),
    ] {
        let error = find_rate(&config, &train, test).unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
    }
}
