//! The argument of `eval` and `predict`: a run with its network and perhaps integers, or a model file.

use std::path::Path;

use lstm_nostd::Model;
use lstm_nostd::artifact::{AlignedBytes, ModelFile};

use crate::data::{Known, Options, Schema};
use crate::files::model;
use crate::network::Head;
use crate::run::Run;
use crate::run::integers;

/// A run or a model file.
pub(super) struct ModelSource {
    /// The run, with the f32 network; absent for a model file.
    pub(super) run: Option<Run>,
    /// The model file, or a quantised run's; absent before `quantise`.
    pub(super) model: Option<AlignedBytes>,
    /// The same integers in the order of weights that this computer's kernels read, for a file in another order.
    rewritten: Option<AlignedBytes>,
}

impl ModelSource {
    /// Opens a run folder or a model file.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            let bytes = model::read(path)?;
            let rewritten = ModelFile::from(&Model::parse(&bytes)?).to_bytes()?;
            return Ok(Self {
                run: None,
                rewritten: (*rewritten != *bytes).then_some(rewritten),
                model: Some(bytes),
            });
        }
        let run = Run::open(path)?;
        let model = integers::read(&run)?;
        Ok(Self {
            run: Some(run),
            model,
            rewritten: None,
        })
    }

    /// The integers, as this computer runs them fastest.
    pub(super) fn parsed(&self) -> anyhow::Result<Option<Model<'_>>> {
        let bytes = self.rewritten.as_ref().or(self.model.as_ref());
        Ok(bytes.map(|bytes| Model::parse(bytes)).transpose()?)
    }

    /// What data must share with the model.
    pub(super) fn schema(&self) -> anyhow::Result<Schema> {
        if let Some(run) = &self.run {
            return Ok(run.fitted.schema.clone());
        }
        let bytes = self
            .model
            .as_ref()
            .ok_or_else(|| anyhow::anyhow!("there is no model"))?;
        let model = Model::parse(bytes)?;
        Ok(Schema {
            channels: model.input_names().map(str::to_owned).collect(),
            outputs: model.output_names().map(str::to_owned).collect(),
            task: Head::from(model.task()).task(model.mode().into()),
        })
    }

    /// What is known of the training part; `schema` is [`schema`](Self::schema).
    pub(super) fn known<'a>(&'a self, schema: &'a Schema, unlabelled: bool) -> Known<'a> {
        let of_file = self.run.as_ref().map(|run| run.fitted.of_file());
        Known {
            schema,
            mean: of_file.map(|values| values.mean.as_slice()),
            offsets: of_file.map(|values| values.offset.as_slice()),
            unlabelled,
        }
    }

    /// How other data than the training part is read without flags.
    pub(super) fn test_options(&self) -> Options {
        (self.run.as_ref()).map_or_else(Options::default, |run| run.config.data.as_test_data())
    }
}
