//! The tensors of a model, known from its configuration alone.

use indexmap::IndexMap;

use super::MarianConfig;

impl MarianConfig {
    /// Name and shape of every parameter, in the order in which they are initialised. What published checkpoints
    /// hold besides, position tables and the bias of the logits, is no parameter.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let width = self.d_model;
        let rows = [self.vocab_size, self.target_vocabulary(), self.target_vocabulary()];
        let tables = self.word_tables().into_iter().zip(rows);
        let mut shapes: IndexMap<String, Vec<usize>> =
            tables.map(|(name, rows)| (name.to_owned(), vec![rows, width])).collect();
        let mut linear = |name: String, outputs: usize, inputs: usize| {
            shapes.insert(
                format!("{name}.weight"),
                if inputs == 0 { vec![outputs] } else { vec![outputs, inputs] },
            );
            shapes.insert(format!("{name}.bias"), vec![outputs]);
        };
        for (stack, layers, inner, attentions) in [
            ("encoder", self.encoder_layers, self.encoder_ffn_dim, &["self_attn"][..]),
            ("decoder", self.decoder_layers, self.decoder_ffn_dim, &["self_attn", "encoder_attn"][..]),
        ] {
            for layer in 0..layers {
                let prefix = format!("model.{stack}.layers.{layer}");
                for attention in attentions {
                    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                        linear(format!("{prefix}.{attention}.{part}"), width, width);
                    }
                    linear(format!("{prefix}.{attention}_layer_norm"), width, 0);
                }
                linear(format!("{prefix}.fc1"), inner, width);
                linear(format!("{prefix}.fc2"), width, inner);
                linear(format!("{prefix}.final_layer_norm"), width, 0);
            }
        }
        shapes
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.shapes().values().map(|shape| shape.iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use alambic_tensor::Streams;

    use super::*;
    use crate::marian::{Marian, WordTables};

    #[test]
    fn shapes_are_those_of_initial_weights() {
        let config = MarianConfig {
            vocab_size: 11,
            d_model: 8,
            encoder_layers: 2,
            decoder_layers: 1,
            encoder_attention_heads: 2,
            decoder_attention_heads: 4,
            encoder_ffn_dim: 12,
            decoder_ffn_dim: 20,
            activation_function: "relu".into(),
            dropout: 0.1,
            scale_embedding: true,
            tables: WordTables::Shared,
            max_position_embeddings: 16,
            pad_token_id: 10,
            eos_token_id: 0,
            decoder_start_token_id: 10,
        };
        for tables in [WordTables::Shared, WordTables::OfEach { target: 9 }, WordTables::Own { target: 9 }] {
            let config = MarianConfig { tables, ..config.clone() };
            let weights = Marian::initial_weights(&config, &Streams::new(1)).unwrap();
            let shapes: IndexMap<String, Vec<usize>> =
                weights.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
            assert!(config.shapes().iter().eq(shapes.iter()));
            let numbers: usize = weights.values().map(alambic_tensor::candle::Tensor::elem_count).sum();
            assert_eq!(config.parameters(), numbers);
        }
    }
}
