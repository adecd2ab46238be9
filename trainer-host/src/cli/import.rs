//! `trainer-host import`: a file of another program in, a run folder out.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;

use super::Printer;
use super::data_args::{TableArgs, print_notes};
use crate::data::{Normalisation, Options};
use crate::import::{
    Assembled, Calibration, Ending, Hints, Imported, Pooling, assemble, check, open, read_scaler,
    write_run,
};
use crate::network::{Head, Mode, Padding};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A trained network: a PyTorch state_dict (.safetensors), ONNX (.onnx), Keras (.keras, .h5) or TensorFlow Lite
    /// (.tflite).
    file: PathBuf,
    /// Run folder to write.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace the run in the folder, if there is one.
    #[arg(long)]
    overwrite: bool,
    /// Compare with the other program's own outputs: two .npy files. A difference above the tolerance is an
    /// error, and no run is written.
    #[arg(long, num_args = 2, value_names = ["INPUTS", "OUTPUTS"])]
    check: Vec<PathBuf>,
    /// The largest difference that --check allows [default: 1e-4, or 0.08 for a file with 8-bit weights].
    #[arg(long, value_name = "DIFFERENCE", requires = "check", value_parser = positive)]
    tolerance: Option<f64>,
    /// Take ranges and raw formats from this data: an array of inputs (.npy), or any data that `train` reads, with
    /// labels or without [default: the inputs of --check]. It does not change what the network computes.
    #[arg(long, value_name = "DATA")]
    calibrate: Option<String>,
    /// The scaler that stood before the network, (x - mean) / std: two .npy files with a value for each channel. It
    /// becomes the input stage. Inputs of --check are then unscaled, and so is the calibration data.
    #[arg(long, num_args = 2, value_names = ["MEAN", "STD"])]
    scaler: Vec<PathBuf>,
    #[command(flatten)]
    open: OpenArgs,
    /// Of the data of --calibrate.
    #[command(flatten)]
    table: TableArgs,
}

/// What a file may leave open.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the file does not say")]
struct OpenArgs {
    /// Read an output at each step, in place of the last step's.
    #[arg(long, conflicts_with = "pooling")]
    steps: bool,
    /// What is read of the last recurrent layer's outputs over time [default: last].
    #[arg(long, value_enum, value_name = "KIND")]
    pooling: Option<PoolingArg>,
    /// What the outputs mean, if the file has no softmax or sigmoid at its end: a class (scores of several
    /// classes, or one score of two), or values [default: values].
    #[arg(long, value_enum)]
    task: Option<TaskArg>,
    /// There is no ReLU between linear layers.
    #[arg(long)]
    linear_head: bool,
    /// Arrays are [time, batch, channel] in place of [batch, time, channel].
    #[arg(long)]
    time_first: bool,
    /// A name in the file, or the beginning of names, is this one; without NAME, it is left out. Can be repeated.
    #[arg(long, value_name = "THEIRS=NAME", value_parser = pair)]
    map: Vec<(String, String)>,
    /// The output to import, of a file with several [default: the first].
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// States that the file takes as inputs begin at zero.
    #[arg(long)]
    zero_state: bool,
    /// Steps from one output of a convolution to the next.
    #[arg(long, value_name = "STEPS")]
    conv_stride: Option<usize>,
    /// What stands before the first step of a convolution: zeros, or nothing [default: valid].
    #[arg(long, value_name = "causal|valid")]
    conv_padding: Option<Padding>,
    /// Groups of a convolution; only 1 is taken [default: 1, unless its filters read one channel and no data says so].
    #[arg(long, value_name = "GROUPS")]
    conv_groups: Option<usize>,
}

/// Values of `--pooling`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PoolingArg {
    Last,
    Mean,
    Max,
}

/// Values of `--task`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskArg {
    Class,
    Value,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if value > 0.0 && f64::is_finite(value) => Ok(value),
        _ => Err("needs a number above 0, for example 1e-4".into()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (theirs, name) = text
        .split_once('=')
        .filter(|(theirs, _)| !theirs.is_empty())
        .ok_or("needs THEIRS=NAME, for example encoder=lstm")?;
    Ok((theirs.to_owned(), name.to_owned()))
}

impl OpenArgs {
    fn hints(&self) -> Hints {
        let pooling = match self.pooling {
            _ if self.steps => Some(Pooling::Steps),
            Some(PoolingArg::Last) => Some(Pooling::Last),
            Some(PoolingArg::Mean) => Some(Pooling::Mean),
            Some(PoolingArg::Max) => Some(Pooling::Max),
            None => None,
        };
        Hints {
            pooling,
            linear_head: self.linear_head,
            time_first: self.time_first,
            map: self.map.clone(),
            output: self.output.clone(),
            zero_state: self.zero_state,
            conv_stride: self.conv_stride,
            conv_padding: self.conv_padding,
            conv_groups: self.conv_groups,
            has_data: false,
        }
    }

