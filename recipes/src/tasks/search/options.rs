//! Keys of the data: queries with passages.

use alambic_data::Bm25;
use alambic_settings::{At, OneOrMany, choices, settings};

use crate::tasks::fractions::ScaleFractions;

choices! {
    /// How a student scores a passage for a query.
    pub enum EncoderType {
        /// By the similarity of the vectors that it gives to each by itself: it retrieves passages of any number, whose vectors are
        /// computed once.
        BiEncoder = "bi-encoder",
        /// By one logit for query and passage, read together: it reranks the few that something faster has retrieved.
        CrossEncoder = "cross-encoder",
    }
}

choices! {
    /// Similarity of two vectors.
    pub enum Similarity {
        /// Their cosine.
        Cosine = "cosine",
        /// Their dot product.
        Dot = "dot",
    }
}

settings! {
    /// Queries with passages, of which a student learns which are relevant.
    ///
    /// The list of a query in an epoch has one relevant passage, each in turns, and others that are not: those of the corpus, and mined
    /// ones, which BM25 finds for the query and nobody has judged. Checkpoints are chosen by nDCG at 10 over what BM25 finds first for
    /// the queries of the validation split, with the judged passages. In the evaluation a bi-encoder searches all passages of a
    /// corpus, and a cross-encoder reranks what BM25 finds first; BM25 by itself is evaluated, too.
    pub struct SearchOptions {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// How the student scores passages.
        pub encoder: EncoderType = EncoderType::BiEncoder,
        /// Similarity of the vectors of a bi-encoder, student or teacher.
        pub similarity: Similarity = Similarity::Cosine,
        /// What the scores of a student that is a bi-encoder are multiplied by for the losses; a cosine lies between -1 and 1, and a
        /// softmax over such numbers is flat. Left out: 20 for `cosine`, 1 for `dot`.
        #[range(alambic_settings::above(0.0))]
        pub scale: Option<f64>,
        /// Number of relevant passages of a list; where a query has more, they take turns.
        #[range(1..=1024)]
        pub positives: usize = 1,
        /// Number of other passages of a list, drawn anew in every epoch.
        #[range(1..=1024)]
        pub negatives: usize = 7,
        /// Number of passages that are mined for each query: the best of BM25 that are not judged. 0: none.
        #[range(0..=10_000)]
        pub mined_negatives: usize = 0,
        /// How fast repeated words saturate in BM25.
        #[range(0.0..=100.0)]
        pub k1: f64 = Bm25::K1,
        /// How much the length of a passage counts in BM25.
        #[range(0.0..=1.0)]
        pub b: f64 = Bm25::B,
        /// Number of passages that BM25 finds first and a cross-encoder reranks, in the evaluation.
        #[range(1..=100_000)]
        pub rerank: usize = 100,
        /// Number of passages that BM25 finds first among which a validation ranks.
        #[range(1..=100_000)]
        pub validation_rerank: usize = 20,
        /// Share of the queries; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Largest number of tokens of a query, of a passage, or of both where they are read together, the special ones included;
        /// what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 256,
    }
}

settings! {
    /// Queries with passages.
    pub struct SearchData {
        /// Queries with passages, for models that retrieve or rerank.
        pub search: OneOrMany<SearchOptions> = OneOrMany(Vec::new()),
    }
}

impl SearchOptions {
    /// What a student's scores are multiplied by for the losses.
    pub(super) fn scale(&self) -> f64 {
        match (self.encoder, self.similarity) {
            (EncoderType::CrossEncoder, _) => 1.0,
            (EncoderType::BiEncoder, Similarity::Cosine) => self.scale.unwrap_or(20.0),
            (EncoderType::BiEncoder, Similarity::Dot) => self.scale.unwrap_or(1.0),
        }
    }

    /// All but the corpora and the share, which tables of one stage have in common.
    pub(super) fn reading(&self) -> Self {
        Self { data: Vec::new(), fraction: 1.0, ..self.clone() }
    }
}

impl ScaleFractions for SearchData {
    fn scale_fractions(&mut self, share: f64) {
        self.search.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
