//! The three declarations: tables, choices, alternatives.

/// Declares a table of options: a plain struct, its reader and its
/// documentation. Needs a doc comment on the struct and on each field; the first
/// paragraph is the summary that `alambic explain` and `list` show.
///
/// A field `learning_rate` is the key `learning-rate`. With `= DEFAULT`, an
/// expression of the field's type, the key may be left out. Without, it must be
/// given, unless its type says what it is when left out: `Option` is `None`, and
/// a table whose keys may all be left out is the table of their defaults.
///
/// `#[range(0.0..=1.0)]` above a field bounds its number, or the numbers of its
/// list. `#[flatten]` takes the keys of another table in, for what many tables
/// share.
///
/// The struct derives `Debug`, `Clone` and `PartialEq`.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[flatten $($flatten:lifetime)?])?
                $(#[range($range:expr)])?
                $field_visibility:vis $field:ident: $type:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility struct $name {
            $($(#[doc = $field_doc])* $field_visibility $field: $type),*
        }

        impl $crate::Setting for $name {
            fn describe() -> $crate::Type {
                $crate::Type::Table($crate::types::TableType::new(<Self as $crate::Table>::description))
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader) -> ::std::option::Option<Self> {
                $crate::read::read_table(node, reader)
            }

            fn to_value(&self) -> ::std::option::Option<$crate::Value> {
                let mut members = $crate::Members::new();
                $crate::Table::write_members(self, &mut members);
                ::std::option::Option::Some($crate::Value::Table(members))
            }

            fn when_absent() -> ::std::option::Option<Self> {
                ::std::option::Option::Some(Self {
                    $($field: $crate::__default!($type, [$($default)?])?),*
                })
            }
        }

        impl $crate::Table for $name {
            fn description() -> $crate::TableDescription {
                #[allow(unused_mut, reason = "a table may have no fields")]
                let mut fields = ::std::vec::Vec::<$crate::Field>::new();
                $($crate::__describe!(
                    fields, $field, $type, ::std::concat!($($field_doc, "\n"),*),
                    [$(flatten $($flatten)?)?], [$($range)?], [$($default)?]
                );)*
                $crate::TableDescription {
                    name: ::std::any::type_name::<Self>(),
                    doc: $crate::types::prose(::std::concat!($($doc, "\n"),*)),
                    fields,
                }
            }

            #[allow(unused_variables, reason = "a table may have no fields")]
            fn read_members(
                node: &$crate::Node,
                members: &$crate::Members,
                reader: &mut $crate::Reader,
            ) -> ::std::option::Option<Self> {
                // All are read before any is given up, to report every mistake.
                $(let $field: ::std::option::Option<$type> = $crate::__read!(
                    node, members, reader, $field, $type,
                    [$(flatten $($flatten)?)?], [$($range)?], [$($default)?]
                );)*
                ::std::option::Option::Some(Self { $($field: $field?),* })
            }

            #[allow(unused_variables, reason = "a table may have no fields")]
            fn write_members(&self, members: &mut $crate::Members) {
                $($crate::__write!(self, members, $field, [$(flatten $($flatten)?)?]);)*
            }
        }
    };
}

/// Declares a string among several: an enum without data, each variant with a
/// doc comment and its name in recipes.
///
/// The enum derives `Debug`, `Clone`, `Copy`, `PartialEq` and `Eq`, and has
/// `LIST` (names and meanings), `name` and `from_name`.
#[macro_export]
macro_rules! choices {
    (
        $(#[doc = $doc:literal])*
        $visibility:vis enum $name:ident {
            $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name {
            $($(#[doc = $variant_doc])* $variant),+
        }

        #[allow(dead_code, reason = "not every choice is looked up by name")]
        impl $name {
            /// Name in recipes, and meaning, of each.
            $visibility const LIST: &'static [(&'static str, &'static str)] =
                &[$(($text, ::std::concat!($($variant_doc, "\n"),*))),+];

            /// The name in recipes.
            #[must_use]
            $visibility fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The one with this name in recipes.
            #[must_use]
            $visibility fn from_name(name: &str) -> ::std::option::Option<Self> {
                match name {
                    $($text => ::std::option::Option::Some(Self::$variant),)+
                    _ => ::std::option::Option::None,
                }
            }
        }

        impl $crate::Setting for $name {
            fn describe() -> $crate::Type {
                $crate::Type::Choice(Self::LIST)
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader) -> ::std::option::Option<Self> {
                reader.choice(node, &[$($text),+]).and_then(Self::from_name)
            }

            fn to_value(&self) -> ::std::option::Option<$crate::Value> {
                ::std::option::Option::Some($crate::Value::Text(self.name().to_owned()))
            }
        }
    };
}

/// Declares alternatives of which each is a table declared by [`settings!`]: in
/// a recipe, a table with exactly one key, which names the kind, and whose value
/// is that kind's table. Where all of that table's keys may be left out, the
/// name alone will do, as a string: `schedule = "constant"`.
///
/// The enum derives `Debug`, `Clone` and `PartialEq`, and has `LIST` (names and
/// tables) and `name`. With `enum Loss: dyn LossTerm`, every table implementing
/// that trait, it also has `fn inner(&self) -> &dyn LossTerm`.
#[macro_export]
macro_rules! kinds {
    (
        $(#[doc = $doc:literal])*
        $visibility:vis enum $name:ident $(: dyn $interface:path)? {
            $($(#[doc = $variant_doc:literal])* $variant:ident($table:ty) = $text:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility enum $name {
            $(
                #[doc = ::std::concat!("`", $text, "`")]
                #[doc = ""]
                $(#[doc = $variant_doc])*
                $variant($table)
            ),+
        }

        #[allow(dead_code, reason = "not every alternative is listed or dispatched")]
        impl $name {
            /// Name in recipes, and table, of each.
            $visibility const LIST: $crate::types::KindList =
                &[$(($text, <$table as $crate::Table>::description)),+];

            /// The name in recipes.
            #[must_use]
            $visibility fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $text),+
                }
            }

            $crate::__inner!($visibility, [$($interface)?], [$($variant),+]);

            fn kinds_description() -> $crate::KindsDescription {
                $crate::KindsDescription::new(
                    ::std::any::type_name::<Self>(),
                    ::std::concat!($($doc, "\n"),*),
                    Self::LIST,
                )
            }
        }

        impl $crate::Setting for $name {
            fn describe() -> $crate::Type {
                $crate::Type::Kinds($crate::types::KindsType::new(Self::kinds_description))
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader) -> ::std::option::Option<Self> {
                $crate::read::read_one_kind(node, reader)
            }

            fn to_value(&self) -> ::std::option::Option<$crate::Value> {
                let node = $crate::Node::unwritten($crate::Kind::options(self));
                let member = $crate::Member { key_origin: $crate::Origin::Default, node };
                let members = $crate::Members::from_iter([(self.name().to_owned(), member)]);
                ::std::option::Option::Some($crate::Value::Table(members))
            }
        }

        impl $crate::Kind for $name {
            fn list() -> ::std::vec::Vec<$crate::types::NamedTable> {
                Self::LIST.to_vec()
            }

            fn name(&self) -> &'static str {
                Self::name(self)
            }

            fn options(&self) -> $crate::Value {
                let mut members = $crate::Members::new();
                match self {
                    $(Self::$variant(table) => $crate::Table::write_members(table, &mut members)),+
                }
                $crate::Value::Table(members)
            }

            fn read_kind(
                name: &str,
                node: &$crate::Node,
                reader: &mut $crate::Reader,
            ) -> ::std::option::Option<Self> {
                match name {
                    $($text => <$table as $crate::Setting>::read(node, reader).map(Self::$variant),)+
                    _ => ::std::option::Option::None,
                }
            }

            fn default_kind(name: &str) -> ::std::option::Option<Self> {
                match name {
                    $($text => <$table as $crate::Setting>::when_absent().map(Self::$variant),)+
                    _ => ::std::option::Option::None,
                }
            }
        }
    };
}

/// The trait object of [`kinds!`], where one is asked for.
#[doc(hidden)]
#[macro_export]
macro_rules! __inner {
    ($visibility:vis, [], [$($variant:ident),+]) => {};
    ($visibility:vis, [$interface:path], [$($variant:ident),+]) => {
        /// The table of this kind, as what all kinds have in common.
        #[must_use]
        $visibility fn inner(&self) -> &dyn $interface {
            match self {
                $(Self::$variant(table) => table),+
            }
        }
    };
}

/// The value of a field of [`settings!`] when left out, as an option.
#[doc(hidden)]
#[macro_export]
macro_rules! __default {
    ($type:ty, []) => {
        <$type as $crate::Setting>::when_absent()
    };
    ($type:ty, [$default:expr]) => {
        ::std::option::Option::<$type>::Some($default)
    };
}

/// Adds the description of a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __describe {
    ($fields:ident, $field:ident, $type:ty, $doc:expr, [flatten], [], []) => {
        $fields.extend(<$type as $crate::Table>::description().fields)
    };
    ($fields:ident, $field:ident, $type:ty, $doc:expr, [], [$($range:expr)?], [$($default:expr)?]) => {
        $fields.extend([$crate::setting::describe_field::<$type>(
            ::std::stringify!($field),
            $doc,
            $crate::__optional!($($crate::Range::new($range))?),
            $crate::__optional!($($default)?),
        )])
    };
}

/// Reads a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __read {
    ($node:ident, $members:ident, $reader:ident, $field:ident, $type:ty, [flatten], [], []) => {
        <$type as $crate::Table>::read_members($node, $members, $reader)
    };
    (
        $node:ident, $members:ident, $reader:ident, $field:ident, $type:ty,
        [], [$($range:expr)?], [$($default:expr)?]
    ) => {
        $crate::read::read_field(
            $node,
            $members,
            $reader,
            ::std::stringify!($field),
            $crate::__optional!($($crate::Range::new($range))?),
            || $crate::__optional!($($default)?),
        )
    };
}

/// Writes a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __write {
    ($self:ident, $members:ident, $field:ident, [flatten]) => {
        $crate::Table::write_members(&$self.$field, $members)
    };
    ($self:ident, $members:ident, $field:ident, []) => {
        $crate::setting::write_member($members, ::std::stringify!($field), &$self.$field)
    };
}

/// `None` of nothing, `Some` of an expression.
#[doc(hidden)]
#[macro_export]
macro_rules! __optional {
    () => {
        ::std::option::Option::None
    };
    ($value:expr) => {
        ::std::option::Option::Some($value)
    };
}
