//! Cross-entropy over lists: which passage of its list is relevant to a query.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};

use crate::lists::{BATCH_RELEVANCE, RELEVANCE, ScoredLists, check_scores, embeds};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Which passages of its list are relevant to a query; without a teacher.
    ///
    /// With a student's scores `s`, `[queries, passages]`, and the distribution `y` that has the same probability for each relevant
    /// passage of a list and 0 for all others: `L = 1/N Σ_q [-Σ_p y_qp log softmax_p(s_q)]`, over the N queries of a batch whose
    /// list has a relevant passage; padding is left out. With one relevant passage a list it is the softmax cross-entropy of a
    /// positive against its negatives (DPR: Karpukhin et al., 2020; rerankers: Gao et al., 2021), with several that of ListNet
    /// (Cao et al., 2007) over labels that are 0 or 1.
    ///
    /// With `in-batch`, the list of a query is all passages of the batch, those of the other queries as negatives, but for those
    /// that the data say are relevant to it as well.
    pub struct ListCrossEntropy {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Whether the passages of the other queries of a batch are negatives too, for students that are bi-encoders.
        pub in_batch: bool = false,
    }
}

const NAME: &str = "list-cross-entropy";

impl LossTerm for ListCrossEntropy {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        check_scores(NAME, "student", student)?;
        if self.in_batch && !embeds(student) {
            let reason = "`in-batch` scores all passages of a batch for each query, which only a bi-encoder can: leave it out for \
                          a cross-encoder";
            return Err(LossError::Incompatible { term: NAME, reason: reason.into() });
        }
        let in_batch = self.in_batch;
        let tap = if in_batch { BATCH_RELEVANCE } else { RELEVANCE };
        let compute = move |inputs: &Inputs<'_>| compute(inputs, in_batch);
        Ok(Term::new(NAME, self.weight, vec![tap.to_owned()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::PassageLists]))
    }
}

fn compute(inputs: &Inputs<'_>, in_batch: bool) -> Result<Tensor, LossError> {
    let lists =
        if in_batch { ScoredLists::of_batch(NAME, inputs)? } else { ScoredLists::new(NAME, inputs, None)? };
    let mut wanted = vec![0.0; lists.queries * lists.passages];
    let mut queries = 0.0_f64;
    for query in 0..lists.queries {
        let cells = || query * lists.passages..(query + 1) * lists.passages;
        let relevant: Vec<usize> =
            cells().filter(|&cell| lists.is_listed[cell] && lists.is_relevant(cell)).collect();
        for &cell in &relevant {
            wanted[cell] = 1.0 / relevant.len() as f32;
        }
        queries += f64::from(u8::from(!relevant.is_empty()));
    }
    let likelihood = (lists.log_softmax(1.0)? * lists.tensor(wanted)?)?.sum(D::Minus1)?.sum_all()?;
    Ok((likelihood.neg()? / queries.max(1.0))?)
}
