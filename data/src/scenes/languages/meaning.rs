//! Questions and statements about scenes before they are put into words.

use super::super::colour::Colour;
use super::super::shape::Shape;

/// Name of an object: by its shape, its colour or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ObjectName {
    Shape(Shape),
    Colour(Colour),
    Both(Colour, Shape),
}

/// Property that two objects may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Property {
    Colour,
    Shape,
}

/// Side of an object on which another one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Left,
    Right,
    Above,
    Below,
}

impl Side {
    /// All sides.
    pub(in crate::scenes) const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Above, Self::Below];

    /// The side on which the other of two objects is.
    pub(in crate::scenes) fn opposite(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            Self::Above => Self::Below,
            Self::Below => Self::Above,
        }
    }
}

/// What lies where by a smaller and by a larger coordinate, of each axis.
pub(in crate::scenes) const SIDES: [[Side; 2]; 2] = [[Side::Left, Side::Right], [Side::Above, Side::Below]];

/// An answer, before it is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SceneAnswer {
    /// Yes or no.
    Truth(bool),
    Colour(Colour),
    Shape(Shape),
    /// How many there are.
    Count(usize),
}

/// A word of captions, or several that are one, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenes) enum CaptionWord {
    Colour(Colour),
    Shape(Shape),
    /// Something that is named by its colour alone.
    Object,
    Side(Side),
    /// That nothing is there.
    Nothing,
}

/// A question, before it is put into words. Of questions that can be put in two ways, `second` takes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// What has a property of the only object that has the other one.
    Wanted { of: ObjectName, wanted: Property, second: bool },
    /// How many objects have a shape or a colour.
    Count { what: ObjectName, second: bool },
    /// Whether there is such an object.
    Exists { colour: Colour, shape: Shape, second: bool },
    /// Whether an object is on that side of another.
    Place { one: ObjectName, side: Side, other: ObjectName },
    /// Whether anything else has a property of the largest object.
    Largest { alike: Property },
    /// What has a property of the object nearest to another.
    Nearest { to: ObjectName, wanted: Property },
}

/// A statement, before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// What is there.
    There(Vec<(Colour, Shape)>),
    /// An object is on that side of another.
    Place { one: (Colour, Shape), side: Side, other: (Colour, Shape) },
}

impl Statement {
    /// The objects that it names, in their order.
    pub(in crate::scenes) fn objects(&self) -> Vec<(Colour, Shape)> {
        match self {
            Self::There(things) => things.clone(),
            Self::Place { one, other, .. } => vec![*one, *other],
        }
    }
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
