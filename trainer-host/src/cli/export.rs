//! `trainer-host export`: from a quantised run to a model file for firmware.

use std::path::PathBuf;

use anyhow::Context;
use lstm_nostd::kernels::Order;
use serde::Serialize;

use super::Printer;
use crate::cost::Core;
use crate::files::atomic;
use crate::run;
use crate::run::quantised_file;
use crate::run::{FolderLock, Run};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder, after `trainer-host quantise`.
    run: PathBuf,
    /// Model file to write [default: model.lstm in the run folder].
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Core to order the weights for; `generic` runs on every core.
    #[arg(long, value_enum, default_value_t = Target::Generic)]
    target: Target,
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
    bytes: usize,
    /// Of the LSTM layers, then of the dense layers.
    schemes: Vec<&'static str>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let quantised = args.run.join(run::QUANTISED);
    let run = Run::open(&args.run)?;
    let content = quantised_file::read(&quantised, &run.network)?;
    let bytes = content
        .to_bytes_in(args.target.order())
        .with_context(|| format!("{}", quantised.display()))?;
    let (file, _lock) = match args.output {
        Some(file) => (file, None),
        None => (
            args.run.join(run::MODEL),
            Some(FolderLock::take(&args.run)?),
        ),
    };
    atomic::write(&file, &bytes)?;
    printer.print(
        &Exported {
            file,
            bytes: bytes.len(),
            schemes: content.schemes().map(|scheme| scheme.name()).collect(),
        },
        |exported| {
            format!(
                "{}: {} bytes, schemes {}",
                exported.file.display(),
                exported.bytes,
                exported.schemes.join(", ")
            )
        },
    )
}
