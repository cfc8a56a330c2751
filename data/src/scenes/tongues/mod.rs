//! What can be asked and said of scenes, and the languages in which it is put.

mod english;
mod hindi;
mod japanese;

use alambic_settings::choices;

use super::Colour;
use super::drawing::Shape;

choices! {
    /// A language in which scenes are spoken of.
    pub enum Tongue {
        /// English.
        English = "en",
        /// Hindi.
        Hindi = "hi",
        /// Japanese.
        Japanese = "ja",
    }
}

/// What an object is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Called {
    Shape(Shape),
    Colour(Colour),
    Both(Colour, Shape),
}

/// What two objects may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Property {
    Colour,
    Shape,
}

/// Where one object is, seen from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Left,
    Right,
    Above,
    Below,
}

/// A question, before it is put into words. Of questions that can be put in two ways, `second` takes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// What has a property of the only object that has the other one.
    Wanted { of: Called, wanted: Property, second: bool },
    /// How many objects have a shape or a colour.
    Count { what: Called, second: bool },
    /// Whether there is such an object.
    Exists { colour: Colour, shape: Shape, second: bool },
    /// Whether an object is on that side of another.
    Place { one: Called, side: Side, other: Called },
    /// Whether anything else has a property of the largest object.
    Largest { alike: Property },
    /// What has a property of the object nearest to another.
    Nearest { to: Called, wanted: Property },
}

/// A statement, before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// What is there.
    There(Vec<(Colour, Shape)>),
    /// An object is on that side of another.
    Place { one: (Colour, Shape), side: Side, other: (Colour, Shape) },
}

impl Query {
    /// The same question put in the first or the second way, if there are two.
    pub(crate) fn put(mut self, second: bool) -> Self {
        match &mut self {
            Self::Wanted { second: way, .. }
            | Self::Count { second: way, .. }
            | Self::Exists { second: way, .. } => *way = second,
            Self::Place { .. } | Self::Largest { .. } | Self::Nearest { .. } => {}
        }
        self
    }
}

impl Tongue {
    pub(crate) const ALL: [Self; 3] = [Self::English, Self::Hindi, Self::Japanese];

    /// A question in this language.
    pub(crate) fn ask(self, query: Query) -> String {
        match self {
            Self::English => english::ask(query),
            Self::Hindi => hindi::ask(query),
            Self::Japanese => japanese::ask(query),
        }
    }

    /// A statement in this language.
    pub(crate) fn say(self, statement: &Statement) -> String {
        match self {
            Self::English => english::say(statement),
            Self::Hindi => hindi::say(statement),
            Self::Japanese => japanese::say(statement),
        }
    }

    /// An object as it is called where nothing is said of it, as in a tag.
    pub(super) fn tag(self, colour: Colour, shape: Shape) -> String {
        match self {
            Self::English => english::tag(colour, shape),
            Self::Hindi => hindi::tag(colour, shape),
            Self::Japanese => japanese::tag(colour, shape),
        }
    }
}
