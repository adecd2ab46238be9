//! What a run takes from other runs: the network that it begins with, and a teacher's outputs.

use std::path::Path;

use super::error::TrainingRunError;
use crate::data::{Dataset, FrontEnd, Schema};
use crate::evaluate::Outputs;
use crate::integers::assemble::raw_formats;
use crate::network::prune::prune;
use crate::network::{LayerDirections, Network};
use crate::run::checkpoint;
use crate::run::{Fitted, NetworkOrigin, Run, WEIGHTS, run_or_runs};
use crate::train::{TrainConfig, TrainError};

/// The network that a run with `init` starts from, and the normalisation that was fitted for it.
pub(super) fn initial(
    config: &TrainConfig,
    train: &Dataset,
) -> Result<Option<(Fitted, Network)>, TrainingRunError> {
    let Some(folder) = &config.init else {
        return Ok(None);
    };
    let fitted = Fitted::read(folder)?;
    refuse_other(folder, &fitted, &train.schema())?;
    refuse_other_front_end(folder, &fitted, train.front_end.as_ref())?;
    if !fitted.network.has_equal_halves() {
        return Err(TrainingRunError::Halves {
            folder: folder.clone(),
        });
    }
    let mut network = checkpoint::read_weights(&folder.join(WEIGHTS), &fitted.network)?;
    let projection = config.prune_projection_to;
    if config.prune_to.is_some() || projection.is_some() {
        let (all, _) = LayerDirections::of(&network.config);
        let hidden = config.prune_to.as_ref().unwrap_or(&all);
        network = prune(&network, hidden, projection).map_err(TrainError::from)?;
    }
    let fitted = Fitted {
        origin: NetworkOrigin::Trained,
        network: network.config.clone(),
        raw: raw_formats(train, &fitted.inputs.real_means())?,
        ..fitted
    };
    Ok(Some((fitted, network)))
}

/// Refuses data that the network of `init` cannot be trained on.
///
/// # Errors
/// When it has other channels, outputs or targets, or cannot be read.
pub fn check_initial(config: &TrainConfig, train: &Dataset) -> Result<(), TrainingRunError> {
    initial(config, train).map(|_| ())
}

/// A teacher's outputs for the training part, normalised like the targets: of one run, or the means over the runs in a
/// folder.
pub(super) fn teach(
    folder: &Path,
    fitted: &Fitted,
    train: &Dataset,
) -> Result<Outputs, TrainingRunError> {
    let runs = run_or_runs(folder);
    let mut sums: Option<Outputs> = None;
    for run in &runs {
        let outputs = outputs(run, fitted, train)?;
        sums = Some(match sums {
            None => outputs,
            Some(sums) => sums.into_iter().zip(outputs).map(|(a, b)| a + b).collect(),
        });
    }
    let mut outputs = sums.unwrap_or_default();
    let share = 1.0 / runs.len() as f32;
    for values in &mut outputs {
        *values *= share;
        if let Some(targets) = &fitted.targets {
            targets.apply(values);
        }
    }
    Ok(outputs)
}

/// The outputs of the network in `folder`, in real units.
fn outputs(folder: &Path, fitted: &Fitted, train: &Dataset) -> Result<Outputs, TrainingRunError> {
    let teacher = Run::open(folder)?;
    refuse_other(folder, &teacher.fitted, &fitted.schema)?;
    refuse_other_front_end(folder, &teacher.fitted, fitted.front_end.as_ref())?;
    if teacher.network.config.outputs != fitted.network.outputs {
        return Err(TrainingRunError::OtherSchema {
            folder: folder.to_owned(),
            what: "number of outputs",
        });
    }
    Ok(teacher.outputs(train))
}

/// Features of the same name may be others.
fn refuse_other_front_end(
    folder: &Path,
    other: &Fitted,
    own: Option<&FrontEnd>,
) -> Result<(), TrainingRunError> {
    match other.front_end.as_ref() == own {
        true => Ok(()),
        false => Err(TrainingRunError::OtherSchema {
            folder: folder.to_owned(),
            what: "front end (data.front_end)",
        }),
    }
}

fn refuse_other(folder: &Path, other: &Fitted, schema: &Schema) -> Result<(), TrainingRunError> {
    let what = if other.schema.channels != schema.channels {
        "channels"
    } else if other.schema.outputs != schema.outputs {
        "outputs"
    } else if other.schema.task != schema.task {
        "targets"
    } else {
        return Ok(());
    };
    Err(TrainingRunError::OtherSchema {
        folder: folder.to_owned(),
        what,
    })
}
