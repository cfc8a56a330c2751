//! Multiple negatives ranking loss: which translation of the batch belongs to a sentence.

use alambic_models::{Outline, embedding_tap};
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::arithmetic::{diagonal_mean, log_softmax, normalised};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term};

settings! {
    /// Which translation or paraphrase of the batch belongs to a sentence; without a teacher.
    ///
    /// The multiple negatives ranking loss (Henderson et al., 2017) over the student's vectors of n sentences, `a`, and of
    /// their positives, `b`, `[n, D]` each: with `s_ij = scale · cos(a_i, b_j)`, `L = mean_i [-log softmax_j(s_ij)]_i`, and
    /// with `symmetric` the mean of that and of the same with `a` and `b` in each other's place. A pair that has a text of pair
    /// i, on whichever side, is no negative of it: that comes to the same as a batch free of duplicates, and none has to be put
    /// off.
    pub struct MultipleNegatives {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: f64 = 1.0,
        /// What cosines are multiplied by; 20 is that of sentence-transformers.
        #[range(alambic_settings::above(0.0))]
        pub scale: f64 = 20.0,
        /// Whether the other direction counts too: each text's counterpart among all texts.
        pub symmetric: bool = false,
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
        let scores = (side(0)?.matmul(&side(count)?.t()?)? * self.scale)?;
        let is_no_negative = |one: usize, other: usize| {
            let (own, others) = ([texts[one], texts[count + one]], [texts[other], texts[count + other]]);
            one != other && own.iter().any(|text| others.contains(text))
        };
        let far: Vec<f32> = (0..count * count)
            .map(|cell| if is_no_negative(cell / count, cell % count) { FAR } else { 0.0 })
            .collect();
        let scores = (scores + Tensor::from_vec(far, (count, count), device::current())?)?;
        let forth = diagonal_mean(&log_softmax(&scores)?)?.neg()?;
        if !self.symmetric {
            return Ok(forth);
        }
        let back = diagonal_mean(&log_softmax(&scores.t()?.contiguous()?)?)?.neg()?;
        Ok(((forth + back)? / 2.0)?)
    }
}
