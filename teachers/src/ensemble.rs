//! Several teachers as one.

use std::sync::Arc;

use alambic_inference::TextPair;
use alambic_models::Outline;
use alambic_settings::{At, choices, settings};

use crate::answers::{Answer, AnswerForm, AnsweringTeacher, AskedText, Asking, MissingAnswers, placed};
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher};
use crate::{EncoderTeacher, TeacherError};

choices! {
    /// What of the members' answers is averaged.
    pub enum EnsembleAverage {
        /// Probabilities of classes; numbers of a regression.
        Probabilities = "probabilities",
        /// Logits of classes; numbers of a regression.
        Logits = "logits",
        /// Embeddings, of one width; the mean is brought to length one.
        Vectors = "vectors",
    }
}

settings! {
    /// Several teachers as one, whose weighted mean is learnt: encoders of texts, of any vocabularies, and recorded answers. Classes
    /// belong together by their names. All members read each text once, before the training.
    pub struct EnsembleOptions {
        /// Names of the teachers.
        pub members: Vec<At<String>>,
        /// Weights of the members, in their order, which add up to 1. Left out: all the same.
        pub weights: Vec<f64> = Vec::new(),
        /// What is averaged.
        pub of: EnsembleAverage = EnsembleAverage::Probabilities,
        /// Whether a member counts, in each text (or word), by how sure it is: its weight is multiplied by 1 - H/log C, H being the
        /// entropy of its probabilities over the C classes, and the weights of all are brought to 1 again.
        pub confidence: bool = false,
    }
}

impl EnsembleOptions {
    /// Weights of so many members.
    fn weights(&self, members: usize) -> Vec<f32> {
        if self.weights.is_empty() {
            vec![1.0 / members.max(1) as f32; members]
        } else {
            self.weights.iter().map(|weight| *weight as f32).collect()
        }
    }

    /// The kinds of answers of members together.
    ///
    /// # Errors
    /// When they cannot be averaged: no member, weights that are not theirs or do not add up to 1, other classes, other widths.
    pub fn form(&self, members: &[(&str, AnswerForm)]) -> Result<AnswerForm, String> {
        let Some(((first_name, first), rest)) = members.split_first() else {
            return Err("an ensemble needs at least one member".into());
        };
        if !self.weights.is_empty() {
            if self.weights.len() != members.len() {
                return Err(format!("{} weights for {} members", self.weights.len(), members.len()));
            }
            let sum: f64 = self.weights.iter().sum();
            if (sum - 1.0).abs() > 1e-6 || self.weights.iter().any(|weight| *weight < 0.0) {
                return Err(format!("the weights add up to {sum}, and not to 1"));
            }
        }
        if self.of == EnsembleAverage::Vectors {
            if self.confidence {
                return Err("`confidence` is that of classes, and vectors have none".into());
            }
            if let Some((name, form)) =
                members.iter().find(|(_, form)| form.width != first.width || form.width == 0)
            {
                return Err(format!(
                    "`{name}` has vectors of width {}, and `{first_name}` of width {}",
                    form.width, first.width
                ));
            }
            return Ok(AnswerForm { width: first.width, ..AnswerForm::default() });
        }
        if first.classes.is_empty() && !first.is_number {
            return Err(format!(
                "`{first_name}` gives no classes and no number; vectors are averaged by `of = \"vectors\"`"
            ));
        }
        if first.is_number && self.confidence {
            return Err("`confidence` is that of classes, and a number has none".into());
        }
        for (name, form) in rest {
            let is_alike = form.is_number == first.is_number && form.are_of_words == first.are_of_words;
            if !is_alike || form.places_of(&first.classes).is_none() {
                return Err(format!(
                    "`{name}` has the classes {}, and `{first_name}` has {}",
                    shown(form),
                    shown(first)
                ));
            }
        }
        Ok(AnswerForm {
            classes: first.classes.clone(),
            are_of_words: first.are_of_words,
            are_logits: true,
            is_number: first.is_number,
            ..AnswerForm::default()
        })
    }
}

