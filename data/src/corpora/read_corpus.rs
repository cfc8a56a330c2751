//! Reading of a corpus.

use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;

/// Corpora that can be read, of whatever format.
pub trait ReadCorpus {
    /// Reads the corpus.
    ///
    /// # Errors
    /// All faults of a file, each with its line; see [`crate::Fault`].
    fn read(&self, extent: Extent) -> Result<Content, DataError>;

    /// Whether it has files for validation, and files for the test. Their examples have the splits `validation` and `test`,
    /// which need not be named.
    fn has_split_files(&self) -> [bool; 2] {
        [false, false]
    }
}
