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
    known: KnownCosts,
}

/// Tokens of requests as a server counted them, and as they had been reckoned.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct KnownCosts {
    pub(crate) counted: u64,
    pub(crate) reckoned: u64,
}

impl KnownCosts {
    pub(crate) fn add(&mut self, counted: u64, reckoned: u64) {
        self.counted += counted;
        self.reckoned += reckoned;
    }

    /// Tokens to expect where so many are reckoned: more, if servers counted more than was reckoned so far.
    fn expected(self, reckoned: u64) -> u64 {
        if self.counted <= self.reckoned || self.reckoned == 0 {
            return reckoned;
        }
        (reckoned as f64 * (self.counted as f64 / self.reckoned as f64)).ceil() as u64
    }
}

/// What a request did cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// It failed.
    Nothing,
    /// The server does not say.
    Reckoned,
    /// So many tokens.
    Counted(u64),
}

impl Budget {
    /// So many requests and tokens at most, none being no limit, where costs of earlier requests are known.
    pub(crate) fn new(requests: Option<u64>, tokens: Option<u64>, known: KnownCosts) -> Self {
        Self { requests, tokens, spent: Mutex::new(Spent { known, ..Spent::default() }) }
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
        let expected = spent.known.expected(spent.reserved + tokens);
        if self.tokens.is_some_and(|most| spent.tokens + expected > most) {
            return Err(EndpointStop::MaxTokens);
        }
        spent.requests += 1;
        spent.reserved += tokens;
        Ok(())
    }

    /// Puts what a request did cost in the place of what was reckoned for it: the tokens that the server counts, if it does, or
    /// nothing for one that failed.
    pub(crate) fn settle(&self, reckoned: u64, cost: Cost) {
        let mut spent = self.lock();
        spent.reserved -= reckoned.min(spent.reserved);
        match cost {
            Cost::Nothing => {}
            Cost::Reckoned => spent.tokens += reckoned,
            Cost::Counted(tokens) => {
                spent.tokens += tokens;
                spent.known.add(tokens, reckoned);
            }
        }
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
        let budget = Budget::new(Some(2), None, KnownCosts::default());
        assert_eq!(
            (budget.take(9), budget.take(9), budget.take(9)),
            (Ok(()), Ok(()), Err(EndpointStop::MaxRequests))
        );
    }

    #[test]
    fn tokens_under_way_count_until_they_are_known() {
        let budget = Budget::new(None, Some(100), KnownCosts::default());
        assert_eq!((budget.take(60), budget.take(60)), (Ok(()), Err(EndpointStop::MaxTokens)));
        budget.settle(60, Cost::Counted(10));
        assert_eq!((budget.take(90), budget.take(1)), (Ok(()), Err(EndpointStop::MaxTokens)));
    }

    #[test]
    fn requests_that_cost_more_than_reckoned_raise_what_is_expected() {
        let budget = Budget::new(None, Some(100), KnownCosts::default());
        assert_eq!(budget.take(10), Ok(()));
        budget.settle(10, Cost::Counted(30));
        assert_eq!((budget.take(24), budget.take(23)), (Err(EndpointStop::MaxTokens), Ok(())));
        budget.settle(23, Cost::Nothing);
        assert_eq!(budget.take(23), Ok(()));
        budget.settle(23, Cost::Reckoned);
        assert_eq!((budget.take(16), budget.take(15)), (Err(EndpointStop::MaxTokens), Ok(())));
        let known = KnownCosts { counted: 30, reckoned: 10 };
        assert_eq!(Budget::new(None, Some(100), known).take(34), Err(EndpointStop::MaxTokens));
    }

    #[test]
    fn ranks_share_what_is_left() {
        let shares: Vec<_> = (0..3).map(|rank| Budget::share(Some(10), 2, rank, 3)).collect();
        assert_eq!(shares, [Some(3), Some(3), Some(2)]);
        assert_eq!(Budget::share(Some(1), 5, 0, 1), Some(0));
        assert_eq!(Budget::share(None, 5, 0, 1), None);
    }
}
