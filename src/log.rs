//! Messages on standard error: as text or as JSON lines, and as many as were asked for.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use alambic_files::text::{json_visible, visible_lines};
use alambic_reports::record::now;
use alambic_settings::Diagnostics;
use clap::ValueEnum;
use serde_json::{Map, Value};

/// Format of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines and bars for people
    #[default]
    Text,
    /// One JSON object a line: `time` (RFC 3339, UTC), `level` (`error`, `warning`, `info`, `debug`), `message` or `event`
    Json,
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// For whoever looks for the cause of something.
    Debug,
    /// Progress, and choices that were made.
    Info,
    /// Something that may spoil the result.
    Warning,
    /// Why a command did not do what was asked.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What the command line asks for.
#[derive(Debug, Clone, Copy)]
struct Settings {
    format: LogFormat,
    /// The level below which nothing is said.
    least: Level,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

fn settings() -> Settings {
    *SETTINGS.get_or_init(|| Settings { format: LogFormat::Text, least: Level::Info })
}

/// Sets format and least level of all messages, before the first of them.
pub(crate) fn set(format: LogFormat, least: Level) {
    SETTINGS.get_or_init(|| Settings { format, least });
}

/// Whether nothing is said at all.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Says nothing from now on, whatever its level, or says again what is asked for: one of several ranks speaks for all.
pub(crate) fn silence(is_silent: bool) {
    IS_SILENT.store(is_silent, Ordering::Relaxed);
}

/// Whether messages of a level are said.
pub(crate) fn says(level: Level) -> bool {
    level >= settings().least
}

/// Whether messages are JSON.
pub(crate) fn is_json() -> bool {
    settings().format == LogFormat::Json
}

/// The most characters of a line.
const LONGEST: usize = 4000;

/// Says something, with whatever a terminal would obey in it shown instead.
pub(crate) fn say_at(level: Level, text: &str) {
    if is_json() {
        event(level, Map::from_iter([("message".to_owned(), text.trim_start().into())]));
    } else if says(level) {
        print(&visible_lines(text, LONGEST));
    }
}

/// Says what is worth knowing.
pub(crate) fn say(text: &str) {
    say_at(Level::Info, text);
}

/// Warns of something.
pub(crate) fn warn(text: &str) {
    say_prefixed(Level::Warning, text);
}

/// Says why a command did not do what was asked.
pub(crate) fn error(text: &str) {
    say_prefixed(Level::Error, text);
}

/// Says something with the name of its level before it, where lines do not have it anyway.
fn say_prefixed(level: Level, text: &str) {
    if is_json() { say_at(level, text) } else { say_at(level, &format!("{}: {text}", level.name())) }
}

/// Prints an object as a JSON line behind its time and level.
pub(crate) fn event(level: Level, members: Map<String, Value>) {
    if !says(level) {
        return;
    }
    let mut line =
        Map::from_iter([("time".to_owned(), Value::from(now())), ("level".to_owned(), level.name().into())]);
    line.extend(members);
    print(&json_visible(&Value::Object(line).to_string()));
}

/// Shows errors and warnings, in colour where standard error is a terminal that wants it.
pub(crate) fn show(diagnostics: &Diagnostics) {
    if diagnostics.list.is_empty() {
    } else if is_json() {
        for diagnostic in diagnostics.shown() {
            let Value::Object(mut members) = diagnostic.to_json() else { continue };
            let is_error = members.shift_remove("severity").is_some_and(|severity| severity == "error");
            event(if is_error { Level::Error } else { Level::Warning }, members);
        }
    } else {
        // What it quotes is made safe by itself, and its colours are to stay.
        print(&diagnostics.render(true));
    }
}

/// Prints to standard error. There is nowhere to report that standard error is gone.
fn print(text: &str) {
    if IS_SILENT.load(Ordering::Relaxed) {
        return;
    }
    let _ = writeln!(anstream::stderr(), "{text}");
}
