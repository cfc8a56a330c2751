//! A tokenizer of images from random weights.

use alambic_models::Config;
use alambic_models::image_tokenizer::{self, CodebookLearning, ImageTokenizerConfig};
use alambic_settings::{choices, settings};

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, StudentBuilder, TaskKind};

choices! {
    /// How a place of an image takes a code.
    pub enum Quantizer {
        /// The nearest code to the encoder's vector, past which gradients go straight to the encoder (van den Oord et al., 2017).
        Vq = "vq",
        /// The code with the highest of the encoder's logits; in training a sample that is relaxed by Gumbel's distribution, whose
        /// temperature falls by a cosine from 1 to 1/16 over 60 % of the steps (Ramesh et al., 2021).
        Dvae = "dvae",
    }
}

choices! {
    /// How the vectors of codes are learned.
    pub enum CodebookUpdate {
        /// As running means of the encoder's outputs that take them.
        Averages = "averages",
        /// By gradients: of the loss `codebook` with `vq`, of the reconstruction with `dvae`.
        Gradient = "gradient",
    }
}

settings! {
    /// A tokenizer of images from random weights: an encoder that halves the sides of an image a few times and gives each place that is
    /// left one of a codebook's codes, and a decoder that makes an image of codes. It is trained on `data.images`.
    ///
    /// With `vq` the codes begin as outputs of the encoder after 20 steps; until then these go to the decoder as they are. Every 20
    /// steps codes whose running count is below 0.3 % of the mean become outputs of the batch.
    pub struct ImageTokenizerSizes {
        /// How a place takes a code.
        pub quantizer: Quantizer = Quantizer::Vq,
        /// How the vectors of codes are learned. Left out: as averages with `vq`, and by gradients, the only way, with `dvae`.
        pub codebook: Option<CodebookUpdate>,
        /// Codes.
        #[range(2..=65_536)]
        pub codes: usize = 256,
        /// Numbers of the vector of a code.
        #[range(1..=65_536)]
        pub code_width: usize = 16,
        /// Pixels of the side of the squares that are read; images of another size are refused.
        #[range(2..=2048)]
        pub image: usize = 32,
        /// Convolutions of 4 by 4 that halve the sides: images of 32 pixels become 8 by 8 tokens by 2 of them.
        #[range(1..=8)]
        pub halvings: usize = 2,
        /// Residual blocks behind them, and as many before those that double the sides again.
        #[range(0..=64)]
        pub blocks: usize = 2,
        /// Numbers of a place between the layers.
        #[range(1..=65_536)]
        pub width: usize = 64,
    }
}

impl ImageTokenizerSizes {
    fn configure(&self, context: &BuildContext<'_>) -> Result<ImageTokenizerConfig, StudentError> {
        let factor = 1 << self.halvings;
        if !self.image.is_multiple_of(factor) {
            return Err(StudentError::Incompatible(format!(
                "sides of {} pixels cannot be halved {} times: they need to be a multiple of {factor}",
                self.image, self.halvings
            )));
        }
        let (quantizer, codebook_learning) = match (self.quantizer, self.codebook) {
            (Quantizer::Vq, None | Some(CodebookUpdate::Averages)) => {
                (image_tokenizer::Quantizer::Vq, CodebookLearning::Averages)
            }
            (Quantizer::Vq, Some(CodebookUpdate::Gradient)) => {
                (image_tokenizer::Quantizer::Vq, CodebookLearning::Gradient)
            }
            (Quantizer::Dvae, None | Some(CodebookUpdate::Gradient)) => {
                (image_tokenizer::Quantizer::Dvae, CodebookLearning::Gradient)
            }
            (Quantizer::Dvae, Some(CodebookUpdate::Averages)) => {
                return Err(StudentError::Incompatible(
                    "a `dvae` learns its codes by gradients: leave out `codebook`, or use the quantizer `vq`"
                        .into(),
                ));
            }
        };
        Ok(ImageTokenizerConfig {
            image_size: self.image,
            num_channels: 3,
            hidden_size: self.width,
            num_layers: self.halvings,
            num_resnet_blocks: self.blocks,
            num_tokens: self.codes,
            codebook_dim: self.code_width,
            quantizer,
            codebook_learning,
            vocab_size: context.tokenizer.size(),
        })
    }
}

impl StudentBuilder for ImageTokenizerSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::ImageTokenizer(self.configure(context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = image_tokenizer::ImageTokenizer::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: Config::ImageTokenizer(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTokenization
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}
