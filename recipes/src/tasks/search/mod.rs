//! Search: bi-encoders, which retrieve passages by their vectors, and cross-encoders, which rerank them, learn from lists of
//! passages for each query.

mod check;
mod collection;
mod evaluate;
mod lists;
pub(crate) mod options;
mod scorer;
mod task;
mod train;
