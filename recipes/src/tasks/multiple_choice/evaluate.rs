//! Evaluating models that choose.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alambic_data::{ChoiceQuestion, Dataset, Split};
use alambic_files::text::shell_word;
use alambic_inference::{MultipleChoicePipeline, TextPair};
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::{At, IndexMap};
use alambic_students::UsageExample;
use alambic_teachers::{AnsweringTeacher, Asking, Teacher};

use super::options::ChoicesData;
use super::questions::{pairs, predict, prediction, reference, scores};
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::probability::of_largest;
use crate::evaluation::similarity::{by_layer, divergences};
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::answers::answered;

/// Evaluates models that choose.
pub(crate) struct ChoiceEvaluator<'a> {
    questions: Vec<&'a ChoiceQuestion>,
    max_length: usize,
    languages: Vec<String>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
}

/// The teacher with its scores of the choices of each test question.
struct EvaluatedTeacher {
    teacher: Arc<dyn Teacher>,
    /// None of one that is asked.
    pipeline: Option<MultipleChoicePipeline>,
    scores: Vec<Vec<f32>>,
}

impl<'a> ChoiceEvaluator<'a> {
    /// Takes the test questions, and has the teacher choose.
    pub(crate) fn new(
        data: &ChoicesData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let datasets = corpora.datasets::<ChoiceQuestion>(&options.data)?;
        let max_length = data.max_length();
        let mut questions: Vec<&ChoiceQuestion> =
            datasets.iter().flat_map(|corpus| corpus.splits.get(Split::Test)).collect();
        let all = questions.len();
        questions.retain(|question| question.label.is_some());
        let unlabelled = all - questions.len();
        subsample(&mut questions, options.limit.unwrap_or(usize::MAX));
        let teacher = options.teacher.as_ref().map(|name| context.run.models.teacher(name)).transpose()?;
        let (mut of_teacher, mut unanswered) = (None, 0);
        if let Some(answering) = teacher.as_deref().and_then(Teacher::answering) {
            observer.task("evaluation: teacher's answers", questions.len(), 0);
            let asking = context.run.asking(max_length);
            let scores;
            (questions, scores, unanswered) = answered_scores(answering, questions, &asking)?;
            of_teacher = Some((None, scores));
            observer.finished(&counted(questions.len(), "question", "questions"));
        }
        if questions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no labelled question".into()));
        }
        if let (None, Some(name)) = (&of_teacher, &options.teacher) {
            observer.task("evaluation: teacher chooses", questions.len(), 0);
            let own = context.run.models.encoder(name)?;
            let pipeline = MultipleChoicePipeline::from_model(own.model())?.with_max_length(max_length)?;
            let scores = scores(&pipeline, &questions)?;
            of_teacher = Some((Some(pipeline), scores));
            observer.finished(&counted(questions.len(), "question", "questions"));
        }
        let reasons = [(unlabelled, "without a label"), (unanswered, "without an answer of the teacher")];
        let left_out: Vec<String> = reasons
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{} {why}", counted(count, "question", "questions")))
            .collect();
        let references = questions.iter().map(|question| reference(question)).collect();
        let mut test_set = TestSet {
            slices: slices(&options.data, &datasets, &questions),
            left_out: (!left_out.is_empty()).then(|| left_out.join(" and ")),
            ..TestSet::new("question", "questions", PredictionKind::Choice, references)
        }
        .with_metrics(options)?;
        let teacher = teacher.zip(of_teacher).map(|(teacher, (pipeline, scores))| {
            test_set.teacher = Some(scores.iter().map(|scores| prediction(scores)).collect());
            EvaluatedTeacher { teacher, pipeline, scores }
        });
        let mut languages: Vec<String> = Vec::new();
        for language in datasets.iter().flat_map(|corpus| &corpus.details.languages) {
            if !languages.contains(language) {
                languages.push(language.clone());
            }
        }
        Ok(Self { questions, max_length, languages, test_set, teacher })
    }

    fn pipeline(&self, folder: &Path) -> Result<MultipleChoicePipeline, RunError> {
        Ok(MultipleChoicePipeline::load(folder)?.with_max_length(self.max_length)?)
    }

    /// Some of the questions, by their places.
    fn asked(&self, places: &[usize]) -> Vec<&'a ChoiceQuestion> {
        places.iter().map(|&place| self.questions[place]).collect()
    }
}

/// The slice of each question: the language of its corpus, or its name, where there are several corpora; else its kind, where there
/// are several kinds.
fn slices(
    names: &[At<String>],
    datasets: &[&Dataset<ChoiceQuestion>],
    questions: &[&ChoiceQuestion],
) -> Vec<String> {
    if datasets.len() > 1 {
        let mut slices: HashMap<*const ChoiceQuestion, &str> = HashMap::new();
        for (name, corpus) in names.iter().zip(datasets) {
            let slice = corpus.details.languages.first().unwrap_or(&name.value).as_str();
            slices.extend(corpus.splits.test.iter().map(|question| (std::ptr::from_ref(question), slice)));
        }
        let of = |question: &&ChoiceQuestion| {
            slices.get(&std::ptr::from_ref(*question)).copied().unwrap_or_default().to_owned()
        };
        return questions.iter().map(of).collect();
    }
    let kind = |question: &&ChoiceQuestion| question.kind.clone().unwrap_or_default();
    let kinds: Vec<String> = questions.iter().map(kind).collect();
    let is_known = kinds.iter().all(|kind| !kind.is_empty());
    if is_known && kinds.iter().any(|kind| *kind != kinds[0]) { kinds } else { Vec::new() }
}

