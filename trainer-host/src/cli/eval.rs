//! `trainer-host eval`: evaluates a run or a model file on a data set, in f32, in integers and on a device.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;

use super::Printer;
use super::data_args::{ReadArgs, print_notes};
use super::device::DeviceArgs;
use super::eval_runs::EvaluatedRuns;
use super::eval_stream::StreamArgs;
use super::evaluated::Evaluated;
use super::model_source::{ModelSource, QuantisedArgs};
use super::several::{of_each, runs_in};
use crate::data::{self, BuiltIn, Dataset, Parts};
use crate::evaluate::{Baselines, compare};
use crate::integers::clamped;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::run::{NetworkOrigin, Run};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder, a folder of several runs (`train --seeds`), or a model file.
    model: PathBuf,
    /// Data to evaluate on: a file or built-in data [default: the run's own].
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Part of the run's own data to evaluate on [default: test; of an imported run without one, validation or train];
    /// with --data, that data at its new place.
    #[arg(long, value_enum)]
    part: Option<DataPart>,
    /// Evaluate only the first N sequences.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    #[command(flatten)]
    quantised: QuantisedArgs,
    #[command(flatten)]
    stream: StreamArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// A part of a run's data.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DataPart {
    /// The part that trained the weights.
    Train,
    /// The part that chose the weights.
    Validation,
    /// The part that chose nothing.
    Test,
}

pub(super) fn run(mut args: Args, printer: Printer) -> anyhow::Result<()> {
    let runs = runs_in(&args.model)?;
    if runs.is_empty() {
        return printer.print(&evaluated(&args)?, Evaluated::text);
    }
    let stream = args.stream.clone();
    let found = of_each(runs, |run| {
        args.stream = stream.of_run(run);
        run.clone_into(&mut args.model);
        evaluated(&args)
    })?;
    printer.print(&EvaluatedRuns::of(found.runs), EvaluatedRuns::text)
}

fn evaluated(args: &Args) -> anyhow::Result<Evaluated> {
    let source = ModelSource::open(&args.model, &args.quantised)?;
    source.say_which();
    args.stream.refuse(&source)?;
    let Opened {
        name,
        mut data,
        baselines,
    } = open_data(args, &source)?;
    if let Some(limit) = args.limit {
        data = data.select(&(0..data.len().min(limit.get())).collect::<Vec<_>>());
    }
    let file = source.for_this_computer()?;
    let model = (file.as_deref())
        .map(|bytes| AnyModel::parse(bytes))
        .transpose()?;
    let float = source.run.as_ref().map(|run| run.outputs(&data));
    let integer = (model.as_ref()).map(|model| stream::outputs(model, &data.recordings()));
    let comparison = Option::zip(float.as_ref(), integer.as_ref())
        .map(|(float, integer)| compare(&data, float, integer).beside(&baselines, &data));
    let Some(outputs) = float.or(integer) else {
        bail!("{}: holds no model", args.model.display());
    };
    let device = match &model {
        Some(model) => args.device.evaluate(&source, model, &data)?,
        None => args.device.refuse_without_model(&args.model)?,
    };
    let clamped_inputs = (model.as_ref())
        .map(|model| clamped::count(model, &data.recordings()))
        .unwrap_or_default();
    let steps = model.as_ref().and_then(AnyModel::steps);
    let forms = (source.run.as_ref(), steps);
    Ok(Evaluated {
        stream: args.stream.evaluate(forms, (&name, &data))?,
        clamped_inputs,
        quantisation: source.quantisation(),
        device,
        sequences: data.len(),
        criterion: BuiltIn::named(&name).and_then(|task| task.judge(&data, &outputs)),
        score: comparison
            .is_none()
            .then(|| baselines.score(&data, &outputs)),
        comparison,
        data: name,
    })
}

/// What is evaluated.
struct Opened {
    name: String,
    data: Dataset,
    /// Of the run's training part; none for a model file.
    baselines: Baselines,
}

/// The baselines of a regression, fitted to the training part of `run`; a line says so if that cannot be read.
fn baselines_of(run: &Run) -> Baselines {
    if run.fitted.schema.task.is_class() {
        return Baselines::default();
    }
    match run.open_data() {
        Ok(parts) => Baselines::of_values(&parts.train),
        Err(error) => {
            say!("ridge regression is left out, since the run's own data cannot be read: {error}");
            Baselines::default()
        }
    }
}

fn open_data(args: &Args, source: &ModelSource) -> anyhow::Result<Opened> {
    if let (Some(name), None) = (&args.data, args.part) {
        let schema = source.schema()?;
        let fitted = source.run.as_ref().map(|run| &run.fitted);
        let known = source.known(&schema, false);
        // Settings without a flag are those of training; all of the other data is a test part.
        let mut options = source.test_options();
        args.read.apply(&mut options)?;
        let mut data = data::open_test(name, &options, known)?;
        print_notes(&data.notes);
        if let (Some(origin), Some(fitted)) = (&mut data.origin, fitted) {
            origin.rows = Some(fitted.inputs.clone());
            origin.values.clone_from(&fitted.values);
        }
        let baselines = source.run.as_ref().map(baselines_of);
        return Ok(Opened {
            name: name.clone(),
            data,
            baselines: baselines.unwrap_or_default(),
        });
    }
    let Some(run) = &source.run else {
        bail!(
            "{}: a model file does not say where its data is; name it with --data",
            args.model.display()
        );
    };
    ensure!(
        args.read.is_empty(),
        "the run's own data is read as it was for training; name other data with --data, or omit \
         the flags for reading data"
    );
    let mut config = run.config.clone();
    if let Some(data) = &args.data {
        config.name_data(data);
    }
    let parts = config
        .clone()
        .without_variants()
        .open_data_of(&run.fitted, &run.folder)?;
    print_notes(&parts.notes());
    let baselines = Baselines::of_values(&parts.train);
    let part = args.part.unwrap_or_else(|| default_part(run, &parts));
    if config.is_own_data(&run.folder) {
        say!(
            "note: targets are the network's own answers in f32, so a score says how far integers agree with them"
        );
    }
    let data = part_of(parts, part, args)?;
    Ok(Opened {
        name: config.source,
        data,
        baselines,
    })
}

/// The test part, or of an imported run without one, the part that there is; a line says which.
fn default_part(run: &Run, parts: &Parts) -> DataPart {
    if run.fitted.origin == NetworkOrigin::Trained || parts.test.is_some() {
        return DataPart::Test;
    }
    let (part, name) = match parts.validation {
        Some(_) => (DataPart::Validation, "validation"),
        None => (DataPart::Train, "training"),
    };
    say!(
        "note: an imported network without a test part: its {name} part is evaluated (--part, --data)"
    );
    part
}

fn part_of(parts: Parts, part: DataPart, args: &Args) -> anyhow::Result<Dataset> {
    let others = match parts.validation {
        Some(_) => "--part validation judges the part that chose the weights",
        None => "--part train judges what it was trained on",
    };
    let missing = |part| {
        format!(
            "{}: the run's data has no {part} part; {others}, --data FILE other recordings, and `train --test-share 0.2` keeps a \
             test part",
            args.model.display()
        )
    };
    Ok(match part {
        DataPart::Train => parts.train,
        DataPart::Validation => parts.validation.with_context(|| missing("validation"))?,
        DataPart::Test => parts.test.with_context(|| missing("test"))?,
    })
}
