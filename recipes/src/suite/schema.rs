//! The keys of a suite file.

use alambic_data::benchmarks::{Benchmark, Layout};
use alambic_reports::suite::MeanOver;
use alambic_settings::{At, IndexMap, choices, settings};

pub use super::kinds::SuiteTaskKind;

/// The version of the schema that this program reads.
pub const SCHEMA: u64 = 1;

choices! {
    /// What the mean over all tasks is taken over.
    pub enum MeanOverChoice {
        /// The scores of all tasks, each counting as much.
        Tasks = "tasks",
        /// The means of all groups.
        Groups = "groups",
        /// Nothing: the benchmark has no mean over all tasks.
        Nothing = "nothing",
    }
}

impl From<MeanOverChoice> for MeanOver {
    fn from(choice: MeanOverChoice) -> Self {
        match choice {
            MeanOverChoice::Tasks => Self::Tasks,
            MeanOverChoice::Groups => Self::Groups,
            MeanOverChoice::Nothing => Self::Nothing,
        }
    }
}

choices! {
    /// The pieces of a word by whose tags it is scored.
    pub enum ScoredPieces {
        /// The first, whose tag is that of the word.
        First = "first",
        /// All: each piece counts as a word with its word's tag (`label_all_tokens`), and what is longer than an input is left out.
        All = "all",
    }
}

choices! {
    /// What becomes of padding in the mean over tokens that embeds a sentence.
    pub enum PaddingInMean {
        /// It is left out.
        Masked = "masked",
        /// Sentences are padded to the longest input, and all of its positions count.
        Counted = "counted",
    }
}

settings! {
    /// A suite: tasks in many languages, and how their values are averaged.
    pub struct Suite {
        /// Version of the schema; 1 at present.
        pub schema: At<u64>,
        /// Name of the suite.
        pub name: At<String>,
        /// One line for lists.
        pub description: String = String::new(),
        /// Code of the language of the training data.
        pub source: At<String>,
        /// What the mean over all tasks is taken over.
        pub mean_over: MeanOverChoice = MeanOverChoice::Tasks,
        /// Languages that no average counts, such as the source, or those that a model cannot read.
        pub average_without: Vec<At<String>> = Vec::new(),
        /// The tasks by name, in order. The name is that of the folder of predictions.
        pub task: IndexMap<String, SuiteTask>,
    }
}

settings! {
    /// A task of a suite.
    pub struct SuiteTask {
        /// Kinds of tasks of suites: what is predicted.
        pub kind: At<SuiteTaskKind>,
        /// Group of tasks with a mean of its own. Left out: none.
        pub group: Option<String>,
        /// Format of the benchmark: where its test part is, how its labels and predictions are read.
        pub corpus: At<Benchmark>,
        /// Codes of the languages that the averages are taken over.
        pub languages: At<Vec<At<String>>>,
        /// The metrics that count: the task's score is the mean of their averages.
        pub metrics: At<Vec<At<String>>>,
        /// Metrics that are shown beside them and count in no mean.
        pub shown: Vec<At<String>> = Vec::new(),
        /// Whether the score of the task is the mean of its metrics. Where the benchmark never takes it, as of images found by texts
        /// and texts found by images, the task has no score and counts in no mean.
        pub average_metrics: bool = true,
        /// How a model without the task's head is fine-tuned on the source. Left out: nothing is trained.
        pub train: Option<SuiteTrain>,
        /// The layer by whose states sentences are embedded, counted from 1, by the number of layers of a model that has no embedding of
        /// its own. Left out: the last.
        pub layers: IndexMap<String, usize> = IndexMap::new(),
        /// The pieces of a word by whose tags it is scored, and that are trained on. `all` gives other values than words do: it is
        /// how scripts score that label all tokens.
        pub pieces: ScoredPieces = ScoredPieces::First,
        /// What becomes of padding where sentences are embedded. `counted` reproduces scripts that take the mean over all positions:
        /// of the suite's layer, or the last, whatever pooling a model has.
        pub padding: PaddingInMean = PaddingInMean::Masked,
        /// Files of machine translations.
        pub translated: Translated,
        /// What a reader of the report should know of how the task is scored.
        pub note: String = String::new(),
        /// Training with a few examples of the target language.
        pub few_shot: Option<FewShot>,
    }
}

impl SuiteTask {
    /// The layout of its predictions.
    pub(super) fn layout(&self) -> Layout {
        match (self.corpus.layout(), self.pieces) {
            (Layout::Tags, ScoredPieces::All) => Layout::Pieces,
            (layout, _) => layout,
        }
    }

    /// The most tokens of an input.
    pub(super) fn max_length(&self) -> usize {
        self.train.as_ref().map_or(MAX_LENGTH, |train| train.max_length)
    }
}

/// The most tokens of an input where a suite does not say it.
const MAX_LENGTH: usize = 128;

settings! {
    /// Fine-tuning on the source, as the benchmark does it.
    pub struct SuiteTrain {
        /// Step size at the peak of the schedule.
        #[range(0.0..)]
        pub learning_rate: f64 = 2e-5,
        /// Times that the training data is gone through.
        #[range(1..=1000)]
        pub epochs: usize = 3,
        /// Examples of a step.
        #[range(1..=65_536)]
        pub batch: usize = 32,
        /// The most tokens of an input.
        #[range(1..=1_000_000)]
        pub max_length: usize = 128,
    }
}

settings! {
    /// Files of machine translations, by which a language is tested or trained in another way.
    pub struct Translated {
        /// Name of a language's test part translated into the source, for `translate-test`, as `corpus.*.file`. Left out: there is none.
        pub test: Option<String>,
        /// Name of the source's training part translated into a language, for `translate-train`. Left out: there is none.
        pub train: Option<String>,
    }
}

settings! {
    /// Training with a few examples of the target language: the first ones of a fixed file.
    pub struct FewShot {
        /// Name of the file of a language, in the task's folder; `{shots}` is how many.
        pub file: At<String>,
        /// How many examples, or images, there are files for.
        pub shots: Vec<usize> = Vec::new(),
        /// Codes of the languages that have such files. Left out: those of the task but the source.
        pub languages: Vec<At<String>> = Vec::new(),
    }
}