/// Questions, the scores of their choices, and how many other questions there were.
type AnsweredScores<'q> = (Vec<&'q ChoiceQuestion>, Vec<Vec<f32>>, usize);

/// The scores that a teacher which is asked gives to the choices of questions, those left out for which it has no answer, and how many
/// these are.
fn answered_scores<'q>(
    teacher: &dyn AnsweringTeacher,
    questions: Vec<&'q ChoiceQuestion>,
    asking: &Asking<'_>,
) -> Result<AnsweredScores<'q>, RunError> {
    if !teacher.form().is_number {
        return Err(RunError::Recipe(format!(
            "{} gives no number for a prompt with a choice, by which choices are compared",
            teacher.source()
        )));
    }
    let (questions, answers, unanswered) = answered(teacher, questions, asking, &mut |_| {})?;
    let mut numbers = answers.into_iter().map(|answer| answer.logits.first().copied().unwrap_or(f32::NAN));
    let of = |question: &&ChoiceQuestion| numbers.by_ref().take(question.pairs.len()).collect();
    let scores = questions.iter().map(of).collect();
    Ok((questions, scores, unanswered))
}

impl Evaluator for ChoiceEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| &*own.teacher)
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let predictions = predict(&self.pipeline(folder)?, &self.questions)?;
        progress(predictions.len());
        Ok(predictions)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut similarities = IndexMap::new();
        let Some(teacher) = &self.teacher else { return Ok(similarities) };
        let student = self.pipeline(student)?;
        let rows = |scores: Vec<Vec<f32>>| scores.into_iter().map(|row| vec![row]).collect::<Vec<_>>();
        let own = rows(scores(&student, &self.questions)?);
        let [mean, shuffled] = divergences(&own, &rows(teacher.scores.clone()));
        similarities.insert("kl-from-teacher".to_owned(), mean);
        similarities.insert("kl-from-teacher-shuffled".to_owned(), shuffled);
        if let Some(pipeline) = &teacher.pipeline {
            let texts: Vec<TextPair<'_>> =
                self.questions.iter().flat_map(|question| pairs(question)).collect();
            similarities.extend(by_layer(student.encoder(), pipeline.encoder(), &texts)?);
        }
        Ok(similarities)
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let own = self.pipeline(student)?;
        let choose = |pipeline: &MultipleChoicePipeline, batch: &[usize]| {
            predict(pipeline, &self.asked(batch)).map(drop)
        };
        let by_student = |batch: &[usize]| choose(&own, batch);
        let teacher = self.teacher.as_ref().and_then(|own| own.pipeline.as_ref());
        let by_teacher = |batch: &[usize]| teacher.map_or(Ok(()), |pipeline| choose(pipeline, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(self.questions.len(), max, &models)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let scores = match (folder, &self.teacher) {
            (Some(folder), _) => scores(&self.pipeline(folder)?, &self.asked(examples))?,
            (None, Some(teacher)) => examples.iter().map(|&index| teacher.scores[index].clone()).collect(),
            (None, None) => Vec::new(),
        };
        Ok(scores.iter().map(|scores| of_largest(scores)).collect())
    }

    fn source(&self, index: usize) -> Text {
        let question = self.questions[index];
        let choices: Vec<&str> = question.choices().collect();
        Text::new(&format!("{} / {}", question.prompt(), choices.join(" / ")), None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        Text::new(chosen(self.questions[index], prediction).unwrap_or_default(), None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let question = self.questions.first();
        let text = question.map_or_else(String::new, |question| question.prompt().to_owned());
        let choices: Vec<String> =
            question.into_iter().flat_map(|question| question.choices()).map(str::to_owned).collect();
        let line = [std::slice::from_ref(&text), &choices].concat().join("\t");
        let output = question.zip(first).and_then(|(question, first)| chosen(question, first));
        CardMetadata {
            task: "multiple-choice",
            tags: Vec::new(),
            languages: self.languages.clone(),
            command: format!("alambic predict student {}", shell_word(&line)),
            output: output.map(str::to_owned),
            example: UsageExample { text, choices, ..UsageExample::default() },
            limits: vec![
                "It was evaluated on questions like those that it was trained on, and on no others.".into(),
            ],
        }
    }
}

/// The text of the choice that a prediction stands for.
fn chosen<'q>(question: &'q ChoiceQuestion, prediction: &Prediction) -> Option<&'q str> {
    match prediction {
        Prediction::Choice(place) => question.choices().nth(*place),
        _ => None,
    }
}
