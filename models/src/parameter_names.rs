//! What a parameter is, by its name in published files.

/// Parts of names of the heads of tasks.
const HEADS: [&str; 11] = [
    "answer_head",
    "classifier",
    "cls",
    "discriminator_predictions",
    "head",
    "lm_head",
    "logit_fc",
    "pre_classifier",
    "qa_outputs",
    "score",
    "sequence_summary",
];

/// Whether a parameter belongs to the head of a task, and not to the model under it.
#[must_use]
pub fn is_head(name: &str) -> bool {
    name.split('.').next().is_some_and(|first| HEADS.contains(&first))
}

/// Whether a parameter of a shape is a matrix of a layer or of the pooler: no embeddings, heads, biases and norms.
#[must_use]
pub fn is_layer_matrix(name: &str, shape: &[usize]) -> bool {
    let mut parts = name.split('.');
    let is_in_layer = parts.any(|part| part == "pooler" || part.parse::<usize>().is_ok());
    shape.len() == 2
        && is_in_layer
        && !is_head(name)
        && !name.contains("relative_attention_bias")
        && !name.contains("embed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_of_layers_and_poolers_of_all_families() {
        let matrices = [
            "bert.encoder.layer.3.attention.self.query.weight",
            "bert.pooler.dense.weight",
            "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight",
            "albert.pooler.weight",
            "distilbert.transformer.layer.1.ffn.lin1.weight",
            "lxmert.encoder.x_layers.0.visual_attention.att.key.weight",
            "model.encoder.layers.5.fc1.weight",
            "decoder.block.1.layer.0.SelfAttention.q.weight",
            "transformer.h.0.attn.c_attn.weight",
            "layers.2.mlp.gate_proj.weight",
        ];
        for name in matrices {
            assert!(is_layer_matrix(name, &[4, 4]), "{name}");
        }
        let others = [
            "bert.embeddings.word_embeddings.weight",
            "classifier.0.weight",
            "answer_head.logit_fc.0.weight",
            "classifier.weight",
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            "deberta.encoder.rel_embeddings.weight",
            "text_projection.weight",
            "transformer.wte.weight",
        ];
        for name in others {
            assert!(!is_layer_matrix(name, &[4, 4]), "{name}");
        }
        assert!(!is_layer_matrix("bert.encoder.layer.3.attention.self.query.bias", &[4]));
    }
}
