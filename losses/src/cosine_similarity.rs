//! Cosine similarity loss: the cosine of two texts against their score.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::matryoshka::Matryoshka;
use crate::scored_pairs::{ScoredPairs, embedding};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// How alike people find two texts, as the cosine of their embeddings; without a teacher.
    ///
    /// `L = 1/n Σ_i (cos(u_i, v_i) - y_i)²` over n pairs with embeddings `u`, `v` `[n, D]` and scores `y` between 0 and 1, as in
    /// Reimers and Gurevych (2019) and in sentence-transformers' `CosineSimilarityLoss`.
    pub struct CosineSimilarity {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Widths to which embeddings are truncated.
        #[flatten]
        pub widths: Matryoshka
    }
}

const NAME: &str = "cosine-similarity";

impl LossTerm for CosineSimilarity {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let (tap, width) = embedding(NAME, student)?;
        let (own, widths) = (tap.clone(), self.widths.bind(NAME, width)?);
        let compute = move |inputs: &Inputs<'_>| {
            let pairs = ScoredPairs::new(NAME, inputs, &own)?;
            let scores = Tensor::from_vec(pairs.scores.to_vec(), pairs.scores.len(), device::current())?;
            widths.sum(|width| Ok((pairs.cosines(width)? - &scores)?.sqr()?.mean_all()?))
        };
        Ok(Term::new(NAME, self.weight, vec![tap], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Similarities]))
    }

    fn matryoshka(&self) -> &[usize] {
        &self.widths.matryoshka
    }
}
