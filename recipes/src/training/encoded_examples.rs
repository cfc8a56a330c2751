//! Texts in tokens, and batches of them.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_data::{Label, Text};
use alambic_losses::Targets;
use alambic_models::text_encoder::TextInput;
use alambic_models::{EncodedText, LanguageNumbers, Tokenizer};
use alambic_tensor::Streams;
use rayon::prelude::*;

use super::masking::Masking;
use crate::error::RunError;

/// A vocabulary with its padding token, and the languages that its model is told.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) padding: u32,
    /// Languages by their numbers; none of a model that has no embedding of them.
    pub(crate) languages: Option<LanguageNumbers>,
}

impl Vocabulary {
    /// The number of the language of a text; none where the model is not told it.
    fn language_of(&self, text: &Text) -> Result<Option<u32>, RunError> {
        match (&self.languages, &text.language) {
            (Some(languages), Some(code)) => Ok(Some(languages.number(code)?)),
            _ => Ok(None),
        }
    }

    fn encode(&self, text: &Text) -> Result<EncodedText, RunError> {
        let encoded = self.tokenizer.encode_text(&text.first, text.second.as_deref())?;
        Ok(EncodedText { language: self.language_of(text)?, ..encoded })
    }
}

/// Refuses texts of which some are of known languages and others not, where a model is told languages.
fn check_languages(texts: &[Encoded], languages: Option<&LanguageNumbers>) -> Result<(), RunError> {
    let unknown = texts.iter().filter(|text| text.language.is_none()).count();
    if languages.is_some() && unknown > 0 && unknown < texts.len() {
        return Err(RunError::Recipe(format!(
            "the student has an embedding of each language, and {unknown} of {} texts are of no known language: give `language` to \
             each of the corpora, or to none",
            texts.len()
        )));
    }
    Ok(())
}

/// The tokens of a tagged word that have its tag as label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelledTokens {
    /// The first.
    First,
    /// All of them (`label_all_tokens` of transformers).
    All,
}

/// How texts become tokens of student and teacher.
#[derive(Debug)]
pub(crate) struct ExampleEncoder {
    pub(crate) own: Vocabulary,
    /// That of a teacher of another vocabulary, or one that is told languages by other numbers; none where the teacher reads the
    /// student's tokens.
    pub(crate) other: Option<Vocabulary>,
    /// Whether the teacher's vocabulary is another one.
    pub(crate) is_foreign: bool,
    /// The labelled tokens of tagged words; none where words are not tagged.
    pub(crate) tagged_words: Option<LabelledTokens>,
}

impl ExampleEncoder {
    fn encode(&self, text: &Text) -> Result<Encoded, RunError> {
        let (label, language) = (text.label.clone(), text.language.clone());
        let Some(tokens) = self.tagged_words else {
            let own = self.own.encode(text)?;
            let other = self.other.as_ref().map(|other| other.encode(text)).transpose()?;
            let (words, token_words) = (Vec::new(), Vec::new());
            return Ok(Encoded { own, other, words, token_words, label, language, unmixed: None });
        };
        // Student and teacher have one vocabulary, and may be told languages by other numbers.
        let (own, words) = self.own.tokenizer.encode_words(&text.first)?;
        let own = EncodedText { language: self.own.language_of(text)?, ..own };
        let other = match &self.other {
            Some(other) => Some(EncodedText { language: other.language_of(text)?, ..own.clone() }),
            None => None,
        };
        let token_words = match tokens {
            LabelledTokens::First => Vec::new(),
            LabelledTokens::All => self.own.tokenizer.encode_pieces(&text.first)?.1,
        };
        Ok(Encoded { own, other, words, token_words, label, language, unmixed: None })
    }
}

/// Mixing of texts, by a function of seed, epoch and text.
#[derive(Debug)]
struct Mixing {
    encoder: Arc<ExampleEncoder>,
    streams: Streams,
}

impl Mixing {
    /// A text as an epoch has it; none where it is always the same.
    fn mixed(&self, text: &Encoded, epoch: u64) -> Result<Option<Encoded>, RunError> {
        let Some(text) = &text.unmixed else { return Ok(None) };
        let parts: Vec<&str> = std::iter::once(&text.first).chain(&text.second).map(String::as_str).collect();
        let mixed = text.mixed(&mut self.streams.mixing(epoch, &parts));
        mixed.map(|mixed| self.encoder.encode(&mixed)).transpose()
    }
}

