//! Reading of a corpus.

use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;

/// What all kinds of corpus can do.
pub trait ReadCorpus {
    /// Reads the corpus.
    ///
    /// # Errors
    /// All faults of a file, each with its line; see [`crate::Fault`].
    fn read(&self, extent: Extent) -> Result<Content, DataError>;

    /// Whether it was given files for validation, and files for the test. What they hold has the splits `validation` and
    /// `test`, which need not be named.
    fn has_split_files(&self) -> [bool; 2] {
        [false, false]
    }
}
