//! Texts in tokens, and batches of them.

use std::sync::Arc;

use alambic_data::{Label, Text};
use alambic_losses::Targets;
use alambic_models::text_encoder::TextInput;
use alambic_models::{EncodedText, LanguageNumbers, Tokenizer};

use super::masking::Masking;
use crate::error::RunError;

/// A vocabulary with its padding token, and the languages that its model is told.
pub(crate) struct Vocabulary<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) padding: u32,
    /// Languages by their numbers; none of a model that has no embedding of them.
    pub(crate) languages: Option<LanguageNumbers>,
}

impl Vocabulary<'_> {
    /// The number of the language of a text; none where the model is not told it.
    fn language_of(&self, text: &Text) -> Result<Option<u32>, RunError> {
        match (&self.languages, &text.language) {
            (Some(languages), Some(code)) => Ok(Some(languages.number(code)?)),
            _ => Ok(None),
        }
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

/// A text as student and teacher read it.
#[derive(Debug)]
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
        own: &Vocabulary<'_>,
        other: Option<&Vocabulary<'_>>,
        is_foreign: bool,
    ) -> Result<Self, RunError> {
        let padding = (own.padding, other.map_or(own.padding, |other| other.padding));
        let encode = |vocabulary: &Vocabulary<'_>, text: &Text| -> Result<EncodedText, RunError> {
            let encoded = vocabulary.tokenizer.encode_text(&text.first, text.second.as_deref())?;
            Ok(EncodedText { language: vocabulary.language_of(text)?, ..encoded })
        };
        let texts = texts.map(|text| {
            let other = other.map(|other| encode(other, text)).transpose()?;
            Ok(Encoded {
                own: encode(own, text)?,
                other,
                words: Vec::new(),
                token_words: Vec::new(),
                label: text.label.clone(),
                language: text.language.clone(),
            })
        });
        let texts = texts.collect::<Result<Vec<_>, RunError>>()?;
        check_languages(&texts, own.languages.as_ref())?;
        Ok(Self { texts, is_foreign, padding, masking: None })
    }

    /// Encodes texts whose words are tagged, for a student and a teacher of one vocabulary. The first token of each word is
    /// labelled, or each of its tokens.
    pub(crate) fn tagged<'t>(
        texts: impl Iterator<Item = &'t Text>,
        vocabulary: &Vocabulary<'_>,
        other: Option<&Vocabulary<'_>>,
        tokens: LabelledTokens,
    ) -> Result<Self, RunError> {
        let tokenizer = vocabulary.tokenizer;
        let texts = texts.map(|text| {
            let (own, words) = tokenizer.encode_words(&text.first)?;
            let own = EncodedText { language: vocabulary.language_of(text)?, ..own };
            let other = match other {
                Some(other) => Some(EncodedText { language: other.language_of(text)?, ..own.clone() }),
                None => None,
            };
            let token_words = match tokens {
                LabelledTokens::First => Vec::new(),
                LabelledTokens::All => tokenizer.encode_pieces(&text.first)?.1,
            };
            let language = text.language.clone();
            Ok(Encoded { own, other, words, token_words, label: text.label.clone(), language })
        });
        let padding = (vocabulary.padding, vocabulary.padding);
        let texts = texts.collect::<Result<Vec<_>, RunError>>()?;
        check_languages(&texts, vocabulary.languages.as_ref())?;
        Ok(Self { texts, is_foreign: false, padding, masking: None })
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

    /// Tokens of each text; there is nothing to be written.
    pub(crate) fn lengths(&self) -> Vec<(usize, usize)> {
        self.texts.iter().map(|text| (text.own.ids.len(), 0)).collect()
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
    pub(crate) fn batch(&self, indices: &[usize], epoch: u64) -> TextBatch {
        let rows: Vec<&Encoded> = indices.iter().map(|&index| &self.texts[index]).collect();
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
            let targets = tags(&rows, own.tokens.length);
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
