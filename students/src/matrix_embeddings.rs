//! Matrix embeddings of words from random weights.

use alambic_models::matrix::{ClassifierKind, Directions, MatrixConfig, PairFeatures, StateOrder};
use alambic_models::text_encoder::{Head, ProblemType};
use alambic_models::{Config, ModelConfig, ModelError, Tokenizer};
use alambic_settings::{choices, settings};

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, StudentBuilder, TaskKind};

choices! {
    /// Directions in which the tokens of a text are multiplied and added up.
    pub enum MatrixDirections {
        /// Both, each with matrices of its own.
        Both = "both",
        /// From the first token to the last.
        Forward = "forward",
        /// From the last token to the first.
        Backward = "backward",
    }
}

choices! {
    /// Order of backward states, which losses over tokens and the head over the vocabulary read.
    pub enum BackwardOrder {
        /// At each token the state of the tokens from the last one to it.
        Aligned = "aligned",
        /// As the published code stacks them: at token i the state of the last i tokens.
        Published = "published",
    }
}

choices! {
    /// Layers of a classification head.
    pub enum MatrixHead {
        /// Linear, `ReLU`, linear, dropout, layer norm, linear, as wide as what it reads.
        Mlp = "mlp",
        /// One linear layer.
        Linear = "linear",
    }
}

choices! {
    /// Joining of the embeddings u and v of the two texts of a pair, which are read apart.
    pub enum PairJoin {
        /// `[u; v; |u - v|]`, which the head reads.
        Difference = "difference",
        /// Their cosine, which is the prediction, for numbers from -1 to 1.
        Cosine = "cosine",
    }
}

settings! {
    /// Matrix embeddings from random weights (CMOW/CBOW hybrid; Galke et al., IJCNN 2022): every token has matrices, multiplied in the
    /// order of the text, and a vector, added up; there is no attention. Its vocabulary is that of its teacher. Padding changes no
    /// output. Parameters of the published size over 30,522 tokens: 36.6 million.
    pub struct MatrixEmbedding {
        /// Rows and columns of a token's matrix. 0 for none: a bag of vectors.
        #[range(0..=256)]
        pub side: usize = 20,
        /// Numbers of a token's vector. 0 for none: matrices alone.
        #[range(0..=65_536)]
        pub vector: usize = 400,
        /// Directions in which a text is read.
        pub directions: MatrixDirections = MatrixDirections::Both,
        /// Dropout probability of matrices, vectors and in the head, in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Rank r of the matrices, which are then L R + diag(d) with L of side × r, R of r × side. Left out: matrices are whole.
        #[range(1..=255)]
        pub rank: Option<usize>,
        /// Deviation of initial matrices from the identity, and of initial vectors from zero.
        #[range(alambic_settings::above(0.0))]
        pub noise: f64 = 0.01,
        /// Layers of the head for classes, numbers and tags.
        pub head: MatrixHead = MatrixHead::Mlp,
        /// Joining of the two texts of a pair.
        pub pairs: PairJoin = PairJoin::Difference,
        /// Order of backward states.
        pub order: BackwardOrder = BackwardOrder::Aligned,
    }
}

impl MatrixEmbedding {
    /// The sizes that do not fit each other, each with its key.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.side == 0 && self.vector == 0 {
            faults.push((
                "vector",
                "tokens have neither a matrix nor a vector: let `side` or `vector` be above 0".to_owned(),
            ));
        }
        if let Some(rank) = self.rank.filter(|&rank| rank >= self.side) {
            let side = self.side;
            let message = if side == 0 {
                "`rank` is that of matrices, and `side` is 0: leave it out".to_owned()
            } else {
                format!(
                    "a rank of {rank} saves nothing in matrices of {side} × {side}: let `rank` be below `side`, or leave it out"
                )
            };
            faults.push(("rank", message));
        }
        faults
    }

    fn configure(&self, context: &BuildContext<'_>) -> Result<MatrixConfig, StudentError> {
        if let Some((_, message)) = self.faults().into_iter().next() {
            return Err(StudentError::Incompatible(message));
        }
        let head = context.head;
        let reads_pairs = head.head.is_of_text() && head.pairs == Some(true);
        if self.pairs == PairJoin::Cosine && head.head.is_of_text() && !(reads_pairs && head.regression) {
            return Err(StudentError::Incompatible(
                "`pairs = \"cosine\"` predicts one number of a pair of texts, and these data have classes or single texts: use \
                 `pairs = \"difference\"`"
                    .into(),
            ));
        }
        if reads_pairs && !context.tokenizer.tells_segments() {
            return Err(StudentError::Incompatible(
                "matrix embeddings read the two texts of a pair apart, and this vocabulary does not mark the second one as a segment: \
                 take a teacher whose tokenizer gives `token_type_ids`, such as BERT's"
                    .into(),
            ));
        }
        let config = MatrixConfig {
            vocabulary: context.tokenizer.size(),
            side: self.side,
            vector: self.vector,
            directions: match self.directions {
                MatrixDirections::Both => Directions::Both,
                MatrixDirections::Forward => Directions::Forward,
                MatrixDirections::Backward => Directions::Backward,
            },
            rank: self.rank,
            order: match self.order {
                BackwardOrder::Aligned => StateOrder::Aligned,
                BackwardOrder::Published => StateOrder::Published,
            },
            dropout: self.dropout,
            noise: self.noise,
            classifier: match self.head {
                MatrixHead::Mlp => ClassifierKind::Mlp,
                MatrixHead::Linear => ClassifierKind::Linear,
            },
            pair_features: match self.pairs {
                PairJoin::Difference => PairFeatures::Difference,
                PairJoin::Cosine => PairFeatures::Cosine,
            },
            leading: leading_tokens(context.tokenizer)?,
            padding: context.tokenizer.padding()?,
            head: Head::None,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
        };
        let config = config.with_head(head);
        config.check()?;
        Ok(config)
    }
}

