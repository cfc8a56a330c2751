//! A student out of teachers' layers.

use alambic_models::marian::MarianConfig;
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::{Blueprint, Donor, MakeStudent, StudentError, Surroundings};

settings! {
    /// A student from chosen layers of teachers, widths kept: the encoder of one, the decoder of another.
    pub struct FromTeacher {
        /// The teacher whose encoder and embeddings are taken.
        pub encoder: At<String>,
        /// The teacher whose decoder is taken; left out, the encoder's.
        pub decoder: Option<At<String>>,
        /// Layers of the encoder to keep, counted from 1, in order. Left out: all.
        pub encoder_layers: Option<At<Vec<usize>>>,
        /// Layers of the decoder to keep, counted from 1, in order. Left out: all.
        pub decoder_layers: Option<At<Vec<usize>>>,
        /// Share of activations dropped in training; left out, as the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

/// Donors and the layers to keep of each, counted from 0.
struct Sources {
    encoder: (Donor, Vec<usize>),
    decoder: (Donor, Vec<usize>),
}

impl FromTeacher {
    fn sources(&self, surroundings: &Surroundings<'_>) -> Result<Sources, StudentError> {
        let donor =
            |name: &str| (surroundings.donor)(name).ok_or_else(|| StudentError::NoDonor(name.to_owned()));
        let encoder = donor(&self.encoder)?;
        let decoder = match &self.decoder {
            Some(name) => donor(name)?,
            None => encoder.clone(),
        };
        if encoder.config.d_model != decoder.config.d_model
            || encoder.config.vocab_size != decoder.config.vocab_size
        {
            return Err(StudentError::Size(format!(
                "encoder (width {}, {} tokens) and decoder (width {}, {} tokens) do not go together",
                encoder.config.d_model,
                encoder.config.vocab_size,
                decoder.config.d_model,
                decoder.config.vocab_size
            )));
        }
        if encoder.config.activation_function != decoder.config.activation_function {
            return Err(StudentError::Size(format!(
                "encoder ({}) and decoder ({}) do not go together: a model has one activation function",
                encoder.config.activation_function, decoder.config.activation_function
            )));
        }
        let encoder_layers = kept(self.encoder_layers.as_deref(), encoder.config.encoder_layers, "encoder")?;
        let decoder_layers = kept(self.decoder_layers.as_deref(), decoder.config.decoder_layers, "decoder")?;
        Ok(Sources { encoder: (encoder, encoder_layers), decoder: (decoder, decoder_layers) })
    }

    fn configure(&self, Sources { encoder, decoder }: &Sources) -> MarianConfig {
        MarianConfig {
            encoder_layers: encoder.1.len(),
            decoder_layers: decoder.1.len(),
            decoder_attention_heads: decoder.0.config.decoder_attention_heads,
            decoder_ffn_dim: decoder.0.config.decoder_ffn_dim,
            dropout: self.dropout.unwrap_or(encoder.0.config.dropout),
            ..encoder.0.config.clone()
        }
    }
}

impl MakeStudent for FromTeacher {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<MarianConfig, StudentError> {
        Ok(self.configure(&self.sources(surroundings)?))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let sources = self.sources(surroundings)?;
        let (encoder, encoder_layers) = &sources.encoder;
        let (decoder, decoder_layers) = &sources.decoder;
        let mut weights: Weights = encoder
            .weights
            .iter()
            .filter(|(name, _)| !name.contains(".layers."))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        take(encoder, "encoder", encoder_layers, &mut weights);
        take(decoder, "decoder", decoder_layers, &mut weights);
        Ok(Blueprint { config: self.configure(&sources), weights })
    }

    fn takes_weights(&self) -> bool {
        true
    }
}

/// The layers to keep, counted from 0.
fn kept(chosen: Option<&Vec<usize>>, layers: usize, stack: &str) -> Result<Vec<usize>, StudentError> {
    let Some(chosen) = chosen else { return Ok((0..layers).collect()) };
    match chosen.iter().find(|&&layer| layer == 0 || layer > layers) {
        Some(layer) => {
            Err(StudentError::Size(format!("the {stack} has no layer {layer}; its layers are 1 to {layers}")))
        }
        None if chosen.is_empty() => Err(StudentError::Size(format!("no layer of the {stack} is kept"))),
        None => Ok(chosen.iter().map(|layer| layer - 1).collect()),
    }
}

/// Copies the kept layers of a stack, renumbered.
fn take(donor: &Donor, stack: &str, layers: &[usize], weights: &mut Weights) {
    for (new, old) in layers.iter().enumerate() {
        let prefix = format!("model.{stack}.layers.{old}.");
        for (name, tensor) in &donor.weights {
            if let Some(rest) = name.strip_prefix(&prefix) {
                weights.insert(format!("model.{stack}.layers.{new}.{rest}"), tensor.clone());
            }
        }
    }
}
