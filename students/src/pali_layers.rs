//! An encoder-decoder of texts behind an image encoder, from layers of a teacher.

use alambic_models::Config;
use alambic_models::pali::PaliConfig;
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};

settings! {
    /// A PaLI from chosen layers of another one, widths and vocabulary kept.
    pub struct PaliLayers {
        /// The teacher: a PaLI, of which all but layers is taken.
        pub teacher: At<String>,
        /// Layers of the image encoder to keep, counted from 1, in order. Left out: all.
        pub image_layers: Option<At<Vec<usize>>>,
        /// Layers of the encoder to keep, counted from 1, in order. Left out: all.
        pub encoder_layers: Option<At<Vec<usize>>>,
        /// Layers of the decoder to keep, counted from 1, in order. Left out: all.
        pub decoder_layers: Option<At<Vec<usize>>>,
        /// Whether the image encoder stays as it is in all trainings. Left out: as in the teacher.
        pub freeze_image_encoder: Option<bool>,
        /// Dropout probability of the language model in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

impl PaliLayers {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(PaliConfig, Weights), StudentError> {
        let SourceModel { config, weights, .. } = context.require(&self.teacher)?;
        let Config::Pali(teacher) = config else {
            return Err(SourceModel::unexpected(&self.teacher, &config, "a PaLI"));
        };
        let kept = |chosen: &Option<At<Vec<usize>>>, layers, stack| {
            layer_indices(chosen.as_ref().map(|chosen| &chosen.value), layers, stack)
        };
        let mut own = teacher;
        let image = kept(&self.image_layers, own.vision_config.num_hidden_layers, "image encoder")?;
        let encoder = kept(&self.encoder_layers, own.text_config.num_layers, "encoder")?;
        let decoder = kept(&self.decoder_layers, own.text_config.num_decoder_layers, "decoder")?;
        own.vision_config.num_hidden_layers = image.len();
        own.text_config.num_layers = encoder.len();
        own.text_config.num_decoder_layers = decoder.len();
        own.text_config.dropout_rate = self.dropout.unwrap_or(own.text_config.dropout_rate);
        own.freeze_image_encoder = self.freeze_image_encoder.unwrap_or(own.freeze_image_encoder);
        let weights = own.weights_of_layers(&weights, [&image, &encoder, &decoder]);
        Ok((own, weights))
    }
}

impl StudentBuilder for PaliLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, weights) = self.plan(context)?;
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}
