//! Tables of text: rows of fields between commas, semicolons, tabs or spaces.
//!
//! Lines that begin with `#` or `%` are comments, and so are empty ones. A field may stand in double quotes
//! (RFC 4180). The separator is the one that divides the first two rows alike. Semicolons come with
//! decimal commas; tabs do where no number has a point. A first row of numbers is no header, and its
//! columns are then named by their numbers, from 1; names in the comment above it count.

use std::borrow::Cow;

use super::error::{DataError, Place, Problem};
use super::text::{self, Decimal};
use super::time_stamp;

/// A table with its header read.
pub(super) struct Table<'a> {
    /// The name of each column.
    pub(super) names: Vec<String>,
    /// The header's line, or the first row's.
    pub(super) line: u64,
    /// Whether the columns have names of their own.
    pub(super) has_header: bool,
    /// What stands in its numbers.
    pub(super) decimal: Decimal,
    rows: Rows<'a>,
}

/// A row, used again for the next one.
#[derive(Default)]
pub(super) struct Row<'a> {
    pub(super) line: u64,
    pub(super) fields: Vec<Cow<'a, str>>,
}

/// Rows that say what the separator and the decimal sign are.
const SAMPLE: usize = 50;
/// And where no more of them are read.
const SAMPLE_BYTES: usize = 1 << 20;

impl<'a> Table<'a> {
    /// Reads the header; the rows follow by [`next`](Self::next).
    pub(super) fn open(text: &'a [u8], place: &Place) -> Result<Self, DataError> {
        let text = utf8(text, place)?;
        let mut rows = Rows::new(text);
        let comment = rows.skip_to_row();
        rows.separator = Separator::of(&rows);
        let sample = rows.sample();
        let Some(first) = sample.first() else {
            return Err(place.clone().refuse(Problem::Empty));
        };
        let decimal = decimal(rows.separator, &sample);
        let has_header = is_header(&sample, decimal);
        let line = first.line;
        let mut names: Vec<String> = match (has_header, comment) {
            (true, _) => first.fields.iter().map(|name| name.to_string()).collect(),
            (false, Some(comment)) => names_in(comment, rows.separator, decimal),
            (false, None) => Vec::new(),
        };
        let is_named = has_header || names.len() == first.fields.len();
        if !is_named {
            names = (1..=first.fields.len()).map(|at| at.to_string()).collect();
        }
        if has_header {
            rows.next(&mut Row::default());
        }
        Ok(Self {
            names,
            line,
            has_header: is_named,
            decimal,
            rows,
        })
    }

    /// Reads the next row; false at the end. A row of another width than the header is refused.
    pub(super) fn next(&mut self, row: &mut Row<'a>, place: &Place) -> Result<bool, DataError> {
        if !self.rows.next(row) {
            return Ok(false);
        }
        let (expected, found) = (self.names.len(), row.fields.len());
        match found == expected {
            true => Ok(true),
            false => {
                Err((place.clone().line(row.line)).refuse(Problem::Ragged { expected, found }))
            }
        }
    }
}

/// The text of a file.
fn utf8<'a>(bytes: &'a [u8], place: &Place) -> Result<&'a str, DataError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        place.clone().line(line).refuse(text::not_utf8("CSV"))
    })
}

/// What divides the fields of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Byte(u8),
    Spaces,
}

impl Separator {
    /// The one that divides the first two rows into as many fields; a comma where none does.
    fn of(rows: &Rows<'_>) -> Self {
        let comma = Self::Byte(b',');
        let fits = |separator: &Self| {
            let mut rows = rows.clone();
            rows.separator = *separator;
            let widths: Vec<usize> = (rows.sample().iter().take(2))
                .map(|row| row.fields.len())
                .collect();
            widths[..]
                .iter()
                .all(|width| *width == widths[0] && *width > 1)
        };
        let candidates = [Self::Byte(b';'), Self::Byte(b'\t'), comma, Self::Byte(b'|')];
        let found = candidates.into_iter().find(fits);
        let numbers = |row: &Row<'_>| {
            row.fields
                .iter()
                .all(|field| is_value(field, Decimal::Point))
        };
        found.unwrap_or_else(|| {
            let mut rows = rows.clone();
            rows.separator = Self::Spaces;
            let sample = rows.sample();
            // Words between spaces may be one name; numbers are not.
            let is_of_numbers = sample.len() > 1 && sample[1..].iter().all(numbers);
            match is_of_numbers && fits(&Self::Spaces) {
                true => Self::Spaces,
                false => comma,
            }
        })
    }
}

