//! Divergence of the distribution over a list from the teacher's.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};

use crate::lists::{RELEVANCE, ScoreSource, ScoredLists, check_scores, list_targets, teacher_taps};
use crate::{Inputs, LossError, LossTerm, Temperature, Term, Weight};

settings! {
    /// The teacher's distribution over the passages of a list.
    ///
    /// With `p = softmax(s / T)` over the passages of one query's list, of the student's scores and of the teacher's,
    /// `[queries, passages]` each: `L = T² · 1/N Σ_q Σ_p p_T (log p_T - log p_S)` over the N queries of a batch with two scored
    /// passages or more; padding is left out. Listwise distillation as in RocketQAv2 (Ren et al., 2021) and ColBERTv2 (Santhanam et al.,
    /// 2022), at T = 1; sentence-transformers' `DistillKLDivLoss` has T too.
    pub struct ListKl {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Both scores are divided by it.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(1.0),
        /// Multiply by the squared temperature.
        pub squared_temperature: bool = true,
        /// Where the scores come from.
        pub scores: ScoreSource = ScoreSource::Teacher,
    }
}

const NAME: &str = "list-kl";

impl LossTerm for ListKl {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        check_scores(NAME, "student", student)?;
        let taps = teacher_taps(NAME, self.scores, teacher)?;
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        Ok(Term::new(NAME, self.weight, vec![RELEVANCE.to_owned()], taps, Box::new(compute))
            .scheduling("temperature", self.temperature)
            .with_targets(list_targets(self.scores)))
    }
}

impl ListKl {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let lists = ScoredLists::new(NAME, inputs, Some(self.scores))?;
        let temperature = self.temperature.at(inputs.progress);
        let (mut wanted, mut entropy, mut queries) =
            (vec![0.0; lists.queries * lists.passages], 0.0_f64, 0.0_f64);
        for query in 0..lists.queries {
            let cells = query * lists.passages..(query + 1) * lists.passages;
            let listed: Vec<usize> = cells.filter(|&cell| lists.is_listed[cell]).collect();
            // Over one passage every distribution is the same.
            if listed.len() < 2 {
                continue;
            }
            queries += 1.0;
            let scaled = |cell: usize| f64::from(lists.scores[cell]) / temperature;
            let most = listed.iter().map(|&cell| scaled(cell)).fold(f64::NEG_INFINITY, f64::max);
            let total = listed.iter().map(|&cell| (scaled(cell) - most).exp()).sum::<f64>().ln() + most;
            for &cell in &listed {
                let logarithm = scaled(cell) - total;
                wanted[cell] = logarithm.exp() as f32;
                entropy -= logarithm.exp() * logarithm;
            }
        }
        let likelihood =
            (lists.log_softmax(temperature)? * lists.tensor(wanted)?)?.sum(D::Minus1)?.sum_all()?;
        let squared = if self.squared_temperature { temperature.powi(2) } else { 1.0 };
        Ok(((likelihood.neg()? - entropy)? * (squared / queries.max(1.0)))?)
    }
}
