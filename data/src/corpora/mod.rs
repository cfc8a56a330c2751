//! The published formats of corpora: one file each, and one line each in the list below.

mod aksharantar;
mod dakshina;
mod names_table;
mod texts;
mod word_pairs;

use alambic_settings::kinds;

pub use aksharantar::Aksharantar;
pub use dakshina::Dakshina;
pub use names_table::{NamesTable, Unit};
pub use texts::Texts;
pub use word_pairs::WordPairs;

use crate::error::DataError;
use crate::lexicon::Lexicon;
use crate::source::Extent;

/// What all kinds of corpus can do.
pub trait ReadCorpus {
    /// Reads the corpus.
    ///
    /// # Errors
    /// All faults of a file, each with its line; see [`crate::Fault`].
    fn read(&self, extent: Extent) -> Result<Lexicon, DataError>;
}

kinds! {
    /// A corpus of names or words in several languages, by its published format.
    pub enum Corpus: dyn ReadCorpus {
        /// Names in several scripts, one column a language.
        NamesTable(NamesTable) = "names-table",
        /// Dakshina lexicons, one file a language.
        Dakshina(Dakshina) = "dakshina",
        /// Aksharantar word pairs, one file a language.
        Aksharantar(Aksharantar) = "aksharantar",
    }
}

impl ReadCorpus for Corpus {
    fn read(&self, extent: Extent) -> Result<Lexicon, DataError> {
        self.inner().read(extent)
    }
}
