//! The keys of a recipe.

use std::ops::Bound;

use alambic_data::{Corpus, RegionFiles, SplitOptions, batches::BatchOptions};
use alambic_losses::Loss;
use alambic_settings::{At, IndexMap, Location, OneOrMany, Several, choices, kinds, settings};
use alambic_students::{Purpose, Student};
use alambic_teachers::cache::Precision;
use alambic_teachers::{AugmentOptions, TeacherOptions};
use alambic_tensor::optimiser::AdamWOptions;
use alambic_tensor::precision::Products;
use alambic_tensor::schedule::{Linear, Schedule};

/// The version of the schema that this program reads.
pub const SCHEMA: u64 = 1;

settings! {
    /// A recipe: teachers, students and an ordered list of stages, with data, evaluation and report.
    pub struct Recipe {
        /// Version of the schema; 1 at present.
        pub schema: At<u64>,
        /// Name of the recipe; the run's folder is `runs/NAME` unless told otherwise.
        pub name: At<String>,
        /// One line for lists.
        pub description: String = String::new(),
        /// The seed from which all random streams are derived.
        pub seed: u64 = 1,
        /// How many times student and baseline are trained, with seeds counted up from `seed`.
        #[range(1..=10_000)]
        pub repetitions: usize = 1,
        /// Threads to compute with; left out, as many as the machine has.
        #[range(1..=4096)]
        pub threads: Option<usize>,
        /// The stages to run, in order.
        pub stages: At<Vec<At<String>>>,
        /// Corpora by name.
        pub data: IndexMap<String, DataOptions> = IndexMap::new(),
        /// Teachers by name.
        pub teacher: IndexMap<String, TeacherOptions> = IndexMap::new(),
        /// Students by name: every model that a stage trains, a teacher to be included.
        pub student: IndexMap<String, Student> = IndexMap::new(),
        /// How stages train unless they say otherwise.
        pub train: TrainOptions,
        /// The stages by name.
        pub stage: IndexMap<String, StageOptions> = IndexMap::new(),
        /// The student without a teacher, for comparison. Left out: none is trained.
        pub baseline: Option<BaselineOptions>,
        /// What teachers say of the texts of a stage, computed once.
        pub cache: CacheOptions,
        /// What the last stage's student is judged on.
        pub evaluation: At<EvaluationOptions>,
        /// How the student's folder is written.
        pub export: ExportOptions,
    }
}

settings! {
    /// A corpus and how it is parted.
    pub struct DataOptions {
        /// Where it lies, by its format.
        pub corpus: At<Corpus>,
        /// What a detector found in its images, for models that read regions. Left out: nothing is known of that.
        pub regions: Option<At<RegionFiles>>,
        /// How it is parted into training, validation and test.
        pub split: SplitOptions,
        /// Where it comes from, for the report and the student's card. Left out: the name of the file.
        pub source: Option<String>,
        /// The licence of its texts, for the report and the student's card.
        pub licence: Option<String>,
    }
}

settings! {
    /// One phase of training.
    pub struct StageOptions {
        /// The student that it trains. Left out: the only one.
        pub student: Option<At<String>>,
        /// The teacher that the losses look to.
        pub teacher: Option<At<String>>,
        /// What it trains on.
        pub data: At<StageData>,
        /// Loss terms by their method; a method may come several times.
        pub loss: Several<Loss>,
        /// Parameters whose name begins with one of these are left as they are.
        pub freeze: Vec<String> = Vec::new(),
        /// How it trains; keys left out are those of the recipe's `train`.
        pub train: TrainOptions,
    }
}

