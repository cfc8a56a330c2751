//! InfoNCE with a learnt scale: which text of the batch belongs to an image or to a text, and the other way round.

use alambic_models::{Outline, embedding_tap};
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;

use crate::arithmetic::normalised;
use crate::multiple_negatives::{Examples, PairContrast};
use crate::term::LearntNumber;
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Which text of the batch belongs to an image or to a text, by the student's encoder; without a teacher.
    ///
    /// The symmetric InfoNCE (van den Oord et al., 2018) of CLIP (Radford et al., 2021), over the embeddings of both sides of B pairs
    /// by one encoder, `a` and `b` `[B, D]`: with `s_ij = e^s · cos(a_i, b_j)`, `L = 1/(2B) Σ_i [-log softmax_j(s_ij)]_i +
    /// 1/(2B) Σ_j [-log softmax_i(s_ij)]_j`, the mean over 2B rows. The number `s` is trained along, from log(1/0.07) on, and e^s is at
    /// most 100; it is saved beside the student and no part of it. Pairs that have a side in common, an image or what a text says, are
    /// no negatives of each other. The embedding is that of the stream, by default the mean of an encoder-decoder's last encoder states.
    pub struct InfoNce {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream whose embedding stands for a text or an image.
        pub stream: String = "encoder".to_owned(),
        /// Whether the pairs of all ranks are those of one batch, where several train together. Else each rank compares those of its
        /// own.
        pub gather: bool = false,
    }
}

pub(crate) const NAME: &str = "info-nce";

/// Name of the logarithm of the scale among what is trained along.
const SCALE: &str = "info-nce.logit_scale";

/// Logarithm of 1/0.07, where the scale begins (Radford et al., 2021, section 2.3).
const INITIAL: f32 = 2.659_26;

/// Logarithm of 100, the largest scale.
const MAX: f64 = 4.605_170_185_988_092;

impl LossTerm for InfoNce {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let tap = embedding_tap(&self.stream);
        if student.streams.get(&self.stream).is_none_or(|stream| stream.embedding.is_none()) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: format!("the student has no tap `{tap}`; choose another `stream`"),
            });
        }
        let (gather, own) = (self.gather, tap.clone());
        let compute = move |inputs: &Inputs<'_>| {
            let examples = Examples::new(NAME, inputs, &own, gather)?;
            let scale = inputs.learnt(SCALE)?.exp()?;
            let scaled =
                |cosines: Tensor| -> Result<Tensor, LossError> { Ok(cosines.broadcast_mul(&scale)?) };
            let contrast = PairContrast { symmetric: true, gather, scaled: &scaled };
            contrast.loss(&examples, &normalised(inputs.student(&own)?)?, inputs)
        };
        let term = Term::new(NAME, self.weight, vec![tap], Vec::new(), Box::new(compute))
            .comparing_examples()
            .gathering(gather)
            .with_targets(&[TargetKind::ContrastPairs]);
        Ok(Term { learnt: vec![LearntNumber { name: SCALE, initial: INITIAL, max: MAX }], ..term })
    }
}
