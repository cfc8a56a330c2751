//! Files as this project writes and reads them.
//!
//! What is written is written whole: beside its place, synced to disk, and renamed ([`mod@write`]). Folders that belong
//! together carry the digests of their files ([`digests`]). One process at a time works in a folder ([`lock`]). What is
//! read is read within a limit, and named for what it is where it is something else ([`mod@read`]). Text that comes from
//! files is quoted before it is shown ([`text`]).

pub mod digests;
mod error;
mod hidden;
pub mod lock;
pub mod read;
pub mod text;
pub mod write;

pub use error::{FileError, Result};
