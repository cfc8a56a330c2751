//! Keys of the evaluation.

use alambic_settings::{At, OneOrMany, choices, settings};
use alambic_tensor::precision::MatmulPrecision;

use super::languages::InputLanguages;

settings! {
    /// What the last stage's student is judged on: the test parts of corpora, read once at the end.
    pub struct EvaluationOptions {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Directions such as `hi-ta`, `*-en` or `*-*`, where models write.
        pub directions: Vec<At<String>> = Vec::new(),
        /// Directions to leave out of these.
        pub except: Vec<At<String>> = Vec::new(),
        /// What outputs are measured by; models are judged by the first, and it chooses checkpoints. Left out: what
        /// suits the data.
        pub metrics: Vec<At<String>> = Vec::new(),
        /// The teacher that the student is compared with. Left out: none.
        pub teacher: Option<At<String>>,
        /// Other teachers, checkpoints all, that are judged on the same as the student, by their names.
        pub beside: Vec<At<String>> = Vec::new(),
        /// Whether the student as it was before any training is judged, too, as `untrained`.
        pub untrained: bool = false,
        /// Lower precisions in which the student's products are made to judge it once more, each as a model beside it.
        pub lowered: Vec<At<MatmulPrecision>> = Vec::new(),
        /// The language in which the student and those beside it are asked about images, or several: they are then judged on
        /// each, and the first is that which the others are compared with. Left out: the corpora's own.
        pub student_reads: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// The language in which the teacher is asked about images. Left out: the corpora's own.
        pub teacher_reads: Option<At<String>>,
        /// What outputs are held against.
        pub references: References = References::Corpus,
        /// Hypotheses kept in decoding, for every model alike; 1 is greedy.
        #[range(1..=1024)]
        pub beam: usize = 1,
        /// Most tokens of an output.
        #[range(1..=1_048_576)]
        pub longest: usize = 64,
        /// Most examples, of each direction where models write.
        #[range(1..)]
        pub limit: Option<usize>,
        /// Examples that are timed, one at a time and in batches, for each model in turn.
        #[range(1..)]
        pub timed_examples: usize = 200,
    }
}

impl EvaluationOptions {
    /// The languages in which questions about images are asked.
    pub(crate) fn languages(&self) -> InputLanguages<'_> {
        InputLanguages { student: &self.student_reads, teacher: self.teacher_reads.as_ref() }
    }
}

choices! {
    /// What outputs are held against.
    pub enum References {
        /// The forms that the corpora hold.
        Corpus = "corpus",
        /// What the teacher writes, where corpora hold no form for a direction.
        Teacher = "teacher",
    }
}
