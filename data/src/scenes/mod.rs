//! Made-up scenes of coloured shapes, with all that is in them, and questions about them: in the manner of sort-of-CLEVR
//! (Santoro et al., 2017).

mod canvas;
mod caption_colours;
mod caption_parser;
mod captions;
mod colour;
mod contents;
mod drawing;
mod entailment;
mod hidden_colours;
mod languages;
mod look;
mod pairs;
mod picture;
mod questions;
mod rewording;
mod scene;
mod shape;
mod style;

pub use caption_colours::CaptionColours;
pub use contents::{CaptionObjects, SceneContents};
pub use drawing::Drawing;
pub(crate) use entailment::{EntailmentLabel, EntailmentPair, StatementForm};
pub use hidden_colours::{has_colour_words, hide_colours};
pub use languages::SceneLanguage;
pub(crate) use languages::{SceneAnswer, Statement};
pub(crate) use look::{SceneTag, is_about, known_tags, of_tag, say_hidden};
pub(crate) use pairs::PairStatements;
pub(crate) use picture::tags;
pub use questions::SceneQuestionKind;
pub(crate) use questions::{SceneQuestion, answers};
pub(crate) use rewording::{ScenePalette, phrase_changes, rewordings, word_changes};
pub(crate) use scene::{Scene, SceneOptions, stream};
pub use style::SceneStyle;
