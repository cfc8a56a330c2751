//! Keys of the data: images with objects.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Images with the objects that are in them.
    pub struct ObjectData {
        /// Names of corpora with the boxes of objects.
        pub data: Vec<At<String>>,
        /// Share of the images; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
    }
}

settings! {
    /// Images with objects.
    pub struct ObjectsData {
        /// Images with the objects that are in them, for detectors.
        pub objects: OneOrMany<ObjectData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for ObjectsData {
    fn scale_fractions(&mut self, share: f64) {
        self.objects.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
