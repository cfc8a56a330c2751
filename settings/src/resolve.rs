//! Resolution of a recipe and its flags into one tree: `extends`, `unset`, `--set`.

use std::path::Path;
use std::sync::Arc;

use alambic_files::read as files;
use alambic_files::text::quoted;
use indexmap::IndexMap;

use crate::containers::{At, OneOrMany};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::location::Location;
use crate::merge::{merge, remove};
use crate::read::MISSING_KEY;
use crate::reader::{Reader, nearest};
use crate::renamed::RenamedKeys;
use crate::setting::{Setting, Table};
use crate::settings;
use crate::source::{Origin, SourceFile, SourceKind};
use crate::tree::{Node, Value};
use crate::types::{AddedKinds, Type, list_names};

/// The most bytes of a recipe.
const MAX_RECIPE_BYTES: u64 = 4 << 20;

/// The key of [`Inheritance`] that a flag may hold as well.
const UNSET: &str = "unset";

/// The most recipes that extend one another in a row, and the most names of recipes in all of them together.
const MAX_EXTENDS_DEPTH: usize = 32;
const MAX_EXTENDS: usize = 500;

settings! {
    /// Inheritance: the keys that every recipe may hold at its top besides its own.
    pub struct Inheritance {
        /// Recipes to start from: a path seen from this file, or `builtin:NAME`.
        /// Of several, a later one prevails over an earlier one, and this file
        /// over all. Tables merge key by key, all else is replaced.
        pub extends: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Keys to leave out of what `extends` brings in, as `stage.layers.loss.hidden`; with `--set`, of the recipe itself.
        pub unset: Vec<At<String>> = Vec::new(),
    }
}

/// Resolver of recipes.
#[derive(Debug, Clone, Default)]
pub struct Resolver<'a> {
    /// The recipes that come with the program: name and text.
    pub builtins: &'a [(&'a str, &'a str)],
    /// Former names of keys, for the errors about them.
    pub renamed_keys: RenamedKeys,
    /// Kinds that the program adds to those that are declared.
    pub added_kinds: AddedKinds,
}

/// Result of resolving: a recipe with all that it extends and all flags.
#[derive(Debug, Clone)]
pub struct Resolution<T> {
    /// The value that was read.
    pub value: T,
    /// The merged tree, with the origins.
    pub tree: Node,
    /// The texts that took part: the recipe, then what it extends.
    pub sources: Vec<Arc<SourceFile>>,
}

impl Resolver<'_> {
    /// Reads a recipe with all that it extends, lays the flags (`KEY=VALUE`)
    /// over it, and reads the result.
    ///
    /// # Errors
    /// Every mistake. Where a text is not TOML at all, only such mistakes, for
    /// what else would be found may follow from them.
    pub fn resolve<T: Setting>(
        &self,
        recipe: &Location,
        flags: &[String],
    ) -> Result<Resolution<T>, Diagnostics> {
        let kind = T::describe().with_added(&self.added_kinds);
        let mut loader = Loader {
            builtins: self.builtins,
            kind: &kind,
            open: Vec::new(),
            read: IndexMap::new(),
            named: 0,
            sources: Vec::new(),
            diagnostics: Diagnostics::default(),
            unreadable: false,
            incomplete: false,
        };
        let mut tree = loader.load(recipe, None).unwrap_or_else(Node::empty_table);
        for flag in flags {
            match parse_flag(flag) {
                Ok(mut layer) => {
                    loader.unset_by_flag(&mut tree, &mut layer);
                    tree = merge(tree, layer, Some(&kind));
                }
                Err(diagnostics) => loader.fail(diagnostics),
            }
        }
        let Loader { sources, mut diagnostics, unreadable, incomplete, .. } = loader;
        if unreadable {
            return Err(diagnostics);
        }
        let reader =
            Reader::new("").with_renamed_keys(self.renamed_keys).with_added_kinds(self.added_kinds.clone());
        match reader.finish(|reader| T::read(&tree, reader)) {
            Ok(value) if diagnostics.is_empty() => Ok(Resolution { value, tree, sources }),
            Ok(_) => Err(diagnostics),
            Err(mut found) => {
                // A missing key may stand in a recipe that could not be read.
                if incomplete {
                    found.remove(MISSING_KEY);
                }
                diagnostics.append(found);
                Err(diagnostics)
            }
        }
    }
}

