//! `CoSENT`: the order of cosines against the order of scores.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;

use crate::matryoshka::Matryoshka;
use crate::scored_pairs::{ScoredPairs, embedding};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Which of two pairs of texts people find more alike, as the order of the cosines of their embeddings; without a teacher.
    ///
    /// `CoSENT` (Su, 2022; `CoSENTLoss` of sentence-transformers): over all pairs i, j of a batch of n with `y_i < y_j`,
    /// `L = log(1 + Σ_ij exp(scale · (cos_i - cos_j)))`, with the cosines of embeddings `[n, D]` and scores `y` of which the order
    /// alone counts. 0 where all scores of a batch are equal.
    pub struct Cosent {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What cosines are multiplied by.
        #[range(alambic_settings::above(0.0))]
        pub scale: f64 = 20.0,
        /// Widths to which embeddings are truncated.
        #[flatten]
        pub widths: Matryoshka
    }
}

const NAME: &str = "cosent";

/// What is added where two pairs are not compared: its exponential is negligible.
const FAR: f32 = -1e6;

impl LossTerm for Cosent {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let (tap, width) = embedding(NAME, student)?;
        let (own, widths, scale) = (tap.clone(), self.widths.bind(NAME, width)?, self.scale);
        let compute = move |inputs: &Inputs<'_>| {
            let pairs = ScoredPairs::new(NAME, inputs, &own)?;
            widths.sum(|width| order(&(pairs.cosines(width)? * scale)?, pairs.scores))
        };
        Ok(Term::new(NAME, self.weight, vec![tap], Vec::new(), Box::new(compute))
            .comparing_examples()
            .with_targets(&[TargetKind::Similarities]))
    }

    fn matryoshka(&self) -> &[usize] {
        &self.widths.matryoshka
    }
}

/// `log(1 + Σ exp(s_i - s_j))` over the pairs of which i has the lower score.
fn order(cosines: &Tensor, scores: &[f32]) -> Result<Tensor, LossError> {
    let count = scores.len();
    let far =
        scores.iter().flat_map(|one| scores.iter().map(move |other| if one < other { 0.0 } else { FAR }));
    let far = Tensor::from_vec(far.collect::<Vec<f32>>(), (count, count), device::current())?;
    let differences = (cosines.unsqueeze(1)?.broadcast_sub(&cosines.unsqueeze(0)?)? + far)?.flatten_all()?;
    let zero = Tensor::zeros(1, differences.dtype(), differences.device())?;
    let all = Tensor::cat(&[&zero, &differences], 0)?;
    // Detached, the largest is a constant: it cancels.
    let largest = all.detach().max_keepdim(D::Minus1)?;
    Ok((all.broadcast_sub(&largest)?.exp()?.sum_keepdim(D::Minus1)?.log()? + largest)?.squeeze(0)?)
}
