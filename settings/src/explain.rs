//! Explanation of a key, from its declaration.

use alambic_files::text::quoted;

use crate::diagnostics::Diagnostic;
use crate::reader::{nearest, renamed_help};
use crate::renamed::RenamedKeys;
use crate::resolve::Inheritance;
use crate::setting::Table;
use crate::types::{Field, Type, list_names, summary};
use crate::write::inline;

/// The type, and the key, at the end of a path.
struct ExplainedKey {
    kind: Type,
    /// The key, where the last step was one.
    field: Option<Field>,
}

/// Explains the key at a dotted path, as `stage.*.train.learning-rate`: its
/// type, default and meaning, and the keys below it. Where a table holds names
/// that the user gives, `*` or any name will do; a place in an array may be left
/// out. An empty path explains the top level.
///
/// A name that is no key at the top explains the keys of that name wherever they are, and words that name none list the keys
/// in whose name or meaning all of them are.
///
/// # Errors
/// A key that is not there, with its present name if it is one of `renamed`, else the nearest one that is there.
pub fn explain(kind: &Type, path: &str, renamed: RenamedKeys) -> Result<String, Diagnostic> {
    let mut found = ExplainedKey { kind: kind.clone(), field: None };
    let mut walked: Vec<&str> = Vec::new();
    for step in path.split('.').filter(|_| !path.is_empty()) {
        let step = step.split('[').next().unwrap_or(step);
        found = match descend(&found.kind, step, walked.is_empty()) {
            Some(found) => found,
            None if !path.contains('.') => return search(kind, path, renamed),
            None => return Err(unknown(&found.kind, step, &walked.join("."), walked.is_empty(), renamed)),
        };
        walked.push(step);
    }
    Ok(page(&found, path))
}

/// The most keys that are listed for words.
const MAX_LISTED: usize = 30;

/// Pages of the keys of a name, or else a list of those that have all words in their name or meaning.
fn search(kind: &Type, words: &str, renamed: RenamedKeys) -> Result<String, Diagnostic> {
    let keys = all_keys(kind);
    // Keys of several places that are declared once are explained once.
    let mut named: Vec<(&NamedKey, Vec<&str>)> = Vec::new();
    for key in keys.iter().filter(|key| key.name() == words) {
        match named.iter_mut().find(|(first, _)| first.is_same(key)) {
            Some((_, paths)) => paths.push(&key.path),
            None => named.push((key, vec![&key.path])),
        }
    }
    if !named.is_empty() {
        let pages = named.into_iter().map(|(key, paths)| page(&key.key, &paths.join("\n")));
        return Ok(pages.collect::<Vec<_>>().join("\n\n"));
    }
    let wanted: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<(bool, &NamedKey)> = Vec::new();
    for key in &keys {
        let name = key.name().to_lowercase();
        let text = format!("{name} {}", key.meaning().to_lowercase());
        if wanted.iter().all(|word| text.contains(word)) && !found.iter().any(|(_, other)| other.is_same(key))
        {
            found.push((wanted.iter().all(|word| name.contains(word)), key));
        }
    }
    let current = renamed.all_current(words).join("`, `");
    if found.is_empty() {
        if !current.is_empty() {
            let diagnostic =
                Diagnostic::error("recipe::unknown-key", format!("there is no key `{}`", quoted(words)));
            return Err(diagnostic.help(renamed_help(&current)));
        }
        let names: Vec<&str> = keys.iter().map(NamedKey::name).collect();
        let message = format!("no key is called `{}`, and none has it in its meaning", quoted(words));
        return Err(Diagnostic::error("recipe::unknown-key", message).help(match nearest(words, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "`alambic explain` lists the keys at the top".to_owned(),
        }));
    }
    // Those whose name has the words come first.
    found.sort_by_key(|(is_named, _)| !is_named);
    let lines = found
        .iter()
        .take(MAX_LISTED)
        .flat_map(|(_, key)| [key.path.clone(), format!("      {}", key.meaning())]);
    let former = format!("no key is called `{words}` any more: {}", renamed_help(&current));
    let mut lines: Vec<String> =
        Some(former).filter(|_| !current.is_empty()).into_iter().chain(lines).collect();
    if found.len() > MAX_LISTED {
        lines.push(format!("and {} more; more words find fewer", found.len() - MAX_LISTED));
    }
    Ok(lines.join("\n"))
}