struct Loader<'a> {
    builtins: &'a [(&'a str, &'a str)],
    kind: &'a Type,
    /// The recipes being read, outermost first: what they are, and their names.
    open: Vec<(SourceKind, String)>,
    /// The resolved trees of the recipes read so far; none of those that could not be read.
    read: IndexMap<SourceKind, Option<Node>>,
    /// The number of times that a recipe was named.
    named: usize,
    sources: Vec<Arc<SourceFile>>,
    diagnostics: Diagnostics,
    /// A text was not TOML.
    unreadable: bool,
    /// Something that should have been laid in is not there.
    incomplete: bool,
}

impl Loader<'_> {
    /// Reports what leaves a part of the recipe unread.
    fn fail(&mut self, diagnostics: impl Into<Diagnostics>) {
        self.incomplete = true;
        self.diagnostics.append(diagnostics.into());
    }

    /// Reports that a recipe is not available; `from` is where it is named.
    fn report_unavailable(
        &mut self,
        code: &'static str,
        message: String,
        from: Option<&Origin>,
        label: &str,
    ) {
        let diagnostic = Diagnostic::error(code, message);
        let diagnostic = match from {
            Some(origin) => diagnostic.label(origin, label),
            None if label.is_empty() => diagnostic,
            None => diagnostic.help(label),
        };
        self.fail(diagnostic);
    }

    fn load(&mut self, location: &Location, from: Option<&Origin>) -> Option<Node> {
        let kind = match location {
            Location::File(path) => SourceKind::File(path.clone()),
            Location::Builtin(name) => SourceKind::Builtin(name.clone()),
            Location::Hub(name) => {
                let message = format!("a recipe cannot be taken from the hub: `hf:{}`", quoted(name));
                self.report_unavailable("recipe::file", message, from, "must be a path or `builtin:NAME`");
                return None;
            }
        };
        let identity = match &kind {
            SourceKind::File(path) => {
                SourceKind::File(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
            }
            other => other.clone(),
        };
        if let Some(start) = self.open.iter().position(|(open, _)| *open == identity) {
            let names = self.open[start..].iter().map(|(_, name)| name.as_str());
            let cycle: Vec<&str> = names.chain([self.open[start].1.as_str()]).collect();
            let message = format!("`extends` is cyclic: {}", cycle.join(" → "));
            self.report_unavailable("recipe::cycle", message, from, "closes the cycle");
            return None;
        }
        if self.open.len() >= MAX_EXTENDS_DEPTH || self.named >= MAX_EXTENDS {
            let message = if self.named >= MAX_EXTENDS {
                format!("`extends` names recipes more than {MAX_EXTENDS} times")
            } else {
                format!("more than {MAX_EXTENDS_DEPTH} recipes extend one another")
            };
            self.report_unavailable("recipe::extends", message, from, "is not read");
            return None;
        }
        self.named += 1;
        if let Some(node) = self.read.get(&identity) {
            return node.clone();
        }
        let source = match &kind {
            SourceKind::File(path) => self.read_file(path, from),
            SourceKind::Builtin(name) => self.find_builtin(name, from),
            SourceKind::Flag => None,
        };
        let node = source.and_then(|source| {
            self.sources.push(Arc::clone(&source));
            self.open.push((identity.clone(), source.name()));
            let node = self.layers(&source);
            self.open.pop();
            node
        });
        self.read.insert(identity, node.clone());
        node
    }

    /// A recipe over what it extends.
    fn layers(&mut self, source: &Arc<SourceFile>) -> Option<Node> {
        let mut own = match Node::parse_source(source) {
            Ok(node) => node,
            Err(diagnostics) => {
                self.unreadable = true;
                self.fail(diagnostics);
                return None;
            }
        };
        let members = own.members()?.clone();
        let inheritance =
            match Reader::new("").finish(|reader| Inheritance::read_members(&own, &members, reader)) {
                Ok(inheritance) => inheritance,
                Err(diagnostics) => {
                    self.fail(diagnostics);
                    Inheritance { extends: OneOrMany(Vec::new()), unset: Vec::new() }
                }
            };
        for field in Inheritance::description().fields {
            remove(&mut own, &[field.key]);
        }
        let mut base: Option<Node> = None;
        for extended in inheritance.extends.iter() {
            let location = match base_of(source, extended) {
                Ok(location) => location,
                Err(reason) => {
                    let message = format!("`{}` is not the path or name of a recipe", quoted(extended));
                    self.fail(Diagnostic::error("recipe::file", message).label(&extended.origin, reason));
                    continue;
                }
            };
            if let Some(layer) = self.load(&location, Some(&extended.origin)) {
                base = Some(match base {
                    Some(base) => merge(base, layer, Some(self.kind)),
                    None => layer,
                });
            }
        }
        let mut base = base.unwrap_or_else(Node::empty_table);
        self.unset(&mut base, &inheritance.unset, "nothing that is extended has this key");
        Some(merge(base, own, Some(self.kind)))
    }

    /// Takes keys out of what is inherited, and reports those that are not there.
    fn unset(&mut self, base: &mut Node, paths: &[At<String>], label: &str) {
        for path in paths {
            let removed = key_path(path).is_some_and(|keys| remove(base, &keys));
            if !removed && !self.incomplete {
                let message = format!("`{}` is not inherited, so it cannot be unset", quoted(path));
                let diagnostic = Diagnostic::error("recipe::unset", message);
                self.diagnostics.push(diagnostic.label(&path.origin, label));
            }
        }
    }

    /// Takes the keys out of a recipe that a flag names as `unset`, and that key out of the flag's layer.
    fn unset_by_flag(&mut self, tree: &mut Node, layer: &mut Node) {
        let Some(members) = layer.members() else { return };
        let Some(named) = members.get(UNSET).map(|member| member.node.clone()) else { return };
        match Reader::new("").finish(|reader| Vec::<At<String>>::read(&named, reader)) {
            Ok(paths) => self.unset(tree, &paths, "the recipe has no such key"),
            Err(diagnostics) => self.fail(diagnostics),
        }
        remove(layer, &[UNSET.to_owned()]);
    }

    fn read_file(&mut self, path: &Path, from: Option<&Origin>) -> Option<Arc<SourceFile>> {
        let kind = SourceKind::File(path.to_path_buf());
        let bytes = match files::bytes(path, MAX_RECIPE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => {
                let reason = error.reason();
                let path = quoted(&path.display().to_string());
                let message = format!("cannot read the recipe `{path}`: {reason}");
                self.report_unavailable(
                    "recipe::file",
                    message,
                    from,
                    if from.is_some() { "named here" } else { "" },
                );
                return None;
            }
        };
        if let Some(what) = files::describe(&bytes) {
            let path = quoted(&path.display().to_string());
            let message = format!("`{path}` is not a recipe: this is {what}");
            let label = if from.is_some() { "named here" } else { "a recipe is a TOML file in UTF-8" };
            self.unreadable = true;
            self.report_unavailable("recipe::file", message, from, label);
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(Arc::new(SourceFile::new(kind, text.strip_prefix('\u{feff}').unwrap_or(&text)))),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
                // Up to the first bad byte, the replaced text is the text.
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Arc::new(SourceFile::new(kind, text));
                let (_, start, _) = source.line(offset);
                let message = format!(
                    "`{}` is not UTF-8: line {}, byte {} of the line, is 0x{byte:02X}",
                    source.name(),
                    source.position(offset).0,
                    offset - start + 1,
                );
                let origin = Origin::Written { source, span: offset..offset + 1 };
                self.unreadable = true;
                self.fail(
                    Diagnostic::error("recipe::encoding", message)
                        .label(&origin, "not UTF-8 from here")
                        .help("save the file as UTF-8"),
                );
                None
            }
        }
    }

    fn find_builtin(&mut self, name: &str, from: Option<&Origin>) -> Option<Arc<SourceFile>> {
        if let Some((_, text)) = self.builtins.iter().find(|(known, _)| *known == name) {
            let kind = SourceKind::Builtin(name.to_owned());
            return Some(Arc::new(SourceFile::new(kind, *text)));
        }
        let names: Vec<&str> = self.builtins.iter().map(|(name, _)| *name).collect();
        let label = match nearest(name, &names) {
            Some(near) => format!("did you mean `builtin:{near}`?"),
            None => format!("known: {}", list_names(names)),
        };
        let message = format!("no recipe `{}` comes with the program", quoted(name));
        self.report_unavailable("recipe::file", message, from, &label);
        None
    }
}

