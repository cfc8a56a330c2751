//! Evaluating models by what their encoder finds of the pairs of the test split.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::ImageProcessor;
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};

use super::super::options::WrittenData;
use super::encoder::ContrastEncoder;
use super::retrieval::RetrievalSet;
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::retrieval::first;
use crate::evaluation::timing::{Model, measure};
use crate::images::thumbnail::thumbnail;
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates the encoders of models that write by recall.
pub(in super::super) struct ContrastEvaluator<'a> {
    sets: Vec<RetrievalSet<'a>>,
    /// The set of each query, and the query's place there.
    queries: Vec<(usize, usize)>,
    test_set: TestSet,
    teacher: Option<Arc<EncoderTeacher>>,
}

impl<'a> ContrastEvaluator<'a> {
    /// Takes the test examples of the entries that are evaluated, and has the teacher retrieve.
    pub(in super::super) fn new(
        data: &'a WrittenData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let mut sets = Vec::new();
        for entry in data.searched() {
            let mut examples = entry.examples_of(&options.data, &context.run.corpora, Split::Test, 1.0)?;
            subsample(&mut examples, options.limit.unwrap_or(usize::MAX));
            sets.extend(RetrievalSet::all(entry, &examples));
        }
        if sets.is_empty() {
            return Err(RunError::Recipe(
                "the evaluation's test splits hold fewer than two pairs of what `contrast` pairs".into(),
            ));
        }
        let queries = sets.iter().enumerate();
        let queries = queries.flat_map(|(set, own)| (0..own.relevant().len()).map(move |query| (set, query)));
        let references: Vec<Prediction> = sets.iter().flat_map(|set| set.relevant().to_vec()).collect();
        let test_set = TestSet {
            slices: sets.iter().flat_map(RetrievalSet::slices).collect(),
            ..TestSet::new("query", "queries", PredictionKind::Ranking, references)
        };
        let test_set = test_set.with_metrics(options)?;
        let mut evaluator = Self { queries: queries.collect(), sets, test_set, teacher: None };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher retrieves", evaluator.queries.len(), 0);
            let teacher = context.run.models.encoder(name)?;
            evaluator.test_set.teacher =
                Some(evaluator.retrieve(teacher.model().folder(), ModelRole::Compared)?);
            evaluator.teacher = Some(teacher);
            observer.finished(&format!("{} queries", evaluator.queries.len()));
        }
        Ok(evaluator)
    }

    /// The results of every query by a finished model.
    fn retrieve(&self, folder: &Path, role: ModelRole) -> Result<Vec<Prediction>, RunError> {
        let (encoder, image_processor) = ContrastEncoder::load(folder)?;
        let change = if let ModelRole::Changed(change) = role { Some(change) } else { None };
        let rank = |set: &RetrievalSet<'_>| set.rank(&encoder, &image_processor, change);
        let results: Vec<Vec<Prediction>> = self.sets.iter().map(rank).collect::<Result<_, RunError>>()?;
        Ok(results.concat())
    }

    /// The set of a query, and its place there.
    fn query(&self, index: usize) -> Option<(&RetrievalSet<'a>, usize)> {
        let (set, query) = *self.queries.get(index)?;
        Some((&self.sets[set], query))
    }
}

impl Evaluator for ContrastEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_deref().map(|own| -> &dyn Teacher { own })
    }

    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let results = self.retrieve(folder, role)?;
        progress(results.len());
        Ok(results)
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of the embedding of a query.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        type Loaded = (ContrastEncoder, ImageProcessor);
        let embed = |(encoder, image_processor): &Loaded, batch: &[usize]| {
            for (set, query) in batch.iter().filter_map(|&index| self.query(index)) {
                set.embed_query(query, encoder, image_processor)?;
            }
            Ok::<_, RunError>(())
        };
        let student = ContrastEncoder::load(student)?;
        let by_student = |batch: &[usize]| embed(&student, batch);
        let Some(teacher) = &self.teacher else {
            return measure(self.queries.len(), max, &[(STUDENT, &by_student)]);
        };
        let teacher = ContrastEncoder::load(teacher.model().folder())?;
        let by_teacher = |batch: &[usize]| embed(&teacher, batch);
        let models: [(&str, Model<'_>); 2] = [(TEACHER, &by_teacher), (STUDENT, &by_student)];
        measure(self.queries.len(), max, &models)
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        let picture = self.query(index).and_then(|(set, query)| set.picture(query, None));
        picture.filter(|picture| picture.has_pixels()).map(thumbnail).transpose()
    }

    fn shown_image(&self, index: usize, prediction: &Prediction) -> Result<Option<Image>, RunError> {
        let found = self.query(index).and_then(|(set, query)| set.picture(query, Some(first(prediction)?)));
        found.filter(|picture| picture.has_pixels()).map(thumbnail).transpose()
    }

    fn source(&self, index: usize) -> Text {
        let Some((set, query)) = self.query(index) else { return Text::new("", None) };
        let picture = set.picture(query, None).map(|picture| picture.name.as_str());
        Text::new(set.text(query, None).or(picture).unwrap_or_default(), None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let found = self.query(index).zip(first(prediction));
        let text = found.and_then(|((set, query), place)| {
            let picture = set.picture(query, Some(place)).map(|picture| picture.name.as_str());
            set.text(query, Some(place)).or(picture)
        });
        Text::new(text.unwrap_or_default(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let text = self.sets.first().and_then(|set| set.text(set.relevant().len() - 1, None));
        CardMetadata {
            task: "feature-extraction",
            tags: vec!["image-text-to-text"],
            languages: Vec::new(),
            command: "alambic trace student --inputs INPUTS.safetensors --out TAPS.safetensors".to_owned(),
            example: UsageExample { text: text.unwrap_or_default().to_owned(), ..UsageExample::default() },
            output: None,
            limits: vec![
                "Its vectors, `encoder.embedding`, were evaluated on images and texts like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