/// A key with its path.
struct NamedKey {
    path: String,
    key: ExplainedKey,
}

impl NamedKey {
    /// The last part of its path.
    fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Its meaning, or that of its kind, in one line.
    fn meaning(&self) -> String {
        let own = self.key.field.as_ref().map(|field| summary(&field.doc)).filter(|doc| !doc.is_empty());
        own.unwrap_or_else(|| doc_of(&self.key.kind).first().map(|doc| summary(doc)).unwrap_or_default())
    }

    /// Whether both are one declaration.
    fn is_same(&self, other: &Self) -> bool {
        let facts_of = |key: &ExplainedKey| key.field.as_ref().map(facts);
        self.name() == other.name()
            && self.meaning() == other.meaning()
            && facts_of(&self.key) == facts_of(&other.key)
    }
}

/// Every key below a type, names that users give as `*`.
fn all_keys(kind: &Type) -> Vec<NamedKey> {
    let mut keys = Vec::new();
    let mut open: Vec<&'static str> = Vec::new();
    collect(kind, "", true, &mut open, &mut keys);
    keys
}

/// Adds the keys below a type; `open` are the tables around it, since a table may hold one of its own type.
fn collect(kind: &Type, path: &str, top: bool, open: &mut Vec<&'static str>, keys: &mut Vec<NamedKey>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match kind {
        Type::Table(table) => {
            let name = table.describe().name;
            if open.contains(&name) {
                return;
            }
            open.push(name);
            for field in fields_of(kind, top) {
                let path = below(&field.key);
                let kind = field.kind.clone();
                keys.push(NamedKey {
                    path: path.clone(),
                    key: ExplainedKey { kind: kind.clone(), field: Some(field) },
                });
                collect(&kind, &path, false, open, keys);
            }
            open.pop();
        }
        Type::Map(value) => collect(value, &below("*"), false, open, keys),
        Type::List(item) | Type::OneOrMany(item) => collect(item, path, false, open, keys),
        Type::Either(first, second) => {
            collect(first, path, false, open, keys);
            collect(second, path, false, open, keys);
        }
        Type::Kinds(kinds) | Type::Several(kinds) => {
            for (name, table) in kinds.describe().kinds {
                let (path, kind) = (below(name), Type::Table(table));
                keys.push(NamedKey {
                    path: path.clone(),
                    key: ExplainedKey { kind: kind.clone(), field: None },
                });
                collect(&kind, &path, false, open, keys);
            }
        }
        _ => {}
    }
}

/// The fields of a table, with those that every recipe has at its top.
fn fields_of(kind: &Type, top: bool) -> Vec<Field> {
    let mut fields = match kind {
        Type::Table(table) => table.describe().fields,
        Type::Either(first, second) => [fields_of(first, false), fields_of(second, false)].concat(),
        Type::OneOrMany(item) | Type::List(item) => fields_of(item, false),
        _ => Vec::new(),
    };
    if top {
        fields.extend(Inheritance::description().fields);
    }
    fields
}

fn descend(kind: &Type, step: &str, top: bool) -> Option<ExplainedKey> {
    if let Some(field) = fields_of(kind, top).into_iter().find(|field| field.key == step) {
        return Some(ExplainedKey { kind: field.kind.clone(), field: Some(field) });
    }
    let below = match kind {
        Type::List(item) => return descend(item, step, false),
        // A field was sought above, in whichever of the two is a table.
        Type::Table(_) => None,
        other => other.member(step),
    };
    below.map(|kind| ExplainedKey { kind, field: None })
}

/// The names that can follow.
fn names_below(kind: &Type, top: bool) -> Vec<String> {
    let mut names: Vec<String> = fields_of(kind, top).into_iter().map(|field| field.key).collect();
    names.extend(kinds_of(kind).into_iter().map(|(name, _)| name.to_owned()));
    names
}

/// Name and summary of each kind, where the type has kinds.
fn kinds_of(kind: &Type) -> Vec<(&'static str, String)> {
    match kind {
        Type::Kinds(kinds) | Type::Several(kinds) => {
            let kinds = kinds.describe().kinds.into_iter();
            kinds.map(|(name, table)| (name, summary(&table.describe().doc))).collect()
        }
        Type::OneOrMany(item) | Type::List(item) => kinds_of(item),
        Type::Either(first, second) => [kinds_of(first), kinds_of(second)].concat(),
        _ => Vec::new(),
    }
}

