//! Evaluating models by how they rank passages.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Split;
use alambic_files::text::shell_word;
use alambic_inference::{EncoderPipeline, TextPair};
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::Teacher;

use super::collection::{Asked, Collection, RESULTS};
use super::options::{EncoderType, SearchData, SearchOptions};
use super::scorer::Scorer;
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::retrieval::first;
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::subsample::subsample;

/// Largest number of characters of a text that shows how the student is used.
const MAX_EXAMPLE_CHARACTERS: usize = 1000;

/// Evaluates models by how they rank passages.
pub(crate) struct SearchEvaluator<'a> {
    options: &'a SearchOptions,
    collections: Vec<Collection<'a>>,
    asked: Vec<Asked<'a>>,
    test_set: TestSet,
    teacher: Option<Arc<dyn Teacher>>,
    /// The teacher's model, where it is one.
    pipeline: Option<EncoderPipeline>,
}

impl<'a> SearchEvaluator<'a> {
    /// Takes the test queries, and has BM25 and the teacher rank passages for them.
    pub(crate) fn new(
        data: &'a SearchData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (evaluation, corpora) = (context.options, &context.run.corpora);
        let Some(options) = data.search.iter().next() else {
            return Err(RunError::Recipe("the last stage trains on no queries".into()));
        };
        let collections = Collection::read(corpora, &evaluation.data, options)?;
        let test = |(number, collection): (usize, &Collection<'a>)| {
            let queries = collection.dataset.splits.get(Split::Test).iter();
            queries.map(move |query| Asked { collection: number, query }).collect::<Vec<_>>()
        };
        let mut asked: Vec<Asked<'a>> = collections.iter().enumerate().flat_map(test).collect();
        let all = asked.len();
        // Nothing is right of a query without a judgement.
        asked.retain(|asked| asked.query.has_positive());
        let unjudged = all - asked.len();
        subsample(&mut asked, evaluation.limit.unwrap_or(usize::MAX));
        if asked.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no judged query".into()));
        }
        let found = |asked: &Asked<'_>| Prediction::Ranking(asked.found(&collections, RESULTS));
        let trivial = TrivialBaseline {
            name: "bm25",
            description: "search by the words of the query (BM25), without a model",
            predictions: asked.iter().map(found).collect(),
        };
        let references = asked.iter().map(Asked::reference).collect();
        let slices = if collections.len() > 1 {
            asked.iter().map(|asked| collections[asked.collection].slice().to_owned()).collect()
        } else {
            Vec::new()
        };
        let left_out = (unjudged > 0)
            .then(|| format!("{} without a relevant passage", counted(unjudged, "query", "queries")));
        let test_set = TestSet {
            slices,
            left_out,
            trivial: vec![trivial],
            ..TestSet::new("query", "queries", PredictionKind::Ranking, references)
        };
        let test_set = test_set.with_metrics(evaluation)?;
        let mut own = Self { options, collections, asked, test_set, teacher: None, pipeline: None };
        if let Some(name) = &evaluation.teacher {
            let teacher = context.run.models.teacher(name)?;
            observer.task("evaluation: teacher's results", own.asked.len(), 0);
            let mut done = 0;
            let mut progress = |more| {
                done += more;
                observer.progress(done);
            };
            let results = if let Some(answering) = teacher.answering() {
                let asking = context.run.asking(options.max_length);
                own.search(&Scorer::Answers(answering, asking, options.similarity), &mut progress)?
            } else {
                let encoder = context.run.models.encoder(name)?;
                own.pipeline = Some(encoder.encoder_pipeline()?);
                let what = format!("teacher `{}`", name.value);
                own.search(&Scorer::of_model(encoder.encoder_pipeline()?, options, &what)?, &mut progress)?
            };
            observer.finished(&counted(own.asked.len(), "query", "queries"));
            own.test_set.teacher = Some(results);
            own.teacher = Some(teacher);
        }
        Ok(own)
    }

    fn search(
        &self,
        scorer: &Scorer<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        scorer.search(&self.asked, &self.collections, self.options, progress)
    }

    /// What a model reads of a query when it searches: the query, or the query with a passage.
    fn read<'t>(&'t self, pipeline: &EncoderPipeline, index: usize) -> TextPair<'t> {
        let asked = &self.asked[index];
        let is_bi_encoder = pipeline.embedding_width().is_some();
        let passage = asked.query.passages.first().filter(|_| !is_bi_encoder);
        let text = passage.map(|listed| self.collections[asked.collection].texts[listed.passage].as_ref());
        (&asked.query.text, text)
    }

    /// A passage that is relevant to a query.
    fn relevant(&self, asked: &Asked<'_>) -> Option<&str> {
        let listed = asked.query.passages.iter().find(|listed| listed.is_relevant())?;
        Some(&self.collections[asked.collection].texts[listed.passage])
    }
}

