//! End of the work of several threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::summary::EndpointStop;

/// Why threads are to begin nothing further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Something failed.
    Error,
    /// Nothing did.
    Early(EndpointStop),
}

/// A stop that threads look for, and that ends their waits.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    reason: Mutex<Option<StopReason>>,
    changed: Condvar,
}

impl Stop {
    /// Stops all threads; the first reason stays.
    pub(crate) fn set(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.changed.notify_all();
    }

    pub(crate) fn reason(&self) -> Option<StopReason> {
        *self.lock()
    }

    /// Waits for a time, or until the stop; whether it is that.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut reason = self.lock();
        while reason.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (reason, _) = self.changed.wait_timeout(reason, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<StopReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_ends_waits_with_its_first_reason() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::from_millis(5)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (stop.wait(Duration::from_mins(1)), Instant::now()));
            std::thread::sleep(Duration::from_millis(20));
            stop.set(StopReason::Early(EndpointStop::MaxTokens));
            stop.set(StopReason::Error);
            assert!(waiting.join().unwrap().0);
        });
        assert_eq!(stop.reason(), Some(StopReason::Early(EndpointStop::MaxTokens)));
    }
}
