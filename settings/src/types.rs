//! Types of options: the description that reading, `explain` and the JSON Schema
//! share.

use std::any::Any;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use alambic_files::text::quoted;

use crate::tree::{Node, Value};

/// Type of a value. Tables are given by functions, so that a table may hold
/// one of its own type.
#[derive(Debug, Clone)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds, both included.
    Integer {
        /// Minimum.
        minimum: i128,
        /// Maximum.
        maximum: i128,
    },
    /// A number, whole or not.
    Number,
    /// A string.
    Text,
    /// A path, `builtin:NAME` or `hf:OWNER/NAME[@REVISION]`.
    Location,
    /// A string among several, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// An array.
    List(Box<Type>),
    /// A table whose keys are names that the user gives.
    Map(Box<Type>),
    /// A value, or an array of such.
    OneOrMany(Box<Type>),
    /// One of two.
    Either(Box<Type>, Box<Type>),
    /// A table with known keys.
    Table(TableType),
    /// A table with exactly one key, which names a kind; or, where all of that
    /// kind's keys have defaults, the name alone as a string.
    Kinds(KindsType),
    /// A table in which each key names a kind; its value is that kind's table, or
    /// an array of such.
    Several(KindsType),
}

/// A table with known keys.
#[derive(Debug, Clone)]
pub struct TableDescription {
    /// Path of the Rust type, which identifies the table.
    pub name: &'static str,
    /// The doc comment.
    pub doc: String,
    /// Its keys, in the order of declaration.
    pub fields: Vec<Field>,
}

/// Name in recipes, and table, of a kind.
pub type NamedTable = (&'static str, fn() -> TableDescription);

/// Name in recipes, and table, of each of several kinds.
pub type KindList = &'static [NamedTable];

/// Kinds that a program adds to the alternatives of one Rust type, which a library declares.
///
/// A type carries them down to the tables below it, and a reader to what it reads, so that reading, `explain` and the JSON
/// Schema know them as they know those of the library. [`AddedKinds::new`] makes them of a list.
#[derive(Clone, Default)]
pub struct AddedKinds(pub(crate) Option<Arc<dyn AddedList>>);

/// List of the kinds that a program adds, whatever Rust type they make.
pub(crate) trait AddedList: Send + Sync {
    /// Path of the Rust type of the alternatives.
    fn alternatives(&self) -> &'static str;

    /// Name in recipes, and table, of each.
    fn tables(&self) -> Vec<NamedTable>;

    /// The list as what it is, for whoever knows the type of the alternatives.
    fn as_any(&self) -> &dyn Any;
}

impl fmt::Debug for AddedKinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.as_ref().map(|list| list.tables()).unwrap_or_default();
        formatter.debug_list().entries(tables.iter().map(|(name, _)| name)).finish()
    }
}

/// The type of a table: what describes it, and the kinds that a program adds somewhere below it.
#[derive(Debug, Clone)]
pub struct TableType {
    describe: fn() -> TableDescription,
    added: AddedKinds,
}

impl TableType {
    /// The table that a function describes.
    #[must_use]
    pub fn new(describe: fn() -> TableDescription) -> Self {
        Self { describe, added: AddedKinds::default() }
    }

    /// Its keys.
    #[must_use]
    pub fn describe(&self) -> TableDescription {
        let mut description = (self.describe)();
        let fields = std::mem::take(&mut description.fields);
        let with_added = |field: Field| Field { kind: field.kind.with_added(&self.added), ..field };
        description.fields = fields.into_iter().map(with_added).collect();
        description
    }
}

/// The type of alternatives: what describes them, and the kinds that a program adds to them or somewhere below them.
#[derive(Debug, Clone)]
pub struct KindsType {
    describe: fn() -> KindsDescription,
    added: AddedKinds,
}

impl KindsType {
    /// The alternatives that a function describes.
    #[must_use]
    pub fn new(describe: fn() -> KindsDescription) -> Self {
        Self { describe, added: AddedKinds::default() }
    }

    /// The kinds, those that are added behind those that are declared.
    #[must_use]
    pub fn describe(&self) -> KindsDescription {
        let mut description = (self.describe)();
        if let Some(list) = self.added.0.as_ref().filter(|list| list.alternatives() == description.name) {
            let added = list.tables().into_iter().map(|(name, table)| (name, TableType::new(table)));
            description.kinds.extend(added);
        }
        for (_, table) in &mut description.kinds {
            table.added = self.added.clone();
        }
        description
    }
}

