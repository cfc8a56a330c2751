//! Names and shapes of the tensors of decoder-only transformers.

use indexmap::IndexMap;

use super::config::{CausalConfig, CausalFamily};
use crate::layers::Shapes;
use crate::published;

/// Whole name of the matrix of the vocabulary's logits, where that is not the table of words.
pub(super) const OUTPUT: &str = "lm_head.weight";

impl CausalConfig {
    /// Prefix of the names of the layers' tensors; none of a model without logits.
    fn prefix(&self) -> &'static str {
        match (self.has_output, self.family) {
            (false, _) => "",
            (true, CausalFamily::Gpt2) => "transformer.",
            (true, _) => "model.",
        }
    }

    /// Whole name of the table of words.
    pub(super) fn word_table(&self) -> String {
        let own = if self.family == CausalFamily::Gpt2 { "wte" } else { "embed_tokens" };
        format!("{}{own}.weight", self.prefix())
    }

    /// Whole name of the table of positions.
    pub(super) fn position_table(&self) -> String {
        format!("{}wpe.weight", self.prefix())
    }

    /// Name of a tensor of a layer, counted from 0.
    pub(super) fn part(&self, layer: usize, part: &str) -> String {
        let stack = if self.family == CausalFamily::Gpt2 { "h" } else { "layers" };
        format!("{}{stack}.{layer}.{part}", self.prefix())
    }

    /// Name of the last norm.
    pub(super) fn last_norm(&self) -> String {
        let own = if self.family == CausalFamily::Gpt2 { "ln_f" } else { "norm" };
        format!("{}{own}", self.prefix())
    }

    /// Names that a published file may have for a tensor, the likeliest first.
    pub(super) fn spellings(&self, name: &str) -> Vec<String> {
        let base = if self.family == CausalFamily::Gpt2 { "transformer." } else { "model." };
        if name == OUTPUT {
            return vec![name.to_owned()];
        }
        published::with_and_without(base, name)
    }

    /// Numbers of all heads of queries; and of keys, or of values.
    pub(super) fn projected(&self) -> [usize; 2] {
        [self.heads * self.head_width, self.key_value_heads * self.head_width]
    }

    /// Name and shape of every parameter, as files have them: GPT-2's matrices are `[inputs, outputs]`.
    pub(super) fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let mut shapes = Shapes::default();
        let (width, inner, [queries, keys]) = (self.width, self.intermediate_size, self.projected());
        shapes.tensor(self.word_table(), &[self.vocabulary, width]);
        if self.family == CausalFamily::Gpt2 {
            shapes.tensor(self.position_table(), &[self.positions, width]);
        }
        for layer in 0..self.layers {
            let part = |part: &str| self.part(layer, part);
            if self.family == CausalFamily::Gpt2 {
                shapes.biased(&part("ln_1"), &[width]);
                for (name, inputs, outputs) in [
                    ("attn.c_attn", width, 3 * width),
                    ("attn.c_proj", width, width),
                    ("mlp.c_fc", width, inner),
                    ("mlp.c_proj", inner, width),
                ] {
                    shapes.tensor(format!("{}.weight", part(name)), &[inputs, outputs]);
                    shapes.tensor(format!("{}.bias", part(name)), &[outputs]);
                }
                shapes.biased(&part("ln_2"), &[width]);
                continue;
            }
            let [has_bias, has_output_bias] = self.attention_biases;
            shapes.affine(&part("input_layernorm"), &[width], false);
            for (name, outputs) in [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)] {
                shapes.affine(&part(&format!("self_attn.{name}")), &[outputs, width], has_bias);
            }
            shapes.affine(&part("self_attn.o_proj"), &[width, queries], has_output_bias);
            if self.family == CausalFamily::Qwen3 {
                shapes.affine(&part("self_attn.q_norm"), &[self.head_width], false);
                shapes.affine(&part("self_attn.k_norm"), &[self.head_width], false);
            }
            shapes.affine(&part("post_attention_layernorm"), &[width], false);
            for (name, shape) in
                [("gate_proj", [inner, width]), ("up_proj", [inner, width]), ("down_proj", [width, inner])]
            {
                shapes.affine(&part(&format!("mlp.{name}")), &shape, self.feed_forward_biases);
            }
        }
        shapes.affine(&self.last_norm(), &[width], self.family == CausalFamily::Gpt2);
        if self.has_output && self.untied {
            shapes.tensor(OUTPUT, &[self.vocabulary, width]);
        }
        if let Some(pooling) = &self.pooling {
            pooling.shapes(&mut shapes, width);
        }
        shapes.into_inner()
    }
}
