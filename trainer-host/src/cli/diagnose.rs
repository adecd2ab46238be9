//! `trainer-host diagnose`: what is wrong with a run, and which lever to move.

use std::path::{Path, PathBuf};

use super::Printer;
use super::data_args::print_notes;
use super::model_source::QuantisedArgs;
use super::run_data::RunData;
use super::several::{of_each, runs_in, texts};
use super::table::percent;
use crate::data::counted;
use crate::diagnose::{Command, Diagnosis, Figure, Finding, Lever, Limit, Severity, diagnose};
use crate::evaluate::Score;
use crate::run::NetworkOrigin;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder that `trainer-host train` wrote, finished or stopped, or `trainer-host import`; or a folder of several
    /// such runs (`train --seeds`).
    run: PathBuf,
    #[command(flatten)]
    quantised: QuantisedArgs,
    #[command(flatten)]
    data: RunData,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let diagnosed = |run: &Path| {
        let diagnosis = diagnose(run, args.data.data.as_deref(), &args.quantised.wanted())?;
        print_notes(&diagnosis.notes);
        Ok(diagnosis)
    };
    let runs = runs_in(&args.run)?;
    if runs.is_empty() {
        return printer.print(&diagnosed(&args.run)?, text);
    }
    printer.print(&of_each(runs, diagnosed)?, |found| texts(found, text))
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut sections = vec![head(diagnosis)];
    sections.extend(diagnosis.findings.iter().map(finding));
    if diagnosis.findings.is_empty() {
        sections.push("Nothing is wrong.\n".into());
    }
    let advised = |command| {
        let levers = diagnosis
            .findings
            .iter()
            .flat_map(|finding| &finding.advice);
        levers
            .into_iter()
            .any(|lever| lever.command == Some(command))
    };
    let commands: Vec<String> = [Command::Train, Command::FindRate, Command::Quantise]
        .into_iter()
        .filter(|command| advised(*command))
        .map(|command| format!("  trainer-host {}\n", command_line(diagnosis, command)))
        .collect();
    if !commands.is_empty() {
        sections.push(format!(
            "Try one lever at a time, with all else as in this run:\n{}",
            commands.concat()
        ));
    }
    sections.join("\n")
}

/// The command to which a lever's flags are added.
fn command_line(diagnosis: &Diagnosis, command: Command) -> String {
    let name = command.name();
    let run = diagnosis.run.display();
    if command == Command::Quantise {
        return format!("{name} {run} FLAGS");
    }
    // Paths in a configuration file are relative to the file. That of an earlier version has them relative to the
    // folder where the run was trained, so the command names the data.
    let (source, options) = &diagnosis.source;
    let test = options
        .test
        .as_ref()
        .map_or(String::new(), |test| format!(" --test {}", test.display()));
    let rest = match command {
        Command::Train if diagnosis.origin != NetworkOrigin::Trained => {
            format!(" --init {run} FLAGS --out NEW_RUN")
        }
        Command::Train => " FLAGS --out NEW_RUN".into(),
        _ => " --out rate.html".to_owned(),
    };
    format!("{name} {source}{test} --config {run}/config.toml{rest}")
}

