//! Keys of the data: questions about passages.

use alambic_inference::SpanOptions;
use alambic_models::WindowSizes;
use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Questions about passages of text, whose answers are spans of the passage.
    ///
    /// A passage that is longer than a window is read in several, each of which repeats `stride` tokens of the one before it. A
    /// window without the answer, and every one of a passage that has none, has its first token as the answer.
    pub struct PassageData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the questions; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Largest number of tokens of a window: question, passage and special tokens.
        #[range(16..=1_048_576)]
        pub max_length: usize = 384,
        /// Number of tokens of the passage that a window repeats of the one before it.
        #[range(0..=1_048_576)]
        pub stride: usize = 128,
        /// Largest number of tokens of a question; what is longer is cut.
        #[range(1..=1_048_576)]
        pub max_question_length: usize = 64,
        /// Largest number of tokens of an answer.
        #[range(1..=1_048_576)]
        pub max_answer_length: usize = 30,
        /// Whether the model may predict that a passage has no answer. Left out: if a question to train on has none.
        pub no_answer: Option<bool>,
    }
}

settings! {
    /// Questions about passages of text.
    pub struct PassagesData {
        /// Questions about passages of text, answered by spans of the passage.
        pub passages: OneOrMany<PassageData> = OneOrMany(Vec::new()),
    }
}

impl PassageData {
    /// Sizes of the windows in which passages are read.
    pub(super) fn windows(&self) -> WindowSizes {
        WindowSizes {
            max_length: self.max_length,
            stride: self.stride,
            max_first_length: self.max_question_length,
        }
    }

    /// Options of the pipeline. `has_unanswered`: whether a question to train on has no answer.
    pub(super) fn span_options(&self, has_unanswered: bool) -> SpanOptions {
        SpanOptions {
            windows: self.windows(),
            max_answer_length: self.max_answer_length,
            allows_no_answer: self.no_answer.unwrap_or(has_unanswered),
        }
    }
}

impl ScaleFractions for PassagesData {
    fn scale_fractions(&mut self, share: f64) {
        self.passages.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
