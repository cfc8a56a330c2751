//! JSON read in place: the values that somebody wants, and no more of the others than where they end.
//!
//! What nobody wants may be what JSON has no word for and Python's `json` writes all the same (`NaN`, `Infinity`), a number of
//! any length, or nested to any depth.

use std::borrow::Cow;

/// Error of scanning: what is wrong, and how many bytes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanError {
    pub(super) at: usize,
    pub(super) what: String,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'t> {
    /// `null`, or `NaN`, as which pandas knows what is missing.
    Null,
    /// `true` or `false`.
    Truth(&'t str),
    /// As it is written.
    Number(&'t str),
    /// Unescaped.
    Text(Cow<'t, str>),
    /// As it is written.
    List(&'t str),
    /// As it is written.
    Object(&'t str),
}

impl Value<'_> {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Truth(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Text of JSON with a place in it.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes are behind it.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.byte()
    }

    /// Goes over one byte if it is the next that is not white space.
    pub(super) fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn broken<T>(&self, what: impl Into<String>) -> Result<T, ScanError> {
        Err(ScanError { at: self.at, what: what.into() })
    }

    /// Reads an object, and gives the value of each key to `visit`. Objects for which `enter` holds are read as well, their keys
    /// with those of the objects around them before: `translation.en`.
    pub(super) fn object(
        &mut self,
        within: &str,
        enter: &dyn Fn(&str) -> bool,
        visit: &mut dyn FnMut(&str, Value<'t>),
    ) -> Result<(), ScanError> {
        if !self.take(b'{') {
            return self.broken("expected `{`, with which an object begins");
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let mut key = self.key()?;
            if !within.is_empty() {
                key = Cow::Owned(format!("{within}.{key}"));
            }
            if self.peek() == Some(b'{') && enter(&key) {
                self.object(&key, enter, visit)?;
            } else {
                let value = self.value()?;
                visit(&key, value);
            }
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return self.broken("expected `,` or `}`");
            }
        }
    }

    /// Reads a value; a list or an object as it is written.
    fn value(&mut self) -> Result<Value<'t>, ScanError> {
        match self.peek() {
            Some(b'"') => Ok(Value::Text(unescaped(self.string()?).or_else(|what| self.broken(what))?)),
            Some(byte @ (b'{' | b'[')) => {
                let start = self.at;
                self.pass()?;
                let written = &self.text[start..self.at];
                Ok(if byte == b'{' { Value::Object(written) } else { Value::List(written) })
            }
            _ => self.word(),
        }
    }

    /// Goes over a value of any depth.
    pub(super) fn pass(&mut self) -> Result<(), ScanError> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    if !self.take(b'}') {
                        open.push(b'}');
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                _ => {
                    self.word()?;
                }
            }
            // A value has ended: so may what is around it.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if self.take(close) {
                    open.pop();
                } else if self.take(b',') {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                } else {
                    return self.broken(format!("expected `,` or `{}`", char::from(close)));
                }
            }
        }
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self) -> Result<Cow<'t, str>, ScanError> {
        if self.peek() != Some(b'"') {
            return self.broken("expected a key in quotes");
        }
        let key = unescaped(self.string()?).or_else(|what| self.broken(what))?;
        if self.take(b':') { Ok(key) } else { self.broken("expected `:`") }
    }

    /// Reads a text with the quotes around it, and leaves it escaped.
    fn string(&mut self) -> Result<&'t str, ScanError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.byte() {
                None => return self.broken("the text does not end"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at]);
                }
                Some(b'\\') => self.at += 2,
                Some(..0x20) => return self.broken("a control character within a text"),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Reads a number, a truth value or null.
    fn word(&mut self) -> Result<Value<'t>, ScanError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .position(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let value = match word {
            "null" | "NaN" => Value::Null,
            "true" | "false" => Value::Truth(word),
            "Infinity" | "-Infinity" => Value::Number(word),
            _ if is_number(word) => Value::Number(word),
            _ => return self.broken("expected a value"),
        };
        self.at += length;
        Ok(value)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// What a text between quotes says.
fn unescaped(quoted: &str) -> Result<Cow<'_, str>, String> {
    if quoted.contains('\\') {
        serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| "an escape that stands for no character".into())
    } else {
        Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
    }
}

/// Whether a word is a number as JSON writes it.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = word.strip_prefix('-').unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(power) => {
            let power = power.strip_prefix(['+', '-']).unwrap_or(power);
            !power.is_empty() && digits(power) == power.len()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let text = r#" {"a": "x\"\u00e9", "b": 123456789012345678901234567890, "c": {"d": [1, {"e": NaN}], "f": true},
            "g": null, "h": {}, "i": "j"} "#;
        let mut scanner = Scanner::new(text);
        let mut found = Vec::new();
        let mut visit = |key: &str, value: Value<'_>| found.push(format!("{key}={value:?}"));
        scanner.object("", &|key| key == "c", &mut visit).unwrap();
        assert_eq!(
            found,
            [
                "a=Text(\"x\\\"é\")",
                "b=Number(\"123456789012345678901234567890\")",
                "c.d=List(\"[1, {\\\"e\\\": NaN}]\")",
                "c.f=Truth(\"true\")",
                "g=Null",
                "h=Object(\"{}\")",
                "i=Text(\"j\")",
            ]
        );
        assert_eq!(scanner.peek(), None);
    }

    #[test]
    fn faults_are_reported_with_their_place() {
        let broken = |text: &str| Scanner::new(text).pass().unwrap_err().at;
        for (text, at) in [
            ("{\"a\" 1}", 5),
            ("[1, 2", 5),
            ("{\"a\": 01}", 6),
            ("[1 2]", 3),
            ("{\"a\": \"b", 8),
            ("{a: 1}", 1),
            ("[1.]", 1),
            ("[-]", 1),
            ("[1e]", 1),
            ("", 0),
            ("[\"\\", 4),
        ] {
            assert_eq!(broken(text), at, "{text}");
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(broken(&deep), 1_000_000);
    }
}
