//! What is written is read back to the bit, and whatever does not fit is refused by name.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use trainer_host::checkpoint::{
    Checkpoint, Description, FORMAT, STATE_FILE, load_state, save_state,
};
use trainer_host::data::{self, Normalisation, Options, Targets};
use trainer_host::network::Network;
use trainer_host::optimiser::OptimiserConfig;
use trainer_host::train::{TrainConfig, Trainer};

fn config() -> TrainConfig {
    TrainConfig {
        hidden: vec![5, 4],
        dense: vec![3],
        epochs: 4,
        ..TrainConfig::default()
    }
}

fn checkpoint() -> Checkpoint {
    let data = data::open("digits", &Options::default()).unwrap().train;
    let training = config();
    let network = Network::new(&training.network(&data), 1).unwrap();
    let description = Description {
        format: FORMAT,
        epoch: 0,
        network: network.config.clone(),
        schema: data.schema(),
        inputs: Normalisation::of_inputs(&data),
        targets: None,
        training,
        history: vec![],
    };
    Checkpoint {
        description,
        network,
    }
}

fn saved(checkpoint: &Checkpoint) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    checkpoint.save(folder.path()).unwrap();
    folder
}

/// The message with which a checkpoint is refused.
fn refusal(folder: &Path) -> String {
    Checkpoint::load(folder).unwrap_err().to_string()
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("model.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn reads_what_it_wrote() {
    let checkpoint = checkpoint();
    let folder = saved(&checkpoint);
    assert_eq!(Checkpoint::load(folder.path()).unwrap(), checkpoint);
}

#[test]
fn a_state_goes_through_its_file_without_changing_the_run() {
    let all = data::open("digits", &Options::default()).unwrap().train;
    let (mut train, mut validation) = (all.select(&[3, 14, 15, 92, 65, 35]), all.select(&[8, 97]));
    let normalisation = Normalisation::of_inputs(&train);
    normalisation.apply_to_inputs(&mut train);
    normalisation.apply_to_inputs(&mut validation);
    assert!(matches!(train.targets, Targets::Class(_)));
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(STATE_FILE);

    /// Saves the state after each epoch under its number.
    struct Saves<'a>(&'a Path);
    impl trainer_host::train::Observer for Saves<'_> {
        fn epoch(
            &mut self,
            record: &trainer_host::train::EpochRecord,
            state: &trainer_host::train::TrainState,
        ) {
            save_state(&self.0.with_extension(record.epoch.to_string()), state).unwrap();
        }
    }
    let go = AtomicBool::new(false);
    let mut whole = Trainer::new(&config, &train, Some(&validation)).unwrap();
    whole.run(&mut Saves(&path), &go).unwrap();
    for epoch in 1..=4 {
        let path = path.with_extension(epoch.to_string());
        let state = load_state(&path, &config.network(&train), config.optimiser).unwrap();
        let mut rest = Trainer::resume(&config, &train, Some(&validation), state).unwrap();
        rest.run(&mut (), &go).unwrap();
        assert_eq!(rest.state(), whole.state(), "from epoch {epoch}");
    }

    let error = load_state(
        &path.with_extension("4"),
        &TrainConfig {
            hidden: vec![6, 4],
            ..config.clone()
        }
        .network(&train),
        OptimiserConfig::default(),
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("latest.lstm.0.w_x has shape [20, 8]"),
        "{message}"
    );
}

#[test]
fn refuses_a_checkpoint_of_another_shape() {
    let folder = saved(&checkpoint());
    edit(folder.path(), "hidden = [5, 4]", "hidden = [6, 4]");
    let message = refusal(folder.path());
    assert!(
        message.contains("weights.safetensors: tensor lstm.0.w_x has shape [20, 8]"),
        "{message}"
    );
    assert!(message.contains("needs [24, 8]"), "{message}");
}

#[test]
fn refuses_missing_and_unexpected_tensors() {
    let folder = saved(&checkpoint());
    edit(folder.path(), "dense = [3]", "dense = [3, 3]");
    assert!(refusal(folder.path()).contains("tensor dense.1.weight has shape [10, 3]"));
    let folder = saved(&checkpoint());
    edit(folder.path(), "hidden = [5, 4]", "hidden = [5, 4, 4]");
    let message = refusal(folder.path());
    assert!(
        message.contains("no tensor lstm.2.w_x, which the network needs with shape [16, 4]"),
        "{message}"
    );
    let folder = saved(&checkpoint());
    edit(folder.path(), "peepholes = true", "peepholes = false");
    let message = refusal(folder.path());
    assert!(
        message.contains("a tensor lstm.") && message.contains("does not have"),
        "{message}"
    );
}

#[test]
fn refuses_weights_that_are_not_finite() {
    let mut checkpoint = checkpoint();
    checkpoint.network.lstm[1].w_h[[2, 1]] = f32::NAN;
    let message = refusal(saved(&checkpoint).path());
    assert!(
        message.contains("tensor lstm.1.w_h has the value NaN at index 9"),
        "{message}"
    );
}

#[test]
fn refuses_a_file_cut_short_at_any_length() {
    let folder = saved(&checkpoint());
    let path = folder.path().join("weights.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let message = refusal(folder.path());
        assert!(message.contains("not a safetensors file"), "{message}");
    }
}

#[test]
fn refuses_other_formats_and_contradictions_and_unknown_keys() {
    let cases = [
        (
            "format = 1",
            "format = 2",
            "has format 2, and this version reads 1",
        ),
        (
            "inputs = 8",
            "inputs = 9",
            "schema.channels has 8 entries, and the network needs 9",
        ),
        (
            "epoch = 0",
            "epoch = 0\nepoque = 1",
            "unknown field `epoque`",
        ),
        ("hidden = [5, 4]", "hidden = []", "hidden is empty"),
    ];
    for (from, to, expected) in cases {
        let folder = saved(&checkpoint());
        edit(folder.path(), from, to);
        let message = refusal(folder.path());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_missing_folder_is_named() {
    let message = refusal(Path::new("no/such/folder"));
    assert!(message.contains("no/such/folder/model.toml"), "{message}");
}
