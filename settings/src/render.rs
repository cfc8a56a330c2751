//! Diagnostics as text for a terminal.

use std::fmt;

use alambic_files::text::{shortened, visible};
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::diagnostics::{Diagnostic, Diagnostics, Label, MAX_CHARACTERS, Severity};
use crate::source::{Origin, SourceFile};

/// Columns that a tab takes.
const TAB: &str = "    ";

/// Paints a part of the text, or leaves it as it is.
fn paint(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

impl Diagnostic {
    /// The message with the lines it is about, as several lines without a
    /// newline at the end. Colour repeats what the text says, nothing more.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let main = match self.severity {
            Severity::Error => AnsiColor::BrightRed.on_default().bold(),
            Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        };
        let frame = AnsiColor::BrightBlue.on_default();
        let head = format!("{}[{}]", self.severity.name(), self.code);
        let mut lines =
            vec![format!("{}: {}", paint(&head, main, colour), shortened(&self.message, MAX_CHARACTERS))];

        let placed: Vec<PlacedLabel> = self.labels.iter().filter_map(PlacedLabel::new).collect();
        let gutter = placed.iter().map(|label| label.line.to_string().len()).max().unwrap_or(0).max(2);
        for (index, label) in placed.iter().enumerate() {
            let corner = if index == 0 { '╭' } else { '├' };
            let file = format!("─[{}:{}:{}]", label.source.name(), label.line, label.column);
            lines.push(paint(&format!("{:gutter$} {corner}{file}", ""), frame, colour));
            if let Some(header) = &label.header {
                let number = paint(&format!("{:gutter$} │", label.line - 1), frame, colour);
                lines.push(format!("{number} {header}").trim_end().to_owned());
            }
            let number = paint(&format!("{:gutter$} │", label.line), frame, colour);
            lines.push(format!("{number} {}", label.text).trim_end().to_owned());
            let style = if index == 0 { main } else { frame };
            let carets = paint(&format!("{} {}", "^".repeat(label.width), label.message), style, colour);
            let dot = paint(&format!("{:gutter$} ·", ""), frame, colour);
            lines.push(format!("{dot} {}{carets}", " ".repeat(label.indent)).trim_end().to_owned());
        }
        if !placed.is_empty() {
            lines.push(paint(&format!("{:gutter$} ╰─", ""), frame, colour));
        }
        for label in &self.labels {
            if label.origin == Origin::Default && !label.text.is_empty() {
                lines.push(format!("  default: {}", shortened(&label.text, MAX_CHARACTERS)));
            }
        }
        if let Some(help) = &self.help {
            let help = shortened(help, MAX_CHARACTERS);
            lines.push(format!("  {}: {help}", paint("help", Style::new().bold(), colour)));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl Diagnostics {
    /// All that is [`shown`](Self::shown), an empty line between the messages.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.shown().iter().map(|diagnostic| diagnostic.render(colour)).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// A label with the line it is about, measured in columns of a terminal.
struct PlacedLabel<'a> {
    source: &'a SourceFile,
    line: usize,
    column: usize,
    /// The header of the table, where it is the line before.
    header: Option<String>,
    /// The line, printable.
    text: String,
    /// Columns before the carets.
    indent: usize,
    /// Number of carets.
    width: usize,
    message: String,
}

impl<'a> PlacedLabel<'a> {
    fn new(label: &'a Label) -> Option<Self> {
        let Origin::Written { source, span } = &label.origin else {
            return None;
        };
        let (line, column) = source.position(span.start);
        let (text, begin, before) = source.line(span.start);
        let start = floor_boundary(text, span.start.saturating_sub(begin));
        let end = floor_boundary(text, span.end.saturating_sub(begin)).max(start);
        let shown = Window::around(text, start, end);
        Some(Self {
            source,
            line,
            column,
            header: before.filter(|line| line.starts_with('[')).map(|line| Window::around(line, 0, 0).all()),
            indent: shown.before.width(),
            width: shown.covered.width().max(1),
            text: shown.all(),
            message: shortened(&label.text, MAX_CHARACTERS),
        })
    }
}

/// The nearest beginning of a character of a text, not behind a place in it.
fn floor_boundary(text: &str, place: usize) -> usize {
    let mut place = place.min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

/// Characters of a line that are shown before a span, and of the span and what follows it.
const MAX_BEFORE: usize = 60;
const MAX_AFTER: usize = 140;

/// The part of a line that is shown: all of it, but for lines longer than a screen.
struct Window {
    before: String,
    covered: String,
    behind: String,
}

impl Window {
    /// The part of a line that is shown around a span of it.
    fn around(line: &str, start: usize, end: usize) -> Self {
        let from = match line[..start].char_indices().rev().nth(MAX_BEFORE) {
            // A line that ends soon anyway is shown from its beginning.
            Some(_) if line.len() <= MAX_BEFORE + MAX_AFTER => 0,
            Some((from, character)) => from + character.len_utf8(),
            None => 0,
        };
        let to = line[start..].char_indices().nth(MAX_AFTER).map_or(line.len(), |(length, _)| start + length);
        let end = end.min(to);
        Self {
            before: format!("{}{}", if from > 0 { "…" } else { "" }, printable(&line[from..start])),
            covered: printable(&line[start..end]),
            behind: format!("{}{}", printable(&line[end..to]), if to < line.len() { "…" } else { "" }),
        }
    }

    fn all(&self) -> String {
        format!("{}{}{}", self.before, self.covered, self.behind)
    }
}

/// A line as it can be shown: tabs widened, other hidden characters as their numbers.
fn printable(line: &str) -> String {
    visible(&line.replace('\t', TAB))
}
