//! Keys of the mixing of languages.

use alambic_settings::{At, IndexMap, Location, choices, settings};

choices! {
    /// The words of tagged texts that are mixed.
    pub enum MixedWords {
        /// Those within spans.
        Spans = "spans",
        /// Those outside of spans.
        Outside = "outside",
    }
}

choices! {
    /// Capitals of mixed texts.
    pub enum MixedCase {
        /// Words that are not replaced stay as they are. A translation of a word that the dictionary has as it is written is taken as the
        /// dictionary has it; of one that it has in small letters alone, it gets the capitals of the word.
        Keep = "keep",
        /// All words of a mixed text are put in small letters, replaced or not, as the published code of CLG-VQA does.
        Lower = "lower",
    }
}

settings! {
    /// Texts mixed with words of other languages, anew in every epoch.
    ///
    /// Of each training text of the corpus, `text` is the probability that it is mixed. Of each word of a mixed text, `word` is the
    /// probability that it is to be replaced: a language is drawn, all of them alike, and if its dictionary has the word, one of its
    /// translations, all of them alike (Nooralahzadeh and Sennrich, 2023, after Qin et al., 2020). Words end at white space;
    /// punctuation around a word stays where it is, and a word is looked up as it is written and then in small letters. Tags
    /// stay with their words: of a word that becomes two both have its tag, the beginning and the end of a span being moved
    /// to the first and the last. What is drawn depends on seed, epoch and text alone. Texts are mixed as they are written, before a
    /// tokenizer normalises them or writes them in one script. Validation and test texts are never mixed.
    pub struct MixingOptions {
        /// Dictionaries by the code of their language: files of two columns, a word and a translation of it, separated by a tab or else
        /// by white space, as MUSE publishes them. A word with several translations has several lines. A first line with the
        /// codes of both languages is a header.
        pub dictionaries: IndexMap<String, Location> = IndexMap::new(),
        /// Codes of the languages that are mixed in: those of `dictionaries` and of the recipe's `dictionary.CODE`. Left out: all
        /// of both.
        pub languages: Vec<At<String>> = Vec::new(),
        /// Code of the language whose texts are mixed, where a corpus has several. Left out: all texts are.
        pub source_language: Option<At<String>>,
        /// Probability of each word to be replaced, if the dictionary has it.
        #[range(0.0..=1.0)]
        pub word: f64 = 0.9,
        /// Probability of each text to be mixed.
        #[range(0.0..=1.0)]
        pub text: f64 = 1.0,
        /// The words of tagged texts that are mixed. Left out: all.
        pub within: Option<MixedWords>,
        /// Capitals of mixed texts.
        pub case: MixedCase = MixedCase::Keep,
    }
}

settings! {
    /// A dictionary induced from sentences and their translations, by IBM model 1 in both directions (Brown et al., 1993).
    ///
    /// `f` is a translation of the word `e` if `t(f|e)` is at least `min-probability` and `f` is among the `best` most probable
    /// translations of `e`, `e` among the `best` of `f`, and both are in the sentences of at least `min-count` pairs. Words are in
    /// small letters, without punctuation around them. Scripts without blanks are cut into the longest stretches that stand by
    /// themselves, between blanks or punctuation, in at least `min-count` sentences, and into single characters elsewhere.
    pub struct ParallelDictionary {
        /// Name of a corpus of parallel sentences, of which the training split is read.
        pub data: At<String>,
        /// Code of the language of the words that are looked up. Left out: the corpus's other language, where it has two.
        pub source_language: Option<At<String>>,
        /// Least probability `t(f|e)` of a translation.
        #[range(0.0..=1.0)]
        pub min_probability: f64 = 0.1,
        /// Number of the most probable words, in each direction, among which the other one has to be.
        #[range(1..)]
        pub best: usize = 3,
        /// Least number of pairs of sentences that have both words.
        #[range(1..)]
        pub min_count: usize = 3,
        /// Iterations of expectation maximisation.
        #[range(1..=100)]
        pub iterations: usize = 5,
    }
}
