//! The answers of a teacher that is asked about texts as they are written: a table, or several teachers together.

use std::borrow::Cow;

use alambic_data::{ChoiceQuestion, Text};
use alambic_files::text::{elided, quoted};
use alambic_models::{TapSelection, Trace};
use alambic_reports::numbers::thousands;
use alambic_teachers::{
    Answer, AnsweringTeacher, AskedText, Asking, GenerationRequest, MissingAnswers, Teacher, TeacherError,
    placed,
};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::error::RunError;

/// The tap of predictions.
const LOGITS: &str = "logits";
/// The tap of vectors of texts.
const EMBEDDING: &str = "embedding";

/// How near to one the length of a vector has to be to stay as it is.
const UNIT: f32 = 1e-4;

/// A text, as a teacher is asked about it.
pub(crate) fn asked(text: &Text) -> AskedText<'_> {
    AskedText { texts: (&text.first, text.second.as_deref()), id: text.id.as_deref() }
}

/// An example with the texts that a teacher is asked about: itself, or several of which each has an answer.
pub(crate) trait AskedExample {
    /// The texts, at least one.
    fn texts(&self) -> &[Text];
}

impl AskedExample for Text {
    fn texts(&self) -> &[Text] {
        std::slice::from_ref(self)
    }
}

impl AskedExample for &Text {
    fn texts(&self) -> &[Text] {
        std::slice::from_ref(self)
    }
}

impl AskedExample for Cow<'_, Text> {
    fn texts(&self) -> &[Text] {
        std::slice::from_ref(self)
    }
}

/// A prompt is asked about with each of its choices.
impl AskedExample for &ChoiceQuestion {
    fn texts(&self) -> &[Text] {
        &self.pairs
    }
}

/// The examples for all of whose texts a teacher has an answer, with the answers, text by text, and how many other examples there
/// were.
///
/// # Errors
/// When there are others, and they are not to be left out.
pub(crate) fn answered<T: AskedExample>(
    teacher: &dyn AnsweringTeacher,
    examples: Vec<T>,
    asking: &Asking<'_>,
    progress: &mut dyn FnMut(usize),
) -> Result<(Vec<T>, Vec<Answer>, usize), RunError> {
    let texts: Vec<&Text> = examples.iter().flat_map(AskedExample::texts).collect();
    let questions: Vec<AskedText<'_>> = texts.iter().map(|text| asked(text)).collect();
    let answers = teacher.answers(&questions, asking, progress)?;
    let missing = answers.iter().filter(|answer| answer.is_none()).count();
    let first = texts.iter().zip(&answers).find(|(_, answer)| answer.is_none());
    if let (Some((first, _)), MissingAnswers::Refuse) = (first, teacher.missing()) {
        return Err(RunError::Recipe(format!(
            "{}; add them, or leave these texts out with `missing = \"leave-out\"`",
            lacking(teacher, missing, texts.len(), first)
        )));
    }
    let (all, mut answers) = (examples.len(), answers.into_iter());
    let (mut kept, mut of_kept) = (Vec::with_capacity(all), Vec::new());
    for example in examples {
        let own: Vec<Option<Answer>> = answers.by_ref().take(example.texts().len()).collect();
        if let Some(own) = own.into_iter().collect::<Option<Vec<Answer>>>() {
            kept.push(example);
            of_kept.extend(own);
        }
    }
    let left_out = all - kept.len();
    Ok((kept, of_kept, left_out))
}

/// Has a teacher that is asked about texts asked about those of requests, before it is to write what it answers; of other teachers
/// nothing is asked.
///
/// # Errors
/// When a server fails, or not all were asked.
pub(crate) fn ask_ahead(
    teacher: &dyn Teacher,
    requests: &[GenerationRequest],
    asking: &Asking<'_>,
) -> Result<(), RunError> {
    let Some(teacher) = teacher.answering() else { return Ok(()) };
    let texts: Vec<AskedText<'_>> =
        requests.iter().map(|request| AskedText { texts: (&request.text, None), id: None }).collect();
    teacher.answers(&texts, asking, &mut |_| {})?;
    Ok(())
}

/// Message about texts for which a teacher has no answer.
pub(crate) fn lacking(teacher: &dyn AnsweringTeacher, count: usize, all: usize, first: &Text) -> String {
    let such = match &first.id {
        Some(id) if teacher.is_by_id() => format!("the one with the id `{}`", quoted(id)),
        _ => format!("`{}`", elided(&quoted(&first.first))),
    };
    format!(
        "{} holds no answer for {} of {} texts, such as {such}",
        teacher.source(),
        thousands(count as u64),
        thousands(all as u64)
    )
}