settings! {
    /// The examples of a stage: labelled pairs, source words alone, or both together, for models that write; texts, for
    /// models that read; questions and texts, for models that look at images; objects, for models that find them.
    pub struct StageData {
        /// Pairs whose target the corpus holds.
        pub pairs: OneOrMany<PairData> = OneOrMany(Vec::new()),
        /// Source words alone: the stage's teacher writes their targets.
        pub words: OneOrMany<WordData> = OneOrMany(Vec::new()),
        /// Texts or pairs of texts, with or without labels.
        pub texts: OneOrMany<TextData> = OneOrMany(Vec::new()),
        /// Sentences beside their translations, for models that bring both to one place.
        pub parallel: OneOrMany<ParallelData> = OneOrMany(Vec::new()),
        /// Questions about images, with their answers.
        pub questions: OneOrMany<QuestionData> = OneOrMany(Vec::new()),
        /// Texts about images, for pre-training.
        pub image_texts: OneOrMany<ImageTextData> = OneOrMany(Vec::new()),
        /// Images with their captions, for models that find one by the other.
        pub captions: OneOrMany<CaptionData> = OneOrMany(Vec::new()),
        /// Images with the objects that are in them, for detectors.
        pub objects: OneOrMany<ObjectData> = OneOrMany(Vec::new()),
    }
}

impl StageData {
    /// What a model that trains on it does.
    pub(crate) fn purpose(&self) -> Purpose {
        if !self.texts.is_empty() || !self.parallel.is_empty() {
            Purpose::Reads
        } else if !self.questions.is_empty() || !self.image_texts.is_empty() {
            Purpose::Answers
        } else if !self.captions.is_empty() {
            Purpose::Matches
        } else if !self.objects.is_empty() {
            Purpose::Detects
        } else {
            Purpose::Writes
        }
    }

    /// The corpora whose images are looked at.
    pub(crate) fn image_corpora(&self) -> Vec<&At<String>> {
        let asked = self.questions.iter().map(|own| &own.data);
        let told = self.image_texts.iter().map(|own| &own.data);
        let captioned = self.captions.iter().map(|own| &own.data);
        let found = self.objects.iter().map(|own| &own.data);
        asked.chain(told).chain(captioned).chain(found).flatten().collect()
    }

    /// Whether student and teacher read the same texts, and have one vocabulary for it.
    pub(crate) fn shares_vocabulary(&self) -> bool {
        self.parallel.is_empty() && self.questions.iter().all(|own| own.readings().are_alike())
    }

    /// Whether masked tokens are the task.
    pub(crate) fn masks(&self) -> bool {
        self.texts.iter().any(|texts| texts.mask.is_some())
    }
}

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
        pub rendered_by: Option<At<String>>,
        /// Share of the words of each direction, and of the English words that are rendered.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Texts or pairs of texts.
    pub struct TextData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a text or a pair, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub longest: usize = 128,
        /// Variants of the training texts that are trained on besides. Left out: none.
        pub augment: Option<AugmentOptions>,
        /// Makes saying what masked tokens were the stage's task, in place of the labels. Left out: the labels.
        pub mask: Option<MaskOptions>,
    }
}

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
    /// Sentences beside their translations, as in Reimers and Gurevych (2020): the teacher reads a sentence, and the student
    /// the sentence and its translation, each of which is to get the teacher's vector.
    pub struct ParallelData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// The language of the sentences.
        pub source: String = "en".to_owned(),
        /// The languages of their translations. Left out: all others that the corpora have.
        pub targets: Vec<At<String>> = Vec::new(),
        /// Names of corpora of texts in the source language that have no translations. Their training parts are read, too, so
        /// that the student is like the teacher also on what the sentences do not speak of; what any corpus keeps for
        /// validation or the test is left out.
        pub alone: Vec<At<String>> = Vec::new(),
        /// What the student reads.
        pub student_reads: Sides = Sides::Both,
        /// What the teacher reads.
        pub teacher_reads: Side = Side::Source,
        /// How often a language is met with: in proportion to the number of its translations to this power. 1 takes each once
        /// in an epoch, 0 all languages as often, and 0.7 is what multilingual models have used. Texts `alone` count as one
        /// more language.
        #[range(0.0..=1.0)]
        pub smoothing: f64 = 1.0,
        /// Share of the sentences, not of texts `alone`; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub longest: usize = 128,
    }
}

