//! Sizes of sources and pages: no function is longer than 60 lines, no file of the trainer longer than 500, and no line
//! of a page longer than 120 characters.
//!
//! Tests and test support may be longer. The sources are formatted by rustfmt, so a function ends at the first closing
//! brace of its own indentation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command;

/// Most lines of a function, its signature included.
const LONGEST_FUNCTION: usize = 60;
/// Most lines of a file of the trainer.
const LONGEST_FILE: usize = 500;
/// Most characters of a line of a page. Tables, code and single words, such as links, may be longer.
const LONGEST_LINE: usize = 120;
/// Folders with pages in Markdown, below the root.
const PAGES: [&str; 11] = [
    "",
    "docs",
    "firmware",
    "firmware/c",
    "firmware/link",
    "firmware/sensors",
    "firmware/update",
    "lstm-nostd",
    "trainer-host",
    "trainer-host/assets",
    "trainer-host/numerics",
];
/// Folders with sources, below the root.
const SOURCES: [&str; 8] = [
    "lstm-nostd/src",
    "trainer-host/src",
    "trainer-host/numerics/src",
    "firmware/src",
    "firmware/link/src",
    "tests/fuzz/src",
    "tests/src",
    "xtask/src",
];
/// Files that only tests compile.
const TEST_SUPPORT: [&str; 1] = ["trainer-host/src/device/simulated.rs"];

/// Refuses sources and pages that are too long.
///
/// # Errors
/// All functions, files and lines of pages that are too long, one a line.
pub fn check() -> Result<()> {
    let mut found = Vec::new();
    for folder in SOURCES {
        check_sources(folder, &mut found)?;
    }
    for folder in PAGES {
        check_pages(folder, &mut found)?;
    }
    match found.as_slice() {
        [] => Ok(()),
        found => bail!(
            "split these by meaning; a function has at most {LONGEST_FUNCTION} lines, a file of the trainer at \
             most {LONGEST_FILE}, a line of a page at most {LONGEST_LINE} characters:\n{}",
            found.join("\n")
        ),
    }
}

/// Adds what is too long in the sources below `folder` to `found`.
fn check_sources(folder: &str, found: &mut Vec<String>) -> Result<()> {
    let root = command::root();
    let mut files = Vec::new();
    rust_files(&root.join(folder), &mut files)?;
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file);
        if TEST_SUPPORT
            .iter()
            .any(|support| name == Path::new(support))
        {
            continue;
        }
        let text = read(&file)?;
        let lines = text.lines().count();
        if folder.starts_with("trainer-host/") && lines > LONGEST_FILE {
            found.push(format!("{}: {lines} lines", name.display()));
        }
        for (line, function, length) in long_functions(&text) {
            found.push(format!(
                "{}:{line}: `{function}` has {length} lines",
                name.display()
            ));
        }
    }
    Ok(())
}

/// Adds the lines that are too long in the pages of `folder` to `found`.
fn check_pages(folder: &str, found: &mut Vec<String>) -> Result<()> {
    let folder = command::root().join(folder);
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let name = path.strip_prefix(command::root()).unwrap_or(&path);
        for (line, length) in long_lines(&read(&path)?) {
            found.push(format!("{}:{line}: {length} characters", name.display()));
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Number and length of each line of a page that is too long and can be broken.
fn long_lines(text: &str) -> Vec<(usize, usize)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words = line.trim_start().trim_start_matches("- ");
        if words.starts_with("```") {
            is_code = !is_code;
        }
        let length = line.chars().count();
        let can_break = !is_code && !words.starts_with('|') && words.contains(' ');
        if can_break && length > LONGEST_LINE {
            found.push((at + 1, length));
        }
    }
    found
}

/// Adds the Rust files below `folder`.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Line, name and length of each function that is too long; unit tests, which stand last in a file, are left out.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests")
    });
    let lines = &lines[..end.unwrap_or(lines.len())];
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indent]);
        let Some(length) = lines[at..].iter().position(|l| {
            *l == closing || l.ends_with(';') && l.len() - l.trim_start().len() == indent
        }) else {
            continue;
        };
        if length + 1 > LONGEST_FUNCTION {
            found.push((at + 1, name.to_owned(), length + 1));
        }
    }
    found
}

/// The name of the function that begins on this line.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    if words.starts_with("//") {
        return None;
    }
    loop {
        if let Some(rest) = words.strip_prefix("fn ") {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return Some(&rest[..end]);
        }
        let (first, rest) = words.split_once(' ')?;
        let qualifies = ["pub", "const", "unsafe", "async", "extern", "\"C\""];
        if !(qualifies.contains(&first) || first.starts_with("pub(")) {
            return None;
        }
        words = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_FUNCTION, LONGEST_LINE, long_functions, long_lines};

    fn source(lines: usize) -> String {
        let body = "        step();\n".repeat(lines - 2);
        format!("impl A {{\n    pub(crate) const fn long(\n{body}    }}\n}}\n")
    }

    #[test]
    fn a_function_may_have_sixty_lines_and_no_more() {
        assert_eq!(long_functions(&source(LONGEST_FUNCTION)), []);
        let long = source(LONGEST_FUNCTION + 1);
        assert_eq!(long_functions(&long), [(2, "long".into(), 61)]);
        let only_tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(long_functions(&only_tests), []);
    }

    #[test]
    fn a_line_of_a_page_is_as_long_as_allowed_but_in_tables_and_code() {
        let words = |length: usize| format!("µ {}", "x".repeat(length - 2));
        let (fits, long) = (words(LONGEST_LINE), words(LONGEST_LINE + 1));
        let table = format!("| {long} |");
        let link = format!("- {}", "x".repeat(LONGEST_LINE));
        let page = format!("{fits}\n```text\n{long}\n```\n{table}\n{link}\n{long}\n");
        assert_eq!(long_lines(&page), [(7, LONGEST_LINE + 1)]);
    }

    #[test]
    fn a_function_without_a_body_is_short() {
        let text = format!("trait A {{\n    fn a(&self);\n{}}}\n", "\n".repeat(80));
        assert_eq!(long_functions(&text), []);
    }
}
