//! The published formats of corpora: one file each, and one line each in the list below.

mod aksharantar;
mod conll;
mod dakshina;
mod made_up_orders;
mod made_up_reviews;
mod names_table;
mod texts;
mod word_pairs;

use alambic_settings::kinds;

pub use aksharantar::Aksharantar;
pub use conll::{Conll, Scheme};
pub use dakshina::Dakshina;
pub use made_up_orders::MadeUpOrders;
pub use made_up_reviews::MadeUpReviews;
pub use names_table::{NamesTable, Unit};
pub use texts::Texts;
pub use word_pairs::WordPairs;

use crate::error::DataError;
use crate::lexicon::Lexicon;
use crate::source::Extent;
use crate::texts::Collection;

/// What a corpus holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Names or words, each in several languages.
    Lexicon(Lexicon),
    /// Texts with or without labels.
    Texts(Collection),
}

impl From<Lexicon> for Content {
    fn from(lexicon: Lexicon) -> Self {
        Self::Lexicon(lexicon)
    }
}

impl From<Collection> for Content {
    fn from(collection: Collection) -> Self {
        Self::Texts(collection)
    }
}

/// What all kinds of corpus can do.
pub trait ReadCorpus {
    /// Reads the corpus.
    ///
    /// # Errors
    /// All faults of a file, each with its line; see [`crate::Fault`].
    fn read(&self, extent: Extent) -> Result<Content, DataError>;
}

kinds! {
    /// A corpus, by its published format.
    pub enum Corpus: dyn ReadCorpus {
        /// Names in several scripts, one column a language.
        NamesTable(NamesTable) = "names-table",
        /// Dakshina lexicons, one file a language.
        Dakshina(Dakshina) = "dakshina",
        /// Aksharantar word pairs, one file a language.
        Aksharantar(Aksharantar) = "aksharantar",
        /// Texts or pairs of texts, with or without labels.
        Texts(Texts) = "texts",
        /// Sentences whose words are tagged.
        Conll(Conll) = "conll",
        /// Made-up reviews, for trying a recipe without data.
        MadeUpReviews(MadeUpReviews) = "made-up-reviews",
        /// Made-up orders with tagged words, for trying a recipe without data.
        MadeUpOrders(MadeUpOrders) = "made-up-orders",
    }
}

impl ReadCorpus for Corpus {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        self.inner().read(extent)
    }
}
