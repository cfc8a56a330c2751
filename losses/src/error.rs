//! Errors of this crate.

/// Why a term cannot be bound or computed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// A tensor operation failed; candle names the operation and the shapes.
    #[error(transparent)]
    Candle(#[from] alambic_tensor::candle::Error),
    /// The term needs a teacher, and the stage names none.
    #[error("the loss `{0}` needs a teacher: name one with `teacher` in the stage")]
    NoTeacher(&'static str),
    /// Student and teacher, or one of them and the term, do not go together.
    #[error("the loss `{term}` does not fit: {reason}")]
    Incompatible {
        /// The term.
        term: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// A trace does not say which of its tokens are padding.
    #[error("the trace of the {side} does not show which tokens are padding: it needs `{}`, `[batch, length]`", names.join("` or `"))]
    MissingMask {
        /// `student` or `teacher`.
        side: &'static str,
        /// The tensors that would do.
        names: Vec<String>,
    },
    /// A trace lacks what the term was bound to.
    #[error("the trace of the {side} holds no `{tap}`")]
    MissingTap {
        /// `student` or `teacher`.
        side: &'static str,
        /// The tap.
        tap: String,
    },
}
