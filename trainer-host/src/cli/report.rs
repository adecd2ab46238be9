//! `trainer-host report`: the page of a run, written anew.

use std::path::PathBuf;

use super::Printer;
use super::data_args::print_notes;
use super::model_source::warn_if_stopped;
use super::run_data::RunData;
use crate::training_run::report;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder that `trainer-host train` wrote, finished or stopped, or `trainer-host import`.
    run: PathBuf,
    #[command(flatten)]
    data: RunData,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    warn_if_stopped(&args.run);
    let (metrics, notes) = report(&args.run, args.data.data.as_deref())?;
    print_notes(&notes);
    printer.print(&metrics, |metrics| {
        let file = metrics
            .report
            .as_ref()
            .map(|file| file.display().to_string());
        format!("report      {}", file.unwrap_or_default())
    })
}
