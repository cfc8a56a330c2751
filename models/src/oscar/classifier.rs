//! The classifier of texts about several images.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;

use super::OscarConfig;
use crate::ModelError;
use crate::layers::{Linear, Norm, Shapes, WeightSource};

/// Name of the classifier's tensors; its parts are 0, 1, 2 and 3 of a sequence of modules.
pub(super) const CLASSIFIER: &str = "classifier";

/// A linear layer, a rectifier, a norm where regions have one, and another linear layer, over the pooled states of a text with each of its
/// images side by side.
#[derive(Debug, Clone)]
pub(super) struct Classifier {
    images: usize,
    inner: Linear,
    norm: Option<Norm>,
    outer: Linear,
}

impl OscarConfig {
    /// The last linear layer of the classifier over several images, which stands behind the norm if there is one.
    #[must_use]
    pub fn last_layer(&self) -> String {
        format!("{CLASSIFIER}.{}", if self.feature_epsilon.is_some() { 3 } else { 2 })
    }

    /// Inner width of the classifier over several images.
    fn classifier_width(&self) -> usize {
        self.classifier_scale * self.bert.width
    }

    /// Adds the tensors of the classifier over several images.
    pub(super) fn add_classifier(&self, shapes: &mut Shapes) {
        let inner = self.classifier_width();
        shapes.biased(&format!("{CLASSIFIER}.0"), &[inner, self.images * self.bert.width]);
        if self.feature_epsilon.is_some() {
            shapes.biased(&format!("{CLASSIFIER}.2"), &[inner]);
        }
        shapes.biased(&self.last_layer(), &[self.bert.labels.len(), inner]);
    }
}

impl Classifier {
    /// The classifier of a configuration; none over one image.
    pub(super) fn load(source: WeightSource<'_>, config: &OscarConfig) -> Result<Option<Self>, ModelError> {
        if config.images < 2 {
            return Ok(None);
        }
        let (width, inner) = (config.bert.width, config.classifier_width());
        let norm = || Norm::load(source, &format!("{CLASSIFIER}.2"), inner, config.bert.epsilon);
        Ok(Some(Self {
            images: config.images,
            inner: Linear::load(source, &format!("{CLASSIFIER}.0"), config.images * width, inner)?,
            norm: config.feature_epsilon.is_some().then(norm).transpose()?,
            outer: Linear::load(source, &config.last_layer(), inner, config.bert.labels.len())?,
        }))
    }

    /// Logits of each text, `[texts, labels]`, of the pooled states of each text with each image, `[texts * images, width]`.
    pub(super) fn forward(&self, pooled: &Tensor) -> Result<Tensor, ModelError> {
        let (rows, width) = pooled.dims2()?;
        let pooled = pooled.reshape((rows / self.images, self.images * width))?;
        let mut state = self.inner.forward(&pooled, Activation::Relu)?;
        if let Some(norm) = &self.norm {
            state = norm.forward(&state)?;
        }
        self.outer.forward(&state, Activation::Identity)
    }
}
