//! Keys of the data: texts, with or without labels.

use alambic_settings::{At, OneOrMany, settings};
use alambic_teachers::AugmentOptions;

use crate::options::masking::MaskOptions;
use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Texts or pairs of texts.
    pub struct TextData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Most tokens of a text or a pair, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
        /// Whether each token of a tagged word has its tag as label (`label_all_tokens` of transformers), and not the first token
        /// alone. Where a stage has several corpora, one that has it is enough.
        pub label_all_tokens: bool = false,
        /// Variants of the training texts that are trained on as well. Left out: none.
        pub augment: Option<AugmentOptions>,
        /// Masked language modelling as the stage's task, in place of the labels. Left out: the labels.
        pub mask: Option<MaskOptions>,
    }
}

settings! {
    /// Texts or pairs of texts.
    pub struct TextsData {
        /// Texts or pairs of texts, with or without labels.
        pub texts: OneOrMany<TextData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for TextsData {
    fn scale_fractions(&mut self, share: f64) {
        self.texts.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
