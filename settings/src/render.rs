//! How a [`Diagnostic`] looks in a terminal.

use std::ops::Range;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::diagnostics::{Diagnostic, Label, Severity};
use crate::source::{Origin, Source};

/// Columns that a tab takes.
const TAB: &str = "    ";

/// Paints a part of the text, or leaves it as it is.
fn paint(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// See [`Diagnostic::render`].
pub(crate) fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let main = match diagnostic.severity {
        Severity::Error => AnsiColor::BrightRed.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
    };
    let frame = AnsiColor::BrightBlue.on_default();
    let head = format!("{}[{}]", diagnostic.severity.name(), diagnostic.code);
    let mut lines = vec![format!("{}: {}", paint(&head, main, colour), diagnostic.message)];

    let placed: Vec<Placed> = diagnostic.labels.iter().filter_map(Placed::new).collect();
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
        let carets = paint(&format!("{} {}", "^".repeat(label.width), label.said), style, colour);
        let dot = paint(&format!("{:gutter$} ·", ""), frame, colour);
        lines.push(format!("{dot} {}{carets}", " ".repeat(label.indent)).trim_end().to_owned());
    }
    if !placed.is_empty() {
        lines.push(paint(&format!("{:gutter$} ╰─", ""), frame, colour));
    }
    for label in &diagnostic.labels {
        if label.origin == Origin::Default && !label.text.is_empty() {
            lines.push(format!("  default: {}", label.text));
        }
    }
    if let Some(help) = &diagnostic.help {
        lines.push(format!("  {}: {help}", paint("help", Style::new().bold(), colour)));
    }
    lines.join("\n")
}

/// A label with the line it is about, measured in columns of a terminal.
struct Placed<'a> {
    source: &'a Source,
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
    said: &'a str,
}

impl<'a> Placed<'a> {
    fn new(label: &'a Label) -> Option<Self> {
        let Origin::Written { source, span } = &label.origin else {
            return None;
        };
        let (line, column) = source.position(span.start);
        let mut lines = source.text.lines().skip(line.saturating_sub(2));
        let before = if line > 1 { lines.next() } else { None };
        let text = lines.next().unwrap_or_default();
        let start: usize = text.chars().take(column - 1).map(char::len_utf8).sum();
        let covered = first_line(&source.text, span, text.len() - start);
        Some(Self {
            source,
            line,
            column,
            header: before.filter(|line| line.starts_with('[')).map(printable),
            text: printable(text),
            indent: printable(&text[..start]).width(),
            width: printable(&text[start..start + covered]).width().max(1),
            said: &label.text,
        })
    }
}

/// Bytes of a span that lie on its first line, which has `rest` bytes from the
/// span's start on.
fn first_line(text: &str, span: &Range<usize>, rest: usize) -> usize {
    let mut end = span.end.min(text.len()).max(span.start);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end.saturating_sub(span.start).min(rest)
}

/// A line as it can be shown: tabs widened, other control characters replaced.
fn printable(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            '\t' => shown.push_str(TAB),
            control if control.is_control() => shown.push('\u{fffd}'),
            other => {
                shown.push(other);
            }
        }
    }
    shown
}
