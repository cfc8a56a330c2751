//! Evaluating models that answer questions out of passages.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{PassageQuestion, Split};
use alambic_files::text::shell_word;
use alambic_inference::{EncoderPipeline, ExtractiveQuestionAnsweringPipeline, SpanOptions, TextPair};
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};

use super::options::PassagesData;
use super::train::{answer, predict, reference};
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::languages::language_slices;
use crate::evaluation::similarity::by_layer;
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates models that answer questions out of passages.
pub(crate) struct PassageEvaluator<'a> {
    questions: Vec<&'a PassageQuestion>,
    options: SpanOptions,
    languages: Vec<String>,
    test_set: TestSet,
    teacher: Option<(Arc<EncoderTeacher>, ExtractiveQuestionAnsweringPipeline)>,
}

impl<'a> PassageEvaluator<'a> {
    /// Takes the test questions, and has the teacher answer them.
    pub(crate) fn new(
        data: &PassagesData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let datasets = corpora.datasets::<PassageQuestion>(&options.data)?;
        let mut questions: Vec<&PassageQuestion> =
            datasets.iter().flat_map(|corpus| corpus.splits.get(Split::Test)).collect();
        let all = questions.len();
        questions.retain(|question| question.is_labelled);
        let unlabelled = all - questions.len();
        subsample(&mut questions, options.limit.unwrap_or(usize::MAX));
        if questions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no labelled question".into()));
        }
        let references = questions.iter().map(|question| reference(question)).collect();
        let slices = language_slices(questions.iter().map(|question| question.language.as_deref()))?;
        let mut test_set = TestSet {
            slices,
            has_languages: true,
            left_out: (unlabelled > 0)
                .then(|| format!("{} without a label", counted(unlabelled, "question", "questions"))),
            ..TestSet::new("question", "questions", PredictionKind::Text, references)
        }
        .with_metrics(options)?;
        let span_options = data.span_options(corpora)?;
        let mut teacher = None;
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher answers", questions.len(), 0);
            let own = context.run.models.encoder(name)?;
            let pipeline = ExtractiveQuestionAnsweringPipeline::from_model(own.model(), span_options)?;
            test_set.teacher = Some(predict(&pipeline, &questions)?);
            observer.finished(&counted(questions.len(), "question", "questions"));
            teacher = Some((own, pipeline));
        }
        let languages = datasets.iter().flat_map(|corpus| corpus.details.languages.clone()).collect();
        Ok(Self { questions, options: span_options, languages, test_set, teacher })
    }
}

impl Evaluator for PassageEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|(teacher, _)| -> &dyn Teacher { &**teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let pipeline = ExtractiveQuestionAnsweringPipeline::load(folder, self.options)?;
        let predictions = predict(&pipeline, &self.questions)?;
        progress(predictions.len());
        Ok(predictions)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some((teacher, _)) = &self.teacher else { return Ok(IndexMap::new()) };
        let pairs: Vec<TextPair<'_>> =
            self.questions.iter().map(|own| (own.question.as_str(), Some(&*own.passage))).collect();
        by_layer(&EncoderPipeline::load(student)?, &teacher.encoder_pipeline()?, &pairs)
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let own = ExtractiveQuestionAnsweringPipeline::load(student, self.options)?;
        let answer = |pipeline: &ExtractiveQuestionAnsweringPipeline, batch: &[usize]| {
            let questions: Vec<&PassageQuestion> = batch.iter().map(|&index| self.questions[index]).collect();
            predict(pipeline, &questions).map(drop)
        };
        let by_student = |batch: &[usize]| answer(&own, batch);
        let by_teacher =
            |batch: &[usize]| self.teacher.as_ref().map_or(Ok(()), |(_, own)| answer(own, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if self.teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(self.questions.len(), max, &models)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let asked: Vec<&PassageQuestion> = examples.iter().map(|&index| self.questions[index]).collect();
        let answers = match (folder, &self.teacher) {
            (Some(folder), _) => {
                answer(&ExtractiveQuestionAnsweringPipeline::load(folder, self.options)?, &asked)?
            }
            (None, Some((_, pipeline))) => answer(pipeline, &asked)?,
            (None, None) => Vec::new(),
        };
        Ok(answers.into_iter().map(|answer| Some(answer.probability)).collect())
    }

    fn source(&self, index: usize) -> Text {
        let question = self.questions[index];
        let text = format!("{} / {}", question.question, question.passage);
        Text::new(&text, question.language.as_deref())
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            Prediction::Texts(right) if right.is_empty() => "no answer".to_owned(),
            Prediction::Texts(right) => right.join(" / "),
            Prediction::Text(answer) if answer.is_empty() => "no answer".to_owned(),
            other => other.to_string(),
        };
        Text::new(&text, None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let (question, passage) =
            self.questions.first().map_or(("", ""), |own| (own.question.as_str(), &*own.passage));
        let line = format!("{question}\t{passage}");
        CardMetadata {
            task: "question-answering",
            tags: Vec::new(),
            languages: self.languages.clone(),
            command: format!("alambic predict student {}", shell_word(&line)),
            example: UsageExample {
                text: question.to_owned(),
                second: Some(passage.to_owned()),
                ..UsageExample::default()
            },
            output: first.map(ToString::to_string).filter(|answer| !answer.is_empty()),
            limits: vec![
                "It was evaluated on questions like those that it was trained on, and on no others.".into(),
            ],
        }
    }
}
