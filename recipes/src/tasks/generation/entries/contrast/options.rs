//! Keys of the pairs of images and texts that are contrasted.

use alambic_settings::{At, OneOrMany, choices, settings};

choices! {
    /// A side of a pair.
    pub enum ContrastSide {
        /// An image.
        Image = "image",
        /// A text: a caption of the image, or a sentence.
        Text = "text",
        /// The text of the other side in another language.
        Translation = "translation",
    }
}

settings! {
    /// Pairs that an encoder is to find for each other, by `info-nce`: images and captions, or texts and translations. They are read
    /// without a prompt.
    pub struct ContrastEntry {
        /// Names of corpora of images with captions; of texts and translations also of parallel sentences.
        pub data: Vec<At<String>>,
        /// The one side.
        pub left: ContrastSide = ContrastSide::Image,
        /// The other side.
        pub right: ContrastSide = ContrastSide::Text,
        /// Languages of the texts by their codes, one of them drawn anew for each image and epoch, or two different ones for a text and
        /// its translation. Left out: all that the corpora have.
        pub languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Share of the images or sentences; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// How often a batch is of this entry, to the shares of the others, those of `generation` included. Batches are of one entry.
        #[range(0.001..=1_000_000.0)]
        pub share: f64 = 1.0,
        /// Whether the test splits of the evaluation are searched as this entry pairs them: recall of one side by the other.
        pub evaluated: bool = true,
        /// Most tokens of a text, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
    }
}

impl ContrastEntry {
    /// Whether one side is an image.
    pub(in super::super) fn reads_images(&self) -> bool {
        [self.left, self.right].contains(&ContrastSide::Image)
    }

    /// Whether its sides belong together: an image and a text, or a text and its translation, in any order.
    pub(super) fn is_sound(&self) -> bool {
        use ContrastSide::{Image, Text, Translation};
        matches!((self.left, self.right), (Image | Translation, Text) | (Text, Image | Translation))
    }
}
