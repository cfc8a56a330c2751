//! Multiple negatives ranking loss: which translation or paraphrase of the batch belongs to a sentence.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::arithmetic::{cross_entropy_from, normalised};
use crate::matryoshka::{Matryoshka, Widths, first_numbers};
use crate::scored_pairs::embedding;
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Which translation or paraphrase of the batch belongs to a sentence; without a teacher.
    ///
    /// The multiple negatives ranking loss (Henderson et al., 2017) over the student's vectors of n sentences, `a`, and of
    /// their positives, `b`, `[n, D]` each: with `s_ij = scale · cos(a_i, b_j)`, `L = mean_i [-log softmax_j(s_ij)]_i`, and
    /// with `symmetric` the mean of that and of the same with `a` and `b` in each other's place. A pair that has a text of pair
    /// i, on whichever side, is no negative of it: that comes to the same as a batch free of duplicates, and none has to be put
    /// off. Where examples have hard negatives, `j` goes over those of all examples as well, but for a text that is in pair i; the
    /// direction from positives to sentences stays without them. With `gather`, `j` goes over the pairs of all ranks, and the loss is
    /// the mean over all of them.
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
        /// Widths to which embeddings are truncated.
        #[flatten]
        pub widths: Matryoshka
    }
}

pub(crate) const NAME: &str = "multiple-negatives";

/// What is added to the score of what is no negative: its exponential is negligible.
const FAR: f32 = -1e4;

impl LossTerm for MultipleNegatives {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let (tap, width) = embedding(NAME, student)?;
        let (options, own, widths) = (self.clone(), tap.clone(), self.widths.bind(NAME, width)?);
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs, &own, &widths);
        Ok(Term::new(NAME, self.weight, vec![tap], Vec::new(), Box::new(compute))
            .comparing_examples()
            .gathering(self.gather)
            .with_targets(&[TargetKind::TextPairs]))
    }

    fn matryoshka(&self) -> &[usize] {
        &self.widths.matryoshka
    }
}

impl MultipleNegatives {
    fn compute(&self, inputs: &Inputs<'_>, tap: &str, widths: &Widths) -> Result<Tensor, LossError> {
        let examples = Examples::new(NAME, inputs, tap, self.gather)?;
        let vectors = inputs.student(tap)?;
        let scaled = |cosines: Tensor| -> Result<Tensor, LossError> { Ok((cosines * self.scale)?) };
        let contrast = PairContrast { symmetric: self.symmetric, gather: self.gather, scaled: &scaled };
        widths.sum(|width| contrast.loss(&examples, &normalised(&first_numbers(vectors, width)?)?, inputs))
    }
}

/// Cross-entropy of the positives of a batch of pairs.
pub(crate) struct PairContrast<'s> {
    /// Whether the second texts choose among the first ones, too.
    pub(crate) symmetric: bool,
    /// Whether the pairs of all ranks are those of one batch.
    pub(crate) gather: bool,
    /// What is made of cosines before the softmax.
    pub(crate) scaled: &'s dyn Fn(Tensor) -> Result<Tensor, LossError>,
}

impl PairContrast<'_> {
    /// The loss over vectors of length one.
    pub(crate) fn loss(
        &self,
        examples: &Examples,
        vectors: &Tensor,
        inputs: &Inputs<'_>,
    ) -> Result<Tensor, LossError> {
        let count = examples.count;
        let side = |side: usize| vectors.narrow(0, side * count, count)?.contiguous();
        let own = side(0)?;
        let gathered = inputs.gathered(&side(1)?, self.gather)?;
        let mut candidates = vec![gathered.rows];
        for number in 2..examples.texts.len() {
            candidates.push(inputs.gathered(&side(number)?, self.gather)?.rows);
        }
        let (all, start) = (examples.texts[0].len(), gathered.first);
        let columns = candidates.len() * all;
        let far: Vec<f32> = (0..count * columns)
            .map(|cell| {
                let (row, column) = (start + cell / columns, cell % columns);
                if examples.is_no_negative(row, 1 + column / all, column % all) { FAR } else { 0.0 }
            })
            .collect();
        let far = Tensor::from_vec(far, (count, columns), device::current())?;
        let candidates = match candidates.as_slice() {
            [only] => only.clone(),
            several => Tensor::cat(several, 0)?,
        };
        let scores = ((self.scaled)(own.matmul(&candidates.t()?)?)? + &far)?;
        let forth = cross_entropy_from(&scores, start)?;
        if !self.symmetric {
            return Ok(forth);
        }
        let back = if all == count {
            scores.narrow(1, 0, count)?.t()?.contiguous()?
        } else {
            let gathered = inputs.gathered(&own, self.gather)?;
            let far = far.narrow(1, 0, all)?.contiguous()?;
            ((self.scaled)(side(1)?.matmul(&gathered.rows.t()?)?)? + far)?
        };
        Ok(((forth + cross_entropy_from(&back, start)?)? / 2.0)?)
    }
}

/// The texts of examples, by their numbers: sentences, their positives, and the negatives that are given.
pub(crate) struct Examples {
    /// Examples of this rank.
    count: usize,
    /// For each side the texts of all examples, those of other ranks too where they are gathered.
    texts: Vec<Vec<u32>>,
}

impl Examples {
    /// Those of a batch whose rows are the embeddings of a tap.
    ///
    /// # Errors
    /// When they are not those of pairs.
    pub(crate) fn new(
        term: &'static str,
        inputs: &Inputs<'_>,
        tap: &str,
        gather: bool,
    ) -> Result<Self, LossError> {
        let (rows, texts) = (inputs.student(tap)?.dim(0)?, &inputs.targets.texts);
        let sides = match inputs.targets.texts_per_example {
            0 => 2,
            sides => sides,
        };
        if sides < 2 || !rows.is_multiple_of(sides) || texts.len() != rows {
            return Err(LossError::Incompatible {
                term,
                reason: format!("{rows} embeddings of {} texts are not those of pairs", texts.len()),
            });
        }
        let count = rows / sides;
        let numbers = |own: &[u32]| inputs.gathered_numbers(own, gather);
        Ok(Self { count, texts: texts.chunks(count.max(1)).map(numbers).collect::<Result<_, _>>()? })
    }

    /// Whether a text of an example says the same as the pair of another one, or as the pair of its own example.
    fn is_no_negative(&self, one: usize, side: usize, other: usize) -> bool {
        let own = [self.texts[0][one], self.texts[1][one]];
        if side > 1 {
            return own.contains(&self.texts[side][other]);
        }
        one != other && own.iter().any(|text| [self.texts[0][other], self.texts[1][other]].contains(text))
    }
}
