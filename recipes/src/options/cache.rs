//! Keys of the cache of a teacher's outputs.

use alambic_settings::{Location, choices, settings};
use alambic_teachers::cache::CacheFormats;

choices! {
    /// Whether a teacher's outputs are cached.
    pub enum CacheMode {
        /// The teacher runs at every step.
        Off = "off",
        /// They are cached where texts are read twice or more, over all stages in which this teacher reads them, and their outputs
        /// fit under the limit.
        Auto = "auto",
        /// They are cached; it is an error if they cannot be.
        Required = "required",
    }
}

settings! {
    /// Teacher outputs over the texts of a stage, computed once and cached on disk, for all epochs and seeds.
    ///
    /// Cached are the taps that the stage's losses read: logits, hidden states, scores, queries, keys and values (of
    /// which relations are computed), embeddings. A cache belongs to the teacher's weights, its vocabulary, the texts and
    /// the formats; one that was made of something else is refused.
    pub struct CacheOptions {
        /// Whether they are cached.
        pub mode: CacheMode = CacheMode::Auto,
        /// A folder for them, in which each stage has one by its name. Left out: one in the run's folder, which is deleted
        /// when the run is done. Name one to use them in several runs, and to have `alambic cache` fill it ahead.
        pub folder: Option<Location>,
        /// Most GB that the outputs of a stage may take up.
        #[range(0.0..)]
        pub limit_gb: f64 = 8.0,
        /// The formats in which they are stored.
        #[flatten]
        pub precision: CacheFormats,
    }
}
