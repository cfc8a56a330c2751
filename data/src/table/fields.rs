//! The rows and fields of a delimited table.

use std::borrow::Cow;

use super::lines::LineEnd;

/// Separator of fields, quotes, and the end of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: u8,
    /// Whether a quote at the beginning of a field opens it: up to the next single quote all is text, and two quotes are one.
    /// What stands between the closing quote and the end of the field belongs to it, and a quote elsewhere is a character, as
    /// for pandas.
    pub(super) is_quoted: bool,
    pub(super) end: LineEnd,
}

/// State of a row besides its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The line on which it begins, counted from 1.
    pub(super) line: usize,
    /// Its length in bytes.
    pub(super) length: usize,
    /// Whether a field of it is quoted.
    pub(super) has_quoted: bool,
    /// Whether a quoted field has something behind its closing quote.
    pub(super) has_stray: bool,
    /// The line of a quote that nothing closes.
    pub(super) open: Option<usize>,
    /// Whether it goes on over several lines.
    pub(super) is_joined: bool,
}

/// The rows of a text, one after another.
pub(super) struct Rows<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    dialect: Dialect,
}

impl<'t> Rows<'t> {
    pub(super) fn new(text: &'t str, dialect: Dialect) -> Self {
        Self { text, at: 0, line: 1, dialect }
    }

    /// Puts the fields of the next row into `fields`, and says what else is known of it; `None` at the end. Empty lines are
    /// no rows.
    pub(super) fn next(&mut self, fields: &mut Vec<Cow<'t, str>>) -> Option<Row> {
        loop {
            if self.at >= self.text.len() {
                return None;
            }
            fields.clear();
            let start = self.at;
            let mut row = Row {
                line: self.line,
                length: 0,
                has_quoted: false,
                has_stray: false,
                open: None,
                is_joined: false,
            };
            while self.field(fields, &mut row) {}
            row.length = self.at - start;
            row.is_joined = self.line > row.line;
            self.end_line();
            if row.has_quoted || fields.len() > 1 || fields.first().is_some_and(|field| !field.is_empty()) {
                return Some(row);
            }
        }
    }

    /// Reads a field; true if a separator follows, and so another one.
    fn field(&mut self, fields: &mut Vec<Cow<'t, str>>, row: &mut Row) -> bool {
        let field = if self.dialect.is_quoted && self.byte() == Some(b'"') {
            row.has_quoted = true;
            self.quoted(row)
        } else {
            Cow::Borrowed(self.plain())
        };
        fields.push(field);
        let is_separated = self.byte() == Some(self.dialect.separator);
        self.at += usize::from(is_separated);
        is_separated
    }

    /// A field, or what is left of one, up to the separator or the end of the line.
    fn plain(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let is_over = |byte: u8| byte == self.dialect.separator || self.dialect.end.is_met(byte);
        let length = rest.bytes().position(is_over).unwrap_or(rest.len());
        self.at += length;
        let field = &rest[..length];
        // The carriage return of Windows belongs to the end of the line.
        if self.byte() == Some(self.dialect.separator) {
            field
        } else {
            field.strip_suffix('\r').unwrap_or(field)
        }
    }

    fn quoted(&mut self, row: &mut Row) -> Cow<'t, str> {
        let opened = self.line;
        self.at += 1;
        let mut field = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.at..];
            let length = rest.find('"');
            let piece = &rest[..length.unwrap_or(rest.len())];
            self.line += self.dialect.end.count(piece);
            self.at += piece.len();
            join(&mut field, piece);
            if length.is_none() {
                row.open = Some(opened);
                return field;
            }
            self.at += 1;
            if self.byte() != Some(b'"') {
                break;
            }
            join(&mut field, "\"");
            self.at += 1;
        }
        let rest = self.plain();
        row.has_stray |= !rest.is_empty();
        join(&mut field, rest);
        field
    }

    /// Goes on to the next line.
    fn end_line(&mut self) {
        let Some(byte) = self.byte() else { return };
        self.at += 1;
        if byte == b'\r' && self.dialect.end == LineEnd::Any && self.byte() == Some(b'\n') {
            self.at += 1;
        }
        self.line += 1;
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// Adds a piece of text, in which lines end alike on every system.
fn join<'t>(field: &mut Cow<'t, str>, piece: &'t str) {
    if piece.contains("\r\n") {
        field.to_mut().push_str(&piece.replace("\r\n", "\n"));
    } else if field.is_empty() {
        *field = Cow::Borrowed(piece);
    } else if !piece.is_empty() {
        field.to_mut().push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, is_quoted: bool, end: LineEnd) -> Vec<(usize, Vec<String>)> {
        let mut rows = Rows::new(text, Dialect { separator: b',', is_quoted, end });
        let (mut fields, mut all) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next(&mut fields) {
            all.push((row.line, fields.iter().map(ToString::to_string).collect()));
        }
        all
    }

    fn row(line: usize, fields: &[&str]) -> (usize, Vec<String>) {
        (line, fields.iter().map(|&field| field.to_owned()).collect())
    }

    #[test]
    fn quotes_open_fields_only_where_these_begin() {
        let text = "6\" x,\"a \"\"b\"\", c\"\n\"one\ntwo\" three,\n\"\",\"\"\"\"\nlast,";
        assert_eq!(
            rows(text, true, LineEnd::Any),
            [
                row(1, &["6\" x", "a \"b\", c"]),
                row(2, &["one\ntwo three", ""]),
                row(4, &["", "\""]),
                row(5, &["last", ""]),
            ]
        );
        assert_eq!(rows("a,\"b\r\n", false, LineEnd::Feed), [row(1, &["a", "\"b"])]);
    }

    #[test]
    fn lines_end_by_the_dialect() {
        let text = "a,b\r\n\rc,d\re,\"f\r\ng\"\n\n\"h\",i";
        let parsed = [row(1, &["a", "b"]), row(3, &["c", "d"]), row(4, &["e", "f\ng"]), row(7, &["h", "i"])];
        assert_eq!(rows(text, true, LineEnd::Any), parsed);
        assert_eq!(rows("a\rb,c\r\n", true, LineEnd::Feed), [row(1, &["a\rb", "c"])]);
        assert_eq!(rows("a,b\rc,d\r", false, LineEnd::Return), [row(1, &["a", "b"]), row(2, &["c", "d"])]);
    }

    #[test]
    fn faults_of_quotes_are_reported() {
        let dialect = |text: &str| {
            let mut rows = Rows::new(text, Dialect { separator: b',', is_quoted: true, end: LineEnd::Any });
            rows.next(&mut Vec::new()).unwrap()
        };
        assert!(!dialect("a\n").has_quoted);
        assert!(dialect("\"a\"b\n").has_stray && !dialect("\"a\"\r\n").has_stray);
        assert_eq!(dialect("a,\"b\nc").open, Some(1));
        assert!(dialect("\"a\nb\",c\n").is_joined);
    }
}
