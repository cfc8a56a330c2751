//! Recipes: the schema, the kinds of tasks, the check, the stage runner.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`schema`], [`options`] | the keys of a recipe |
//! | `tasks` | the kinds of tasks: one folder each, one line each |
//! | `corpora`, `model_store`, `folder`, `context` | what a run gives to its tasks |
//! | `training`, `evaluation`, `images` | what tasks have in common |
//! | [`load()`], [`check()`], [`plan()`], [`cache()`], [`run()`] | from a file to a report |
//! | [`text_scores`] | scores of written texts from files |
//! | [`suite`] | suites of tasks in many languages, and scoring of predictions for them |
//!
//! ```
//! use alambic_recipes::{Depth, check, load};
//!
//! let loaded = load("builtin:quickstart", &["train.max-grad-norm=0.5".to_owned()])?;
//! assert_eq!(loaded.recipe.train.max_grad_norm, 0.5);
//! assert!(loaded.resolved_toml().contains("max-grad-norm = 0.5  # --set"));
//! assert!(check(&loaded, Depth::Quick).is_empty());
//! // A mistake is found by its place, with what it may have meant.
//! let mistakes = load("builtin:quickstart", &["train.stpes=5".to_owned()]).unwrap_err();
//! assert!(mistakes.render(false).contains("did you mean `steps`?"));
//! # Ok::<(), alambic_settings::Diagnostics>(())
//! ```
//!
//! [`run()`] takes what was loaded, the run's folder and an [`observer`]. [`load_with`] is for programs with losses of their own.

mod baselines;
pub mod bench;
pub mod book;
mod builtin_models;
mod cache;
mod cache_scope;
pub mod check;
mod class_distances;
mod classification;
mod context;
mod corpora;
mod error;
pub mod estimate;
mod evaluation;
mod folder;
mod images;
pub mod load;
mod machine;
mod model_store;
mod names;
pub mod observer;
pub mod options;
mod places;
pub mod plan;
mod record;
pub mod renamed_keys;
mod run;
pub mod schema;
mod setting;
mod stage_order;
mod stopwatch;
mod subsample;
pub mod suite;
mod tasks;
mod templates;
pub mod text_scores;
mod training;
mod vocabulary;

pub use builtin_models::builtin_model;
pub use cache::{CacheSize, CachedStage, cache};
pub use check::{Depth, check, check_with_messages, is_fatal};
pub use error::{RunError, with_causes};
pub use estimate::{Estimate, estimate};
pub use load::{Loaded, load, load_with};
pub use plan::{Plan, plan};
pub use record::{RecordedAnswers, record};
pub use run::{Finished, RunOptions, StartMode, resumable, run, started_ranks};
pub use tasks::{StageData, Template, templates};
pub use templates::{Start, UnknownStart, start};
