//! Traits of the types of options: single values, tables, alternatives.

use std::any::{Any, type_name};
use std::sync::Arc;

use crate::reader::Reader;
use crate::source::Origin;
use crate::tree::{Member, Members, Node, Value};
use crate::types::{AddedKinds, AddedList, Field, NamedTable, Range, TableDescription, Type, key_of, prose};

/// The type of an option. [`crate::settings!`], [`crate::choices!`] and
/// [`crate::kinds!`] implement it for tables, choices and alternatives.
pub trait Setting: Sized {
    /// The type of its values, for merging, documentation and the JSON Schema.
    fn describe() -> Type;

    /// Reads a value. On a mistake, reports it to the reader and returns none,
    /// having checked as much of the rest as can be checked on its own.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// The value in the form in which [`Setting::read`] takes it, complete with
    /// defaults; none for what is written by leaving it out.
    fn to_value(&self) -> Option<Value>;

    /// The value if left out, where the declaration gives no default: none if
    /// it must be given.
    #[must_use]
    fn when_absent() -> Option<Self> {
        None
    }
}

/// A table with known keys; implemented by [`crate::settings!`].
pub trait Table: Setting {
    /// Its keys.
    fn description() -> TableDescription;

    /// Reads the entries, `node` being the table that holds them. Unknown keys
    /// are not looked at, so that several declarations can share one table.
    fn read_members(node: &Node, members: &Members, reader: &mut Reader) -> Option<Self>;

    /// Adds the entries to a table, as [`Setting::to_value`] would write them.
    fn write_members(&self, members: &mut Members);
}

/// Alternatives of which each is a table; implemented by [`crate::kinds!`].
pub trait Kind: Setting {
    /// The name in recipes, and the table, of each.
    fn list() -> Vec<NamedTable>;

    /// The name of this one.
    fn name(&self) -> &'static str;

    /// The table of this one, as [`Setting::to_value`] writes it.
    fn options(&self) -> Value;

    /// Reads a value as the table of the named kind. None as well if there is no
    /// kind of that name.
    fn read_kind(name: &str, node: &Node, reader: &mut Reader) -> Option<Self>;

    /// The named kind with all its defaults, if each of its keys has one.
    #[must_use]
    fn default_kind(name: &str) -> Option<Self>;
}

/// A kind of the alternatives `K` as a line of a list: of the library's own, or of one that a program adds.
pub struct KindEntry<K: 'static> {
    /// Its name in recipes.
    pub name: &'static str,
    /// Its table.
    pub table: fn() -> TableDescription,
    /// Reads a value as its table, given its name.
    pub read: fn(&'static str, &Node, &mut Reader) -> Option<K>,
    /// The kind with all its defaults, if each of its keys has one.
    pub default: fn(&'static str) -> Option<K>,
}

struct EntryList<K: 'static>(&'static [KindEntry<K>]);

impl<K: 'static> AddedList for EntryList<K> {
    fn alternatives(&self) -> &'static str {
        type_name::<K>()
    }

    fn tables(&self) -> Vec<NamedTable> {
        self.0.iter().map(|entry| (entry.name, entry.table)).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AddedKinds {
    /// The kinds of a list, added to those that the alternatives `K` are declared with.
    #[must_use]
    pub fn new<K: 'static>(entries: &'static [KindEntry<K>]) -> Self {
        Self(Some(Arc::new(EntryList(entries))))
    }

    /// Those that are added to `K`; empty where they are added to other alternatives.
    #[must_use]
    pub fn entries<K: 'static>(&self) -> &'static [KindEntry<K>] {
        let list = self.0.as_ref().and_then(|list| list.as_any().downcast_ref::<EntryList<K>>());
        list.map_or(&[], |list| list.0)
    }
}

/// Names of all kinds that a reader knows: those declared, and those added.
pub(crate) fn known_kinds<K: Kind + 'static>(reader: &Reader) -> Vec<&'static str> {
    let added = reader.added_kinds().entries::<K>().iter().map(|entry| entry.name);
    K::list().into_iter().map(|(name, _)| name).chain(added).collect()
}

/// Reads a value as the table of the named kind, declared or added. None as well if there is no kind of that name.
pub fn read_kind<K: Kind + 'static>(name: &str, node: &Node, reader: &mut Reader) -> Option<K> {
    match added_kind(name, reader) {
        Some(entry) => (entry.read)(entry.name, node, reader),
        None => K::read_kind(name, node, reader),
    }
}

/// The named kind with all its defaults, if each of its keys has one.
pub(crate) fn default_kind<K: Kind + 'static>(name: &str, reader: &Reader) -> Option<K> {
    match added_kind(name, reader) {
        Some(entry) => (entry.default)(entry.name),
        None => K::default_kind(name),
    }
}

fn added_kind<K: 'static>(name: &str, reader: &Reader) -> Option<&'static KindEntry<K>> {
    reader.added_kinds().entries::<K>().iter().find(|entry| entry.name == name)
}

/// Describes a field of type `T`, whose declaration gives `default`.
#[must_use]
pub fn describe_field<T: Setting>(field: &str, doc: &str, range: Option<Range>, default: Option<T>) -> Field {
    let default = default.or_else(T::when_absent);
    Field {
        key: key_of(field),
        doc: prose(doc),
        kind: match range {
            Some(range) => T::describe().within(range),
            None => T::describe(),
        },
        range,
        required: default.is_none(),
        default: default.and_then(|value| value.to_value()),
    }
}

/// Adds a field to a table, unless it is written by leaving it out.
pub fn write_member<T: Setting>(members: &mut Members, field: &str, value: &T) {
    if let Some(value) = value.to_value() {
        let member = Member { key_origin: Origin::Default, node: Node::unwritten(value) };
        members.insert(key_of(field), member);
    }
}
