//! Reader of options: the path of keys down to the value at hand, and every mistake found so far.

use std::fmt::Write as _;

use alambic_files::text::quoted;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::renamed::RenamedKeys;
use crate::source::Origin;
use crate::tree::{Members, Node, Value};
use crate::types::{AddedKinds, Field, Range, list_names};

/// A step from a value to one inside it.
#[derive(Debug, Clone)]
enum Step {
    /// A key that a declaration knows.
    Key(String),
    /// A key that the user chose.
    Name(String),
    /// A place in a list.
    Index(usize),
}

/// Reader of options: where it is, and what it found wrong.
#[derive(Debug)]
pub struct Reader {
    prefix: String,
    path: Vec<Step>,
    renamed: RenamedKeys,
    added: AddedKinds,
    /// What the text at hand may be in place of one of several names.
    alternative: Option<String>,
    diagnostics: Diagnostics,
}

impl Reader {
    /// A reader of a value which stands under `prefix` in a recipe, to name keys
    /// in full; nothing for a whole recipe.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            path: Vec::new(),
            renamed: RenamedKeys::default(),
            added: AddedKinds::default(),
            alternative: None,
            diagnostics: Diagnostics::default(),
        }
    }

    /// The same reader with a table of renamed keys, for errors about former names.
    #[must_use]
    pub fn with_renamed_keys(mut self, renamed: RenamedKeys) -> Self {
        self.renamed = renamed;
        self
    }

    /// The same reader with kinds that the program adds to those that are declared.
    #[must_use]
    pub fn with_added_kinds(mut self, added: AddedKinds) -> Self {
        self.added = added;
        self
    }

    /// The kinds that the program adds.
    #[must_use]
    pub fn added_kinds(&self) -> &AddedKinds {
        &self.added
    }

    /// Reads with this reader.
    ///
    /// # Errors
    /// Every mistake reported.
    pub fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Diagnostics> {
        match read(&mut self) {
            Some(value) if self.diagnostics.is_empty() => Ok(value),
            _ => Err(self.diagnostics),
        }
    }

    /// Reports a mistake.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The keys down to here: `data.train.parallel[0]`; nothing at the top.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = self.prefix.clone();
        for step in &self.path {
            // Writing into a string cannot fail.
            let _ = match step {
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) | Step::Name(key) if path.is_empty() => write!(path, "{}", quoted(key)),
                Step::Key(key) | Step::Name(key) => write!(path, ".{}", quoted(key)),
            };
        }
        path
    }

    /// The same as `alambic explain` takes it, with `*` for the names that the
    /// user gave.
    #[must_use]
    pub fn explain_path(&self) -> String {
        let steps = self.path.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Name(_) => Some("*"),
            Step::Index(_) => None,
        });
        let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        prefix.into_iter().chain(steps).collect::<Vec<_>>().join(".")
    }

    /// Runs `read` one key of a declaration further down.
    pub fn in_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Key(key.to_owned()), read)
    }

    /// Runs `read` one name of the user's further down.
    pub fn in_name<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Name(name.to_owned()), read)
    }

    /// Runs `read` on an item of a list.
    pub fn in_item<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.step(Step::Index(index), read)
    }

    /// Runs `read` on a text that might as well be `alternative`, which errors about its name then tell.
    pub(crate) fn with_alternative<T>(
        &mut self,
        alternative: String,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.alternative.replace(alternative);
        let result = read(self);
        self.alternative = outer;
        result
    }

    fn step<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = read(self);
        self.path.pop();
        result
    }

    /// The table at hand, for the end of a message.
    pub(crate) fn within(&self) -> String {
        let path = self.path();
        if path.is_empty() { "at the top level".to_owned() } else { format!("in `{path}`") }
    }

    /// The value at hand, for the start of a message.
    pub(crate) fn place(&self) -> String {
        let path = self.path();
        if path.is_empty() { "the top level".to_owned() } else { format!("`{path}`") }
    }

    /// The help that leads to the documentation of the table at hand.
    fn explain_help(&self) -> String {
        let path = self.explain_path();
        let arguments = if path.is_empty() { String::new() } else { format!(" {path}") };
        format!("`alambic explain{arguments}` lists the keys")
    }

    /// Reports that a value has another type than `expected`, which is worded
    /// with its article.
    pub fn report_wrong_type<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let found = node.value.describe();
        let message = format!("{} must be {expected}, not {found}", self.place());
        let diagnostic = Diagnostic::error("recipe::type", message).label(&node.origin, "has the wrong type");
        let key = self.explain_path();
        self.report(if key.is_empty() {
            diagnostic
        } else {
            diagnostic.help(format!("`alambic explain {key}` describes it"))
        });
        None
    }

    /// Reports a name that is none of those known, and what it should be: its present name where it is a former one, the
    /// nearest of those known, or all of them where none is near.
    pub fn report_unknown_name(
        &mut self,
        code: &'static str,
        message: String,
        origin: &Origin,
        name: &str,
        known: &[&str],
    ) {
        let diagnostic = Diagnostic::error(code, message);
        if let Some(current) = self.renamed.current(name, known) {
            return self.report(diagnostic.label(origin, "a former name").help(renamed_help(current)));
        }
        let diagnostic = match nearest(name, known) {
            Some(known) => diagnostic.label(origin, format!("did you mean `{known}`?")),
            None if known.is_empty() => diagnostic.label(origin, "this table has no keys"),
            None => diagnostic.label(origin, format!("known: {}", list_names(known.iter().copied()))),
        };
        let help = self.explain_help();
        self.report(diagnostic.help(help));
    }

    /// The entries of a table; reports a value that is none.
    pub fn table<'n>(&mut self, node: &'n Node) -> Option<&'n Members> {
        match &node.value {
            Value::Table(members) => Some(members),
            _ => self.report_wrong_type(node, "a table"),
        }
    }

    /// Reports every key of a table that no field has. True if there is none.
    pub fn check_keys(&mut self, members: &Members, fields: &[Field]) -> bool {
        let known: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        let mut all_known = true;
        for (key, member) in members.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            all_known = false;
            let message = format!("unknown key `{}` {}", quoted(key), self.within());
            if !self.diagnostics.has_room(Severity::Error) {
                // It is only counted, so no name is sought that it may stand for.
                self.report(Diagnostic::error("recipe::unknown-key", message));
                continue;
            }
            // A key already there is no mistyping of this one.
            let free: Vec<&str> =
                known.iter().copied().filter(|known| !members.contains_key(*known)).collect();
            let is_renamed = self.renamed.current(key, &known).is_some();
            let offered = if !is_renamed && nearest(key, &free).is_some() { &free } else { &known };
            self.report_unknown_name("recipe::unknown-key", message, &member.key_origin, key, offered);
        }
        all_known
    }

    /// Reports the numbers in a value that lie outside a range. True if none does.
    pub(crate) fn check_range(&mut self, node: &Node, range: Range) -> bool {
        let number = match &node.value {
            Value::Integer(integer) => *integer as f64,
            Value::Float(float) => *float,
            Value::List(items) => {
                let mut within = true;
                for (index, item) in items.iter().enumerate() {
                    within &= self.in_item(index, |reader| reader.check_range(item, range));
                }
                return within;
            }
            _ => return true,
        };
        let within = range.contains(number);
        if !within {
            self.report_out_of_range(node, &range.to_string());
        }
        within
    }

    /// Reports a number that is not as `expected`, which completes "must be".
    pub(crate) fn report_out_of_range(&mut self, node: &Node, expected: &str) {
        let message = format!("{} is out of range", self.place());
        let label = format!("must be {expected}");
        self.report(Diagnostic::error("recipe::range", message).label(&node.origin, label));
    }

    /// Reads a string among several names; reports any other.
    pub fn choice<'c>(&mut self, node: &Node, names: &[&'c str]) -> Option<&'c str> {
        let Value::Text(text) = &node.value else {
            return self.report_wrong_type(node, "a string");
        };
        let found = names.iter().copied().find(|name| name == text);
        if found.is_none() {
            let message = format!("{} cannot be `{}`", self.place(), quoted(text));
            self.report_unknown_choice(message, node, text, names);
        }
        found
    }

    fn report_unknown_choice(&mut self, message: String, node: &Node, text: &str, names: &[&str]) {
        let diagnostic = Diagnostic::error("recipe::choice", message);
        let alternative = self.alternative.iter().map(|alternative| format!(", or {alternative}"));
        let choices = format!(
            "must be one of {}{}",
            list_names(names.iter().copied()),
            alternative.collect::<String>()
        );
        if let Some(current) = self.renamed.current(text, names) {
            let help = format!("the name is `{current}` now");
            return self.report(diagnostic.label(&node.origin, "a former name").help(help));
        }
        self.report(match nearest(text, names) {
            Some(name) => diagnostic.label(&node.origin, format!("did you mean `{name}`?")).help(choices),
            None => diagnostic.label(&node.origin, choices),
        });
    }
}

/// The help about a key that has the name `current` now.
pub(crate) fn renamed_help(current: &str) -> String {
    format!("the key is `{current}` now")
}

/// The most characters of a name that is compared with those known: names of the program are shorter, and the time that a
/// comparison takes grows with both.
const MAX_NAME_CHARACTERS: usize = 200;

/// The known name that a mistyped one most probably stands for: at most one
/// change in three characters, swaps of neighbours counted as one.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.chars().nth(MAX_NAME_CHARACTERS).is_some() {
        return None;
    }
    let distance = |known: &str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    let known = known.iter().filter(|known| known.len() <= MAX_NAME_CHARACTERS);
    let (distance, best) = known.map(|known| (distance(known), *known)).min_by_key(|pair| pair.0)?;
    (distance <= name.chars().count().max(best.chars().count()).div_ceil(3)).then_some(best)
}
