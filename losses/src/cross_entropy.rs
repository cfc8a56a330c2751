//! Cross-entropy on labels.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{LossError, LossTerm, Term};

settings! {
    /// Cross-entropy on the labels of the data.
    ///
    /// `L = -1/N Σ [(1 - s) log p(y_t) + s/V Σ_v log p(v)]` over the N target tokens that are labels of the data,
    /// padding left out, with label smoothing s over V classes (Szegedy et al., 2016). Targets that a teacher wrote
    /// do not count here: see `sequence`. Student logits are `[batch, length, V]`; the mean is over tokens.
    pub struct CrossEntropy {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: f64 = 1.0,
        /// Probability spread evenly over all classes.
        #[range(0.0..=1.0)]
        pub label_smoothing: f64 = 0.0,
    }
}

impl LossTerm for CrossEntropy {
    fn bind(&self, _: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let smoothing = self.label_smoothing as f32;
        Ok(Term {
            name: "cross-entropy",
            weight: self.weight,
            student_taps: vec!["logits".into()],
            teacher_taps: Vec::new(),
            projection: None,
            equal_lengths: false,
            compute: Box::new(move |inputs| {
                let targets = inputs.targets;
                let settings = ops::CrossEntropy {
                    targets: targets.tokens.clone(),
                    weights: targets.labelled.clone(),
                    smoothing,
                };
                Ok(ops::cross_entropy(inputs.student("logits")?, settings)?)
            }),
        })
    }
}
