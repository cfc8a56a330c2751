//! Options of the plain types: booleans, numbers, strings, lists and tables of
//! names.

use indexmap::IndexMap;

use crate::reader::Reader;
use crate::setting::Setting;
use crate::source::Origin;
use crate::tree::{Member, Node, Value};
use crate::types::Type;

impl Setting for bool {
    fn describe() -> Type {
        Type::Boolean
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.value {
            Value::Boolean(boolean) => Some(boolean),
            _ => reader.report_wrong_type(node, "true or false"),
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Boolean(*self))
    }
}

impl Setting for String {
    fn describe() -> Type {
        Type::Text
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => reader.report_wrong_type(node, "a string"),
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }
}

/// The largest count in a recipe: steps, examples, sizes. Sums and products of a few of them fit
/// into 64 bits.
const MAX_COUNT: usize = i32::MAX as usize;

macro_rules! integers {
    ($($type:ty: $maximum:expr),*) => {$(
        #[allow(clippy::cast_lossless, reason = "usize has no `From` into i128")]
        impl Setting for $type {
            fn describe() -> Type {
                Type::Integer { minimum: <$type>::MIN as i128, maximum: $maximum as i128 }
            }

            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                let expected = if <$type>::MIN == 0 { "an integer from 0" } else { "an integer" };
                let Value::Integer(number) = node.value else {
                    return reader.report_wrong_type(node, expected);
                };
                let value = <$type>::try_from(number).ok().filter(|value| *value <= $maximum);
                if value.is_none() {
                    reader.report_out_of_range(node, &format!("from {} to {}", <$type>::MIN, $maximum));
                }
                value
            }

            fn to_value(&self) -> Option<Value> {
                Some(Value::Integer(*self as i128))
            }
        }
    )*};
}
integers!(usize: MAX_COUNT, u32: u32::MAX, u64: u64::MAX, i64: i64::MAX);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            fn describe() -> Type {
                Type::Number
            }

            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                let number = match node.value {
                    Value::Integer(integer) => integer as $type,
                    Value::Float(float) => float as $type,
                    _ => return reader.report_wrong_type(node, "a number"),
                };
                if !number.is_finite() {
                    reader.report_out_of_range(node, "a finite number");
                }
                number.is_finite().then_some(number)
            }

            fn to_value(&self) -> Option<Value> {
                // Through text, so that an f32 of 0.1 is written as 0.1 and not
                // as the f64 next to it.
                self.to_string().parse().ok().map(Value::Float)
            }
        }
    )*};
}
floats!(f32, f64);

impl<T: Setting> Setting for Option<T> {
    fn describe() -> Type {
        T::describe()
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Some)
    }

    fn to_value(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_value)
    }

    fn when_absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Box<T> {
    fn describe() -> Type {
        T::describe()
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Box::new)
    }

    fn to_value(&self) -> Option<Value> {
        T::to_value(self)
    }

    fn when_absent() -> Option<Self> {
        T::when_absent().map(Box::new)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn describe() -> Type {
        Type::List(Box::new(T::describe()))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            return reader.report_wrong_type(node, "an array");
        };
        let read = |(index, item)| reader.in_item(index, |reader| T::read(item, reader));
        // All are read before any is given up, to report every mistake.
        items.iter().enumerate().map(read).collect::<Vec<_>>().into_iter().collect()
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::List(self.iter().filter_map(T::to_value).map(Node::unwritten).collect()))
    }
}

impl<T: Setting> Setting for IndexMap<String, T> {
    fn describe() -> Type {
        Type::Map(Box::new(T::describe()))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let members = reader.table(node)?;
        let read = |(name, member): (&String, &Member)| {
            (name.clone(), reader.in_name(name, |reader| T::read(&member.node, reader)))
        };
        let values: Vec<_> = members.iter().map(read).collect();
        values.into_iter().map(|(name, value)| value.map(|value| (name, value))).collect()
    }

    fn to_value(&self) -> Option<Value> {
        let member = |(name, value): (&String, &T)| {
            let node = Node::unwritten(value.to_value()?);
            Some((name.clone(), Member { key_origin: Origin::Default, node }))
        };
        Some(Value::Table(self.iter().filter_map(member).collect()))
    }
}
