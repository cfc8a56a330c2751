//! Source files of options, and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use alambic_files::text::visible;

/// Kind of a [`SourceFile`], which decides what its relative paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A file, by its path.
    File(PathBuf),
    /// A text that comes with the program, by its name.
    Builtin(String),
    /// The text of one `--set` flag.
    Flag,
}

/// Source of options: a file, a text of the program, or a `--set` flag.
#[derive(Debug)]
pub struct SourceFile {
    /// Its kind, with its path or name.
    pub kind: SourceKind,
    /// The text, to show the line of an error.
    pub text: String,
    /// The number of the text's first line: 1, unless it is an excerpt.
    first_line: usize,
    /// The start of each line, in bytes; found when the first position is asked for.
    lines: OnceLock<Vec<usize>>,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, self.first_line, &self.text) == (&other.kind, other.first_line, &other.text)
    }
}

impl Eq for SourceFile {}

impl SourceFile {
    /// A whole text.
    #[must_use]
    pub fn new(kind: SourceKind, text: impl Into<String>) -> Self {
        Self::excerpt(kind, text, 1)
    }

    /// Some lines of a text, of which the first has this number, from 1.
    #[must_use]
    pub fn excerpt(kind: SourceKind, text: impl Into<String>, first_line: usize) -> Self {
        Self { kind, text: text.into(), first_line, lines: OnceLock::new() }
    }

    /// The name of the source in a message: the path seen from the current
    /// folder, `builtin:NAME`, or `--set`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            SourceKind::File(path) => {
                let folder = std::env::current_dir().unwrap_or_default();
                visible(&path.strip_prefix(folder).unwrap_or(path).display().to_string())
            }
            SourceKind::Builtin(name) => format!("builtin:{}", visible(name)),
            SourceKind::Flag => "--set".to_owned(),
        }
    }

    /// The folder that relative paths in this source are taken from. Empty for
    /// what is no file: such paths are taken from the current folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match &self.kind {
            SourceKind::File(path) => path.parent().unwrap_or(Path::new("")),
            SourceKind::Builtin(_) | SourceKind::Flag => Path::new(""),
        }
    }

    /// Line and column of a byte offset, both from 1; the column counts
    /// characters. An offset inside a character or past the end is taken at the
    /// nearest character before.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let end = self.boundary(offset);
        let (index, start) = self.line_at(end);
        (self.first_line + index, self.text[start..end].chars().count() + 1)
    }

    /// The line that holds a byte offset, without its end, and where it begins;
    /// the line before it, where there is one.
    #[must_use]
    pub fn line(&self, offset: usize) -> (&str, usize, Option<&str>) {
        let (index, start) = self.line_at(self.boundary(offset));
        let of = |start: usize| self.text[start..].lines().next().unwrap_or_default();
        let before = index.checked_sub(1).and_then(|before| self.lines().get(before));
        (of(start), start, before.map(|&start| of(start)))
    }

    /// The nearest beginning of a character, not behind an offset.
    fn boundary(&self, offset: usize) -> usize {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        end
    }

    /// The start of each line.
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(end, _)| end + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    /// The index of the line that holds an offset, and where it begins.
    fn line_at(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines();
        let index = lines.partition_point(|&start| start <= offset).saturating_sub(1);
        (index, lines.get(index).copied().unwrap_or_default())
    }
}

/// Origin of a value or key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Written in a text, at these bytes.
    Written {
        /// The text.
        source: Arc<SourceFile>,
        /// Bytes of the text.
        span: Range<usize>,
    },
    /// The default of the declaration, or a value made by code.
    Default,
}

impl Origin {
    /// Line and column, from 1, of the first character; none for a default.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        match self {
            Self::Written { source, span } => Some(source.position(span.start)),
            Self::Default => None,
        }
    }

    /// Whether it comes from a `--set` flag.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        matches!(self, Self::Written { source, .. } if source.kind == SourceKind::Flag)
    }

    /// The place in a few words: `quickstart.toml:14`, `--set` or `default`.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Written { source, .. } if source.kind == SourceKind::Flag => source.name(),
            Self::Written { source, span } => format!("{}:{}", source.name(), source.position(span.start).0),
            Self::Default => "default".to_owned(),
        }
    }
}
