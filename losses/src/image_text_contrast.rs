//! CLIP's contrastive loss of the texts and images of a batch.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::arithmetic::{gathered_cross_entropy, in_batch_cross_entropy};
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Which text of the batch belongs to an image, and which image to a text.
    ///
    /// CLIP's contrastive loss (Radford et al., 2021): with similarities `s` `[batch, batch]` of images and texts, scaled by
    /// the learnt factor of the student, `L = ½ mean_i [-log softmax_j(s_ij)]_i + ½ mean_j [-log softmax_i(s_ij)]_j`. Every
    /// other text of the batch counts as wrong.
    pub struct ImageTextContrast {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Whether the images and texts of all ranks are those of one batch, where several train together. Else each rank compares
        /// those of its own.
        pub gather: bool = false,
    }
}

/// The student's embeddings, each of length one, and the logarithm of the factor of their products.
const EMBEDDINGS: [&str; 2] = ["image.embedding", "text.embedding"];
const SCALE: &str = "logit_scale";

pub(crate) const NAME: &str = "image-text-contrast";

impl LossTerm for ImageTextContrast {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        check_pairs(NAME, "student", student)?;
        let gather = self.gather;
        let compute = move |inputs: &Inputs<'_>| {
            if gather && inputs.ranks.is_some_and(|ranks| !ranks.is_alone()) {
                let missing = || LossError::MissingTap { side: "student", tap: SCALE.to_owned() };
                let scale = inputs.projections.get(SCALE).ok_or_else(missing)?.exp()?;
                let [images, texts] = EMBEDDINGS.map(|tap| inputs.student(tap));
                return gathered_cross_entropy(inputs, (images?, texts?), &scale);
            }
            in_batch_cross_entropy(inputs.student("logits")?)
        };
        let gathered = EMBEDDINGS.into_iter().filter(|_| gather);
        let taps = ["logits"].into_iter().chain(gathered).map(str::to_owned).collect();
        Ok(Term::new(NAME, self.weight, taps, Vec::new(), Box::new(compute))
            .comparing_examples()
            .gathering(gather))
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
