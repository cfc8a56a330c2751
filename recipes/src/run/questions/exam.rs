//! Questions of the test part, answered by every model.

use std::path::Path;

use alambic_data::Split;
use alambic_reports::card::Usage;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{Noun, Text};
use alambic_settings::IndexMap;
use alambic_students::{Answerer, Sighted};
use alambic_teachers::{Seer, Teacher};

use super::gallery::Gallery;
use super::{metrics, reference};
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::corpora::Shown;
use crate::run::exam::{Exam, Kind};
use crate::run::lesson::thin;
use crate::run::texts::similarity::divergences;
use crate::run::timing::{Model, measure};
use crate::run::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// The test questions of a recipe.
pub(crate) struct QuestionExam<'a> {
    options: &'a EvaluationOptions,
    questions: Vec<Shown<'a>>,
    references: Vec<String>,
    kinds: Vec<String>,
    teacher: Option<Judged>,
}

/// The teacher, read as the student is.
struct Judged {
    teacher: Seer,
    answerer: Answerer,
    logits: Vec<Vec<f32>>,
    answers: Vec<String>,
}

impl<'a> QuestionExam<'a> {
    /// Takes the test questions, and has the teacher answer them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let names = workshop.corpora.answers(&options.data)?;
        let mut questions = workshop.corpora.questions(&options.data, Split::Test)?;
        thin(&mut questions, options.limit.unwrap_or(usize::MAX));
        if questions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test parts hold no question".into()));
        }
        let references = questions.iter().map(|shown| reference(&shown.question.answers, names)).collect();
        let mut kinds: Vec<String> = questions.iter().map(|shown| shown.question.kind.clone()).collect();
        if kinds.iter().all(|kind| *kind == kinds[0]) {
            kinds.clear();
        }
        let mut exam = Self { options, questions, references, kinds, teacher: None };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher answers", exam.questions.len(), 0);
            let teacher = workshop.seer(name)?;
            let answerer =
                Answerer::new(teacher.config(), teacher.network(), teacher.vocabulary(), usize::MAX)?;
            let logits = exam.ask(&answerer)?;
            let answers = logits.iter().map(|logits| answerer.answer(logits)).collect();
            exam.teacher = Some(Judged { teacher, answerer, logits, answers });
            observer.finished(&format!("{} questions", exam.questions.len()));
        }
        Ok(exam)
    }

    /// The logits of a model over all questions.
    fn ask(&self, answerer: &Answerer) -> Result<Vec<Vec<f32>>, RunError> {
        let (gallery, places) = self.gallery(answerer)?;
        Ok(answerer.logits(&self.sighted(&gallery, &places))?)
    }

    /// The images as a model reads them, and which of them each question is about.
    fn gallery(&self, answerer: &Answerer) -> Result<(Gallery, Vec<usize>), RunError> {
        let mut gallery = Gallery::new(answerer.eyes());
        let places = self.questions.iter().map(|shown| gallery.hang(shown.picture));
        let places = places.collect::<Result<_, _>>()?;
        Ok((gallery, places))
    }

    fn sighted<'g>(&'g self, gallery: &'g Gallery, places: &[usize]) -> Vec<Sighted<'g>> {
        let pairs = self.questions.iter().zip(places);
        pairs.map(|(shown, &place)| (shown.question.text.as_str(), gallery.image(place))).collect()
    }
}

impl Exam for QuestionExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "question".into(), many: "questions".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        metrics(self.options)
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        &[("agreement", "agreement")]
    }

    fn references(&self) -> &[String] {
        &self.references
    }

    fn slices(&self) -> &[String] {
        &self.kinds
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|judged| -> &dyn Teacher { &judged.teacher })
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.teacher.as_ref().map(|judged| judged.answers.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let answerer = Answerer::load(folder)?;
        let answers: Vec<String> =
            self.ask(&answerer)?.iter().map(|logits| answerer.answer(logits)).collect();
        progress(answers.len());
        Ok(answers)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(judged) = &self.teacher else { return Ok(IndexMap::new()) };
        let rows = |logits: &[Vec<f32>]| logits.iter().map(|row| vec![row.clone()]).collect::<Vec<_>>();
        let own = rows(&self.ask(&Answerer::load(student)?)?);
        let [mean, shuffled] = divergences(&own, &rows(&judged.logits));
        Ok([("kl-from-teacher", mean), ("kl-from-teacher-shuffled", shuffled)]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }

    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = Answerer::load(student)?;
        let (own, own_places) = self.gallery(&student)?;
        let own = self.sighted(&own, &own_places);
        let answer = |answerer: &Answerer, all: &[Sighted<'_>], batch: &[usize]| -> Result<(), RunError> {
            let questions: Vec<Sighted<'_>> = batch.iter().map(|&index| all[index]).collect();
            answerer.answers(&questions)?;
            Ok(())
        };
        let by_student = |batch: &[usize]| answer(&student, &own, batch);
        let Some(judged) = &self.teacher else {
            return measure(self.questions.len(), most, &[(STUDENT, &by_student)]);
        };
        let (others, places) = self.gallery(&judged.answerer)?;
        let others = self.sighted(&others, &places);
        let by_teacher = |batch: &[usize]| answer(&judged.answerer, &others, batch);
        let models: [(&str, Model<'_>); 2] = [(TEACHER, &by_teacher), (STUDENT, &by_student)];
        measure(self.questions.len(), most, &models)
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        None
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.questions[index].question.text, None)
    }

    fn answer(&self, _: usize, answer: &str) -> Text {
        Text::new(answer, None)
    }

    fn kind(&self, answer: Option<&String>) -> Kind {
        let question = self.questions.first().map(|shown| shown.question.text.clone()).unwrap_or_default();
        Kind {
            task: "visual-question-answering",
            tags: Vec::new(),
            languages: Vec::new(),
            usage: Usage {
                model_class: "AutoModelForVisualQuestionAnswering".into(),
                tokenizer_class: "AutoTokenizer".into(),
                command: "alambic list taps student".into(),
                input: question,
                generate: None,
                output: answer.cloned(),
            },
            limits: vec![
                "It was judged on questions and images like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
