//! Errors that say where, all at once.

use std::fmt;

use alambic_files::text::shortened;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::render;
use crate::source::Origin;

/// How many errors are told one by one, and how many warnings; of more, only how many of each sort there are.
pub const SHOWN: usize = 50;

/// Characters of a message, of a label or of help that are shown.
pub(crate) const MOST: usize = 1000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Nothing can be run.
    Error,
    /// It can be run, but is probably not what was meant.
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

/// A place, and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The place.
    pub origin: Origin,
    /// What is said beside the carets.
    pub text: String,
}

/// One mistake: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for this sort of mistake, as `recipe::unknown-key`.
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

    /// The message with the lines it is about, as several lines without a
    /// newline at the end. Colour repeats what the text says, nothing more.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
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
                "text": shortened(&label.text, MOST),
            })
        };
        json!({
            "severity": self.severity.name(),
            "code": self.code,
            "message": shortened(&self.message, MOST),
            "labels": self.labels.iter().map(label).collect::<Vec<_>>(),
            "help": self.help.as_ref().map(|help| shortened(help, MOST)),
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

/// Everything that is wrong, in the order in which it was found: each mistake once, the first [`SHOWN`] errors and as many
/// warnings whole, and of the others how many of each sort there are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnostics {
    /// The mistakes that are told one by one.
    pub list: Vec<Diagnostic>,
    /// How many more there are, by how bad they are and their code.
    pub more: IndexMap<(Severity, &'static str), usize>,
}

impl Diagnostics {
    /// Nothing if there is no mistake.
    ///
    /// # Errors
    /// The mistakes, if there are some.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Adds a mistake, unless it is told already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.has_room(diagnostic.severity) {
            *self.more.entry((diagnostic.severity, diagnostic.code)).or_default() += 1;
        } else if !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// Whether the next mistake that is as bad as this is told, and not only counted.
    pub(crate) fn has_room(&self, severity: Severity) -> bool {
        self.list.iter().filter(|other| other.severity == severity).count() < SHOWN
    }

    /// Adds the mistakes of another list.
    pub fn append(&mut self, other: Self) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
        for (sort, count) in other.more {
            *self.more.entry(sort).or_default() += count;
        }
    }

    /// Takes out all mistakes of a sort.
    pub(crate) fn remove(&mut self, code: &str) {
        self.list.retain(|diagnostic| diagnostic.code != code);
        self.more.retain(|(_, other), _| *other != code);
    }

    /// How many mistakes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.more.values().sum::<usize>()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of the mistakes is as bad as this.
    #[must_use]
    pub fn has(&self, severity: Severity) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == severity)
    }

    /// Whether one of the mistakes is of a sort.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.code == code)
            || self.more.keys().any(|(_, other)| *other == code)
    }

    /// What is told: the mistakes, and last, where there are more of them, a word on how many.
    #[must_use]
    pub fn told(&self) -> Vec<Diagnostic> {
        let mut told = self.list.clone();
        for severity in [Severity::Error, Severity::Warning] {
            let sorts: Vec<_> = self.more.iter().filter(|((own, _), _)| *own == severity).collect();
            let count: usize = sorts.iter().map(|(_, count)| **count).sum();
            if count == 0 {
                continue;
            }
            let (name, code) = (severity.name(), "recipe::more");
            let each: Vec<String> =
                sorts.iter().map(|((_, code), count)| format!("{count} `{code}`")).collect();
            let message = format!("{count} more {name}s are not shown: {}", each.join(", "));
            told.push(match severity {
                Severity::Error => Diagnostic::error(code, message),
                Severity::Warning => Diagnostic::warning(code, message),
            });
        }
        told
    }

    /// All that is [`told`](Self::told), an empty line between the messages.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.told().iter().map(|diagnostic| diagnostic.render(colour)).collect::<Vec<_>>().join("\n\n")
    }

    /// All that is [`told`](Self::told), as an array of [`Diagnostic::to_json`].
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.told().iter().map(Diagnostic::to_json).collect()
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

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
