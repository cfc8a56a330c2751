//! From the predictions of the models to `metrics.json`, the report and the student's folder.

mod card;
mod page;
mod remarks;
mod results;

pub(crate) use results::conclude;
