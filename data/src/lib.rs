//! Corpora and their published file formats, splits, pairs and batches.
//!
//! The way from a file to a training step, one module a step:
//!
//! 1. [`table`] reads any table into columns of text and names the line of whatever is broken;
//! 2. [`corpora`] turns a table in a published format into a [`Lexicon`]: [`Entry`]s that hold one name or
//!    word in several languages, [normalised](normalise), into a [`Collection`] of [`Text`]s with labels, or into [`VisualQuestions`], and a
//!    [`Reading`] counts what was dropped;
//! 3. [`regions`] gives the images of questions what a detector found in them;
//! 4. [`split`] parts the entries so that no name of the test part is seen in training in any language;
//! 5. [`examples`] makes pairs of entries for a list of directions such as `hi-ta`;
//! 6. [`batches`] orders examples into batches of similar length.
//!
//! The crate knows nothing of models: a text becomes numbers elsewhere.
//!
//! ```
//! use alambic_data::corpora::Unit;
//! use alambic_data::{direction, embedded, examples, split};
//!
//! let lexicon = embedded::read(Unit::Word)?;
//! let options = split::SplitOptions { test_values: vec!["test".into()], ..Default::default() };
//! let parts = split::split(&lexicon, &options, None)?;
//! let directions = direction::parse(&["hi-*"], &lexicon.languages)?;
//! let pairs = examples::labelled(&parts.train, &directions);
//! assert!(pairs.iter().all(|pair| pair.source_language == "hi" && pair.target.is_some()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod batches;
pub mod corpora;
mod decoding;
pub mod direction;
pub mod embedded;
pub mod error;
pub mod examples;
mod image_files;
pub mod language;
pub mod lexicon;
pub mod mining;
pub mod normalise;
pub mod parallel;
pub mod pictures;
pub mod questions;
pub mod regions;
mod scenes;
pub mod source;
pub mod split;
mod stable_hash;
pub mod table;
pub mod texts;
pub mod vqa_answers;

pub use corpora::{Content, Corpus};
pub use direction::{Direction, DirectionError};
pub use error::{DataError, Fault, Place, Problem};
pub use examples::Pair;
pub use lexicon::{Entry, Lexicon, Reading};
pub use pictures::{Interpolation, Object, Picture, Pixels, Raster, WeightedPart};
pub use questions::{Question, QuestionSplits, VisualQuestions, is_chosen};
pub use regions::{Found, Recorded, RegionFault, RegionFiles};
pub use scenes::{Asked, Drawing, Tongue};
pub use source::Extent;
pub use split::{HoldOut, Split, SplitError, SplitOptions, Splits};
pub use texts::{Collection, Label, Labels, Text};
