//! What a terminal shows: its width, colours, and long lines wrapped at words.
//!
//! A file or another program gets 80 columns, whole lines and no colours. `NO_COLOR` turns colours off.

use std::io::IsTerminal;

/// Columns where the width is unknown.
const COLUMNS: usize = 80;
/// Help and tables are no wider, however wide the terminal is.
const WIDEST_HELP: usize = 100;

/// Columns of standard output.
pub(super) fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(COLUMNS, |(width, _)| usize::from(width.0).max(40))
}

/// Columns of the help.
pub(super) fn help_width() -> usize {
    width().min(WIDEST_HELP)
}

/// Prints a line to standard error; see [`say!`](crate::cli::say).
pub(super) fn say(line: &str) {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    let line = match size {
        Some((width, _)) => wrapped(line, usize::from(width.0).max(40)),
        None => line.to_owned(),
    };
    anstream::eprintln!("{}", coloured(&line));
}

/// Prints a result to standard output.
///
/// # Errors
/// When it cannot be written. A reader such as `head` that has seen enough is no error.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let text = match std::io::stdout().is_terminal() {
        true => wrapped(text, width()),
        false => text.to_owned(),
    };
    let written = writeln!(anstream::stdout(), "{}", coloured(&text));
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints bytes to standard output as they are.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_exactly(bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// The words that begin a line and have a colour.
const WORDS: [(&str, &str); 5] = [
    ("error:", RED),
    ("SEVERE:", RED),
    ("warning:", YELLOW),
    ("note:", CYAN),
    ("stopping:", YELLOW),
];

/// `text` with colours for the words that begin lines, and with bold heads of tables. A stream that shows no colours
/// takes them out again.
fn coloured(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &&str| line.contains("--") && line.chars().all(|c| "- ".contains(c));
    // From the lines above a rule up to the empty line before the table.
    let mut is_head = vec![false; lines.len()];
    for rule in (0..lines.len()).filter(|&n| is_rule(&lines[n])) {
        let above = (0..rule).rev().take_while(|&n| !lines[n].is_empty());
        above.take(3).for_each(|n| is_head[n] = true);
    }
    let painted = lines.iter().zip(is_head).map(|(line, is_head)| {
        let word = WORDS.iter().find(|(word, _)| line.starts_with(word));
        match word {
            Some((word, colour)) => format!("{colour}{word}{RESET}{}", &line[word.len()..]),
            None if is_head => format!("{BOLD}{line}{RESET}"),
            None => (*line).to_owned(),
        }
    });
    painted.collect::<Vec<_>>().join("\n")
}

/// `text` with lines longer than `width` wrapped at words; what follows stands under the text after a line's label.
/// Commands stay whole, so that they can be copied.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let lines = text.lines().map(|line| match line {
        line if line.chars().count() <= width || line.contains("trainer-host ") => line.to_owned(),
        line => in_lines(line, width, hanging(line)).join("\n"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How far the lines after the first are indented: as the text after a short label, or a little more than the line.
fn hanging(line: &str) -> usize {
    let own = line.chars().take_while(|c| *c == ' ').count();
    let label = line[own..].find("  ").map(|at| own + at);
    match label.filter(|at| *at < 20) {
        Some(at) => at + line[at..].chars().take_while(|c| *c == ' ').count(),
        None => own + 2,
    }
}

/// `line` in lines of at most `width` characters, all but the first indented. A word that is longer is cut.
pub(super) fn in_lines(line: &str, width: usize, indent: usize) -> Vec<String> {
    // Each line takes at least one character.
    let indent = indent.min(width.saturating_sub(1));
    let mut lines = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > width {
        let first = rest.iter().take_while(|c| **c == ' ').count();
        let space = (first + 1..=width).rev().find(|&at| rest[at] == ' ');
        let at = space.filter(|at| lines.is_empty() || *at > indent);
        let tail: Vec<char> = rest.split_off(at.unwrap_or(width));
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        let tail = tail.into_iter().skip_while(|c| *c == ' ');
        rest = std::iter::repeat_n(' ', indent).chain(tail).collect();
    }
    if rest.iter().any(|c| *c != ' ') || lines.is_empty() {
        lines.push(rest.into_iter().collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_label_wider_than_the_terminal_ends_too() {
        let line = format!("error: no file `{}x{}`", " ".repeat(60), " y".repeat(30));
        assert!(
            wrapped(&line, 40)
                .lines()
                .all(|line| line.chars().count() <= 40)
        );
    }

    proptest! {
        #[test]
        fn lines_keep_all_words_and_the_width(words in prop::collection::vec("[a-zé]{1,15}", 1..30), width in 20usize..90) {
            let line = format!("score       {}", words.join(" "));
            let text = wrapped(&line, width);
            prop_assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            if width > 30 {
                let found: Vec<&str> = text.split_whitespace().skip(1).collect();
                prop_assert_eq!(found, words);
            }
            prop_assert!(text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(12))));
        }
    }

    #[test]
    fn a_command_stays_whole() {
        let line = format!("  trainer-host train {}", "word ".repeat(40));
        assert_eq!(wrapped(&line, 40), line);
    }

    #[test]
    fn first_words_and_heads_of_tables_have_colours() {
        let text = coloured("warning: a\n\nname  n\n----  -\nx     1");
        assert_eq!(
            text,
            "\u{1b}[33mwarning:\u{1b}[0m a\n\n\u{1b}[1mname  n\u{1b}[0m\n----  -\nx     1"
        );
    }
}
