//! Metrics, the run record, plots, and the report of a run and of a comparison.
//!
//! Plain data in, files out: nothing here knows how training works.
//!
//! - [`metrics`]: what outputs are worth, example by example, with intervals and paired comparisons;
//! - [`record`]: the append-only `events.jsonl` of a run, and the tables made from it;
//! - [`outcome`]: `metrics.json`, the result of a run; [`transfer`]: means over languages; [`verdict`]: is the student better than the baseline;
//! - [`layers`]: retrieval by the states of each layer;
//! - [`vocabulary`]: the axes by which model cards classify models;
//! - [`plots`]: figures as SVG and PNG;
//! - [`document`]: sections of text, tables and figures, written as one HTML page or as Markdown;
//! - [`report`]: the report of one run; [`card`]: the model card; [`compare`]: several runs side by side;
//! - [`suite`]: models over a suite of tasks in many languages, with averages, groups and transfer.
//!
//! ```
//! use alambic_reports::metrics::{Prediction, ScoredPair, ScoringContext, find};
//! use alambic_reports::numbers::metric_value;
//! use alambic_reports::verdict::compare_with_baseline;
//!
//! let classes = |names: [&str; 4]| names.map(|name| Prediction::Class(name.to_owned()));
//! let references = classes(["good", "bad", "good", "bad"]);
//! let accuracy = |predictions: [Prediction; 4]| {
//!     let both = predictions.iter().zip(&references);
//!     let pairs: Vec<ScoredPair<'_>> =
//!         both.map(|(prediction, reference)| ScoredPair::new(prediction, reference)).collect();
//!     find("accuracy").map(|metric| metric.score(&pairs, ScoringContext::default()))
//! };
//! let student = accuracy(classes(["good", "bad", "good", "good"]))?;
//! let baseline = accuracy(classes(["bad", "bad", "good", "good"]))?;
//! assert_eq!(metric_value("accuracy", student.value()), "75.0 %");
//! // Over four examples nothing is decided.
//! let compared = compare_with_baseline(&[student], &[baseline])?.ok_or("no value")?;
//! assert!(compared.in_words("texts").starts_with("Whether the student is better"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod card;
pub mod compare;
pub mod document;
mod error;
mod hub_metadata;
pub mod layers;
pub mod metrics;
pub mod numbers;
pub mod outcome;
pub mod plots;
pub mod record;
pub mod report;
pub mod suite;
pub mod transfer;
pub mod verdict;
pub mod vocabulary;

pub use error::{ReportError, Result};
