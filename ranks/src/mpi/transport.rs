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
use crate::{RankError, Transport};

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

    fn exchange(&self, sends: &[&[u8]], receives: &mut [&mut [u8]]) -> Result<(), RankError> {
        let mut requests = Requests::new();
        {
            let (functions, _guard) = self.library.lock();
            // Each rank begins with the one behind it, so that not all send to the same one at once.
            for step in 1..self.count {
                let from = (self.rank + self.count - step) % self.count;
                // SAFETY: the slices are borrowed until the requests are done, below. Where they never are, as after an error,
                // the process ends.
                unsafe { functions.receive(receives[from], from, TAG, &mut requests) }?;
            }
            for step in 1..self.count {
                let to = (self.rank + step) % self.count;
                // SAFETY: as above.
                unsafe { functions.send(sends[to], to, TAG, &mut requests) }?;
            }
        }
        let mut asked = 0;
        loop {
            {
                let (functions, _guard) = self.library.lock();
                if functions.are_done(&mut requests)? {
                    return Ok(());
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
