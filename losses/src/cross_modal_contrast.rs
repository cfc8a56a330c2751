//! UNIMO's contrast of texts and images, with several positives and hard negatives of each pair.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::{D, Tensor};

use crate::arithmetic::softplus;
use crate::lists::{RELEVANCE, ScoredLists, check_scores};
use crate::{Inputs, LossError, LossTerm, TargetKind, Temperature, Term, Weight};

choices! {
    /// How several positives of a pair count.
    pub enum PositivesCounted {
        /// By the sum of their exponentials, as published: one that is easy can carry it.
        Sum = "sum",
        /// Each by itself against the negatives, and the mean over them.
        Each = "each",
    }
}

settings! {
    /// Which texts and images belong to a pair, among rewritten ones and those of other pairs; without a teacher.
    ///
    /// Cross-modal contrastive learning of UNIMO (Li et al., 2021, section 3.1): with similarities d of the positives P_b of pair b (the
    /// pair, texts rewritten in other words, retrieved images and texts) and of its negatives N_b (texts rewritten to be false, and
    /// images and texts of other pairs), `[pairs, places]`, `L = -1/B Σ_b [lse_{P_b} d/T - lse_{P_b ∪ N_b} d/T]` with
    /// `lse = log Σ exp`, over the B pairs of a batch with a positive; padding is left out. The temperature of the paper, learnt or
    /// not, is in the similarities of a model already, so that T is 1.
    ///
    /// With `positives = "each"`, a departure, `L = -1/B Σ_b 1/|P_b| Σ_{p in P_b} [d_p/T - lse_{{p} ∪ N_b} d/T]`.
    pub struct CrossModalContrast {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Similarities are divided by it.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(1.0),
        /// How several positives count.
        pub positives: PositivesCounted = PositivesCounted::Sum,
    }
}

const NAME: &str = "cross-modal-contrast";

impl LossTerm for CrossModalContrast {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        check_scores(NAME, "student", student)?;
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        Ok(Term::new(NAME, self.weight, vec![RELEVANCE.to_owned()], Vec::new(), Box::new(compute))
            .scheduling("temperature", self.temperature)
            .with_targets(&[TargetKind::PassageLists]))
    }
}

impl CrossModalContrast {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let lists = ScoredLists::new(NAME, inputs, None)?;
        let scores = (&lists.student / self.temperature.at(inputs.progress))?;
        let cells = 0..lists.queries * lists.passages;
        let chosen = |of: &dyn Fn(usize) -> bool| -> Vec<f32> {
            cells.clone().map(|cell| f32::from(u8::from(lists.is_listed[cell] && of(cell)))).collect()
        };
        let positive = chosen(&|cell| lists.is_relevant(cell));
        let negative = chosen(&|cell| !lists.is_relevant(cell));
        let has = |mask: &[f32], row: usize| mask[row * lists.passages..][..lists.passages].contains(&1.0);
        let counted = |is_counted: &dyn Fn(usize) -> bool| -> Result<(Tensor, f64), LossError> {
            let rows: Vec<f32> = (0..lists.queries).map(|row| f32::from(u8::from(is_counted(row)))).collect();
            let count = f64::from(rows.iter().sum::<f32>()).max(1.0);
            Ok((Tensor::from_vec(rows, (lists.queries, 1), scores.device())?, count))
        };
        match self.positives {
            PositivesCounted::Sum => {
                let (rows, count) = counted(&|row| has(&positive, row))?;
                let own = log_sum(&scores, &lists.tensor(positive)?)?;
                let others = log_sum(&scores, &lists.tensor(negative)?)?;
                // The difference of two sums of exponentials, without its cancellation.
                Ok(((softplus(&(others - own)?)? * rows)?.sum_all()? / count)?)
            }
            PositivesCounted::Each => {
                let (rows, count) = counted(&|row| has(&positive, row) && has(&negative, row))?;
                let own = lists.tensor(positive)?;
                let others = log_sum(&scores, &lists.tensor(negative)?)?;
                let costs = softplus(&(others.broadcast_sub(&scores)? * &own)?)?;
                let numbers = own.sum_keepdim(D::Minus1)?.maximum(1.0)?;
                let mean = (costs * own)?.sum_keepdim(D::Minus1)?.div(&numbers)?;
                Ok(((mean * rows)?.sum_all()? / count)?)
            }
        }
    }
}

/// `log Σ exp` of each row over the places of a mask, `[rows, 1]`; near the logarithm of nothing in rows without one, where it is
/// finite.
fn log_sum(scores: &Tensor, mask: &Tensor) -> Result<Tensor, LossError> {
    let far = mask.affine(FAR, -FAR)?;
    let kept = ((scores * mask)? + far)?;
    let largest = kept.detach().max_keepdim(D::Minus1)?;
    let sum = kept.broadcast_sub(&largest)?.exp()?.sum_keepdim(D::Minus1)?;
    Ok((sum.log()? + largest)?)
}

/// What is taken from a score that does not count: its exponential is nothing beside those that do.
const FAR: f64 = 1e4;
