//! Keys of the data: texts about the regions of images.

use alambic_settings::{At, OneOrMany, settings};

use crate::options::masking::MaskOptions;
use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Which regions of an image are masked in pre-training.
    pub struct RegionMaskOptions {
        /// Share of the regions that are chosen, each by itself.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Share of the chosen regions whose features become zero. Boxes stay as they are.
        #[range(0.0..=1.0)]
        pub masked: f64 = 0.8,
        /// Share of the chosen regions whose features become those of a region of a random image; the others stay as they are.
        #[range(0.0..=1.0)]
        pub random: f64 = 0.1,
    }
}

settings! {
    /// Texts about the regions of images, for pre-training as LXMERT has it (Tan and Bansal, 2019): captions, statements and questions.
    ///
    /// Some words and some regions are masked: the student predicts the words (`masked-words`) and says of all regions what is in them
    /// (`region-objects`, `region-attributes`) and of the masked ones what their features were (`region-features`). It classifies
    /// whether text and image belong together (`matching`: 1 where they do) and answers questions (`answers`). All is drawn anew in
    /// every epoch for every example, and always the same for validation. A text that does not belong to its image keeps its words
    /// and regions as targets and loses its answer.
    pub struct RegionTextData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the images, with all their texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Whether captions are read.
        pub captions: bool = true,
        /// Languages of the captions that are read, by their codes. Left out: all.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Whether statements and questions are read.
        pub questions: bool = true,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 20,
        /// Share of the texts that are those of another image.
        #[range(0.0..=1.0)]
        pub mismatched_probability: f64 = 0.5,
        /// Whether, where the data hold statements that are true or false, these show what does not belong to an image: the false
        /// ones. A statement about another image may be true of this one, too. Captions and questions then stay with their images
        /// and do not count for `matching`. Else, and where there are no statements, texts of other images do, as in the paper, and
        /// false statements are left out.
        pub false_for_image: bool = true,
        /// Which words are masked: each is chosen or not by itself, as in LXMERT, so that a text may have none.
        pub mask: MaskOptions,
        /// Which regions are masked.
        pub mask_regions: RegionMaskOptions,
    }
}

settings! {
    /// Texts about the regions of images.
    pub struct RegionTextsData {
        /// Texts about the regions of images, for pre-training.
        pub region_texts: OneOrMany<RegionTextData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for RegionTextsData {
    fn scale_fractions(&mut self, share: f64) {
        self.region_texts.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
