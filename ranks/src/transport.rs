//! Interface of what carries bytes between ranks.

use std::fmt::Debug;

use crate::RankError;

/// Carries bytes between ranks that all do the same.
pub trait Transport: Debug + Send + Sync {
    /// Number of this process among all, from 0.
    fn rank(&self) -> usize;

    /// Number of processes.
    fn count(&self) -> usize;

    /// Sends bytes to each rank, and waits for as many from each as the slices take. Those of this rank itself are left alone.
    ///
    /// # Errors
    /// When they cannot be sent or received.
    fn exchange(&self, sends: &[&[u8]], receives: &mut [&mut [u8]]) -> Result<(), RankError>;

    /// Has all processes end at once, this one included.
    fn abort(&self, code: u8);

    /// Ends the work together, when every rank has come to it.
    ///
    /// # Errors
    /// When the others cannot be reached.
    fn finish(&self) -> Result<(), RankError>;
}
