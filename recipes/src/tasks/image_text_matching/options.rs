//! Keys of the data: images with captions that match or not.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Captions with images, for a fusion encoder that says whether the two belong together, as Oscar's retrieval is fine-tuned (Li et
    /// al., 2020). Each caption gives two pairs: with its own image, and one of which a side is another's, drawn anew in every epoch.
    /// Where a made-up scene shows what the caption of another one says, the two match.
    pub struct MatchingData {
        /// Names of corpora whose images have captions.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Languages of the captions that are read, by their codes. Left out: all.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Most tokens of a caption with the tags, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 70,
        /// Probability that in the second pair the caption is another image's; otherwise the image is another's, with its tags.
        #[range(0.0..=1.0)]
        pub mismatched_caption_probability: f64 = 0.5,
    }
}

settings! {
    /// Images with captions that match or not.
    pub struct MatchingsData {
        /// Captions with images, for fusion encoders that say whether the two belong together.
        pub matching: OneOrMany<MatchingData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for MatchingsData {
    fn scale_fractions(&mut self, share: f64) {
        self.matching.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
