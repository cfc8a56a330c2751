//! From the predictions of the models to `metrics.json`, the report and the student's folder.

mod card;
mod page;
mod remarks;
mod results;
mod samples;

pub(crate) use results::conclude;
