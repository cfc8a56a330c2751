//! What a test part says is right, and what a model predicts for it.

use indexmap::{IndexMap, IndexSet};

/// What is right in one language of a test part.
#[derive(Debug, Clone, PartialEq)]
pub struct References {
    /// The file of the labels as messages name it; of several the first.
    pub source: String,
    /// The classes or tags that there are, in the benchmark's order; empty where any text may be one.
    pub classes: Vec<String>,
    /// What is right, example by example.
    pub gold: Gold,
}

/// What is right, by what a task predicts.
#[derive(Debug, Clone, PartialEq)]
pub enum Gold {
    /// A class for each example, in order.
    Classes(Vec<String>),
    /// The tags of each sentence's words; sentences without words are left out.
    Tags(Vec<Vec<String>>),
    /// Questions by their id, with texts of which each is right; none where no text is.
    Answers(Vec<(String, Vec<String>)>),
    /// Questions by their id, with the one right answer.
    QuestionAnswers(IndexMap<String, String>),
    /// Pairs of ids of sentences that are translations of each other.
    Pairs(IndexSet<[String; 2]>),
    /// For each query the place of the right candidate, counted from 0.
    Places(Vec<usize>),
    /// For each caption the place of its image, counted from 0 in the order in which images first occur.
    Images {
        /// The image of each caption.
        of_captions: Vec<usize>,
        /// How many images there are.
        images: usize,
    },
}

impl References {
    /// How many examples there are; of images the captions.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.gold {
            Gold::Classes(all) => all.len(),
            Gold::Tags(all) => all.len(),
            Gold::Answers(all) => all.len(),
            Gold::QuestionAnswers(all) => all.len(),
            Gold::Pairs(all) => all.len(),
            Gold::Places(all) => all.len(),
            Gold::Images { of_captions, .. } => of_captions.len(),
        }
    }

    /// Whether there is no example.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The tag of a piece of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceTag {
    /// The place of its word in the sentence, counted from 0.
    pub word: usize,
    /// The tag.
    pub tag: String,
}

/// What a model predicts for a test part, each in the order of its references.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// A class for each example.
    Classes(Vec<String>),
    /// The tags of each sentence's words.
    Tags(Vec<Vec<String>>),
    /// The tags of the pieces of each sentence's words, in order.
    Pieces(Vec<Vec<PieceTag>>),
    /// Answers by the id of their question; one that is missing is no answer.
    Answers(IndexMap<String, String>),
    /// Pairs of ids of sentences.
    Pairs(IndexSet<[String; 2]>),
    /// For each query the place of the candidate that is found first, counted from 0.
    Places(Vec<usize>),
    /// Rankings, the best place first; none of a direction that is not predicted.
    Rankings {
        /// For each caption places of images.
        images: Option<Vec<Vec<usize>>>,
        /// For each image places of captions.
        captions: Option<Vec<Vec<usize>>>,
    },
}

impl Predictions {
    /// What they are, for messages.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Classes(_) => "classes",
            Self::Tags(_) => "tags",
            Self::Pieces(_) => "tags of pieces",
            Self::Answers(_) => "answers",
            Self::Pairs(_) => "pairs of ids",
            Self::Places(_) => "places",
            Self::Rankings { .. } => "rankings",
        }
    }
}
