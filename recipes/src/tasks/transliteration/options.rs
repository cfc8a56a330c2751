//! Keys of the data: words in several languages.

use alambic_settings::{At, OneOrMany, settings};

settings! {
    /// Pairs whose target the corpus holds.
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
    /// Source words alone.
    pub struct WordData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Directions such as `hi-ta` or `*-*`.
        pub directions: Vec<At<String>>,
        /// Directions to leave out of these.
        pub except: Vec<At<String>> = Vec::new(),
        /// A checkpoint that writes the English words of the corpora in each source language; what it writes is read as
        /// source words too.
        pub back_translated_by: Option<At<String>>,
        /// Share of the words of each direction, and of the English words that are back-translated.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Words in several languages: labelled pairs, source words alone, or both together.
    pub struct TransliterationData {
        /// Pairs whose target the corpus holds.
        pub pairs: OneOrMany<PairData> = OneOrMany(Vec::new()),
        /// Source words alone: the stage's teacher writes their targets.
        pub words: OneOrMany<WordData> = OneOrMany(Vec::new()),
    }
}
