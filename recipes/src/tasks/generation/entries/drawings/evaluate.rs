//! Evaluating models by the images that they draw of captions of the test split.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alambic_data::{Picture, Raster, Split};
use alambic_files::text::shell_word;
use alambic_inference::{DrawingOptions, ImageGenerationPipeline};
use alambic_models::{Config, ModelFolder, Sampling};
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};

use super::judge::{DrawnCodes, Judge, halved};
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, InputChange, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::timing::{Model, measure};
use crate::images::thumbnail::{thumbnail, thumbnail_of};
use crate::names::{HALVED_IMAGES, REAL_IMAGES};
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::generation::entries::options::GenerationEntry;
use crate::tasks::image_tokenization::raster_of;

/// Rows of a student that makes its images of codes alone.
const OF_CODES: &[InputChange] = &[InputChange::RealTokens];
/// The same of one that draws several and chooses the best.
const OF_CODES_AND_BEST: &[InputChange] = &[InputChange::RealTokens, InputChange::BestOfSeveral];
/// Rows of a student with a reconstructor.
const OF_STATES: &[InputChange] =
    &[InputChange::TokenizerDecoder, InputChange::RealTokens, InputChange::RealTokensByTokenizer];
/// The same of one that draws several and chooses the best.
const OF_STATES_AND_BEST: &[InputChange] = &[
    InputChange::TokenizerDecoder,
    InputChange::RealTokens,
    InputChange::RealTokensByTokenizer,
    InputChange::BestOfSeveral,
];

/// Evaluates models that draw images.
pub(crate) struct DrawingEvaluator<'a> {
    context: &'a EvaluationContext<'a>,
    pictures: Vec<&'a Picture>,
    captions: Vec<String>,
    languages: Vec<Option<&'a str>>,
    /// The images that the captions tell of.
    real: Vec<Raster>,
    judge: Judge,
    changes: &'static [InputChange],
    test_set: TestSet,
    teacher: Option<(Arc<EncoderTeacher>, ImageGenerationPipeline)>,
}

