//! An encoder-decoder of texts behind an image encoder.

use alambic_models::clip::ClipVisionConfig;
use alambic_models::encoder_decoder::t5::{T5Config, T5Family};
use alambic_models::pali::{PaliConfig, VisualBias};
use alambic_models::{Config, ImageProcessorConfig, TokenizerModel};
use alambic_settings::{At, Either, choices, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::encoder_decoder::EncoderDecoderSizes;
use crate::sizes::TransformerSizes;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, check_heads, check_patch,
};

choices! {
    /// Biases of the encoder's scores that patches have a part in.
    pub enum PatchBias {
        /// Patches have the first positions, row by row, and the text goes on behind them.
        Relative = "relative",
        /// None between two of which one is a patch.
        None = "none",
    }
}

choices! {
    /// The layout of a language model.
    pub enum T5Layout {
        /// One matrix for words and logits (Raffel et al., 2020). With `gelu`, feed-forward layers are gated as in version 1.1.
        T5 = "t5",
        /// A matrix of the logits of its own (Xue et al., 2021).
        Mt5 = "mt5",
    }
}

settings! {
    /// The sizes of an image encoder.
    pub struct ImageEncoderSizes {
        /// Those of its transformer.
        #[flatten]
        pub transformer: TransformerSizes,
        /// Pixels of the side of the square that is read in the middle of an image.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
    }
}

settings! {
    /// The sizes of a language model.
    pub struct LanguageModelSizes {
        /// Layout.
        pub family: T5Layout = T5Layout::T5,
        /// Its sizes.
        #[flatten]
        pub sizes: EncoderDecoderSizes,
    }
}

settings! {
    /// A PaLI (Chen et al., 2023): the states of an image's patches are projected, and stand before the prompt in the encoder of a T5,
    /// whose decoder writes. Its parts may have been trained before; what lies between them begins at random.
    pub struct Pali {
        /// The image encoder: a teacher in CLIP's layout, or a PaLI, whose image tower is taken; or a table of sizes, for one of random
        /// weights.
        pub image_encoder: Either<At<String>, ImageEncoderSizes>,
        /// The language model: a T5 or mT5, or a PaLI, whose language model is taken with its vocabulary; or a table of sizes, for one of
        /// random weights. A PaLI that is named for both parts is taken whole.
        pub language_model: Either<At<String>, LanguageModelSizes>,
        /// Whether the image encoder stays as it is in all trainings.
        pub freeze_image_encoder: bool = false,
        /// Biases of the encoder's scores that patches have a part in.
        pub visual_bias: PatchBias = PatchBias::Relative,
    }
}

/// An image encoder, its image processor where it has one of its own, and the weights that a teacher gives.
type ImageEncoder = (ClipVisionConfig, Option<ImageProcessorConfig>, Weights);

impl Pali {
    /// The teacher of both parts, if they have the same.
    fn whole(&self) -> Option<&str> {
        match (&self.image_encoder, &self.language_model) {
            (Either::First(one), Either::First(other)) if one.value == other.value => Some(one.as_str()),
            _ => None,
        }
    }

    fn image_encoder(&self, context: &BuildContext<'_>) -> Result<ImageEncoder, StudentError> {
        match &self.image_encoder {
            Either::Second(sizes) => Ok((sizes.configure()?, None, Weights::new())),
            Either::First(name) => {
                let source = context.require(name)?;
                let (vision, images) = match source.config {
                    Config::Clip(own) => (own.vision_config, own.images),
                    Config::Pali(own) => (own.vision_config, own.images),
                    other => {
                        let expected = "a model with an image tower in CLIP's layout, or a PaLI,";
                        return Err(SourceModel::unexpected(name, &other, expected));
                    }
                };
                let is_own = |name: &String| name.starts_with(PaliConfig::IMAGE_ENCODER);
                Ok((vision, images, source.weights.into_iter().filter(|(name, _)| is_own(name)).collect()))
            }
        }
    }

    /// The language model, and the weights that a teacher gives.
    fn language_model(&self, context: &BuildContext<'_>) -> Result<(T5Config, Weights), StudentError> {
        match &self.language_model {
            Either::Second(own) => {
                let family = match own.family {
                    T5Layout::T5 => T5Family::T5,
                    T5Layout::Mt5 => T5Family::Mt5,
                };
                Ok((own.sizes.t5(family, context.tokenizer)?, Weights::new()))
            }
            Either::First(name) => {
                let SourceModel { config, weights, .. } = context.require(name)?;
                let prefix = PaliConfig::LANGUAGE_MODEL;
                match config {
                    Config::T5(own) => {
                        let named = weights.into_iter().map(|(name, own)| (format!("{prefix}{name}"), own));
                        Ok((own, named.collect()))
                    }
                    Config::Pali(own) => {
                        let given = weights.into_iter().filter(|(name, _)| name.starts_with(prefix));
                        Ok((own.text_config, given.collect()))
                    }
                    other => Err(SourceModel::unexpected(name, &other, "a T5, an mT5 or a PaLI")),
                }
            }
        }
    }

    /// The configuration, and the weights that teachers give.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(PaliConfig, Weights), StudentError> {
        let (vision_config, images, mut given) = self.image_encoder(context)?;
        let (text_config, language) = self.language_model(context)?;
        given.extend(language);
        if let Some(name) = self.whole() {
            let between = |name: &String| name.split('.').next() == Some(PaliConfig::PROJECTOR);
            given.extend(context.require(name)?.weights.into_iter().filter(|(name, _)| between(name)));
        }
        let visual_bias = match self.visual_bias {
            PatchBias::Relative => VisualBias::Relative,
            PatchBias::None => VisualBias::None,
        };
        let freeze_image_encoder = self.freeze_image_encoder;
        Ok((PaliConfig { vision_config, text_config, visual_bias, freeze_image_encoder, images }, given))
    }
}

impl ImageEncoderSizes {
    fn configure(&self) -> Result<ClipVisionConfig, StudentError> {
        let sizes = &self.transformer;
        check_heads(sizes.width, sizes.heads)?;
        check_patch(self.image, self.patch)?;
        Ok(sizes.image_tower(self.image, self.patch))
    }
}

impl StudentBuilder for Pali {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let mut weights = config.initial_weights(&context.streams)?;
        weights.extend(given);
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        !self.source_models().is_empty()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn source_models(&self) -> Vec<&At<String>> {
        let image = match &self.image_encoder {
            Either::First(name) => Some(name),
            Either::Second(_) => None,
        };
        self.vocabulary_source().into_iter().chain(image).collect()
    }

    fn vocabulary_source(&self) -> Option<&At<String>> {
        match &self.language_model {
            Either::First(name) => Some(name),
            Either::Second(_) => None,
        }
    }

    fn max_vocabulary(&self) -> Option<usize> {
        match &self.language_model {
            Either::First(_) => None,
            Either::Second(own) => Some(own.sizes.vocabulary),
        }
    }

    fn tokenizer_model(&self) -> TokenizerModel {
        match &self.language_model {
            Either::First(_) => TokenizerModel::Unigram,
            Either::Second(own) => own.sizes.pieces.into(),
        }
    }
}
