//! The argument of `eval` and `predict`: a run with its network and perhaps integers, or a model file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lstm_nostd::Parsed;
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Order;

use super::data_args::print_notes;
use super::device::order_of;
use crate::data::{Known, Options, Schema};
use crate::device::Device;
use crate::files::model;
use crate::network::schemes::Schemes;
use crate::network::{Head, Mode};
use crate::run::integers::{self, RunIntegers};
use crate::run::quantisations::Wanted;
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

/// Which of a run's quantisations is taken.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct QuantisedArgs {
    /// Of a run with several quantisations, the last one with this scheme, or with one for each layer [default: the last one
    /// made].
    #[arg(long, value_name = "SCHEME", conflicts_with = "quantised")]
    scheme: Option<Schemes>,
    /// Of a run with several quantisations, the one of this name, which `trainer-host quantise --name` gave, or its scheme.
    #[arg(long, value_name = "NAME")]
    quantised: Option<String>,
}

impl QuantisedArgs {
    /// What is wanted.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            schemes: self.scheme.clone(),
            name: self.quantised.clone(),
        }
    }

    /// Refuses the flags if `refused`, for this reason.
    pub(super) fn refuse_for(&self, refused: bool, reason: &str) -> anyhow::Result<()> {
        ensure!(
            !(refused && self.wanted().is_said()),
            "--scheme and --quantised choose one of a run's quantisations; leave them out: {reason}"
        );
        Ok(())
    }

    /// The integers of `run` that are wanted; a line says which, if nothing was said and there are several.
    pub(super) fn of(&self, run: &Run) -> anyhow::Result<RunIntegers> {
        let integers = integers::read_some(run, &self.wanted())?;
        print_notes(&integers.notes);
        Ok(integers)
    }
}

/// The quantisation of a run that was taken.
struct Taken {
    name: String,
    path: PathBuf,
    /// Which it is, where there are several, and which ones cannot be read.
    notes: Vec<String>,
}

/// A run or a model file.
pub(super) struct ModelSource {
    /// The run, with the f32 network; absent for a model file.
    pub(super) run: Option<Run>,
    /// The model file, or a quantised run's; absent before `quantise`.
    pub(super) model: Option<AlignedBytes>,
    /// The run's quantisation that `model` is.
    taken: Option<Taken>,
    /// What makes the network's inputs of samples.
    front_end: Option<Tables>,
}

impl ModelSource {
    /// Opens a run folder, with the quantisation that is asked for, or a model file.
    pub(super) fn open(path: &Path, quantised: &QuantisedArgs) -> anyhow::Result<Self> {
        if !path.is_dir() {
            let reason = format!("{} is a model file", path.display());
            quantised.refuse_for(true, &reason)?;
            let model = model::read(path)?;
            let front_end = Parsed::parse(&model)?.front_end().map(Tables::from);
            return Ok(Self {
                run: None,
                model: Some(model),
                taken: None,
                front_end,
            });
        }
        let run = open_run(path)?;
        let found = integers::read(&run, &quantised.wanted())?;
        let front_end = run.fitted.front_end_tables();
        let taken = found.map(|found| {
            let (notes, name, path) = (found.notes, found.name, found.path);
            (found.bytes, Taken { name, path, notes })
        });
        let (model, taken) = taken.unzip();
        Ok(Self {
            run: Some(run),
            model,
            taken,
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

    /// The model file for `device`: a run's in the order of weights that suits it, where that is known and the device has room for
    /// it; a model file as it is, in the order that it was exported in.
    pub(super) fn for_device(
        &self,
        device: &mut Device,
    ) -> anyhow::Result<Option<Cow<'_, AlignedBytes>>> {
        let Some(bytes) = &self.model else {
            return Ok(None);
        };
        let order = match self.run {
            Some(_) => order_of(device)?,
            None => None,
        };
        if let Some(order) = order {
            let rewritten = model::in_order(&Parsed::parse(bytes)?, order)?;
            // Some orders pad rows.
            if rewritten.len() <= device.info().model_bytes {
                return Ok(Some(Cow::Owned(rewritten)));
            }
        }
        Ok(Some(Cow::Borrowed(bytes)))
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

    /// Name of the run's quantisation.
    pub(super) fn quantisation(&self) -> Option<String> {
        self.taken.as_ref().map(|taken| taken.name.clone())
    }

    /// Says which quantisation was taken, if a run has several and none was asked for, and which ones cannot be read.
    pub(super) fn say_which(&self) {
        if let Some(taken) = &self.taken {
            print_notes(&taken.notes);
        }
    }

    /// The file of the integers; `path` is what was opened.
    pub(super) fn file<'a>(&'a self, path: &'a Path) -> &'a Path {
        self.taken.as_ref().map_or(path, |taken| &taken.path)
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
