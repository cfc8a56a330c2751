//! Keys of the data: sentences of one language.

use alambic_settings::{At, OneOrMany, choices, settings};

use crate::tasks::fractions::ScaleFractions;

choices! {
    /// Examples that are made of the rows of corpora.
    pub enum SentenceExamples {
        /// Each text by itself and once, also those of pairs: what a teacher's embeddings are learnt from.
        Texts = "texts",
        /// The two texts of a row, with its number as their score where there is one, and with its hard negatives.
        Pairs = "pairs",
        /// Each text as a pair with itself, of which both are read under a dropout of their own: in-batch contrast without labels
        /// (`SimCSE`; Gao et al., 2021).
        Dropout = "dropout",
    }
}

choices! {
    /// What of a teacher's embeddings is learnt.
    pub enum SentenceTargets {
        /// The embeddings themselves. A loss brings vectors of another width to theirs by a projection that is trained along.
        Pooled = "pooled",
        /// Their principal components over the training texts, as many as the student's embeddings have numbers, rotated towards
        /// those of the untrained student.
        Components = "components",
    }
}

settings! {
    /// Sentences of one language. A text that also stands in a validation or test split of any corpus, letters and digits alone
    /// being compared, is never trained on.
    pub struct SentenceData {
        /// Names of corpora of texts.
        pub data: Vec<At<String>>,
        /// Examples that are made of their rows.
        pub examples: SentenceExamples = SentenceExamples::Texts,
        /// What of the teacher's embeddings is learnt.
        pub targets: SentenceTargets = SentenceTargets::Pooled,
        /// Score of two texts that have nothing in common. Scores of pairs are scaled, so that it is 0.
        pub lowest_score: f64 = 0.0,
        /// Score of two texts that say the same. Scores of pairs are scaled, so that it is 1.
        pub highest_score: f64 = 1.0,
        /// Share of the rows; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
    }
}

settings! {
    /// Sentences of one language.
    pub struct SimilarityData {
        /// Sentences of one language, for models that embed each by itself.
        pub sentences: OneOrMany<SentenceData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for SimilarityData {
    fn scale_fractions(&mut self, share: f64) {
        self.sentences.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
