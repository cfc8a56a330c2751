//! Corpora and their published file formats, splits, pairs and batches.
//!
//! The way from a file to a training step, one module a step:
//!
//! 1. [`table`] reads any table into columns of text and names the line of whatever is broken;
//! 2. [`corpora`] turns a table in a published format into a [`Dataset`] of [`Entry`]s that hold one name or word in several
//!    languages, [normalised](normalise), of [`Text`]s with labels, of [`Question`]s about images or of
//!    [translations](parallel::Translation), and [`ReadStatistics`] count what was dropped;
//! 3. [`regions`] gives the images of questions what a detector found in them;
//! 4. [`Dataset::split`] splits the examples so that none of the test split is seen in training, a name in no language, and
//!    [`remove_test_overlap`] does so for several corpora;
//! 5. [`examples`] makes pairs of entries for a list of directions such as `hi-ta`;
//! 6. [`mixing`] replaces words of texts by translations of them, anew in each epoch;
//! 7. [`sampling`] draws the examples of an epoch by language, and [`batches`] orders examples into batches of similar length.
//!
//! Beside them, [`benchmarks`] reads the labels of published benchmarks, and predictions in the layouts of their submissions.
//!
//! The crate knows nothing of models: a text becomes numbers elsewhere.
//!
//! ```
//! use alambic_data::corpora::Unit;
//! use alambic_data::{HoldOut, SplitOptions, direction, embedded, examples};
//!
//! let mut names = embedded::read(Unit::Word)?;
//! let options = SplitOptions { test_values: vec!["test".into()], ..Default::default() };
//! names.split(&options, &HoldOut::default())?;
//! let directions = direction::parse(&["hi-*"], &names.details.languages)?;
//! let pairs = examples::labelled(&names.splits.train, &directions);
//! assert!(pairs.iter().all(|pair| pair.source_language == "hi" && pair.target.is_some()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arrays;
pub mod augment;
mod base_emoji;
pub mod batches;
pub mod benchmarks;
pub mod bm25;
mod box_statements;
pub mod choices;
mod class_tables;
mod content;
pub mod corpora;
mod dataset;
mod decoding;
pub mod direction;
pub mod embedded;
pub mod error;
pub mod examples;
mod image_datasets;
mod image_files;
pub mod language;
mod language_code;
pub mod mining;
pub mod mixing;
pub mod normalise;
mod objects;
mod overlap;
pub mod parallel;
pub mod passages;
mod picture_choices;
pub mod pictures;
pub mod questions;
pub mod raster;
pub mod regions;
mod rewriting;
pub mod sampling;
mod scenes;
pub mod search;
mod shape_boxes;
mod sheets;
pub mod source;
pub mod split;
mod stable_hash;
mod statistics;
pub mod table;
pub mod tags;
pub mod texts;
pub mod vqa_answers;
mod word_builder;
mod words;
mod written_texts;

pub use bm25::Bm25;
pub use box_statements::StatementFamily;
pub use choices::{ChoiceDetails, ChoiceQuestion};
pub use class_tables::{class_distances, class_names, class_relations};
pub use content::{Content, ContentKind, Example};
pub use corpora::Corpus;
pub use dataset::{Dataset, SplitExample, Splits};
pub use direction::{Direction, DirectionError};
pub use error::{
    BenchmarkFault, ClassFault, DataError, Fault, LanguageFault, MixingFault, Place, Problem, RegionFault,
    SheetFault,
};
pub use examples::SequencePair;
pub use objects::Object;
pub use overlap::remove_test_overlap;
pub use parallel::TranslationDetails;
pub use passages::{AnswerSpan, PassageQuestion};
pub use picture_choices::{PictureChoice, PictureChoiceDetails, PictureChoices, UnknownValue};
pub use pictures::{Caption, Picture, Pixels};
pub use questions::{Question, QuestionDetails, is_in_labelled_share, is_in_subsample};
pub use raster::{Interpolation, Raster, WeightedBox};
pub use regions::{
    DetectedRegions, ImageRegions, RegionFiles, RegionLabel, RegionLabels, RegionLayout, RegionVocabulary,
};
pub use rewriting::{Retrieved, RewriteLevel, RewriteOptions, Rewriter};
pub use sampling::{LanguageSampler, LanguageSampling};
pub use scenes::{
    CaptionColours, CaptionObjects, Drawing, SceneContents, SceneLanguage, SceneQuestionKind, SceneStyle,
    has_colour_words, hide_colours,
};
pub use search::{ListedPassage, Passage, SearchDetails, SearchQuery};
pub use shape_boxes::{BoxRegions, BoxView, ShapeBoxes};
pub use sheets::{Background, Sheet, SheetCell};
pub use source::Extent;
pub use split::{HoldOut, Split, SplitError, SplitOptions, SplitReport};
pub use statistics::ReadStatistics;
pub use texts::{Label, Labels, Text, TextDetails};
pub use words::{Entry, WordDetails};
pub use written_texts::WrittenTexts;
