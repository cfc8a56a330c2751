//! The tests of `alambic-data`, in one program: each program more has to be linked.

mod augment;
mod benchmarks;
mod broken_regions;
mod broken_tables;
mod choices;
mod common;
mod conll;
mod corpora;
mod image_names;
mod images;
mod labels;
mod parallel;
mod picture_choices;
mod questions;
mod reading;
mod regions;
mod scenes;
mod search;
mod sheets;
mod splits;
mod squad;
mod statements;
mod texts;
