//! Activity of the tokens in a layer.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};

use crate::arithmetic::normalised;
use crate::layer_map::Pattern;
use crate::layers::{Layers, sum};
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

settings! {
    /// Activity of each token's hidden state, relative to the others of its text.
    ///
    /// Activation-based attention transfer (Zagoruyko and Komodakis, 2017, equation 2), tokens taking the place of an
    /// image's places: `Q_t = Σ_d |h_t,d|²` for hidden states `[batch, length, D]`, brought to length one over the
    /// tokens of a text, padding counting as zero; `L = Σ_m mean over texts of |Q_S^m - Q_T^g(m)|²` over the pairs of
    /// the layer map. Widths need not agree. The published code takes the mean over places, too:
    /// `per-token = true`.
    pub struct Energy {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layer of the teacher each of the student's is compared with.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Uniform),
        /// Divide by the padded length.
        pub per_token: bool = false,
    }
}

const NAME: &str = "energy";

impl LossTerm for Energy {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let layers = Layers::bind(NAME, &self.stream, &self.map, student, teacher)?;
        let taps = layers.hidden_taps(&self.stream);
        let (options, pairs) = (self.clone(), taps.clone());
        let compute = move |inputs: &Inputs<'_>| {
            let terms = pairs.0.iter().zip(&pairs.1).map(|(own, other)| {
                let (student, teacher) = (inputs.student(own)?, inputs.teacher(other)?.detach());
                let (batch, length, _) = student.dims3()?;
                let mask = inputs.shared_mask(NAME, &options.stream, batch)?;
                let energy = |states: &Tensor| -> Result<Tensor, LossError> {
                    normalised(&(states.sqr()?.sum(D::Minus1)? * &mask)?)
                };
                let squares = (energy(student)? - energy(&teacher)?)?.sqr()?.sum(D::Minus1)?.mean_all()?;
                Ok(if options.per_token { (squares / length as f64)? } else { squares })
            });
            sum(terms.collect::<Result<_, LossError>>()?)
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute));
        Ok(term.token_by_token([self.stream.as_str()]))
    }
}
