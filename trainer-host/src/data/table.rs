//! Tables of text: rows of fields between commas, semicolons, tabs or spaces.
//!
//! Lines that begin with `#` or `%` are comments, and so are empty ones. A field may stand in double quotes
//! (RFC 4180). The separator is the one that divides the first two rows alike. Semicolons come with
//! decimal commas; tabs do where no number has a point. A first row of numbers is no header, and its
//! columns are then named by their numbers, from 1; names in the comment above it count.
//!
//! Rows are read one after another, and no more than a piece of the file is in memory.

use std::io::Read;

use super::error::{DataError, Place, Problem};
use super::fields::{self, Lexed, Row, Separator};
use super::text::{self, Decimal};
use super::time_stamp;

/// A table with its header read.
pub(super) struct Table<R> {
    /// The name of each column.
    pub(super) names: Vec<String>,
    /// The header's line, or the first row's.
    pub(super) line: u64,
    /// Whether the columns have names of their own.
    pub(super) has_header: bool,
    /// What stands in its numbers.
    pub(super) decimal: Decimal,
    pieces: Pieces<R>,
    separator: Separator,
    lexed: Lexed,
}

/// Rows that say what the separator and the decimal sign are.
const SAMPLE: usize = 50;
/// And where no more of them are read.
const SAMPLE_BYTES: usize = 1 << 20;

impl<R: Read> Table<R> {
    /// Reads the header; the rows follow by [`next`](Self::next).
    pub(super) fn open(input: R, place: &Place) -> Result<Self, DataError> {
        let mut pieces = Pieces::new(input);
        let comment = pieces.skip_to_row(place)?;
        while pieces.rest().len() < SAMPLE_BYTES && pieces.read_on(place)? {}
        let (separator, sample) = loop {
            let (head, is_whole) = (pieces.rest(), pieces.is_at_end);
            let sampled =
                |separator| fields::sample(head, separator, is_whole, SAMPLE, SAMPLE_BYTES);
            let separator = separator(sampled);
            let sample = sampled(separator);
            if !sample.is_empty() || is_whole || head.len() > fields::MAX_ROW {
                break (separator, sample);
            }
            pieces.read_on(place)?;
        };
        let Some(first) = sample.first() else {
            return Err(pieces.refuse_head(separator, place));
        };
        let decimal = decimal(separator, &sample);
        let has_header = is_header(&sample, decimal);
        let mut names: Vec<String> = match (has_header, &comment) {
            (true, _) => first.clone(),
            (false, Some(comment)) => names_in(comment, separator, decimal),
            (false, None) => Vec::new(),
        };
        let is_named = has_header || names.len() == first.len();
        if !is_named {
            names = (1..=first.len()).map(|at| at.to_string()).collect();
        }
        let mut table = Self {
            names,
            line: pieces.line,
            has_header: is_named,
            decimal,
            pieces,
            separator,
            lexed: Lexed::default(),
        };
        if has_header {
            table.next(place)?;
        }
        Ok(table)
    }

    /// Reads the next row; none at the end. A row of another width than the header is refused.
    pub(super) fn next(&mut self, place: &Place) -> Result<Option<Row<'_>>, DataError> {
        self.pieces.skip_to_row(place)?;
        let pieces = &mut self.pieces;
        let end = loop {
            let (rest, is_whole) = (&pieces.buffer[pieces.at..], pieces.is_at_end);
            if rest.is_empty() && is_whole {
                return Ok(None);
            }
            match fields::lex(rest, self.separator, is_whole, &mut self.lexed) {
                Some(end) => break end,
                None if is_whole || rest.len() > fields::MAX_ROW => {
                    return Err(pieces.refuse_row(place));
                }
                None => pieces.read_on(place)?,
            };
        };
        let (from, line) = (pieces.at, pieces.line);
        pieces.at += end;
        pieces.line += self.lexed.lines;
        let refuse = |problem| Err(place.clone().line(line).refuse(problem));
        let Ok(text) = std::str::from_utf8(&pieces.buffer[from..from + end]) else {
            return refuse(text::not_utf8("CSV"));
        };
        let (expected, found) = (self.names.len(), self.lexed.fields.len());
        match found == expected {
            true => Ok(Some(Row::new(line, text, &self.lexed))),
            false => refuse(Problem::Ragged { expected, found }),
        }
    }
}

/// The bytes of a file, a piece at a time.
struct Pieces<R> {
    input: R,
    /// What was read and not yet passed begins at `at`.
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    is_at_end: bool,
}

/// So much is read at once.
const PIECE: usize = 1 << 18;

