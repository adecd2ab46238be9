//! Trains on a data set with several seeds and prints what its test part says of each.
//!
//! ```text
//! cargo run --release -p trainer-host --example accuracy -- SOURCE [key=value]... [seeds=N] [steps=T]
//! cargo run --release -p trainer-host --example accuracy -- digits epochs=40 hidden=[32]
//! ```
//!
//! A key is one of the training configuration, its value in TOML.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context;
use trainer_host::data::generated::{Judgement, adding, reber, timed_spikes};
use trainer_host::data::{self, Dataset, Normalisation};
use trainer_host::loss::{Loss, Objective};
use trainer_host::network::Network;
use trainer_host::train::{TrainConfig, Trainer, validate};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let source = arguments
        .next()
        .context("usage: accuracy SOURCE [key=value]... [seeds=N] [steps=T]")?;
    let (seeds, settings): (Vec<String>, Vec<String>) =
        arguments.partition(|argument| argument.starts_with("seeds="));
    let seeds: u64 = seeds
        .first()
        .map_or(Ok(3), |s| s["seeds=".len()..].parse())?;
    let (sizes, settings): (Vec<String>, Vec<String>) =
        settings.into_iter().partition(|s| s.starts_with("steps="));
    let mut options = data::Options::default();
    options.sizes.steps = sizes
        .first()
        .map(|s| s["steps=".len()..].parse())
        .transpose()?;
    let config: TrainConfig = toml::from_str(&settings.join("\n"))?;
    let parts = data::open(&source, &options)?;
    let test = parts.test.context("this data has no test part")?;
    let mut accuracies = Vec::new();
    for seed in 0..seeds {
        let config = TrainConfig {
            seed,
            ..config.clone()
        };
        accuracies.extend(run(&source, &config, &parts.train, &test)?);
    }
    let mean = accuracies.iter().sum::<f64>() / accuracies.len().max(1) as f64;
    println!("{source}: mean test accuracy {:.2} %", 100.0 * mean);
    Ok(())
}

fn run(
    source: &str,
    config: &TrainConfig,
    all: &Dataset,
    raw_test: &Dataset,
) -> anyhow::Result<Option<f64>> {
    let (mut train, mut validation) = match config.validation_share {
        0.0 => (all.clone(), None),
        share => {
            let split = data::split(all, share, config.seed)?;
            (
                all.select(&split.train),
                Some(all.select(&split.validation)),
            )
        }
    };
    let mut test = raw_test.clone();
    let inputs = Normalisation::of_inputs(&train);
    let targets = Normalisation::of_targets(&train);
    for data in [Some(&mut train), validation.as_mut(), Some(&mut test)]
        .into_iter()
        .flatten()
    {
        inputs.apply_to_inputs(data);
        if let Some(targets) = &targets {
            targets.apply_to_targets(&mut data.targets);
        }
    }
    let start = Instant::now();
    let mut trainer = Trainer::new(config, &train, validation.as_ref())?;
    trainer.run(&mut (), &AtomicBool::new(false))?;
    let seconds = start.elapsed().as_secs_f64();
    let state = trainer.into_state();
    let loss = Objective::from(Loss::of(state.network.config.head));
    let chosen = validate(state.chosen(), &test, &loss);
    if let Some(verdict) = judge(source, raw_test, state.chosen(), &test, targets.as_ref()) {
        println!(
            "paper's criterion: {} of {}",
            verdict.correct, verdict.sequences
        );
    }
    let last = validate(&state.network, &test, &loss);
    let record = state.history[state.history.len() - 1];
    println!(
        "seed {}: test {:.5} {:?} (last epoch {:.5} {:?}), best epoch {:?}, validation {:?} of last {:?}, train loss {:.4}, {seconds:.1} s",
        config.seed,
        chosen.loss,
        chosen.accuracy,
        last.loss,
        last.accuracy,
        state.best.as_ref().map(|best| best.epoch),
        state.best.as_ref().map(|best| best.validation),
        record.validation,
        record.train_loss,
    );
    Ok(chosen.accuracy)
}

/// What the paper of a generated task says of the network.
fn judge(
    source: &str,
    raw: &Dataset,
    network: &Network,
    normalised: &Dataset,
    targets: Option<&Normalisation>,
) -> Option<Judgement> {
    let sequences: Vec<_> = normalised.sequences.iter().map(|s| s.view()).collect();
    let mut outputs = network.outputs(&sequences);
    if let Some(targets) = targets {
        outputs
            .iter_mut()
            .for_each(|outputs| targets.invert(outputs));
    }
    match source {
        "embedded-reber" => Some(reber::judge(raw, &outputs)),
        "adding" => Some(adding::judge(raw, &outputs).within),
        "timed-spikes" => Some(timed_spikes::judge(raw, &outputs)),
        _ => None,
    }
}
