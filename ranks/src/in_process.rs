//! Ranks within one process: threads that are connected by channels.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::{Header, Inbox, RankError, Transport};

/// A header with the bytes that follow it.
type Message = (Header, Vec<u8>);

/// The ends of the channels of one rank.
#[derive(Debug)]
pub(crate) struct Channels {
    rank: usize,
    /// To each rank.
    sends: Vec<Sender<Message>>,
    /// From each rank.
    receives: Vec<Mutex<Receiver<Message>>>,
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
    let senders: Vec<Vec<Sender<Message>>> =
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

    fn exchange(
        &self,
        headers: &[Header],
        sends: &[&[u8]],
        inbox: &mut dyn Inbox,
    ) -> Result<Vec<Header>, RankError> {
        let gone = || RankError::Exchange("a rank is gone".into());
        for (rank, channel) in self.sends.iter().enumerate().filter(|(rank, _)| *rank != self.rank) {
            channel.send((headers[rank], sends[rank].to_vec())).map_err(|_| gone())?;
        }
        let mut others = headers.to_vec();
        for (rank, channel) in self.receives.iter().enumerate().filter(|(rank, _)| *rank != self.rank) {
            let channel = channel.lock().unwrap_or_else(PoisonError::into_inner);
            let (header, bytes) = channel.recv().map_err(|_| gone())?;
            inbox.room(rank, &header).copy_from_slice(&bytes);
            others[rank] = header;
        }
        Ok(others)
    }

    fn abort(&self, _: u8) {}

    fn finish(&self) -> Result<(), RankError> {
        Ok(())
    }
}
