//! Threads that ask an endpoint.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::EndpointAnswer;
use super::client::Client;
use super::error::EndpointError;
use super::sender::Halt;
use super::stop::{Stop, StopReason};
use super::summary::EndpointStop;
use crate::error::TeacherError;

/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(50);
/// How long requests that are under way may still take after a stop; they are paid for.
const GRACE: Duration = Duration::from_secs(5);

/// What the threads share.
pub(crate) struct Workers<'a> {
    pub(crate) client: &'a Client,
    pub(crate) stop: &'a Stop,
    pub(crate) interrupt: &'a AtomicBool,
    /// Number of threads.
    pub(crate) concurrency: usize,
}

impl Workers<'_> {
    /// Asks about all units, `concurrency` of them at a time; `take` gets the answers of a unit as soon as they are there, in
    /// this thread. A stop, an error or an interruption leaves the units that were not begun.
    ///
    /// # Errors
    /// The first error of `ask` or `take`.
    pub(crate) fn run<U: Sync>(
        &self,
        units: &[U],
        ask: &(dyn Fn(&U) -> Result<Vec<EndpointAnswer>, Halt> + Sync),
        take: &mut dyn FnMut(&[EndpointAnswer]) -> Result<(), TeacherError>,
    ) -> Result<(), TeacherError> {
        let (next, stop) = (&AtomicUsize::new(0), self.stop);
        let (send, receive) = mpsc::channel();
        thread::scope(|scope| {
            let mut unstarted = None;
            let mut started = 0;
            for _ in 0..self.concurrency.min(units.len()) {
                let send = send.clone();
                let work = move || {
                    while stop.reason().is_none() {
                        let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                        let answers = ask(unit);
                        let is_over = answers.is_err();
                        if send.send(answers).is_err() || is_over {
                            break;
                        }
                    }
                };
                match thread::Builder::new().spawn_scoped(scope, work) {
                    Ok(_) => started += 1,
                    Err(error) => unstarted = Some(error),
                }
            }
            drop(send);
            let mut error: Option<TeacherError> = None;
            // A few threads do the work of all, but for the time that it takes.
            if let Some(reason) = unstarted.filter(|_| started == 0) {
                let message = format!("no thread can be started: {reason}");
                error = Some(EndpointError::Server { url: self.client.url(""), message }.into());
            }
            let (mut deadline, mut is_broken) = (None, false);
            loop {
                match receive.recv_timeout(TICK) {
                    Ok(Ok(answers)) => {
                        // Behind a line that was not written to its end, no other may be written.
                        if !is_broken && let Err(other) = take(&answers) {
                            is_broken = true;
                            error.get_or_insert(other);
                            stop.set(StopReason::Error);
                        }
                    }
                    Ok(Err(Halt::Stopped)) | Err(RecvTimeoutError::Timeout) => {}
                    Ok(Err(Halt::Failed(other))) => {
                        error.get_or_insert(other.into());
                        stop.set(StopReason::Error);
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if self.interrupt.load(Ordering::Relaxed) {
                    stop.set(StopReason::Early(EndpointStop::Interrupted));
                }
                if stop.reason().is_some()
                    && Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + GRACE)
                {
                    self.client.shutdown();
                }
            }
            error.map_or(Ok(()), Err)
        })
    }
}