/// Alternatives of which each is a table.
#[derive(Debug, Clone)]
pub struct KindsDescription {
    /// Path of the Rust type, which identifies the alternatives.
    pub name: &'static str,
    /// The doc comment.
    pub doc: String,
    /// Name in recipes, and table, of each.
    pub kinds: Vec<(&'static str, TableType)>,
}

impl KindsDescription {
    /// Alternatives of this Rust type, with this doc comment and these kinds.
    #[must_use]
    pub fn new(name: &'static str, doc: &str, kinds: KindList) -> Self {
        let kinds = kinds.iter().map(|(name, table)| (*name, TableType::new(*table))).collect();
        Self { name, doc: prose(doc), kinds }
    }
}

/// One key of a table.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key, in kebab-case.
    pub key: String,
    /// The doc comment.
    pub doc: String,
    /// The type of its value.
    pub kind: Type,
    /// Bounds of numbers, where declared.
    pub range: Option<Range>,
    /// The value when left out; none if it must be given or is simply absent.
    pub default: Option<Value>,
    /// Whether it must be given.
    pub required: bool,
}

/// The first paragraph of a doc comment, in one line.
#[must_use]
pub fn summary(doc: &str) -> String {
    doc.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A doc comment as its author wrote it: without the space that follows `///`,
/// and without the brackets that only rustdoc understands.
#[must_use]
pub fn prose(doc: &str) -> String {
    let lines = doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().replace("[`", "`").replace("`]", "`")
}

/// The key that stands for a field in recipes: `learning-rate` for
/// `learning_rate`.
#[must_use]
pub fn key_of(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// Bounds of an integer that are not shown.
pub(crate) const UNBOUNDED: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);

impl Type {
    /// The type with kinds that a program adds to alternatives within it.
    #[must_use]
    pub fn with_added(self, added: &AddedKinds) -> Self {
        let boxed = |inner: Box<Self>| Box::new(inner.with_added(added));
        match self {
            Self::List(item) => Self::List(boxed(item)),
            Self::Map(value) => Self::Map(boxed(value)),
            Self::OneOrMany(item) => Self::OneOrMany(boxed(item)),
            Self::Either(first, second) => Self::Either(boxed(first), boxed(second)),
            Self::Table(table) => Self::Table(TableType { added: added.clone(), ..table }),
            Self::Kinds(kinds) => Self::Kinds(KindsType { added: added.clone(), ..kinds }),
            Self::Several(kinds) => Self::Several(KindsType { added: added.clone(), ..kinds }),
            other => other,
        }
    }

    /// The type with its integers, or those of its items, within a range as well.
    #[must_use]
    pub(crate) fn within(self, range: Range) -> Self {
        match self {
            Self::Integer { minimum, maximum } => {
                let lower = match range.lower {
                    Bound::Included(bound) => bound.ceil() as i128,
                    Bound::Excluded(bound) => bound.floor() as i128 + 1,
                    Bound::Unbounded => minimum,
                };
                let upper = match range.upper {
                    Bound::Included(bound) => bound.floor() as i128,
                    Bound::Excluded(bound) => bound.ceil() as i128 - 1,
                    Bound::Unbounded => maximum,
                };
                Self::Integer { minimum: minimum.max(lower), maximum: maximum.min(upper) }
            }
            Self::List(item) => Self::List(Box::new(item.within(range))),
            Self::OneOrMany(item) => Self::OneOrMany(Box::new(item.within(range))),
            other => other,
        }
    }

    /// Whether it is an integer, or a list of such, and so says its own bounds.
    pub(crate) fn is_integer(&self) -> bool {
        match self {
            Self::Integer { .. } => true,
            Self::List(item) | Self::OneOrMany(item) => item.is_integer(),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => write!(formatter, "true or false"),
            Self::Integer { minimum, maximum } => match (*minimum > UNBOUNDED.0, *maximum < UNBOUNDED.1) {
                (false, false) => write!(formatter, "integer"),
                (true, false) => write!(formatter, "integer from {minimum}"),
                (false, true) => write!(formatter, "integer to {maximum}"),
                (true, true) => write!(formatter, "integer from {minimum} to {maximum}"),
            },
            Self::Number => write!(formatter, "number"),
            Self::Text => write!(formatter, "string"),
            Self::Location => write!(formatter, "path, `builtin:NAME` or `hf:OWNER/NAME[@REVISION]`"),
            Self::Choice(choices) => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                write!(formatter, "{}", names.join(" or "))
            }
            Self::List(item) => write!(formatter, "array of ({item})"),
            Self::Map(value) => write!(formatter, "table of names, each with ({value})"),
            Self::OneOrMany(item) => write!(formatter, "{item}, or an array of such"),
            Self::Either(first, second) => write!(formatter, "{first}, or {second}"),
            Self::Table(_) => write!(formatter, "table"),
            Self::Kinds(kinds) => write!(formatter, "table with one of {}", kinds.describe().names()),
            Self::Several(kinds) => write!(formatter, "table with any of {}", kinds.describe().names()),
        }
    }
}