settings! {
    /// Questions about images. Student and teacher may be asked in different languages: what they then have in common is the
    /// image, as in cross-lingual visual question answering (cViL; Gupta et al., 2022).
    pub struct QuestionData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the images, with all that is asked of them; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Share of these images whose questions have their answers; what is asked of the others, the teacher alone answers.
        #[range(0.0..=1.0)]
        pub labelled: f64 = 1.0,
        /// The language in which the student is asked, by its code, or several in turn. Left out: the corpora's own.
        pub student_reads: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// The language in which the teacher is asked. Left out: the corpora's own.
        pub teacher_reads: Option<At<String>>,
        /// Most tokens of a question, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub longest: usize = 40,
    }
}

/// The languages in which questions are asked; none for the corpora's own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Readings<'o> {
    pub(crate) student: &'o [At<String>],
    pub(crate) teacher: Option<&'o At<String>>,
}

impl Readings<'_> {
    /// Whether student and teacher are asked in the same language.
    pub(crate) fn are_alike(self) -> bool {
        match (self.student, self.teacher) {
            ([], None) => true,
            ([own], Some(other)) => own.value == other.value,
            _ => false,
        }
    }
}

impl QuestionData {
    /// The languages in which they are asked.
    pub(crate) fn readings(&self) -> Readings<'_> {
        Readings { student: &self.student_reads, teacher: self.teacher_reads.as_ref() }
    }
}

settings! {
    /// Texts about images, for pre-training as Oscar+ has it (Zhang et al., 2021): captions, each with the tags of what is in
    /// the image as its second text, and questions, each with its answer.
    ///
    /// Some tokens are masked, which `cross-entropy` makes the student tell; and some of the examples have the second or the
    /// first text of another image, which `matching` makes it tell. Both are drawn anew in every epoch, and always the same
    /// for validation.
    pub struct ImageTextData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the images, with all that is said of them; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Whether captions are read, with the tags.
        pub captions: bool = true,
        /// Whether questions are read, with their answers.
        pub questions: bool = true,
        /// Most tokens of both texts, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub longest: usize = 60,
        /// Share of the examples whose second text is another image's.
        #[range(0.0..=0.5)]
        pub other_second: f64 = 0.25,
        /// Share of the examples whose first text is another image's. With 0, as in the first Oscar, two relations are told
        /// apart, and with more three.
        #[range(0.0..=0.5)]
        pub other_first: f64 = 0.25,
        /// Which tokens are masked.
        pub mask: MaskOptions,
    }
}

impl ImageTextData {
    /// How many relations of texts and image are told apart.
    pub(crate) fn relations(&self) -> usize {
        if self.other_first > 0.0 { 3 } else { 2 }
    }
}

settings! {
    /// Images with their captions: one of them in every epoch.
    pub struct CaptionData {
        /// Names of corpora whose images have captions.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a caption, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub longest: usize = 77,
    }
}

