//! Whether a text and an image belong together.

use std::sync::Arc;

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Targets, Term, Weight};

settings! {
    /// Cross-entropy on how text and image belong together, some texts or tags of a batch being those of other images.
    ///
    /// With two classes this is image-text matching (LXMERT, ViLT) and the contrastive loss of Oscar: together, or the
    /// second text (the tags) is another image's. With three it is that of Oscar+ (Zhang et al., 2021): together, the
    /// second text is another's, or the first is. `L = -1/B Σ_b log p(y_b)` over logits `[batch, relations]`.
    pub struct Matching {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "matching";

impl LossTerm for Matching {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.relations == 0 {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head for the relation of text and image".into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let Targets { relations, related, .. } = inputs.targets;
            let weights =
                if related.is_empty() { Arc::new(vec![1.0; relations.len()]) } else { related.clone() };
            let settings = ops::CrossEntropy { targets: relations.clone(), weights, smoothing: 0.0 };
            Ok(ops::cross_entropy(inputs.student("relation")?, settings)?)
        };
        Ok(Term::new(NAME, self.weight, vec!["relation".into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Relations]))
    }
}