/// The number of special tokens that a tokenizer puts before a text.
fn leading_tokens(tokenizer: &Tokenizer) -> Result<usize, ModelError> {
    let (around, text) = (tokenizer.encode("")?, tokenizer.encode("a")?);
    Ok(around.iter().zip(&text).take_while(|(one, other)| one == other).count())
}

impl StudentBuilder for MatrixEmbedding {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(context)?.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = config.initial_weights(&context.streams)?;
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }
}

#[cfg(test)]
mod tests {
    use alambic_models::text_encoder::HeadSpec;
    use alambic_settings::{Node, read};
    use alambic_tensor::Streams;

    use super::*;

    fn options(text: &str) -> MatrixEmbedding {
        read(&Node::parse("options", text).unwrap()).unwrap()
    }

    const TEXTS: [&str; 1] = ["a good film no plot at all"];

    fn build(options: &str, head: &HeadSpec) -> Result<InitialModel, StudentError> {
        build_over(&Tokenizer::train_words(TEXTS, 30).unwrap(), options, head)
    }

    fn build_over(
        tokenizer: &Tokenizer,
        options: &str,
        head: &HeadSpec,
    ) -> Result<InitialModel, StudentError> {
        self::options(options).build(&BuildContext {
            tokenizer,
            head,
            streams: Streams::new(1),
            source_model: &|_| None,
            translations: &[],
            texts: &[],
        })
    }

    fn classes(pairs: bool) -> HeadSpec {
        let labels = ["bad", "good"].map(str::to_owned).to_vec();
        HeadSpec { head: Head::Sequence, labels, pairs: Some(pairs), ..HeadSpec::none() }
    }

    fn rating() -> HeadSpec {
        HeadSpec { labels: vec!["score".into()], regression: true, ..classes(true) }
    }

    #[test]
    fn sizes_are_the_published_ones_by_default() {
        let InitialModel { config, .. } = build("", &classes(false)).unwrap();
        let outline = config.outline();
        assert_eq!((outline.streams[""].width, outline.pooled), (1600, Some(1200)));
        // Tables, and two layers of 1200, a norm and the classes.
        let head = 2 * (1200 * 1200 + 1200) + 2 * 1200 + 2 * 1200 + 2;
        assert_eq!(config.parameters(), config.vocabulary() * 1200 + head);
        let InitialModel { config, .. } =
            build("directions = \"forward\"\nhead = \"linear\"", &classes(false)).unwrap();
        assert_eq!((config.outline().streams[""].width, config.outline().pooled), (800, Some(800)));
        let InitialModel { config, .. } = build("side = 0", &HeadSpec::none()).unwrap();
        assert_eq!(config.parameters(), config.vocabulary() * 400);
        let InitialModel { config, .. } = build("rank = 2\nvector = 0", &HeadSpec::none()).unwrap();
        assert_eq!(config.parameters(), config.vocabulary() * 2 * (20 * 2 * 2 + 20));
    }

    #[test]
    fn matrices_begin_as_identity_and_noise_in_whichever_form() {
        for (options, parts) in [("side = 4\nnoise = 0.1", 1), ("side = 4\nnoise = 0.1\nrank = 2", 3)] {
            let InitialModel { weights, .. } = build(options, &HeadSpec::none()).unwrap();
            let tables: Vec<_> =
                weights.iter().filter(|(name, _)| name.contains("forward_matrices")).collect();
            assert_eq!(tables.len(), parts);
            let matrices = match tables.as_slice() {
                [(_, whole)] => (*whole).clone(),
                [(_, left), (_, right), (_, diagonal)] => {
                    alambic_tensor::ops::low_rank_matrices(left, right, diagonal).unwrap()
                }
                _ => unreachable!(),
            };
            let matrices = matrices.to_vec2::<f32>().unwrap();
            let (mut ones, mut squares) = (0.0, 0.0);
            for matrix in &matrices {
                for (place, entry) in matrix.iter().enumerate() {
                    let expected = f32::from(u8::from(place % 5 == 0));
                    ones += entry * expected / (4 * matrices.len()) as f32;
                    squares += (entry - expected).powi(2) / (16 * matrices.len()) as f32;
                }
            }
            assert!((ones - 1.0).abs() < 0.05, "{ones}");
            assert!((0.07..0.17).contains(&squares.sqrt()), "{}", squares.sqrt());
        }
    }

    #[test]
    fn sizes_and_data_that_do_not_fit_are_refused_with_what_to_do() {
        let refused = |options: &str, head: &HeadSpec, part: &str| {
            let error = build(options, head).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused("side = 0\nvector = 0", &classes(false), "let `side` or `vector` be above 0");
        refused("rank = 20", &classes(false), "let `rank` be below `side`");
        refused("side = 0\nrank = 2", &classes(false), "leave it out");
        refused("pairs = \"cosine\"", &classes(true), "use `pairs = \"difference\"`");
        refused(
            "pairs = \"cosine\"",
            &HeadSpec { pairs: Some(false), ..rating() },
            "use `pairs = \"difference\"`",
        );
        let characters = TEXTS[0].chars().collect();
        let without_segments = Tokenizer::from_characters(&characters, &[]).unwrap();
        let error = build_over(&without_segments, "", &classes(true)).unwrap_err().to_string();
        assert!(error.contains("token_type_ids"), "{error}");
    }
}
