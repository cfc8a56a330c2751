//! Evaluating models that choose among descriptions of pictures.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{PictureChoice, Split};
use alambic_files::text::shell_word;
use alambic_inference::{DescribedImage, PictureChoicePipeline, ProcessedImage};
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};

use super::questions::{DescribedPicture, of_split, prediction, scores, without_picture};
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::probability::of_largest;
use crate::evaluation::similarity::divergences;
use crate::evaluation::timing::{Model, measure};
use crate::images::thumbnail::thumbnail;
use crate::names::TEXT_ONLY;
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates models that choose among descriptions of pictures.
pub(crate) struct PictureChoiceEvaluator<'a> {
    questions: Vec<DescribedPicture<'a>>,
    languages: Vec<String>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
}

/// The teacher with its scores of the descriptions of each test picture.
struct EvaluatedTeacher {
    teacher: Arc<EncoderTeacher>,
    pipeline: PictureChoicePipeline,
    scores: Vec<Vec<f32>>,
}

impl<'a> PictureChoiceEvaluator<'a> {
    /// Takes the test questions, and has the teacher choose.
    pub(crate) fn new(
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let all = |split| of_split(corpora, &options.data, split, |_, _| Some(true));
        let mut questions = all(Split::Test)?;
        subsample(&mut questions, options.limit.unwrap_or(usize::MAX));
        if questions.is_empty() {
            return Err(RunError::Recipe(
                "the evaluation's test splits hold no picture with descriptions".into(),
            ));
        }
        let slice = |own: &DescribedPicture<'_>| {
            let parts = own.question.kind.iter().chain(&own.picture.style);
            parts.cloned().collect::<Vec<_>>().join(", ")
        };
        let mut slices: Vec<String> = questions.iter().map(slice).collect();
        if slices.iter().all(|slice| *slice == slices[0]) {
            slices.clear();
        }
        let trivial = TrivialBaseline {
            name: TEXT_ONLY,
            description: "does not see the picture: the description whose words were, in the training split, oftener in true \
                          descriptions than in others",
            predictions: without_picture(&all(Split::Train)?, &questions),
        };
        let references = questions.iter().map(DescribedPicture::reference).collect();
        let mut test_set = TestSet {
            slices,
            trivial: vec![trivial],
            ..TestSet::new("picture", "pictures", PredictionKind::Choice, references)
        }
        .with_metrics(options)?;
        let mut teacher = None;
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher chooses", questions.len(), 0);
            let own = context.run.models.encoder(name)?;
            let pipeline = PictureChoicePipeline::from_model(own.model())?;
            let scores = scores(&pipeline, &questions)?;
            test_set.teacher = Some(scores.iter().map(|scores| prediction(scores)).collect());
            teacher = Some(EvaluatedTeacher { teacher: own, pipeline, scores });
            observer.finished(&counted(questions.len(), "question", "questions"));
        }
        let mut languages: Vec<String> = Vec::new();
        for corpus in corpora.datasets::<PictureChoice>(&options.data)? {
            languages.extend(corpus.details.languages.iter().cloned());
        }
        languages.sort();
        languages.dedup();
        Ok(Self { questions, languages, test_set, teacher })
    }

    /// Some of the questions, by their places.
    fn asked(&self, places: &[usize]) -> Vec<DescribedPicture<'a>> {
        places.iter().map(|&place| self.questions[place]).collect()
    }
}

impl Evaluator for PictureChoiceEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| -> &dyn Teacher { &*own.teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let scores = scores(&PictureChoicePipeline::load(folder)?, &self.questions)?;
        progress(scores.len());
        Ok(scores.iter().map(|scores| prediction(scores)).collect())
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(teacher) = &self.teacher else { return Ok(IndexMap::new()) };
        let rows = |scores: &[Vec<f32>]| scores.iter().map(|row| vec![row.clone()]).collect::<Vec<_>>();
        let own = scores(&PictureChoicePipeline::load(student)?, &self.questions)?;
        let [mean, shuffled] = divergences(&rows(&own), &rows(&teacher.scores));
        Ok([("kl-from-teacher", mean), ("kl-from-teacher-shuffled", shuffled)]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = PictureChoicePipeline::load(student)?;
        let mut timed = self.questions.clone();
        subsample(&mut timed, max);
        let prepare = |pipeline: &PictureChoicePipeline| -> Result<Vec<ProcessedImage>, RunError> {
            timed.iter().map(|own| Ok(pipeline.image_processor().process(own.picture)?)).collect()
        };
        let choose = |pipeline: &PictureChoicePipeline, images: &[ProcessedImage], batch: &[usize]| {
            let inputs: Vec<DescribedImage<'_>> =
                batch.iter().map(|&index| (&images[index], timed[index].descriptions())).collect();
            pipeline.scores(&inputs)?;
            Ok::<_, RunError>(())
        };
        let images = prepare(&student)?;
        let by_student = |batch: &[usize]| choose(&student, &images, batch);
        let teacher = match &self.teacher {
            Some(own) => Some((&own.pipeline, prepare(&own.pipeline)?)),
            None => None,
        };
        let by_teacher = |batch: &[usize]| {
            teacher.as_ref().map_or(Ok(()), |(pipeline, images)| choose(pipeline, images, batch))
        };
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(timed.len(), max, &models)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let scores = match (folder, &self.teacher) {
            (Some(folder), _) => scores(&PictureChoicePipeline::load(folder)?, &self.asked(examples))?,
            (None, Some(teacher)) => examples.iter().map(|&index| teacher.scores[index].clone()).collect(),
            (None, None) => Vec::new(),
        };
        Ok(scores.iter().map(|scores| of_largest(scores)).collect())
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        let picture = self.questions[index].picture;
        if picture.has_pixels() { thumbnail(picture).map(Some) } else { Ok(None) }
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.questions[index].descriptions().join(" / "), None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let descriptions = self.questions[index].descriptions();
        let text = match prediction {
            Prediction::Choice(place) => descriptions.get(*place).copied(),
            _ => None,
        };
        Text::new(text.unwrap_or_default(), None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let question = self.questions.first();
        let choices: Vec<String> =
            question.into_iter().flat_map(DescribedPicture::descriptions).map(str::to_owned).collect();
        let output = match first {
            Some(Prediction::Choice(place)) => choices.get(*place).cloned(),
            _ => None,
        };
        CardMetadata {
            task: "zero-shot-image-classification",
            tags: Vec::new(),
            languages: self.languages.clone(),
            command: format!("alambic predict student --image IMAGE.png {}", shell_word(&choices.join("\t"))),
            output,
            example: UsageExample {
                text: question.map(|own| own.question.description().to_owned()).unwrap_or_default(),
                ..UsageExample::default()
            },
            limits: vec![
                "It was evaluated on pictures and descriptions like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
