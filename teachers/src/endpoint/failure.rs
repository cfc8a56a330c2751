//! Failures of a request.

use std::time::Duration;

/// Failure of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another attempt may succeed: no connection, a server that is busy, an answer that was cut off.
    Transient {
        /// What went wrong.
        message: String,
        /// What the server says in `Retry-After`.
        wait: Option<Duration>,
    },
    /// No other attempt would succeed.
    Permanent(String),
}

impl Failure {
    /// One for which the server named no time to wait.
    pub(crate) fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into(), wait: None }
    }
}
