//! The network.

use std::sync::Arc;

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::config::VitConfig;
use crate::layers::{Encoder, Linear, Norm, Pass, PatchEmbeddings, Sequences, WeightSource};
use crate::{LAST_STATE, ModelError, Patches, TapSelection, Trace};

/// A ViT over given weights.
#[derive(Debug, Clone)]
pub struct Vit {
    config: VitConfig,
    patches: PatchEmbeddings,
    encoder: Encoder,
    norm: Norm,
    pooler: Option<Linear>,
    classifier: Option<Linear>,
}

impl Vit {
    /// Builds the model over given weights. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &VitConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.hidden_size);
        let layers: Vec<_> = (0..config.num_hidden_layers).map(|index| config.layer(index)).collect();
        let linear = |name: &str, outputs| Linear::load(source, name, width, outputs);
        let classes = config.labels.len();
        Ok(Self {
            patches: PatchEmbeddings::load(
                source,
                &config.base("embeddings"),
                [config.num_channels, config.patch_size, width],
                config.grid(),
            )?,
            encoder: Encoder::load(source, &layers, &config.sizes()?, "")?,
            norm: Norm::load(source, &config.base("layernorm"), width, config.layer_norm_eps)?,
            pooler: config.pooler.then(|| linear(&config.base("pooler.dense"), width)).transpose()?,
            classifier: (classes > 0).then(|| linear("classifier", classes)).transpose()?,
            config: config.clone(),
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps: `hidden.i` (0 the first token and the patches with positions; before the last
    /// norm), `queries.i`, `keys.i`, `values.i`, `scores.i`, `attention.i`, `pooled`, `logits` and, where it is named,
    /// [`LAST_STATE`].
    ///
    /// # Errors
    /// When the images do not fit the model.
    pub fn trace(
        &self,
        patches: &Patches,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let batch = patches.values.dim(0)?;
        let mask: Arc<Vec<u8>> = crate::regions::side_by_side(&vec![1; batch], &patches.mask, batch);
        trace.record_mask("", &mask);
        let sequences = Sequences::new(&mask, batch, trace.wanted())?;
        let embedded = sequences.unpad(&self.patches.forward(patches)?)?;
        let embedded = pass.dropout(&embedded, self.config.hidden_dropout_prob)?;
        let (depth, attention) = (self.encoder.depth(trace.wanted()), sequences.attention());
        let hidden = self.encoder.forward(embedded, (&sequences, &attention), depth, pass, &mut trace)?;
        if trace.wants_last_state() {
            trace.record(LAST_STATE, &sequences.pad(&self.norm.forward(&hidden)?)?);
        }
        let first: Tensor = self.norm.forward(&sequences.first(&hidden)?)?;
        if let Some(pooler) = self.pooler.as_ref().filter(|_| trace.wants("pooled")) {
            trace.record("pooled", &pooler.forward(&first, Activation::Tanh)?);
        }
        if let Some(classifier) = self.classifier.as_ref().filter(|_| trace.wants("logits")) {
            trace.record("logits", &classifier.forward(&first, Activation::Identity)?);
        }
        Ok(trace)
    }
}
