//! What a run fitted to its training part, `model.toml`: the network's structure and origin, the data that it
//! is of, normalisation, raw formats and names.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use lstm_nostd::front_end::Tables;

use crate::data::{Dataset, FrontEnd, Normalisation, Parts, Schema};
use crate::evaluate::Outputs;
use crate::integers::assemble::{DataLimit, raw_formats};
use crate::integers::input_format::{InputFormat, MAX_SHIFT, RawRangeError, choose_formats};
use crate::network::{Head, Network, NetworkConfig};
use crate::run::config_file;
use crate::run::data_checksum::DataChecksum;
use crate::run::error::RunError;
use crate::run::folder::FITTED;
use crate::run::network_origin::NetworkOrigin;
use crate::train::TrainConfig;

/// What a run fitted to its training part, and the structure that came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// Where the network came from; trained, in a run of an earlier version.
    #[serde(default)]
    pub origin: NetworkOrigin,
    /// The data that the run began with; not known in a run of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataChecksum>,
    /// The network's structure.
    pub network: NetworkConfig,
    /// Channels, outputs and kind of the data.
    pub schema: Schema,
    /// Of the input channels.
    pub inputs: Normalisation,
    /// Of the values of a forecast whose inputs are their changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Normalisation>,
    /// Of a regression's targets; the network's own outputs are normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Normalisation>,
    /// What makes the channels of samples, with every setting; none where the data has channels of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_end: Option<FrontEnd>,
    /// What firmware feeds, channel by channel, `[I]`; empty in a run of an earlier version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<InputFormat>,
}

impl Fitted {
    /// Fits normalisation and raw formats to the training part.
    ///
    /// # Errors
    /// When no model file holds its values or names.
    pub fn fit(config: &TrainConfig, train: &Dataset) -> Result<Self, DataLimit> {
        let inputs = Normalisation::of_inputs(train);
        Ok(Self {
            origin: NetworkOrigin::Trained,
            data: None,
            network: config.network(train),
            schema: train.schema(),
            targets: Normalisation::of_targets(train),
            raw: raw_formats(train, &inputs.real_means())?,
            front_end: train.front_end.clone(),
            values: train
                .origin
                .as_ref()
                .and_then(|origin| origin.values.clone()),
            inputs,
        })
    }

    /// The raw format of each channel, `[I]`; a run of an earlier version has those that its training part
    /// gives.
    ///
    /// # Errors
    /// For the first channel that raw integers cannot hold.
    pub fn raw_formats(&self, train: &Dataset) -> Result<Vec<InputFormat>, RawRangeError> {
        match self.raw.as_slice() {
            [] => choose_formats(
                &train.channels,
                &train.recordings(),
                &self.inputs.real_means(),
            ),
            raw => Ok(raw.to_vec()),
        }
    }

    /// Whether `data` is what a run of `config` began with; of a run of an earlier version, whether it gives
    /// the same normalisation.
    pub fn is_of(&self, data: &Parts, config: &TrainConfig) -> bool {
        if let Some(checksum) = &self.data {
            return checksum.is_of(data);
        }
        // A run that began with another one took that one's normalisation over.
        let own_fit = config.init.is_none() && self.origin == NetworkOrigin::Trained;
        data.train.schema() == self.schema
            && (!own_fit
                || Normalisation::of_inputs(&data.train) == self.inputs
                    && Normalisation::of_targets(&data.train) == self.targets)
    }

    /// Of the channels of a file.
    pub fn of_file(&self) -> &Normalisation {
        self.values.as_ref().unwrap_or(&self.inputs)
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
        let mut inputs = Dataset {
            offsets: data.offsets.clone(),
            sequences: data.sequences.clone(),
            ..Dataset::default()
        };
        self.inputs.apply_to_inputs(&mut inputs);
        inputs.sequences
    }

    /// A network's outputs in real units: `y · deviation + mean` for a regression.
    pub fn in_real_units(&self, mut outputs: Outputs) -> Outputs {
        outputs
            .iter_mut()
            .for_each(|values| self.invert_targets(values));
        outputs
    }

    /// Brings the outputs of one sequence, `[T, O]`, to real units; classes stay as they are.
    pub fn invert_targets(&self, values: &mut Array2<f32>) {
        if let Some(targets) = &self.targets {
            targets.invert(values);
        }
    }

    /// The network with its last layer changed so that a regression's outputs are distances from
    /// [`Fitted::target_means`] in the targets' own units.
    pub fn in_target_units(&self, network: &Network) -> Network {
        self.with_outputs(network, |value, deviation| value * deviation)
    }