impl KindsDescription {
    /// The names of the kinds, as shown in messages.
    #[must_use]
    pub fn names(&self) -> String {
        list_names(self.kinds.iter().map(|(name, _)| *name))
    }
}

/// Names between backticks, with commas.
pub(crate) fn list_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{}`", quoted(name))).collect::<Vec<_>>().join(", ")
}

impl Type {
    /// Whether a value has this type's outer shape, which is enough to choose
    /// between alternatives; what is inside is checked by the reader.
    #[must_use]
    pub fn fits(&self, node: &Node) -> bool {
        match self {
            Self::Boolean => matches!(node.value, Value::Boolean(_)),
            Self::Integer { .. } => matches!(node.value, Value::Integer(_)),
            Self::Number => matches!(node.value, Value::Integer(_) | Value::Float(_)),
            Self::Text | Self::Location | Self::Choice(_) => matches!(node.value, Value::Text(_)),
            Self::List(_) => matches!(node.value, Value::List(_)),
            Self::Map(_) | Self::Table(_) | Self::Several(_) => matches!(node.value, Value::Table(_)),
            Self::Kinds(_) => matches!(node.value, Value::Table(_) | Value::Text(_)),
            Self::OneOrMany(item) => matches!(node.value, Value::List(_)) || item.fits(node),
            Self::Either(first, second) => first.fits(node) || second.fits(node),
        }
    }
}

impl Type {
    /// The type of the value under a key of a table of this type; none if the
    /// key is unknown or this is no table.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<Type> {
        let find_kind = |kinds: &KindsType| {
            let found = kinds.describe().kinds.into_iter().find(|(name, _)| *name == key);
            found.map(|(_, table)| Self::Table(table))
        };
        match self {
            Self::Map(value) => Some(value.as_ref().clone()),
            Self::Table(table) => {
                table.describe().fields.into_iter().find(|field| field.key == key).map(|field| field.kind)
            }
            Self::Kinds(kinds) => find_kind(kinds),
            Self::Several(kinds) => find_kind(kinds).map(|table| Self::OneOrMany(Box::new(table))),
            Self::OneOrMany(item) => item.member(key),
            Self::Either(first, second) => first.member(key).or_else(|| second.member(key)),
            _ => None,
        }
    }

    /// The type of the items, where a value may be a list.
    #[must_use]
    pub fn item(&self) -> Option<&Type> {
        match self {
            Self::List(item) | Self::OneOrMany(item) => Some(item),
            Self::Either(first, second) => first.item().or_else(|| second.item()),
            _ => None,
        }
    }

    /// Whether a table of this type holds exactly one of several kinds.
    #[must_use]
    pub fn is_one_kind(&self) -> bool {
        match self {
            Self::Kinds(_) => true,
            Self::OneOrMany(item) => item.is_one_kind(),
            Self::Either(first, second) => first.is_one_kind() || second.is_one_kind(),
            _ => false,
        }
    }

    /// Whether a string of this type is a location.
    #[must_use]
    pub fn is_location(&self) -> bool {
        match self {
            Self::Location => true,
            Self::OneOrMany(item) => item.is_location(),
            Self::Either(first, second) => first.is_location() || second.is_location(),
            _ => false,
        }
    }
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Lower bound.
    pub lower: Bound<f64>,
    /// Upper bound.
    pub upper: Bound<f64>,
}

/// Everything above a number, itself left out: `#[range(above(0.0))]`.
#[must_use]
pub fn above(bound: f64) -> (Bound<f64>, Bound<f64>) {
    (Bound::Excluded(bound), Bound::Unbounded)
}

impl Range {
    /// From a range of Rust: `0.0..=1.0`, `1..`.
    pub fn new<T: Copy + Into<f64>>(range: impl RangeBounds<T>) -> Self {
        let convert = |bound: Bound<&T>| bound.map(|value| (*value).into());
        Self { lower: convert(range.start_bound()), upper: convert(range.end_bound()) }
    }

    /// Whether a number lies within.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        (self.lower, self.upper).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = match self.lower {
            Bound::Included(bound) => Some(format!("at least {bound}")),
            Bound::Excluded(bound) => Some(format!("more than {bound}")),
            Bound::Unbounded => None,
        };
        let upper = match self.upper {
            Bound::Included(bound) => Some(format!("at most {bound}")),
            Bound::Excluded(bound) => Some(format!("less than {bound}")),
            Bound::Unbounded => None,
        };
        let parts: Vec<String> = [lower, upper].into_iter().flatten().collect();
        write!(formatter, "{}", parts.join(" and "))
    }
}
