//! Reading and writing of files and folders.
//!
//! Files are written atomically: beside their place, synced to disk, and renamed ([`mod@write`]). Folders hold the digests of
//! their files ([`digests`]) and are locked by one process at a time ([`lock`]). Files are read within a limit, with an error
//! that names what a file is instead ([`mod@read`]). Text that comes from files is quoted before it is shown ([`text`]).
//!
//! ```
//! use alambic_files::{read, write};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("metrics.json");
//! // A reader sees the old content or the new one, whenever it looks and whatever happens to this process.
//! write::write(&path, b"{\"accuracy\": 0.93}")?;
//! assert_eq!(read::text(&path, 1 << 20)?, "{\"accuracy\": 0.93}");
//! // What is longer than expected is no reason to run out of memory.
//! assert!(read::text(&path, 4).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod digests;
mod error;
mod hidden;
pub mod lock;
pub mod read;
pub mod text;
pub mod write;

pub use error::{FileError, Result};
