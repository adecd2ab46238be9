//! From recordings to a model file in one program: train, quantise, judge f32 and integers, write.
//!
//! ```text
//! cargo run --release -p trainer-host --example train_and_quantise -- digits.lstm
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use lstm_nostd::Model;
use lstm_nostd::kernels::Scheme;
use trainer_host::data::{self, Options};
use trainer_host::evaluate::score;
use trainer_host::files::atomic;
use trainer_host::integers::stream;
use trainer_host::run::Fitted;
use trainer_host::run::choose::{Request, choose};
use trainer_host::train::{TrainConfig, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os()
        .nth(1)
        .map_or("digits.lstm".into(), PathBuf::from);
    train_and_quantise(&path)
}

/// Writes the model file of a small network for the built-in digits to `path`.
pub(crate) fn train_and_quantise(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    // A file's path in place of `digits` reads recordings of your own.
    let parts = data::open("digits", &Options::default())?;
    let config = TrainConfig {
        hidden: vec![16],
        epochs: 10,
        ..TrainConfig::default()
    };

    // Normalisation and raw formats are fitted to the training part; the network sees normalised values.
    let fitted = Fitted::fit(&config, &parts.train)?;
    let train = fitted.normalised(&parts.train);
    let mut trainer = Trainer::new(&config, &train, None)?;
    // The flag stops the training from another thread.
    trainer.run(&mut (), &AtomicBool::new(false))?;
    let network = trainer.into_state().chosen().clone();

    // int8 weights and int16 activations for the recurrent and for the output layer; ranges and rounding by trial.
    let request = Request {
        schemes: vec![Scheme::W8a16; network.config.layer_count()],
        clipping: None,
        rounding: None,
        equal_shifts: false,
    };
    let chosen = choose((&network, &fitted), &parts.train, None, &request)?;

    // The integers on this host are those of every chip, bit for bit.
    let model = Model::parse(&chosen.bytes)?;
    let test = parts.test.as_ref().unwrap_or(&parts.train);
    let outputs = stream::outputs(&model, &test.recordings());
    println!("integers: {}", score(test, &outputs).describe());
    atomic::write(path, &chosen.bytes)?;
    println!("{}: {} bytes", path.display(), chosen.bytes.len());
    Ok(())
}
