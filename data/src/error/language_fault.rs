//! Faults of what a corpus says of the language of its texts.

use alambic_files::text::quoted;

use super::fault::did_you_mean;

/// Fault of what a corpus says of the language of its texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LanguageFault {
    /// A text that is no code of a language.
    #[error("`{}` is not a language code{}", quoted(.found), did_you_mean(.near.as_deref()))]
    NotCode {
        /// The text.
        found: String,
        /// The code that is probably meant.
        near: Option<String>,
    },
    /// One language under codes that differ in capitals alone.
    #[error("`{}` and `{}` are one language", quoted(&.0[0]), quoted(&.0[1]))]
    Duplicate([String; 2]),
    /// A file that is given for two languages.
    #[error("{file} is given for `{}` and for `{}`", .languages[0], .languages[1])]
    FileOfTwo {
        /// The file.
        file: String,
        /// The languages.
        languages: [String; 2],
    },
    /// Two options that say the language of the same texts.
    #[error("`{key}` and `{other}` both say the language")]
    SaidTwice {
        /// One of them.
        key: String,
        /// The other.
        other: String,
    },
}

impl LanguageFault {
    /// Help for the user: one action that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NotCode { .. } => {
                "a code is a language, with a script and a region where they matter: `es`, `zh-Hant`, `pt-BR`"
            }
            Self::Duplicate(_) => "write its code in the same way everywhere",
            Self::FileOfTwo { .. } => {
                "give each file for its own language; `language-column` is for a table of several"
            }
            Self::SaidTwice { .. } => {
                "give `language` for all files, `language-column` for rows, or the files of each language as a table"
            }
        }
        .into()
    }
}
