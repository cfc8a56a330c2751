//! Cross-entropy on labels.

use std::sync::Arc;

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Targets, Term, Weight};

settings! {
    /// Cross-entropy on the labels of the data.
    ///
    /// `L = -1/N Σ [(1 - s) log p(y_t) + s/V Σ_v log p(v)]` over the N labels of the data, with label smoothing s
    /// over V classes (Szegedy et al., 2016): target tokens without padding, for a model that writes; texts or tokens,
    /// for one that classifies. Targets that a teacher wrote do not count here: see `sequence`. Student logits are
    /// `[batch, length, V]` or `[batch, V]`; the mean is over labels.
    pub struct CrossEntropy {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Probability spread evenly over all classes.
        #[range(0.0..=1.0)]
        pub label_smoothing: f64 = 0.0,
    }
}

impl LossTerm for CrossEntropy {
    fn bind(&self, _: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        Ok(on_targets("cross-entropy", self.weight, self.label_smoothing, |targets| &targets.labelled)
            .with_targets(&[TargetKind::Classes]))
    }

    fn reads_only_logits(&self) -> bool {
        true
    }
}

/// Cross-entropy of the student's logits with the targets that `counted` weighs.
pub(crate) fn on_targets(
    name: &'static str,
    weight: Weight,
    label_smoothing: f64,
    counted: impl Fn(&Targets) -> &Arc<Vec<f32>> + Send + Sync + 'static,
) -> Term {
    let compute = move |inputs: &Inputs<'_>| {
        let settings = ops::CrossEntropy {
            targets: inputs.targets.classes.clone(),
            weights: counted(inputs.targets).clone(),
            smoothing: label_smoothing as f32,
        };
        Ok(ops::cross_entropy(inputs.student("logits")?, settings)?)
    };
    Term::new(name, weight, vec!["logits".into()], Vec::new(), Box::new(compute))
}
