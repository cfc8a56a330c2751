//! Keys of the data: images with captions.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Images with their captions: one of them in every epoch.
    pub struct CaptionData {
        /// Names of corpora whose images have captions.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Languages of the captions that are read, by their codes. Left out: all.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Most tokens of a caption, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 77,
        /// Wrong texts of each image, and wrong images of each text, that a teacher which reads both together scores for losses over
        /// lists: of a batch those that the student finds nearest, anew in every step.
        #[range(1..=1024)]
        pub negatives: usize = 15,
    }
}

settings! {
    /// Images with captions.
    pub struct CaptionsData {
        /// Images with their captions, for models that retrieve one by the other.
        pub captions: OneOrMany<CaptionData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for CaptionsData {
    fn scale_fractions(&mut self, share: f64) {
        self.captions.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