impl<'a> DrawingEvaluator<'a> {
    /// Takes the captions of the test split by which an entry has images drawn.
    pub(crate) fn new(
        entry: &'a GenerationEntry,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let mut asked = entry.examples_of(&options.data, &context.run.corpora, Split::Test)?;
        subsample(&mut asked, options.limit.unwrap_or(usize::MAX));
        let Config::ErnieVilg(config) = Config::open(&ModelFolder::open(context.student)?)? else {
            return Err(RunError::Recipe("the student of the last stage draws no images".into()));
        };
        let (mut pictures, mut captions, mut languages, mut real) = (vec![], vec![], vec![], vec![]);
        for example in asked {
            let Some(picture) = example.picture else { continue };
            let raster = raster_of(picture, &config.image_tokenizer)?;
            for version in example.versions {
                pictures.push(picture);
                captions.push(version.prompt);
                languages.push(version.language);
                real.push(raster.clone());
            }
        }
        if captions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no caption".into()));
        }
        let of: Vec<&str> = captions.iter().map(String::as_str).collect();
        let judge = Judge::load(options, context.run, &of)?;
        let known = judge.real(&pictures, &real)?;
        let halves = TrivialBaseline {
            name: HALVED_IMAGES,
            description: "no model: one half of the real images beside the other, as far apart as images of one kind are",
            predictions: halved(&pictures, &known).into_iter().map(Prediction::Drawing).collect(),
        };
        let references = known.into_iter().map(Prediction::Drawing).collect();
        let as_drawn = real.iter().map(|raster| (raster.clone(), Vec::new())).collect();
        let ceiling = judge.judge(&pictures, &of, as_drawn, None)?;
        let trivial = TrivialBaseline {
            name: REAL_IMAGES,
            description: "no model: the images that the texts tell of, by which it is seen what can be reached",
            predictions: ceiling.into_iter().map(Prediction::Drawing).collect(),
        };
        let several = languages.iter().any(|language| *language != languages[0]);
        let slices = if several {
            languages.iter().map(|own| own.unwrap_or("").to_owned()).collect()
        } else {
            Vec::new()
        };
        let test_set = TestSet {
            slices,
            has_languages: several,
            source_language: languages.first().copied().flatten().filter(|_| several).map(str::to_owned),
            trivial: vec![trivial, halves],
            ..TestSet::new("image", "images", PredictionKind::Drawing, references)
        };
        let changes = match (config.reconstructor, options.candidates) {
            (None, 1) => OF_CODES,
            (None, _) => OF_CODES_AND_BEST,
            (Some(_), 1) => OF_STATES,
            (Some(_), _) => OF_STATES_AND_BEST,
        };
        let test_set = test_set.with_metrics(options)?;
        let mut evaluator =
            Self { context, pictures, captions, languages, real, judge, changes, test_set, teacher: None };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher draws", evaluator.captions.len(), 0);
            let teacher = context.run.models.encoder(name)?;
            let pipeline = ImageGenerationPipeline::load(teacher.model().folder())?;
            let captions = evaluator.captions();
            let drawn = evaluator.drawn(&pipeline, &captions, options.candidates, &mut |_| {})?;
            let judged = evaluator.judge.judge(&evaluator.pictures, &captions, drawn, None)?;
            evaluator.test_set.teacher = Some(judged.into_iter().map(Prediction::Drawing).collect());
            evaluator.teacher = Some((teacher, pipeline));
            observer.finished(&format!("{} images", evaluator.captions.len()));
        }
        Ok(evaluator)
    }

    fn captions(&self) -> Vec<&str> {
        self.captions.iter().map(String::as_str).collect()
    }

    /// How images are drawn: by the evaluation's options of sampling, one of each text, or the best of several. A text that was drawn so often before is
    /// drawn with another seed.
    fn options(&self, candidates: usize, before: usize) -> DrawingOptions {
        let options = self.context.options.decoding.clone();
        let sampling = Sampling {
            temperature: options.temperature.unwrap_or(1.0),
            top_k: options.top_k,
            top_p: options.top_p.unwrap_or(1.0),
            seed: options.sampling_seed.unwrap_or(1).wrapping_add(before as u64),
        };
        DrawingOptions { sampling: Some(sampling), candidates }
    }

    /// One image of each caption. Several images have the same caption: each is drawn anew, since one drawing over and over would count as a lack of
    /// variety.
    fn drawn(
        &self,
        pipeline: &ImageGenerationPipeline,
        captions: &[&str],
        candidates: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<DrawnCodes>, RunError> {
        let mut times: HashMap<&str, usize> = HashMap::new();
        let mut rounds: Vec<Vec<usize>> = Vec::new();
        for (place, caption) in captions.iter().enumerate() {
            let before = times.entry(caption).or_default();
            if rounds.len() == *before {
                rounds.push(Vec::new());
            }
            rounds[*before].push(place);
            *before += 1;
        }
        let mut all: Vec<Option<DrawnCodes>> = captions.iter().map(|_| None).collect();
        for (before, places) in rounds.iter().enumerate() {
            let options = self.options(candidates, before);
            for places in places.chunks(64) {
                let own: Vec<&str> = places.iter().map(|&place| captions[place]).collect();
                let drawn = pipeline.draw(&own, &options)?;
                progress(own.len());
                for (&place, images) in places.iter().zip(drawn) {
                    all[place] = images.into_iter().next().map(|image| (image.raster, image.codes));
                }
            }
        }
        Ok(all.into_iter().flatten().collect())
    }
}

