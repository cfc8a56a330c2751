//! Declaration of options: each key once, with its meaning, type and default; read
//! from a tree that keeps the origin of every value.
//!
//! A recipe is checked in one go: every mistake in it is reported at once, each
//! with file, line, column and a suggestion. Deriving a reader with serde stops
//! at the first error, and loses the place of an error under `tag`, `untagged`
//! and `flatten`. Besides, four things must never disagree: what is read, what
//! `alambic explain` says, the JSON Schema that editors use, and the
//! `recipe.resolved.toml` of a run, in which every value stands with its origin.
//! So all four come from one declaration, made where the option is used: the
//! options of a loss in the loss's file, those of a corpus in the corpus's file.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`source`] | source files and places in them |
//! | [`tree`], [`merge`] | TOML with the origin of every value; merging of layers |
//! | [`diagnostics`] | errors with places, as text and as JSON |
//! | [`types`], [`setting`] | what a value may be |
//! | [`reader`], [`mod@read`], [`renamed`] | reading, with every mistake; keys under their former names |
//! | [`containers`], [`location`] | `At`, `OneOrMany`, `Several`, `Either`; paths and names of models |
//! | [`mod@resolve`], [`mod@resolved`] | `extends` and `--set`; the resolved file of a run |
//! | [`mod@explain`], [`mod@json_schema`] | documentation from the declarations |
//!
//! ```
//! use alambic_settings::{Node, read, settings};
//!
//! settings! {
//!     /// How long to train.
//!     pub struct Training {
//!         /// Times that the data is gone through.
//!         #[range(1..)]
//!         pub epochs: usize,
//!         /// Step size at the peak of the schedule.
//!         pub learning_rate: f64 = 1e-3,
//!     }
//! }
//!
//! let training: Training = read(&Node::parse("train.toml", "epochs = 3").unwrap()).unwrap();
//! assert_eq!(training, Training { epochs: 3, learning_rate: 1e-3 });
//!
//! let wrong = Node::parse("train.toml", "epochs = 0\nlearning-rat = 0.1").unwrap();
//! assert_eq!(read::<Training>(&wrong).unwrap_err().list.len(), 2);
//! ```

pub mod containers;
pub mod diagnostics;
pub mod explain;
pub mod json_schema;
pub mod location;
mod macros;
pub mod merge;
mod primitives;
pub mod read;
pub mod reader;
pub mod renamed;
mod render;
pub mod resolve;
pub mod resolved;
pub mod setting;
pub mod source;
pub mod tree;
pub mod types;
mod write;

pub use containers::{At, Either, OneOrMany, Several};
pub use diagnostics::{Diagnostic, Diagnostics};
pub use explain::explain;
pub use indexmap::IndexMap;
pub use json_schema::json_schema;
pub use location::Location;
pub use read::read;
pub use reader::Reader;
pub use renamed::RenamedKeys;
pub use resolve::{Resolution, Resolver, parse_flag};
pub use resolved::resolved_toml;
pub use setting::{Kind, KindEntry, Setting, Table};
pub use source::{Origin, SourceFile};
pub use tree::{Member, Members, Node, Value};
pub use types::{AddedKinds, Field, KindsDescription, Range, TableDescription, Type, above};
