//! Hidden states against hidden states.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::ops::RaggedLayout;

use crate::layer_map::Pattern;
use crate::layers::{Layers, projection, sum};
use crate::{Comparison, Inputs, LayerMap, LossError, LossTerm, Projection, Term, Weight};

choices! {
    /// Which positions of a sequence count.
    pub enum Counted {
        /// Those that hold a token.
        Tokens = "tokens",
        /// All, padding included, as in TinyBERT's published code.
        All = "all",
        /// The first alone, which stands for the whole sequence in BERT and its like; student and teacher may have read
        /// different texts.
        First = "first",
    }
}

choices! {
    /// Linear maps from the student's width to the teacher's, trained along, saved, and not part of the student.
    pub enum Projections {
        /// None: the widths must agree.
        None = "none",
        /// One for all layers of the term.
        Shared = "shared",
        /// One for each layer of the student.
        PerLayer = "per-layer",
    }
}

settings! {
    /// The student's hidden states against the teacher's.
    ///
    /// TinyBERT's hidden loss (Jiao et al., 2020, equation 3): `L = Σ_m MSE(H_S^m W, H_T^g(m))` over the pairs
    /// (m, g(m)) of the layer map, with states `[batch, length, D_S]` and `[batch, length, D_T]` and a projection `W`
    /// with a bias, as in the published code; the mean is over the tokens counted and over the width. That code takes
    /// the embeddings as layer 0 (`embeddings = true`, instead of the term `embedding`) and counts padding
    /// (`count = "all"`). With one explicit pair and `projection = "per-layer"` it is FitNets' hint (Romero et al.,
    /// 2015); with `map = "last"`, `comparison = "cosine"` and no projection it is the cosine term of DistilBERT
    /// (Sanh et al., 2019).
    pub struct Hidden {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// Which layer of the teacher each of the student's is compared with.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Uniform),
        /// Whether the embeddings are compared, too.
        pub embeddings: bool = false,
        /// How states of another width are compared.
        pub projection: Projections = Projections::Shared,
        /// How two states are compared.
        pub comparison: Comparison = Comparison::MeanSquaredError,
        /// Which positions count.
        pub count: Counted = Counted::Tokens,
    }
}

settings! {
    /// The student's embeddings against the teacher's.
    ///
    /// TinyBERT's embedding loss (Jiao et al., 2020, equation 4): `L = MSE(E_S W_e, E_T)` over the output of the
    /// embedding layer, `[batch, length, D_S]` and `[batch, length, D_T]`, with a projection `W_e` of its own; the mean
    /// is over the tokens counted and over the width.
    pub struct Embedding {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// How embeddings of another width are compared; `shared` and `per-layer` are the same here.
        pub projection: Projections = Projections::Shared,
        /// How two embeddings are compared.
        pub comparison: Comparison = Comparison::MeanSquaredError,
        /// Which positions count.
        pub count: Counted = Counted::Tokens,
    }
}

impl LossTerm for Hidden {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let mut layers = Layers::bind("hidden", &self.stream, &self.map, student, teacher)?;
        if self.embeddings && !layers.pairs.contains(&(0, 0)) {
            layers.pairs.insert(0, (0, 0));
        }
        states("hidden", self, &layers)
    }
}

impl LossTerm for Embedding {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let map = LayerMap::Pairs(vec![(0, 0)]);
        let layers = Layers::bind("embedding", &self.stream, &map, student, teacher)?;
        let options = Hidden {
            weight: self.weight,
            stream: self.stream.clone(),
            map,
            embeddings: true,
            projection: self.projection,
            comparison: self.comparison,
            count: self.count,
        };
        states("embedding", &options, &layers)
    }
}

/// The term over pairs of layers.
fn states(term: &'static str, options: &Hidden, layers: &Layers) -> Result<Term, LossError> {
    let (student_taps, teacher_taps) = layers.hidden_taps(&options.stream);
    let (inputs, outputs) = (layers.student.width, layers.teacher.width);
    let named = |part: &str| projection(term, &options.stream, part, inputs, outputs);
    let projections: Vec<Option<Projection>> = match options.projection {
        Projections::None if inputs != outputs => {
            return Err(LossError::Incompatible {
                term,
                reason: format!(
                    "states of width {inputs} and {outputs} cannot be compared with `projection = \"none\"`; use `shared` or `per-layer`"
                ),
            });
        }
        Projections::None => vec![None; layers.pairs.len()],
        Projections::Shared => vec![Some(named("projection")); layers.pairs.len()],
        Projections::PerLayer => {
            layers.pairs.iter().map(|(own, _)| Some(named(&format!("projection.{own}")))).collect()
        }
    };
    let names: Vec<Option<String>> =
        projections.iter().map(|projection| projection.as_ref().map(|one| one.name.clone())).collect();
    let mut trained: Vec<Projection> = Vec::new();
    for projection in projections.into_iter().flatten() {
        if !trained.contains(&projection) {
            trained.push(projection);
        }
    }
    let (weight, count, stream, options) =
        (options.weight, options.count, options.stream.clone(), options.clone());
    let taps = (student_taps.clone(), teacher_taps.clone());
    let compute = move |inputs: &Inputs<'_>| {
        let pairs = taps.0.iter().zip(&taps.1).zip(&names);
        let terms = pairs.map(|((own, other), projection)| {
            let teacher = inputs.teacher(other)?.detach();
            let student = inputs.student(own)?;
            let [student, teacher] = match options.count {
                Counted::First => [student, &teacher].map(|states| states.narrow(1, 0, 1)?.contiguous()),
                Counted::All => [Ok(student.clone()), Ok(teacher)],
                Counted::Tokens => {
                    let mask = inputs.shared_hidden(term, &options.stream)?;
                    if mask.contains(&0) {
                        let layout = RaggedLayout::of_mask(mask, student.dim(0)?)?;
                        [student, &teacher].map(|states| layout.unpad(states))
                    } else {
                        [Ok(student.clone()), Ok(teacher)]
                    }
                }
            };
            let student = inputs.project(&student?, projection.as_deref())?;
            options.comparison.mean(&student, &teacher?, None)
        });
        sum(terms.collect::<Result<_, LossError>>()?)
    };
    let streams = (count != Counted::First).then_some(stream.as_str());
    let bound =
        Term::new(term, weight, student_taps, teacher_taps, Box::new(compute)).token_by_token(streams);
    let bound = bound.reading_padding(count == Counted::All);
    Ok(Term { projections: trained, ..bound })
}