/// Places of a task's classes among those of the answers; none where answers have no classes.
///
/// # Errors
/// When the classes are others.
pub(crate) fn places_of(
    teacher: &dyn AnsweringTeacher,
    classes: &[String],
) -> Result<Option<Vec<Option<usize>>>, TeacherError> {
    let form = teacher.form();
    if form.classes.is_empty() {
        return Ok(None);
    }
    let places = form.places_of(classes).ok_or_else(|| TeacherError::OtherClasses {
        teacher: teacher.source(),
        found: form.classes.clone(),
        expected: classes.to_vec(),
    })?;
    Ok(Some(places))
}

/// A vector of length one.
pub(crate) fn normalised(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    // What a model gives is of this length up to rounding, and stays as it is.
    if (length - 1.0).abs() <= UNIT || length == 0.0 {
        return vector.to_vec();
    }
    vector.iter().map(|number| number / length).collect()
}

/// Answers by the places of the texts: those to train on, and then those to validate on.
pub(crate) struct AnswerOutputs {
    logits: Vec<Vec<f32>>,
    /// Of tagged words: the first token of each, and its logits.
    words: Vec<Vec<(usize, Vec<f32>)>>,
    vectors: Vec<Vec<f32>>,
}

impl AnswerOutputs {
    /// Takes the answers for texts, in the order of a student's classes. Each text comes with the first token of each of its words,
    /// where words are tagged.
    ///
    /// # Errors
    /// When there is no answer for a word, or the classes are others.
    pub(crate) fn new<'t>(
        teacher: &dyn AnsweringTeacher,
        answers: impl Iterator<Item = (&'t Text, Answer, &'t [Option<usize>])>,
        classes: &[String],
    ) -> Result<Self, RunError> {
        let places = places_of(teacher, classes)?;
        let in_order = |numbers: Vec<f32>| match &places {
            Some(places) => placed(&numbers, places),
            None => numbers,
        };
        let mut own = Self { logits: Vec::new(), words: Vec::new(), vectors: Vec::new() };
        for (text, answer, first_tokens) in answers {
            if !answer.logits.is_empty() {
                own.logits.push(in_order(answer.logits));
            }
            if !answer.words.is_empty() {
                let mut words = Vec::new();
                for (number, (place, numbers)) in first_tokens.iter().zip(answer.words).enumerate() {
                    let Some(place) = *place else { continue };
                    if numbers.is_empty() {
                        return Err(RunError::Recipe(format!(
                            "{} holds no answer for word {} of `{}`",
                            teacher.source(),
                            number + 1,
                            elided(&quoted(&text.first))
                        )));
                    }
                    words.push((place, in_order(numbers)));
                }
                own.words.push(words);
            }
            if !answer.vector.is_empty() {
                own.vectors.push(normalised(&answer.vector));
            }
        }
        Ok(own)
    }

    /// Vectors of texts, one after another, of any length each.
    pub(crate) fn of_vectors(vectors: Vec<Vec<f32>>) -> Self {
        Self { logits: Vec::new(), words: Vec::new(), vectors }
    }

    /// The taps of a batch, whose longest text has so many tokens. `rows` are the places of its texts.
    pub(crate) fn trace(&self, rows: &[usize], length: usize, taps: &[String]) -> Result<Trace, RunError> {
        let mut trace = Trace::new(TapSelection::named(taps.iter().cloned()));
        for tap in taps {
            let tensor = match tap.as_str() {
                LOGITS if !self.words.is_empty() => self.word_logits(rows, length)?,
                LOGITS => matrix(&self.logits, rows)?,
                EMBEDDING => matrix(&self.vectors, rows)?,
                _ => None,
            };
            let tensor = tensor.ok_or_else(|| TeacherError::MissingTap(tap.clone()))?;
            trace.record(tap, &tensor);
        }
        Ok(trace)
    }

    /// Logits `[texts, length, classes]`, zero for tokens that begin no word; none where a text has no answer.
    fn word_logits(&self, rows: &[usize], length: usize) -> Result<Option<Tensor>, RunError> {
        let Some(classes) = self.words.iter().flatten().map(|(_, numbers)| numbers.len()).next() else {
            return Ok(None);
        };
        let mut all = vec![0.0; rows.len() * length * classes];
        for (text, &row) in rows.iter().enumerate() {
            let Some(words) = self.words.get(row) else { return Ok(None) };
            for (place, numbers) in words {
                let start = (text * length + place) * classes;
                all[start..start + classes].copy_from_slice(numbers);
            }
        }
        Ok(Some(Tensor::from_vec(all, (rows.len(), length, classes), device::current())?))
    }
}

/// Rows as a matrix; none where one is missing.
fn matrix(all: &[Vec<f32>], rows: &[usize]) -> Result<Option<Tensor>, RunError> {
    let rows: Option<Vec<&[f32]>> = rows.iter().map(|&row| all.get(row).map(Vec::as_slice)).collect();
    Ok(rows.map(|rows| Tensor::new(rows, device::current())).transpose()?)
}
