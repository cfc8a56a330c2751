//! Loss terms: one method, one file, and one line in [`Loss`].
//!
//! A term is declared in a recipe as a table of options, bound once to the outlines of student and teacher
//! ([`LossTerm::bind`]), and then computed batch by batch from their traces ([`Term::loss`]). Binding says which
//! taps and which projections the term needs, so that nothing is computed that no term asks for.

mod cross_entropy;
mod encoder_match;
mod error;
mod sequence;
mod term;
mod word_level;

use alambic_settings::kinds;

pub use cross_entropy::CrossEntropy;
pub use encoder_match::{Comparison, EncoderMatch, Positions};
pub use error::LossError;
pub use sequence::Sequence;
pub use term::{Inputs, LossTerm, Projection, Targets, Term};
pub use word_level::WordLevel;

kinds! {
    /// A loss term, by its method.
    pub enum Loss: dyn LossTerm {
        /// Cross-entropy on the labels of the data.
        CrossEntropy(CrossEntropy) = "cross-entropy",
        /// The teacher's written output as the target.
        Sequence(Sequence) = "sequence",
        /// The teacher's distributions, token by token.
        WordLevel(WordLevel) = "word-level",
        /// The student's encoder against the teacher's.
        EncoderMatch(EncoderMatch) = "encoder-match",
    }
}