/// The classes of answers, for a message.
fn shown(form: &AnswerForm) -> String {
    match (form.classes.is_empty(), form.are_of_words) {
        (true, _) => "none".to_owned(),
        (false, false) => form.classes.join(", "),
        (false, true) => format!("{} of each word", form.classes.join(", ")),
    }
}

/// A member of an ensemble.
#[derive(Clone)]
pub enum EnsembleMember {
    /// A text encoder.
    Model(Arc<EncoderTeacher>),
    /// A teacher that is asked about texts as they are written.
    Answering(Arc<dyn Teacher>),
}

impl EnsembleMember {
    /// Kinds of its answers.
    #[must_use]
    pub fn form(&self) -> AnswerForm {
        match self {
            Self::Model(model) => model.outline().map(AnswerForm::of_model).unwrap_or_default(),
            Self::Answering(teacher) => {
                teacher.answering().map(|teacher| teacher.form().clone()).unwrap_or_default()
            }
        }
    }

    fn digest(&self) -> String {
        match self {
            Self::Model(model) => model.weights_digest(),
            Self::Answering(teacher) => teacher.weights_digest(),
        }
    }

    fn answers(
        &self,
        texts: &[AskedText<'_>],
        asking: &Asking<'_>,
    ) -> Result<Vec<Option<Answer>>, TeacherError> {
        let model = match self {
            Self::Answering(teacher) => {
                let teacher = teacher.answering().ok_or(TeacherError::NoTaps)?;
                return teacher.answers(texts, asking, &mut |_| {});
            }
            Self::Model(model) => model,
        };
        let pairs: Vec<TextPair<'_>> = texts.iter().map(|asked| asked.texts).collect();
        Ok(model.answers(&pairs, asking.max_length)?.into_iter().map(Some).collect())
    }
}

/// Several teachers as one.
pub struct Ensemble {
    members: Vec<(String, EnsembleMember)>,
    weights: Vec<f32>,
    average: EnsembleAverage,
    by_confidence: bool,
    form: AnswerForm,
    outline: Outline,
    missing: MissingAnswers,
}

/// Texts that all members read before they go on.
const CHUNK: usize = 2048;

impl Ensemble {
    /// Puts members together, each with its name.
    ///
    /// # Errors
    /// When they cannot be averaged; see [`EnsembleOptions::form`].
    pub fn new(
        options: &EnsembleOptions,
        members: Vec<(String, EnsembleMember)>,
    ) -> Result<Self, TeacherError> {
        let forms: Vec<(&str, AnswerForm)> =
            members.iter().map(|(name, member)| (name.as_str(), member.form())).collect();
        let form = options.form(&forms).map_err(TeacherError::Ensemble)?;
        let leaves_out = members.iter().any(|(_, member)| {
            let EnsembleMember::Answering(teacher) = member else { return false };
            teacher.answering().is_some_and(|teacher| teacher.missing() == MissingAnswers::LeaveOut)
        });
        Ok(Self {
            weights: options.weights(members.len()),
            average: options.of,
            by_confidence: options.confidence,
            outline: form.outline_for(&Outline::default()),
            form,
            missing: if leaves_out { MissingAnswers::LeaveOut } else { MissingAnswers::Refuse },
            members,
        })
    }

    /// The weighted mean of answers for one text, each with the places of its classes.
    fn combine(&self, answers: &[Answer], places: &[Vec<Option<usize>>]) -> Answer {
        if self.average == EnsembleAverage::Vectors {
            let vectors: Vec<Vec<f32>> = answers.iter().map(|answer| answer.vector.clone()).collect();
            let mut vector = mean(&vectors, &self.weights);
            let length =
                vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            for number in &mut vector {
                *number /= length;
            }
            return Answer { vector, ..Answer::default() };
        }
        if self.form.is_number {
            let numbers: Vec<Vec<f32>> = answers.iter().map(|answer| answer.logits.clone()).collect();
            return Answer { logits: mean(&numbers, &self.weights), ..Answer::default() };
        }
        let row = |numbers: Vec<&[f32]>| {
            // A word that one member has cut has no answer of the ensemble.
            if numbers.iter().any(|numbers| numbers.is_empty()) {
                return Vec::new();
            }
            let numbers: Vec<Vec<f32>> =
                numbers.iter().zip(places).map(|(numbers, places)| placed(numbers, places)).collect();
            self.mean_of_classes(&numbers)
        };
        if !self.form.are_of_words {
            let logits = row(answers.iter().map(|answer| answer.logits.as_slice()).collect());
            return Answer { logits, ..Answer::default() };
        }
        let words = answers.iter().map(|answer| answer.words.len()).min().unwrap_or_default();
        let word = |word: usize| row(answers.iter().map(|answer| answer.words[word].as_slice()).collect());
        Answer { words: (0..words).map(word).collect(), ..Answer::default() }
    }

