//! From the predictions of the models to `metrics.json`, the report and the student's folder.

mod page;
mod remarks;
mod results;
mod samples;

pub(super) use results::conclude;
