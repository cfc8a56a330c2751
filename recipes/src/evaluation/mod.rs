//! Evaluation: what every task brings to it, and what several of them share.

pub(crate) mod embedding;
pub(crate) mod evaluator;
pub(crate) mod languages;
pub(crate) mod metrics;
pub(crate) mod probability;
pub(crate) mod retrieval;
pub(crate) mod scored_pairs;
pub(crate) mod similarity;
pub(crate) mod timing;
