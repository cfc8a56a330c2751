//! An encoder-decoder from layers of teachers.

use alambic_models::Config;
use alambic_models::encoder_decoder::bart::{BartConfig, WordTables};
use alambic_models::encoder_decoder::t5::T5Config;
use alambic_models::encoder_decoder::{DecoderNames, Structure};
use alambic_models::text_encoder::EncoderNames;
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
    structure: Structure,
    weights: Weights,
    layers: Vec<usize>,
}

/// The stacks of a student, and its configuration.
struct LayerSources {
    encoder: LayerSource,
    decoder: LayerSource,
    config: Config,
}

impl EncoderDecoderLayers {
    fn sources(&self, context: &BuildContext<'_>) -> Result<LayerSources, StudentError> {
        let source_model = |name: &str| -> Result<(Config, Structure, Weights), StudentError> {
            let SourceModel { config, weights, .. } = context.require(name)?;
            let structure = config.encoder_decoder()?;
            Ok((config, structure, weights))
        };
        let encoder = source_model(&self.encoder)?;
        let decoder = match &self.decoder {
            Some(name) => source_model(name)?,
            None => encoder.clone(),
        };
        let indices = |chosen: Option<&At<Vec<usize>>>, layers, stack| {
            layer_indices(chosen.map(|chosen| &chosen.value), layers, stack)
        };
        let layers = [
            indices(self.encoder_layers.as_ref(), encoder.1.encoder.layers.len(), "encoder")?,
            indices(self.decoder_layers.as_ref(), decoder.1.decoder.layers.len(), "decoder")?,
        ];
        let config = self.configure([&encoder.0, &decoder.0], [layers[0].len(), layers[1].len()])?;
        let source = |(_, structure, weights): (Config, Structure, Weights), layers| LayerSource {
            structure,
            weights,
            layers,
        };
        let [encoder_layers, decoder_layers] = layers;
        Ok(LayerSources {
            encoder: source(encoder, encoder_layers),
            decoder: source(decoder, decoder_layers),
            config,
        })
    }

    /// The configuration of a student with so many layers of encoder and decoder.
    fn configure(
        &self,
        [encoder, decoder]: [&Config; 2],
        layers: [usize; 2],
    ) -> Result<Config, StudentError> {
        if encoder.model_type() != decoder.model_type() {
            return Err(StudentError::Incompatible(format!(
                "encoder ({}) and decoder ({}) do not go together: they are of two families",
                encoder.model_type(),
                decoder.model_type()
            )));
        }
        match (encoder, decoder) {
            (Config::Bart(encoder), Config::Bart(decoder)) => Ok(self.bart(encoder, decoder, layers)?.into()),
            (Config::T5(encoder), Config::T5(decoder)) => Ok(self.t5(encoder, decoder, layers)?.into()),
            (other, _) => Err(SourceModel::unexpected(&self.encoder, other, "an encoder-decoder")),
        }
    }

    fn bart(
        &self,
        encoder: &BartConfig,
        decoder: &BartConfig,
        layers: [usize; 2],
    ) -> Result<BartConfig, StudentError> {
        check_sizes([(encoder.d_model, encoder.vocab_size), (decoder.d_model, decoder.vocab_size)])?;
        for (stack, config) in [("encoder", encoder), ("decoder", decoder)] {
            if config.tables != WordTables::Shared {
                return Err(StudentError::Incompatible(format!(
                    "the teacher of the {stack} has tables of its own for the words of source and target; a student's is one"
                )));
            }
        }
        if encoder.activation_function != decoder.activation_function {
            return Err(StudentError::Incompatible(format!(
                "encoder ({}) and decoder ({}) do not go together: a model has one activation function",
                encoder.activation_function, decoder.activation_function
            )));
        }
        let lengths = [encoder, decoder].map(|config| config.max_position_embeddings);
        if config_shapes(decoder).any(|name| name.contains("embed_positions")) && lengths[0] != lengths[1] {
            return Err(StudentError::Incompatible(format!(
                "encoder ({} positions) and decoder ({} positions) do not go together: a model has one number of them",
                lengths[0], lengths[1]
            )));
        }
        Ok(BartConfig {
            encoder_layers: layers[0],
            decoder_layers: layers[1],
            decoder_attention_heads: decoder.decoder_attention_heads,
            decoder_ffn_dim: decoder.decoder_ffn_dim,
            dropout: self.dropout.unwrap_or(encoder.dropout),
            ..encoder.clone()
        })
    }

