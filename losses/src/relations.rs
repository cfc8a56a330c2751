//! Self-attention relations.

use alambic_models::{Outline, tap};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::{head_products, kullback_leibler, log_softmax, weighted_mean, without_padding};
use crate::layer_map::Pattern;
use crate::layers::{Layers, mean};
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

choices! {
    /// Vectors whose relation to one another is compared.
    pub enum Related {
        /// Queries with queries.
        Queries = "queries",
        /// Keys with keys.
        Keys = "keys",
        /// Values with values.
        Values = "values",
        /// Queries with keys: attention itself, with the heads cut anew.
        QueriesKeys = "queries-keys",
    }
}

settings! {
    /// Relations of tokens within a layer, the student's against the teacher's.
    ///
    /// MiniLMv2 (Wang et al., 2021, equations 3 to 5): queries, keys or values `[batch, length, D]` are cut into A_r
    /// relation heads of width d = D / A_r, whatever the model's own heads; `R = softmax(X Xᵀ / √d)` over the tokens of
    /// the text; `L = mean over kinds of 1/(A_r n) Σ_a Σ_t KL(R_T,a,t || R_S,a,t)`, padding left out. Within a text the
    /// mean is over its n tokens, and then over texts, as published. Widths and heads of student and teacher need not
    /// agree. With `of = ["values"]` and the models' own number of heads it is the value relation of MiniLM
    /// (Wang et al., 2020, equation 6).
    pub struct Relations {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream whose attention it is, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layer of the teacher each of the student's is compared with. For a teacher of 24 layers the paper
        /// takes one above the middle, and not the last.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Last),
        /// Which vectors are related.
        pub of: Vec<Related> = vec![Related::Queries, Related::Keys, Related::Values],
        /// Relation heads, which must divide both widths. Left out: the teacher's attention heads. The paper takes 48
        /// for a teacher of width 768, and 64 for one of 1,024.
        #[range(1..)]
        pub heads: Option<usize>,
    }
}

const NAME: &str = "relations";

impl LossTerm for Relations {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let layers = Layers::bind(NAME, &self.stream, &self.map, student, teacher)?;
        let heads = self.heads.unwrap_or(layers.teacher.heads);
        let incompatible = |reason| LossError::Incompatible { term: NAME, reason };
        if heads == 0 {
            return Err(incompatible("how many heads the teacher has is not known; give `heads`".into()));
        }
        for (side, width) in [("student", layers.student.width), ("teacher", layers.teacher.width)] {
            if !width.is_multiple_of(heads) {
                return Err(incompatible(format!(
                    "the {side}'s width of {width} does not divide into {heads} relation heads; choose `heads` that divide both"
                )));
            }
        }
        if self.of.is_empty() {
            return Err(incompatible("`of` is empty; name queries, keys or values".into()));
        }
        layers.without_embeddings(NAME)?;
        let mut taps = (Vec::new(), Vec::new());
        for &(own, other) in &layers.pairs {
            for kind in self.of.iter().flat_map(|related| related.taps()) {
                let (own, other) = (tap(&self.stream, kind, own - 1), tap(&self.stream, kind, other - 1));
                if !taps.0.contains(&own) {
                    taps.0.push(own);
                }
                if !taps.1.contains(&other) {
                    taps.1.push(other);
                }
            }
        }
        let (options, pairs) = (self.clone(), layers.pairs);
        let compute = move |inputs: &Inputs<'_>| {
            let mut terms = Vec::new();
            for &(own, other) in &pairs {
                for related in &options.of {
                    terms.push(options.compare(inputs, *related, (own - 1, other - 1), heads)?);
                }
            }
            mean(terms)
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute));
        Ok(term.token_by_token([self.stream.as_str()]))
    }
}

impl Related {
    /// The taps of the two sides of the relation.
    fn taps(self) -> [&'static str; 2] {
        match self {
            Self::Queries => ["queries"; 2],
            Self::Keys => ["keys"; 2],
            Self::Values => ["values"; 2],
            Self::QueriesKeys => ["queries", "keys"],
        }
    }
}

impl Relations {
    fn compare(
        &self,
        inputs: &Inputs<'_>,
        related: Related,
        (own, other): (usize, usize),
        heads: usize,
    ) -> Result<Tensor, LossError> {
        let taps = |layer| related.taps().map(|kind| tap(&self.stream, kind, layer));
        let ([own_left, own_right], [other_left, other_right]) = (taps(own), taps(other));
        let batch = inputs.student(&own_left)?.dim(0)?;
        let mask = inputs.shared_mask(NAME, &self.stream, batch)?;
        let relation = |left: &Tensor, right: &Tensor| -> Result<Tensor, LossError> {
            let scores = head_products(left, right, heads)?;
            log_softmax(&without_padding(&scores, &mask)?)
        };
        let student = relation(inputs.student(&own_left)?, inputs.student(&own_right)?)?;
        let teacher =
            relation(&inputs.teacher(&other_left)?.detach(), &inputs.teacher(&other_right)?.detach())?;
        // [batch, heads, length]
        let divergence = kullback_leibler(&teacher, &student)?;
        let (_, heads, length) = divergence.dims3()?;
        // Each text counts alike, and within it each token.
        let weights = mask.broadcast_div(&mask.sum_keepdim(1)?.maximum(1.0)?)?;
        let weights = weights.reshape((batch, 1, length))?.broadcast_as((batch, heads, length))?;
        weighted_mean(&divergence, &weights.contiguous()?)
    }
}