impl<R: Read> Pieces<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            line: 1,
            is_at_end: false,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Reads another piece behind what is there; false at the end of the file.
    fn read_on(&mut self, place: &Place) -> Result<bool, DataError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        // As much again as is there, so that a long row is not begun too often.
        let piece = PIECE.max(self.buffer.len()) as u64;
        let read = (&mut self.input).take(piece).read_to_end(&mut self.buffer);
        let read = read.map_err(|error| place.clone().refuse(Problem::Unreadable(error)))?;
        self.is_at_end = read == 0;
        Ok(read > 0)
    }

    /// Goes on to the next line that is no comment and not empty; the last comment passed.
    fn skip_to_row(&mut self, place: &Place) -> Result<Option<String>, DataError> {
        let mut comment = None;
        loop {
            let rest = &self.buffer[self.at..];
            if fields::begins_row(rest) {
                return Ok(comment);
            }
            match rest.iter().position(|byte| *byte == b'\n') {
                None if rest.len() > fields::MAX_ROW => return Err(self.refuse_row(place)),
                None if !self.is_at_end => {
                    self.read_on(place)?;
                    continue;
                }
                end => {
                    let line = &rest[..end.unwrap_or(rest.len())];
                    let line = String::from_utf8_lossy(line);
                    if text::clean(&line).starts_with(['#', '%']) {
                        comment = Some(text::clean(&line).to_owned());
                    }
                    self.line += u64::from(end.is_some());
                    self.at += end.map_or(rest.len(), |end| end + 1);
                    if self.at == self.buffer.len() && self.is_at_end {
                        return Ok(comment);
                    }
                }
            }
        }
    }

    /// Why there is no first row.
    fn refuse_head(&self, separator: Separator, place: &Place) -> DataError {
        if self.rest().is_empty() {
            return place.clone().refuse(Problem::Empty);
        }
        let row = fields::lex(
            self.rest(),
            separator,
            self.is_at_end,
            &mut Lexed::default(),
        );
        match row {
            Some(_) => place.clone().line(self.line).refuse(text::not_utf8("CSV")),
            None => self.refuse_row(place),
        }
    }

    /// The error that a row is longer, or has more fields, than any table's.
    fn refuse_row(&self, place: &Place) -> DataError {
        place.clone().line(self.line).refuse(Problem::Syntax {
            format: "CSV",
            detail: format!(
                "the row is longer than {} MiB or has more than {} fields; every time step needs a line of \
                 its own, and every quote its end",
                fields::MAX_ROW >> 20,
                fields::MAX_FIELDS
            ),
        })
    }
}

type Sample = Vec<Vec<String>>;

/// The separator that divides the first two rows into as many fields; a comma where none does.
fn separator(sampled: impl Fn(Separator) -> Sample) -> Separator {
    let fits = |separator: &Separator| {
        let sample = sampled(*separator);
        let widths = || sample.iter().take(2).map(Vec::len);
        widths().all(|width| width == sample[0].len() && width > 1) && !sample.is_empty()
    };
    let comma = Separator::Byte(b',');
    let candidates = [
        Separator::Byte(b';'),
        Separator::Byte(b'\t'),
        comma,
        Separator::Byte(b'|'),
    ];
    if let Some(found) = candidates.into_iter().find(fits) {
        return found;
    }
    let is_number = |field: &String| is_value(field, Decimal::Point);
    let sample = sampled(Separator::Spaces);
    // Words between spaces may be one name; numbers are not.
    let is_of_numbers = sample.len() > 1 && sample[1..].iter().flatten().all(is_number);
    match is_of_numbers && fits(&Separator::Spaces) {
        true => Separator::Spaces,
        false => comma,
    }
}

/// Commas in numbers are decimal ones beside semicolons, and beside tabs where no number has a point and
/// not all commas could divide thousands.
fn decimal(separator: Separator, sample: &Sample) -> Decimal {
    let fields = || sample.iter().flatten();
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
fn is_header(sample: &Sample, decimal: Decimal) -> bool {
    let first = &sample[0];
    let is_word = |field: &String| !is_value(field, decimal);
    let counts = || {
        // Above an index there is nothing.
        let names = &first[usize::from(first[0].is_empty())..];
        let mut from_zero = names.iter().enumerate();
        names.len() > 1 && from_zero.all(|(at, name)| *name == at.to_string())
    };
    let is_there = |field: &String| is_value(field, decimal) && !text::is_missing(field);
    let above_value = || {
        let mut columns = (0..first.len()).filter(|at| is_word(&first[*at]));
        columns.any(|at| {
            sample[1..]
                .iter()
                .any(|row| row.get(at).is_some_and(is_there))
        })
    };
    let has_usual_name = || {
        let mut names = first.iter().map(String::as_str);
        names.any(|name| USUAL_NAMES.contains(&name))
    };
    let no_value = || first.iter().all(|name| is_word(name) || name.is_empty());
    above_value() || no_value() || counts() || has_usual_name()
}

/// Names in a comment, such as numpy.savetxt writes, if there is no value among them.
fn names_in(comment: &str, separator: Separator, decimal: Decimal) -> Vec<String> {
    let comment = comment.trim_start_matches(['#', '%', ' ']);
    let mut rows = fields::sample(comment.as_bytes(), separator, true, 1, 1).into_iter();
    let names = rows.next().unwrap_or_default();
    match names.iter().all(|name| !is_value(name, decimal)) {
        true => names,
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let place = Place::default();
        let mut table = Table::open(text.as_bytes(), &place).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = table.next(&place).unwrap() {
            rows.push(row.fields().map(str::to_owned).collect());
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
        let (_, rows) = read("a,b\n\"1\"5,\"2\" x\n");
        assert_eq!(rows, [["\"1\"5", "\"2\" x"]]);
    }

    #[test]
    fn a_missing_value_is_no_comment() {
        let (_, rows) = read("a,b\n#N/A,1\n#NB,2\n");
        assert_eq!(rows, [["#N/A", "1"]]);
    }

    #[test]
    fn a_first_row_may_be_longer_than_the_sample() {
        let name = "x".repeat(SAMPLE_BYTES);
        let (names, rows) = read(&format!("{name},b\n1,2\n"));
        assert_eq!(
            (names[0].len(), &rows[0][..]),
            (SAMPLE_BYTES, &["1".to_owned(), "2".to_owned()][..])
        );
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
