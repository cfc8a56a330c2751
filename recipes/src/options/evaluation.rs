//! Keys of the evaluation.

use alambic_losses::NameVectors;
use alambic_models::GenerationConfig;
use alambic_settings::{At, IndexMap, Location, OneOrMany, choices, settings};
use alambic_teachers::DecodingOptions;
use alambic_tensor::precision::MatmulPrecision;

use super::languages::InputLanguages;

settings! {
    /// Evaluation of the last stage's student on the test splits of corpora, which are read once at the end.
    pub struct EvaluationOptions {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Directions such as `hi-ta`, `*-en` or `*-*`, where models write.
        pub directions: Vec<At<String>> = Vec::new(),
        /// Directions to leave out of these.
        pub except: Vec<At<String>> = Vec::new(),
        /// Metrics of the outputs, as `alambic list metrics` shows them; the first is the primary one. Left out: the usual ones of the
        /// task, to which those of written texts (`bleu`, `chrf`, `cider-d`, …) do not belong.
        pub metrics: Vec<At<String>> = Vec::new(),
        /// A file that says in how many images each n-gram is, by which `cider-d` weighs n-grams: JSON with `ref_len` and
        /// `document_frequency`. Left out: as the references of the examples have it.
        pub document_frequencies: Option<Location>,
        /// The teacher that the student is compared with. Left out: none.
        pub teacher: Option<At<String>>,
        /// Other teachers, all of them checkpoints, that are evaluated on the same examples.
        pub compare_with: Vec<At<String>> = Vec::new(),
        /// An encoder, among the teachers, by which each text has the class whose name is nearest to it, for comparison: the vectors of
        /// the names less their mean are compared with the text's by their cosine. It is trained on no label.
        pub nearest_label_name: Option<NameVectors>,
        /// Whether the student before any training is evaluated too, as `untrained`.
        pub untrained: bool = false,
        /// Whether translations are also retrieved by the mean hidden state of the tokens, of each layer of each model by itself, in
        /// both directions. The layer that is best on the stage's validation sentences is named; the test split chooses none.
        pub by_layer: bool = false,
        /// Lower precisions of matrix products in which the student is evaluated too, each as a model of its own.
        pub precisions: Vec<At<MatmulPrecision>> = Vec::new(),
        /// Languages in which the student, and the models compared with it, are asked about images. Of several, each is
        /// evaluated, and the others are compared with the first. Left out: the corpora's own.
        pub student_languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// The language in which the teacher is asked about images. Left out: the corpora's own.
        pub teacher_language: Option<At<String>>,
        /// Languages that `average-without` leaves out, the second average over the languages of texts or of questions. Left out:
        /// `source-language`, where there is one.
        pub average_without: Vec<At<String>> = Vec::new(),
        /// The language in which models learnt the task. The transfer ratio is the average over all other languages to the
        /// value in this one. Left out: there is none; of questions about images the first of `student-languages`.
        pub source_language: Option<At<String>>,
        /// Groups of languages by name, each with an average of its own: `{ held = ["da", "sr"], unreadable = ["ru"] }`.
        pub language_groups: IndexMap<String, Vec<At<String>>> = IndexMap::new(),
        /// Captions that are right of an image, where images are found by captions and captions by images.
        pub caption_relevance: CaptionRelevance = CaptionRelevance::Own,
        /// References that outputs are compared with.
        pub references: References = References::Corpus,
        /// Beams in decoding, of every model alike; 1 is greedy decoding.
        #[range(1..=1024)]
        pub beam: usize = 1,
        /// Beams of the teacher's decoding, where a student that writes greedily is compared with a teacher that searches. Left out: `beam`.
        #[range(1..=1024)]
        pub teacher_beam: Option<usize>,
        /// A teacher in CLIP's layout, trained on other images, by whose vectors drawn images are measured, and by whose states of patches
        /// images that are made of tokens.
        pub scorer: Option<At<String>>,
        /// A detector among the teachers, trained on other images, by which objects are looked for in drawn images.
        pub detector: Option<At<String>>,
        /// Images that the student draws of a text, of which the best one has a row of its own. The teacher is measured by the best of as
        /// many.
        #[range(1..=1024)]
        pub candidates: usize = 1,
        /// Largest number of tokens of an output.
        #[range(1..=1_048_576)]
        pub max_new_tokens: usize = 64,
        /// Rules of decoding, the same for every model.
        #[flatten]
        pub decoding: DecodingOptions,
        /// Largest number of examples, for each direction where models write.
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
        InputLanguages { student: &self.student_languages, teacher: self.teacher_language.as_ref() }
    }

    /// Decoding of every model that writes, the teacher aside.
    pub(crate) fn generation(&self) -> GenerationConfig {
        self.decoding.generation(self.beam, self.max_new_tokens)
    }

    /// The models that measure drawn images.
    pub(crate) fn judges(&self) -> impl Iterator<Item = &At<String>> {
        self.scorer.iter().chain(&self.detector)
    }

    /// Beams of the teacher's decoding.
    pub(crate) fn beam_of_teacher(&self) -> usize {
        self.teacher_beam.unwrap_or(self.beam)
    }
}

choices! {
    /// Captions that are right of an image.
    pub enum CaptionRelevance {
        /// Those that the corpus has of it.
        Own = "own",
        /// Those that are true of it as well: of a made-up scene the captions of others that say what it shows.
        True = "true",
    }
}

choices! {
    /// References that outputs are compared with.
    pub enum References {
        /// The forms that the corpora hold.
        Corpus = "corpus",
        /// Outputs of the teacher, where corpora hold no form for a direction.
        Teacher = "teacher",
    }
}
