//! Keys of the data: words or sentences in several languages.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Labelled pairs: words or sentences whose target is in the corpus.
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
    /// Unlabelled sources: words or sentences.
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
        /// Share of the words or sentences of each direction, and of the English words that are back-translated.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Words or sentences in several languages: labelled pairs, unlabelled sources, or both together.
    pub struct GenerationData {
        /// Labelled pairs: words or sentences whose target is in the corpus.
        pub pairs: OneOrMany<PairData> = OneOrMany(Vec::new()),
        /// Unlabelled sources: the stage's teacher generates their targets.
        pub words: OneOrMany<WordData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for GenerationData {
    fn scale_fractions(&mut self, share: f64) {
        self.pairs.0.iter_mut().for_each(|own| own.fraction *= share);
        self.words.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