settings! {
    /// Images with the objects that are in them.
    pub struct ObjectData {
        /// Names of corpora that say where objects are.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Masked language modelling (Devlin et al., 2019): some tokens are masked, and the student says what they were.
    ///
    /// Of a text with n tokens that are not special, `probability · n` are chosen, rounded up or down at random, and at
    /// least one; anew in every epoch, and always the same for validation. `cross-entropy` counts the chosen tokens, the
    /// original ones being its labels; `logits` compares student and teacher, which read the same masked text, where
    /// `logits` says; losses over layers see every token. Checkpoints are chosen by the perplexity over the chosen
    /// tokens of the validation part.
    pub struct MaskOptions {
        /// Share of the tokens that are chosen.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Share of the chosen tokens that become the mask.
        #[range(0.0..=1.0)]
        pub masked: f64 = 0.8,
        /// Share of the chosen tokens that become a random token; what is left is kept as it is.
        #[range(0.0..=1.0)]
        pub random: f64 = 0.1,
        /// At which tokens student and teacher give logits of the vocabulary.
        pub logits: Compared = Compared::Masked,
    }
}

choices! {
    /// At which tokens logits are compared.
    pub enum Compared {
        /// At the chosen ones.
        Masked = "masked",
        /// At all of them, as DistilBERT's published code does unless told otherwise; that costs as much more as there
        /// are more tokens.
        All = "all",
    }
}

kinds! {
    /// An optimiser.
    pub enum Optimiser {
        /// Adam with weight decay apart from the gradient.
        AdamW(AdamWOptions) = "adamw",
    }
}

settings! {
    /// How a stage trains.
    pub struct TrainOptions {
        /// How many times the data is gone through. One of `epochs` and `steps` is needed; the smaller counts.
        #[range((Bound::Excluded(0.0), Bound::Included(1e6)))]
        pub epochs: Option<f64>,
        /// Most steps of the optimiser.
        #[range(1..)]
        pub steps: Option<usize>,
        /// How examples are gathered into batches.
        pub batch: BatchOptions,
        /// Batches whose gradients are added up for one step.
        #[range(1..=1_048_576)]
        pub accumulate: usize = 1,
        /// What updates the weights.
        pub optimiser: Optimiser = Optimiser::AdamW(AdamWOptions::default()),
        /// How the learning rate changes over the steps.
        pub schedule: Schedule = Schedule::Linear(Linear { warmup: 0.1 }),
        /// What numbers are multiplied as in the steps of the training, by the student and by a teacher that reads along.
        /// A teacher's outputs that are kept, and whatever models are judged by, are in `f32`. `int8` is for finished models.
        pub precision: Products = Products::F32,
        /// Largest norm of all gradients together; 0 for no limit.
        #[range(0.0..)]
        pub clip: f64 = 1.0,
        /// Decay of a running mean of the weights, which is what is validated and kept; 0 for none. 0.999 averages
        /// over about a thousand steps.
        #[range(0.0..=0.99999)]
        pub average: f64 = 0.0,
        /// Steps between validations.
        #[range(1..)]
        pub validate_every: usize = 500,
        /// Most examples that a validation writes.
        #[range(1..)]
        pub validation_examples: usize = 500,
        /// Validations without a better one after which the stage ends; left out, it runs to its end.
        #[range(1..)]
        pub patience: Option<usize>,
        /// Steps between checkpoints.
        #[range(1..)]
        pub checkpoint_every: usize = 200,
    }
}

settings! {
    /// The student without a teacher: same architecture, steps, batches and schedule, trained on labelled pairs.
    pub struct BaselineOptions {
        /// What it trains on.
        pub data: At<StageData>,
        /// Loss terms that need no teacher.
        pub loss: Several<Loss>,
    }
}

choices! {
    /// Whether a teacher's outputs are kept.
    pub enum CacheMode {
        /// The teacher reads along at every step.
        Off = "off",
        /// They are kept where texts are read twice or more, over all stages in which this teacher reads them, and their outputs
        /// fit under the limit.
        Auto = "auto",
        /// They are kept; it is an error if they cannot be.
        Required = "required",
    }
}

settings! {
    /// What a teacher says of the texts of a stage, computed once and kept on disk, for all epochs and seeds.
    ///
    /// Kept are the taps that the stage's losses look at: logits, hidden states, scores, queries, keys and values (of
    /// which relations are computed), embeddings. A cache belongs to the teacher's weights, its vocabulary, the texts and
    /// the formats; one that was made of something else is refused.
    pub struct CacheOptions {
        /// Whether they are kept.
        pub mode: CacheMode = CacheMode::Auto,
        /// A folder for them, in which each stage has one by its name. Left out: one in the run's folder, which is deleted
        /// when the run is done. Name one to use them in several runs, and to have `alambic cache` fill it ahead.
        pub folder: Option<Location>,
        /// Most GB that the outputs of a stage may take up.
        #[range(0.0..)]
        pub limit_gb: f64 = 8.0,
        /// The formats in which they are kept.
        #[flatten]
        pub precision: Precision,
    }
}

choices! {
    /// The number format of stored weights.
    pub enum StoredPrecision {
        /// 32 bits.
        F32 = "f32",
        /// 16 bits, IEEE half precision.
        F16 = "f16",
    }
}

settings! {
    /// How the student's folder is written.
    pub struct ExportOptions {
        /// The number format of its weights.
        pub precision: StoredPrecision = StoredPrecision::F32,
    }
}

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
        pub lowered: Vec<At<Products>> = Vec::new(),
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
    pub(crate) fn readings(&self) -> Readings<'_> {
        Readings { student: &self.student_reads, teacher: self.teacher_reads.as_ref() }
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
