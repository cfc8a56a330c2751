//! Embeddings of a text encoder: pooling, dense layer, length, prompts.

use alambic_models::text_encoder::{Pooling, PoolingMode, TokenPooling};
use alambic_models::{ModelError, Tokenizer};
use alambic_settings::{IndexMap, choices, settings};

use crate::StudentError;

choices! {
    /// Pooling of the hidden states of a text's tokens to its embedding.
    pub enum PoolingStrategy {
        /// Their mean.
        Mean = "mean",
        /// The first of them.
        First = "first",
        /// The last state of a long short-term memory over them (Dadas, 2022).
        Lstm = "lstm",
        /// The last states of a bidirectional one, concatenated.
        BiLstm = "bilstm",
    }
}

settings! {
    /// How a text encoder makes one vector of a text.
    pub struct EmbeddingOptions {
        /// Pooling of the hidden states of a text's tokens to its embedding. Left out: that of the teacher whose layers the student
        /// takes, or none.
        pub pooling: Option<PoolingStrategy>,
        /// State size of the long short-term memory that pools. Left out: the width of hidden states.
        #[range(1..=65_536)]
        pub pooling_width: Option<usize>,
        /// Numbers of an embedding: those that a dense layer behind the pooling gives (`2_Dense` of sentence-transformers), which is
        /// part of the student. As many as the teacher's make both of one space, so that vectors of either can be compared. Left
        /// out: there is no such layer, and an embedding is as wide as hidden states.
        #[range(1..=65_536)]
        pub embedding_width: Option<usize>,
        /// Whether embeddings are brought to length one (`Normalize` of sentence-transformers). Left out: as those of the teacher
        /// whose layers the student takes, and else they are.
        pub normalise: Option<bool>,
        /// Prompts by name, which sentence-transformers puts before texts when it is asked to (`encode(…, prompt_name="query")`),
        /// beside those of the tokenizer's folder.
        pub prompts: IndexMap<String, String> = IndexMap::new(),
        /// The name of the prompt that is put before each text where none is asked for. Left out: that of the tokenizer's folder,
        /// if it names one.
        pub default_prompt: Option<String>,
    }
}

impl EmbeddingOptions {
    /// Options of a pooling and nothing else.
    #[must_use]
    pub fn pooled(pooling: PoolingStrategy) -> Self {
        Self {
            pooling: Some(pooling),
            pooling_width: None,
            embedding_width: None,
            normalise: None,
            prompts: IndexMap::new(),
            default_prompt: None,
        }
    }

    /// The tokenizer with the prompts that are named.
    ///
    /// # Errors
    /// When a prompt is not in its vocabulary, or would change how a text behind it is read.
    pub fn prompted(&self, tokenizer: Tokenizer) -> Result<Tokenizer, ModelError> {
        if self.prompts.is_empty() && self.default_prompt.is_none() {
            return Ok(tokenizer);
        }
        let prompts = self.prompts.iter().map(|(name, prompt)| (name.as_str(), prompt.as_str()));
        tokenizer.with_prompts(prompts, self.default_prompt.as_deref())
    }

    /// The pooling of a student with states of a width, which has `own` where none is named.
    pub(crate) fn pooling(
        &self,
        own: Option<Pooling>,
        state: usize,
    ) -> Result<Option<Pooling>, StudentError> {
        if self.pooling_width.is_some()
            && !matches!(self.pooling, Some(PoolingStrategy::Lstm | PoolingStrategy::BiLstm))
        {
            return Err(StudentError::Incompatible(
                "`pooling-width` is that of long short-term memory, and `pooling` is neither `lstm` nor `bilstm`".into(),
            ));
        }
        let named = self.pooling.map(|pooled| pooled.pooling(self.pooling_width.unwrap_or(state)));
        let Some(mut pooling) = named.or(own) else {
            let key = if self.embedding_width.is_some() { "embedding-width" } else { "normalise" };
            return if self.embedding_width.is_none() && self.normalise.is_none() {
                Ok(None)
            } else {
                Err(StudentError::Incompatible(format!(
                    "`{key}` is for embeddings, and there is no pooling that gives any: name one with `pooling`"
                )))
            };
        };
        if let Some(width) = self.embedding_width {
            pooling = pooling
                .with_dense(state, width)
                .map_err(|error| StudentError::Incompatible(format!("`embedding-width`: {error}")))?;
        }
        Ok(Some(match self.normalise {
            Some(normalise) => pooling.normalising(normalise),
            None => pooling,
        }))
    }
}

impl PoolingStrategy {
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
