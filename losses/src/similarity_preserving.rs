//! Similarities between the texts of a batch, row by row.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;

use crate::arithmetic::{gram, normalised};
use crate::features::Features;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Similarities between the texts of a batch, row by row.
    ///
    /// Similarity-preserving distillation (Tung and Mori, 2019, equations 1 to 4): with features `f` `[b, D]`,
    /// `G = f fᵀ` with each row brought to length one, `L = 1/b² Σ_ij (G_S,ij - G_T,ij)²`. Widths need not agree. The
    /// paper weighs it by 3,000.
    pub struct SimilarityPreserving {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::First,
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
    }
}

impl LossTerm for SimilarityPreserving {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind("similarity-preserving", &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let compute = move |inputs: &Inputs<'_>| {
            let (student, teacher) = features.compute(inputs)?;
            let rows = |features: &Tensor| -> Result<Tensor, LossError> { normalised(&gram(features)?) };
            Ok((rows(&student)? - rows(&teacher)?)?.sqr()?.mean_all()?)
        };
        Ok(Term::new("similarity-preserving", self.weight, taps.0, taps.1, Box::new(compute))
            .comparing_examples())
    }
}
