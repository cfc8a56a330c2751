//! Heads of text encoders.

/// What stands on top of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Nothing but, perhaps, a pooler.
    None,
    /// Logits of a whole text or pair of texts, `[batch, labels]`; a regression has one label.
    Sequence,
    /// Logits of every token, `[batch, length, labels]`.
    Tokens,
    /// Logits of the vocabulary at every token, `[batch, length, vocabulary]`.
    MaskedLanguage,
}

impl Head {
    /// The end of the names of transformers' classes with this head.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::None => "Model",
            Self::Sequence => "ForSequenceClassification",
            Self::Tokens => "ForTokenClassification",
            Self::MaskedLanguage => "ForMaskedLM",
        }
    }
}

/// What the labels of a head are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemType {
    /// Classes of which one is true.
    SingleLabel,
    /// Classes of which each is true or not, whatever the others are.
    MultiLabel,
    /// Numbers that are predicted.
    Regression,
}

/// What a head is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSpec {
    /// What stands on top of the encoder.
    pub head: Head,
    /// Names of the labels; none for heads without.
    pub labels: Vec<String>,
    /// Whether the labels are numbers to be predicted.
    pub regression: bool,
    /// Whether texts come in pairs; none where nothing is known of it.
    pub pairs: Option<bool>,
    /// How many relations of a text and an image are told apart, beside the head; 0 for none.
    pub relations: usize,
}

impl HeadSpec {
    /// No task: an encoder without a head.
    #[must_use]
    pub fn none() -> Self {
        Self { head: Head::None, labels: Vec::new(), regression: false, pairs: None, relations: 0 }
    }
}

/// The head of a text encoder, as its configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextHead<'c> {
    /// What stands on top of the encoder.
    pub head: Head,
    /// What the labels are.
    pub problem_type: ProblemType,
    /// Names of the labels, in the order of the logits.
    pub labels: &'c [String],
}
