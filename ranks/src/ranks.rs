//! The ranks as a program sees them: exchanges that tell a fault of one to all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::element::{Element, bytes, bytes_mut};
use crate::in_process::{self, Channels};
use crate::{Header, Inbox, RankError, Transport};

/// The rank that writes files and speaks for all.
pub const FIRST: usize = 0;

/// What an exchange is for: ranks that are at different ones have gone apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Exchange,
    Gather,
    Broadcast,
    Any,
    Barrier,
    Finish,
}

impl Operation {
    const ALL: [Self; 6] =
        [Self::Exchange, Self::Gather, Self::Broadcast, Self::Any, Self::Barrier, Self::Finish];

    fn name(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Gather => "gather",
            Self::Broadcast => "broadcast",
            Self::Any => "agreement",
            Self::Barrier => "barrier",
            Self::Finish => "end",
        }
    }

    fn of(number: u64) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// What is added to the exit code of a rank that failed.
const FAILED: u64 = 1 << 8;

/// A header's words: operation, bytes that follow, a flag, and the exit code behind [`FAILED`] of a rank that failed.
fn header(operation: Operation, bytes: usize, flag: bool) -> Header {
    [operation as u64, bytes as u64, u64::from(flag), 0]
}

/// Whether a header is that of a rank that failed, whose message follows.
fn is_failed(header: &Header) -> bool {
    header[3] & FAILED != 0
}

/// What the other ranks send: numbers, or the messages of those that failed.
struct Received<T> {
    numbers: Vec<Vec<T>>,
    messages: Vec<Vec<u8>>,
}

impl<T: Element> Received<T> {
    fn new(ranks: usize) -> Self {
        Self { numbers: vec![Vec::new(); ranks], messages: vec![Vec::new(); ranks] }
    }
}

impl<T: Element> Inbox for Received<T> {
    fn room(&mut self, rank: usize, header: &Header) -> &mut [u8] {
        let length = header[1] as usize;
        // Numbers of another width come from a rank at another operation, which is an error soon.
        if is_failed(header) || !length.is_multiple_of(size_of::<T>()) {
            self.messages[rank] = vec![0; length];
            &mut self.messages[rank]
        } else {
            self.numbers[rank] = vec![T::default(); length / size_of::<T>()];
            bytes_mut(&mut self.numbers[rank])
        }
    }
}

/// The processes that work on one run together; a single one where a program was started alone.
///
/// Every rank has to come to the same calls in the same order. A rank that fails says so by [`fail`](Self::fail), and every
/// other gets its message from the call that it is in, or comes to next.
#[derive(Debug, Clone, Default)]
pub struct Ranks {
    /// None for a process alone.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    transport: Box<dyn Transport>,
    /// Whether a rank failed, which all know by now.
    has_failed: AtomicBool,
}

impl Ranks {
    /// A process alone.
    #[must_use]
    pub fn alone() -> Self {
        Self::default()
    }

    /// Ranks over a transport.
    #[must_use]
    pub fn over(transport: Box<dyn Transport>) -> Self {
        Self { shared: Some(Arc::new(Shared { transport, has_failed: AtomicBool::new(false) })) }
    }

    /// So many ranks within this process, one for each of as many threads.
    #[must_use]
    pub fn in_process(count: usize) -> Vec<Self> {
        in_process::connected(count).into_iter().map(|own: Channels| Self::over(Box::new(own))).collect()
    }

