//! Types around the type of an option: where it was written, one or several of
//! it, one of two.

use std::ops::{Deref, DerefMut};

use alambic_files::text::quoted;

use crate::reader::Reader;
use crate::setting::{Kind, Setting, known_kinds, read_kind};
use crate::source::Origin;
use crate::tree::{Member, Members, Node, Value};
use crate::types::{KindsDescription, KindsType, TableType, Type};

/// Value with the place where it was written, for errors that only show once
/// values are compared with each other or with the data.
///
/// Two are equal if their values are, wherever they were written.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> At<T> {
    /// A value that no text gave.
    pub fn unwritten(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

impl<T> From<T> for At<T> {
    fn from(value: T) -> Self {
        Self::unwritten(value)
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for At<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Setting> Setting for At<T> {
    fn describe() -> Type {
        T::describe()
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(|value| Self { value, origin: node.origin.clone() })
    }

    fn to_value(&self) -> Option<Value> {
        self.value.to_value()
    }

    fn when_absent() -> Option<Self> {
        T::when_absent().map(Self::unwritten)
    }
}

/// One value, or an array of such.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Setting> Setting for OneOrMany<T> {
    fn describe() -> Type {
        Type::OneOrMany(Box::new(T::describe()))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::read(node, reader).map(Self),
            _ => T::read(node, reader).map(|value| Self(vec![value])),
        }
    }

    fn to_value(&self) -> Option<Value> {
        match self.0.as_slice() {
            [one] => one.to_value(),
            _ => self.0.to_value(),
        }
    }
}

/// Values of several kinds, of which one kind may come several times: a table in
/// which each key names a kind, its value being that kind's table or an array of
/// such. They keep the order in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Several<K>(pub Vec<At<K>>);

impl<K> Deref for Several<K> {
    type Target = [At<K>];

    fn deref(&self) -> &[At<K>] {
        &self.0
    }
}

impl<K: Kind> Several<K> {
    fn description() -> KindsDescription {
        match K::describe() {
            Type::Kinds(kinds) => kinds.describe(),
            _ => KindsDescription {
                name: std::any::type_name::<K>(),
                doc: String::new(),
                kinds: K::list().into_iter().map(|(name, table)| (name, TableType::new(table))).collect(),
            },
        }
    }
}

impl<K: Kind + 'static> Setting for Several<K> {
    fn describe() -> Type {
        Type::Several(KindsType::new(Self::description))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let members = reader.table(node)?;
        let names = known_kinds::<K>(reader);
        let mut entries = Vec::new();
        for (name, member) in members {
            if !names.contains(&name.as_str()) {
                let message = format!("unknown kind `{}` {}", quoted(name), reader.within());
                reader.report_unknown_name("recipe::unknown-key", message, &member.key_origin, name, &names);
                entries.push(None);
                continue;
            }
            let mut read = |node: &Node, reader: &mut Reader| {
                let value = read_kind::<K>(name, node, reader);
                entries.push(value.map(|value| At { value, origin: node.origin.clone() }));
            };
            reader.in_key(name, |reader| match &member.node.value {
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        reader.in_item(index, |reader| read(item, reader));
                    }
                }
                _ => read(&member.node, reader),
            });
        }
        entries.into_iter().collect::<Option<Vec<_>>>().map(Self)
    }

    fn to_value(&self) -> Option<Value> {
        let mut members = Members::new();
        for entry in &self.0 {
            let node = Node::unwritten(entry.options());
            match members.get_mut(entry.name()) {
                None => {
                    let member = Member { key_origin: Origin::Default, node };
                    members.insert(entry.name().to_owned(), member);
                }
                Some(Member { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
                Some(member) => {
                    let first = std::mem::replace(&mut member.node, Node::empty_table());
                    member.node = Node::unwritten(Value::List(vec![first, node]));
                }
            }
        }
        Some(Value::Table(members))
    }
}

/// Either of two types, chosen by the outer shape of the value: a number or a
/// table. Where a value fits neither, the error names both.
#[derive(Debug, Clone, PartialEq)]
pub enum Either<A, B> {
    /// The first, which is also taken if both fit.
    First(A),
    /// The second.
    Second(B),
}

impl<A: Setting, B: Setting> Setting for Either<A, B> {
    fn describe() -> Type {
        Type::Either(Box::new(A::describe()), Box::new(B::describe()))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let (first, second) = (A::describe(), B::describe());
        if first.fits(node) {
            A::read(node, reader).map(Self::First)
        } else if second.fits(node) {
            let read = |reader: &mut Reader| B::read(node, reader).map(Self::Second);
            match &node.value {
                Value::Text(_) => reader.with_alternative(first.to_string(), read),
                // What is within it has no alternative.
                _ => read(reader),
            }
        } else {
            reader.report_wrong_type(node, &format!("one of these: {}", Self::describe()))
        }
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::First(value) => value.to_value(),
            Self::Second(value) => value.to_value(),
        }
    }
}
