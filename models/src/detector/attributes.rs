//! Attributes of what is found.

use std::sync::Arc;

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::DetectorConfig;
use crate::layers::{Linear, Shapes, WeightSource};
use crate::{ModelError, integers};

const CLASSES: &str = "attributes.class_embedding.weight";
const DENSE: &str = "attributes.dense";
const OUTPUT: &str = "attributes.output";

/// Head of attributes: `W₂ relu(W₁ [f; e_c] + b₁) + b₂`, of features f and an embedding e of the class c (Anderson et al., 2018).
#[derive(Debug, Clone)]
pub(super) struct AttributeHead {
    classes: Tensor,
    dense: Linear,
    output: Linear,
}

impl AttributeHead {
    /// Names and shapes of its tensors.
    pub(super) fn shapes(config: &DetectorConfig, shapes: &mut Shapes) {
        let inner = config.attribute_hidden_size;
        shapes.tensor(CLASSES, &[config.tags.len(), config.class_embedding_size]);
        shapes.biased(DENSE, &[inner, config.hidden_size + config.class_embedding_size]);
        shapes.biased(OUTPUT, &[config.attributes.len(), inner]);
    }

    pub(super) fn load(config: &DetectorConfig, source: WeightSource<'_>) -> Result<Self, ModelError> {
        let inner = config.attribute_hidden_size;
        let inputs = config.hidden_size + config.class_embedding_size;
        Ok(Self {
            classes: source.tensor(CLASSES, &[config.tags.len(), config.class_embedding_size])?,
            dense: Linear::load(source, DENSE, inputs, inner)?,
            output: Linear::load(source, OUTPUT, inner, config.attributes.len())?,
        })
    }

    /// Logits `[batch, places, attributes]` of features `[batch, places, width]`. Classes are given in training, and else those
    /// that the logits of classes `[batch, places, classes]` predict.
    pub(super) fn forward(
        &self,
        features: &Tensor,
        logits: &Tensor,
        given: Option<&Arc<Vec<u32>>>,
    ) -> Result<Tensor, ModelError> {
        let (batch, places, _) = features.dims3()?;
        let classes = match given {
            Some(given) if given.len() == batch * places => Arc::clone(given),
            Some(given) => {
                return Err(ModelError::Input(format!(
                    "there are {} classes, and {} places for objects",
                    given.len(),
                    batch * places
                )));
            }
            None => Arc::new(integers::ids("classes", &logits.detach().argmax(D::Minus1)?)?),
        };
        let classes = ops::embed(&self.classes, &classes, batch, 1.0, None)?;
        let inner = self.dense.forward(&Tensor::cat(&[features, &classes], 2)?, Activation::Relu)?;
        self.output.forward(&inner, Activation::Identity)
    }
}
