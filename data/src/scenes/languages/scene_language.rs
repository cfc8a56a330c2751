//! Languages of scenes.

use alambic_settings::choices;

use super::super::colour::Colour;
use super::super::shape::Shape;
use super::meaning::{ObjectName, Query, Statement};
use super::{english, hindi, japanese};

choices! {
    /// A language in which scenes are spoken of.
    pub enum SceneLanguage {
        /// English.
        English = "en",
        /// Hindi.
        Hindi = "hi",
        /// Japanese.
        Japanese = "ja",
    }
}

impl SceneLanguage {
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

    /// Several objects of a name, in the form that they have as a subject.
    pub(in crate::scenes) fn several(self, name: ObjectName) -> String {
        match self {
            Self::English => english::plural(name),
            Self::Hindi => hindi::plural(name),
            Self::Japanese => japanese::called(name),
        }
    }

    /// An object as it is called where nothing is said of it, as in a tag.
    pub(in crate::scenes) fn tag(self, colour: Colour, shape: Shape) -> String {
        match self {
            Self::English => english::tag(colour, shape),
            Self::Hindi => hindi::tag(colour, shape),
            Self::Japanese => japanese::tag(colour, shape),
        }
    }
}
