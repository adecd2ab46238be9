//! `trainer-host export`: from a run to a model file for firmware, also as C, or to a file of another program.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::kernels::Order;
use serde::Serialize;

use super::Printer;
use super::model_source::{QuantisedArgs, open_run};
use crate::cost::Core;
use crate::exports;
use crate::files::atomic;
use crate::run;
use crate::run::{FolderLock, Run};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder; for a model file, after `trainer-host quantise`.
    run: PathBuf,
    /// File to write [default: model with the format's ending, in the run folder].
    #[arg(short, long, visible_alias = "out")]
    output: Option<PathBuf>,
    /// What to write: the integers as a model file or as C, or the f32 network for another program [default: by the
    /// ending of the output, else model].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Core to order the weights of the integers for; `generic` runs on every core [default: generic].
    #[arg(long, value_enum)]
    target: Option<Target>,
    #[command(flatten)]
    quantised: QuantisedArgs,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Model file for firmware.
    Model,
    /// The model file as a constant array of C, and a header with its sizes beside it.
    C,
    /// ONNX, operators of version 17, from real values to real values or probabilities.
    Onnx,
    /// PyTorch state_dict; not of networks with peepholes.
    Safetensors,
    /// NumPy archive of all parameters.
    Npz,
}

impl Format {
    /// That of a file's ending.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "c" => Some(Self::C),
            "onnx" => Some(Self::Onnx),
            "safetensors" => Some(Self::Safetensors),
            "npz" => Some(Self::Npz),
            _ => None,
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Model => run::MODEL,
            Self::C => "model.c",
            Self::Onnx => "model.onnx",
            Self::Safetensors => "model.safetensors",
            Self::Npz => "model.npz",
        }
    }
}

/// The cores; each has an order of weights that suits its kernels.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Target {
    /// Any core, but slower than with the core's own order.
    Generic,
    /// Cortex-M0 and M0+: words with offsets.
    M0,
    /// Cortex-M3: words with offsets.
    M3,
    /// Cortex-M4: pairs for the DSP extension.
    M4,
    /// Cortex-M7: pairs for the DSP extension.
    M7,
    /// Cortex-M33 with the DSP extension: pairs.
    M33,
    /// Cortex-M55: groups for Helium.
    M55,
    /// Cortex-M85: groups for Helium.
    M85,
}

impl Target {
    /// The core whose kernels it runs.
    fn core(self) -> Option<Core> {
        Some(match self {
            Self::Generic => return None,
            Self::M0 => Core::M0,
            Self::M3 => Core::M3,
            Self::M4 => Core::M4,
            Self::M7 => Core::M7,
            Self::M33 => Core::M33,
            Self::M55 | Self::M85 => Core::M55,
        })
    }

    fn order(self) -> Order {
        self.core().map_or(Order::Generic, Core::order)
    }
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    file_bytes: usize,
    /// Name of the quantisation; none of an f32 network.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantisation: Option<String>,
    /// Of a convolution, the recurrent layers, the dense layers; none of an f32 network.
    schemes: Vec<&'static str>,
}

impl Exported {
    fn to_text(&self) -> String {
        let what = match self.schemes.is_empty() {
            true => "the f32 network".to_owned(),
            false => format!("schemes {}", self.schemes.join(", ")),
        };
        format!("{}: {} bytes, {what}", self.file.display(), self.file_bytes)
    }
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let run = open_run(&args.run)?;
    let by_ending = args.output.as_deref().and_then(Format::of);
    let format = args.format.or(by_ending).unwrap_or(Format::Model);
    let is_integers = matches!(format, Format::Model | Format::C);
    if !is_integers && args.target.is_some() {
        bail!("--target orders the weights of a model file; leave it out for the f32 network");
    }
    args.quantised
        .refuse_for(!is_integers, "the f32 network is not quantised")?;
    let (bytes, quantised) = match is_integers {
        true if format == Format::C && run.network.config.is_of_windows() => bail!(
            "{}: the network has a layer that runs backwards over a whole window, and the C library steps; export a model \
             file, which `WindowModel` of the engine runs",
            args.run.display()
        ),
        true => model_file(&args, &run)?,
        false => (foreign_file(format, &run)?, None),
    };
    let (file, _lock) = match args.output {
        Some(file) => (file, None),
        None => (
            args.run.join(format.file_name()),
            Some(FolderLock::take(&args.run)?),
        ),
    };
    match format {
        Format::C => write_c(&file, &bytes)?,
        _ => atomic::write(&file, &bytes)?,
    }
    let file_bytes = bytes.len();
    let (quantisation, schemes) = quantised.unzip();
    printer.print(
        &Exported {
            file,
            file_bytes,
            quantisation,
            schemes: schemes.unwrap_or_default(),
        },
        Exported::to_text,
    )
}

/// Writes the header beside `file`, then `file`.
fn write_c(file: &Path, model: &[u8]) -> anyhow::Result<()> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.with_context(|| format!("{}: name a file such as model.c", file.display()))?;
    let model = AlignedBytes::from(model);
    let text = exports::CSource::of(stem, &model, &Model::parse(&model)?);
    atomic::write(&file.with_extension("h"), text.header.as_bytes())?;
    Ok(atomic::write(file, text.source.as_bytes())?)
}

/// A quantisation's name, and the schemes of its layers.
type Quantised = (String, Vec<&'static str>);

/// The run's integers, and which they are.
fn model_file(args: &Args, run: &Run) -> anyhow::Result<(Vec<u8>, Option<Quantised>)> {
    let integers = args.quantised.of(run)?;
    let order = args.target.unwrap_or(Target::Generic).order();
    let bytes = integers.in_order(order)?;
    let schemes = integers.file.schemes().map(|scheme| scheme.name());
    Ok((bytes.to_vec(), Some((integers.name, schemes.collect()))))
}

/// The run's f32 network.
fn foreign_file(format: Format, run: &Run) -> anyhow::Result<Vec<u8>> {
    let (network, fitted) = run.network_and_fit();
    if !fitted.inputs.offset.is_empty() && format == Format::Onnx {
        say!("warning: channels lie so far from zero that f32 inputs lose digits; ONNX takes f32");
    }
    Ok(match format {
        Format::Safetensors => {
            if fitted
                .inputs
                .deviation
                .iter()
                .any(|deviation| *deviation != 1.0)
            {
                say!(
                    "note: a state_dict holds no input stage; the file's metadata has mean and deviation of the inputs"
                );
            }
            exports::to_state_dict(network, fitted)
                .with_context(|| format!("{}", run.folder.display()))?
        }
        Format::Npz => exports::to_npz(network, fitted)?,
        _ => exports::to_onnx(network, fitted)?,
    })
}
