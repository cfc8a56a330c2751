//! Bodies of answers of the API, as far as they are read.

use serde::Deserialize;

use super::answer::TokenCount;

/// Answer of `chat/completions`.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatResponse {
    pub(crate) choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

/// One sampled answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    pub(crate) message: Message,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) refusal: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Vec<TokenLogprob>>,
}

/// A token with its log-probability and, at the top level, its alternatives.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TokenLogprob {
    pub(crate) token: String,
    pub(crate) logprob: f64,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    pub(crate) top_logprobs: Option<Vec<TokenLogprob>>,
}

/// Answer of `embeddings`.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingResponse {
    pub(crate) data: Vec<EmbeddingItem>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingItem {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    pub(crate) embedding: EmbeddingValues,
}

/// Numbers of an embedding. Some servers write null for NaN.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum EmbeddingValues {
    Floats(Vec<Option<f32>>),
    Base64(String),
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

impl Usage {
    fn tokens(self) -> Option<TokenCount> {
        let prompt = self.prompt_tokens?;
        Some(TokenCount { prompt, completion: self.completion_tokens.unwrap_or_default() })
    }
}

impl ChatResponse {
    /// The tokens that the server counts.
    pub(crate) fn tokens(&self) -> Option<TokenCount> {
        self.usage.and_then(Usage::tokens)
    }
}

impl EmbeddingResponse {
    /// The tokens that the server counts.
    pub(crate) fn tokens(&self) -> Option<TokenCount> {
        self.usage.and_then(Usage::tokens)
    }
}

impl Choice {
    /// Tokens of the answer with their log-probabilities, where the server gives them.
    pub(crate) fn token_logprobs(&self) -> Option<&[TokenLogprob]> {
        let content = self.logprobs.as_ref()?.content.as_deref()?;
        (!content.is_empty()).then_some(content)
    }
}

impl TokenLogprob {
    /// The bytes of the token, which may be a part of a character.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.token.as_bytes())
    }
}
