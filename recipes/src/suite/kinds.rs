//! Kinds of tasks of suites: what is predicted, in which layout, by which metrics.

use alambic_data::benchmarks::Layout;
use alambic_settings::choices;

choices! {
    /// Kinds of tasks of suites. Those that recipes have as well are called as there.
    pub enum SuiteTaskKind {
        /// A class of a text, or of two.
        TextClassification = "text-classification",
        /// One of several texts.
        MultipleChoice = "multiple-choice",
        /// A tag of each word.
        TokenClassification = "token-classification",
        /// An answer out of a passage.
        QuestionAnswering = "question-answering",
        /// The translation of a sentence among all sentences.
        BitextRetrieval = "bitext-retrieval",
        /// Pairs of translations out of two texts.
        BitextMining = "bitext-mining",
        /// A class of an image, or of two, with a text.
        VisualQuestionAnswering = "visual-question-answering",
        /// Images of a text, and texts of an image.
        ImageTextRetrieval = "image-text-retrieval",
    }
}

impl SuiteTaskKind {
    /// The layouts of predictions that its benchmarks have.
    pub(super) fn layouts(self) -> &'static [Layout] {
        match self {
            Self::TextClassification => &[Layout::Classes],
            Self::MultipleChoice => &[Layout::Choices],
            Self::TokenClassification => &[Layout::Tags],
            Self::QuestionAnswering => &[Layout::Answers],
            Self::BitextRetrieval => &[Layout::Places],
            Self::BitextMining => &[Layout::Pairs],
            Self::VisualQuestionAnswering => &[Layout::Classes, Layout::QuestionAnswers],
            Self::ImageTextRetrieval => &[Layout::Rankings],
        }
    }

    /// The kind of the tasks whose predictions have a layout, the likeliest where there are several.
    pub(super) fn of_layout(layout: Layout) -> Option<Self> {
        let mut all = Self::LIST.iter().filter_map(|(name, _)| Self::from_name(name));
        all.find(|kind| kind.layouts().contains(&layout))
    }

    /// The metrics that can be taken of it.
    pub(super) fn metrics(self) -> &'static [&'static str] {
        match self {
            Self::TextClassification | Self::MultipleChoice | Self::VisualQuestionAnswering => {
                &["accuracy", "accuracy-of-majority", "f1-macro", "f1-micro", "matthews"]
            }
            Self::TokenClassification => {
                &["chunk-f1", "span-f1", "token-accuracy", "token-accuracy-of-majority"]
            }
            Self::QuestionAnswering => {
                &["squad-exact-match", "squad-f1", "mlqa-exact-match", "mlqa-f1", "exact-match", "token-f1"]
            }
            Self::BitextRetrieval => &["accuracy"],
            Self::BitextMining => &["pair-f1"],
            Self::ImageTextRetrieval => &["image-recall-at-1", "caption-recall-at-1"],
        }
    }
}

/// Languages whose articles and words MLQA's metrics know.
pub(super) const MLQA_LANGUAGES: [&str; 7] = ["en", "es", "hi", "vi", "de", "ar", "zh"];
