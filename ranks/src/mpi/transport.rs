//! Bytes carried between ranks by MPI.
//!
//! No call waits within MPI: a thread that waits asks again and again, gives way in between, and leaves the library to the
//! watch, which sends signs of life by the same library.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::Lost;
use super::functions::{Functions, Requests};
use super::interface::Interface;
use super::watch::Watch;
use crate::element::{bytes, bytes_mut};
use crate::{Header, Inbox, RankError, Transport};

/// Tag of the messages of exchanges.
const TAG: i32 = 1;
/// How often a thread asks before it sleeps in between.
const EAGER: u32 = 2000;
/// How often it asks before it sleeps longer.
const PATIENT: u32 = 20_000;
/// How it sleeps: a message that comes meanwhile is seen that much later.
const SHORT: Duration = Duration::from_micros(20);
const LONG: Duration = Duration::from_millis(1);

/// The functions of a library, for one thread at a time.
#[derive(Debug)]
pub(super) struct Library<I: Interface> {
    functions: Functions<I>,
    lock: Mutex<()>,
}

impl<I: Interface> Library<I> {
    /// The functions, until the guard is dropped.
    pub(super) fn lock(&self) -> (&Functions<I>, MutexGuard<'_, ()>) {
        (&self.functions, self.lock.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ranks of an MPI library.
#[derive(Debug)]
pub(crate) struct Mpi<I: Interface> {
    library: Arc<Library<I>>,
    rank: usize,
    count: usize,
    watch: Mutex<Option<Watch>>,
}

impl<I: Interface> Mpi<I> {
    /// Takes up the work of a rank of several, and watches the others.
    pub(super) fn start(
        functions: Functions<I>,
        rank: usize,
        count: usize,
        lost: Lost,
    ) -> Result<Self, RankError> {
        let library = Arc::new(Library { functions, lock: Mutex::new(()) });
        let watch = Watch::start(Arc::clone(&library), rank, count, lost)?;
        Ok(Self { library, rank, count, watch: Mutex::new(Some(watch)) })
    }
}

impl<I: Interface> Transport for Mpi<I> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn exchange(
        &self,
        headers: &[Header],
        sends: &[&[u8]],
        inbox: &mut dyn Inbox,
    ) -> Result<Vec<Header>, RankError> {
        let mut others = headers.to_vec();
        let mut requests = Requests::new();
        // Each rank begins with the one behind it, so that not all send to the same one at once.
        let from = |step: usize| (self.rank + self.count - step) % self.count;
        let mut expected: Vec<(usize, Requests<I>)> = Vec::new();
        {
            let (functions, _guard) = self.library.lock();
            for rank in (1..self.count).map(from) {
                let mut receiving = Requests::new();
                // SAFETY: the headers stay until the requests are done, below. Where they never are, as after an error, the
                // process ends.
                unsafe { functions.receive(bytes_mut(&mut others[rank]), rank, TAG, &mut receiving) }?;
                expected.push((rank, receiving));
            }
            for rank in (1..self.count).map(|step| (self.rank + step) % self.count) {
                // The bytes follow at once: messages of one rank to another come in their order.
                // SAFETY: as above; what is sent is borrowed as long.
                unsafe { functions.send(bytes(&headers[rank]), rank, TAG, &mut requests) }?;
                // SAFETY: as above.
                unsafe { functions.send(sends[rank], rank, TAG, &mut requests) }?;
            }
        }
        let mut asked = 0;
        loop {
            {
                let (functions, _guard) = self.library.lock();
                let mut waiting = Vec::with_capacity(expected.len());
                for (rank, mut receiving) in expected {
                    if functions.are_done(&mut receiving)? {
                        let room = inbox.room(rank, &others[rank]);
                        // SAFETY: the room stays where it is until the requests are done.
                        unsafe { functions.receive(room, rank, TAG, &mut requests) }?;
                    } else {
                        waiting.push((rank, receiving));
                    }
                }
                expected = waiting;
                if functions.are_done(&mut requests)? && expected.is_empty() {
                    return Ok(others);
                }
            }
            asked += 1;
            match asked {
                ..EAGER => thread::yield_now(),
                EAGER..PATIENT => thread::sleep(SHORT),
                _ => thread::sleep(LONG),
            }
        }
    }

    fn abort(&self, code: u8) {
        let (functions, _guard) = self.library.lock();
        functions.abort(code);
    }

    fn finish(&self) -> Result<(), RankError> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        watch.map_or(Ok(()), Watch::end)?;
        // MPI ends when every process has come to its end, and one may be stopped on the last stretch.
        thread::spawn(|| {
            thread::sleep(super::watch::LIMIT);
            std::process::exit(1);
        });
        let (functions, _guard) = self.library.lock();
        functions.finalize()
    }
}
