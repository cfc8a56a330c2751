//! Images that are drawn of captions: how models are evaluated by them.

mod check;
mod evaluate;
mod judge;

pub(super) use evaluate::DrawingEvaluator;
