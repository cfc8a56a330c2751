//! The texts of a stage, as its student and its teacher read them.

use std::borrow::Borrow;
use std::sync::Arc;

use alambic_data::{Label, Text};
use alambic_models::text_encoder::Head;
use alambic_models::{Config, Tokenizer};
use alambic_teachers::Teacher;
use alambic_teachers::cache::EncodedTexts;

use super::encoded_examples::{EncodedExamples, ExampleEncoder, LabelledTokens, Vocabulary};
use super::masking::Masking;
use crate::error::RunError;

/// Texts to train on and to validate on, in tokens.
pub(crate) struct EncodedSplits {
    /// Most tokens of a text.
    pub(crate) max_length: usize,
    pub(crate) examples: EncodedExamples,
    pub(crate) validation: EncodedExamples,
    pub(crate) validation_texts: Vec<Text>,
    encoder: Arc<ExampleEncoder>,
}

impl EncodedSplits {
    /// Encodes texts for a student, and for its teacher where that has another vocabulary. What is longer than `max_length`
    /// tokens, or has no room in one of the two, is cut.
    pub(crate) fn new(
        texts: &[impl Borrow<Text>],
        validation_texts: Vec<Text>,
        max_length: usize,
        model: (&Config, &Tokenizer),
        teacher: Option<&dyn Teacher>,
    ) -> Result<Self, RunError> {
        Self::labelled(texts, validation_texts, max_length, model, teacher, LabelledTokens::First)
    }

    /// The same, with labels at the first token of each tagged word or at all of its tokens.
    pub(crate) fn labelled(
        texts: &[impl Borrow<Text>],
        validation_texts: Vec<Text>,
        max_length: usize,
        (student, tokenizer): (&Config, &Tokenizer),
        teacher: Option<&dyn Teacher>,
        tokens: LabelledTokens,
    ) -> Result<Self, RunError> {
        let room = teacher.and_then(Teacher::max_length).unwrap_or(usize::MAX);
        let max_length = max_length.min(student.max_length()).min(room);
        let own = tokenizer.with_max_length(max_length)?;
        let languages = student.outline().languages;
        let teacher_languages = teacher.and_then(Teacher::outline).and_then(|own| own.languages.clone());
        // Layers can be compared token by token only where both read the same tokens.
        let (of_teacher, is_foreign) = match teacher.and_then(Teacher::tokenizer) {
            Some(other) if other.identity()? != tokenizer.identity()? => {
                (Some(other.with_max_length(max_length)?), true)
            }
            Some(_) if teacher_languages != languages => (Some(own.clone()), false),
            _ => (None, false),
        };
        let own = Vocabulary { tokenizer: own, padding: student.padding(), languages };
        let of_teacher = of_teacher.map(|tokenizer| {
            let padding = if is_foreign { tokenizer.padding()? } else { own.padding };
            Ok::<_, RunError>(Vocabulary { tokenizer, padding, languages: teacher_languages })
        });
        let of_teacher = of_teacher.transpose()?;
        let is_tagged = |text: &Text| matches!(text.label, Label::Words(_));
        // Texts alone do not say it where none of them has tags, and a teacher's are learnt.
        let has_tags = student.text_head().is_some_and(|head| head.head == Head::Tokens);
        let tagged = has_tags
            || texts.iter().any(|text| is_tagged(text.borrow()))
            || validation_texts.iter().any(is_tagged);
        if tagged && is_foreign {
            return Err(RunError::Recipe(
                "words are tagged by their tokens, and the teacher has another vocabulary than the student"
                    .into(),
            ));
        }
        let encoder =
            ExampleEncoder { own, other: of_teacher, is_foreign, tagged_words: tagged.then_some(tokens) };
        Ok(Self {
            max_length,
            examples: EncodedExamples::new(texts.iter().map(Borrow::borrow), &encoder)?,
            validation: EncodedExamples::new(validation_texts.iter(), &encoder)?,
            validation_texts,
            encoder: Arc::new(encoder),
        })
    }

    /// Has the training texts, which are those that were encoded, mixed in every epoch where their corpora ask for it.
    pub(crate) fn mix(&mut self, texts: &[impl Borrow<Text>], seed: u64) {
        self.examples.mix(texts.iter().map(Borrow::borrow), &self.encoder, seed);
    }

    /// Has tokens masked in every batch. Gives the number of training texts that are left out, since nothing in them can be
    /// masked; none where the teacher has another vocabulary, under which nothing can be masked alike.
    pub(crate) fn mask(&mut self, masking: &Masking) -> Option<usize> {
        if self.examples.has_foreign() {
            return None;
        }
        let before = self.examples.count();
        self.examples.mask(masking);
        self.validation.mask(masking);
        Some(before - self.examples.count())
    }

    /// Inputs of the teacher: the texts to train on, and then those to validate on.
    pub(crate) fn read_by_teacher(&self) -> EncodedTexts<'_> {
        EncodedTexts {
            texts: self.examples.read_by_teacher().chain(self.validation.read_by_teacher()).collect(),
            padding: self.examples.padding_of_teacher(),
        }
    }
}
