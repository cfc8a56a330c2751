//! Evaluating embeddings of sentences by what people say of pairs of them, and by their agreement with a teacher's.

use std::path::Path;

use alambic_files::text::shell_word;
use alambic_inference::EncoderPipeline;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::Teacher;
use indexmap::IndexSet;

use super::examples::test_texts;
use super::teacher::EvaluatedTeacher;
use crate::error::RunError;
use crate::evaluation::embedding::{closeness, normalized_embeddings};
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::languages::language_slices;
use crate::evaluation::scored_pairs::{ScoredPairs, cosines};
use crate::evaluation::similarity::by_layer;
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates embeddings of sentences.
pub(crate) struct SentenceEvaluator {
    /// Pairs that people have compared; without any, models are compared with the teacher alone.
    pairs: ScoredPairs,
    /// Every text of the test splits, once.
    texts: Vec<String>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
    widths: Vec<usize>,
}

impl SentenceEvaluator {
    /// Takes the test pairs and texts, and has the teacher read them.
    pub(crate) fn new(
        context: &EvaluationContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let limit = options.limit.unwrap_or(usize::MAX);
        let mut pairs = ScoredPairs::in_tests(corpora, &options.data)?;
        subsample(&mut pairs.0, limit);
        let mut texts: Vec<&str> = test_texts(corpora, &options.data)?.into_iter().collect();
        subsample(&mut texts, limit);
        let all: IndexSet<&str> = texts.iter().copied().chain(both(&pairs)).collect();
        let (teacher, missing) = match &options.teacher {
            None => (None, 0),
            Some(name) => {
                observer.task("evaluation: teacher reads", all.len(), 0);
                let (teacher, missing) = EvaluatedTeacher::new(context, name, &all)?;
                observer.finished(&format!("{} texts", all.len()));
                (Some(teacher), missing)
            }
        };
        let knows = |text: &str| teacher.as_ref().is_none_or(|teacher| teacher.knows(text));
        let texts: Vec<String> = texts.into_iter().filter(|text| knows(text)).map(str::to_owned).collect();
        pairs.0.retain(|pair| knows(&pair.texts.0) && knows(&pair.texts.1));
        if texts.is_empty() || pairs.0.is_empty() && teacher.is_none() {
            return Err(RunError::Recipe(
                "the evaluation's test splits hold no pairs with scores, and no teacher is named".into(),
            ));
        }
        let test_set = if pairs.0.is_empty() {
            let references = vec![Prediction::Nothing; texts.len()];
            TestSet::new("text", "texts", PredictionKind::Nothing, references)
        } else {
            let languages = language_slices(pairs.0.iter().map(|pair| pair.language.as_deref()))?;
            let has_languages = !languages.is_empty();
            let slices = match (has_languages, options.data.len()) {
                (true, _) => languages,
                (false, 0 | 1) => Vec::new(),
                (false, _) => pairs.slices(),
            };
            let references = pairs.references();
            TestSet {
                slices,
                has_languages,
                ..TestSet::new("pair", "pairs", PredictionKind::Number, references)
            }
        };
        let left_out = (missing > 0)
            .then(|| format!("{} without an answer of the teacher", counted(missing, "text", "texts")));
        let mut test_set = TestSet { left_out, ..test_set }.with_metrics(options)?;
        if let Some(teacher) = &teacher {
            test_set.teacher = Some(if pairs.0.is_empty() {
                vec![Prediction::Nothing; texts.len()]
            } else {
                teacher.cosines(&pairs.texts())?
            });
        }
        let widths = if pairs.0.is_empty() { Vec::new() } else { context.widths.clone() };
        Ok(Self { pairs, texts, test_set, teacher, widths })
    }

    /// The texts of the test splits.
    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }
}

/// Both texts of each pair.
fn both(pairs: &ScoredPairs) -> impl Iterator<Item = &str> {
    pairs.0.iter().flat_map(|pair| [pair.texts.0.as_str(), pair.texts.1.as_str()])
}

impl Evaluator for SentenceEvaluator {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(EvaluatedTeacher::teacher)
    }

    fn widths(&self) -> &[usize] {
        &self.widths
    }

    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let predictions = if self.pairs.0.is_empty() {
            vec![Prediction::Nothing; self.texts.len()]
        } else {
            let width = if let ModelRole::Truncated(width) = role { Some(width) } else { None };
            cosines(&EncoderPipeline::load(folder)?, &self.pairs.texts(), width)?
        };
        progress(predictions.len());
        Ok(predictions)
    }

    /// How near the student's embeddings are to the teacher's.
    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(teacher) = &self.teacher else { return Ok(IndexMap::new()) };
        let (texts, student) = (self.texts(), EncoderPipeline::load(student)?);
        let own = normalized_embeddings(&student, &texts)?;
        let mut figures = closeness(&own, &teacher.embeddings(&texts)?, "")?;
        if let Some(pipeline) = teacher.pipeline() {
            let texts: Vec<_> = texts.into_iter().map(|text| (text, None)).collect();
            figures.extend(by_layer(&student, pipeline, &texts)?);
        }
        Ok(figures)
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let (texts, student) = (self.texts(), EncoderPipeline::load(student)?);
        let read = |pipeline: &EncoderPipeline, batch: &[usize]| -> Result<(), RunError> {
            Ok(pipeline.forward(&batch.iter().map(|&index| (texts[index], None)).collect::<Vec<_>>())?)
        };
        let by_student = |batch: &[usize]| read(&student, batch);
        let teacher = self.teacher.as_ref().and_then(EvaluatedTeacher::pipeline);
        let by_teacher = |batch: &[usize]| teacher.map_or(Ok(()), |pipeline| read(pipeline, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(texts.len(), max, &models)
    }

    fn purpose(&self) -> Option<String> {
        Some(
            "An encoder of sentences is for comparing texts by their vectors: search, clustering, finding what says the same. \
             The vectors of a collection are computed once and stored, and a query costs its own. Its metrics are those of the \
             cosine of two vectors as a score of how alike two texts are."
                .to_owned(),
        )
    }

    fn source(&self, index: usize) -> Text {
        if self.pairs.0.is_empty() {
            return Text::new(self.texts.get(index).map_or("", String::as_str), None);
        }
        Text::new(&self.pairs.shown(index), None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            // Eight digits of a cosine say nothing that three do not.
            Prediction::Number(number) => format!("{number:.3}"),
            other => other.to_string(),
        };
        Text::new(&text, None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let (text, second) = match self.pairs.0.first() {
            Some(pair) => (pair.texts.0.clone(), Some(pair.texts.1.clone())),
            None => (self.texts.first().cloned().unwrap_or_default(), None),
        };
        let mut limits = vec![if self.pairs.0.is_empty() {
            "It was compared with its teacher alone, on texts without scores: nothing is known of how well its vectors serve a \
             search."
        } else {
            "It was evaluated on pairs of sentences that people compared, and on no search."
        }];
        if !self.widths.is_empty() {
            limits
                .push("Its vectors may be truncated to the widths that the report names, and to no others.");
        }
        CardMetadata {
            task: "sentence-similarity",
            tags: Vec::new(),
            languages: Vec::new(),
            command: format!("alambic predict student {}", shell_word(&text)),
            example: UsageExample { text, second, ..UsageExample::default() },
            output: None,
            limits: limits.into_iter().map(str::to_owned).collect(),
        }
    }
}
