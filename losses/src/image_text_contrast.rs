//! CLIP's contrastive loss of the texts and images of a batch.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::arithmetic::in_batch_cross_entropy;
use crate::{Inputs, LossError, LossTerm, Term};

settings! {
    /// Which text of the batch belongs to an image, and which image to a text.
    ///
    /// CLIP's contrastive loss (Radford et al., 2021): with similarities `s` `[batch, batch]` of images and texts, scaled by
    /// the learnt factor of the student, `L = ½ mean_i [-log softmax_j(s_ij)]_i + ½ mean_j [-log softmax_i(s_ij)]_j`. Every
    /// other text of the batch counts as wrong.
    pub struct ImageTextContrast {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: f64 = 1.0,
    }
}

pub(crate) const NAME: &str = "image-text-contrast";

impl LossTerm for ImageTextContrast {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        check_pairs(NAME, "student", student)?;
        let compute = |inputs: &Inputs<'_>| in_batch_cross_entropy(inputs.student("logits")?);
        Ok(Term::new(NAME, self.weight, vec!["logits".into()], Vec::new(), Box::new(compute))
            .comparing_examples())
    }
}

/// Fails where a model has no logits of every image of a batch with every text.
pub(crate) fn check_pairs(term: &'static str, side: &str, outline: &Outline) -> Result<(), LossError> {
    if outline.pairs {
        return Ok(());
    }
    Err(LossError::Incompatible {
        term,
        reason: format!("the {side} has no joint embeddings of images and texts, as CLIP has"),
    })
}
