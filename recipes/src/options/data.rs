//! Keys of a corpus.

use alambic_data::augment::Augmentation;
use alambic_data::mixing::MixingOptions;
use alambic_data::{Corpus, RegionFiles, RewriteOptions, SplitOptions};
use alambic_settings::{At, settings};

settings! {
    /// A corpus and its splits.
    pub struct DataOptions {
        /// Where it lies, by its format.
        pub corpus: At<Corpus>,
        /// Regions that a detector found in its images, for models that read regions. Left out: none.
        pub regions: Option<At<RegionFiles>>,
        /// How it is split into training, validation and test.
        pub split: SplitOptions,
        /// Mixing of its training texts with words of other languages. Left out: they are read as they are.
        pub mixing: Option<MixingOptions>,
        /// Augmentation of its training images, anew in every epoch. Left out: they are seen as they are.
        pub augment: Option<Augmentation>,
        /// Rewriting of the captions of its images, for `multimodal` and for `picture-choice`. Left out: they stay as they are.
        pub rewrite: Option<At<RewriteOptions>>,
        /// Where it comes from, for the report and the student's card. Left out: the name of the file.
        pub source: Option<String>,
        /// The licence of its texts, for the report and the student's card.
        pub licence: Option<String>,
    }
}
