//! Evaluating embeddings by the retrieval of translations.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Split;
use alambic_files::text::shell_word;
use alambic_inference::EncoderPipeline;
use alambic_models::{Config, ModelFolder};
use alambic_reports::layers::LayerRetrieval;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::{At, IndexMap};
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use super::bitext::{BitextSet, TeacherEmbeddings};
use super::by_layer::LayerChoice;
use super::options::{SentencesData, Sides};
use super::pairs::BitextPair;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::embedding::{closeness, normalized_embeddings};
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::retrieval::first;
use crate::evaluation::timing::measure;
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates embeddings by the translations that are retrieved.
pub(crate) struct BitextEvaluator<'a> {
    source: &'a str,
    bitext: BitextSet<'a>,
    teacher_embeddings: Option<TeacherEmbeddings>,
    /// Whether sentence-transformers makes the student's embeddings, too.
    has_known_pooling: bool,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
    /// Validation sentences, where translations are also retrieved by each layer.
    layers: Option<LayerChoice<'a>>,
}

/// The teacher, read as the student is.
struct EvaluatedTeacher {
    teacher: Arc<EncoderTeacher>,
    pipeline: EncoderPipeline,
}

/// The corpora of an evaluation that hold sentences, and those that hold texts.
pub(super) fn by_content(corpora: &Corpora, names: &[At<String>]) -> (Vec<At<String>>, Vec<At<String>>) {
    names
        .iter()
        .cloned()
        .partition(|name| corpora.kind(std::slice::from_ref(name)) != Some(alambic_data::ContentKind::Texts))
}

impl<'a> BitextEvaluator<'a> {
    /// Takes the test sentences, and has the teacher read them.
    pub(crate) fn new(
        data: &'a SentencesData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let trained = data.parallel.iter().next();
        let (source, sides) =
            trained.map_or(("en", Sides::Both), |data| (data.source.as_str(), data.student_side));
        let (sentences, _) = by_content(corpora, &options.data);
        // A model of the other side was trained on these languages, and no others.
        let targets: Vec<&str> = match trained.filter(|_| sides.other().is_some()) {
            Some(data) => data.targets.iter().map(|target| target.value.as_str()).collect(),
            None => Vec::new(),
        };
        let mut pairs = BitextPair::of(corpora.sentences(&sentences, Split::Test)?, source, &targets);
        subsample(&mut pairs, options.limit.unwrap_or(usize::MAX));
        let bitext = BitextSet::new(&pairs);
        if bitext.relevant().is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no sentence".into()));
        }
        let models = &context.run.models;
        let evaluated = options.teacher.as_ref().map(|name| models.encoder(name)).transpose()?;
        let other = context.stage_teacher.or(options.teacher.as_ref()).filter(|_| sides.other().is_some());
        let other = other.map(|name| Ok::<_, RunError>(models.encoder(name)?.encoder_pipeline()?));
        let teacher_embeddings = TeacherEmbeddings::new(&bitext, sides, other.transpose()?.as_ref())?;
        let student = Config::open(&ModelFolder::open(context.student)?)?;
        let has_known_pooling = student.pooling().is_some_and(|pooling| pooling.layers().is_empty());
        let test_set = TestSet {
            slices: bitext.directions(source),
            ..TestSet::new("query", "queries", PredictionKind::Ranking, bitext.relevant().to_vec())
        };
        let mut test_set = test_set.with_metrics(options)?;
        let mut teacher = None;
        if let Some(evaluated) = evaluated {
            observer.task("evaluation: teacher's results", test_set.references.len(), 0);
            let own = EvaluatedTeacher { pipeline: evaluated.encoder_pipeline()?, teacher: evaluated };
            test_set.teacher = Some(bitext.rank_by(&own.pipeline, None)?);
            observer.finished(&format!("{} queries", test_set.references.len()));
            teacher = Some(own);
        }
        let ranked =
            test_set.metrics.iter().copied().find(|metric| metric.accepts.contains(&PredictionKind::Ranking));
        let layers = ranked.filter(|_| options.by_layer);
        let layers =
            layers.map(|metric| LayerChoice::new(data, corpora, options.limit, metric)).transpose()?;
        Ok(Self { source, bitext, teacher_embeddings, has_known_pooling, test_set, teacher, layers })
    }
}

