//! `trainer-host export`: from a quantised run to a model file for firmware.

use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::Printer;
use crate::{atomic_file, quantised_file, run_folder};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder, after `trainer-host quantise`.
    run: PathBuf,
    /// Model file to write [default: model.lstm in the run folder].
    #[arg(short, long)]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    bytes: usize,
    scheme: &'static str,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let quantised = args.run.join(run_folder::QUANTISED);
    let content = quantised_file::read(&quantised)?;
    let bytes = content
        .to_bytes()
        .with_context(|| format!("{}", quantised.display()))?;
    let file = args
        .output
        .unwrap_or_else(|| args.run.join(run_folder::MODEL));
    atomic_file::write(&file, &bytes)?;
    printer.print(
        &Exported {
            file,
            bytes: bytes.len(),
            scheme: "w8a16",
        },
        |exported| {
            format!(
                "{}: {} bytes, scheme {}",
                exported.file.display(),
                exported.bytes,
                exported.scheme
            )
        },
    )
}
