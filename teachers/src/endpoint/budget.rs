//! Limits of requests and tokens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::summary::EndpointStop;

/// What requests may still cost, shared by the threads that send them.
#[derive(Debug)]
pub(crate) struct Budget {
    requests: Option<u64>,
    tokens: Option<u64>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    requests: u64,
    tokens: u64,
    /// Tokens that are reckoned for requests that are under way.
    reserved: u64,
}

impl Budget {
    /// So many requests and tokens at most; none is no limit.
    pub(crate) fn new(requests: Option<u64>, tokens: Option<u64>) -> Self {
        Self { requests, tokens, spent: Mutex::default() }
    }

    /// What is left of a limit for one rank of several, when so much is spent already.
    pub(crate) fn share(limit: Option<usize>, spent: u64, rank: usize, ranks: usize) -> Option<u64> {
        let left = (limit? as u64).saturating_sub(spent);
        let (rank, ranks) = (rank as u64, ranks as u64);
        Some(left / ranks + u64::from(rank < left % ranks))
    }

    /// Takes one request for which so many tokens are reckoned.
    ///
    /// # Errors
    /// The limit that it would go beyond.
    pub(crate) fn take(&self, tokens: u64) -> Result<(), EndpointStop> {
        let mut spent = self.lock();
        if self.requests.is_some_and(|most| spent.requests >= most) {
            return Err(EndpointStop::MaxRequests);
        }
        if self.tokens.is_some_and(|most| spent.tokens + spent.reserved + tokens > most) {
            return Err(EndpointStop::MaxTokens);
        }
        spent.requests += 1;
        spent.reserved += tokens;
        Ok(())
    }

    /// Puts what a request did cost in the place of what was reckoned for it.
    pub(crate) fn settle(&self, reckoned: u64, tokens: u64) {
        let mut spent = self.lock();
        spent.reserved -= reckoned.min(spent.reserved);
        spent.tokens += tokens;
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_beyond_a_limit_are_refused() {
        let budget = Budget::new(Some(2), None);
        assert_eq!(
            (budget.take(9), budget.take(9), budget.take(9)),
            (Ok(()), Ok(()), Err(EndpointStop::MaxRequests))
        );
    }

    #[test]
    fn tokens_under_way_count_until_they_are_known() {
        let budget = Budget::new(None, Some(100));
        assert_eq!((budget.take(60), budget.take(60)), (Ok(()), Err(EndpointStop::MaxTokens)));
        budget.settle(60, 10);
        assert_eq!((budget.take(90), budget.take(1)), (Ok(()), Err(EndpointStop::MaxTokens)));
    }

    #[test]
    fn ranks_share_what_is_left() {
        let shares: Vec<_> = (0..3).map(|rank| Budget::share(Some(10), 2, rank, 3)).collect();
        assert_eq!(shares, [Some(3), Some(3), Some(2)]);
        assert_eq!(Budget::share(Some(1), 5, 0, 1), Some(0));
        assert_eq!(Budget::share(None, 5, 0, 1), None);
    }
}
