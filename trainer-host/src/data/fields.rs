//! Where the fields of a row are: the bytes of a table between separators and quotes.

use super::text;

/// What divides the fields of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Byte(u8),
    Spaces,
}

/// A row has no more bytes than this.
pub(super) const MAX_ROW: usize = 64 << 20;
/// And no more fields.
pub(super) const MAX_FIELDS: usize = 1 << 20;

/// Where the fields of one row are, used again for the next one.
#[derive(Default)]
pub(super) struct Lexed {
    pub(super) fields: Vec<Field>,
    /// Fields in which a quote is written twice, without the second ones.
    unquoted: String,
    /// Line ends that the row has, its own included.
    pub(super) lines: u64,
}

/// From where to where a field reaches, in the row or among those without quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    from: u32,
    to: u32,
    is_unquoted: bool,
}

/// A row of a table.
pub(super) struct Row<'a> {
    pub(super) line: u64,
    text: &'a str,
    lexed: &'a Lexed,
}

impl<'a> Row<'a> {
    /// `text` is what was lexed.
    pub(super) fn new(line: u64, text: &'a str, lexed: &'a Lexed) -> Self {
        Self { line, text, lexed }
    }

    /// The field in column `at`, without the spaces around it.
    pub(super) fn field(&self, at: usize) -> &'a str {
        let Field {
            from,
            to,
            is_unquoted,
        } = self.lexed.fields[at];
        let text = if is_unquoted {
            &self.lexed.unquoted
        } else {
            self.text
        };
        text::clean(&text[from as usize..to as usize])
    }

    /// Every field.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.lexed.fields.len()).map(|at| self.field(at))
    }
}

/// Finds the fields of the row that `bytes` begins with; the bytes that it has with its end, or none where
/// that end is not among them. `is_whole` says that nothing follows the bytes.
pub(super) fn lex(
    bytes: &[u8],
    separator: Separator,
    is_whole: bool,
    into: &mut Lexed,
) -> Option<usize> {
    into.fields.clear();
    into.unquoted.clear();
    into.lines = 0;
    if bytes.len() > MAX_ROW + 1 {
        return lex(&bytes[..MAX_ROW + 1], separator, false, into);
    }
    let mut cursor = Cursor {
        bytes,
        at: match bytes.starts_with(MARK) {
            true => MARK.len(),
            false => 0,
        },
        divider: match separator {
            Separator::Byte(byte) => byte,
            Separator::Spaces => b' ',
        },
        is_spaces: separator == Separator::Spaces,
        lines: 0,
    };
    loop {
        let field = cursor.field(&mut into.unquoted);
        if into.fields.len() == MAX_FIELDS {
            return None;
        }
        into.fields.push(field);
        match cursor.bytes.get(cursor.at) {
            None if !is_whole => return None,
            None => break,
            Some(b'\n') => {
                cursor.at += 1;
                cursor.lines += 1;
                break;
            }
            Some(_) => cursor.at += 1,
        }
    }
    into.lines = cursor.lines;
    Some(cursor.at)
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether `bytes` begin with a row: with no comment, and no empty line. `#N/A` is a missing value.
pub(super) fn begins_row(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let Some(first) = bytes.iter().position(|byte| !is_space(byte)) else {
        return false;
    };
    match bytes[first] {
        b'#' => bytes[first..].starts_with(b"#N/A"),
        byte => !matches!(byte, b'%' | b'\n'),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    divider: u8,
    is_spaces: bool,
    lines: u64,
}

impl Cursor<'_> {
    /// One field, up to the separator or line end behind it.
    fn field(&mut self, unquoted: &mut String) -> Field {
        let is_tab_space = self.is_spaces || self.divider != b'\t';
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\r') || (*byte == b'\t' && is_tab_space);
        while self.bytes.get(self.at).is_some_and(is_space) {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'"') {
            return self.quoted(unquoted);
        }
        let from = self.at;
        self.pass_to_end();
        let field = Field {
            from: from as u32,
            to: self.at as u32,
            is_unquoted: false,
        };
        if self.is_spaces {
            self.pass_spaces();
        }
        field
    }

    fn pass_to_end(&mut self) {
        let (divider, is_spaces) = (self.divider, self.is_spaces);
        let ends = |byte: &u8| {
            *byte == divider || *byte == b'\n' || (is_spaces && matches!(byte, b'\t' | b'\r'))
        };
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    /// A run of spaces is one separator, and none at the end of a line.
    fn pass_spaces(&mut self) {
        let at = |at: usize| self.bytes.get(at);
        while matches!(at(self.at), Some(b' ' | b'\t' | b'\r'))
            && matches!(at(self.at + 1), Some(b' ' | b'\t' | b'\r' | b'\n') | None)
        {
            self.at += 1;
        }
    }

    /// A field between quotes, in which a quote is written twice.
    fn quoted(&mut self, unquoted: &mut String) -> Field {
        self.at += 1;
        let from = self.at;
        let mut has_quotes = false;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => self.lines += 1,
                b'"' if self.bytes.get(self.at + 1) == Some(&b'"') => {
                    self.at += 1;
                    has_quotes = true;
                }
                b'"' => break,
                _ => {}
            }
            self.at += 1;
        }
        let to = self.at.min(self.bytes.len());
        self.at = self.bytes.len().min(to + 1);
        self.pass_to_end();
        let is_quoted = self.bytes[self.bytes.len().min(to + 1)..self.at]
            .trim_ascii()
            .is_empty();
        // With something behind the closing quote, quotes are signs like any other.
        let (from, to) = match is_quoted {
            true => (from, to),
            false => (from - 1, self.at),
        };
        if self.is_spaces {
            self.pass_spaces();
        }
        match has_quotes && is_quoted {
            false => Field {
                from: from as u32,
                to: to as u32,
                is_unquoted: false,
            },
            true => {
                let start = unquoted.len() as u32;
                *unquoted += &String::from_utf8_lossy(&self.bytes[from..to]).replace("\"\"", "\"");
                Field {
                    from: start,
                    to: unquoted.len() as u32,
                    is_unquoted: true,
                }
            }
        }
    }
}