    /// The mean of logits as the ensemble takes it, as logits.
    fn mean_of_classes(&self, logits: &[Vec<f32>]) -> Vec<f32> {
        let probabilities: Vec<Vec<f32>> = logits.iter().map(|logits| softmax(logits)).collect();
        let mut weights = self.weights.clone();
        if self.by_confidence {
            for (weight, probabilities) in weights.iter_mut().zip(&probabilities) {
                *weight *= confidence(probabilities);
            }
            let sum: f32 = weights.iter().sum();
            if sum > 0.0 {
                for weight in &mut weights {
                    *weight /= sum;
                }
            } else {
                // Nobody is sure of anything.
                weights.clone_from(&self.weights);
            }
        }
        if self.average == EnsembleAverage::Logits {
            return mean(logits, &weights);
        }
        let mean = mean(&probabilities, &weights);
        mean.into_iter().map(|probability| probability.max(f32::MIN_POSITIVE).ln()).collect()
    }
}

/// The weighted sum of rows of one width.
fn mean(rows: &[Vec<f32>], weights: &[f32]) -> Vec<f32> {
    let width = rows.iter().map(Vec::len).min().unwrap_or_default();
    let sum = |place: usize| rows.iter().zip(weights).map(|(row, weight)| row[place] * weight).sum();
    (0..width).map(sum).collect()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|value| value / sum).collect()
}

/// 1 - H/log C of probabilities over C classes: 0 where all are equal, 1 where one is certain.
fn confidence(probabilities: &[f32]) -> f32 {
    let entropy: f32 = probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    let most = (probabilities.len() as f32).ln();
    if most > 0.0 { (1.0 - entropy / most).max(0.0) } else { 1.0 }
}

impl AnsweringTeacher for Ensemble {
    fn form(&self) -> &AnswerForm {
        &self.form
    }

    fn source(&self) -> String {
        let names: Vec<&str> = self.members.iter().map(|(name, _)| name.as_str()).collect();
        format!("the ensemble of {}", names.join(", "))
    }

    fn missing(&self) -> MissingAnswers {
        self.missing
    }

