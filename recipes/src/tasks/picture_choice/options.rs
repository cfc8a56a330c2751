//! Keys of the data: pictures with descriptions.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Pictures with descriptions, of which one is true.
    ///
    /// The student reads the picture with each description, and gives it a score; the softmax is over the descriptions of a picture.
    /// `cross-entropy` and `logits` are over these distributions, and other terms over the picture with its true description, or,
    /// where it is not labelled, with that which the teacher chooses.
    pub struct PictureChoiceData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the groups of pictures, with all questions about them; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Share of these groups whose questions have their answers; those about the others are answered by the teacher only.
        #[range(0.0..=1.0)]
        pub labelled: f64 = 1.0,
        /// Most tokens of a description, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
    }
}

settings! {
    /// Pictures with descriptions.
    pub struct PictureChoicesData {
        /// Pictures with descriptions, of which one is true.
        pub picture_choices: OneOrMany<PictureChoiceData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for PictureChoicesData {
    fn scale_fractions(&mut self, share: f64) {
        self.picture_choices.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
