//! Reading and writing of files and folders.
//!
//! Files are written atomically: beside their place, synced to disk, and renamed ([`mod@write`]). Folders hold the digests of
//! their files ([`digests`]) and are locked by one process at a time ([`lock`]). Files are read within a limit, with an error
//! that names what a file is instead ([`mod@read`]). Text that comes from files is quoted before it is shown ([`text`]).

pub mod digests;
mod error;
mod hidden;
pub mod lock;
pub mod read;
pub mod text;
pub mod write;

pub use error::{FileError, Result};
