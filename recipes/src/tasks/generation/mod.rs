//! Words and sentences written in another language: labelled pairs, or sources whose targets a teacher writes.

mod check;
pub(crate) mod entries;
mod evaluate;
mod examples;
pub(crate) mod options;
mod samples;
mod similarity;
pub(in crate::tasks) mod targets;
mod task;
mod train;
mod validation;
