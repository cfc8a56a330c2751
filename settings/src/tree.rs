//! Values that remember where they were written, and TOML read into them.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::source::{Origin, SourceFile, SourceKind};

/// A value and where it was written. A table's place is its header, or its
/// braces where it is written inline.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// The entries of a table, in the order in which they were written.
pub type Members = IndexMap<String, Member>;

/// One entry of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Where the key was written.
    pub key_origin: Origin,
    /// The value.
    pub node: Node,
}

/// A value of TOML.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number; wider than TOML's 64 bits so that every seed fits.
    Integer(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// A date or time, as written. No option takes one, but it must be nameable
    /// in an error.
    Datetime(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Members),
}

impl Value {
    /// The type of the value, with its article, for messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Datetime(_) => "a date",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// A value that no text gave.
    #[must_use]
    pub fn unwritten(value: Value) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// An empty table that no text gave.
    #[must_use]
    pub fn empty_table() -> Self {
        Self::unwritten(Value::Table(Members::new()))
    }

    /// Reads a TOML text; `path` is only named in messages, and is what relative
    /// paths in the text are relative to.
    ///
    /// # Errors
    /// Everything that is not TOML in it, each with line and column.
    pub fn parse(path: impl Into<std::path::PathBuf>, text: &str) -> Result<Self, Diagnostics> {
        Self::parse_source(&Arc::new(SourceFile::new(SourceKind::File(path.into()), text)))
    }

    /// Reads a TOML text from a source.
    ///
    /// # Errors
    /// As [`Node::parse`].
    pub fn parse_source(source: &Arc<SourceFile>) -> Result<Self, Diagnostics> {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let mut builder = Builder { source, shift: 0, diagnostics: syntax_errors(source, 0, &errors) };
        // The document as a whole has no place of its own: its start stands for it.
        let node = Node { value: builder.table(table.get_ref()), origin: builder.origin(0..0) };
        builder.diagnostics.into_result().map(|()| node)
    }

    /// Reads some bytes of a source as one TOML value.
    ///
    /// # Errors
    /// As [`Node::parse`].
    pub(crate) fn parse_value(source: &Arc<SourceFile>, span: Range<usize>) -> Result<Self, Diagnostics> {
        let start = span.start;
        let (value, errors) = DeValue::parse_recoverable(&source.text[span]);
        let mut builder =
            Builder { source, shift: start, diagnostics: syntax_errors(source, start, &errors) };
        let node = builder.node(&value);
        builder.diagnostics.into_result().map(|()| node)
    }

    /// Reads the first `length` bytes of a source as a dotted key. The tables
    /// that it opens hold each other; the innermost holds a number in the place
    /// of the value.
    ///
    /// # Errors
    /// As [`Node::parse`].
    pub(crate) fn parse_key(source: &Arc<SourceFile>, length: usize) -> Result<Self, Diagnostics> {
        let text = format!("{}=0", &source.text[..length]);
        let (table, errors) = DeTable::parse_recoverable(&text);
        let mut builder = Builder { source, shift: 0, diagnostics: syntax_errors(source, 0, &errors) };
        let node = Node { value: builder.table(table.get_ref()), origin: builder.origin(0..length) };
        builder.diagnostics.into_result().map(|()| node)
    }

    /// The entries, if it is a table.
    #[must_use]
    pub fn members(&self) -> Option<&Members> {
        match &self.value {
            Value::Table(members) => Some(members),
            _ => None,
        }
    }

    /// The value under a key, if this is a table that holds it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members()?.get(key).map(|member| &member.node)
    }
}

/// The errors of the parser, in the order of the text. After one mistake the parser
/// is often at a loss for the rest of the line, so the first of a line speaks for
/// all.
fn syntax_errors(source: &Arc<SourceFile>, shift: usize, errors: &[toml::de::Error]) -> Diagnostics {
    let mut first_of_line = std::collections::BTreeMap::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let origin =
            Origin::Written { source: Arc::clone(source), span: span.start + shift..span.end + shift };
        let (line, _) = source.position(span.start + shift);
        first_of_line.entry(line).or_insert_with(|| {
            Diagnostic::error("recipe::syntax", "this is not valid TOML").label(&origin, error.message())
        });
    }
    first_of_line.into_values().collect::<Vec<_>>().into()
}

/// Turns the parser's tree into ours.
struct Builder<'a> {
    source: &'a Arc<SourceFile>,
    /// The start of the parsed part in the source.
    shift: usize,
    diagnostics: Diagnostics,
}

impl Builder<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::Written {
            source: Arc::clone(self.source),
            span: span.start + self.shift..span.end + self.shift,
        }
    }

    fn table(&mut self, table: &DeTable<'_>) -> Value {
        let member = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            let member = Member { key_origin: self.origin(key.span()), node: self.node(value) };
            (key.get_ref().to_string(), member)
        };
        Value::Table(table.iter().map(member).collect())
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        let origin = self.origin(value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
            DeValue::Array(list) => Value::List(list.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => self.table(table),
            DeValue::Integer(integer) => {
                if let Ok(number) = i128::from_str_radix(integer.as_str(), integer.radix()) {
                    Value::Integer(number)
                } else {
                    self.too_large(&origin);
                    Value::Integer(0)
                }
            }
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(number)
                    if number.is_finite() || !float.as_str().contains(|c: char| c.is_ascii_digit()) =>
                {
                    Value::Float(number)
                }
                _ => {
                    self.too_large(&origin);
                    Value::Float(0.0)
                }
            },
        };
        Node { value, origin }
    }

    fn too_large(&mut self, origin: &Origin) {
        let message = "this number is too large";
        self.diagnostics.push(Diagnostic::error("recipe::range", message).label(origin, "cannot be held"));
    }
}
