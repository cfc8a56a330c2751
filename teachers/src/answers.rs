//! Answers of a teacher for texts, whatever it is that answers.

use std::sync::atomic::AtomicBool;

use alambic_inference::TextPair;
use alambic_models::{Outline, Stream};
use alambic_ranks::Ranks;
use alambic_settings::choices;
use indexmap::IndexSet;

use crate::TeacherError;
use crate::candidate::Candidate;

choices! {
    /// What becomes of texts for which nothing is recorded.
    pub enum MissingAnswers {
        /// They are an error, which says how many there are and names the first.
        Refuse = "refuse",
        /// They are left out of training and validation, and counted.
        LeaveOut = "leave-out",
    }
}

/// Answer of a teacher for a text; the fields of kinds that it does not give are empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// A number for each class, or the number of a regression.
    pub logits: Vec<f32>,
    /// A number for each class, for each word; none for a word of which nothing is said.
    pub words: Vec<Vec<f32>>,
    /// The embedding.
    pub vector: Vec<f32>,
    /// Written texts, the best first.
    pub texts: Vec<Candidate>,
}

impl Answer {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logits.is_empty() && self.words.is_empty() && self.vector.is_empty() && self.texts.is_empty()
    }
}

/// Kinds of answers, and their classes and width.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerForm {
    /// Names of the classes, or of the tags of words, in the order of an answer's numbers; none where there are no such answers.
    pub classes: Vec<String>,
    /// Whether classes are those of each word.
    pub are_of_words: bool,
    /// Whether there is a logit of every class; else those that no answer names have none.
    pub are_logits: bool,
    /// Whether a number is said.
    pub is_number: bool,
    /// Numbers of an embedding; 0 if there is none.
    pub width: usize,
}

impl AnswerForm {
    /// Kinds of answers of a text encoder, by its outline.
    #[must_use]
    pub fn of_model(outline: &Outline) -> Self {
        let is_number = outline.classes == 1;
        Self {
            classes: if is_number { Vec::new() } else { outline.labels.clone() },
            are_of_words: outline.classes_of_tokens,
            are_logits: true,
            is_number,
            width: outline.streams.get("").and_then(|stream| stream.embedding).unwrap_or_default(),
        }
    }

    /// For each of a task's classes its place among an answer's own, by name. Classes that no answer names have none, where
    /// answers are no logits: nothing is said for them. None where an answer has a class that the task has not, or there is no
    /// logit of one that the task has.
    #[must_use]
    pub fn places_of(&self, classes: &[String]) -> Option<Vec<Option<usize>>> {
        let own: IndexSet<&String> = self.classes.iter().collect();
        let places: Vec<Option<usize>> = classes.iter().map(|class| own.get_index_of(class)).collect();
        let known = places.iter().flatten().count();
        (known == own.len() && (known == classes.len() || !self.are_logits)).then_some(places)
    }

    /// The taps that answers stand for, with the classes in a student's order where they are the student's.
    #[must_use]
    pub fn outline_for(&self, student: &Outline) -> Outline {
        let mut outline = Outline::default();
        if !self.classes.is_empty() {
            let has_students = self.places_of(&student.labels).is_some();
            outline.labels = if has_students { student.labels.clone() } else { self.classes.clone() };
            outline.classes = outline.labels.len();
            outline.classes_of_tokens = self.are_of_words;
        } else if self.is_number {
            outline.classes = 1;
        }
        if self.width > 0 {
            let stream = Stream { hidden: false, embedding: Some(self.width), ..Stream::new(0, 0, 0) };
            outline.streams.insert(String::new(), stream);
        }
        outline
    }
}

/// Numbers of an answer in the order of places, as [`AnswerForm::places_of`] gives them. What is not said has as little
/// probability as a number holds.
#[must_use]
pub fn placed(numbers: &[f32], places: &[Option<usize>]) -> Vec<f32> {
    let number = |place: &Option<usize>| place.and_then(|place| numbers.get(place).copied());
    places.iter().map(|place| number(place).unwrap_or_else(least_logit)).collect()
}

/// The logit of a probability that is 0, which has to be a number: that of the least one above it.
pub(crate) fn least_logit() -> f32 {
    f32::MIN_POSITIVE.ln()
}

/// A text, or a pair of texts, of which something is asked.
#[derive(Debug, Clone, Copy)]
pub struct AskedText<'a> {
    /// The text, and the second one where texts come in pairs.
    pub texts: TextPair<'a>,
    /// Its id, where it has one.
    pub id: Option<&'a str>,
}

/// How texts are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Most tokens that a model reads of a text.
    pub max_length: usize,
    /// The processes that ask together.
    pub ranks: &'a Ranks,
    /// Set from outside to have it stop.
    pub interrupt: &'a AtomicBool,
}

/// A teacher that is asked about texts as they are written, and not about the tokens of a batch.
pub trait AnsweringTeacher {
    /// Kinds of its answers.
    fn form(&self) -> &AnswerForm;

    /// What it is, for messages: its files, or its members.
    fn source(&self) -> String;

    /// What becomes of texts for which it has no answer.
    fn missing(&self) -> MissingAnswers;

    /// Whether answers belong to texts by ids.
    fn is_by_id(&self) -> bool {
        false
    }

    /// What asking came to, for the report, where that is not known beforehand.
    fn summary(&self) -> Option<String> {
        None
    }

    /// The answer for each text; none where there is none. `progress` gets the number of texts done. Every rank has to ask.
    ///
    /// # Errors
    /// When a model or a server fails, [`TeacherError::Budget`] or [`TeacherError::Interrupted`] when not all were asked.
    fn answers(
        &self,
        texts: &[AskedText<'_>],
        asking: &Asking<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<Answer>>, TeacherError>;
}