/// A text as student and teacher read it.
#[derive(Debug, Clone)]
struct Encoded {
    own: EncodedText,
    /// None where the teacher reads the student's tokens, and is told the same language.
    other: Option<EncodedText>,
    /// The first token of each word, where words are tagged.
    words: Vec<Option<usize>>,
    /// The word of each token, where all tokens of a word have its tag.
    token_words: Vec<Option<usize>>,
    label: Label,
    language: Option<String>,
    /// The text itself, where it is mixed anew in every epoch.
    unmixed: Option<Box<Text>>,
}

/// Texts in tokens.
#[derive(Debug)]
pub(crate) struct EncodedExamples {
    texts: Vec<Encoded>,
    /// Whether the teacher has another vocabulary.
    is_foreign: bool,
    /// The padding tokens of student and teacher.
    padding: (u32, u32),
    /// How tokens are masked; none where the labels are the task.
    masking: Option<Masking>,
    /// How texts are mixed; none where they are the same in every epoch.
    mixing: Option<Mixing>,
}

/// One batch as student, teacher and losses want it.
pub(crate) struct TextBatch {
    pub(crate) own: TextInput,
    /// Inputs of the teacher; the student's tokens themselves where there is one vocabulary.
    pub(crate) other: TextInput,
    pub(crate) targets: Targets,
}

