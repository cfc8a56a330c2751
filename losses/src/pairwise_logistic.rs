//! Logistic loss over pairs of passages of a list.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::softplus;
use crate::lists::{RELEVANCE, ScoreSource, ScoredLists, check_scores, list_targets, teacher_taps};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

choices! {
    /// What says which of two passages is to be ranked before the other, and how surely.
    pub enum PairwiseTarget {
        /// The grades of the data: 1 where the first one's is higher. Pairs of one grade do not count.
        Relevance = "relevance",
        /// The order of the scores: 1 where the first one's is higher. Pairs of one score do not count.
        Order = "order",
        /// The probability that the scores stand for: `σ(t_i - t_j)`, for any two passages.
        Probability = "probability",
    }
}

settings! {
    /// Which of two passages of a list comes first, by a logistic loss.
    ///
    /// RankNet (Burges et al., 2005), with the student's scores `s`, `[queries, passages]`, and the probability `q_ij` that passage i
    /// comes before j: `L = 1/|P| Σ_{(i, j) ∈ P} [-q_ij log σ(s_i - s_j) - (1 - q_ij) log σ(s_j - s_i)]` over all pairs P of passages of
    /// one list of a batch, each pair once; padding is left out. `q` is 1 for pairs that grades or a teacher's scores put in this
    /// order, or `σ(t_i - t_j)` of a teacher's scores `t`.
    pub struct PairwiseLogistic {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What says which of two passages comes first.
        pub target: PairwiseTarget = PairwiseTarget::Order,
        /// Where the scores come from; not used with `target = "relevance"`.
        pub scores: ScoreSource = ScoreSource::Teacher,
    }
}

const NAME: &str = "pairwise-logistic";

impl LossTerm for PairwiseLogistic {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        check_scores(NAME, "student", student)?;
        let (taps, targets) = match self.target {
            PairwiseTarget::Relevance => (Vec::new(), &[TargetKind::PassageLists][..]),
            PairwiseTarget::Order | PairwiseTarget::Probability => {
                (teacher_taps(NAME, self.scores, teacher)?, list_targets(self.scores))
            }
        };
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        Ok(Term::new(NAME, self.weight, vec![RELEVANCE.to_owned()], taps, Box::new(compute))
            .with_targets(targets))
    }
}

impl PairwiseLogistic {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let source = Some(self.scores).filter(|_| self.target != PairwiseTarget::Relevance);
        let lists = ScoredLists::new(NAME, inputs, source)?;
        // With `-log σ(x) = log(1 + e^-x)`, a pair of probability q is q times itself and 1 - q times the other way round.
        let sigmoid = |number: f32| 1.0 / (1.0 + (-number).exp());
        let weight = |one: usize, other: usize| match self.target {
            PairwiseTarget::Relevance => {
                let grade = |cell: usize| lists.relevance.get(cell).copied().unwrap_or_default();
                f32::from(u8::from(grade(one) > grade(other)))
            }
            PairwiseTarget::Order => f32::from(u8::from(lists.scores[one] > lists.scores[other])),
            PairwiseTarget::Probability => sigmoid(lists.scores[one] - lists.scores[other]),
        };
        lists.mean_over_pairs(weight, |differences| softplus(&differences.neg()?))
    }
}
