//! Keys of the data: texts, images and pairs.

use alambic_settings::{At, OneOrMany, choices, settings};

use crate::options::masking::MaskOptions;
use crate::tasks::fractions::ScaleFractions;

choices! {
    /// What an example is.
    pub enum Modality {
        /// A text alone.
        Texts = "texts",
        /// An image alone.
        Images = "images",
        /// An image with its captions, one of which is drawn in every epoch.
        Pairs = "pairs",
    }
}

settings! {
    /// Which regions or patches of an image are masked: their features become zeros.
    pub struct ImageMaskOptions {
        /// Share of the regions or patches that are chosen.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Regions whose intersection with a chosen one is a larger share of their union are masked as well (UNIMO's text has 0.3, its
        /// configuration 0.4), since what they have in common would tell what is masked. Patches have nothing in common.
        #[range(0.0..=1.0)]
        pub overlap: f64 = 0.3,
    }
}

settings! {
    /// Spans that are left out of texts, to be written behind them (`span-generation`).
    ///
    /// Of a text with n tokens between the first and the last, `token-fraction · n` are left out, at least one and not all, anew in every
    /// epoch and always the same for validation, in spans of 1 to `max-tokens` tokens, drawn evenly, at places drawn evenly.
    pub struct LeftOutOptions {
        /// Share of the tokens that are left out.
        #[range(0.001..=0.9)]
        pub token_fraction: f64 = 0.25,
        /// Most tokens of a span.
        #[range(1..=1000)]
        pub max_tokens: usize = 8,
    }
}

settings! {
    /// Texts, images or pairs, for pre-training as UNIMO has it (Li et al., 2021). A batch is of one table, drawn by `share`.
    ///
    /// Of texts and pairs some tokens are masked (`masked-words`), and some left out (`span-generation`), of images some regions or patches (`region-regression`,
    /// `region-classes`). Pairs are
    /// compared with others (`cross-modal-contrast`, or `list-kl` with a teacher's comparison): with captions that are rewritten as
    /// `rewrite` of the corpus says it, each read together with the image; with images and texts that are retrieved, read alone; and with
    /// other pairs of the batch. A pair itself is read both together and alone, so that neither way gives it away.
    pub struct MultimodalData {
        /// Names of corpora: of images, or of texts where texts are read.
        pub data: Vec<At<String>>,
        /// What an example is.
        pub reads: Modality = Modality::Pairs,
        /// How often a batch is of this table, to the shares of the others.
        #[range(alambic_settings::above(0.0))]
        pub share: f64 = 1.0,
        /// Share of the images or texts; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Languages of the captions that are read, by their codes. Left out: all.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Whether the questions of corpora of images are read where texts are, besides captions.
        pub questions: bool = false,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
        /// Which tokens of texts and captions are masked.
        pub mask: MaskOptions,
        /// Which spans of texts and captions are left out.
        pub left_out: LeftOutOptions,
        /// Which regions or patches of images are masked.
        pub mask_images: ImageMaskOptions,
        /// Captions of other pairs of the batch that are read together with each image, as negatives beside those that are rewritten.
        #[range(0..=64)]
        pub paired_negatives: usize = 1,
    }
}

settings! {
    /// Texts, images and pairs of both.
    pub struct MultimodalsData {
        /// Texts, images and pairs, for pre-training.
        pub multimodal: OneOrMany<MultimodalData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for MultimodalsData {
    fn scale_fractions(&mut self, share: f64) {
        self.multimodal.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
