//! Places in files.

use std::fmt;

use alambic_files::text::visible;

/// A place in a file, for an error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, `builtin:NAME`, or `hf:OWNER/NAME/PATH`.
    pub source: String,
    /// Line counted from 1; none where the whole file is meant, or where a format has no lines.
    pub line: Option<usize>,
    /// Column of text counted from 1 in characters, where it is known.
    pub column: Option<usize>,
}

impl Place {
    /// A place that is a whole file.
    #[must_use]
    pub fn file(source: &str) -> Self {
        Self { source: source.to_owned(), line: None, column: None }
    }

    /// A line of a file, counted from 1.
    #[must_use]
    pub fn line(source: &str, line: usize) -> Self {
        Self { source: source.to_owned(), line: Some(line), column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&visible(&self.source))?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(out, ":{number}")?;
        }
        Ok(())
    }
}