impl EncodedExamples {
    /// Encodes texts for the student, and for a teacher of another vocabulary, or one that is told languages by other numbers.
    pub(crate) fn new<'t>(
        texts: impl Iterator<Item = &'t Text>,
        encoder: &ExampleEncoder,
    ) -> Result<Self, RunError> {
        let texts = texts.map(|text| encoder.encode(text)).collect::<Result<Vec<_>, RunError>>()?;
        check_languages(&texts, encoder.own.languages.as_ref())?;
        let padding =
            (encoder.own.padding, encoder.other.as_ref().map_or(encoder.own.padding, |other| other.padding));
        Ok(Self { texts, is_foreign: encoder.is_foreign, padding, masking: None, mixing: None })
    }

    /// Keeps the texts of which some are mixed, to be mixed in each epoch; they are those that were encoded.
    pub(crate) fn mix<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t Text>,
        encoder: &Arc<ExampleEncoder>,
        seed: u64,
    ) {
        for (encoded, text) in self.texts.iter_mut().zip(texts) {
            encoded.unmixed = text.mixer.is_some().then(|| Box::new(text.clone()));
        }
        let is_mixed = self.texts.iter().any(|text| text.unmixed.is_some());
        self.mixing = is_mixed.then(|| Mixing { encoder: Arc::clone(encoder), streams: Streams::new(seed) });
    }

    /// Keeps the texts of which something can be masked, to be masked in each batch.
    pub(crate) fn mask(&mut self, masking: &Masking) {
        self.texts.retain(|text| masking.takes(&text.own.ids));
        self.masking = Some(masking.clone());
    }

    /// Whether the teacher reads other tokens than the student.
    pub(crate) fn has_foreign(&self) -> bool {
        self.is_foreign
    }

    /// The language of each text; none where that of one is not known.
    pub(crate) fn languages(&self) -> Option<Vec<&str>> {
        self.texts.iter().map(|text| text.language.as_deref()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn labelled(&self) -> usize {
        self.texts.iter().filter(|text| text.label != Label::None).count()
    }

    pub(crate) fn truncated(&self) -> usize {
        self.are_truncated().filter(|is_truncated| *is_truncated).count()
    }

    /// Whether each text is cut.
    pub(crate) fn are_truncated(&self) -> impl Iterator<Item = bool> {
        self.texts.iter().map(|text| text.own.truncated)
    }

    /// Tokens of each text as an epoch has them; there is nothing to be written.
    pub(crate) fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let length = |text: &Encoded| {
            // A text that cannot be encoded is reported where its batch is made.
            let mixed = self.mixing.as_ref().and_then(|mixing| mixing.mixed(text, epoch).ok().flatten());
            (mixed.as_ref().unwrap_or(text).own.ids.len(), 0)
        };
        self.texts.par_iter().map(length).collect()
    }

    /// The first token of each word of each text, where words are tagged.
    pub(crate) fn first_tokens(&self) -> impl Iterator<Item = &[Option<usize>]> {
        self.texts.iter().map(|text| text.words.as_slice())
    }

    /// The texts as the teacher reads them.
    pub(crate) fn read_by_teacher(&self) -> impl Iterator<Item = &EncodedText> {
        self.texts.iter().map(|text| text.other.as_ref().unwrap_or(&text.own))
    }

    pub(crate) fn padding_of_teacher(&self) -> u32 {
        self.padding.1
    }

    /// A batch of the texts of these indices, as an epoch has them.
    ///
    /// # Errors
    /// When a text that was mixed cannot be encoded.
    pub(crate) fn batch(&self, indices: &[usize], epoch: u64) -> Result<TextBatch, RunError> {
        let mixed = |&index: &usize| {
            let text = &self.texts[index];
            let mixed = self.mixing.as_ref().map(|mixing| mixing.mixed(text, epoch)).transpose()?.flatten();
            Ok(mixed.map_or(Cow::Borrowed(text), Cow::Owned))
        };
        let rows: Vec<Cow<'_, Encoded>> = indices.iter().map(mixed).collect::<Result<_, RunError>>()?;
        Ok(self.batch_of(&rows.iter().map(Cow::as_ref).collect::<Vec<_>>(), epoch))
    }

    fn batch_of(&self, rows: &[&Encoded], epoch: u64) -> TextBatch {
        let own: Vec<&EncodedText> = rows.iter().map(|row| &row.own).collect();
        let own = TextInput::pad(&own, self.padding.0);
        let read_by_teacher: Option<Vec<&EncodedText>> = rows.iter().map(|row| row.other.as_ref()).collect();
        let other = match read_by_teacher {
            Some(texts) => TextInput::pad(&texts, self.padding.1),
            None => own.clone(),
        };
        if let Some(masking) = &self.masking {
            let (own, targets) = masking.batch(own, epoch);
            return TextBatch {
                other: TextInput { languages: other.languages, ..own.clone() },
                own,
                targets,
            };
        }
        if rows.iter().any(|row| !row.words.is_empty()) {
            let targets = tags(rows, own.tokens.length);
            return TextBatch { own, other, targets };
        }
        let class = |row: &&Encoded| if let Label::Class(class) = row.label { class } else { 0 };
        let classified = |row: &&Encoded| f32::from(u8::from(matches!(row.label, Label::Class(_))));
        let number = |row: &&Encoded| if let Label::Number(number) = row.label { Some(number) } else { None };
        let targets = Targets {
            classes: Arc::new(rows.iter().map(class).collect()),
            labelled: Arc::new(rows.iter().map(classified).collect()),
            teacher_mask: Arc::new(vec![1.0; rows.len()]),
            numbers: Arc::new(rows.iter().filter_map(number).collect()),
            ..Targets::default()
        };
        TextBatch { own, other, targets }
    }
}

/// Targets of tagged words: a row for each token of each text, of which those count that begin a word. The teacher predicts
/// something of all these, the data of those with a tag, and of the other tokens of words where they have labels as well.
fn tags(texts: &[&Encoded], length: usize) -> Targets {
    let count = texts.len() * length;
    let (mut classes, mut labelled, mut teacher_mask) = (vec![0; count], vec![0.0; count], vec![0.0; count]);
    for (row, text) in texts.iter().enumerate() {
        let tags: &[u32] = if let Label::Words(tags) = &text.label { tags } else { &[] };
        for (word, place) in text.words.iter().enumerate() {
            let Some(place) = place.map(|place| row * length + place) else { continue };
            teacher_mask[place] = 1.0;
            if let Some(&tag) = tags.get(word) {
                classes[place] = tag;
                labelled[place] = 1.0;
            }
        }
        for (place, word) in text.token_words.iter().enumerate() {
            if let Some(&tag) = word.and_then(|word| tags.get(word)) {
                classes[row * length + place] = tag;
                labelled[row * length + place] = 1.0;
            }
        }
    }
    Targets {
        classes: Arc::new(classes),
        labelled: Arc::new(labelled),
        teacher_mask: Arc::new(teacher_mask),
        ..Targets::default()
    }
}