impl Evaluator for DrawingEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn input_changes(&self) -> &'static [InputChange] {
        self.changes
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|(teacher, _)| -> &dyn Teacher { &**teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let pipeline = ImageGenerationPipeline::load(folder)?;
        let (captions, real): (Vec<&str>, Vec<&Raster>) = (self.captions(), self.real.iter().collect());
        let drawn = match role {
            ModelRole::Changed(InputChange::BestOfSeveral) => {
                self.drawn(&pipeline, &captions, self.context.options.candidates, progress)?
            }
            ModelRole::Changed(InputChange::TokenizerDecoder) => {
                let drawn = self.drawn(&pipeline, &captions, 1, progress)?;
                let codes: Vec<Vec<u32>> = drawn.into_iter().map(|(_, codes)| codes).collect();
                pipeline.decode(&codes)?.into_iter().zip(codes).collect()
            }
            ModelRole::Changed(InputChange::RealTokens) => {
                let codes = pipeline.encode(&real)?;
                progress(codes.len());
                pipeline.draw_codes(&captions, &codes)?.into_iter().zip(codes).collect()
            }
            ModelRole::Changed(InputChange::RealTokensByTokenizer) => {
                let codes = pipeline.encode(&real)?;
                progress(codes.len());
                pipeline.decode(&codes)?.into_iter().zip(codes).collect()
            }
            _ => self.drawn(&pipeline, &captions, 1, progress)?,
        };
        let is_made_again = matches!(role, ModelRole::Changed(change) if change.has_real_tokens());
        let made_of = is_made_again.then_some(self.real.as_slice());
        let judged = self.judge.judge(&self.pictures, &captions, drawn, made_of)?;
        Ok(judged.into_iter().map(Prediction::Drawing).collect())
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of an image that is drawn of a text, and of the best of as many as the teacher draws.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let pipeline = ImageGenerationPipeline::load(student)?;
        let draw = |pipeline: &ImageGenerationPipeline, candidates: usize, batch: &[usize]| {
            let captions: Vec<&str> = batch.iter().map(|&index| self.captions[index].as_str()).collect();
            self.drawn(pipeline, &captions, candidates, &mut |_| {}).map(|_| ())
        };
        let by_student = |batch: &[usize]| draw(&pipeline, 1, batch);
        let Some((_, teacher)) = &self.teacher else {
            return measure(self.captions.len(), max, &[(STUDENT, &by_student)]);
        };
        let by_teacher = |batch: &[usize]| draw(teacher, self.context.options.candidates, batch);
        let models: [(&str, Model<'_>); 2] = [(TEACHER, &by_teacher), (STUDENT, &by_student)];
        measure(self.captions.len(), max, &models)
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        thumbnail(self.pictures[index]).map(Some)
    }

    fn shown_image(&self, index: usize, prediction: &Prediction) -> Result<Option<Image>, RunError> {
        match prediction {
            Prediction::Drawing(drawing) => {
                thumbnail_of(&drawing.raster, &self.pictures[index].name).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn purpose(&self) -> Option<String> {
        Some(
            "Images are drawn of texts, token by token. What is in them is judged by models that were trained apart: a scorer, by whose \
             vectors drawn images are compared with real ones, and a detector, which looks for the objects that the texts name."
                .to_owned(),
        )
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.captions[index], self.languages[index])
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            Prediction::Drawing(drawing) => drawing.objects.as_ref().map(|objects| objects.join(", ")),
            _ => None,
        };
        Text::new(&text.unwrap_or_default(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let caption = self.captions.first().cloned().unwrap_or_default();
        let mut languages: Vec<String> = self.languages.iter().flatten().map(ToString::to_string).collect();
        languages.sort_unstable();
        languages.dedup();
        CardMetadata {
            task: "text-to-image",
            tags: vec!["text-to-image", "image-to-text"],
            languages,
            command: format!("alambic predict student --draw IMAGE.png {}", shell_word(&caption)),
            example: UsageExample { text: caption, ..UsageExample::default() },
            output: None,
            limits: vec![
                "It was evaluated on texts like those that it was trained on, and on no others; what it draws of other words is arbitrary."
                    .into(),
            ],
        }
    }
}
