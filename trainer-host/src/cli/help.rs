//! The program's command with its two helps: `-h` shows the flags that matter most, `--help` shows all.

use clap::{Command, CommandFactory};

use super::Cli;
use super::terminal::help_width;

/// The arguments that `-h` shows, by their names as fields, of each command that has many.
const SHORT: [(&str, &[&str]); 6] = [
    (
        "train",
        &[
            "source",
            "out",
            "resume",
            "seeds",
            "folds",
            "config",
            "hidden",
            "epochs",
            "learning_rate",
            "validation_share",
            "window",
            "seed",
        ],
    ),
    (
        "find-rate",
        &[
            "source",
            "out",
            "lowest",
            "highest",
            "updates",
            "config",
            "hidden",
            "batch_size",
        ],
    ),
    (
        "eval",
        &["model", "data", "part", "limit", "stream", "html", "device"],
    ),
    (
        "predict",
        &["model", "data", "stdin", "format", "out", "f32", "device"],
    ),
    (
        "import",
        &[
            "file",
            "out",
            "overwrite",
            "check",
            "calibrate",
            "scaler",
            "steps",
            "task",
            "map",
        ],
    ),
    (
        "tune",
        &[
            "source", "storage", "study", "join", "workers", "trials", "config", "epochs", "chip",
            "flash", "ram", "latency",
        ],
    ),
];

/// The program's command. Derived from the arguments, with the helps of [`SHORT`].
pub(super) fn command() -> Command {
    let command = Cli::command().term_width(help_width());
    // A global flag is one of every command, and is said once, at the program's own help.
    let command = command.mut_arg("threads", |arg| arg.hide_short_help(true));
    SHORT.iter().fold(command, |command, (name, shown)| {
        command.mut_subcommand(name, |command| {
            let rest = format!("All flags: trainer-host {name} --help");
            let command = command.mut_args(|arg| {
                let hides = !shown.contains(&arg.get_id().as_str());
                arg.hide_short_help(hides)
            });
            let has_file = command.get_arguments().any(|arg| arg.get_id() == "config");
            let command = command.after_help(rest);
            match has_file {
                true => command.after_long_help(
                    "Flags may also stand in a file, by their keys: docs/training.md.",
                ),
                false => command.after_long_help(""),
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The help of each command.
    fn helps(flag: &str) -> Vec<(String, String)> {
        let mut all = vec![Vec::new()];
        let commands = command();
        for below in commands.get_subcommands() {
            all.push(vec![below.get_name().to_owned()]);
            let words = below.get_subcommands();
            all.extend(words.map(|word| vec![below.get_name().into(), word.get_name().into()]));
        }
        let help = |words: Vec<String>| {
            let line = std::iter::once("trainer-host").chain(words.iter().map(String::as_str));
            let shown = command()
                .term_width(80)
                .try_get_matches_from(line.chain([flag]));
            (words.join(" "), shown.unwrap_err().to_string())
        };
        all.into_iter().map(help).collect()
    }

    #[test]
    fn no_help_is_wider_than_the_terminal() {
        for flag in ["-h", "--help"] {
            for (name, help) in helps(flag) {
                // A usage stays in one line.
                let lines = help.lines().filter(|line| !line.contains("trainer-host "));
                for line in lines {
                    assert!(line.chars().count() <= 80, "{name} {flag}: {line}");
                }
            }
        }
    }

    #[test]
    fn the_short_help_has_a_dozen_arguments_and_the_long_one_has_all() {
        for (name, shown) in SHORT {
            let commands = command();
            let command = commands.find_subcommand(name).unwrap();
            for id in shown {
                let known = command.get_arguments().any(|arg| arg.get_id() == id);
                assert!(known, "{name}: {id}");
            }
            assert!(shown.len() <= 12, "{name}");
            let find = |flag| {
                let helps = helps(flag).into_iter();
                helps
                    .filter(|(of, _)| of == name)
                    .map(|(_, help)| help)
                    .next()
                    .unwrap()
            };
            let count = |help: &str| {
                let mut arguments = help.lines().map(str::trim_start);
                let first = |line: &&str| line.starts_with("--") || line.starts_with('-');
                arguments.by_ref().filter(first).count()
            };
            let (short, long) = (find("-h"), find("--help"));
            assert!(
                count(&short) <= 14 && count(&long) > count(&short),
                "{short}"
            );
            assert!(short.contains("--help"), "{short}");
        }
    }
}
