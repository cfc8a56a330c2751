//! A text encoder from layers of a teacher.

use alambic_models::text_encoder::{Family, Head, Pooling, TextEncoder, TextEncoderConfig};
use alambic_models::unimo::Unimo;
use alambic_models::{Config, Tokenizer, UnifiedScript};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::embedding::EmbeddingOptions;
use crate::narrow::{narrow_config, narrow_weights, placing};
use crate::script::ScriptUnification;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};
use crate::vocabulary_transfer::{TransferContext, VocabularyTransfer, transfer_embeddings};

settings! {
    /// A text encoder from chosen layers of a teacher, a `unimo`'s reading of texts among them, widths and embeddings kept unless a width is
    /// named. With all layers it is the teacher
    /// itself under a head of its own, to be fine-tuned. A head that the teacher has is taken over where it is of the
    /// same task, and else begins at random.
    pub struct EncoderLayers {
        /// The teacher whose layers are taken.
        pub teacher: At<String>,
        /// Layers to keep, counted from 1, in order. Left out: all.
        pub layers: Option<At<Vec<usize>>>,
        /// Numbers of a hidden state that are kept, with as many heads and inner numbers of feed-forward layers in proportion: those
        /// that the teacher's norms let through most, and its strongest heads. A multiple of a head's width. Left out: all.
        #[range(1..=65_536)]
        pub width: Option<usize>,
        /// How it makes embeddings.
        #[flatten]
        pub embedding: EmbeddingOptions,
        /// Maximum number of tokens of the teacher's vocabulary that stay, with their embeddings: the characters of the stage's
        /// texts, and the commonest of the tokens in them. Left out: all.
        #[range(10..=1_000_000)]
        pub vocabulary: Option<usize>,
        /// Whether a vocabulary of so many tokens is trained on the stage's texts, with the teacher's tokenizer model. A token
        /// of the teacher keeps its embedding; another one gets one as those of `added-vocabulary` do, or with `unify-script` the mean
        /// of those of the teacher's tokens that stand at the same characters of the texts.
        pub new_vocabulary: bool = false,
        /// Script in which texts are written before they are tokenized, in training, in the student's folder and its exports. A teacher of
        /// its own vocabulary goes on reading the original texts, so that losses compare vectors and logits of texts, and no tokens.
        /// Left out: they stay as they are.
        pub unify_script: Option<ScriptUnification>,
        /// Maximum number of tokens that are added to the teacher's, trained on words of the stage's texts that it lacks: of
        /// translations where there are some, and `vocabulary` then keeps the tokens of the texts in the teacher's language.
        /// Each gets the mean embedding of the teacher's tokens that it is aligned with in the translations, by the share of
        /// each; without translations, of those that it is split into. For a `WordPiece`.
        #[range(10..=1_000_000)]
        pub added_vocabulary: Option<usize>,
        /// Dropout probability in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

/// The text encoder that layers are taken of.
struct TextSource {
    config: TextEncoderConfig,
    weights: Weights,
    tokenizer: Option<Tokenizer>,
}

impl TextSource {
    /// A text encoder, or that of a model which reads texts as well as images.
    fn of(SourceModel { config, weights, tokenizer }: SourceModel) -> Result<Self, StudentError> {
        Ok(match config {
            Config::Unimo(own) => {
                let weights = Unimo::text_encoder_weights(&own, &weights)?;
                Self { config: own.text_encoder(), weights, tokenizer }
            }
            other => Self { config: other.text_encoder()?.clone(), weights, tokenizer },
        })
    }
}

impl EncoderLayers {
    /// The teacher with only the chosen layers: its configuration, its weights, and the layers, counted from 0.
    fn plan(
        &self,
        context: &BuildContext<'_>,
    ) -> Result<(TextEncoderConfig, Weights, Option<Tokenizer>, Vec<usize>), StudentError> {
        let TextSource { config: teacher, weights, tokenizer } =
            TextSource::of(context.require(&self.teacher)?)?;
        let teacher = &teacher;
        if teacher.family == Family::Xlm && context.head.head == Head::MaskedLanguage {
            return Err(StudentError::Incompatible(
                "an XLM's head of masked language modelling is not made here: give the stage labels or a teacher's vectors".into(),
            ));
        }
        let layers =
            layer_indices(self.layers.as_ref().map(|layers| &layers.value), teacher.layers, "encoder")?;
        if self.new_vocabulary && self.vocabulary.is_none() {
            return Err(StudentError::Incompatible(
                "`new-vocabulary` needs `vocabulary`, the number of tokens to train".into(),
            ));
        }
        if self.new_vocabulary && self.added_vocabulary.is_some() {
            return Err(StudentError::Incompatible(
                "`new-vocabulary` replaces the vocabulary that `added-vocabulary` extends: leave one of them out".into(),
            ));
        }
        // A prompt that is left out of the vector has as many tokens as this vocabulary makes of it.
        let own = match &teacher.pooling {
            Some(own) if own.skipped > 0 => {
                Some(Pooling { skipped: context.tokenizer.prompt_length()?, ..own.clone() })
            }
            own => own.clone(),
        };
        let dropout = |own: f32| self.dropout.unwrap_or(own);
        let narrower = match self.width {
            Some(width) => narrow_config(teacher, width)?,
            None => teacher.clone(),
        };
        let mut config = TextEncoderConfig {
            dropout: dropout(teacher.dropout),
            attention_dropout: dropout(teacher.attention_dropout),
            head_dropout: dropout(teacher.head_dropout),
            pooling: self.embedding.pooling(own, narrower.width)?,
            ..narrower.with_layers(&layers)
        };
        let is_whole = self.vocabulary_transfer() == VocabularyTransfer::Keep;
        if !is_whole {
            config.vocabulary = context.tokenizer.size();
            config.padding = context.tokenizer.padding()?;
        }
        Ok((config, weights, tokenizer.filter(|_| !is_whole), layers))
    }
}

impl StudentBuilder for EncoderLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0.with_head(context.head).into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, weights, whole, layers) = self.plan(context)?;
        // Weights that all layers share are not selected.
        let mut weights = if config.structure.is_shared {
            weights
        } else {
            config.names().select_layers(&weights, &layers)
        };
        let mut kept: Vec<u32> = (0..config.width as u32).collect();
        if self.width.is_some() {
            let source = TextSource::of(context.require(&self.teacher)?)?.config.with_layers(&layers);
            (weights, kept) = narrow_weights(&source, &config, &weights)?;
        }
        if let Some(whole) = whole {
            let texts = TransferContext { texts: context.texts, translations: context.translations };
            transfer_embeddings(&mut weights, &whole, context.tokenizer, texts)?;
        }
        let (config, mut weights) =
            TextEncoder::with_head(&config, &weights, context.head, &context.streams)?;
        // At first a dense layer leaves each number of a state at its place, so that the student begins near the teacher.
        let dense = config.pooling.as_ref().and_then(|pooling| pooling.dense().next());
        if let Some(dense) =
            dense.filter(|own| self.embedding.embedding_width.is_some() && own.inputs == kept.len())
        {
            weights.insert(format!("{}.weight", dense.name()), placing(&kept, dense.outputs)?);
        }
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn unified_script(&self) -> Option<UnifiedScript> {
        self.unify_script.map(Into::into)
    }

    fn vocabulary_transfer(&self) -> VocabularyTransfer {
        match (self.vocabulary, self.added_vocabulary) {
            (kept, Some(added)) => VocabularyTransfer::Extend { kept, added },
            (Some(size), None) if self.new_vocabulary => VocabularyTransfer::Retrain(size),
            (Some(size), None) => VocabularyTransfer::Prune(size),
            (None, None) => VocabularyTransfer::Keep,
        }
    }

    fn embedding(&self) -> Option<&EmbeddingOptions> {
        Some(&self.embedding)
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}