impl Evaluator for BitextEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| -> &dyn Teacher { &*own.teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        // A model that was not trained to agree with another one reads both sides.
        let other = self.teacher_embeddings.as_ref().filter(|_| role == ModelRole::Student);
        let results = self.bitext.rank_by(&EncoderPipeline::load(folder)?, other)?;
        progress(results.len());
        Ok(results)
    }

    /// How near the student's embeddings of translations are to the teacher's of the sentences, language by language.
    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(teacher) = &self.teacher else { return Ok(IndexMap::new()) };
        let student = EncoderPipeline::load(student)?;
        let mut figures = IndexMap::new();
        for pair in &self.bitext.languages {
            let (own, other) = (
                normalized_embeddings(&student, &pair.targets)?,
                normalized_embeddings(&teacher.pipeline, &pair.sources)?,
            );
            let sources: Vec<u32> = (0..pair.targets.len())
                .filter_map(|target| first(&pair.relevance.relevant()[pair.relevance.left() + target]))
                .map(|source| source as u32)
                .collect();
            let other = other.index_select(&Tensor::new(sources, device::current())?, 0)?;
            figures.extend(closeness(&own, &other, &format!("-{}", pair.language))?);
        }
        Ok(figures)
    }

    fn by_layer(&self, folder: Option<&Path>) -> Result<Option<LayerRetrieval>, RunError> {
        let Some(layers) = &self.layers else { return Ok(None) };
        let retrieval = |pipeline: &EncoderPipeline| layers.retrieval(pipeline, &self.bitext, self.source);
        match (folder, &self.teacher) {
            (Some(folder), _) => retrieval(&EncoderPipeline::load(folder)?),
            (None, Some(teacher)) => retrieval(&teacher.pipeline),
            (None, None) => Ok(None),
        }
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = EncoderPipeline::load(student)?;
        let sentences: Vec<&str> =
            self.bitext.languages.iter().flat_map(|pair| &pair.sources).copied().collect();
        let read = |pipeline: &EncoderPipeline, batch: &[usize]| -> Result<(), RunError> {
            Ok(pipeline.forward(&batch.iter().map(|&index| (sentences[index], None)).collect::<Vec<_>>())?)
        };
        let by_student = |batch: &[usize]| read(&student, batch);
        match &self.teacher {
            None => measure(sentences.len(), max, &[(STUDENT, &by_student)]),
            Some(teacher) => {
                let by_teacher = |batch: &[usize]| read(&teacher.pipeline, batch);
                measure(sentences.len(), max, &[(TEACHER, &by_teacher), (STUDENT, &by_student)])
            }
        }
    }

    fn source(&self, index: usize) -> Text {
        match self.bitext.query(index) {
            Some((pair, place, true)) => Text::new(pair.sources[place], Some(self.source)),
            Some((pair, place, false)) => Text::new(pair.targets[place], Some(pair.language)),
            None => Text::new("", None),
        }
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let found = |texts: &[&str]| {
            first(prediction).and_then(|place| texts.get(place).copied()).unwrap_or_default().to_owned()
        };
        match self.bitext.query(index) {
            Some((pair, _, true)) => Text::new(&found(&pair.targets), Some(pair.language)),
            Some((pair, _, false)) => Text::new(&found(&pair.sources), Some(self.source)),
            None => Text::new("", None),
        }
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let first = self.bitext.languages.first();
        let sentence = first.and_then(|pair| pair.sources.first()).copied().unwrap_or_default();
        let languages = self.bitext.languages.iter().map(|pair| pair.language.to_owned());
        CardMetadata {
            task: "sentence-similarity",
            tags: Vec::new(),
            languages: std::iter::once(self.source.to_owned()).chain(languages).collect(),
            command: format!("alambic predict student {}", shell_word(sentence)),
            example: UsageExample { text: sentence.to_owned(), ..UsageExample::default() },
            output: None,
            limits: std::iter::once(
                "It was evaluated on sentences like those that it was trained on, and on no others.",
            )
            .chain((!self.has_known_pooling).then_some(
                "sentence-transformers has no module for its pooling: the folder has one, which the library runs with \
                 `trust_remote_code=True`.",
            ))
            .map(str::to_owned)
            .collect(),
        }
    }
}
