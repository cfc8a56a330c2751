//! Suites: tasks of a benchmark in many languages, declared in TOML; scoring of predictions, and of published results.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`schema`] | the keys of a suite file |
//! | [`book`] | the suites that come with the program |
//! | [`load()`] | a suite file with everything that is wrong in it |
//! | [`evaluate()`] | models, fine-tuned where they have no head of a task, and their predictions |
//! | [`score()`] | predictions and labels to a [`SuiteOutcome`](alambic_reports::suite::SuiteOutcome) |
//! | [`results()`] | published results, a table a task, to the same |

pub mod book;
mod check;
mod evaluate;
mod kinds;
mod load;
mod results;
pub mod schema;
mod score;

pub use evaluate::{EvaluateOptions, EvaluatedModel, Selection, Setting, evaluate, model_name};
pub use load::{LoadedSuite, load};
pub use results::{is_results, results};
pub use score::{SuiteError, SuiteScores, score};
