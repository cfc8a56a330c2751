//! Heads of an LXMERT model.

/// What is over the encoders, by the class of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LxmertHead {
    /// Nothing.
    #[default]
    None,
    /// Layers over answers, read from the pooled state.
    Answers,
    /// The heads of pre-training: over words, over whether text and image belong together, over regions, over answers.
    PreTraining,
    /// Layers over answers, read from the pooled states of several images with one text, as the authors have for NLVR2.
    /// transformers has no such LXMERT; the class is called as that of ViLT.
    Images,
}

impl LxmertHead {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::None, Self::PreTraining, Self::Answers, Self::Images];

    /// The class of `architectures`.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::None => "LxmertModel",
            Self::Answers => "LxmertForQuestionAnswering",
            Self::PreTraining => "LxmertForPreTraining",
            Self::Images => "LxmertForImagesAndTextClassification",
        }
    }

    /// The head of a class.
    pub(super) fn of_class(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|head| head.class() == name)
    }
}
