//! Metrics, the run record, plots, and the report of a run and of a comparison.
//!
//! Plain data in, files out: nothing here knows how training works.
//!
//! - [`metrics`]: what outputs are worth, example by example, with intervals and paired comparisons;
//! - [`record`]: the append-only `events.jsonl` of a run, and the tables made from it;
//! - [`outcome`]: `metrics.json`, the result of a run; [`verdict`]: is the student better than the baseline;
//! - [`plots`]: figures as SVG and PNG;
//! - [`document`]: sections of text, tables and figures, written as one HTML page or as Markdown;
//! - [`report`]: the report of one run; [`card`]: the model card; [`compare`]: several runs side by side.

pub mod card;
pub mod compare;
pub mod document;
mod error;
mod hub_metadata;
pub mod metrics;
pub mod numbers;
pub mod outcome;
pub mod plots;
pub mod record;
pub mod report;
pub mod verdict;

pub use error::{ReportError, Result};
