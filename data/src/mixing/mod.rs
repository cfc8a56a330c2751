//! Mixing of languages: words of texts replaced by their translations from dictionaries.
//!
//! Code-mixed training texts (Qin et al., 2020, "CoSDA-ML"; Nooralahzadeh and Sennrich, 2023) are made anew in every epoch out of a
//! text in one language and [dictionaries](Dictionary) to others. Dictionaries are read from files, or [induced](induce) from
//! sentences and their translations.

mod case;
mod coverage;
mod dictionary;
mod induction;
mod mixer;
mod options;
mod segmentation;

pub use coverage::{Coverage, words_of};
pub use dictionary::Dictionary;
pub use induction::induce;
pub use mixer::Mixer;
pub use options::{MixedCase, MixedWords, MixingOptions, ParallelDictionary};
