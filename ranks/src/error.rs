//! Errors of ranks.

/// Error of the work of several ranks together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RankError {
    /// The launcher started several processes, and MPI's library cannot be used.
    #[error("{0}")]
    Join(String),
    /// Another rank failed.
    #[error("rank {rank}: {message}")]
    Failed {
        /// The rank.
        rank: usize,
        /// The code with which it exits.
        code: u8,
        /// Why it failed.
        message: String,
    },
    /// The ranks do not do the same.
    #[error(
        "rank {rank} is at `{there}` and rank {own} at `{here}`: the ranks do not run the same program on the same recipe"
    )]
    OutOfStep {
        /// The other rank.
        rank: usize,
        /// What it does.
        there: &'static str,
        /// This rank.
        own: usize,
        /// What this one does.
        here: &'static str,
    },
    /// Data cannot be sent or received.
    #[error("the exchange between ranks failed: {0}")]
    Exchange(String),
}
