//! Keys of the data: parallel sentences.

use alambic_settings::{At, OneOrMany, choices, settings};

use crate::tasks::fractions::ScaleFractions;

choices! {
    /// Which of a sentence and its translation are read.
    pub enum Sides {
        /// Both.
        Both = "both",
        /// The sentence in the source language.
        Source = "source",
        /// Its translation.
        Target = "target",
    }
}

choices! {
    /// Which of a sentence and its translation is read.
    pub enum Side {
        /// The sentence in the source language.
        Source = "source",
        /// Its translation.
        Target = "target",
    }
}

impl Sides {
    /// The side that is not read, if there is one.
    pub(crate) fn other(self) -> Option<Side> {
        match self {
            Self::Both => None,
            Self::Source => Some(Side::Target),
            Self::Target => Some(Side::Source),
        }
    }
}

settings! {
    /// Parallel sentences, as in Reimers and Gurevych (2020): the teacher reads a sentence, and the student
    /// the sentence and its translation, both of which are to get the teacher's embedding.
    pub struct ParallelData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// The language of the sentences.
        pub source: String = "en".to_owned(),
        /// The languages of their translations. Left out: all others that the corpora have.
        pub targets: Vec<At<String>> = Vec::new(),
        /// Names of corpora of texts in the source language that have no translations. Their training splits are read too, so
        /// that the student agrees with the teacher beyond the topics of the sentences; what is in the validation or test
        /// split of any corpus is left out.
        pub monolingual: Vec<At<String>> = Vec::new(),
        /// The side that the student reads.
        pub student_side: Sides = Sides::Both,
        /// The side that the teacher reads.
        pub teacher_side: Side = Side::Source,
        /// Sampling of languages: in proportion to the number of its translations to this power. 1 takes each once
        /// in an epoch, 0 all languages as often, and 0.7 is what multilingual models have used. Texts of `monolingual` count as one
        /// more language.
        #[range(0.0..=1.0)]
        pub smoothing: f64 = 1.0,
        /// Share of the sentences, not of texts of `monolingual`; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
    }
}

settings! {
    /// Parallel sentences.
    pub struct SentencesData {
        /// Parallel sentences, for models that embed both alike.
        pub parallel: OneOrMany<ParallelData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for SentencesData {
    fn scale_fractions(&mut self, share: f64) {
        self.parallel.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