/// Commas in numbers are decimal ones beside semicolons, and beside tabs where no number has a point and
/// not all commas could divide thousands.
fn decimal(separator: Separator, sample: &[Row<'_>]) -> Decimal {
    let fields = || sample.iter().flat_map(|row| &row.fields);
    let with_comma =
        || fields().filter(|field| is_value(field, Decimal::Comma) && field.contains(','));
    let has_point = fields().any(|field| field.contains('.') && is_value(field, Decimal::Point));
    let is_decimal = match separator {
        Separator::Byte(b',') => false,
        Separator::Byte(b';') => !has_point,
        _ => !has_point && with_comma().any(|field| !could_be_thousands(field)),
    };
    match is_decimal && with_comma().next().is_some() {
        true => Decimal::Comma,
        false => Decimal::Point,
    }
}

/// `12,345`: a comma before three digits, after one to three that are not zero.
fn could_be_thousands(field: &str) -> bool {
    let (whole, fraction) = field.split_once(',').unwrap_or((field, ""));
    let whole = whole.trim_start_matches('-');
    fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
}

/// Whether a field is a number, a date or a missing value, as those of a header are not.
fn is_value(field: &str, decimal: Decimal) -> bool {
    let field = text::clean(field);
    text::number(field, decimal).is_ok() || text::is_missing(field) || time_stamp::is_date(field)
}

/// Names that no value has.
const USUAL_NAMES: [&str; 6] = ["series_id", "t", "label", "group", "time", "timestamp"];

/// Whether the first row has names: words above values, nothing but words, or the numbers from 0 that
/// pandas gives columns without names.
fn is_header(sample: &[Row<'_>], decimal: Decimal) -> bool {
    let first = &sample[0].fields;
    let is_word = |field: &Cow<'_, str>| !is_value(field, decimal);
    let counts = || {
        // Above an index there is nothing.
        let names = &first[usize::from(text::clean(&first[0]).is_empty())..];
        let from_zero = names
            .iter()
            .enumerate()
            .all(|(at, name)| *name == at.to_string());
        from_zero && names.len() > 1
    };
    let above_value = || {
        let below = || sample[1..].iter();
        (0..first.len()).any(|at| {
            let is_there = |row: &Row<'_>| {
                (row.fields.get(at)).is_some_and(|f| is_value(f, decimal) && !text::is_missing(f))
            };
            is_word(&first[at]) && below().any(is_there)
        })
    };
    let has_usual_name = || first.iter().any(|field| USUAL_NAMES.contains(&&**field));
    let no_value = || {
        first
            .iter()
            .all(|f| is_word(f) || text::clean(f).is_empty())
    };
    above_value() || no_value() || counts() || has_usual_name()
}

/// Names in a comment, such as numpy.savetxt writes, if there is no value among them.
fn names_in(comment: &str, separator: Separator, decimal: Decimal) -> Vec<String> {
    let mut rows = Rows::new(comment.trim_start_matches(['#', '%', ' ']));
    rows.separator = separator;
    let mut row = Row::default();
    match rows.next(&mut row) && row.fields.iter().all(|field| !is_value(field, decimal)) {
        true => row.fields.iter().map(|field| field.to_string()).collect(),
        false => Vec::new(),
    }
}

#[derive(Clone)]
struct Rows<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    separator: Separator,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            separator: Separator::Byte(b','),
        }
    }

    /// The first rows from here; fewer where they are long.
    fn sample(&self) -> Vec<Row<'a>> {
        let mut rows = self.clone();
        let next = || {
            let mut row = Row::default();
            (rows.at < self.at + SAMPLE_BYTES && rows.next(&mut row)).then_some(row)
        };
        std::iter::from_fn(next).take(SAMPLE).collect()
    }

    /// Goes on to the next line that is no comment and not empty; the last comment passed.
    fn skip_to_row(&mut self) -> Option<&'a str> {
        let mut comment = None;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = text::clean(&rest[..end]);
            if line.starts_with(['#', '%']) {
                comment = Some(line);
            } else if !line.is_empty() {
                break;
            }
            self.at += end;
            self.end_line();
        }
        comment
    }

    /// Passes the end of a line; `\r` alone ends none.
    fn end_line(&mut self) {
        if self.text.as_bytes().get(self.at) == Some(&b'\n') {
            self.at += 1;
            self.line += 1;
        }
    }

    fn next(&mut self, row: &mut Row<'a>) -> bool {
        row.fields.clear();
        self.skip_to_row();
        if self.at >= self.text.len() {
            return false;
        }
        row.line = self.line;
        if self.text[self.at..].starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        loop {
            let field = self.field();
            row.fields.push(field);
            let bytes = self.text.as_bytes();
            match bytes.get(self.at) {
                Some(b'\n') | None => break,
                Some(_) => self.at += 1,
            }
        }
        self.end_line();
        true
    }

    /// One field, up to the separator or line end behind it.
    fn field(&mut self) -> Cow<'a, str> {
        let bytes = self.text.as_bytes();
        let tab_is_space = self.separator != Separator::Byte(b'\t');
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\r') || (*byte == b'\t' && tab_is_space);
        while bytes.get(self.at).is_some_and(is_space) {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'"') {
            return self.quoted();
        }
        let from = self.at;
        while self.at < bytes.len() && !self.is_end(bytes[self.at]) {
            self.at += 1;
        }
        let field = text::clean(&self.text[from..self.at]);
        if self.separator == Separator::Spaces {
            // A run of spaces is one separator, and none at the end of a line.
            while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\r'))
                && matches!(
                    bytes.get(self.at + 1),
                    Some(b' ' | b'\t' | b'\r' | b'\n') | None
                )
            {
                self.at += 1;
            }
        }
        field.into()
    }

    fn is_end(&self, byte: u8) -> bool {
        byte == b'\n'
            || match self.separator {
                Separator::Byte(separator) => byte == separator,
                Separator::Spaces => matches!(byte, b' ' | b'\t' | b'\r'),
            }
    }

    /// A field between quotes, in which a quote is written twice.
    fn quoted(&mut self) -> Cow<'a, str> {
        let bytes = self.text.as_bytes();
        let mut field = String::new();
        self.at += 1;
        let mut from = self.at;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b'"' if bytes.get(self.at + 1) == Some(&b'"') => {
                    self.at += 1;
                    field += &self.text[from..self.at];
                    from = self.at + 1;
                }
                b'"' => break,
                _ => {}
            }
            self.at += 1;
        }
        field += &self.text[from..self.at];
        // What follows the closing quote belongs to the field no more than spaces do.
        while self.at < bytes.len() && !self.is_end(bytes[self.at]) {
            self.at += 1;
        }
        text::clean(&field).to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let place = Place::default();
        let mut table = Table::open(text.as_bytes(), &place).unwrap();
        let (mut rows, mut row) = (Vec::new(), Row::default());
        while table.next(&mut row, &place).unwrap() {
            rows.push(row.fields.iter().map(|field| field.to_string()).collect());
        }
        (table.names, rows)
    }

    #[test]
    fn every_separator_gives_the_same_rows() {
        let names = ["t", "x", "label"];
        let rows = [["0", "1.5", "up"], ["1", "-2.5", "down"]];
        for separator in [",", ";", "\t", "|", " , "] {
            let line = |fields: [&str; 3]| fields.join(separator);
            let text = format!(
                "\u{feff}# made by a logger\n% and another\n\n{}\r\n{}\n{}",
                line(names),
                line(rows[0]),
                line(rows[1])
            );
            let (found, body) = read(&text);
            assert_eq!(found, names, "{separator:?}");
            assert_eq!(body, rows, "{separator:?}");
        }
    }

    #[test]
    fn rows_of_numbers_between_spaces_need_no_header() {
        let (names, rows) = read("  1.5e-001  -2\n 3 \t 4  \n");
        assert_eq!(names, ["1", "2"]);
        assert_eq!(rows, [["1.5e-001", "-2"], ["3", "4"]]);
    }

    #[test]
    fn a_first_row_of_values_is_no_header() {
        assert_eq!(read("0.5,walk\n1.5,walk\n").0, ["1", "2"]);
        assert_eq!(read("2024-01-01,5\n2024-01-02,6\n").0, ["1", "2"]);
        assert_eq!(read("# t, x\n0,5\n1,6\n").0, ["t", "x"]);
        // pandas names columns without names so.
        assert_eq!(read("0,1,2\n5,6,7\n").0, ["0", "1", "2"]);
        assert_eq!(read(",0,1\n0,6,7\n").0, ["", "0", "1"]);
        assert_eq!(
            read("series_id,100,200\na,6,7\n").0,
            ["series_id", "100", "200"]
        );
    }

    #[test]
    fn quotes_hold_separators_line_ends_and_quotes() {
        let (names, rows) = read("a,b\n\"1,5\",\" say \"\"hi\"\"\nx\" \n2,\"\"\n");
        assert_eq!(names, ["a", "b"]);
        assert_eq!(rows, [["1,5", "say \"hi\"\nx"], ["2", ""]]);
    }

    #[test]
    fn decimal_commas_are_found_where_they_are_certain() {
        let decimal = |text: &str| {
            Table::open(text.as_bytes(), &Place::default())
                .unwrap()
                .decimal
        };
        assert_eq!(decimal("t;x\n0;1,5\n"), Decimal::Comma);
        assert_eq!(decimal("t;x\n0;12,345\n"), Decimal::Comma);
        assert_eq!(decimal("t\tx\n0\t0,25\n"), Decimal::Comma);
        assert_eq!(decimal("t\tx\n0\t12,345\n"), Decimal::Point);
        assert_eq!(decimal("t;x\n0;1.5\n"), Decimal::Point);
        assert_eq!(decimal("t,x\n0,5\n"), Decimal::Point);
    }
}
