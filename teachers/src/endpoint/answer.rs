//! What is asked of an endpoint, and lines of a file of answers.

use alambic_settings::IndexMap;
use serde::{Deserialize, Serialize};

/// A text, or a pair of texts, that an endpoint is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointInput {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    pub second: Option<String>,
}

impl EndpointInput {
    /// A pair of texts.
    #[must_use]
    pub fn pair(text: impl Into<String>, second: impl Into<String>) -> Self {
        Self { text: text.into(), second: Some(second.into()) }
    }
}

impl From<&str> for EndpointInput {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for EndpointInput {
    fn from(text: String) -> Self {
        Self { text, second: None }
    }
}

/// Example of a prompt: a text and its right answer, sent as messages of the user and of the assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointExample {
    /// The text, or the pair of texts.
    pub input: EndpointInput,
    /// The answer: a class, a number, tags with spaces between them, or a text.
    pub answer: String,
}

/// Answer of an endpoint: one line of its file. Which keys there are follows from what was asked; `failed` stands alone with
/// the text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointAnswer {
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The class; of several answers, the most probable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The probability of each class, in their order; they sum to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<IndexMap<String, f64>>,
    /// The number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// The embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// A tag for each word of the text split at single spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Written texts, all different, in the order in which they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Vec<WrittenText>>,
    /// Why the answer does not parse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The tokens of the request, where the server counts them and the request was about this text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenCount>,
}

/// A text that an endpoint wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WrittenText {
    /// The text.
    pub text: String,
    /// The sum of the log-probabilities of its tokens, where the server gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<f64>,
}

/// Numbers of tokens of one or more requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// Those of the prompts.
    pub prompt: u64,
    /// Those of the answers.
    pub completion: u64,
}

impl TokenCount {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.prompt = self.prompt.saturating_add(other.prompt);
        self.completion = self.completion.saturating_add(other.completion);
    }
}

impl EndpointAnswer {
    /// An answer about an input, with nothing in it yet.
    pub(crate) fn to(input: &EndpointInput) -> Self {
        Self { text: input.text.clone(), second: input.second.clone(), ..Self::default() }
    }

    /// An answer that does not parse.
    pub(crate) fn failed(input: &EndpointInput, reason: impl Into<String>) -> Self {
        Self { failed: Some(reason.into()), ..Self::to(input) }
    }

    /// What was asked about.
    #[must_use]
    pub fn input(&self) -> EndpointInput {
        EndpointInput { text: self.text.clone(), second: self.second.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_what_was_answered_and_nothing_else() {
        let mut answer = EndpointAnswer::to(&EndpointInput::pair("a", "b"));
        answer.class = Some("yes".into());
        answer.tokens = Some(TokenCount { prompt: 7, completion: 1 });
        let line = serde_json::to_string(&answer).unwrap();
        assert_eq!(line, r#"{"text":"a","second":"b","class":"yes","tokens":{"prompt":7,"completion":1}}"#);
        assert_eq!(serde_json::from_str::<EndpointAnswer>(&line).unwrap(), answer);
        let text = WrittenText { text: "c".into(), log_probability: Some(-0.5) };
        let answer = EndpointAnswer { texts: Some(vec![text]), ..EndpointAnswer::to(&"a".into()) };
        let line = serde_json::to_string(&answer).unwrap();
        assert_eq!(line, r#"{"text":"a","texts":[{"text":"c","log-probability":-0.5}]}"#);
    }

    #[test]
    fn vectors_read_back_to_the_same_bits() {
        let vector: Vec<f32> = (1..2000).map(|number| (number as f32).sqrt().sin() * 1e-3).collect();
        let answer = EndpointAnswer { vector: Some(vector), ..EndpointAnswer::to(&"a".into()) };
        let read: EndpointAnswer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        assert_eq!(read, answer);
    }
}