/// The location that a value of `extends` names. A path in a recipe of the program is seen
/// from that recipe's name, so that such a recipe reads the same as from a file.
fn base_of(source: &SourceFile, extended: &At<String>) -> Result<Location, String> {
    let location = Location::parse(extended, &extended.origin)?;
    let (SourceKind::Builtin(name), Location::File(_)) = (&source.kind, &location) else {
        return Ok(location);
    };
    // Names have slashes on every system, as paths of the system need not.
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in extended.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    Ok(Location::Builtin(joined.strip_suffix(".toml").unwrap_or(&joined).to_owned()))
}

/// The keys of a dotted path.
fn key_path(path: &str) -> Option<Vec<String>> {
    let node = Node::parse("", &format!("{path} = 0")).ok()?;
    let mut keys = Vec::new();
    let mut node = &node;
    while let Some(members) = node.members() {
        let (key, member) = members.first()?;
        keys.push(key.clone());
        node = &member.node;
    }
    Some(keys)
}

/// Reads `KEY=VALUE` of a `--set` flag into a tree. KEY is a dotted key and
/// VALUE a value of TOML; what is none, and opens no quote or bracket either, is
/// taken as a string, so that paths and names need no quotes.
///
/// # Errors
/// What is wrong with the flag, with its place in the flag.
pub fn parse_flag(flag: &str) -> Result<Node, Diagnostics> {
    let source = Arc::new(SourceFile::new(SourceKind::Flag, flag));
    let origin = |span| Origin::Written { source: Arc::clone(&source), span };
    let mistake = |message: &str, span, label: &str| {
        let diagnostic = Diagnostic::error("recipe::set", message).label(&origin(span), label);
        diagnostic.help("write --set KEY=VALUE, as --set train.batch=8")
    };
    let Some(equals) = equals_sign(flag) else {
        return Err(
            mistake("this flag has no value", flag.len()..flag.len(), "`=` and a value are missing").into()
        );
    };
    let start = equals + 1 + (flag[equals + 1..].len() - flag[equals + 1..].trim_start().len());
    let bare = flag[start..].trim_end();
    let span = start..start + bare.len();
    if bare.is_empty() {
        let label = "a value is missing; the empty string is \"\"";
        return Err(mistake("this flag has no value", span, label).into());
    }
    let text = || Node { value: Value::Text(bare.to_owned()), origin: origin(span.clone()) };
    let value = match Node::parse_value(&source, span.clone()) {
        // No option takes a date, but a name may look like one.
        Ok(Node { value: Value::Datetime(_), .. }) => text(),
        Ok(value) => value,
        Err(_) if !bare.starts_with(['"', '\'', '[', '{']) => text(),
        Err(diagnostics) => return Err(diagnostics),
    };
    let mut tree = Node::parse_key(&source, equals)?;
    put_innermost(&mut tree, value);
    Ok(tree)
}

/// Puts a value in the place of the innermost one of tables that each hold one.
fn put_innermost(tree: &mut Node, value: Node) {
    match &mut tree.value {
        Value::Table(members) => {
            if let Some((_, member)) = members.first_mut() {
                put_innermost(&mut member.node, value);
            }
        }
        _ => *tree = value,
    }
}

/// The end of the key of a flag: its first `=` outside quotes.
fn equals_sign(flag: &str) -> Option<usize> {
    let mut quote = None;
    flag.char_indices().find_map(|(index, character)| {
        match (quote, character) {
            (None, '=') => return Some(index),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
        None
    })
}
