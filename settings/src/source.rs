//! Texts that options are read from, and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a [`Source`] is, which decides what its relative paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A file, by its path.
    File(PathBuf),
    /// A text that comes with the program, by its name.
    Builtin(String),
    /// The text of one `--set` flag.
    Flag,
}

/// A text that options were read from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// The text, to show the line of an error.
    pub text: String,
}

impl Source {
    /// What to call the source in a message: the path seen from the current
    /// folder, `builtin:NAME`, or `--set`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            SourceKind::File(path) => {
                let folder = std::env::current_dir().unwrap_or_default();
                path.strip_prefix(folder).unwrap_or(path).display().to_string()
            }
            SourceKind::Builtin(name) => format!("builtin:{name}"),
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
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }
}

/// Where a value or key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Written in a text, at these bytes.
    Written {
        /// The text.
        source: Arc<Source>,
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

    /// True of what a `--set` flag gave.
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
