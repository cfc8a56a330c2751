//! Content of a corpus: a dataset of one of four kinds of examples.

use crate::dataset::{Dataset, SplitExample};
use crate::parallel::Translation;
use crate::questions::Question;
use crate::split::{HoldOut, SplitError, SplitOptions, SplitReport};
use crate::statistics::ReadStatistics;
use crate::texts::Text;
use crate::words::Entry;

/// Content of a corpus: a dataset of one kind of examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Names or words, each in several languages.
    Words(Dataset<Entry>),
    /// Texts with or without labels.
    Texts(Dataset<Text>),
    /// Questions about images.
    Questions(Dataset<Question>),
    /// Sentences in several languages.
    Parallel(Dataset<Translation>),
}

/// Kinds of examples that a corpus can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// Names or words, each in several languages.
    Words,
    /// Texts with or without labels.
    Texts,
    /// Questions about images.
    Questions,
    /// Sentences in several languages.
    Parallel,
}

impl ContentKind {
    /// The kind in words, in the plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Texts => "texts",
            Self::Questions => "questions",
            Self::Parallel => "sentences beside their translations",
        }
    }
}

/// Examples of one kind of content.
pub trait Example: SplitExample {
    /// The kind of content that holds them.
    const KIND: ContentKind;

    /// The dataset of a content that holds such examples; nothing if it holds others.
    fn of(content: &Content) -> Option<&Dataset<Self>>;
}

/// The conversions between a content and the datasets of one kind.
macro_rules! examples {
    ($($example:ty, $kind:ident;)*) => {$(
        impl Example for $example {
            const KIND: ContentKind = ContentKind::$kind;

            fn of(content: &Content) -> Option<&Dataset<Self>> {
                if let Content::$kind(dataset) = content { Some(dataset) } else { None }
            }
        }

        impl From<Dataset<$example>> for Content {
            fn from(dataset: Dataset<$example>) -> Self {
                Self::$kind(dataset)
            }
        }
    )*};
}

examples! {
    Entry, Words;
    Text, Texts;
    Question, Questions;
    Translation, Parallel;
}

impl Content {
    /// The kind of its examples.
    #[must_use]
    pub fn kind(&self) -> ContentKind {
        match self {
            Self::Words(_) => ContentKind::Words,
            Self::Texts(_) => ContentKind::Texts,
            Self::Questions(_) => ContentKind::Questions,
            Self::Parallel(_) => ContentKind::Parallel,
        }
    }

    /// Statistics of reading: what was read and dropped.
    #[must_use]
    pub fn statistics(&self) -> &ReadStatistics {
        match self {
            Self::Words(words) => &words.statistics,
            Self::Texts(texts) => &texts.statistics,
            Self::Questions(questions) => &questions.statistics,
            Self::Parallel(sentences) => &sentences.statistics,
        }
    }

    /// BLAKE3 of the files' bytes, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        match self {
            Self::Words(words) => &words.fingerprint,
            Self::Texts(texts) => &texts.fingerprint,
            Self::Questions(questions) => &questions.fingerprint,
            Self::Parallel(sentences) => &sentences.fingerprint,
        }
    }

    /// Sizes of the splits and what was removed; nothing until they are split.
    #[must_use]
    pub fn report(&self) -> &SplitReport {
        match self {
            Self::Words(words) => &words.report,
            Self::Texts(texts) => &texts.report,
            Self::Questions(questions) => &questions.report,
            Self::Parallel(sentences) => &sentences.report,
        }
    }

    /// Codes of its languages; none for texts.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        match self {
            Self::Words(words) => &words.details.languages,
            Self::Texts(_) => &[],
            Self::Questions(questions) => &questions.details.languages,
            Self::Parallel(sentences) => &sentences.details.languages,
        }
    }

    /// Splits its examples; see [`Dataset::split`].
    ///
    /// # Errors
    /// Where a value of the options matches no example. The content is then as it was.
    pub fn split(&mut self, options: &SplitOptions, held_out: &HoldOut) -> Result<(), SplitError> {
        match self {
            Self::Words(words) => words.split(options, held_out),
            Self::Texts(texts) => texts.split(options, held_out),
            Self::Questions(questions) => questions.split(options, held_out),
            Self::Parallel(sentences) => sentences.split(options, held_out),
        }
    }
}
