//! `trainer-host tune`: the network that fits the chip.

mod best;
mod limits;
mod place;
mod search;
mod show;
mod trial;
mod watch;

use super::Printer;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    search: search::StudyArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show a study's trials and its front; --html draws them.
    Show(show::Args),
    /// Train the best trial again on training and validation part together, quantise it and export it.
    Best(Box<best::Args>),
    /// Run a single trial: settings as JSON on standard input, figures as JSON on standard output.
    Trial(Box<trial::Args>),
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    match args.command {
        None => search::run(args.search, printer),
        Some(Command::Show(args)) => show::run(&args, printer),
        Some(Command::Best(args)) => best::run(*args, printer),
        Some(Command::Trial(args)) => trial::run(*args, printer),
    }
}
