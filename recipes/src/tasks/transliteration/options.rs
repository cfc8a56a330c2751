//! Keys of the data: words in several languages.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Labelled pairs: words whose target is in the corpus.
    pub struct PairData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Directions such as `hi-ta`, `*-en` or `*-*`.
        pub directions: Vec<At<String>>,
        /// Directions to leave out of these.
        pub except: Vec<At<String>> = Vec::new(),
        /// Share of the pairs of each direction; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Unlabelled source words.
    pub struct WordData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Directions such as `hi-ta` or `*-*`.
        pub directions: Vec<At<String>>,
        /// Directions to leave out of these.
        pub except: Vec<At<String>> = Vec::new(),
        /// A checkpoint that generates source words out of the English words of the corpora, in each source language
        /// (back-translation).
        pub back_translated_by: Option<At<String>>,
        /// Share of the words of each direction, and of the English words that are back-translated.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Words in several languages: labelled pairs, unlabelled source words, or both together.
    pub struct TransliterationData {
        /// Labelled pairs: words whose target is in the corpus.
        pub pairs: OneOrMany<PairData> = OneOrMany(Vec::new()),
        /// Unlabelled source words: the stage's teacher generates their targets.
        pub words: OneOrMany<WordData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for TransliterationData {
    fn scale_fractions(&mut self, share: f64) {
        self.pairs.0.iter_mut().for_each(|own| own.fraction *= share);
        self.words.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
