//! Faults of files of benchmarks: labels, and predictions in the layouts of their submissions.

use alambic_files::text::quoted;

/// Number of ids that a message lists.
const NAMED: usize = 5;

/// Fault of a file of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BenchmarkFault {
    /// A file of another number of predictions than there are labels.
    #[error("{found} {what} where the labels in {labels} have {expected}")]
    Count {
        /// What is counted: lines, sentences, captions.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the labels have.
        expected: usize,
        /// The file of the labels.
        labels: String,
    },
    /// A sentence of another number of tags than its labels have.
    #[error("sentence {sentence} has {found} tags, and in {labels} it has {expected}")]
    SentenceLength {
        /// The sentence, counted from 1.
        sentence: usize,
        /// Its tags.
        found: usize,
        /// Those of the labels.
        expected: usize,
        /// The file of the labels.
        labels: String,
    },
    /// A prediction for a question that is not in the labels.
    #[error("the id `{}` is not in the labels {labels}", quoted(.id))]
    UnknownId {
        /// The id.
        id: String,
        /// The file of the labels.
        labels: String,
    },
    /// Questions without a prediction.
    #[error("{} of {expected} questions have no prediction, the first of them {}", .ids.len(), first(.ids))]
    MissingIds {
        /// Their ids.
        ids: Vec<String>,
        /// The questions of the labels.
        expected: usize,
    },
    /// A file that is laid out otherwise than the predictions or labels of its task.
    #[error("{expected} is expected here, and this is {found}")]
    OtherLayout {
        /// What is expected.
        expected: &'static str,
        /// What is found.
        found: String,
    },
    /// Labels that a benchmark has taken out of its test part.
    #[error("the test part is without labels here: {0}")]
    NoLabels(&'static str),
    /// A file of labels where inputs are needed.
    #[error("a model is asked about inputs, and this file has labels alone")]
    NoInputs,
    /// Inputs that are not those of the labels.
    #[error(
        "the {found} inputs of `{}` in `{}` are not those of these {expected} labels",
        quoted(.task), quoted(.language)
    )]
    OtherInputs {
        /// The task.
        task: String,
        /// The language.
        language: String,
        /// How many inputs there are.
        found: usize,
        /// How many labels there are.
        expected: usize,
    },
    /// A task about images without their folder.
    #[error("there is no folder of images here")]
    NoImageFolder,
    /// A question, sentence or caption that names no image.
    #[error("{what} names no image: it has no `{key}`")]
    WithoutImage {
        /// What does not.
        what: String,
        /// The key that would.
        key: &'static str,
    },
    /// A question without words.
    #[error("{0} has no text")]
    WithoutText(String),
    /// A question of a file of labels that is without its answer.
    #[error("the question `{}` has no `answer`", quoted(.0))]
    WithoutAnswer(String),
    /// Regions of another width than a model reads.
    #[error("the regions have {found} features, and the model `{}` reads {expected}", quoted(.model))]
    RegionWidth {
        /// The model.
        model: String,
        /// Features of a region.
        found: usize,
        /// Features that the model reads.
        expected: usize,
    },
    /// Columns in the order of another file.
    #[error(
        "`{}` stands first and `{}` second, and in {labels} ids of `{}…` stand first",
        quoted(.first), quoted(.second), quoted(.expected)
    )]
    CrossedColumns {
        /// The id in the first column.
        first: String,
        /// The id in the second column.
        second: String,
        /// How ids of the first column of the labels begin.
        expected: String,
        /// The file of the labels.
        labels: String,
    },
    /// Sentences of two languages that stand in each other's place.
    #[error(
        "{wrong} of {sentences} sentences of `{}` have no letter of its script, and those of `{}` have",
        quoted(.language), quoted(.other)
    )]
    CrossedLanguages {
        /// The language.
        language: String,
        /// The language beside it.
        other: String,
        /// How many sentences there are.
        sentences: usize,
        /// Those without a letter of its script.
        wrong: usize,
    },
    /// Labels of a language of which none is one of another language's.
    #[error("none of the labels of `{}` is one of those of `{}`: {} and {}", quoted(.language), quoted(.other), first(.labels), first(.others))]
    DifferentLabels {
        /// The language.
        language: String,
        /// Its labels.
        labels: Vec<String>,
        /// The language that it is compared with.
        other: String,
        /// The labels of that.
        others: Vec<String>,
    },
    /// A file without anything in it.
    #[error("the file has no example")]
    NoExamples,
    /// An id that does not begin as those of its column do.
    #[error("`{}` does not begin with `{}`, as ids of this column do in {labels}", quoted(.id), quoted(.expected))]
    OtherIds {
        /// The id.
        id: String,
        /// How ids of its column begin.
        expected: String,
        /// The file of the labels.
        labels: String,
    },
    /// A place beyond the last one.
    #[error("the place {found} is beyond the last one, {last}; places are counted from 0")]
    PlaceBeyond {
        /// The place found.
        found: usize,
        /// The last that there is.
        last: usize,
    },
    /// A piece of a word behind a piece of a later word.
    #[error("a piece of word {found} stands behind one of word {before}")]
    WordOrder {
        /// The place of its word.
        found: usize,
        /// The place of the word before.
        before: usize,
    },
    /// A place that a ranking has twice.
    #[error("ranking {ranking} has the place {place} twice")]
    PlaceTwice {
        /// The ranking, counted from 1.
        ranking: usize,
        /// The place.
        place: usize,
    },
    /// A line with nothing on it where a prediction is expected.
    #[error("the line is empty")]
    EmptyLine,
    /// No row of a file is of the language that is asked for.
    #[error("no row is of the language `{}`", quoted(.0))]
    NoLanguage(String),
    /// A language that a benchmark does not have.
    #[error("the benchmark does not have the language `{}`", quoted(.0))]
    UnknownLanguage(String),
    /// A tree of dependencies that cannot be read.
    #[error("not a word of CoNLL-U: {0}")]
    NotWord(String),
    /// An utterance whose marked slots cannot be read.
    #[error("the slots of `{}` do not close", quoted(.0))]
    OpenSlot(String),
}

