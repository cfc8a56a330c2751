//! Evaluating embeddings by the similarity of texts that people have compared.

use std::path::Path;

use alambic_files::text::shell_word;
use alambic_inference::EncoderPipeline;
use alambic_reports::metrics::{Prediction, PredictionKind, find};
use alambic_reports::outcome::Latency;
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::Teacher;

use super::evaluate::by_content;
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::scored_pairs::{ScoredPairs, cosines};
use crate::observer::Observer;

/// The metric of similarities.
pub(super) const SIMILARITY: &str = "spearman";

/// Evaluates embeddings by the similarity of texts that people have compared.
pub(crate) struct SimilarityEvaluator {
    compared: ScoredPairs,
    test_set: TestSet,
}

impl SimilarityEvaluator {
    /// Takes the test pairs of the evaluation's texts, and has the teacher read them; none where there are no such texts.
    pub(crate) fn new(
        context: &EvaluationContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Self>, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let compared = ScoredPairs::in_tests(corpora, &by_content(corpora, &options.data).1)?;
        if compared.0.is_empty() {
            return Ok(None);
        }
        let test_set = TestSet {
            metrics: vec![find(SIMILARITY)?],
            slices: compared.slices(),
            ..TestSet::new("comparison", "comparisons", PredictionKind::Number, compared.references())
        };
        let mut own = Self { compared, test_set };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher's similarities", own.compared.0.len(), 0);
            let pipeline = context.run.models.encoder(name)?.encoder_pipeline()?;
            own.test_set.teacher = Some(cosines(&pipeline, &own.compared.texts(), None)?);
            observer.finished(&format!("{} comparisons", own.compared.0.len()));
        }
        Ok(Some(own))
    }
}

impl Evaluator for SimilarityEvaluator {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        None
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let similarities = cosines(&EncoderPipeline::load(folder)?, &self.compared.texts(), None)?;
        progress(similarities.len());
        Ok(similarities)
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    fn timings(&self, _: &Path, _: usize) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        Ok(IndexMap::new())
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.compared.shown(index), None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let text = self.compared.0.first().map_or("", |own| own.texts.0.as_str());
        CardMetadata {
            task: "sentence-similarity",
            tags: Vec::new(),
            languages: Vec::new(),
            command: format!("alambic predict student {}", shell_word(text)),
            example: UsageExample { text: text.to_owned(), ..UsageExample::default() },
            output: None,
            limits: Vec::new(),
        }
    }
}
