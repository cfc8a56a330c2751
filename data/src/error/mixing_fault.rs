//! Faults of dictionaries, and of what a corpus says of mixing by them.

use alambic_files::text::quoted;

/// Fault of a dictionary, or of what a corpus says of mixing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixingFault {
    /// A dictionary without a pair of words.
    #[error("there is no pair of words here")]
    NoWords,
    /// A dictionary whose first column is in the language that the second is to be in.
    #[error(
        "the header says `{}` and `{}`, and the second column is to be in `{}`",
        quoted(&.codes[0]), quoted(&.codes[1]), quoted(.language)
    )]
    CrossedHeader {
        /// The codes of the header.
        codes: [String; 2],
        /// The language of the dictionary.
        language: String,
    },
    /// A dictionary of another language.
    #[error("the header says `{}` and `{}`, and none is `{}`", quoted(&.codes[0]), quoted(&.codes[1]), quoted(.language))]
    OtherLanguage {
        /// The codes of the header.
        codes: [String; 2],
        /// The language of the dictionary.
        language: String,
    },
    /// Sentences of which no translation of a word can be induced.
    #[error("no word of {pairs} pairs of sentences has a translation")]
    NothingInduced {
        /// The pairs of sentences.
        pairs: usize,
    },
}

impl MixingFault {
    /// Help for the user: one action that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NoWords => "give a file with a word and its translation on each line, or leave it out",
            Self::CrossedHeader { .. } => {
                "swap the two columns: first the word that is looked up, then its translation"
            }
            Self::OtherLanguage { .. } => {
                "give the dictionary of this language, or name it by the code of its own language"
            }
            Self::NothingInduced { .. } => "give more sentences, or lower `min-count` and `min-probability`",
        }
        .into()
    }
}
