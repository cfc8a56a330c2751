//! An encoder-decoder from layers of teachers.

use alambic_models::Config;
use alambic_models::marian::{MarianConfig, WordTables};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};

settings! {
    /// An encoder-decoder from chosen layers of teachers, widths kept: the encoder of one, the decoder of another.
    pub struct EncoderDecoderLayers {
        /// The teacher whose encoder and embeddings are taken.
        pub encoder: At<String>,
        /// The teacher whose decoder is taken; left out, the encoder's.
        pub decoder: Option<At<String>>,
        /// Layers of the encoder to keep, counted from 1, in order. Left out: all.
        pub encoder_layers: Option<At<Vec<usize>>>,
        /// Layers of the decoder to keep, counted from 1, in order. Left out: all.
        pub decoder_layers: Option<At<Vec<usize>>>,
        /// Dropout probability in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

/// A stack of layers: the model that has it, and the indices of the layers that are kept, from 0.
struct LayerSource {
    config: MarianConfig,
    weights: Weights,
    layers: Vec<usize>,
}

struct LayerSources {
    encoder: LayerSource,
    decoder: LayerSource,
}

impl EncoderDecoderLayers {
    fn sources(&self, context: &BuildContext<'_>) -> Result<LayerSources, StudentError> {
        let source_model = |name: &str| -> Result<(MarianConfig, Weights), StudentError> {
            let SourceModel { config, weights, .. } = context.require(name)?;
            Ok((config.marian()?.clone(), weights))
        };
        let encoder = source_model(&self.encoder)?;
        let decoder = match &self.decoder {
            Some(name) => source_model(name)?,
            None => encoder.clone(),
        };
        let sizes = |config: &MarianConfig| (config.d_model, config.vocab_size);
        if sizes(&encoder.0) != sizes(&decoder.0) {
            return Err(StudentError::Incompatible(format!(
                "encoder (width {}, {} tokens) and decoder (width {}, {} tokens) do not go together",
                encoder.0.d_model, encoder.0.vocab_size, decoder.0.d_model, decoder.0.vocab_size
            )));
        }
        for (stack, (config, _)) in [("encoder", &encoder), ("decoder", &decoder)] {
            if config.tables != WordTables::Shared {
                return Err(StudentError::Incompatible(format!(
                    "the teacher of the {stack} has tables of its own for the words of source and target; a student's is one"
                )));
            }
        }
        if encoder.0.activation_function != decoder.0.activation_function {
            return Err(StudentError::Incompatible(format!(
                "encoder ({}) and decoder ({}) do not go together: a model has one activation function",
                encoder.0.activation_function, decoder.0.activation_function
            )));
        }
        let source = |(config, weights): (MarianConfig, Weights), chosen: Option<&At<Vec<usize>>>, stack| {
            let layers = if stack == "encoder" { config.encoder_layers } else { config.decoder_layers };
            let layers = layer_indices(chosen.map(|chosen| &chosen.value), layers, stack)?;
            Ok::<_, StudentError>(LayerSource { config, weights, layers })
        };
        Ok(LayerSources {
            encoder: source(encoder, self.encoder_layers.as_ref(), "encoder")?,
            decoder: source(decoder, self.decoder_layers.as_ref(), "decoder")?,
        })
    }

    fn configure(&self, LayerSources { encoder, decoder }: &LayerSources) -> MarianConfig {
        MarianConfig {
            encoder_layers: encoder.layers.len(),
            decoder_layers: decoder.layers.len(),
            decoder_attention_heads: decoder.config.decoder_attention_heads,
            decoder_ffn_dim: decoder.config.decoder_ffn_dim,
            dropout: self.dropout.unwrap_or(encoder.config.dropout),
            ..encoder.config.clone()
        }
    }
}

impl StudentBuilder for EncoderDecoderLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(&self.sources(context)?).into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let sources = self.sources(context)?;
        let mut weights: Weights = sources
            .encoder
            .weights
            .iter()
            .filter(|(name, _)| !name.contains(".layers."))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        copy_layers(&sources.encoder, "encoder", &mut weights);
        copy_layers(&sources.decoder, "decoder", &mut weights);
        Ok(InitialModel { config: self.configure(&sources).into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn source_models(&self) -> Vec<&At<String>> {
        [&self.encoder].into_iter().chain(&self.decoder).collect()
    }
}

/// Copies the kept layers of a stack, renumbered.
fn copy_layers(source: &LayerSource, stack: &str, weights: &mut Weights) {
    for (new, old) in source.layers.iter().enumerate() {
        let prefix = format!("model.{stack}.layers.{old}.");
        for (name, tensor) in &source.weights {
            if let Some(rest) = name.strip_prefix(&prefix) {
                weights.insert(format!("model.{stack}.layers.{new}.{rest}"), tensor.clone());
            }
        }
    }
}
