//! Evaluating models by the images that captions retrieve, and the captions that images do.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{Picture, Split};
use alambic_files::text::shell_word;
use alambic_inference::{ImageTextMatchingPipeline, ProcessedImage, RetrievalPipeline, nearest_neighbours};
use alambic_models::{Config, ModelFolder};
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{IllustratedExample, IllustratedExamples, Text};
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};
use alambic_tensor::candle::Tensor;

use super::ranker::{Ranker, best, pair_scores};
use super::set::{CaptionedPicture, RetrievalSet, prepared};
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::retrieval::{RESULTS, first};
use crate::evaluation::timing::{Model, measure};
use crate::images::thumbnail::thumbnail;
use crate::observer::Observer;
use crate::options::evaluation::CaptionRelevance;
use crate::subsample::subsample;

/// Evaluates models that retrieve images by captions, and captions by images.
pub(crate) struct RetrievalEvaluator<'a> {
    set: RetrievalSet<'a>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
    /// Whether the student reads each caption with each image.
    reads_pairs: bool,
    /// Whether it compares a caption and an image in one pass, too.
    has_similarity: bool,
}

/// The teacher, read as the student is.
struct EvaluatedTeacher {
    teacher: Arc<EncoderTeacher>,
    ranker: Ranker,
}

impl<'a> RetrievalEvaluator<'a> {
    /// Takes the test images, and has the teacher retrieve them.
    pub(crate) fn new(
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let mut pictures =
            context.run.corpora.captioned(&options.data, Split::Test, &options.student_languages)?;
        subsample(&mut pictures, options.limit.unwrap_or(usize::MAX));
        if pictures.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no image with a caption".into()));
        }
        let of_languages = |picture| CaptionedPicture::new(picture, &options.student_languages);
        let are_told = options.caption_relevance == CaptionRelevance::True;
        let set = RetrievalSet::new(pictures.into_iter().map(of_languages).collect(), are_told);
        let pairs = set.captions.len() * set.pictures.len();
        let student = Config::open(&ModelFolder::open(context.student)?)?;
        let (reads_pairs, has_similarity) = (!student.outline().pairs, student.outline().similarity);
        let test_set = TestSet {
            slices: set.slices(),
            ..TestSet::new("query", "queries", PredictionKind::Ranking, set.relevant().to_vec())
        };
        let mut test_set = test_set.with_metrics(options)?;
        let mut teacher = None;
        if let Some(name) = &options.teacher {
            let own = context.run.models.encoder(name)?;
            let ranker = Ranker::from_model(own.model())?;
            if ranker.reads_pairs() {
                observer.task("evaluation: pairs that the teacher reads", pairs, 0);
            } else {
                observer.task("evaluation: teacher's results", test_set.references.len(), 0);
            }
            test_set.teacher = Some(set.rank_by(&ranker)?);
            observer.finished(&format!("{} queries", test_set.references.len()));
            teacher = Some(EvaluatedTeacher { teacher: own, ranker });
        }
        Ok(Self { set, test_set, teacher, reads_pairs, has_similarity })
    }

    /// The first result of a query, or the only right one.
    fn first(&self, query: usize, prediction: &Prediction) -> Option<FirstResult<'a>> {
        let place = first(prediction)?;
        if query < self.set.captions.len() {
            self.set.pictures.get(place).copied().map(FirstResult::Picture)
        } else {
            self.set.captions.get(place).copied().map(FirstResult::Caption)
        }
    }
}

