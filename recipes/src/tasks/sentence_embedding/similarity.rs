//! Evaluating embeddings by the similarity of texts that people have compared.

use std::path::Path;

use alambic_data::{Label, Split};
use alambic_files::text::shell_word;
use alambic_inference::EncoderPipeline;
use alambic_models::ModelError;
use alambic_reports::metrics::{Prediction, PredictionKind, find};
use alambic_reports::outcome::Latency;
use alambic_reports::report::Text;
use alambic_settings::{At, IndexMap};
use alambic_students::UsageExample;
use alambic_teachers::Teacher;

use super::evaluate::by_content;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::embedding::normalized_embeddings;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::observer::Observer;

/// The metric of similarities.
pub(super) const SIMILARITY: &str = "spearman";

/// Two texts that people have compared.
struct ComparedTexts {
    corpus: String,
    texts: (String, String),
    similarity: f32,
}

/// Evaluates embeddings by the similarity of texts that people have compared.
pub(crate) struct SimilarityEvaluator {
    compared: Vec<ComparedTexts>,
    test_set: TestSet,
}

impl SimilarityEvaluator {
    /// Takes the test pairs of the evaluation's texts, and has the teacher read them; none where there are no such texts.
    pub(crate) fn new(
        context: &EvaluationContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Self>, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let mut compared = Vec::new();
        for name in by_content(corpora, &options.data).1 {
            compared.extend(compared_in(corpora, &name)?);
        }
        if compared.is_empty() {
            return Ok(None);
        }
        let references = compared.iter().map(|own| Prediction::number(own.similarity)).collect();
        let test_set = TestSet {
            metrics: vec![find(SIMILARITY)?],
            slices: compared.iter().map(|own| own.corpus.clone()).collect(),
            ..TestSet::new("comparison", "comparisons", PredictionKind::Number, references)
        };
        let mut own = Self { compared, test_set };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher's similarities", own.compared.len(), 0);
            let pipeline = context.run.models.encoder(name)?.encoder_pipeline()?;
            own.test_set.teacher = Some(own.similarities_by(&pipeline)?);
            observer.finished(&format!("{} comparisons", own.compared.len()));
        }
        Ok(Some(own))
    }

    /// The cosine of the embeddings of each two texts.
    fn similarities_by(&self, pipeline: &EncoderPipeline) -> Result<Vec<Prediction>, RunError> {
        let side = |of: fn(&(String, String)) -> &str| {
            normalized_embeddings(
                pipeline,
                &self.compared.iter().map(|own| of(&own.texts)).collect::<Vec<_>>(),
            )
        };
        let products = side(|texts| &texts.0)?.mul(&side(|texts| &texts.1)?);
        let cosines = products.and_then(|products| products.sum(1)?.to_vec1::<f32>());
        Ok(cosines.map_err(ModelError::from)?.into_iter().map(Prediction::number).collect())
    }
}

/// The test pairs of a corpus that have numbers.
fn compared_in(corpora: &Corpora, name: &At<String>) -> Result<Vec<ComparedTexts>, RunError> {
    let texts = corpora.texts(std::slice::from_ref(name), Split::Test)?;
    let compared = |text: &alambic_data::Text| match (&text.second, &text.label) {
        (Some(second), Label::Number(similarity)) => Some(ComparedTexts {
            corpus: name.value.clone(),
            texts: (text.first.clone(), second.clone()),
            similarity: *similarity,
        }),
        _ => None,
    };
    Ok(texts.into_iter().filter_map(compared).collect())
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
        let similarities = self.similarities_by(&EncoderPipeline::load(folder)?)?;
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
        let (first, second) = &self.compared[index].texts;
        Text::new(&format!("{first} / {second}"), None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let text = self.compared.first().map_or("", |own| own.texts.0.as_str());
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
