//! The keys of a recipe.

use alambic_losses::Loss;
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::{At, IndexMap, Several, choices, settings};
use alambic_students::Student;
use alambic_teachers::TeacherOptions;

use crate::options::cache::CacheOptions;
use crate::options::card::AxisValues;
use crate::options::data::DataOptions;
use crate::options::dictionary::DictionaryOptions;
use crate::options::evaluation::EvaluationOptions;
use crate::options::export::ExportOptions;
use crate::options::sparse::Sparse;
use crate::options::train::TrainOptions;
use crate::tasks::StageData;

/// The version of the schema that this program reads.
pub const SCHEMA: u64 = 1;

settings! {
    /// A recipe: teachers, students and an ordered list of stages, with data, evaluation and report.
    pub struct Recipe {
        /// Version of the schema; 1 at present.
        pub schema: At<u64>,
        /// Name of the recipe; the run's folder is `runs/NAME` by default.
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
        /// Dictionaries that are made, by the code of the language of their translations, for `data.NAME.mixing`.
        pub dictionary: IndexMap<String, DictionaryOptions> = IndexMap::new(),
        /// Teachers by name.
        pub teacher: IndexMap<String, TeacherOptions> = IndexMap::new(),
        /// Models that stages train, by name and architecture: students, and teachers where a stage trains them.
        pub model: IndexMap<String, Student> = IndexMap::new(),
        /// How stages train; keys of a stage's own `train` go before these.
        pub train: TrainOptions,
        /// The stages by name.
        pub stage: IndexMap<String, StageOptions> = IndexMap::new(),
        /// Baseline: the student without a teacher, on the labels that a user would have. The verdict compares the student
        /// with it. Left out: none is trained.
        pub baseline: Option<BaselineOptions>,
        /// Upper bound: the student without a teacher on labels that a user of this recipe would not have, such as all
        /// end-to-end pairs where the teacher needs none. It is evaluated beside the baseline; the student is never compared
        /// with it for the verdict. Left out: none is trained.
        pub upper_bound: Option<BaselineOptions>,
        /// Cache of teacher outputs.
        pub cache: CacheOptions,
        /// Evaluation of the last stage's student.
        pub evaluation: At<EvaluationOptions>,
        /// How the student's folder is written.
        pub export: ExportOptions,
        /// What the model card says of the student beside what the program knows of it: an axis of the vocabulary of cards, and one of
        /// its values, or several (`setting = "zero-shot"`). `alambic list vocabulary` shows the axes, `alambic explain
        /// vocabulary.AXIS` the values of one.
        pub card: IndexMap<String, AxisValues> = IndexMap::new(),
    }
}

impl Recipe {
    /// Trainings of the student without a teacher, by the name of their table.
    pub(crate) fn baselines(&self) -> impl Iterator<Item = (&'static str, &BaselineOptions)> {
        let both = [(BASELINE, &self.baseline), (UPPER_BOUND, &self.upper_bound)];
        both.into_iter().filter_map(|(name, options)| Some((name, options.as_ref()?)))
    }
}

settings! {
    /// One phase of training.
    pub struct StageOptions {
        /// The student that it trains. Left out: the only one.
        pub student: Option<At<String>>,
        /// The teacher that the losses compare with.
        pub teacher: Option<At<String>>,
        /// The training data.
        pub data: At<StageData>,
        /// Loss terms by their method; a method may come several times.
        pub loss: Several<Loss>,
        /// Parameters whose name begins with one of these are left as they are.
        pub freeze: Vec<String> = Vec::new(),
        /// Choice of a part of the weights, by rounds of training. Left out: all are trained.
        pub sparse: Option<Sparse>,
        /// An earlier stage with `sparse` whose choice this one keeps to: what was pruned stays zero, and what was not chosen stays
        /// as it is.
        pub masked_by: Option<At<String>>,
        /// How it trains; keys left out are those of the recipe's `train`.
        pub train: TrainOptions,
    }
}

impl StageOptions {
    /// How many times the stage goes through its training.
    pub(crate) fn trainings(&self) -> usize {
        self.sparse.as_ref().map_or(1, Sparse::trainings)
    }
}

choices! {
    /// From what a baseline starts, where the student starts from the weights of a teacher.
    pub enum BaselineStart {
        /// Once from these weights, and once from random ones.
        Both = "both",
        /// From random weights alone.
        Random = "random",
    }
}

settings! {
    /// The student without a teacher: same architecture, steps, batches and schedule, trained on labelled pairs.
    pub struct BaselineOptions {
        /// The training data.
        pub data: At<StageData>,
        /// Loss terms that need no teacher.
        pub loss: Several<Loss>,
        /// From what it starts, where the student starts from the weights of a teacher: from these and from random weights, or, for a
        /// student that no teacher trains, from random ones alone: from the student's own weights it would be trained as the student
        /// once more, and the verdict would say nothing of where these come from. An upper bound starts as the student does.
        pub start: BaselineStart = BaselineStart::Both,
    }
}
