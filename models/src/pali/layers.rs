//! The weights of chosen layers of another model.

use alambic_tensor::parameters::Weights;

use super::PaliConfig;
use crate::encoder_decoder::DecoderNames;
use crate::layers::EncoderNames;

impl PaliConfig {
    /// The weights of another model of these widths, of whose layers those of these indices, counted from 0, are kept: of the image
    /// encoder, of the encoder and of the decoder.
    #[must_use]
    pub fn weights_of_layers(&self, weights: &Weights, kept: [&[usize]; 3]) -> Weights {
        let mut given = Weights::new();
        for name in self.shapes().keys().filter(|name| !is_of_layer(name)) {
            if let Some(tensor) = weights.get(name) {
                given.insert(name.clone(), tensor.clone());
            }
        }
        let language = |names: Vec<String>| names.iter().map(|name| Self::of_language_model(name)).collect();
        let image = |index| self.vision_config.layer(index).all();
        let encoder =
            |index| -> Vec<String> { language(EncoderNames::all(self.text_config.encoder_layer(index))) };
        let decoder =
            |index| -> Vec<String> { language(DecoderNames::all(self.text_config.decoder_layer(index))) };
        let names: [&dyn Fn(usize) -> Vec<String>; 3] = [&image, &encoder, &decoder];
        for (names, kept) in names.into_iter().zip(kept) {
            for (own, &layer) in kept.iter().enumerate() {
                for (own, other) in names(own).into_iter().zip(names(layer)) {
                    for part in ["weight", "bias"] {
                        if let Some(tensor) = weights.get(&format!("{other}.{part}")) {
                            given.insert(format!("{own}.{part}"), tensor.clone());
                        }
                    }
                }
            }
        }
        given
    }
}

/// Whether a tensor is of a layer. The tables of positions have the names of first layers, and are of whole stacks.
fn is_of_layer(name: &str) -> bool {
    !name.contains("relative_attention_bias") && name.split('.').any(|part| part.parse::<usize>().is_ok())
}
