//! Attention scores against attention scores.

use std::sync::Arc;

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{SquaredError, squared_error};

use crate::layer_map::Pattern;
use crate::layers::{Layers, sum};
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

choices! {
    /// What becomes of the scores of padding.
    pub enum Padding {
        /// Scores of a query or a key that is padding do not count.
        LeftOut = "left-out",
        /// Scores of a key that is padding count as equal, those of a query as any other, as in TinyBERT's published
        /// code.
        Zero = "zero",
    }
}

choices! {
    /// What becomes of the heads.
    pub enum HeadMatch {
        /// Head by head; student and teacher need the same number.
        OneToOne = "one-to-one",
        /// The means over the heads of each.
        Mean = "mean",
    }
}

settings! {
    /// The student's attention scores against the teacher's, before the softmax.
    ///
    /// TinyBERT's attention loss (Jiao et al., 2020, equation 2): `L = Σ_m 1/h Σ_i MSE(A_S,i^m, A_T,i^g(m))` over the
    /// pairs (m, g(m)) of the layer map and the h heads. `A` `[batch, heads, length, length]` is query times key
    /// divided by the square root of the head's width, before mask and softmax; the mean is over the entries counted.
    /// The published code adds the mask, sets every entry of -100 or less to zero on both sides and takes the mean over
    /// all entries: `padding = "zero"`.
    pub struct AttentionScores {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream whose attention it is, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layer of the teacher each of the student's is compared with.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Uniform),
        /// What becomes of the heads.
        pub heads: HeadMatch = HeadMatch::OneToOne,
        /// What becomes of the scores of padding.
        pub padding: Padding = Padding::LeftOut,
    }
}

impl LossTerm for AttentionScores {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let layers = Layers::bind(NAME, &self.stream, &self.map, student, teacher)?;
        if self.heads == HeadMatch::OneToOne {
            layers.same_heads(NAME, "give the student as many, or use `heads = \"mean\"`")?;
        }
        let taps = layers.attention_taps(NAME, &self.stream, "scores")?;
        let (options, pairs) = (self.clone(), taps.clone());
        let compute = move |inputs: &Inputs<'_>| {
            let terms = pairs.0.iter().zip(&pairs.1).map(|(own, other)| {
                options.compare(inputs, inputs.student(own)?, &inputs.teacher(other)?.detach())
            });
            sum(terms.collect::<Result<_, LossError>>()?)
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute));
        let term = term.reading_padding(self.padding == Padding::Zero);
        Ok(term.token_by_token([self.stream.as_str()]))
    }
}

const NAME: &str = "attention-scores";

impl AttentionScores {
    fn compare(&self, inputs: &Inputs<'_>, student: &Tensor, teacher: &Tensor) -> Result<Tensor, LossError> {
        let (student, teacher) = match self.heads {
            HeadMatch::OneToOne => (student.clone(), teacher.clone()),
            HeadMatch::Mean => (student.mean_keepdim(1)?, teacher.mean_keepdim(1)?),
        };
        let (_, heads, queries, keys) = student.dims4()?;
        let mask = inputs.shared(NAME, &self.stream)?;
        // A row of scores weighs as much as it has keys that are tokens, over which its mean is.
        let mut weights = Vec::with_capacity(student.elem_count() / keys.max(1));
        for mask in mask.chunks(keys.max(1)) {
            let tokens: f32 = mask.iter().map(|&kept| f32::from(kept)).sum();
            for _ in 0..heads {
                match self.padding {
                    Padding::LeftOut => weights.extend(mask.iter().map(|&kept| f32::from(kept) * tokens)),
                    Padding::Zero => weights.extend(std::iter::repeat_n(tokens, queries)),
                }
            }
        }
        let share = match self.padding {
            Padding::LeftOut => 1.0,
            Padding::Zero => f64::from(weights.iter().sum::<f32>()) / student.elem_count().max(1) as f64,
        };
        let columns = mask.contains(&0).then(|| Arc::new(mask.to_vec()));
        let loss = squared_error(&student, &teacher, SquaredError { weights: Arc::new(weights), columns })?;
        if share == 1.0 { Ok(loss) } else { Ok((loss * share)?) }
    }
}
