//! Images and captions, one of which is retrieved by the other.

mod check;
mod evaluate;
mod lists;
pub(crate) mod options;
mod ranker;
mod set;
mod task;
mod train;

pub(crate) use check::check_retrieval;
pub(crate) use evaluate::RetrievalEvaluator;
pub(crate) use ranker::is_told_by;
pub(crate) use set::embed_pictures;
