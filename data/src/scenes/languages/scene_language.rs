//! Languages of scenes.

use alambic_settings::choices;

use super::super::colour::Colour;
use super::super::shape::Shape;
use super::meaning::{CaptionWord, ObjectName, Query, SceneAnswer, Statement};
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

    /// An answer in this language. Numbers are in digits of ASCII in all of them.
    pub(crate) fn answer(self, answer: SceneAnswer) -> String {
        match self {
            Self::English => english::answer(answer),
            Self::Hindi => hindi::answer(answer),
            Self::Japanese => japanese::answer(answer),
        }
    }

    /// The words of captions in this language, in all of their forms.
    pub(in crate::scenes) fn caption_words(self) -> Vec<(String, CaptionWord)> {
        match self {
            Self::English => english::caption_words(),
            Self::Hindi => hindi::caption_words(),
            Self::Japanese => japanese::caption_words(),
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