fn unknown(kind: &Type, step: &str, walked: &str, top: bool, renamed: RenamedKeys) -> Diagnostic {
    let place = if walked.is_empty() { "the top level".to_owned() } else { format!("`{}`", quoted(walked)) };
    let diagnostic =
        Diagnostic::error("recipe::unknown-key", format!("there is no key `{}` in {place}", quoted(step)));
    let names = names_below(kind, top);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(current) = renamed.current(step, &names) {
        return diagnostic.help(renamed_help(current));
    }
    match nearest(step, &names) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None if names.is_empty() => diagnostic.help(format!("it is a value without keys: {kind}")),
        None => diagnostic.help(format!("its keys are {}", list_names(names))),
    }
}

/// Type, bounds and default of a key, in one line.
fn facts(field: &Field) -> String {
    // The bounds of integers are in their type.
    let range = field.range.filter(|_| !field.kind.is_integer());
    let mut facts = match (&field.kind, range) {
        // The range is that of the number alone.
        (Type::Either(first, second), Some(range)) if matches!(**first, Type::Number) => {
            vec![format!("{first}, {range}, or {second}")]
        }
        (kind, range) => [kind.to_string()].into_iter().chain(range.map(|range| range.to_string())).collect(),
    };
    facts.push(match &field.default {
        Some(default) => format!("default {}", inline(default)),
        None if field.required => "required".to_owned(),
        None => "optional".to_owned(),
    });
    facts.join(", ")
}

fn page(found: &ExplainedKey, path: &str) -> String {
    let mut lines = Vec::new();
    if !path.is_empty() {
        lines.push(path.to_owned());
        lines.push(match &found.field {
            Some(field) => format!("  {}", facts(field)),
            None => format!("  {}", found.kind),
        });
    }
    let mut paragraphs: Vec<String> = found.field.iter().map(|field| field.doc.clone()).collect();
    paragraphs.extend(doc_of(&found.kind));
    for paragraph in paragraphs.iter().filter(|paragraph| !paragraph.is_empty()) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(paragraph.clone());
    }
    let mut list = |title: &str, entries: Vec<(String, String)>| {
        if !entries.is_empty() {
            lines.extend([String::new(), title.to_owned()]);
        }
        for (name, meaning) in entries {
            lines.push(format!("  {name}"));
            lines.extend(meaning.lines().map(|line| format!("      {line}")));
        }
    };
    list("Choices:", choices_of(&found.kind));
    let kinds = kinds_of(&found.kind).into_iter().map(|(name, meaning)| (name.to_owned(), meaning));
    list("Kinds:", kinds.collect());
    let entry = |field: Field| (format!("{} ({})", field.key, facts(&field)), summary(&field.doc));
    let below = names_of(&found.kind);
    list("Keys:", fields_of(below, path.is_empty()).into_iter().map(entry).collect());
    lines.join("\n")
}

/// The type of the values of a table of names, whose keys are shown with it.
fn names_of(kind: &Type) -> &Type {
    match kind {
        Type::Map(value) => names_of(value),
        other => other,
    }
}

/// The doc comments of what a type is made of.
fn doc_of(kind: &Type) -> Vec<String> {
    match kind {
        Type::Table(table) => vec![table.describe().doc],
        Type::Kinds(kinds) | Type::Several(kinds) => vec![kinds.describe().doc],
        Type::List(item) | Type::Map(item) | Type::OneOrMany(item) => doc_of(item),
        Type::Either(first, second) => [doc_of(first), doc_of(second)].concat(),
        _ => Vec::new(),
    }
}

fn choices_of(kind: &Type) -> Vec<(String, String)> {
    match kind {
        Type::Choice(choices) => {
            let choice = |(name, doc): &(&str, &str)| (format!("\"{name}\""), crate::types::prose(doc));
            choices.iter().map(choice).collect()
        }
        Type::List(item) | Type::OneOrMany(item) => choices_of(item),
        Type::Either(first, second) => [choices_of(first), choices_of(second)].concat(),
        _ => Vec::new(),
    }
}
