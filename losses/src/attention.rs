//! Attention distributions against attention distributions.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::arithmetic::{kullback_leibler, log_softmax, weighted_mean, without_padding};
use crate::layer_map::Pattern;
use crate::layers::{Layers, mean};
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

settings! {
    /// The student's attention distributions against the teacher's.
    ///
    /// MiniLM's attention transfer (Wang et al., 2020, equation 4): `L = 1/(A n) Σ_a Σ_t KL(A_T,a,t || A_S,a,t)` over
    /// A heads and the n tokens of each text, padding left out as query and as key; the mean is over the tokens of the
    /// batch, and over the pairs of layers where there are several. Distributions are computed from the scores
    /// `[batch, heads, length, length]` in log space. The paper takes the last layer of both, and adds the relation of
    /// the values: the term `relations` with `of = ["values"]`. MobileBERT takes every layer (Sun et al., 2020).
    pub struct Attention {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream whose attention it is, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layer of the teacher each of the student's is compared with.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Last),
    }
}

const NAME: &str = "attention";

impl LossTerm for Attention {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let layers = Layers::bind(NAME, &self.stream, &self.map, student, teacher)?;
        layers
            .same_heads(NAME, "give the student as many, or use `relations`, whose heads need not agree")?;
        let taps = layers.attention_taps(NAME, &self.stream, "scores")?;
        let (stream, pairs) = (self.stream.clone(), taps.clone());
        let compute = move |inputs: &Inputs<'_>| {
            let terms = pairs.0.iter().zip(&pairs.1).map(|(own, other)| {
                let (student, teacher) = (inputs.student(own)?, inputs.teacher(other)?.detach());
                let (batch, heads, queries, _) = student.dims4()?;
                let mask = inputs.shared_mask(NAME, &stream, batch)?;
                let teacher = log_softmax(&without_padding(&teacher, &mask)?)?;
                let student = log_softmax(&without_padding(student, &mask)?)?;
                let divergence = kullback_leibler(&teacher, &student)?;
                let counted = mask.reshape((batch, 1, queries))?.broadcast_as((batch, heads, queries))?;
                weighted_mean(&divergence, &counted.contiguous()?)
            });
            mean(terms.collect::<Result<_, LossError>>()?)
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute));
        Ok(term.token_by_token([self.stream.as_str()]))
    }
}
