//! Diagnostics: errors and warnings with file, line and column, reported all at once.

use alambic_files::text::shortened;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::source::Origin;

/// The most errors that are shown one by one, and the most warnings; of those beyond, only the number by code.
pub const MAX_SHOWN: usize = 50;

/// The most characters of a message, of a label or of help that are shown.
pub(crate) const MAX_CHARACTERS: usize = 1000;

/// Severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The recipe cannot be run.
    Error,
    /// The recipe can be run, but is probably not what was meant.
    Warning,
}

impl Severity {
    /// The word that starts a message.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Label of a diagnostic: a place, and a text beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The place.
    pub origin: Origin,
    /// The text beside the carets.
    pub text: String,
}

/// One diagnostic: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name for mistakes of this kind, as `recipe::unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The place of the mistake first, then the places of what it conflicts with.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with neither place nor help yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A warning with neither place nor help yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place. A default has no place to show; its text is still shown.
    #[must_use]
    pub fn label(mut self, origin: &Origin, text: impl Into<String>) -> Self {
        self.labels.push(Label { origin: origin.clone(), text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// One object: `severity`, `code`, `message`, `help` and `labels`, each with
    /// `file`, `line`, `column` (from 1) and `text`. What has no place has null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let label = |label: &Label| {
            let position = label.origin.position();
            let file = match &label.origin {
                Origin::Written { source, .. } => Some(source.name()),
                Origin::Default => None,
            };
            json!({
                "file": file,
                "line": position.map(|(line, _)| line),
                "column": position.map(|(_, column)| column),
                "text": shortened(&label.text, MAX_CHARACTERS),
            })
        };
        json!({
            "severity": self.severity.name(),
            "code": self.code,
            "message": shortened(&self.message, MAX_CHARACTERS),
            "labels": self.labels.iter().map(label).collect::<Vec<_>>(),
            "help": self.help.as_ref().map(|help| shortened(help, MAX_CHARACTERS)),
        })
    }
}

/// List of diagnostics, in the order in which they were found: each once, the first [`MAX_SHOWN`] errors and as many
/// warnings whole, and of the others their number by code.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnostics {
    /// The diagnostics that are shown one by one.
    pub list: Vec<Diagnostic>,
    /// The number of those beyond, by severity and code.
    pub omitted: IndexMap<(Severity, &'static str), usize>,
}

impl Diagnostics {
    /// Nothing if there is no mistake.
    ///
    /// # Errors
    /// The mistakes, if there are some.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Adds a diagnostic, unless the same one is in the list.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.has_room(diagnostic.severity) {
            *self.omitted.entry((diagnostic.severity, diagnostic.code)).or_default() += 1;
        } else if !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// Whether the next diagnostic of a severity is shown, and not only counted.
    pub(crate) fn has_room(&self, severity: Severity) -> bool {
        self.list.iter().filter(|other| other.severity == severity).count() < MAX_SHOWN
    }

    /// Adds the diagnostics of another list.
    pub fn append(&mut self, other: Self) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
        for (sort, count) in other.omitted {
            *self.omitted.entry(sort).or_default() += count;
        }
    }

    /// Removes all diagnostics with a code.
    pub(crate) fn remove(&mut self, code: &str) {
        self.list.retain(|diagnostic| diagnostic.code != code);
        self.omitted.retain(|(_, other), _| *other != code);
    }

    /// The number of diagnostics, those beyond included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.omitted.values().sum::<usize>()
    }

    /// Whether there are no diagnostics.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is a diagnostic of a severity.
    #[must_use]
    pub fn has(&self, severity: Severity) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == severity)
    }

    /// Whether there is a diagnostic with a code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.code == code)
            || self.omitted.keys().any(|(_, other)| *other == code)
    }

    /// The diagnostics to show, followed, where there are more, by one for each severity with the number of the others.
    #[must_use]
    pub fn shown(&self) -> Vec<Diagnostic> {
        let mut shown = self.list.clone();
        for severity in [Severity::Error, Severity::Warning] {
            let sorts: Vec<_> = self.omitted.iter().filter(|((own, _), _)| *own == severity).collect();
            let count: usize = sorts.iter().map(|(_, count)| **count).sum();
            if count == 0 {
                continue;
            }
            let (name, code) = (severity.name(), "recipe::more");
            let each: Vec<String> =
                sorts.iter().map(|((_, code), count)| format!("{count} `{code}`")).collect();
            let message = format!("{count} more {name}s are not shown: {}", each.join(", "));
            shown.push(match severity {
                Severity::Error => Diagnostic::error(code, message),
                Severity::Warning => Diagnostic::warning(code, message),
            });
        }
        shown
    }

    /// All that is [`shown`](Self::shown), as an array of [`Diagnostic::to_json`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.shown().iter().map(Diagnostic::to_json).collect()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::from(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        let mut diagnostics = Self::default();
        for diagnostic in list {
            diagnostics.push(diagnostic);
        }
        diagnostics
    }
}
