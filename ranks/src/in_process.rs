//! Ranks within one process: threads that are connected by channels.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::{RankError, Transport};

/// The ends of the channels of one rank.
#[derive(Debug)]
pub(crate) struct Channels {
    rank: usize,
    /// To each rank.
    sends: Vec<Sender<Vec<u8>>>,
    /// From each rank.
    receives: Vec<Mutex<Receiver<Vec<u8>>>>,
}

/// So many ranks, each connected with each.
pub(crate) fn connected(count: usize) -> Vec<Channels> {
    let mut all: Vec<Channels> =
        (0..count).map(|rank| Channels { rank, sends: Vec::new(), receives: Vec::new() }).collect();
    for from in 0..count {
        for to in &mut all {
            let (send, receive) = channel();
            to.receives.push(Mutex::new(receive));
            // The channels to a rank are made in the order of those that send.
            debug_assert_eq!(to.receives.len(), from + 1);
            to.sends.push(send);
        }
    }
    // Each rank holds now what sends to it; it is to hold what sends to the others.
    let senders: Vec<Vec<Sender<Vec<u8>>>> =
        (0..count).map(|from| all.iter().map(|to| to.sends[from].clone()).collect()).collect();
    for (own, sends) in all.iter_mut().zip(senders) {
        own.sends = sends;
    }
    all
}

impl Transport for Channels {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.sends.len()
    }

    fn exchange(&self, sends: &[&[u8]], receives: &mut [&mut [u8]]) -> Result<(), RankError> {
        let gone = |_| RankError::Exchange("a rank is gone".into());
        for (rank, (channel, bytes)) in self.sends.iter().zip(sends).enumerate() {
            if rank != self.rank {
                channel.send(bytes.to_vec()).map_err(|_| gone(()))?;
            }
        }
        for (rank, (channel, bytes)) in self.receives.iter().zip(receives).enumerate() {
            if rank != self.rank {
                let channel = channel.lock().unwrap_or_else(PoisonError::into_inner);
                let sent = channel.recv().map_err(|_| gone(()))?;
                if sent.len() != bytes.len() {
                    return Err(RankError::Exchange(format!(
                        "rank {rank} sent {} bytes, and {} were expected",
                        sent.len(),
                        bytes.len()
                    )));
                }
                bytes.copy_from_slice(&sent);
            }
        }
        Ok(())
    }

    fn abort(&self, _: u8) {}

    fn finish(&self) -> Result<(), RankError> {
        Ok(())
    }
}
