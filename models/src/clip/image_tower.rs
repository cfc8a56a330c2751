//! The image tower, which models of other heads have as well.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;

use super::ClipVisionConfig;
use crate::initialise::deviation;
use crate::layers::{Encoder, Linear, Norm, Pass, PatchEmbeddings, Sequences, Shapes, WeightSource};
use crate::{Initialiser, ModelError, Patches, Trace};

/// Name of the state that stands before the patches.
const CLASS: &str = "vision_model.embeddings.class_embedding";

/// Name of the linear layer over the pixels of a patch.
const PATCHES: &str = "vision_model.embeddings.patch_embedding";

/// Name of the table of positions.
const POSITIONS: &str = "vision_model.embeddings.position_embedding.weight";

/// Names of the norms before the first layer and behind the last one.
const NORMS: [&str; 2] = ["vision_model.pre_layrnorm", "vision_model.post_layernorm"];

impl ClipVisionConfig {
    /// Adds names and shapes of the tables.
    pub(crate) fn add_tables(&self, shapes: &mut Shapes) {
        let (wide, grid) = (self.hidden_size, self.grid());
        shapes.tensor(CLASS, &[wide]);
        let patch = [wide, self.num_channels, self.patch_size, self.patch_size];
        shapes.tensor(format!("{PATCHES}.weight"), &patch);
        shapes.tensor(POSITIONS, &[1 + grid * grid, wide]);
    }

    /// Adds names and shapes of the norms outside layers.
    pub(crate) fn add_norms(&self, shapes: &mut Shapes) {
        for norm in NORMS {
            shapes.biased(norm, &[self.hidden_size]);
        }
    }

    /// Adds names and shapes of the layers.
    pub(crate) fn add_layers(&self, shapes: &mut Shapes) {
        self.tower().add_layers(shapes);
    }

    /// Name and initial value of the state before the patches.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub(crate) fn initial_class(
        &self,
        initialiser: &mut Initialiser,
    ) -> Result<(String, Tensor), ModelError> {
        let first = initialiser.normal(1, self.hidden_size, deviation(self.hidden_size))?;
        Ok((CLASS.into(), first.squeeze(0)?))
    }
}

/// The image tower over given weights: a class token and patches through layers whose norms stand before the sublayers. Its stream is
/// `image`.
#[derive(Debug, Clone)]
pub(crate) struct ImageTower {
    patches: PatchEmbeddings,
    first_norm: Norm,
    encoder: Encoder,
    last_norm: Norm,
    layers: usize,
}

/// States behind the last layer, before the last norm, as the layers computed them.
pub(crate) struct ImageStates {
    hidden: Tensor,
    sequences: Sequences,
}

impl ImageTower {
    /// Loads the tower.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub(crate) fn load(source: WeightSource<'_>, config: &ClipVisionConfig) -> Result<Self, ModelError> {
        let (wide, grid, tower) = (config.hidden_size, config.grid(), config.tower());
        let patch = [config.num_channels, config.patch_size, wide];
        let patches = PatchEmbeddings {
            projection: Linear::load_patches(source, PATCHES, patch, false)?,
            first: Some(source.tensor(CLASS, &[wide])?.unsqueeze(0)?),
            positions: source.tensor(POSITIONS, &[1 + grid * grid, wide])?,
            grid,
        };
        let layers: Vec<_> = (0..tower.layers).map(|index| tower.layer(index)).collect();
        let [first_norm, last_norm] = NORMS.map(|name| Norm::load(source, name, wide, config.layer_norm_eps));
        Ok(Self {
            patches,
            first_norm: first_norm?,
            encoder: Encoder::load(source, &layers, &tower.sizes()?, "image")?,
            last_norm: last_norm?,
            layers: tower.layers,
        })
    }

    /// States of class token and patches of images; records the taps of `image`, and its mask.
    ///
    /// # Errors
    /// When the patches do not fit the model.
    pub(crate) fn forward(
        &self,
        patches: &Patches,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<ImageStates, ModelError> {
        let batch = patches.values.dim(0)?;
        let mask = crate::regions::side_by_side(&vec![1; batch], &patches.mask, batch);
        trace.record_mask("image", &mask);
        let sequences = Sequences::new(&mask, batch, trace.wanted())?;
        let embedded = sequences.unpad(&self.patches.forward(patches)?)?;
        let embedded = self.first_norm.forward(&embedded)?;
        let attention = sequences.attention();
        let hidden = self.encoder.forward(embedded, (&sequences, &attention), self.layers, pass, trace)?;
        Ok(ImageStates { hidden, sequences })
    }

    /// State of the class token behind the last norm, `[batch, width]`.
    pub(crate) fn class_state(&self, states: &ImageStates) -> Result<Tensor, ModelError> {
        Ok(self.last_norm.forward(&states.sequences.first(&states.hidden)?)?)
    }

    /// States of the patches behind the last norm, `[batch, patches, width]`.
    pub(crate) fn patch_states(&self, states: &ImageStates) -> Result<Tensor, ModelError> {
        let all = states.sequences.pad(&states.hidden)?;
        let patches = all.narrow(1, 1, all.dim(1)?.saturating_sub(1))?.contiguous()?;
        Ok(self.last_norm.forward(&patches)?)
    }

    /// The same behind a projection, with zeros for padding that was not computed, `[batch, patches, width]`.
    pub(crate) fn projected_patches(
        &self,
        states: &ImageStates,
        projection: &Linear,
    ) -> Result<Tensor, ModelError> {
        let normed = self.last_norm.forward(&states.hidden)?;
        let all = states.sequences.pad(&projection.forward(&normed, Activation::Identity)?)?;
        Ok(all.narrow(1, 1, all.dim(1)?.saturating_sub(1))?.contiguous()?)
    }
}
