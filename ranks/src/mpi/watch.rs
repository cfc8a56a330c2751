//! Signs of life: each rank sends them to the next one, and watches the one before it.
//!
//! A launcher sees when a process ends, and ends the others. It does not see one that is stopped, or whose machine does not
//! answer: the others would wait for it forever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Lost;
use super::functions::Requests;
use super::interface::Interface;
use super::transport::Library;
use crate::RankError;

/// Tag of signs of life.
const TAG: i32 = 2;
/// Time between two of them.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the end of the work is looked for in between.
const TICK: Duration = Duration::from_millis(20);
/// Time without one after which a rank is taken for lost.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// The sign of a rank that works, and that of one that has come to its end.
const ALIVE: u8 = 1;
const ENDED: u8 = 0;

/// Thread that sends signs of life and watches for them.
#[derive(Debug)]
pub(super) struct Watch {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), RankError>>,
}

impl Watch {
    /// Starts the thread.
    pub(super) fn start<I: Interface>(
        library: Arc<Library<I>>,
        rank: usize,
        count: usize,
        lost: Lost,
    ) -> Result<Self, RankError> {
        let ends = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ends);
        let (before, next) = ((rank + count - 1) % count, (rank + 1) % count);
        let watch = move || Neighbours { library, before, next, ends: seen }.watch(&lost);
        let thread = thread::Builder::new()
            .name("ranks".into())
            .spawn(watch)
            .map_err(|error| RankError::Join(format!("cannot start a thread: {error}")))?;
        Ok(Self { ends, thread })
    }

    /// Ends the thread, when the rank before this one has come to its end as well.
    pub(super) fn end(self) -> Result<(), RankError> {
        self.ends.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|_| Err(RankError::Exchange("the watch of the ranks ended".into())))
    }
}

struct Neighbours<I: Interface> {
    library: Arc<Library<I>>,
    before: usize,
    next: usize,
    ends: Arc<AtomicBool>,
}

impl<I: Interface> Neighbours<I> {
    fn watch(&self, lost: &Lost) -> Result<(), RankError> {
        let mut sign = Box::new([ALIVE]);
        let mut sending = Requests::new();
        let (mut heard, mut sent) = (Instant::now(), None::<Instant>);
        let (mut has_ended, mut other_ended) = (false, false);
        let mut last = Instant::now();
        loop {
            let is_over = {
                let (functions, _guard) = self.library.lock();
                let is_sent = functions.are_done(&mut sending)?;
                if is_sent && !has_ended {
                    has_ended = self.ends.load(Ordering::Acquire);
                    if has_ended || sent.is_none_or(|sent| sent.elapsed() >= INTERVAL) {
                        sign[0] = if has_ended { ENDED } else { ALIVE };
                        // SAFETY: the sign lies on the heap, and is written only when it is sent.
                        unsafe { functions.send(&sign[..], self.next, TAG, &mut sending) }?;
                        sent = Some(Instant::now());
                    }
                }
                while !other_ended && functions.has_message(self.before, TAG)? {
                    other_ended = self.received(functions)? == ENDED;
                    heard = Instant::now();
                }
                other_ended && has_ended && functions.are_done(&mut sending)?
            };
            if is_over {
                return Ok(());
            }
            // A process that was stopped itself has not been listening.
            if last.elapsed() > 5 * INTERVAL {
                heard = Instant::now();
            }
            last = Instant::now();
            if !other_ended && heard.elapsed() > LIMIT {
                lost(&format!(
                    "rank {} has given no sign of life for {} seconds: all ranks end; go on with `--resume`",
                    self.before,
                    LIMIT.as_secs()
                ));
                // A launcher that is told to end all at once may not pass on what was said last.
                thread::sleep(INTERVAL);
                let (functions, _guard) = self.library.lock();
                functions.abort(1);
                return Ok(());
            }
            thread::sleep(TICK);
        }
    }

    /// The sign that is there to be received.
    fn received(&self, functions: &super::functions::Functions<I>) -> Result<u8, RankError> {
        let mut sign = Box::new([ALIVE]);
        let mut receiving = Requests::new();
        // SAFETY: the sign stays until it is received.
        unsafe { functions.receive(&mut sign[..], self.before, TAG, &mut receiving) }?;
        while !functions.are_done(&mut receiving)? {}
        Ok(sign[0])
    }
}
