//! Keys of the data: texts about images.

use alambic_settings::{At, OneOrMany, settings};

use crate::options::masking::MaskOptions;
use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Texts about images, for pre-training as Oscar+ has it (Zhang et al., 2021): captions, each with the tags of what is in
    /// the image as its second text, and questions, each with its answer.
    ///
    /// Some tokens are masked, which the student predicts (`cross-entropy`); and some of the examples have the second or the
    /// first text of another image, which it classifies (`matching`). Both are drawn anew in every epoch, and always the same
    /// for validation.
    pub struct ImageTextData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the images, with all their texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Whether captions are read, with the tags.
        pub captions: bool = true,
        /// Languages of the captions that are read, by their codes. Left out: all.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Whether questions are read, with their answers.
        pub questions: bool = true,
        /// Most tokens of both texts, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 60,
        /// Share of the examples whose second text is another image's.
        #[range(0.0..=0.5)]
        pub mismatched_second_probability: f64 = 0.25,
        /// Share of the examples whose first text is another image's. With 0, as in the first Oscar, there are two classes of
        /// relations, and with more three.
        #[range(0.0..=0.5)]
        pub mismatched_first_probability: f64 = 0.25,
        /// Which tokens are masked.
        pub mask: MaskOptions,
    }
}

impl ImageTextData {
    /// Number of classes of relations between texts and image.
    pub(crate) fn relations(&self) -> usize {
        if self.mismatched_first_probability > 0.0 { 3 } else { 2 }
    }
}

settings! {
    /// Texts about images.
    pub struct ImageTextsData {
        /// Texts about images, for pre-training.
        pub image_texts: OneOrMany<ImageTextData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for ImageTextsData {
    fn scale_fractions(&mut self, share: f64) {
        self.image_texts.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
