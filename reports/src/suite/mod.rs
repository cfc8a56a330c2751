//! Suites of tasks in many languages: the values of models in each, their averages as the benchmark takes them, `suite.json` and
//! the page.
//!
//! A [`SuiteSpec`] says what a suite is made of. [`score_language`] scores what a model predicts in one language of a task against
//! the labels of the benchmark; [`SuiteModel::new`] takes averages, groups and the mean over all tasks of such values, wherever
//! they come from; a [`SuiteOutcome`] is what is written.

mod averages;
mod examples;
mod heatmap;
mod outcome;
mod page;
mod spec;
mod tables;

pub use examples::score_language;
pub use outcome::{
    LanguageOutcome, MetricOutcome, MissingTask, SCHEMA, SuiteModel, SuiteOutcome, TaskOutcome,
};
pub use spec::{MeanOver, SuiteSpec, TaskSpec};
pub use tables::{AverageRow, LanguageRow};
