//! Tables of text with aligned columns, no wider than the terminal.
//!
//! A table that is too wide has heads of several lines, then a last column of text in several lines, and then comes
//! in parts that each begin with the first column.

use super::terminal::{in_lines, width};

/// Between two columns.
const GAP: usize = 2;
/// The least width of a last column of text.
const TEXT: usize = 24;

/// Lays `rows` out under `header`; the first column is left-aligned, the others right-aligned.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    Layout::new(header, rows, false, width()).text()
}

/// [`table`] whose last column is text.
pub(super) fn table_with_text(header: &[&str], rows: &[Vec<String>]) -> String {
    Layout::new(header, rows, true, width()).text()
}

/// Cells in lines, and how wide each column is.
struct Layout {
    /// `[header and rows][columns]`, each in lines.
    cells: Vec<Vec<Vec<String>>>,
    widths: Vec<usize>,
    has_text: bool,
    limit: usize,
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Layout {
    fn new(header: &[&str], rows: &[Vec<String>], has_text: bool, limit: usize) -> Self {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let columns = header.len();
        let body = |c: usize| {
            let cells = rows.iter().filter_map(|row| row.get(c));
            cells.map(|cell| length(cell)).max().unwrap_or(0)
        };
        let whole = |c: usize| body(c).max(length(&header[c]));
        let mut widths: Vec<usize> = (0..columns).map(whole).collect();
        let total = |widths: &[usize]| widths.iter().map(|width| width + GAP).sum::<usize>();
        if total(&widths) > limit + GAP {
            // With two columns of half the width, every part has at least one column beside the first.
            let most = (limit - GAP) / 2;
            for (c, width) in widths.iter_mut().enumerate() {
                let word = header[c].split(' ').map(length).max().unwrap_or(0);
                *width = body(c).max(word).min(most);
            }
            if has_text {
                let others = total(&widths[..columns - 1]);
                let room = limit.saturating_sub(others).max(TEXT);
                widths[columns - 1] = whole(columns - 1).min(room);
            }
            // Heads stay whole as far as there is room.
            for c in 0..columns {
                let more = whole(c).min(most).saturating_sub(widths[c]);
                if total(&widths) + more <= limit + GAP {
                    widths[c] += more;
                }
            }
        }
        let cells = std::iter::once(&header).chain(rows).map(|row| {
            let cell = |c: usize| row.get(c).map_or("", String::as_str);
            let lines = |c: usize| in_lines(cell(c), widths[c].max(1), 0);
            (0..columns).map(lines).collect()
        });
        Self {
            cells: cells.collect(),
            widths,
            has_text,
            limit,
        }
    }

    /// The columns of each part.
    fn parts(&self) -> Vec<Vec<usize>> {
        let mut parts = vec![vec![0]];
        let first = self.widths.first().copied().unwrap_or(0);
        let mut used = first;
        for (c, width) in self.widths.iter().enumerate().skip(1) {
            let part = parts.last_mut().expect("there is one from the beginning");
            if used + GAP + width > self.limit && part.len() > 1 {
                parts.push(vec![0, c]);
                used = first + GAP + width;
            } else {
                part.push(c);
                used += GAP + width;
            }
        }
        parts
    }

    fn text(&self) -> String {
        let parts = self.parts();
        let texts: Vec<String> = parts.iter().map(|part| self.part(part)).collect();
        texts.join("\n")
    }

    fn part(&self, columns: &[usize]) -> String {
        let mut text = String::new();
        for (n, row) in self.cells.iter().enumerate() {
            let height = columns.iter().map(|&c| row[c].len()).max().unwrap_or(0);
            for line in 0..height {
                let cell = |c: usize| {
                    // Heads stand on the rule, cells begin at the top.
                    let above = if n == 0 { height - row[c].len() } else { 0 };
                    let line = line.checked_sub(above);
                    let text = line.and_then(|line| row[c].get(line));
                    self.padded(c, text.map_or("", String::as_str))
                };
                text += &joined(columns, cell);
            }
            if n == 0 {
                text += &joined(columns, |c| "-".repeat(self.widths[c]));
            }
        }
        text
    }

    fn padded(&self, column: usize, text: &str) -> String {
        let room = " ".repeat(self.widths[column].saturating_sub(length(text)));
        match column == 0 || self.has_text && column + 1 == self.widths.len() {
            true => format!("{text}{room}"),
            false => format!("{room}{text}"),
        }
    }
}

fn joined(columns: &[usize], cell: impl Fn(usize) -> String) -> String {
    let cells: Vec<String> = columns.iter().map(|&c| cell(c)).collect();
    cells.join(&" ".repeat(GAP)).trim_end().to_owned() + "\n"
}

/// A share as a percentage with two decimals.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["σ".into(), "1".into()],
            vec!["tanh".into(), "20".into()],
        ];
        assert_eq!(
            table(&["name", "n"], &rows),
            "name   n\n----  --\nσ      1\ntanh  20\n"
        );
    }

    #[test]
    fn a_wide_table_has_heads_in_lines_and_then_parts() {
        let rows = [vec!["a".into(), "1".into(), "22".into(), "333".into()]];
        let text = Layout::new(&["layer", "hidden error", "x", "y"], &rows, false, 21).text();
        assert_eq!(
            text,
            "       hidden\nlayer   error   x    y\n-----  ------  --  ---\na           1  22  333\n"
                .replace("   x    y", "   x")
                .replace("  --  ---", "  --")
                .replace("  22  333", "  22")
                + "\nlayer    y\n-----  ---\na      333\n"
        );
    }

    proptest! {
        #[test]
        fn every_table_fits(
            header in prop::collection::vec("[a-z]{1,12}( [a-z]{1,12}){0,2}", 1..14),
            rows in prop::collection::vec(prop::collection::vec("[a-zé0-9]{0,20}( [a-z]{1,9}){0,9}", 14), 0..4),
            has_text: bool,
            limit in 52usize..120,
        ) {
            let names: Vec<&str> = header.iter().map(String::as_str).collect();
            let text = Layout::new(&names, &rows, has_text, limit).text();
            for line in text.lines() {
                prop_assert!(length(line) <= limit, "{limit}:\n{text}");
            }
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
            let first: usize = rows.iter().map(|row| letters(&row[0])).sum::<usize>() + letters(names[0]);
            let all: usize = rows.iter().flat_map(|row| row.iter().take(names.len())).map(|cell| letters(cell)).sum::<usize>()
                + names.iter().map(|name| letters(name)).sum::<usize>();
            // Nothing is lost; each further part repeats the first column.
            let parts = text.matches("\n\n").count().max(text.split("\n\n").count() - 1);
            prop_assert!(letters(&text) >= all);
            if first > 0 {
                prop_assert_eq!((letters(&text) - all) % first, 0, "{} parts\n{}", parts, text);
            }
        }
    }
}