impl BenchmarkFault {
    /// Whether a file is without labels, as test parts are published for submissions.
    #[must_use]
    pub fn is_without_labels(&self) -> bool {
        matches!(self, Self::NoLabels(_))
    }

    /// Help for the user: one action that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Count { .. } | Self::SentenceLength { .. } => {
                "predict every example of the test part, in its order".into()
            }
            Self::UnknownId { .. } => {
                "check that predictions and labels are of one benchmark and one language".into()
            }
            Self::MissingIds { .. } => "predict every question of the test part".into(),
            Self::OtherLayout { .. } => {
                "check that the file is of this task; docs/suites.md shows the layout of each".into()
            }
            Self::NoLabels(_) => {
                "give the raw download of the benchmark, which has them, or files of labels alone".into()
            }
            Self::NoInputs => {
                "name the folder of the data by `--data`, and that of labels by `--labels`".into()
            }
            Self::OtherInputs { .. } => {
                "check that inputs and labels are of one version of the benchmark, and columns in their order"
                    .into()
            }
            Self::NoImageFolder => {
                "put the images there, or name their folder by `images` of the task's corpus in the suite"
                    .into()
            }
            Self::WithoutImage { .. } | Self::WithoutText(_) => {
                "fetch the file anew, or leave the row out of inputs and labels".into()
            }
            Self::WithoutAnswer(_) => "give every question its answer, or none".into(),
            Self::RegionWidth { .. } => {
                "name other files by `regions` of the task's corpus in the suite, or leave the model out"
                    .into()
            }
            Self::CrossedColumns { .. } => "exchange the two columns".into(),
            Self::CrossedLanguages { .. } => "exchange the two files, or the two columns".into(),
            Self::DifferentLabels { .. } => {
                "name classes alike in all languages: a model that was trained in one answers in its labels"
                    .into()
            }
            Self::NoExamples => {
                "fetch the file anew, or leave the language out of the task's `languages`".into()
            }
            Self::OtherIds { .. } => "check that the file is of this language".into(),
            Self::PlaceBeyond { .. } => {
                "check that places count lines, or images in the order of their file".into()
            }
            Self::WordOrder { .. } => {
                "write pieces in the order of the sentence, and an empty line between sentences".into()
            }
            Self::PlaceTwice { .. } => "give each place once, the best first".into(),
            Self::EmptyLine => "predict a label for it, or remove the line if no example stands there".into(),
            Self::NoLanguage(_) | Self::UnknownLanguage(_) => {
                "leave the language out of the task's `languages`, or give another file".into()
            }
            Self::NotWord(_) => "fetch the treebank anew".into(),
            Self::OpenSlot(_) => "fetch the file anew; slots are written `[time : nine am]`".into(),
        }
    }
}

fn first(ids: &[String]) -> String {
    let shown: Vec<String> = ids.iter().take(NAMED).map(|id| format!("`{}`", quoted(id))).collect();
    shown.join(", ")
}
