//! Sentences of one language, whose embeddings are learnt: from a teacher's, from scores of pairs, or from pairs with hard
//! negatives.

mod check;
mod check_evaluation;
mod evaluate;
mod examples;
pub(crate) mod options;
mod task;
mod teacher;
mod train;
