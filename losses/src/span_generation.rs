//! UNIMO's writing of spans that are left out of texts.

use alambic_models::{Outline, TARGET_LOGITS};
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Cross-entropy on the tokens of spans that are left out of texts and written behind them.
    ///
    /// `L = -1/T Σ_t log p(w_t)` over the T tokens of a batch that are written, the end of each text's spans among them, with logits
    /// `[batch, length, vocabulary]`; padding does not count, and it is 0 where nothing is left out. What is written sees what is left of
    /// the text, an image where the text is read with one, and what is written before. This is sequence-to-sequence generation of UNIMO
    /// (Li et al., 2021, section 3.3); which spans are left out, `left-out` of the data says.
    pub struct SpanGeneration {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "span-generation";

impl LossTerm for SpanGeneration {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.target_words == 0 {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student writes nothing beside other tasks of pre-training".into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let settings = ops::CrossEntropy {
                targets: inputs.targets.spans.tokens.clone(),
                weights: inputs.targets.spans.counted.clone(),
                smoothing: 0.0,
            };
            Ok(ops::cross_entropy(inputs.student(TARGET_LOGITS)?, settings)?)
        };
        Ok(Term::new(NAME, self.weight, vec![TARGET_LOGITS.into()], Vec::new(), Box::new(compute))
            .reading_padding(true)
            .with_targets(&[TargetKind::LeftOutSpans]))
    }
}