    /// Number of this process, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.shared.as_ref().map_or(FIRST, |shared| shared.transport.rank())
    }

    /// Number of processes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.as_ref().map_or(1, |shared| shared.transport.count())
    }

    /// Whether this process writes files and speaks for all.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank() == FIRST
    }

    /// Whether there is no other.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.shared.is_none()
    }

    /// Sends each rank numbers of its own. Returns what each of the others sent to this one; its own place is empty.
    ///
    /// # Errors
    /// When a rank failed, or nothing can be sent.
    pub fn exchange<T: Element>(&self, sends: &[&[T]]) -> Result<Vec<Vec<T>>, RankError> {
        match &self.shared {
            None => Ok(vec![Vec::new()]),
            Some(shared) => shared.exchange(Operation::Exchange, sends),
        }
    }

    /// The numbers of every rank, in the order of ranks.
    ///
    /// # Errors
    /// When a rank failed, or nothing can be sent.
    pub fn gather<T: Element>(&self, own: &[T]) -> Result<Vec<Vec<T>>, RankError> {
        let Some(shared) = &self.shared else { return Ok(vec![own.to_vec()]) };
        let mut all = shared.exchange(Operation::Gather, &vec![own; self.count()])?;
        all[self.rank()] = own.to_vec();
        Ok(all)
    }

    /// The numbers of the first rank. What the others give is not sent.
    ///
    /// # Errors
    /// When a rank failed, or nothing can be sent.
    pub fn broadcast<T: Element>(&self, own: Vec<T>) -> Result<Vec<T>, RankError> {
        let Some(shared) = &self.shared else { return Ok(own) };
        let sent: &[T] = if self.is_first() { &own } else { &[] };
        let mut all = shared.exchange(Operation::Broadcast, &vec![sent; self.count()])?;
        Ok(if self.is_first() { own } else { std::mem::take(&mut all[FIRST]) })
    }

    /// Whether it is so on any rank.
    ///
    /// # Errors
    /// When a rank failed, or nothing can be sent.
    pub fn any(&self, own: bool) -> Result<bool, RankError> {
        let Some(shared) = &self.shared else { return Ok(own) };
        let headers = shared.headers(Operation::Any, own)?;
        Ok(own || headers.iter().any(|header| header[2] != 0))
    }

    /// Waits until every rank has come here.
    ///
    /// # Errors
    /// When a rank failed, or cannot be reached.
    pub fn barrier(&self) -> Result<(), RankError> {
        let Some(shared) = &self.shared else { return Ok(()) };
        shared.headers(Operation::Barrier, false).map(drop)
    }

    /// Does something on the first rank, while the others wait, and then on these, which find the files that it has written.
    /// Within it no rank may wait for another.
    ///
    /// # Errors
    /// Those of the work, and when a rank failed.
    pub fn first<R, E: From<RankError>>(&self, work: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        if self.is_first() {
            let done = work()?;
            self.barrier()?;
            Ok(done)
        } else {
            self.barrier()?;
            work()
        }
    }

    /// Tells all ranks that this one fails, and with which code it will exit; nothing where a rank has failed before.
    pub fn fail(&self, code: u8, message: &str) {
        let Some(shared) = &self.shared else { return };
        if !shared.has_failed.load(Ordering::Relaxed) && shared.fail(code, message).is_err() {
            // What cannot be told has to be seen.
            shared.transport.abort(code);
        }
    }

    /// Waits until every rank is done, or has failed.
    ///
    /// # Errors
    /// When a rank failed, or cannot be reached.
    pub fn done(&self) -> Result<(), RankError> {
        let Some(shared) = &self.shared else { return Ok(()) };
        if shared.has_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        shared.headers(Operation::Finish, false).map(drop)
    }

    /// Ends the work together, when every rank has said what it has to say.
    ///
    /// # Errors
    /// When the others cannot be reached.
    pub fn finish(&self) -> Result<(), RankError> {
        self.shared.as_ref().map_or(Ok(()), |shared| shared.transport.finish())
    }

    /// Ends all processes at once.
    pub fn abort(&self, code: u8) {
        if let Some(shared) = &self.shared {
            shared.transport.abort(code);
        }
    }
}

impl Shared {
    /// Sends headers alone, and receives those of the others.
    fn headers(&self, operation: Operation, flag: bool) -> Result<Vec<Header>, RankError> {
        let count = self.transport.count();
        let mut received = Received::<u8>::new(count);
        let own = vec![header(operation, 0, flag); count];
        let nothing: Vec<&[u8]> = vec![&[]; count];
        let headers = self.transport.exchange(&own, &nothing, &mut received)?;
        self.check(operation, &headers, &received.messages)?;
        Ok(headers)
    }

    /// Sends each rank numbers of its own, and receives what each of the others sends to this one.
    fn exchange<T: Element>(&self, operation: Operation, sends: &[&[T]]) -> Result<Vec<Vec<T>>, RankError> {
        let rank = self.transport.rank();
        let sends: Vec<&[u8]> = sends.iter().map(|values| bytes(values)).collect();
        let own: Vec<Header> = sends.iter().map(|bytes| header(operation, bytes.len(), false)).collect();
        let mut received = Received::<T>::new(sends.len());
        let headers = self.transport.exchange(&own, &sends, &mut received)?;
        self.check(operation, &headers, &received.messages)?;
        debug_assert!(received.numbers[rank].is_empty());
        Ok(received.numbers)
    }

    /// Tells all ranks of a failure of this one.
    fn fail(&self, code: u8, message: &str) -> Result<(), RankError> {
        let count = self.transport.count();
        let own = vec![[0, message.len() as u64, 0, FAILED | u64::from(code)]; count];
        self.has_failed.store(true, Ordering::Relaxed);
        self.transport
            .exchange(&own, &vec![message.as_bytes(); count], &mut Received::<u8>::new(count))
            .map(drop)
    }

