//! Heads of text encoders.

/// Head of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Nothing but, perhaps, a pooler.
    None,
    /// Logits of a whole text or pair of texts, `[batch, labels]`; a regression has one label.
    Sequence,
    /// One logit of a prompt with one of its choices, `[batch, 1]`: the softmax is over the choices of a prompt.
    MultipleChoice,
    /// Logits of every token, `[batch, length, labels]`.
    Tokens,
    /// Logits of every token as the first and as the last one of an answer, `[batch, length, 2]`.
    Span,
    /// Logits of the vocabulary at every token, `[batch, length, vocabulary]`.
    MaskedLanguage,
}

impl Head {
    /// Every head.
    pub(crate) const ALL: [Self; 6] =
        [Self::Sequence, Self::MultipleChoice, Self::Tokens, Self::Span, Self::MaskedLanguage, Self::None];

    /// Whether each token has logits of its own.
    #[must_use]
    pub fn is_per_token(self) -> bool {
        matches!(self, Self::Tokens | Self::Span | Self::MaskedLanguage)
    }

    /// Whether a whole text, or a pair of texts, has logits.
    #[must_use]
    pub fn is_of_text(self) -> bool {
        matches!(self, Self::Sequence | Self::MultipleChoice)
    }

    /// Whether its labels are those of the data, and not the two ends of an answer or the score of a choice.
    pub(crate) fn has_named_labels(self) -> bool {
        matches!(self, Self::Sequence | Self::Tokens)
    }

    /// The end of the names of transformers' classes with this head.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::None => "Model",
            Self::Sequence => "ForSequenceClassification",
            Self::MultipleChoice => "ForMultipleChoice",
            Self::Tokens => "ForTokenClassification",
            Self::Span => "ForQuestionAnswering",
            Self::MaskedLanguage => "ForMaskedLM",
        }
    }
}

/// Type of the labels of a head: `problem_type` of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemType {
    /// Classes of which one is true: `single_label_classification`.
    SingleLabel,
    /// Classes each of which is true or not: `multi_label_classification`.
    MultiLabel,
    /// A regression: numbers.
    Regression,
}

/// Specification of a head: its kind, its labels and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSpec {
    /// Head of the encoder.
    pub head: Head,
    /// Names of the labels; none for heads without.
    pub labels: Vec<String>,
    /// Whether the labels are numbers.
    pub regression: bool,
    /// Whether texts come in pairs; none where nothing is known of it.
    pub pairs: Option<bool>,
    /// Number of classes of the relation of a text and an image, beside the head; 0 for none.
    pub relations: usize,
    /// Attributes of objects, for detectors that predict them; empty for none.
    pub attributes: Vec<String>,
    /// Images that a text is about; models that read one at a time see them side by side.
    pub images: usize,
    /// Whether texts are written, for models of which only some do.
    pub writes: bool,
}

impl HeadSpec {
    /// The head of extractive question answering, whose two labels transformers leaves without names.
    #[must_use]
    pub fn span() -> Self {
        Self { head: Head::Span, labels: vec!["LABEL_0".into(), "LABEL_1".into()], ..Self::none() }
    }

    /// The head of multiple choice, whose one label is the score of a prompt with a choice, and has no name.
    #[must_use]
    pub fn multiple_choice() -> Self {
        Self { head: Head::MultipleChoice, labels: vec!["LABEL_0".into()], pairs: Some(true), ..Self::none() }
    }

    /// The answers that a head has logits of, one of which is right; none of other heads.
    #[must_use]
    pub fn answers(&self) -> Option<&[String]> {
        let is_of_answers = self.head == Head::Sequence && !self.regression && !self.labels.is_empty();
        is_of_answers.then_some(&self.labels)
    }

    /// No task: an encoder without a head.
    #[must_use]
    pub fn none() -> Self {
        Self {
            head: Head::None,
            labels: Vec::new(),
            regression: false,
            pairs: None,
            relations: 0,
            attributes: Vec::new(),
            images: 1,
            writes: false,
        }
    }
}

/// The head of a text encoder, as its configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextHead<'c> {
    /// Head of the encoder.
    pub head: Head,
    /// Type of the labels.
    pub problem_type: ProblemType,
    /// Names of the labels, in the order of the logits.
    pub labels: &'c [String],
    /// Whether texts come in pairs; none where nothing is known of it.
    pub pairs: Option<bool>,
}

impl TextHead<'_> {
    /// An encoder without a head.
    pub const NONE: Self =
        Self { head: Head::None, problem_type: ProblemType::SingleLabel, labels: &[], pairs: None };
}

/// Tensors of the head of masked language modelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedLanguageNames {
    /// Linear layer and norm before the logits.
    pub transform: [&'static str; 2],
    /// Whole name of the bias of the logits.
    pub bias: &'static str,
    /// Whole name of the matrix of the logits, where it is not the table of words.
    pub output: &'static str,
}
