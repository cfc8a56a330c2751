//! The published formats of corpora: one file each, and one line each in the list below.

mod aksharantar;
mod answers;
mod conll;
mod dakshina;
mod easy_vqa;
mod gqa;
mod image_captions;
mod image_questions;
mod json;
mod karpathy;
mod labels;
mod made_up_orders;
mod made_up_reviews;
mod made_up_scenes;
mod made_up_translations;
mod moses;
mod names_table;
mod parallel_table;
mod texts;
mod tmx;
mod vqa;
mod word_pairs;

use alambic_settings::kinds;

pub use aksharantar::Aksharantar;
pub use conll::{Conll, Scheme};
pub use dakshina::Dakshina;
pub use easy_vqa::EasyVqa;
pub use gqa::Gqa;
pub use image_captions::ImageCaptions;
pub use image_questions::ImageQuestions;
pub use karpathy::Karpathy;
pub use made_up_orders::MadeUpOrders;
pub use made_up_reviews::MadeUpReviews;
pub use made_up_scenes::MadeUpScenes;
pub use made_up_translations::MadeUpTranslations;
pub use moses::Moses;
pub use names_table::{NamesTable, Unit};
pub use parallel_table::ParallelTable;
pub use texts::Texts;
pub use tmx::Tmx;
pub use vqa::Vqa;
pub use word_pairs::WordPairs;

use crate::content::Content;
use crate::error::DataError;
use crate::mining::Mined;
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
    fn kept_files(&self) -> [bool; 2] {
        [false, false]
    }
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
        /// Sentences beside their translations, in a table.
        ParallelTable(ParallelTable) = "parallel-table",
        /// Sentences beside their translations, a file for each language.
        Moses(Moses) = "moses",
        /// Sentences beside their translations, in translation memories.
        Tmx(Tmx) = "tmx",
        /// Paraphrases, mined from sentences that have several translations.
        Mined(Mined) = "mined",
        /// Questions about images in a folder, in a table.
        ImageQuestions(ImageQuestions) = "image-questions",
        /// Images in a folder with their captions, in a table.
        ImageCaptions(ImageCaptions) = "image-captions",
        /// Captions of COCO, Flickr30k or Flickr8k with the splits of Karpathy.
        Karpathy(Karpathy) = "karpathy",
        /// Questions about photographs with the answers of ten people, as VQA v2 publishes them.
        Vqa(Vqa) = "vqa",
        /// Questions about photographs out of scene graphs, as GQA publishes them.
        Gqa(Gqa) = "gqa",
        /// Questions about drawn shapes, as easy-VQA publishes them.
        EasyVqa(EasyVqa) = "easy-vqa",
        /// Made-up reviews, for trying a recipe without data.
        MadeUpReviews(MadeUpReviews) = "made-up-reviews",
        /// Made-up orders with tagged words, for trying a recipe without data.
        MadeUpOrders(MadeUpOrders) = "made-up-orders",
        /// Made-up scenes of coloured shapes with questions about them, for trying a recipe without data.
        MadeUpScenes(MadeUpScenes) = "made-up-scenes",
        /// Made-up sentences in several languages, for trying a recipe without data.
        MadeUpTranslations(MadeUpTranslations) = "made-up-translations",
    }
}

impl ReadCorpus for Corpus {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        self.inner().read(extent)
    }
}
