//! Keys of rewriting.

use alambic_settings::{Location, choices, settings};

choices! {
    /// How much of a caption is another in a false one.
    pub enum RewriteLevel {
        /// All of it: the nearest caption of another image.
        Sentence = "sentence",
        /// A phrase: an object with its attributes, or several words of a lexicon.
        Phrase = "phrase",
        /// A word: an object, an attribute or a relation, or a word of a lexicon.
        Word = "word",
    }
}

impl RewriteLevel {
    /// All levels.
    pub const ALL: [Self; 3] = [Self::Sentence, Self::Phrase, Self::Word];
}

settings! {
    /// Other images and texts that are alike, as weak positives.
    pub struct Retrieved {
        /// Images whose captions are nearest to a caption.
        #[range(0..=100)]
        pub images: usize = 1,
        /// Captions of other images that are nearest to a caption.
        #[range(0..=100)]
        pub texts: usize = 1,
    }
}

settings! {
    /// Rewriting of captions (UNIMO, Li et al., 2021, section 3.1): others that say the same, and hard negatives, which are false.
    ///
    /// Captions of made-up scenes are parsed, and an object, an attribute or a relation is changed. In other captions, words and phrases
    /// of a lexicon become others of their kind: of the file `lexicon`, and of the captions and tags of pictures of one category, where
    /// the corpus knows categories. Other words of the same are a scene's caption in another order, and the other captions of a
    /// picture. A negative is checked to be false where the corpus can tell: of a made-up scene by what it shows, else by the captions
    /// and tags of the picture and its group. What is nearest is so by BM25, among the captions of the training part.
    pub struct RewriteOptions {
        /// The levels of negatives, in equal shares. Where one has too few for a caption, the others have more.
        pub levels: Vec<RewriteLevel> = RewriteLevel::ALL.to_vec(),
        /// Most captions in other words of each.
        #[range(0..=100)]
        pub positives: usize = 1,
        /// Most false captions of each.
        #[range(0..=100)]
        pub negatives: usize = 8,
        /// Other images and texts that are alike.
        pub retrieved: Retrieved,
        /// A table in TSV, CSV, JSON lines or Parquet with columns `kind` and `phrase`: a phrase becomes another of its kind. Left out:
        /// none.
        pub lexicon: Option<Location>,
    }
}
