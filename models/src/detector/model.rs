//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::Module;
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::DetectorConfig;
use super::attributes::AttributeHead;
use super::layers::Layers;
use crate::layers::{Linear, Norm, WeightSource};
use crate::{Initialiser, ModelError, Patches, TapSelection, Trace};

/// A detector over given weights.
#[derive(Debug, Clone)]
pub struct Detector {
    config: DetectorConfig,
    embedding: Linear,
    embedding_norm: Norm,
    layers: Layers,
    /// Features of each object that a cell may have; none where a cell has one, whose features are the cell's.
    slots: Option<(Linear, Norm)>,
    objectness: Linear,
    tags: Linear,
    boxes: Linear,
    attributes: Option<AttributeHead>,
}

/// Bounding box of an object, relative to its cell.
///
/// The numbers of a cell are the place of the object's middle within the cell, from 0 to 1 from left to right and from top
/// to bottom, and the logarithms of the object's width and height in cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellBox {
    /// Row and column of the cell.
    pub cell: [usize; 2],
    /// Numbers of the cell.
    pub numbers: [f32; 4],
}

impl CellBox {
    /// The cell and its numbers for an object with these edges, left, top, right and bottom as shares of the image, on a
    /// grid of so many rows and columns.
    #[must_use]
    pub fn of([left, top, right, bottom]: [f32; 4], [rows, columns]: [usize; 2]) -> Self {
        let place = |start: f32, end: f32, cells: usize| {
            let middle = f32::midpoint(start, end) * cells as f32;
            let cell = (middle.max(0.0) as usize).min(cells.saturating_sub(1));
            // An object without any extent has no logarithm.
            (cell, middle - cell as f32, ((end - start) * cells as f32).max(1e-3).ln())
        };
        let (column, x, width) = place(left, right, columns);
        let (row, y, height) = place(top, bottom, rows);
        Self { cell: [row, column], numbers: [x, y, width, height] }
    }

    /// The edges, left, top, right and bottom as shares of the image, within the image.
    #[must_use]
    pub fn bounds(&self, [rows, columns]: [usize; 2]) -> [f32; 4] {
        let [x, y, width, height] = self.numbers;
        let edges = |cell: usize, place: f32, extent: f32, cells: usize| {
            let (middle, half) = (cell as f32 + place, extent.min(10.0).exp() / 2.0);
            [middle - half, middle + half].map(|edge| (edge / cells.max(1) as f32).clamp(0.0, 1.0))
        };
        let [left, right] = edges(self.cell[1], x, width, columns);
        let [top, bottom] = edges(self.cell[0], y, height, rows);
        [left, top, right, bottom]
    }
}

impl Detector {
    /// Builds the model over weights named as [`DetectorConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &DetectorConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.hidden_size);
        let norm = |name: &str| Norm::load(source, name, width, config.layer_norm_eps);
        let [objectness, tags, boxes] =
            config.heads().map(|(name, outputs)| Linear::load(source, name, width, outputs));
        let slots = || {
            let linear = Linear::load(source, "slots", width, config.slots * width)?;
            Ok::<_, ModelError>((linear, norm("slot_norm")?))
        };
        Ok(Self {
            embedding: Linear::load_patches(
                source,
                "embeddings.projection",
                [config.num_channels, config.patch_size, width],
                true,
            )?,
            embedding_norm: norm("embeddings.norm")?,
            layers: Layers::load(config, source)?,
            slots: (config.slots > 1).then(slots).transpose()?,
            objectness: objectness?,
            tags: tags?,
            boxes: boxes?,
            attributes: (!config.attributes.is_empty())
                .then(|| AttributeHead::load(config, source))
                .transpose()?,
            config: config.clone(),
        })
    }

    /// Initial weights: matrices normal with the deviation that keeps the size of what goes through them (He et al., 2015),
    /// zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &DetectorConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let mut initialiser = Initialiser::new(streams);
        let mut weights = Weights::new();
        for (name, shape) in &shapes {
            let inputs = shape.iter().skip(1).product::<usize>().max(1);
            let deviation = (2.0 / inputs as f64).sqrt();
            weights.extend(initialiser.fill(&shapes, [name], deviation)?);
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        &self.config
    }

    /// One forward pass over whole grids of patches that reads the wanted taps. There is nothing to drop in training. Attributes are
    /// those of objects of the given classes, one for each object that a cell may have; of the predicted ones where none are given.
    ///
    /// # Errors
    /// When the patches do not fill a rectangle, or there are more or fewer classes than objects that cells may have.
    pub fn trace(
        &self,
        patches: &Patches,
        classes: Option<&Arc<Vec<u32>>>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let grid = patches.rectangle()?;
        let batch = patches.values.dim(0)?;
        let embedded =
            self.embedding_norm.forward(&self.embedding.forward(&patches.values, Activation::Gelu)?)?;
        trace.record("hidden.0", &embedded);
        let cells = self.layers.forward(embedded, grid, &mut trace)?;
        let features = match &self.slots {
            None => cells,
            Some((linear, norm)) => {
                let (_, count, width) = cells.dims3()?;
                let slots = linear.forward(&cells, Activation::Gelu)?;
                norm.forward(&slots.reshape((batch, count * self.config.slots, width))?)?
            }
        };
        trace.record("features", &features);
        if trace.wants("objectness") {
            let logits = self.objectness.forward(&features, Activation::Identity)?;
            trace.record("objectness", &logits.squeeze(2)?);
        }
        let attributes = self.attributes.as_ref().filter(|_| trace.wants("attributes"));
        if trace.wants("logits") || attributes.is_some() {
            let logits = self.tags.forward(&features, Activation::Identity)?;
            if let Some(attributes) = attributes {
                trace.record("attributes", &attributes.forward(&features, &logits, classes)?);
            }
            trace.record("logits", &logits);
        }
        if trace.wants("boxes") {
            trace.record("boxes", &self.boxes.forward(&features, Activation::Identity)?);
        }
        Ok(trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_where_their_cells_say() {
        for bounds in [[0.1, 0.2, 0.3, 0.6], [0.0, 0.0, 1.0, 1.0], [0.9, 0.95, 1.0, 1.0]] {
            let located = CellBox::of(bounds, [12, 8]);
            assert!(located.cell[0] < 12 && located.cell[1] < 8);
            for (edge, expected) in located.bounds([12, 8]).into_iter().zip(bounds) {
                assert!((edge - expected).abs() < 1e-5, "{located:?}");
            }
        }
        // The output of an untrained network is within the image all the same.
        let wild = CellBox { cell: [3, 3], numbers: [-50.0, 50.0, 100.0, -100.0] };
        assert!(wild.bounds([4, 4]).iter().all(|edge| (0.0..=1.0).contains(edge)));
    }
}
