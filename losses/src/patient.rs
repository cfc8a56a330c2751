//! Patient knowledge distillation.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::normalised;
use crate::layers::{Layers, sum};
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

choices! {
    /// Which layers of the teacher the student attends to.
    pub enum Scheme {
        /// Every ⌊T/S⌋-th.
        Skip = "skip",
        /// Those just below the last.
        Last = "last",
    }
}

choices! {
    /// What the sum of squares is divided by.
    pub enum PatientReduction {
        /// The number of texts, of layers, and the width, as in the published code.
        Elements = "elements",
        /// The number of texts.
        Texts = "texts",
    }
}

settings! {
    /// The first token's states of intermediate layers, brought to length one.
    ///
    /// Patient knowledge distillation (Sun et al., 2019, equation 7): with a student of S layers and a teacher of T,
    /// `L = 1/N Σ_i Σ_j |h_S,i,j / |h_S,i,j| - h_T,i,I(j) / |h_T,i,I(j)||²` over N texts and the student's layers
    /// j = 1 to S - 1; the last is left to the logits. PKD-skip takes the teacher's layers `j·⌊T/S⌋`, PKD-last its
    /// layers `T - S + j`. `h` is the first token's hidden state, `[batch, D]`. The published code takes the mean over
    /// texts, layers and width: `reduction = "elements"`. The weight, β in the paper, is 10 to 500 there.
    pub struct Patient {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layers of the teacher the student attends to.
        pub scheme: Scheme = Scheme::Skip,
        /// What the sum of squares is divided by.
        pub reduction: PatientReduction = PatientReduction::Texts,
    }
}

const NAME: &str = "patient";

impl LossTerm for Patient {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let (own, other) = crate::layers::streams(NAME, &self.stream, student, teacher)?;
        let incompatible = |reason| LossError::Incompatible { term: NAME, reason };
        if own.layers < 2 || other.layers < own.layers {
            return Err(incompatible(format!(
                "a student of {} layers cannot learn from intermediate layers of a teacher of {}: it needs two or more, and no more than the teacher",
                own.layers, other.layers
            )));
        }
        if own.width != other.width {
            return Err(incompatible(format!(
                "states of width {} and {} cannot be compared; use `hidden` with a projection",
                own.width, other.width
            )));
        }
        let layer = |index: usize| match self.scheme {
            Scheme::Skip => index * (other.layers / own.layers),
            Scheme::Last => other.layers - own.layers + index,
        };
        let map = LayerMap::Pairs((1..own.layers).map(|index| (index, layer(index))).collect());
        let layers = Layers::bind(NAME, &self.stream, &map, student, teacher)?;
        let taps = layers.hidden_taps(&self.stream);
        let (pairs, reduction) = (taps.clone(), self.reduction);
        let compute = move |inputs: &Inputs<'_>| {
            let first = |states: &Tensor| -> Result<Tensor, LossError> {
                normalised(&states.narrow(1, 0, 1)?.squeeze(1)?)
            };
            let terms = pairs.0.iter().zip(&pairs.1).map(|(own, other)| {
                let difference = (first(inputs.student(own)?)? - first(&inputs.teacher(other)?.detach())?)?;
                let batch = difference.dim(0)? as f64;
                Ok((difference.sqr()?.sum_all()? / batch)?)
            });
            let total = sum(terms.collect::<Result<_, LossError>>()?)?;
            Ok(match reduction {
                PatientReduction::Texts => total,
                PatientReduction::Elements => (total / (pairs.0.len() * own.width) as f64)?,
            })
        };
        Ok(Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute)))
    }
}