impl Evaluator for SearchEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_deref()
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let what = format!("the model in {}", folder.display());
        self.search(&Scorer::of_model(EncoderPipeline::load(folder)?, self.options, &what)?, progress)
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// A bi-encoder reads the query alone, since the vectors of passages are there before it; a cross-encoder reads it with one
    /// passage.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = EncoderPipeline::load(student)?.with_max_length(self.options.max_length)?;
        let read = |pipeline: &EncoderPipeline, batch: &[usize]| -> Result<(), RunError> {
            Ok(pipeline
                .forward(&batch.iter().map(|&index| self.read(pipeline, index)).collect::<Vec<_>>())?)
        };
        let by_student = |batch: &[usize]| read(&student, batch);
        let by_teacher = |batch: &[usize]| self.pipeline.as_ref().map_or(Ok(()), |own| read(own, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if self.pipeline.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(self.asked.len(), max, &models)
    }

    fn vector_similarity(&self) -> Option<&'static str> {
        (self.options.encoder == EncoderType::BiEncoder).then(|| self.options.similarity.name())
    }

    fn purpose(&self) -> Option<String> {
        Some(match self.options.encoder {
            EncoderType::BiEncoder => {
                "Retrieval: the vectors of all passages are computed once, and a query finds those whose vectors are nearest to its own."
                    .into()
            }
            EncoderType::CrossEncoder => format!(
                "Reranking: something faster retrieves passages, and the student orders the first of them anew by a score of query and \
                 passage, read together; here it reranks the first {} of BM25.",
                self.options.rerank
            ),
        })
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.asked[index].query.text, None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let asked = &self.asked[index];
        let text = match prediction {
            Prediction::Relevance(_) => self.relevant(asked),
            found => first(found).map(|place| self.collections[asked.collection].texts[place].as_ref()),
        };
        Text::new(text.unwrap_or_default(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let cut = |text: &str| text.chars().take(MAX_EXAMPLE_CHARACTERS).collect::<String>();
        let asked = self.asked.first();
        let text = asked.map_or_else(String::new, |asked| cut(&asked.query.text));
        let second = asked.and_then(|asked| self.relevant(asked)).map(cut);
        let is_bi_encoder = self.options.encoder == EncoderType::BiEncoder;
        let line = match &second {
            Some(second) if !is_bi_encoder => format!("{text}\t{second}"),
            _ => text.clone(),
        };
        let mut languages: Vec<String> = Vec::new();
        for language in self.collections.iter().flat_map(|own| &own.dataset.details.languages) {
            if !languages.contains(language) {
                languages.push(language.clone());
            }
        }
        let mut limits = vec![
            "It was evaluated on queries and passages like those that it was trained on, and on no others."
                .to_owned(),
        ];
        limits.extend(self.purpose());
        CardMetadata {
            task: if is_bi_encoder { "sentence-similarity" } else { "text-ranking" },
            tags: Vec::new(),
            languages,
            command: format!("alambic predict student {}", shell_word(&line)),
            example: UsageExample { text, second, ..UsageExample::default() },
            output: None,
            limits,
        }
    }
}
