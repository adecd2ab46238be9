//! The command line: one subcommand for each stage, from named files to named files.
//!
//! Results go to standard output, as text or, with `--json`, as JSON. Progress and notes go to standard error.
//! An error is one line that says what is wrong, where, and what to do; with
//! `--json`, it is an object on standard output too. The exit status is then 1, or 2 if the
//! command line itself is wrong, or 130 after Ctrl-C.

/// Prints a line to standard error, as [`eprintln!`] does, with colours for its first word where they are shown.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::terminal::say(&format!($($words)*)) };
}

mod chip;
mod compare;
mod cross_validate;
mod data_args;
mod device;
mod diagnose;
mod eval;
mod eval_runs;
mod eval_stream;
mod evaluated;
mod export;
mod find_rate;
mod footprint_text;
mod help;
mod import;
mod inspect;
mod inspect_below;
mod inspect_layers;
mod interrupt;
mod levers;
mod manual;
mod model_source;
mod new_firmware;
mod predict;
mod progress;
mod quantise;
mod report;
mod run_data;
mod score_text;
mod seeds;
mod settings;
mod several;
mod table;
mod terminal;
mod train;
mod training;
mod tune;
mod update;

use clap::{FromArgMatches, Parser, Subcommand};
use serde_json::json;

use crate::files::versioned::Versioned;

/// Trains LSTM and GRU networks, quantises them and exports them for microcontrollers.
#[derive(Debug, Parser)]
#[command(name = "trainer-host", version, about)]
struct Cli {
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Number of threads; it does not change the results [default: all].
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network on recordings and write a run folder.
    Train(train::Args),
    /// Propose a learning rate, by a short run in which the rate climbs.
    FindRate(find_rate::Args),
    /// Evaluate a run or a model file, in f32, in integers and on a device.
    Eval(eval::Args),
    /// Answer recordings with labels or without: outputs, probabilities and decisions.
    Predict(Box<predict::Args>),
    /// Import a network that another program trained, as a run folder.
    Import(Box<import::Args>),
    /// Quantise a run's network: int8 or int4 weights, int16 or int8 activations.
    Quantise(quantise::Args),
    /// Write a quantised run as a model file for firmware, or a run as ONNX, safetensors or NPZ.
    Export(export::Args),
    /// Write a project of its own with a model for a board; it builds and runs with `cargo run`.
    NewFirmware(new_firmware::Args),
    /// Write a model into the flash of a device that runs the firmware's `runner`; the device tries it before it keeps it.
    Update(update::Args),
    /// Show what is in a model file or a run.
    Inspect(inspect::Args),
    /// Search for the network that fits the chip. Any number of workers can share the search.
    Tune(Box<tune::Args>),
    /// Compare finished runs: their scores, and the settings that differ.
    Compare(compare::Args),
    /// Say what is wrong with a run, which figures show it, and what to change.
    Diagnose(diagnose::Args),
    /// Write a run's report.html anew; of a stopped run, of its best weights so far.
    Report(report::Args),
    /// Print a script that completes commands and flags in a shell.
    Completions(manual::CompletionsArgs),
    /// Write the manual's pages, one for each command.
    Man(manual::ManArgs),
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
struct Printer {
    json: bool,
}

impl Printer {
    /// Prints `value` as JSON, or what `text` makes of it.
    fn print<T: serde::Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            let json = Versioned::of(value).to_json()? + "\n";
            return Ok(terminal::print_exactly(json.as_bytes())?);
        }
        Ok(terminal::print(text(value).trim_end())?)
    }

    /// [`print`](Self::print) of text that another program reads, which is neither wrapped nor coloured.
    fn print_file<T: serde::Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let text = match self.json {
            true => serde_json::to_string_pretty(value)?,
            false => text(value),
        };
        let text = text.trim_end().to_owned() + "\n";
        Ok(terminal::print_exactly(text.as_bytes())?)
    }
}

/// The error and its causes. A cause that the text already contains is not repeated.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The process's arguments.
fn parsed() -> Result<Cli, clap::Error> {
    let matches = help::command().try_get_matches()?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut help::command()))
}

/// Prints an error to standard output, as programs read it that asked for JSON.
fn print_error(message: &str, status: u8) {
    let error = json!({"error": {"message": message, "status": status}});
    let text = Versioned::of(&error).to_json().unwrap_or_default() + "\n";
    // The message goes to standard error too.
    let _ = terminal::print_exactly(text.as_bytes());
}

/// Runs the program with the process's arguments; returns its exit status.
pub fn main() -> std::process::ExitCode {
    let cli = parsed().unwrap_or_else(|error| {
        let wants_json = std::env::args_os().any(|word| word == "--json");
        if error.use_stderr() && wants_json {
            // The usage follows after an empty line.
            let text = error.to_string();
            let said = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.is_empty());
            let said = said.collect::<Vec<_>>().join(" ");
            print_error(said.trim_start_matches("error: "), 2);
        }
        error.exit()
    });
    if let Some(threads) = cli.threads {
        // Fails only when the pool exists already, and nothing has used it yet.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global();
    }
    let printer = Printer { json: cli.json };
    let result = match cli.command {
        Command::Train(args) => train::run(args, printer),
        Command::FindRate(args) => find_rate::run(args, printer),
        Command::Eval(args) => eval::run(args, printer),
        Command::Predict(args) => predict::run(*args, printer),
        Command::Import(args) => import::run(*args, printer),
        Command::Quantise(args) => quantise::run(args, printer),
        Command::Export(args) => export::run(args, printer),
        Command::NewFirmware(args) => new_firmware::run(args, printer),
        Command::Update(args) => update::run(args, printer),
        Command::Inspect(args) => inspect::run(args, printer),
        Command::Tune(args) => tune::run(*args, printer),
        Command::Compare(args) => compare::run(args, printer),
        Command::Diagnose(args) => diagnose::run(args, printer),
        Command::Report(args) => report::run(args, printer),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args, printer),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            let message = one_line(&error);
            let status = match error.is::<interrupt::Stopped>() {
                true => interrupt::STATUS,
                false => 1,
            };
            if printer.json {
                print_error(&message, status);
            }
            say!("error: {message}");
            std::process::ExitCode::from(status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::help::command;

    #[test]
    fn no_two_flags_of_a_command_clash() {
        command().debug_assert();
    }
}