/// The first `count` rows of `bytes` that begin within the first `within` of them.
pub(super) fn sample(
    bytes: &[u8],
    separator: Separator,
    is_whole: bool,
    count: usize,
    within: usize,
) -> Vec<Vec<String>> {
    let mut lexed = Lexed::default();
    let (mut rows, mut at) = (Vec::new(), 0);
    while rows.len() < count && at < bytes.len().min(within) {
        let rest = &bytes[at..];
        if !begins_row(rest) {
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => at += end + 1,
                None => break,
            }
            continue;
        }
        let Some(end) = lex(rest, separator, is_whole, &mut lexed) else {
            break;
        };
        let text = String::from_utf8_lossy(&rest[..end]);
        let row = match text {
            // Bytes that are no UTF-8 are refused when the row is read.
            std::borrow::Cow::Owned(_) => break,
            std::borrow::Cow::Borrowed(text) => Row::new(0, text, &lexed),
        };
        rows.push(row.fields().map(str::to_owned).collect());
        at += end;
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_is_the_same_however_much_of_the_file_is_there(
            bytes in "[a1\",; \\t\\r\\né\u{feff}#]{0,40}", more in "[a1\", \\n]{0,8}",
            separator in prop::sample::select(vec![Separator::Byte(b','), Separator::Byte(b'\t'), Separator::Spaces]),
        ) {
            let (mut part, mut all) = (Lexed::default(), Lexed::default());
            let longer = format!("{bytes}{more}");
            let found = lex(bytes.as_bytes(), separator, false, &mut part);
            let with_more = lex(longer.as_bytes(), separator, false, &mut all);
            if let Some(end) = found {
                prop_assert_eq!(with_more, Some(end));
                let fields = |lexed: &Lexed| -> Vec<String> {
                    Row::new(0, &longer[..end], lexed).fields().map(str::to_owned).collect()
                };
                prop_assert_eq!(fields(&part), fields(&all));
            }
        }
    }
}
