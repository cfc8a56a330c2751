use std::collections::HashSet;

use super::super::references::References;
use super::images::{ImageCaption, ImageSet, VisualQuestion};
use crate::language::{Script, script};

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

fn sentences(all: &[IdentifiedSentence]) -> Vec<&str> {
    all.iter().map(|own| own.text.as_str()).collect()
}

/// Part of a benchmark's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Examples to train on.
    Train,
    /// Examples to choose checkpoints on.
    Validation,
    /// Examples that are scored.
    Test,
}

impl Part {
    /// Its name, for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// A text, or two, with its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextExample {
    /// The text.
    pub first: String,
    /// The second text; none where texts come alone.
    pub second: Option<String>,
    /// Its class; none where the file does not say it.
    pub label: Option<String>,
}

/// A sentence of words with their tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentenceExample {
    /// The words.
    pub words: Vec<String>,
    /// The tag of each; none where the file does not say it.
    pub tags: Option<Vec<String>>,
}

/// A question about a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageExample {
    /// Id of the question.
    pub id: String,
    /// The question.
    pub question: String,
    /// The passage.
    pub passage: String,
}

/// Texts of which one belongs to a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceExample {
    /// What each choice is read with.
    pub prompt: String,
    /// The choices.
    pub choices: Vec<String>,
    /// The place of the right one, counted from 0; none where the file does not say it.
    pub label: Option<usize>,
}

/// A sentence with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedSentence {
    /// The id.
    pub id: String,
    /// The sentence.
    pub text: String,
}

/// Inputs of one language of a part, in the order of its references.
#[derive(Debug, Clone, PartialEq)]
pub enum Examples {
    /// Texts to classify.
    Texts(Vec<TextExample>),
    /// Words to tag; sentences without words are left out.
    Sentences(Vec<SentenceExample>),
    /// Questions about passages.
    Passages(Vec<PassageExample>),
    /// Texts to choose from.
    Choices(Vec<ChoiceExample>),
    /// Sentences that look for their translation.
    Bitext {
        /// Those that look.
        queries: Vec<String>,
        /// Those that are found.
        candidates: Vec<String>,
    },
    /// Two texts, the other language's first, in which sentences that are translations of each other are looked for.
    Mining([Vec<IdentifiedSentence>; 2]),
    /// Questions about images.
    VisualQuestions {
        /// The questions.
        questions: Vec<VisualQuestion>,
        /// What they are about.
        images: ImageSet,
    },
    /// Captions and images that look for each other.
    Captions {
        /// The captions.
        captions: Vec<ImageCaption>,
        /// The images.
        images: ImageSet,
    },
}

impl Examples {
    /// How many examples there are; of two texts the sentences of the first.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(all) => all.len(),
            Self::Sentences(all) => all.len(),
            Self::Passages(all) => all.len(),
            Self::Choices(all) => all.len(),
            Self::Bitext { queries, .. } => queries.len(),
            Self::Mining([first, _]) => first.len(),
            Self::VisualQuestions { questions, .. } => questions.len(),
            Self::Captions { captions, .. } => captions.len(),
        }
    }

    /// The images; none of texts.
    #[must_use]
    pub fn images(&self) -> Option<&ImageSet> {
        match self {
            Self::VisualQuestions { images, .. } | Self::Captions { images, .. } => Some(images),
            _ => None,
        }
    }

    /// Whether there is no example.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the references can be those of these inputs: as many examples, and as many words in each sentence.
    #[must_use]
    pub fn fit(&self, references: &References) -> bool {
        use super::super::references::Gold;
        match (self, &references.gold) {
            (Self::Sentences(own), Gold::Tags(gold)) => {
                own.len() == gold.len()
                    && own.iter().zip(gold).all(|(own, gold)| own.words.len() == gold.len())
            }
            (Self::Passages(own), Gold::Answers(gold)) => {
                let ids: HashSet<&str> = own.iter().map(|own| own.id.as_str()).collect();
                gold.iter().all(|(id, _)| ids.contains(id.as_str()))
            }
            (Self::Mining([first, second]), Gold::Pairs(gold)) => {
                let ids = |all: &'_ [IdentifiedSentence]| -> HashSet<String> {
                    all.iter().map(|own| own.id.clone()).collect()
                };
                let (first, second) = (ids(first), ids(second));
                gold.iter().all(|[one, other]| first.contains(one) && second.contains(other))
            }
            (Self::VisualQuestions { questions, .. }, Gold::QuestionAnswers(gold)) => {
                let ids: HashSet<&str> = questions.iter().filter_map(|own| own.id.as_deref()).collect();
                gold.keys().all(|id| ids.contains(id.as_str()))
            }
            (Self::Captions { captions, images: own }, Gold::Images { of_captions, images }) => {
                own.pictures.len() == *images
                    && captions.len() == of_captions.len()
                    && captions.iter().zip(of_captions).all(|(own, image)| own.image == *image)
            }
            _ => self.len() == references.len(),
        }
    }

    /// Of sentences of a language beside those of another one, how many have no letter of the language's script, where that is most
    /// of them, and most of the others have one of it and none of their own: the two are crossed. None where they are not, or their
    /// scripts are not known or the same.
    #[must_use]
    pub fn crossed(&self, language: &str, other: &str) -> Option<usize> {
        let (own, others): (Vec<&str>, Vec<&str>) = match self {
            Self::Bitext { queries, candidates } => (texts(candidates), texts(queries)),
            Self::Mining([own, others]) => (sentences(own), sentences(others)),
            _ => return None,
        };
        let (script, other_script) = (script(language)?, script(other)?);
        let without = |all: &[&str], script: Script| {
            all.iter().filter(|text| !text.chars().any(|letter| script.has_letter(letter))).count()
        };
        let is_crossed = script != other_script
            && 2 * without(&own, script) > own.len()
            && 2 * without(&others, other_script) > others.len()
            && 2 * without(&others, script) < others.len();
        is_crossed.then(|| without(&own, script))
    }

    /// The first examples, as many as are asked for; of questions about images those about the first images, since so the shots of
    /// IGLUE are counted.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        match &mut self {
            Self::Texts(all) => all.truncate(count),
            Self::Sentences(all) => all.truncate(count),
            Self::Passages(all) => all.truncate(count),
            Self::Choices(all) => all.truncate(count),
            Self::Bitext { queries, .. } => queries.truncate(count),
            Self::Mining([first, _]) => first.truncate(count),
            Self::VisualQuestions { questions, .. } => {
                let mut seen = HashSet::new();
                questions.retain(|own| {
                    seen.contains(&own.image) || (seen.len() < count && seen.insert(own.image))
                });
            }
            Self::Captions { captions, .. } => captions.truncate(count),
        }
        self
    }
}