    /// Whether no rank failed, and all are at the same operation.
    fn check(&self, operation: Operation, headers: &[Header], messages: &[Vec<u8>]) -> Result<(), RankError> {
        let mut all = headers.iter().zip(messages).enumerate();
        if let Some((rank, (header, message))) = all.find(|(_, (header, _))| is_failed(header)) {
            self.has_failed.store(true, Ordering::Relaxed);
            let code = (header[3] & (FAILED - 1)) as u8;
            let message = String::from_utf8_lossy(message).into_owned();
            return Err(RankError::Failed { rank, code, message });
        }
        match headers.iter().position(|header| header[0] != operation as u64) {
            None => Ok(()),
            Some(rank) => Err(RankError::OutOfStep {
                rank,
                there: Operation::of(headers[rank][0]).map_or("something else", Operation::name),
                own: self.transport.rank(),
                here: operation.name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// What each of so many ranks makes of something that all do.
    fn all<R: Send>(count: usize, work: impl Fn(&Ranks) -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> =
                Ranks::in_process(count).into_iter().map(|ranks| scope.spawn(move || work(&ranks))).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn exchanged_numbers_come_from_each_rank_to_each() {
        let received = all(3, |ranks| {
            let own: Vec<Vec<u32>> =
                (0..3).map(|to| vec![(10 * ranks.rank() + to) as u32; ranks.rank() + to]).collect();
            ranks.exchange(&own.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
        });
        for (to, received) in received.into_iter().enumerate() {
            for (from, values) in received.into_iter().enumerate() {
                let expected = if from == to { Vec::new() } else { vec![(10 * from + to) as u32; from + to] };
                assert_eq!(values, expected, "from {from} to {to}");
            }
        }
    }

    #[test]
    fn gathering_broadcast_and_agreement_are_the_same_on_all_ranks() {
        let found = all(4, |ranks| {
            let gathered = ranks.gather(&[ranks.rank() as f64]).unwrap().concat();
            let sent = ranks.broadcast(vec![ranks.rank() as u64 + 7]).unwrap();
            ranks.barrier().unwrap();
            (gathered, sent, ranks.any(ranks.rank() == 2).unwrap(), ranks.any(false).unwrap())
        });
        for found in found {
            assert_eq!(found, (vec![0.0, 1.0, 2.0, 3.0], vec![7], true, false));
        }
    }

    #[test]
    fn first_rank_works_before_the_others() {
        let order = std::sync::Mutex::new(Vec::new());
        all(3, |ranks| {
            ranks.first(|| {
                if ranks.is_first() {
                    thread::sleep(std::time::Duration::from_millis(20));
                }
                order.lock().unwrap().push(ranks.rank());
                Ok::<(), RankError>(())
            })
        });
        assert_eq!(order.into_inner().unwrap()[0], FIRST);
    }

    #[test]
    fn failure_of_one_rank_reaches_all_others_wherever_they_wait() {
        for operation in 0..4 {
            let said = all(3, |ranks| {
                if ranks.rank() == 1 {
                    ranks.fail(2, "the disk is full");
                    return None;
                }
                let error = match operation {
                    0 => ranks.gather(&[1u8]).unwrap_err(),
                    1 => ranks.any(true).map(drop).unwrap_err(),
                    2 => ranks.exchange(&[&[1u32][..], &[2], &[3]]).map(drop).unwrap_err(),
                    _ => ranks.done().unwrap_err(),
                };
                // A rank that gives up for this reason does not tell it again.
                ranks.fail(1, "because of rank 1");
                ranks.done().unwrap();
                Some(error)
            });
            for (rank, error) in said.into_iter().enumerate().filter(|(rank, _)| *rank != 1) {
                let expected = RankError::Failed { rank: 1, code: 2, message: "the disk is full".into() };
                assert_eq!(error, Some(expected), "rank {rank}");
            }
        }
    }

    #[test]
    fn ranks_that_fail_together_all_end() {
        all(3, |ranks| {
            ranks.fail(1, &format!("rank {} failed", ranks.rank()));
            ranks.done().unwrap();
        });
    }

    #[test]
    fn ranks_that_do_different_things_are_an_error() {
        let errors = all(2, |ranks| {
            if ranks.is_first() { ranks.barrier().unwrap_err() } else { ranks.any(true).unwrap_err() }
        });
        assert!(errors[0].to_string().contains("rank 1 is at `agreement` and rank 0 at `barrier`"));
    }

    #[test]
    fn process_alone_has_what_it_gives() {
        let ranks = Ranks::alone();
        assert_eq!((ranks.rank(), ranks.count(), ranks.is_first(), ranks.is_alone()), (0, 1, true, true));
        assert_eq!(ranks.gather(&[1u8, 2]).unwrap(), [[1, 2]]);
        assert_eq!(ranks.broadcast(vec![3u8]).unwrap(), [3]);
        assert!(ranks.any(true).unwrap() && !ranks.any(false).unwrap());
        ranks.done().unwrap();
        ranks.finish().unwrap();
    }
}
