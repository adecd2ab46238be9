//! What is written is read back to the bit, and whatever does not fit is refused by name.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use trainer_host::data::{self, Dataset, Options};
use trainer_host::network::Network;
use trainer_host::optimiser::OptimiserKind;
use trainer_host::run::checkpoint;
use trainer_host::train::{TrainConfig, TrainState, Trainer};

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        hidden: vec![5, 4],
        dense: vec![3],
        epochs,
        ..TrainConfig::default()
    }
}

fn digits() -> Dataset {
    let train = data::open("digits", &Options::default()).unwrap().train;
    train.select(&(0..120).collect::<Vec<_>>())
}

struct Bench {
    folder: tempfile::TempDir,
    data: Dataset,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            data: digits(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("checkpoint.safetensors")
    }

    /// The state after `epochs` epochs of a run that is planned for `planned`.
    fn state(&self, planned: usize, epochs: usize) -> TrainState {
        let config = config(planned);
        let mut trainer = Trainer::new(&config, &self.data, Some(&self.data)).unwrap();
        let stop = AtomicBool::new(false);
        trainer
            .run(
                &mut StopAfter {
                    epochs,
                    stop: &stop,
                },
                &stop,
            )
            .unwrap();
        trainer.into_state()
    }

    fn network(&self) -> Network {
        Network::new(&config(1).network(&self.data), 1).unwrap()
    }
}

struct StopAfter<'a> {
    epochs: usize,
    stop: &'a AtomicBool,
}

impl trainer_host::train::Observer for StopAfter<'_> {
    fn epoch(&mut self, record: &trainer_host::train::EpochRecord, _: &TrainState) {
        self.stop.store(
            record.epoch >= self.epochs,
            std::sync::atomic::Ordering::Relaxed,
        );
    }
}

#[test]
fn weights_are_read_back_to_the_bit() {
    let bench = Bench::new();
    let network = bench.network();
    checkpoint::write_weights(&bench.path(), &network).unwrap();
    assert_eq!(
        checkpoint::read_weights(&bench.path(), &network.config).unwrap(),
        network
    );
}

#[test]
fn a_run_goes_on_from_its_checkpoint_as_if_never_stopped() {
    let bench = Bench::new();
    let whole = bench.state(4, 4);
    let half = bench.state(4, 2);
    assert_eq!(half.epochs(), 2);
    checkpoint::write(&bench.path(), &half).unwrap();
    let config = config(4);
    let read = checkpoint::read(&bench.path(), &half.network.config, config.optimiser).unwrap();
    assert_eq!(read, half);
    let mut trainer = Trainer::resume(&config, &bench.data, Some(&bench.data), read).unwrap();
    trainer.run(&mut (), &AtomicBool::new(false)).unwrap();
    assert_eq!(trainer.into_state(), whole);
}

#[test]
fn refuses_another_shape() {
    let bench = Bench::new();
    let network = bench.network();
    checkpoint::write_weights(&bench.path(), &network).unwrap();
    let mut wider = network.config.clone();
    wider.hidden[0] = 7;
    let said = checkpoint::read_weights(&bench.path(), &wider)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("lstm.0.w_x") && said.contains("[20, 8]") && said.contains("[28, 8]"),
        "{said}"
    );
    let mut deeper = network.config;
    deeper.hidden.push(3);
    let said = checkpoint::read_weights(&bench.path(), &deeper)
        .unwrap_err()
        .to_string();
    assert!(said.contains("no tensor \"lstm.2.w_x\""), "{said}");
}

#[test]
fn refuses_weights_that_are_not_finite() {
    let bench = Bench::new();
    let mut network = bench.network();
    network.recurrent[1].as_lstm_mut().unwrap().bias[3] = f32::NAN;
    checkpoint::write_weights(&bench.path(), &network).unwrap();
    let said = checkpoint::read_weights(&bench.path(), &network.config)
        .unwrap_err()
        .to_string();
    assert!(said.contains("lstm.1.bias: value 3 is NaN"), "{said}");
}

#[test]
fn refuses_another_optimiser_and_weights_alone() {
    let bench = Bench::new();
    let state = bench.state(1, 1);
    let sgd = OptimiserKind::Sgd.into();
    checkpoint::write_weights(&bench.path(), &state.network).unwrap();
    let said = checkpoint::read(&bench.path(), &state.network.config, sgd)
        .unwrap_err()
        .to_string();
    assert!(said.contains("not a checkpoint"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_is_refused_or_read(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let bench = Bench::new();
        let network = bench.network();
        checkpoint::write_weights(&bench.path(), &network).unwrap();
        let mut bytes = std::fs::read(bench.path()).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = value;
        }
        std::fs::write(bench.path(), &bytes).unwrap();
        let read = checkpoint::read_weights(&bench.path(), &network.config);
        prop_assert!(!cut || read.is_err());
    }
}
