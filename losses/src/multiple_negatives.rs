//! Multiple negatives ranking loss: which translation of the batch belongs to a sentence.

use alambic_models::{Outline, embedding_tap};
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::arithmetic::{cross_entropy_from, normalised};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Which translation or paraphrase of the batch belongs to a sentence; without a teacher.
    ///
    /// The multiple negatives ranking loss (Henderson et al., 2017) over the student's vectors of n sentences, `a`, and of
    /// their positives, `b`, `[n, D]` each: with `s_ij = scale · cos(a_i, b_j)`, `L = mean_i [-log softmax_j(s_ij)]_i`, and
    /// with `symmetric` the mean of that and of the same with `a` and `b` in each other's place. A pair that has a text of pair
    /// i, on whichever side, is no negative of it: that comes to the same as a batch free of duplicates, and none has to be put
    /// off. With `gather`, `j` goes over the pairs of all ranks, and the loss is the mean over all of them.
    pub struct MultipleNegatives {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What cosines are multiplied by; 20 is that of sentence-transformers.
        #[range(alambic_settings::above(0.0))]
        pub scale: f64 = 20.0,
        /// Whether the other direction counts too: each text's counterpart among all texts.
        pub symmetric: bool = false,
        /// Whether the texts of all ranks are those of one batch, where several train together. Else each rank compares those of its
        /// own.
        pub gather: bool = false,
    }
}

pub(crate) const NAME: &str = "multiple-negatives";

/// What is added to the score of what is no negative: its exponential is negligible.
const FAR: f32 = -1e4;

impl LossTerm for MultipleNegatives {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let tap = embedding_tap("");
        if student.streams.get("").is_none_or(|stream| stream.embedding.is_none()) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no pooling, so no embedding; give it a `pooling`".into(),
            });
        }
        let (options, own) = (self.clone(), tap.clone());
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs, &own);
        Ok(Term::new(NAME, self.weight, vec![tap], Vec::new(), Box::new(compute))
            .comparing_examples()
            .gathering(self.gather)
            .with_targets(&[TargetKind::TextPairs]))
    }
}

impl MultipleNegatives {
    fn compute(&self, inputs: &Inputs<'_>, tap: &str) -> Result<Tensor, LossError> {
        let vectors = normalised(inputs.student(tap)?)?;
        let (rows, texts) = (vectors.dim(0)?, &inputs.targets.texts);
        if rows % 2 == 1 || texts.len() != rows {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: format!("{rows} embeddings of {} texts are not those of pairs", texts.len()),
            });
        }
        let count = rows / 2;
        let side = |start: usize| vectors.narrow(0, start, count)?.contiguous();
        let (own, others) = (side(0)?, side(count)?);
        let gathered = inputs.gathered(&others, self.gather)?;
        let numbers = |side: &[u32]| inputs.gathered_numbers(side, self.gather);
        let (first, second) = (numbers(&texts[..count])?, numbers(&texts[count..])?);
        let is_no_negative = |one: usize, other: usize| {
            let (own, others) = ([first[one], second[one]], [first[other], second[other]]);
            one != other && own.iter().any(|text| others.contains(text))
        };
        let (all, start) = (first.len(), gathered.first);
        let far: Vec<f32> = (0..count * all)
            .map(|cell| if is_no_negative(start + cell / all, cell % all) { FAR } else { 0.0 })
            .collect();
        let far = Tensor::from_vec(far, (count, all), device::current())?;
        let scores = ((own.matmul(&gathered.rows.t()?)? * self.scale)? + &far)?;
        let forth = cross_entropy_from(&scores, start)?;
        if !self.symmetric {
            return Ok(forth);
        }
        let back = if all == count {
            scores.t()?.contiguous()?
        } else {
            let gathered = inputs.gathered(&own, self.gather)?;
            ((others.matmul(&gathered.rows.t()?)? * self.scale)? + far)?
        };
        Ok(((forth + cross_entropy_from(&back, start)?)? / 2.0)?)
    }
}
