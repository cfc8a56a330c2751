//! Processes that work on one run together, as MPI starts them.
//!
//! [`Ranks`] moves bytes between the processes and computes nothing: whoever uses it adds up in the order of ranks, so that a
//! result is the same under every MPI. A process that was started alone is a single rank, for which nothing is loaded
//! ([`join`]). MPI's library is opened when the program runs ([`mpi`]), so that one binary works without it and with any.
//!
//! ```
//! use alambic_ranks::Ranks;
//!
//! // Ranks of one process, each in a thread of its own, for tests.
//! let sums: Vec<u32> = std::thread::scope(|scope| {
//!     let own = |ranks: Ranks| move || ranks.gather(&[10 + ranks.rank() as u32]).map(|all| all.concat().iter().sum());
//!     let running: Vec<_> = Ranks::in_process(3).into_iter().map(|ranks| scope.spawn(own(ranks))).collect();
//!     running.into_iter().map(|thread| thread.join().unwrap_or(Ok(0))).collect::<Result<_, _>>()
//! })?;
//! assert_eq!(sums, [33, 33, 33]);
//! # Ok::<(), alambic_ranks::RankError>(())
//! ```

mod element;
mod error;
mod in_process;
mod join;
mod launcher;
#[cfg(unix)]
pub mod mpi;
mod ranks;
mod transport;
mod turns;

pub use element::Element;
pub use error::RankError;
pub use join::join;
pub use launcher::{Launcher, Placement};
pub use ranks::{FIRST, Ranks};
pub use transport::{HEADER, Header, Inbox, Transport};
pub use turns::{in_turns, share};
