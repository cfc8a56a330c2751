//! Content of a corpus: a dataset of one kind of examples.

use std::collections::HashSet;

use indexmap::IndexSet;

use crate::choices::ChoiceQuestion;
use crate::dataset::{Dataset, SplitExample};
use crate::parallel::Translation;
use crate::passages::PassageQuestion;
use crate::picture_choices::PictureChoice;
use crate::questions::Question;
use crate::search::SearchQuery;
use crate::split::{HoldOut, SplitError, SplitOptions, SplitReport};
use crate::statistics::ReadStatistics;
use crate::texts::Text;
use crate::words::Entry;

/// Examples of one kind of content.
pub trait Example: SplitExample {
    /// The kind of content that holds them.
    const KIND: ContentKind;

    /// The dataset of a content that holds such examples; nothing if it holds others.
    fn of(content: &Content) -> Option<&Dataset<Self>>;
}

/// Declares the kinds of content: the examples of each, and its name in the plural.
macro_rules! contents {
    ($($(#[$doc:meta])* $kind:ident($example:ty) = $name:literal;)+) => {
        /// Content of a corpus: a dataset of one kind of examples.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Content {
            $($(#[$doc])* $kind(Dataset<$example>),)+
        }

        /// Kinds of examples that a corpus can hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ContentKind {
            $($(#[$doc])* $kind,)+
        }

        impl ContentKind {
            /// The kind in words, in the plural.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }

        $(
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
        )+

        impl Content {
            /// The kind of its examples.
            #[must_use]
            pub fn kind(&self) -> ContentKind {
                match self {
                    $(Self::$kind(_) => ContentKind::$kind,)+
                }
            }

            /// Statistics of reading: what was read and dropped.
            #[must_use]
            pub fn statistics(&self) -> &ReadStatistics {
                match self {
                    $(Self::$kind(dataset) => &dataset.statistics,)+
                }
            }

            /// Adds a note to what is said of its reading.
            pub fn add_note(&mut self, note: String) {
                match self {
                    $(Self::$kind(dataset) => dataset.statistics.notes.push(note),)+
                }
            }

            /// BLAKE3 of the files' bytes, in hexadecimal.
            #[must_use]
            pub fn fingerprint(&self) -> &str {
                match self {
                    $(Self::$kind(dataset) => &dataset.fingerprint,)+
                }
            }

            /// Sizes of the splits and what was removed; nothing until they are split.
            #[must_use]
            pub fn report(&self) -> &SplitReport {
                match self {
                    $(Self::$kind(dataset) => &dataset.report,)+
                }
            }

            /// Codes of its languages; none for examples of no known language.
            #[must_use]
            pub fn languages(&self) -> &[String] {
                match self {
                    $(Self::$kind(dataset) => <$example>::languages(&dataset.details),)+
                }
            }

            /// Values of the split column.
            #[must_use]
            pub fn split_values(&self) -> IndexSet<&str> {
                match self {
                    $(Self::$kind(dataset) => dataset.split_values().collect(),)+
                }
            }

            /// Splits its examples; see [`Dataset::split`].
            ///
            /// # Errors
            /// Where a value of the options matches no example. The content is then as it was.
            pub fn split(&mut self, options: &SplitOptions, held_out: &HoldOut) -> Result<(), SplitError> {
                match self {
                    $(Self::$kind(dataset) => dataset.split(options, held_out),)+
                }
            }

            /// Keys of the test split; see [`SplitExample::test_keys`].
            pub(crate) fn test_keys(&self) -> HashSet<u128> {
                match self {
                    $(Self::$kind(dataset) => <$example>::test_keys(dataset),)+
                }
            }

            /// Removes from training and validation what has one of these keys; see [`SplitExample::remove_keys`].
            pub(crate) fn remove_keys(&mut self, held: &HashSet<u128>) {
                match self {
                    $(Self::$kind(dataset) => <$example>::remove_keys(dataset, held),)+
                }
            }
        }
    };
}

contents! {
    /// Names or words, each in several languages.
    Words(Entry) = "words";
    /// Texts with or without labels.
    Texts(Text) = "texts";
    /// Questions about images.
    Questions(Question) = "questions";
    /// Sentences in several languages.
    Parallel(Translation) = "parallel sentences";
    /// Questions about passages of text.
    Passages(PassageQuestion) = "questions about passages";
    /// Queries and the passages that are searched.
    Search(SearchQuery) = "queries and passages";
    /// Questions with choices.
    Choices(ChoiceQuestion) = "questions with choices";
    /// Pictures with descriptions to choose from.
    PictureChoices(PictureChoice) = "pictures with descriptions";
}
