//! A text encoder from random weights.

use alambic_models::text_encoder::{
    Family, HeadSpec, ProblemType, Structure, TextEncoder, TextEncoderConfig,
};
use alambic_models::{Config, TokenizerModel, UnifiedScript};
use alambic_settings::{choices, settings};

use crate::StudentError;
use crate::embedding::EmbeddingOptions;
use crate::encoder_decoder::ActivationFunction;
use crate::script::ScriptUnification;
use crate::student_builder::{BuildContext, EPSILON, InitialModel, StudentBuilder, TaskKind, check_heads};

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
    /// Model of a tokenizer that is trained on texts.
    pub enum TokenizerKind {
        /// Whole words, those that come oftenest, and single characters for all others.
        Words = "words",
        /// `WordPiece` in lower case, as BERT's: merges by likelihood.
        WordPiece = "word-piece",
        /// Byte-pair encoding over characters, whatever the script.
        Bpe = "bpe",
        /// Unigram language model, as in sentencepiece; also for languages without spaces.
        Unigram = "unigram",
    }
}

impl From<TokenizerKind> for TokenizerModel {
    fn from(by: TokenizerKind) -> Self {
        match by {
            TokenizerKind::Words => Self::Words,
            TokenizerKind::WordPiece => Self::WordPiece,
            TokenizerKind::Bpe => Self::Bpe,
            TokenizerKind::Unigram => Self::Unigram,
        }
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
        /// Dropout probability in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Maximum number of tokens of a sequence.
        #[range(4..=1_048_576)]
        pub max_length: usize = 512,
        /// How it makes embeddings.
        #[flatten]
        pub embedding: EmbeddingOptions,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's texts, where there is no teacher to read the
        /// same.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
        /// Tokenizer model of that vocabulary.
        pub pieces: TokenizerKind = TokenizerKind::Words,
        /// Script in which texts are written before they are tokenized, in training, in the student's folder and its exports. Its
        /// vocabulary is then trained on the stage's texts also where there is a teacher, which goes on reading the original texts:
        /// losses compare vectors and logits of texts, and no tokens.
        /// Left out: they stay as they are.
        pub unify_script: Option<ScriptUnification>,
    }
}

/// A BERT of a shape without a head, over a vocabulary.
pub(crate) fn bert(
    context: &BuildContext<'_>,
    [layers, width, heads, inner]: Shape,
    activation: ActivationFunction,
    dropout: f32,
    max_length: usize,
) -> Result<TextEncoderConfig, StudentError> {
    check_heads(width, heads)?;
    let HeadSpec { head, labels, .. } = HeadSpec::none();
    Ok(TextEncoderConfig {
        family: Family::Bert,
        head,
        pooler: false,
        untied: false,
        labels,
        problem_type: ProblemType::SingleLabel,
        pairs: None,
        vocabulary: context.tokenizer.size(),
        width,
        layers,
        heads,
        intermediate_size: inner,
        activation: activation.name().to_owned(),
        positions: max_length,
        segments: 2,
        epsilon: EPSILON,
        padding: context.tokenizer.padding()?,
        dropout,
        attention_dropout: dropout,
        head_dropout: dropout,
        structure: Structure::default(),
        pooling: None,
    })
}

impl Encoder {
    fn configure(&self, context: &BuildContext<'_>) -> Result<TextEncoderConfig, StudentError> {
        let [layers, width, heads, inner] = self.preset.shape();
        let shape = [
            self.layers.unwrap_or(layers),
            self.width.unwrap_or(width),
            self.heads.unwrap_or(heads),
            self.feed_forward.unwrap_or(inner),
        ];
        let config = bert(context, shape, self.activation, self.dropout, self.max_length)?;
        let pooling = self.embedding.pooling(None, config.width)?;
        Ok(TextEncoderConfig { pooling, ..config }.with_head(context.head))
    }
}

impl StudentBuilder for Encoder {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(context)?.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = TextEncoder::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn embedding(&self) -> Option<&EmbeddingOptions> {
        Some(&self.embedding)
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }

    fn unified_script(&self) -> Option<UnifiedScript> {
        self.unify_script.map(Into::into)
    }

    fn tokenizer_model(&self) -> TokenizerModel {
        self.pieces.into()
    }
}
