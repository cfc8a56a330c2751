//! Keys of dictionaries that are made.

use alambic_data::mixing::ParallelDictionary;
use alambic_settings::kinds;

kinds! {
    /// A dictionary by which texts are mixed, by how it is made. It is called by the code of the language of its translations.
    pub enum DictionaryOptions {
        /// Out of parallel sentences.
        Parallel(ParallelDictionary) = "parallel",
    }
}
