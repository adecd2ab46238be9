//! The argument of `eval` and `predict`: a run with its network and perhaps integers, or a model file.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context;
use lstm_nostd::Parsed;
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Order;

use crate::data::{Known, Options, Schema};
use crate::files::model;
use crate::network::{Head, Mode};
use crate::run::integers;
use crate::run::{Run, RunConfig, WEIGHTS, read_log};

/// Opens a run; of one that was stopped, the best weights so far, and a line says so.
pub(super) fn open_run(folder: &Path) -> anyhow::Result<Run> {
    let run = Run::open_stopped(folder)?;
    warn_if_stopped(folder);
    Ok(run)
}

/// Says that a run is not finished, if it is not.
pub(super) fn warn_if_stopped(folder: &Path) {
    let is_stopped = RunConfig::refuse_existing(folder).is_err() && !folder.join(WEIGHTS).exists();
    let (true, Ok(config), Ok(log)) = (is_stopped, RunConfig::read(folder), read_log(folder))
    else {
        return;
    };
    say!(
        "warning: {} was stopped after epoch {} of {}, and its best weights so far are taken; `trainer-host train --resume {}` goes on",
        folder.display(),
        log.len(),
        config.train.epochs,
        folder.display()
    );
}

/// A run or a model file.
pub(super) struct ModelSource {
    /// The run, with the f32 network; absent for a model file.
    pub(super) run: Option<Run>,
    /// The model file, or a quantised run's; absent before `quantise`.
    pub(super) model: Option<AlignedBytes>,
    /// What makes the network's inputs of samples.
    front_end: Option<Tables>,
}

impl ModelSource {
    /// Opens a run folder or a model file.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            let model = model::read(path)?;
            let front_end = Parsed::parse(&model)?.front_end().map(Tables::from);
            return Ok(Self {
                run: None,
                model: Some(model),
                front_end,
            });
        }
        let run = open_run(path)?;
        let model = integers::read(&run)?;
        let front_end = run.fitted.front_end_tables();
        Ok(Self {
            run: Some(run),
            model,
            front_end,
        })
    }

    /// The model file in the order of weights that this computer runs fastest. A file may be in another core's.
    pub(super) fn for_this_computer(&self) -> anyhow::Result<Option<Cow<'_, AlignedBytes>>> {
        let Some(bytes) = &self.model else {
            return Ok(None);
        };
        // A run's integers are in this order already.
        if self.run.is_some() {
            return Ok(Some(Cow::Borrowed(bytes)));
        }
        let rewritten = model::in_order(&Parsed::parse(bytes)?, Order::Generic)?;
        Ok(Some(Cow::Owned(rewritten)))
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
        let model = Parsed::parse(bytes)?;
        Ok(Schema {
            channels: model.input_names().map(str::to_owned).collect(),
            outputs: model.output_names().map(str::to_owned).collect(),
            task: Head::from(model.task()).task(model.mode().into()),
        })
    }

    /// The model file. `path` is what was opened; the error names it where a run has no integers.
    pub(super) fn quantised(&self, path: &Path) -> anyhow::Result<&AlignedBytes> {
        let name = path.display();
        self.model.as_ref().with_context(|| {
            format!("{name}: is not quantised yet; `trainer-host quantise {name}` does that")
        })
    }

    /// Whether the network has a layer that runs backwards, so that it takes whole windows.
    pub(super) fn is_of_windows(&self) -> anyhow::Result<bool> {
        match (&self.run, &self.model) {
            (Some(run), _) => Ok(run.network.config.is_of_windows()),
            (None, Some(bytes)) => Ok(Parsed::parse(bytes)?.is_of_windows()),
            (None, None) => Ok(false),
        }
    }

    /// Whether the output layer reads the mean over a sequence.
    pub(super) fn reads_the_mean(&self) -> anyhow::Result<bool> {
        match (&self.run, &self.model) {
            (Some(run), _) => Ok(run.network.config.mode == Mode::SequenceToMean),
            (None, Some(bytes)) => {
                Ok(Mode::from(Parsed::parse(bytes)?.mode()) == Mode::SequenceToMean)
            }
            (None, None) => Ok(false),
        }
    }

    /// What makes the network's inputs of samples.
    pub(super) fn front_end(&self) -> Option<&Tables> {
        self.front_end.as_ref()
    }

    /// What is known of the training part; `schema` is [`schema`](Self::schema).
    pub(super) fn known<'a>(&'a self, schema: &'a Schema, unlabelled: bool) -> Known<'a> {
        let of_file = self.run.as_ref().map(|run| run.fitted.of_file());
        Known {
            schema,
            front_end: self.front_end.as_ref(),
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
