//! `trainer-host completions` and `trainer-host man`: what a shell and `man` know of the program.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap_complete::Shell;
use clap_mangen::Man;
use serde::Serialize;

use super::Printer;
use super::help::command;
use crate::files::{atomic, disk};

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Folder to write the pages to, for example ~/.local/share/man/man1.
    folder: PathBuf,
}

/// The pages.
#[derive(Debug, Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

/// Prints the shell's script, as it is whatever the form of results.
pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut command = command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    Ok(super::terminal::print_exactly(&script)?)
}

/// Writes a page for each command.
pub(super) fn man(args: &ManArgs, printer: Printer) -> anyhow::Result<()> {
    disk::create_dir_all(&args.folder).with_context(|| format!("{}", args.folder.display()))?;
    let mut command = command().disable_help_subcommand(true);
    command.build();
    let mut written = Written { files: Vec::new() };
    write_pages(&command, &args.folder, &mut written.files)?;
    printer.print(&written, |written| {
        let first = written.files.first().map(|file| file.display().to_string());
        format!(
            "{} pages; read one with `man -l {}`",
            written.files.len(),
            first.unwrap_or_default()
        )
    })
}

/// The page of `command`, then those of its own commands.
fn write_pages(
    command: &clap::Command,
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    let file = folder.join(man.get_filename());
    atomic::write(&file, &page)?;
    files.push(file);
    for below in command.get_subcommands() {
        write_pages(below, folder, files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command().disable_help_subcommand(true);
        command.build();
        let mut files = Vec::new();
        write_pages(&command, folder.path(), &mut files).unwrap();
        let page = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            text.replace("\\-", "-")
        };
        assert!(page("trainer-host-train.1").contains("--learning-rate"));
        assert!(page("trainer-host-tune-best.1").contains("--export"));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            files.len()
        );
    }

    #[test]
    fn every_shell_gets_a_script_that_knows_the_commands() {
        for shell in [
            Shell::Bash,
            Shell::Elvish,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Zsh,
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "trainer-host", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["find-rate", "learning-rate", "completions"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
