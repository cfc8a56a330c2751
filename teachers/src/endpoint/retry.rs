//! Waits between attempts of a request.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::DateTime;

/// How often and after which waits a request is repeated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    /// Most repetitions of a request.
    pub(crate) max: usize,
    /// Wait before the first one.
    pub(crate) first: Duration,
    /// Longest wait.
    pub(crate) longest: Duration,
}

impl Retries {
    /// The wait before repetition number `repetition`, counted from 0: it doubles each time, and a random part of up to one half
    /// is left out, so that requests that failed together do not come back together.
    pub(crate) fn backoff(&self, repetition: usize) -> Duration {
        self.jittered(repetition, random_share())
    }

    fn jittered(&self, repetition: usize, share: f64) -> Duration {
        let doubled = self.first.as_secs_f64() * 2_f64.powi(repetition.min(64) as i32);
        Duration::from_secs_f64(doubled.min(self.longest.as_secs_f64()) * (1.0 - share / 2.0))
    }
}

/// A random number from 0 to 1. What it decides, when a request is sent, is in no file.
fn random_share() -> f64 {
    (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The wait that a header `Retry-After` asks for: a number of seconds, or a date of HTTP.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = SystemTime::from(DateTime::parse_from_rfc2822(value).ok()?);
    Some(date.duration_since(now).unwrap_or_default())
}

/// The moment before which a server wants no request, from whichever thread.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Closes it for a time, if it is not closed for longer.
    pub(crate) fn close_for(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut gate = self.lock();
        *gate = Some(gate.map_or(until, |other| other.max(until)));
    }

    /// How long it is still closed.
    pub(crate) fn closed_for(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_with_a_random_half_left_out() {
        let retries = Retries { max: 9, first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let waits: Vec<u128> =
            (0..6).map(|repetition| retries.jittered(repetition, 0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(retries.jittered(1, 1.0).as_millis(), 100);
        let drawn: Vec<Duration> = (0..50).map(|_| retries.backoff(3)).collect();
        assert!(drawn.iter().all(|wait| (400..=800).contains(&wait.as_millis())));
        assert!(drawn.iter().any(|wait| *wait != drawn[0]));
        assert_eq!(retries.jittered(5000, 0.0).as_millis(), 1000);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_mins(24_090_208);
        assert_eq!(retry_after(" 7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("0.5", now), Some(Duration::from_millis(500)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Wed, 21 Oct 2014 07:28:30 GMT", now), None, "a day that is no Wednesday");
        assert_eq!(retry_after("Tue, 21 Oct 2014 07:28:30 GMT", now), Some(Duration::ZERO));
        for wrong in ["", "soon", "-1", "nan", "1e300"] {
            assert_eq!(retry_after(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn gate_stays_closed_for_the_longer_of_two_times() {
        let gate = Gate::default();
        assert_eq!(gate.closed_for(), Duration::ZERO);
        gate.close_for(Duration::from_mins(1));
        gate.close_for(Duration::from_secs(1));
        assert!(gate.closed_for() > Duration::from_secs(50));
    }
}
