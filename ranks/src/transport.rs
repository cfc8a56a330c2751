//! Interface of what carries bytes between ranks.

use std::fmt::Debug;

use crate::RankError;

/// Words of a header.
pub const HEADER: usize = 4;

/// What is sent before the bytes of a message: what they are for, and how many.
pub type Header = [u64; HEADER];

/// Room for the messages of the other ranks.
pub trait Inbox {
    /// Room for the bytes that follow a rank's header, which stays where it is as long as this does. It is asked for once.
    fn room(&mut self, rank: usize, header: &Header) -> &mut [u8];
}

/// Carries bytes between ranks that all do the same.
pub trait Transport: Debug + Send + Sync {
    /// Number of this process among all, from 0.
    fn rank(&self) -> usize;

    /// Number of processes.
    fn count(&self) -> usize;

    /// Sends each rank a header and bytes, and waits for those of each. Those of this rank itself are left alone.
    ///
    /// # Errors
    /// When they cannot be sent or received.
    fn exchange(
        &self,
        headers: &[Header],
        sends: &[&[u8]],
        inbox: &mut dyn Inbox,
    ) -> Result<Vec<Header>, RankError>;

    /// Has all processes end at once, this one included.
    fn abort(&self, code: u8);

    /// Ends the work together, when every rank has come to it.
    ///
    /// # Errors
    /// When the others cannot be reached.
    fn finish(&self) -> Result<(), RankError>;
}
