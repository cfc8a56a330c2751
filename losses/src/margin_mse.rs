//! Squared error of margins between passages of a list.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::lists::{RELEVANCE, ScoreSource, ScoredLists, check_scores, list_targets, teacher_taps};
use crate::{Inputs, LossError, LossTerm, Term, Weight};

choices! {
    /// The pairs of passages of a list between which margins are compared.
    pub enum MarginPairs {
        /// A relevant passage and one that is not.
        Relevant = "relevant",
        /// Any two, where nobody has judged them.
        All = "all",
    }
}

settings! {
    /// The margins between a teacher's scores of two passages.
    ///
    /// Margin-MSE (Hofstätter et al., 2020): `L = 1/|P| Σ_{(i, j) ∈ P} [(s_i - s_j) - (t_i - t_j)]²` over all pairs P of a batch of a
    /// relevant passage i and another passage j of the list of one query, with the student's scores `s` and the teacher's `t`,
    /// `[queries, passages]` each; padding is left out. The paper has one such pair a query; sentence-transformers' loss with
    /// several negatives is this mean.
    pub struct MarginMse {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The pairs of passages.
        pub pairs: MarginPairs = MarginPairs::Relevant,
        /// Where the scores come from.
        pub scores: ScoreSource = ScoreSource::Teacher,
    }
}

const NAME: &str = "margin-mse";

impl LossTerm for MarginMse {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        check_scores(NAME, "student", student)?;
        let taps = teacher_taps(NAME, self.scores, teacher)?;
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        Ok(Term::new(NAME, self.weight, vec![RELEVANCE.to_owned()], taps, Box::new(compute))
            .with_targets(list_targets(self.scores)))
    }
}

impl MarginMse {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let lists = ScoredLists::new(NAME, inputs, Some(self.scores))?;
        let is_pair = |one: usize, other: usize| match self.pairs {
            MarginPairs::Relevant => lists.is_relevant(one) && !lists.is_relevant(other),
            // Each pair once: its margin the other way round is the same but for the sign.
            MarginPairs::All => one < other,
        };
        let margins = lists.score_differences()?;
        lists.mean_over_pairs(
            |one, other| f32::from(u8::from(is_pair(one, other))),
            |differences| Ok((differences - &margins)?.sqr()?),
        )
    }
}