    fn answers(
        &self,
        texts: &[AskedText<'_>],
        asking: &Asking<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<Answer>>, TeacherError> {
        let identity = |count: usize| (0..count).map(Some).collect::<Vec<_>>();
        let places: Vec<Vec<Option<usize>>> = self
            .members
            .iter()
            .map(|(_, member)| {
                member
                    .form()
                    .places_of(&self.form.classes)
                    .unwrap_or_else(|| identity(self.form.classes.len()))
            })
            .collect();
        let mut all = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(CHUNK) {
            let mut by_member = Vec::new();
            for (_, member) in &self.members {
                by_member.push(member.answers(chunk, asking)?.into_iter());
            }
            for _ in chunk {
                let answers: Option<Vec<Answer>> = by_member
                    .iter_mut()
                    .map(|answers| answers.next().flatten())
                    .collect::<Vec<_>>()
                    .into_iter()
                    .collect();
                all.push(answers.map(|answers| self.combine(&answers, &places)));
            }
            progress(chunk.len());
        }
        Ok(all)
    }
}

impl Teacher for Ensemble {
    fn generate(
        &self,
        _: &[GenerationRequest],
        _: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        Err(TeacherError::Unsupported("is an ensemble and generates no text"))
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn answering(&self) -> Option<&dyn AnsweringTeacher> {
        Some(self)
    }

    fn weights_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for ((_, member), weight) in self.members.iter().zip(&self.weights) {
            hasher.update(member.digest().as_bytes());
            hasher.update(&weight.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn size(&self) -> (usize, u64) {
        let sizes = self.members.iter().map(|(_, member)| match member {
            EnsembleMember::Model(model) => model.size(),
            EnsembleMember::Answering(teacher) => teacher.size(),
        });
        sizes.fold((0, 0), |(parameters, bytes), (own, size)| (parameters + own, bytes + size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ensemble(weights: &[f32], average: EnsembleAverage, by_confidence: bool) -> Ensemble {
        Ensemble {
            members: Vec::new(),
            weights: weights.to_vec(),
            average,
            by_confidence,
            form: AnswerForm {
                classes: vec!["a".into(), "b".into()],
                are_logits: true,
                ..AnswerForm::default()
            },
            outline: Outline::default(),
            missing: MissingAnswers::Refuse,
        }
    }

    fn probabilities(logits: &[f32]) -> Vec<f32> {
        softmax(logits).iter().map(|value| (value * 1000.0).round() / 1000.0).collect()
    }

    #[test]
    fn probabilities_are_averaged_by_weights() {
        let own = ensemble(&[0.75, 0.25], EnsembleAverage::Probabilities, false);
        let rows = [vec![0.8_f32.ln(), 0.2_f32.ln()], vec![0.4_f32.ln(), 0.6_f32.ln()]];
        assert_eq!(probabilities(&own.mean_of_classes(&rows)), [0.7, 0.3]);
    }

    #[test]
    fn logits_are_averaged_as_they_are() {
        let own = ensemble(&[0.5, 0.5], EnsembleAverage::Logits, false);
        assert_eq!(own.mean_of_classes(&[vec![2.0, 0.0], vec![4.0, -2.0]]), [3.0, -1.0]);
    }

    #[test]
    fn members_count_by_how_sure_they_are() {
        let own = ensemble(&[0.5, 0.5], EnsembleAverage::Probabilities, true);
        // A member of even probabilities has no weight.
        let rows = [vec![0.0, 0.0], vec![0.9_f32.ln(), 0.1_f32.ln()]];
        assert_eq!(probabilities(&own.mean_of_classes(&rows)), [0.9, 0.1]);
        assert_eq!(probabilities(&own.mean_of_classes(&[vec![0.0, 0.0], vec![1.0, 1.0]])), [0.5, 0.5]);
        assert!((confidence(&[0.9, 0.1]) - 0.531).abs() < 1e-3);
    }

    #[test]
    fn classes_belong_together_by_their_names() {
        let own = ensemble(&[0.5, 0.5], EnsembleAverage::Logits, false);
        let answer = |logits: &[f32]| Answer { logits: logits.to_vec(), ..Answer::default() };
        let places = [vec![Some(0), Some(1)], vec![Some(1), Some(0)]];
        let mean = own.combine(&[answer(&[2.0, 0.0]), answer(&[1.0, 5.0])], &places);
        assert_eq!(mean.logits, [3.5, 0.5]);
    }

    #[test]
    fn members_that_cannot_be_averaged_are_refused() {
        let options = |weights: &[f64], of, confidence| EnsembleOptions {
            weights: weights.to_vec(),
            of,
            confidence,
            members: Vec::new(),
        };
        let form = |classes: &[&str]| AnswerForm {
            classes: classes.iter().map(ToString::to_string).collect(),
            are_logits: true,
            ..AnswerForm::default()
        };
        let (one, other) = (("one", form(&["a", "b"])), ("other", form(&["b", "a"])));
        let average = EnsembleAverage::Probabilities;
        assert!(options(&[], average, true).form(&[one.clone(), other.clone()]).is_ok());
        for (options, members, expected) in [
            (options(&[], average, false), vec![], "at least one member"),
            (options(&[0.5, 0.4], average, false), vec![one.clone(), other.clone()], "add up to 0.9"),
            (options(&[1.0], average, false), vec![one.clone(), other.clone()], "1 weights for 2 members"),
            (
                options(&[], average, false),
                vec![one.clone(), ("c", form(&["a", "c"]))],
                "has the classes a, c",
            ),
            (
                options(&[], EnsembleAverage::Vectors, false),
                vec![one.clone(), other.clone()],
                "vectors of width 0",
            ),
        ] {
            let said = options.form(&members).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
