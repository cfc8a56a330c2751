//! The texts of a stage, as its student and its teacher read them.

use std::borrow::Borrow;

use alambic_data::{Label, Split, Text};
use alambic_models::Tokenizer;
use alambic_models::bert::BertConfig;
use alambic_teachers::Teacher;
use alambic_teachers::cache::Texts;

use super::examples::{Examples, Vocabulary};
use crate::run::RunError;
use crate::run::lesson::thin;
use crate::run::masking::Masking;
use crate::run::stage::Job;
use crate::run::workshop::Workshop;
use crate::schema::{MaskOptions, StageData, TrainOptions};

/// The texts of a part that a stage's data ask for, those of each of its tables by themselves.
pub(crate) fn chosen<'a>(
    workshop: &'a Workshop<'_>,
    data: &StageData,
    part: Split,
) -> Result<Vec<Vec<&'a Text>>, RunError> {
    data.texts.iter().map(|options| workshop.corpora.selected_texts(options, part)).collect()
}

/// Texts to train on and to validate on, in tokens.
pub(crate) struct Reading {
    /// Most tokens of a text.
    pub(super) longest: usize,
    pub(super) examples: Examples,
    pub(super) validation: Examples,
    pub(super) validation_texts: Vec<Text>,
}

impl Reading {
    /// Encodes the texts that a stage trains on, and those that it validates on, for a student, and for its teacher where
    /// that has another vocabulary.
    pub(crate) fn new(
        workshop: &Workshop<'_>,
        data: &StageData,
        texts: &[impl Borrow<Text>],
        train: &TrainOptions,
        tokenizer: &Tokenizer,
        student: &BertConfig,
        teacher: Option<&dyn Teacher>,
    ) -> Result<Self, RunError> {
        let mut validation_texts = chosen(workshop, data, Split::Validation)?.concat();
        thin(&mut validation_texts, train.validation_examples);
        let validation_texts: Vec<Text> = validation_texts.into_iter().cloned().collect();
        let asked = data.texts.iter().map(|options| options.longest).max().unwrap_or_default();
        let read_by_teacher = teacher.and_then(Teacher::longest).unwrap_or(usize::MAX);
        let longest = asked.min(student.longest()).min(read_by_teacher);
        let own = tokenizer.truncating(longest)?;
        // Layers can be compared token by token only where both read the same tokens.
        let of_teacher = match teacher.and_then(Teacher::tokenizer) {
            Some(other) if other.identity()? != tokenizer.identity()? => Some(other.truncating(longest)?),
            _ => None,
        };
        let own = Vocabulary { tokenizer: &own, padding: student.padding };
        let of_teacher = of_teacher
            .as_ref()
            .map(|tokenizer| Ok::<_, RunError>(Vocabulary { tokenizer, padding: tokenizer.padding()? }))
            .transpose()?;
        let is_tagged = |text: &Text| matches!(text.label, Label::Words(_));
        let tagged =
            texts.iter().any(|text| is_tagged(text.borrow())) || validation_texts.iter().any(is_tagged);
        if tagged && of_teacher.is_some() {
            return Err(RunError::Recipe(
                "words are tagged by their tokens, and the teacher has another vocabulary than the student"
                    .into(),
            ));
        }
        let encode = |texts: &mut dyn Iterator<Item = &Text>| {
            if tagged {
                Examples::tagged(texts, &own)
            } else {
                Examples::new(texts, &own, of_teacher.as_ref())
            }
        };
        Ok(Self {
            longest,
            examples: encode(&mut texts.iter().map(Borrow::borrow))?,
            validation: encode(&mut validation_texts.iter())?,
            validation_texts,
        })
    }

    /// Has tokens masked in every batch. Gives the number of training texts that are left out, since nothing in them can
    /// be masked.
    pub(super) fn mask(&mut self, options: &MaskOptions, job: &Job<'_>) -> Result<usize, RunError> {
        if self.examples.has_foreign() {
            return Err(RunError::Recipe(format!(
                "`{}` masks tokens, and its teacher has another vocabulary than its student",
                job.label
            )));
        }
        let (masking, before) = (Masking::new(options, job.tokenizer, job.seed)?, self.examples.count());
        self.examples.mask(&masking);
        self.validation.mask(&masking);
        Ok(before - self.examples.count())
    }

    /// What the teacher reads: the texts to train on, and then those to validate on.
    pub(crate) fn read_by_teacher(&self) -> Texts<'_> {
        Texts {
            texts: self.examples.read_by_teacher().chain(self.validation.read_by_teacher()).collect(),
            padding: self.examples.padding_of_teacher(),
        }
    }
}
