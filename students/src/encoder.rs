//! A text encoder from random weights.

use alambic_models::bert::{
    Bert, BertConfig, Family, HeadSpec, Pooling, PoolingMode, ProblemType, TokenPooling,
};
use alambic_models::{Config, TokenizerModel};
use alambic_settings::{choices, settings};

use crate::sight::EPSILON;
use crate::{ActivationFunction, Blueprint, MakeStudent, Purpose, StudentError, Surroundings, check_heads};

choices! {
    /// The shape of a published student.
    pub enum Preset {
        /// 4 layers of 312, 12 heads, feed-forward 1,200 (Jiao et al., 2020).
        TinyBert4 = "tinybert-4",
        /// 6 layers of 768, 12 heads, feed-forward 3,072 (Jiao et al., 2020).
        TinyBert6 = "tinybert-6",
        /// 6 layers of 384, 12 heads, feed-forward 1,536 (Wang et al., 2020).
        MiniLm6 = "minilm-6",
    }
}

/// Layers, width, heads, feed-forward.
pub(crate) type Shape = [usize; 4];

impl Preset {
    fn shape(self) -> Shape {
        match self {
            Self::TinyBert4 => [4, 312, 12, 1200],
            Self::TinyBert6 => [6, 768, 12, 3072],
            Self::MiniLm6 => [6, 384, 12, 1536],
        }
    }
}

choices! {
    /// How the states of a text's tokens become its vector.
    pub enum Pooled {
        /// Their mean.
        Mean = "mean",
        /// The first of them.
        First = "first",
        /// What long short-term memory keeps of them, read from the first to the last (Dadas, 2022).
        Lstm = "lstm",
        /// The same, read in both orders, the two states one behind the other.
        BiLstm = "bilstm",
    }
}

choices! {
    /// What a vocabulary of pieces of words is made by.
    pub enum PiecesBy {
        /// Whole words, those that come oftenest, and single characters for all others.
        Words = "words",
        /// BERT's, by merging what often stands together, in lower case.
        WordPiece = "word-piece",
        /// By merging what often stands together, whatever the script (byte-pair encoding over characters).
        Bpe = "bpe",
        /// By the likelihood of texts in independent pieces, as sentencepiece does it; also for languages without blanks.
        Unigram = "unigram",
    }
}

impl From<PiecesBy> for TokenizerModel {
    fn from(by: PiecesBy) -> Self {
        match by {
            PiecesBy::Words => Self::Words,
            PiecesBy::WordPiece => Self::WordPiece,
            PiecesBy::Bpe => Self::Bpe,
            PiecesBy::Unigram => Self::Unigram,
        }
    }
}

impl Pooled {
    /// The pooling of a student, with layers as wide as a token's state unless told otherwise.
    pub(crate) fn checked(
        pooled: Option<Self>,
        width: Option<usize>,
        state: usize,
    ) -> Result<Option<Pooling>, StudentError> {
        if width.is_some() && !matches!(pooled, Some(Self::Lstm | Self::BiLstm)) {
            return Err(StudentError::Size(
                "`pooling-width` is that of long short-term memory, and `pooling` is neither `lstm` nor `bilstm`".into(),
            ));
        }
        Ok(pooled.map(|pooled| pooled.pooling(width.unwrap_or(state))))
    }

    /// The pooling, with layers of this width where it is recurrent.
    fn pooling(self, width: usize) -> Pooling {
        let gathering = match self {
            Self::Mean => PoolingMode::Tokens(vec![TokenPooling::Mean]),
            Self::First => PoolingMode::Tokens(vec![TokenPooling::First]),
            Self::Lstm => PoolingMode::Recurrent { width, both: false },
            Self::BiLstm => PoolingMode::Recurrent { width, both: true },
        };
        Pooling::new(gathering, true)
    }
}

settings! {
    /// A text encoder from random weights: a BERT of any size, over its teacher's vocabulary, or without a teacher over
    /// the words of its stage's texts.
    pub struct Encoder {
        /// The shape of a published student; single sizes below change it.
        pub preset: Preset = Preset::TinyBert4,
        /// Layers.
        #[range(1..=1024)]
        pub layers: Option<usize>,
        /// Width of hidden states.
        #[range(1..=65_536)]
        pub width: Option<usize>,
        /// Attention heads; they divide the width.
        #[range(1..=1024)]
        pub heads: Option<usize>,
        /// Inner width of feed-forward layers.
        #[range(1..=1_048_576)]
        pub feed_forward: Option<usize>,
        /// Activation of feed-forward layers.
        pub activation: ActivationFunction = ActivationFunction::Gelu,
        /// Share of activations dropped in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Longest sequence in tokens.
        #[range(4..=1_048_576)]
        pub max_length: usize = 512,
        /// How the states of a text's tokens become its vector, of length one. Left out: it gives none.
        pub pooling: Option<Pooled>,
        /// Numbers of the state of a layer of long short-term memory. Left out: as many as those of a token's.
        #[range(1..=65_536)]
        pub pooling_width: Option<usize>,
        /// Most tokens of a vocabulary that is made of the stage's texts, where there is no teacher to read the same.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
        /// What that vocabulary is made by.
        pub pieces: PiecesBy = PiecesBy::Words,
    }
}

/// A BERT of a shape without a head, over a vocabulary.
pub(crate) fn bert(
    surroundings: &Surroundings<'_>,
    [layers, width, heads, inner]: Shape,
    activation: ActivationFunction,
    dropout: f32,
    longest: usize,
) -> Result<BertConfig, StudentError> {
    check_heads(width, heads)?;
    let HeadSpec { head, labels, .. } = HeadSpec::none();
    Ok(BertConfig {
        family: Family::Bert,
        head,
        pooler: false,
        untied: false,
        labels,
        problem_type: ProblemType::SingleLabel,
        pairs: None,
        vocabulary: surroundings.tokenizer.size(),
        width,
        layers,
        heads,
        intermediate_size: inner,
        activation: activation.name().to_owned(),
        positions: longest,
        segments: 2,
        epsilon: EPSILON,
        padding: surroundings.tokenizer.padding()?,
        dropout,
        attention_dropout: dropout,
        head_dropout: dropout,
        pooling: None,
    })
}

impl Encoder {
    fn configure(&self, surroundings: &Surroundings<'_>) -> Result<BertConfig, StudentError> {
        let [layers, width, heads, inner] = self.preset.shape();
        let shape = [
            self.layers.unwrap_or(layers),
            self.width.unwrap_or(width),
            self.heads.unwrap_or(heads),
            self.feed_forward.unwrap_or(inner),
        ];
        let config = bert(surroundings, shape, self.activation, self.dropout, self.max_length)?;
        let pooling = Pooled::checked(self.pooling, self.pooling_width, config.width)?;
        Ok(BertConfig { pooling, ..config }.with_head(surroundings.task))
    }
}

impl MakeStudent for Encoder {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(surroundings)?.into())
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let config = self.configure(surroundings)?;
        let weights = Bert::initial_weights(&config, &surroundings.streams)?;
        Ok(Blueprint { config: config.into(), weights })
    }

    fn takes_weights(&self) -> bool {
        false
    }

    fn purpose(&self) -> Purpose {
        Purpose::Reads
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }

    fn pieces(&self) -> TokenizerModel {
        self.pieces.into()
    }
}
