//! Options of text augmentation.

use alambic_settings::{At, settings};

settings! {
    /// Text augmentation word by word; variants have the labels of their texts.
    ///
    /// After TinyBERT (Jiao et al., 2020): in each variant, each word of letters that is no stop word is replaced with
    /// a probability by one of its candidates, all of them equally likely. Candidates are the words that a masked
    /// language model finds likeliest in the place of the word, reading the text with the word masked and then the
    /// text itself; or, without such a model and for words of several pieces, those whose input embeddings are nearest
    /// by cosine, the embedding of several pieces being their mean. A candidate is a whole word of the vocabulary and
    /// never the word itself or a single letter of the alphabet. Of pairs both texts are augmented at once, each word on its
    /// own; the published code augments one text at a time with the last variant of the other. Variants that equal
    /// another text of the training, or as one of the validation and test splits, are left out. Only
    /// training texts are augmented.
    pub struct AugmentOptions {
        /// Most variants of each text; the text itself is kept as well.
        #[range(1..=100_000)]
        pub variants: usize = 20,
        /// Candidates for each word.
        #[range(1..=100_000)]
        pub candidates: usize = 15,
        /// Probability that a word is replaced.
        #[range(0.0..=1.0)]
        pub probability: f64 = 0.4,
        /// A checkpoint with a masked-language head, which proposes candidates. Left out: neighbours only.
        pub model: Option<At<String>>,
        /// A checkpoint whose input embeddings decide the neighbours of words. Left out: `model`, or else the stage's
        /// teacher.
        pub teacher: Option<At<String>>,
        /// Words that are never replaced, in lower case. Left out: English words that carry grammar; an empty list for
        /// none.
        pub stop_words: Option<Vec<String>>,
    }
}
