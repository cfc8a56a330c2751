//! Errors of this crate.

/// Error of this crate outside of a single tensor operation.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// A tensor operation failed; candle names the operation and the shapes.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A parameter was asked for by a name that the store does not hold.
    #[error("there is no parameter named `{0}`")]
    UnknownParameter(String),
    /// A stored state does not belong to these parameters.
    #[error("the saved state does not fit: {0}")]
    StateMismatch(String),
    /// The device is not available.
    #[error("{0}")]
    Device(String),
    /// The environment variable for instruction sets has a value without meaning.
    #[error("{0}")]
    CpuIsa(String),
    /// The computing threads could not be started.
    #[error("cannot start the computing threads: {0}")]
    Threads(String),
    /// Ranks cannot exchange what they have computed, or one of them failed.
    #[error(transparent)]
    Ranks(#[from] alambic_ranks::RankError),
    /// Parameters that get no gradient from the loss.
    #[error(
        "these parameters get no gradient, or one that is zero or not finite: {}; freeze them or add a loss term that reaches them",
        .0.join(", ")
    )]
    Unreached(Vec<String>),
}