    /// Says what plain outputs mean.
    fn apply_task(&self, assembled: &mut Assembled) -> anyhow::Result<()> {
        let config = &mut assembled.network.config;
        match (self.task, assembled.ending) {
            (None, Ending::Plain) => {
                let note = "the file does not say what its outputs mean; they are values (--task class: scores of classes)";
                assembled.notes.push(note.into());
            }
            (Some(TaskArg::Class), Ending::Plain) if config.outputs == 1 => {
                config.head = Head::Sigmoid;
            }
            (Some(TaskArg::Class), Ending::Plain) => config.head = Head::Softmax,
            (Some(TaskArg::Value), ending) if ending != Ending::Plain => {
                bail!(
                    "--task value: the file ends with a {}, so that its outputs are classes",
                    config.head.name()
                );
            }
            _ => {}
        }
        Ok(())
    }
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let hints = Hints {
        has_data: !args.check.is_empty() || args.calibrate.is_some(),
        ..args.open.hints()
    };
    let source = open(&args.file, &hints)?;
    let mut assembled = assemble(&source, &args.file)?;
    let stated = hints
        .pooling
        .is_some_and(|pooling| pooling == Pooling::Steps);
    if stated && assembled.network.config.mode != Mode::SequenceToSequence {
        bail!("--steps: {} has one output a sequence", args.file.display());
    }
    args.open.apply_task(&mut assembled)?;
    if let [mean, deviation] = args.scaler.as_slice() {
        let scaler = read_scaler(mean, deviation)?;
        set_scaler(&mut assembled, scaler, mean)?;
    }
    print_notes(&assembled.notes);
    let checked = match args.check.as_slice() {
        [inputs, outputs] => {
            let files = [inputs.as_path(), outputs.as_path()];
            Some(check(&source, &assembled, files, args.tolerance)?)
        }
        _ => None,
    };
    let calibration = calibration(&args)?;
    let imported = write_run(
        (&args.file, &source),
        &assembled,
        &calibration,
        checked,
        (&args.out, args.overwrite),
    )?;
    print_notes(&imported.data_notes);
    if calibration == Calibration::Guessed {
        say!(
            "warning: the ranges of inputs and layers are {}; give recordings by --calibrate before you rely on the integers",
            imported.ranges
        );
    }
    printer.print(&imported, text)
}

/// Puts the scaler before the network, which must not have an input stage of its own.
fn set_scaler(assembled: &mut Assembled, scaler: Normalisation, file: &Path) -> anyhow::Result<()> {
    let channels = assembled.network.config.inputs;
    if assembled.inputs.is_some() {
        bail!("--scaler: the file has a normalisation of its own; leave --scaler out");
    }
    let found = scaler.mean.len();
    if found != channels {
        bail!(
            "{}: it has {found} values, and the network reads {channels} channels",
            file.display()
        );
    }
    assembled.inputs = Some(scaler);
    Ok(())
}

fn calibration(args: &Args) -> anyhow::Result<Calibration> {
    let is_data = (args.calibrate.as_ref()).is_some_and(|path| !path.ends_with(".npy"));
    if !is_data && !args.table.is_empty() {
        bail!("flags for reading data are for that of --calibrate; name it, or leave them out");
    }
    let mut options = Options::default();
    args.table.apply(&mut options)?;
    Ok(match (&args.calibrate, args.check.first()) {
        (Some(path), _) if path.ends_with(".npy") => Calibration::Inputs(path.into()),
        (Some(source), _) => Calibration::Data {
            source: source.clone(),
            options: Box::new(options),
        },
        (None, Some(inputs)) => Calibration::Inputs(inputs.clone()),
        (None, None) => Calibration::Guessed,
    })
}

fn text(imported: &Imported) -> String {
    let run = imported.run.display();
    let checked = match &imported.checked {
        Some(checked) => checked.describe(),
        None => {
            "not checked against the other program's outputs; --check INPUTS OUTPUTS does it".into()
        }
    };
    format!(
        "run         {run}  (imported from {}, {})\n\
         network     {}, {} parameters\n\
         sameness    {checked}\n\
         ranges      {}\n\
         next        trainer-host quantise {run}\n",
        imported.file.display(),
        imported.format,
        imported.network,
        imported.parameters,
        imported.ranges
    )
}