fn head(diagnosis: &Diagnosis) -> String {
    let stopped = if diagnosis.finished { "" } else { ", stopped" };
    let best = diagnosis
        .best_epoch
        .map_or(String::new(), |best| format!(", best {best}"));
    let run = diagnosis.run.display();
    let mut text = match (&diagnosis.origin, diagnosis.epochs) {
        (origin @ NetworkOrigin::Imported { .. }, 0) => {
            format!("{run}  ({origin}: no log, so nothing is said of its training)\n")
        }
        (_, epochs) => format!("{run}  ({}{best}{stopped})\n", counted(epochs, "epoch")),
    };
    if diagnosis.own_answers {
        text += "targets     the network's own answers, so scores say nothing of its task\n";
    }
    let fit = &diagnosis.fit;
    let parts = [
        ("training", Some(&fit.train)),
        ("validation", fit.validation.as_ref()),
        ("test", fit.test.as_ref()),
    ];
    for (name, part) in parts {
        let Some(part) = part else { continue };
        let accuracy = part
            .accuracy
            .map_or(String::new(), |a| format!("accuracy {}, ", percent(a)));
        let guess = part
            .guess_accuracy
            .map_or(String::new(), |a| format!("{}, ", percent(a)));
        text += &format!(
            "{name:<11} {accuracy}loss {:.4}; a constant guess: {guess}loss {:.4}\n",
            part.loss, part.guess_loss
        );
        // The first baseline is the constant guess, which is said already.
        for baseline in part.baselines.iter().skip(1) {
            text += &format!("{:<11} {}\n", "", baseline.describe());
        }
        if let Score::Values(score) = &part.score {
            let beside = [
                ("persistence", score.beside.persistence),
                ("ridge", score.beside.ridge),
            ];
            let known = beside
                .iter()
                .filter_map(|(name, errors)| Some((name, (*errors)?)));
            for (name, errors) in known {
                text += &format!(
                    "{:<11} mean squared error {}; {name}: {}\n",
                    "",
                    number(score.errors.mse),
                    number(errors.mse)
                );
            }
        }
    }
    text
}

fn finding(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Severe => "SEVERE",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut text = format!(
        "{severity}: {}\n  {}\n",
        finding.kind.name(),
        finding.summary
    );
    for figure in &finding.evidence {
        text += &format!("    {}\n", evidence(figure));
    }
    for lever in &finding.advice {
        text += &format!("  → {}\n", advice(lever));
    }
    text
}

fn evidence(figure: &Figure) -> String {
    let limit = match figure.limit {
        Some(Limit::AtLeast(limit)) => format!("  (limit: at least {})", number(limit)),
        Some(Limit::AtMost(limit)) => format!("  (limit: at most {})", number(limit)),
        None => String::new(),
    };
    format!("{}: {}{limit}", figure.name, number(figure.value))
}

/// Whole numbers as they are, all others with four digits.
fn number(value: f64) -> String {
    let whole = value.fract() == 0.0 && value.abs() < 1e9;
    if whole || value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-5..9).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn advice(lever: &Lever) -> String {
    let words: Vec<String> = lever.flags.iter().map(|word| quoted(word)).collect();
    let flags = words.join(" ");
    match lever.command {
        None => lever.why.clone(),
        Some(Command::Train) => format!("{flags}: {}", lever.why),
        Some(command) => format!(
            "{}: {}",
            [command.name(), &flags].join(" ").trim_end(),
            lever.why
        ),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,=:".contains(c);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::super::Cli;
    use super::*;
    use crate::diagnose::{Kind, ill};

    /// Every flag of every lever is one that its command takes, with that value.
    #[test]
    fn every_lever_can_be_moved() {
        let mut seen = BTreeSet::new();
        for (kind, findings) in ill() {
            seen.insert(kind);
            for lever in findings.iter().flat_map(|finding| &finding.advice) {
                let Some(command) = lever.command else {
                    assert!(lever.flags.is_empty());
                    continue;
                };
                let rest: &[&str] = match command {
                    Command::Train => &["DATA", "--out", "run"],
                    Command::FindRate => &["DATA", "--out", "rate.html"],
                    Command::Quantise => &["run"],
                };
                let line = ["trainer-host", command.name()]
                    .into_iter()
                    .chain(rest.iter().copied());
                let line = line.chain(lever.flags.iter().map(String::as_str));
                let parsed = Cli::try_parse_from(line);
                if let Err(error) = parsed {
                    panic!("{kind:?}: {lever:?}: {error}");
                }
            }
        }
        assert_eq!(seen, BTreeSet::from(Kind::ALL), "every kind has a case");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.123456, 1234.5678, 17.0, 0.0, 1e-7, 0.5, f64::INFINITY].map(number);
        assert_eq!(
            shown,
            ["0.1235", "1235", "17", "0", "1.00e-7", "0.5", "inf"]
        );
    }

    #[test]
    fn a_word_with_spaces_is_quoted() {
        assert_eq!(quoted("runs/a b"), "'runs/a b'");
        assert_eq!(quoted("--prune-to"), "--prune-to");
    }
}