/// Images that a model searches.
enum SearchedImages<'m> {
    /// Embeddings of all images, and some images to be read.
    Stored { pipeline: &'m RetrievalPipeline, images: Vec<ProcessedImage>, stored: Tensor },
    /// All images, each of which is read with a text.
    Read { pipeline: &'m ImageTextMatchingPipeline, images: Vec<ProcessedImage> },
}

impl<'m> SearchedImages<'m> {
    fn new(ranker: &'m Ranker, set: &RetrievalSet<'_>, some: &[&Picture]) -> Result<Self, RunError> {
        let image_processor = ranker.image_processor();
        Ok(match ranker {
            Ranker::Towers(pipeline) => Self::Stored {
                pipeline,
                images: prepared(image_processor, some)?,
                stored: set.embed_images(pipeline)?,
            },
            Ranker::Fusion(pipeline) => {
                Self::Read { pipeline, images: prepared(image_processor, &set.pictures)? }
            }
        })
    }

    /// Finds images by texts.
    fn search(&self, texts: &[&str]) -> Result<(), RunError> {
        match self {
            Self::Stored { pipeline, stored, .. } => {
                nearest_neighbours(&pipeline.embed_texts(texts)?, stored, RESULTS)?;
            }
            Self::Read { pipeline, images } => {
                for scores in pair_scores(pipeline, texts, images)? {
                    best(&scores, RESULTS)?;
                }
            }
        }
        Ok(())
    }

    /// Reads images, so that they can be searched.
    fn read(&self, batch: &[usize]) -> Result<(), RunError> {
        if let Self::Stored { pipeline, images, .. } = self {
            pipeline.embed_images(&batch.iter().map(|&index| &images[index]).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// Models at work, as they are timed.
fn turns<'m, F: Fn(&[usize]) -> Result<(), RunError>>(models: &'m [(&str, F)]) -> Vec<(&'m str, Model<'m>)> {
    models.iter().map(|(name, model)| (*name, model as Model<'m>)).collect()
}

/// The captions of an image, for a reader.
fn captions_of(picture: &Picture) -> String {
    let texts: Vec<&str> = picture.captions.iter().map(|caption| caption.text.as_str()).collect();
    texts.join(" / ")
}

/// First result of a query.
enum FirstResult<'a> {
    Picture(&'a Picture),
    Caption(&'a str),
}

impl Evaluator for RetrievalEvaluator<'_> {
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
        let results = self.set.rank_by(&Ranker::load(folder)?)?;
        progress(results.len());
        Ok(results)
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of a caption that is read and compared with all images, whose embeddings are stored, and of an image that is read.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = Ranker::load(student)?;
        let teacher = self.teacher.as_ref().map(|own| (TEACHER, &own.ranker));
        let mut pictures = self.set.pictures.clone();
        subsample(&mut pictures, max);
        let ready = teacher
            .into_iter()
            .chain([(STUDENT, &student)])
            .map(|(name, ranker)| Ok((name, SearchedImages::new(ranker, &self.set, &pictures)?)));
        let ready: Vec<(&str, SearchedImages<'_>)> = ready.collect::<Result<_, RunError>>()?;
        let searches: Vec<_> = ready
            .iter()
            .map(|(name, searched)| {
                let search = |batch: &[usize]| {
                    let texts: Vec<&str> = batch.iter().map(|&index| self.set.captions[index]).collect();
                    searched.search(&texts)
                };
                (*name, search)
            })
            .collect();
        // An image of which nothing is stored is read with each text.
        let reads: Vec<_> = ready
            .iter()
            .filter(|(_, searched)| matches!(searched, SearchedImages::Stored { .. }))
            .map(|(name, searched)| (*name, |batch: &[usize]| searched.read(batch)))
            .collect();
        let mut times = measure(self.set.captions.len(), max, &turns(&searches))?;
        if reads.is_empty() {
            return Ok(times);
        }
        let images = measure(pictures.len(), max, &turns(&reads))?;
        times.extend(images.into_iter().map(|(setting, own)| (format!("{setting}, reading an image"), own)));
        Ok(times)
    }

    fn illustrated_examples(
        &self,
        examples: &[usize],
        models: &[(&str, &Path)],
    ) -> Result<IllustratedExamples, RunError> {
        // Of images whose regions alone are known there is nothing to see.
        if !self.set.pictures.iter().all(|picture| picture.has_pixels()) {
            return Ok(IllustratedExamples::default());
        }
        let mut all: Vec<(&str, Vec<Prediction>)> = Vec::new();
        all.extend(self.test_set.teacher.clone().map(|results| (TEACHER, results)));
        for (name, folder) in models {
            all.push((name, self.set.rank_by(&Ranker::load(folder)?)?));
        }
        let image = |caption: String, picture: &Picture| {
            Ok::<_, RunError>(Image { caption, png: picture.load()?.to_png()? })
        };
        let map = |&query: &usize| {
            let mut images = Vec::new();
            let source = match self.set.picture(query) {
                None => {
                    if let Some(FirstResult::Picture(right)) = self.first(query, &self.set.relevant()[query])
                    {
                        images.push(image("the right image".into(), right)?);
                    }
                    for (name, results) in &all {
                        if let Some(FirstResult::Picture(found)) = self.first(query, &results[query]) {
                            images.push(image(format!("{name} finds first"), found)?);
                        }
                    }
                    self.set.captions[query].to_owned()
                }
                Some(picture) => {
                    let found = all.iter().filter_map(|(name, results)| {
                        match self.first(query, &results[query])? {
                            FirstResult::Caption(caption) => Some(format!("{name}: {caption}")),
                            FirstResult::Picture(_) => None,
                        }
                    });
                    images.push(image(found.collect::<Vec<_>>().join("; "), picture)?);
                    captions_of(picture)
                }
            };
            Ok(IllustratedExample { source, images })
        };
        Ok(IllustratedExamples {
            title: "First results".into(),
            about: "What models retrieve first by some captions and images of the test split.".into(),
            examples: examples.iter().map(map).collect::<Result<_, RunError>>()?,
        })
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        self.set.picture(index).filter(|picture| picture.has_pixels()).map(thumbnail).transpose()
    }

    fn shown_image(&self, index: usize, prediction: &Prediction) -> Result<Option<Image>, RunError> {
        match self.first(index, prediction) {
            Some(FirstResult::Picture(picture)) if picture.has_pixels() => thumbnail(picture).map(Some),
            Some(FirstResult::Picture(_) | FirstResult::Caption(_)) | None => Ok(None),
        }
    }

    fn purpose(&self) -> Option<String> {
        if self.reads_pairs {
            return Some(
                "A fusion encoder reads a text and an image together, and nothing of either can be stored: a query is read with each of \
                 the images, so that its time grows with their number. Two towers that learn from it encode each image once."
                    .to_owned(),
            );
        }
        Some(
            "A dual encoder is for searching images that are encoded before: each image is encoded once and stored, and a \
             query costs the encoding of its text and the comparison with what is stored. Its time is that of such a query; \
             encoding an image has a row of its own under Time."
                .to_owned(),
        )
    }

    fn source(&self, index: usize) -> Text {
        let of_picture = |picture: &Picture| picture.name.clone();
        let text = self.set.picture(index).map_or_else(|| self.set.captions[index].to_owned(), of_picture);
        Text::new(&text, None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let text = match self.first(index, prediction) {
            Some(FirstResult::Picture(picture)) => picture.name.clone(),
            Some(FirstResult::Caption(caption)) => caption.to_owned(),
            None => String::new(),
        };
        Text::new(&text, None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        let caption = self.set.captions.first().copied().unwrap_or_default();
        // What compares in one pass chooses among several.
        let several = self.set.captions.iter().take(if self.has_similarity { 2 } else { 1 });
        let described = several.copied().collect::<Vec<_>>().join("\t");
        CardMetadata {
            task: "zero-shot-image-classification",
            tags: vec![match (self.reads_pairs, self.has_similarity) {
                (true, _) => "oscar",
                (false, true) => "unimo",
                (false, false) => "clip",
            }],
            languages: Vec::new(),
            command: format!("alambic predict student --image IMAGE.png {}", shell_word(&described)),
            example: UsageExample { text: caption.to_owned(), ..UsageExample::default() },
            output: None,
            limits: vec![
                "It was evaluated on captions and images like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
