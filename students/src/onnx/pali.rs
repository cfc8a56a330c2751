//! PaLI as graphs: an encoder over patches and prompt, and T5's decoders.

use alambic_models::ModelError;
use alambic_models::pali::{PaliConfig, VisualBias};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, OnnxWeights};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::clip::{LAST_NORM, image_states, patch_tables};
use super::encoder_decoder::{EncoderDecoderGraphs, StackInputs};

/// Behind the last row of any tensor.
const END: i64 = 1 << 30;

/// The graphs `encoder_model`, `decoder_model`, `decoder_with_past_model` and `decoder_model_merged`, each with the largest
/// difference that storing made to a weight.
pub(super) fn graphs(
    config: &PaliConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, ModelError> {
    let language = weights.iter().filter_map(|(name, tensor)| {
        Some((name.strip_prefix(PaliConfig::LANGUAGE_MODEL)?.to_owned(), tensor.clone()))
    });
    let (language, structure): (Weights, _) = (language.collect(), config.text_config.structure());
    let language =
        EncoderDecoderGraphs { structure: &structure, weights: &language, source: OnnxWeights(&language) };
    let model = PaliGraphs { config, image: OnnxWeights(weights), language };
    let encoder = model.encoder(storage)?;
    model.language.behind(encoder, storage)
}

struct PaliGraphs<'a> {
    config: &'a PaliConfig,
    image: OnnxWeights<'a>,
    language: EncoderDecoderGraphs<'a>,
}

impl PaliGraphs<'_> {
    /// Inputs: `input_ids`, `attention_mask`, `pixel_values`. Outputs: `last_hidden_state`, `encoder_attention_mask`.
    fn encoder(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("encoder", storage);
        let ids = graph.tokens("input_ids");
        let text_mask = graph.tokens("attention_mask");
        let pixels = patch_tables(&self.config.vision_config).squares(&mut graph, "batch");
        let image = self.projected(&mut graph, &pixels)?;
        let zero = graph.integers("zero", &[], &[0]);
        let own = self.language.structure;
        let text = StackInputs { stack: 0, ids: &ids, start: &zero };
        let sizes = self.language.sizes(own.encoder.heads);
        let words = self.language.embed(&mut graph, &text, &sizes)?;
        let behind = || vec![integer("axis", 1)];
        let embedded = graph.node("Concat", &[&image, &words], behind());
        let image_mask = self.image_mask(&mut graph, &text_mask);
        let mask = graph.node("Concat", &[&image_mask, &text_mask], behind());
        let mut bias = blocks::mask_bias(&mut graph, &mask);
        if let Some(biases) = self.biases(&mut graph, &text, &mask)? {
            bias = graph.node("Add", &[&bias, &biases], Vec::new());
        }
        let hidden = self.language.encode(&mut graph, embedded, &bias)?;
        let length = || "encoder_sequence".into();
        graph.output(&hidden, "last_hidden_state", &["batch".into(), length(), own.width.into()]);
        graph.whole_output(&mask, "encoder_attention_mask", &["batch".into(), length()]);
        Ok(graph.finish())
    }

    /// Patches as the encoder reads them, `[batch, patches, width]`.
    fn projected(&self, graph: &mut Builder, pixels: &str) -> Result<Name, ModelError> {
        let vision = &self.config.vision_config;
        let hidden = image_states(graph, &self.image, vision, pixels)?;
        let [start, end, axis] =
            [("start of the patches", 1), ("end of the patches", END), ("token axis", 1)]
                .map(|(name, value)| graph.integers(name, &[1], &[value]));
        let patches = graph.node("Slice", &[&hidden, &start, &end, &axis], Vec::new());
        let patches = self.image.norm(graph, &patches, LAST_NORM, vision.layer_norm_eps)?;
        self.image.linear(graph, &patches, PaliConfig::PROJECTOR)
    }

    /// Ones, `[batch, patches]`.
    fn image_mask(&self, graph: &mut Builder, text_mask: &str) -> Name {
        let patches = self.config.patches();
        let batch = graph.node("Shape", &[text_mask], vec![integer("start", 0), integer("end", 1)]);
        let count = graph.integers("patches of an image", &[1], &[patches as i64]);
        let shape = graph.node("Concat", &[&batch, &count], vec![integer("axis", 0)]);
        let one = graph.integers("mask of a patch", &[1, 1], &[1]);
        graph.node("Expand", &[&one, &shape], Vec::new())
    }

    /// Biases of the scores of patches and prompt by their distances, `[heads, sequence, sequence]`.
    fn biases(
        &self,
        graph: &mut Builder,
        text: &StackInputs<'_>,
        mask: &str,
    ) -> Result<Option<Name>, ModelError> {
        match self.config.visual_bias {
            VisualBias::Relative => {
                let whole = StackInputs { ids: mask, ..*text };
                self.language.distances(graph, &whole)
            }
            VisualBias::None => Ok(self.language.distances(graph, text)?.map(|biases| {
                let patches = self.config.patches() as i64;
                let before =
                    graph.integers("patches before the prompt", &[6], &[0, patches, patches, 0, 0, 0]);
                graph.node("Pad", &[&biases, &before], Vec::new())
            })),
        }
    }
}
