//! What a run fitted to its training part, `model.toml`: the network's structure, normalisation and names.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Normalisation, Schema};
use crate::network::{Head, Mode, Network, NetworkConfig};
use crate::run::config_file;
use crate::run::error::RunError;
use crate::run::folder::FITTED;
use crate::train::TrainConfig;

/// What a run fitted to its training part, and the structure that came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// The network's structure.
    pub network: NetworkConfig,
    /// Channels, outputs and kind of the data.
    pub schema: Schema,
    /// Of the input channels.
    pub inputs: Normalisation,
    /// Of a regression's targets; the network's own outputs are normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Normalisation>,
}

impl Fitted {
    /// Fits the normalisation to the training part.
    pub fn fit(config: &TrainConfig, train: &Dataset) -> Self {
        Self {
            network: config.network(train),
            schema: train.schema(),
            inputs: Normalisation::of_inputs(train),
            targets: Normalisation::of_targets(train),
        }
    }

    /// A copy of `data` as the network sees it.
    pub fn normalised(&self, data: &Dataset) -> Dataset {
        let mut data = data.clone();
        self.inputs.apply_to_inputs(&mut data);
        if let Some(targets) = &self.targets {
            targets.apply_to_targets(&mut data.targets);
        }
        data
    }

    /// Sequences `[T, I]` as the network sees them.
    pub fn normalised_inputs(&self, data: &Dataset) -> Vec<Array2<f32>> {
        let mut sequences = data.sequences.clone();
        sequences
            .iter_mut()
            .for_each(|sequence| self.inputs.apply(sequence));
        sequences
    }

    /// The network with its last layer changed so that a regression's outputs are in the targets'
    /// own units: `y · deviation + mean`.
    pub fn in_target_units(&self, mut network: Network) -> Network {
        if let (Some(targets), Some(last)) = (&self.targets, network.dense.last_mut()) {
            for (r, (mean, deviation)) in targets.mean.iter().zip(&targets.deviation).enumerate() {
                last.weight.row_mut(r).mapv_inplace(|w| w * deviation);
                last.bias[r] = last.bias[r] * deviation + mean;
            }
        }
        network
    }

    /// Names of the outputs as a model file wants them.
    pub fn output_names(&self) -> &[String] {
        &self.schema.outputs
    }

    /// Writes this into a run's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        Ok(config_file::write(&folder.join(FITTED), self)?)
    }

    /// Reads it from a run's folder.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(FITTED);
        let fitted: Self = config_file::read(&path)?;
        match fitted.contradiction() {
            None => Ok(fitted),
            Some(problem) => Err(RunError::Malformed { path, problem }),
        }
    }

    /// The first two entries that cannot both be true, in words.
    fn contradiction(&self) -> Option<String> {
        let Self {
            network,
            schema,
            inputs,
            targets,
        } = self;
        let per_step = network.mode == Mode::SequenceToSequence;
        if per_step != schema.task.is_per_step() || targets.is_some() == schema.task.is_class() {
            return Some(format!(
                "schema.task is {}, and network.mode or the table of targets is not for that",
                schema.task.describe()
            ));
        }
        if schema.channels.len() != network.inputs {
            let found = schema.channels.len();
            return Some(format!(
                "network.inputs is {}, but schema.channels has {found} names",
                network.inputs
            ));
        }
        let single =
            schema.task.is_class() && network.head == Head::Sigmoid && network.outputs == 1;
        let names = if single { 2 } else { network.outputs };
        if schema.outputs.len() != names {
            let found = schema.outputs.len();
            return Some(format!(
                "network.outputs is {}, which needs {names} names, but schema.outputs has {found}",
                network.outputs
            ));
        }
        let targets = targets.iter().map(|t| ("targets", t, network.outputs));
        [("inputs", inputs, network.inputs)]
            .into_iter()
            .chain(targets)
            .find_map(|(name, normalisation, length)| {
                let wrong = normalisation.wrong_for(length)?;
                Some(format!("{name}: {wrong}"))
            })
    }
}
