//! Splitting a corpus so that nothing of the test split is seen in training.
//!
//! Examples are assigned by their key: that of a name is its English whole name, so that all languages and all words of a
//! name go to one split. Two things are left that could still leak: a word that several names share (`north`), and two names
//! that one script spells alike. So after the assignment no two splits may share a form in any language, a text, or an image;
//! [`Overlap`] says which split yields. What is removed is counted in [`SplitReport`].

mod entries;
mod hold_out;
mod options;
mod report;
mod shared_keys;

pub(crate) use entries::remove_held_out;
pub use hold_out::HoldOut;
pub(crate) use hold_out::{EntryForms, Match, Removals};
pub use options::{Overlap, Split, SplitError, SplitGuess, SplitOptions};
pub use report::SplitReport;
pub use shared_keys::OverlapKeys;
pub(crate) use shared_keys::{remove_held_keys, remove_shared_keys, test_keys};
