//! Objects in cells.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops;

use crate::arithmetic::{binary_cross_entropy, log_softmax};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Objects in an image: whether the middle of one lies in a cell, what it is, and where its edges are.
    ///
    /// `L = 1/N [Σ_cells BCE(o, y) + t Σ_objects -log p(tag) + b Σ_objects |box - target|]` over the N objects of a batch
    /// (at least one), with logits o of each cell, y 1 in cells with an object, and four numbers a box; cells without an
    /// object do not count for tags and boxes. One-stage detectors have these three parts (Redmon et al., 2016).
    ///
    /// Of a detector with attributes, `a/M Σ_objects -Σ_i q_i log softmax(z)_i` is added, over the M objects that have any (at least
    /// one), q being 1/n for each of an object's n attributes and 0 for the others (Anderson et al., 2018; VinVL).
    pub struct Detection {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Factor t of what objects are.
        #[range(0.0..)]
        pub tags: f64 = 1.0,
        /// Factor b of where they are.
        #[range(0.0..)]
        pub boxes: f64 = 1.0,
        /// Factor a of what they are like, for detectors with attributes.
        #[range(0.0..)]
        pub attributes: f64 = 0.5,
    }
}

const NAME: &str = "detection";

impl LossTerm for Detection {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if !student.detects {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no cells in which objects may be".into(),
            });
        }
        let (tags, boxes, attributes) = (self.tags, self.boxes, self.attributes);
        let has_attributes = student.attributes > 0;
        let compute = move |inputs: &Inputs<'_>| {
            let targets = inputs.targets;
            let (objectness, places) = (inputs.student("objectness")?, inputs.student("boxes")?);
            let cells = objectness.elem_count();
            if [targets.scores.len(), targets.labelled.len(), targets.numbers.len() / 4] != [cells; 3] {
                return Err(LossError::Incompatible {
                    term: NAME,
                    reason: format!("{cells} cells and targets of {}", targets.scores.len()),
                });
            }
            let objects = targets.labelled.iter().sum::<f32>();
            let tensor = |values: &[f32], like: &Tensor| {
                Tensor::from_vec(values.to_vec(), like.shape(), device::current()).map_err(LossError::from)
            };
            let found = binary_cross_entropy(objectness, &tensor(&targets.scores, objectness)?)?.sum_all()?;
            let named = ops::cross_entropy(
                inputs.student("logits")?,
                ops::CrossEntropy {
                    targets: targets.classes.clone(),
                    weights: targets.labelled.clone(),
                    smoothing: 0.0,
                },
            )?;
            let counted = tensor(&targets.labelled, objectness)?.unsqueeze(2)?;
            let apart = (places - tensor(&targets.numbers, places)?)?.abs()?;
            let placed = apart.broadcast_mul(&counted)?.sum_all()?;
            // The cross-entropy is a mean over objects already.
            let scale = 1.0 / f64::from(objects.max(1.0));
            let total = (((found + (placed * boxes)?)? * scale)? + (named * tags)?)?;
            if !has_attributes {
                return Ok(total);
            }
            let described = attribute_cross_entropy(inputs.student("attributes")?, &targets.attributes)?;
            Ok((total + (described * attributes)?)?)
        };
        let taps = ["objectness", "boxes", "logits", "attributes"];
        let taps = taps[..if has_attributes { 4 } else { 3 }].iter().map(ToString::to_string).collect();
        let term = Term::new(NAME, self.weight, taps, Vec::new(), Box::new(compute));
        Ok(term.with_targets(&[TargetKind::Classes, TargetKind::Boxes]))
    }
}

/// Mean cross-entropy of logits `[images, objects, attributes]` with shares of attributes, over the objects that have any.
fn attribute_cross_entropy(logits: &Tensor, shares: &[f32]) -> Result<Tensor, LossError> {
    let width = logits.dims().last().copied().unwrap_or(1).max(1);
    if shares.len() != logits.elem_count() {
        return Err(LossError::Incompatible {
            term: NAME,
            reason: format!("{} logits of attributes and targets of {}", logits.elem_count(), shares.len()),
        });
    }
    let objects = shares.chunks(width).filter(|own| own.iter().any(|share| *share > 0.0)).count();
    let shares = Tensor::from_vec(shares.to_vec(), logits.shape(), device::current())?;
    let sum = (log_softmax(logits)? * shares)?.sum_all()?;
    Ok((sum * (-1.0 / objects.max(1) as f64))?)
}
