//! Requests with their repetitions, within a budget.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::answer::TokenCount;
use super::budget::{Budget, Cost};
use super::client::Client;
use super::error::EndpointError;
use super::failure::Failure;
use super::retry::{Gate, Retries};
use super::stop::{Stop, StopReason};

/// What sends the requests of all threads, and counts them.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    client: &'a Client,
    retries: Retries,
    budget: Budget,
    stop: &'a Stop,
    gate: Gate,
    asked: AtomicUsize,
    repeated: AtomicUsize,
    tokens: Mutex<TokenCount>,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Halt {
    /// All threads are to stop.
    Stopped,
    /// The server refuses, or failed too often.
    Failed(EndpointError),
}

/// What is read of a body, with the tokens that the server counts.
pub(crate) type Read<T> = Result<(T, Option<TokenCount>), Failure>;

impl<'a> Sender<'a> {
    pub(crate) fn new(client: &'a Client, retries: Retries, budget: Budget, stop: &'a Stop) -> Self {
        Self {
            client,
            retries,
            budget,
            stop,
            gate: Gate::default(),
            asked: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
            tokens: Mutex::default(),
        }
    }

    /// Requests sent, repetitions among them, and tokens counted.
    pub(crate) fn counts(&self) -> (usize, usize, TokenCount) {
        let tokens = *self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        (self.asked.load(Ordering::Relaxed), self.repeated.load(Ordering::Relaxed), tokens)
    }

    /// Sends a request until `read` takes its answer; `reckoned` are its tokens, roughly.
    ///
    /// # Errors
    /// [`Halt::Stopped`] when all threads are to stop or the budget has no further request, [`Halt::Failed`] when the server
    /// refuses for good or all repetitions failed.
    pub(crate) fn send<T>(
        &self,
        path: &str,
        body: &Value,
        reckoned: u64,
        read: &dyn Fn(&[u8]) -> Read<T>,
    ) -> Result<(T, Option<TokenCount>), Halt> {
        let body = body.to_string();
        let failed = |message| Halt::Failed(EndpointError::Server { url: self.client.url(path), message });
        for repetition in 0.. {
            self.wait_for_gate()?;
            if let Err(limit) = self.budget.take(reckoned) {
                self.stop.set(StopReason::Early(limit));
                return Err(Halt::Stopped);
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            if repetition > 0 {
                self.repeated.fetch_add(1, Ordering::Relaxed);
            }
            let answer = self.client.post(path, body.as_bytes()).and_then(|body| read(&body));
            let cost = match &answer {
                Err(_) => Cost::Nothing,
                Ok((_, tokens)) => tokens.map_or(Cost::Reckoned, |tokens| Cost::Counted(tokens.total())),
            };
            self.budget.settle(reckoned, cost);
            match answer {
                Ok((value, tokens)) => {
                    let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                    all.add(tokens.unwrap_or_default());
                    return Ok((value, tokens));
                }
                Err(Failure::Permanent(message)) => return Err(failed(message)),
                Err(Failure::Transient { message, wait }) => {
                    if self.stop.reason().is_some() {
                        return Err(Halt::Stopped);
                    }
                    self.wait_after(repetition, &message, wait).map_err(failed)?;
                }
            }
        }
        Err(Halt::Stopped)
    }

    /// Waits while the server wants no requests.
    fn wait_for_gate(&self) -> Result<(), Halt> {
        loop {
            let closed = self.gate.closed_for();
            if self.stop.wait(closed) {
                return Err(Halt::Stopped);
            }
            if closed.is_zero() {
                return Ok(());
            }
        }
    }

    /// Waits before the next attempt, or until all threads are to stop.
    ///
    /// # Errors
    /// The message where there is to be no further attempt.
    fn wait_after(&self, repetition: usize, message: &str, wait: Option<Duration>) -> Result<(), String> {
        if repetition >= self.retries.max {
            return Err(format!(
                "{message}; all {} attempts failed: check that the server runs, or set `retries` and `timeout-seconds` higher",
                repetition + 1
            ));
        }
        if let Some(wait) = wait {
            if wait > self.retries.longest {
                return Err(format!(
                    "{message} and asks to wait for {} s, longer than `max-retry-seconds`; run it again then",
                    wait.as_secs()
                ));
            }
            self.gate.close_for(wait);
        }
        self.stop.wait(self.retries.backoff(repetition).max(wait.unwrap_or_default()));
        Ok(())
    }
}
