//! Keys of the data: images that are made again.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Images that are made of their tokens again.
    pub struct ImageData {
        /// Names of corpora with images, all of the size that the model reads.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Images.
    pub struct ImagesData {
        /// Images alone, for models that make tokens of them and images of tokens.
        pub images: OneOrMany<ImageData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for ImagesData {
    fn scale_fractions(&mut self, share: f64) {
        self.images.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