    fn t5(
        &self,
        encoder: &T5Config,
        decoder: &T5Config,
        layers: [usize; 2],
    ) -> Result<T5Config, StudentError> {
        check_sizes([(encoder.d_model, encoder.vocab_size), (decoder.d_model, decoder.vocab_size)])?;
        let sizes = |config: &T5Config| {
            let buckets = (config.relative_attention_num_buckets, config.relative_attention_max_distance);
            let activation = (config.activation.clone(), config.is_gated);
            ((config.num_heads, config.d_kv, config.d_ff), buckets, activation)
        };
        if sizes(encoder) != sizes(decoder) {
            return Err(StudentError::Incompatible(
                "encoder and decoder do not go together: num_heads, d_kv, d_ff, feed_forward_proj and the buckets of relative \
                 attention are those of both stacks in this layout"
                    .into(),
            ));
        }
        Ok(T5Config {
            num_layers: layers[0],
            num_decoder_layers: layers[1],
            dropout_rate: self.dropout.unwrap_or(encoder.dropout_rate),
            ..encoder.clone()
        })
    }
}

fn config_shapes(config: &BartConfig) -> impl Iterator<Item = String> {
    config.structure().shapes().into_keys()
}

/// Fails where widths or vocabularies of encoder and decoder differ.
fn check_sizes([encoder, decoder]: [(usize, usize); 2]) -> Result<(), StudentError> {
    if encoder == decoder {
        return Ok(());
    }
    Err(StudentError::Incompatible(format!(
        "encoder (width {}, {} tokens) and decoder (width {}, {} tokens) do not go together",
        encoder.0, encoder.1, decoder.0, decoder.1
    )))
}

impl StudentBuilder for EncoderDecoderLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.sources(context)?.config)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let LayerSources { encoder, decoder, config } = self.sources(context)?;
        let own = config.encoder_decoder()?;
        let mut weights = Weights::new();
        // What is not in layers: the encoder's has the embeddings, and each stack its own norms and positions.
        for (source, is_decoder) in [(&encoder, false), (&decoder, true)] {
            let in_layers = source.structure.layer_tensors();
            for (name, tensor) in &source.weights {
                let is_of_decoder = name.split('.').any(|part| part == "decoder");
                if !in_layers.contains(name) && is_of_decoder == is_decoder {
                    weights.insert(name.clone(), tensor.clone());
                }
            }
        }
        // Tables of sinusoids are computed where the source's are of another length.
        let optional = config.optional_shapes();
        weights.retain(|name, tensor| optional.get(name).is_none_or(|shape| *shape == tensor.dims()));
        let names =
            |structure: &Structure| structure.encoder.layers.iter().cloned().map(EncoderNames::all).collect();
        copy_layers(&encoder, names(&own), &names(&encoder.structure), &mut weights);
        let names =
            |structure: &Structure| structure.decoder.layers.iter().cloned().map(DecoderNames::all).collect();
        copy_layers(&decoder, names(&own), &names(&decoder.structure), &mut weights);
        Ok(InitialModel { config, weights })
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

/// Copies the kept layers of a stack under the names of the student's.
fn copy_layers(source: &LayerSource, own: Vec<Vec<String>>, all: &[Vec<String>], weights: &mut Weights) {
    for (own, &layer) in own.into_iter().zip(&source.layers) {
        for (own, name) in own.into_iter().zip(&all[layer]) {
            for part in ["weight", "bias"] {
                if let Some(tensor) = source.weights.get(&format!("{name}.{part}")) {
                    weights.insert(format!("{own}.{part}"), tensor.clone());
                }
            }
        }
    }
}