    /// The inverse of [`Fitted::in_target_units`].
    pub fn in_normalised_units(&self, network: &Network) -> Network {
        self.with_outputs(network, |value, deviation| value / deviation)
    }

    /// The network with `change` of each weight and bias of its last layer and of the target's deviation.
    fn with_outputs(&self, network: &Network, change: fn(f32, f32) -> f32) -> Network {
        let mut network = network.clone();
        if let (Some(targets), Some(last)) = (&self.targets, network.dense.last_mut()) {
            for (r, deviation) in targets.deviation.iter().enumerate() {
                let mut row = last.weight.row_mut(r);
                row.mapv_inplace(|w| change(w, *deviation));
                last.bias[r] = change(last.bias[r], *deviation);
            }
        }
        network
    }

    /// Of a regression's targets, `[O]`; 0 for classes.
    pub fn target_means(&self) -> Vec<f64> {
        match &self.targets {
            Some(targets) => targets.real_means(),
            None => vec![0.0; self.network.outputs],
        }
    }

    /// The front end of the model file, if the network takes features of samples.
    pub fn front_end_tables(&self) -> Option<Tables> {
        // `read` has refused settings that give none, and `fit` took them from data that was read with them.
        (self.front_end.as_ref()).and_then(|front_end| front_end.tables().ok())
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

    /// The same of the front end.
    fn front_end_contradiction(&self) -> Option<String> {
        let inputs = self.network.inputs;
        match self.front_end.as_ref()?.tables() {
            Err(error) => Some(format!("front_end: {error}")),
            Ok(tables) => {
                let features = tables.view().features();
                (features != inputs).then(|| {
                    format!("network.inputs is {inputs}, but front_end gives {features} features")
                })
            }
        }
    }

    /// The first two entries that cannot both be true, in words.
    fn contradiction(&self) -> Option<String> {
        let Self {
            network,
            schema,
            inputs,
            targets,
            raw,
            ..
        } = self;
        let per_step = network.mode.is_per_step();
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
        if let Some(problem) = self.front_end_contradiction() {
            return Some(problem);
        }
        let formats = raw.len();
        if ![0, network.inputs].contains(&formats) {
            let inputs = network.inputs;
            return Some(format!(
                "network.inputs is {inputs}, but raw has {formats} formats"
            ));
        }
        if let Some(format) = raw.iter().find(|format| format.shift > MAX_SHIFT) {
            let shift = format.shift;
            return Some(format!(
                "raw.shift is {shift}, and must be at most {MAX_SHIFT}"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, open_split};

    fn few() -> Parts {
        let mut options = Options::default();
        options.sizes.train = Some(60);
        open_split("temporal-order", &options, 0.2, 1).unwrap()
    }

    #[test]
    fn a_fit_is_read_as_it_was_written_and_an_earlier_version_s_too() {
        let folder = tempfile::tempdir().unwrap();
        let (config, data) = (TrainConfig::default(), few());
        let mut fitted = Fitted::fit(&config, &data.train).unwrap();
        fitted.data = Some(DataChecksum::of(&data));
        for origin in [
            NetworkOrigin::Trained,
            NetworkOrigin::Imported {
                file: "net.onnx".into(),
            },
        ] {
            fitted.origin = origin;
            fitted.write(folder.path()).unwrap();
            assert_eq!(Fitted::read(folder.path()).unwrap(), fitted);
        }
        // Without the entries that earlier versions did not write.
        let path = folder.path().join(FITTED);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut table: toml::Table = toml::from_str(&text).unwrap();
        for key in ["origin", "data", "raw"] {
            assert!(table.remove(key).is_some(), "{key}");
        }
        std::fs::write(&path, toml::to_string(&table).unwrap()).unwrap();
        let earlier = Fitted::read(folder.path()).unwrap();
        assert_eq!(earlier.origin, NetworkOrigin::Trained);
        assert_eq!(earlier.raw_formats(&data.train).unwrap(), fitted.raw);
        assert!(earlier.is_of(&data, &config));
        let mut other = data.clone();
        other.train.sequences[0] += 0.5;
        assert!(!earlier.is_of(&other, &config) && !fitted.is_of(&other, &config));
    }

    #[test]
    fn refuses_raw_formats_of_another_number() {
        let folder = tempfile::tempdir().unwrap();
        let data = few();
        let mut fitted = Fitted::fit(&TrainConfig::default(), &data.train).unwrap();
        fitted.raw.pop();
        fitted.write(folder.path()).unwrap();
        let error = Fitted::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("raw has"), "{error}");
    }
}
