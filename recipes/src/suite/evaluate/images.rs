//! Tasks about images: which models can be asked, their answers to questions, and what they find by captions and by images.

use std::path::Path;

use alambic_data::Picture;
use alambic_data::benchmarks::{
    BenchmarkImages, Examples, ImageCaption, ImageSet, Predictions, VisualQuestion,
};
use alambic_data::{BenchmarkFault, DataError, Place};
use alambic_files::text::quoted;
use alambic_inference::{
    ImageProcessor, LoadedModel, RetrievalPipeline, VisualQuestionAnsweringPipeline, nearest_neighbours,
};
use alambic_models::Config;
use alambic_settings::IndexMap;

use super::super::score::SuiteError;
use super::bitext::in_rows;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::tasks::{answer_all, embed_pictures};

/// Questions between two reports of progress, whose images are in memory together.
const CHUNK: usize = 128;
/// Places of a ranking that are written, the best ones.
const WRITTEN: usize = 10;

/// Questions of ten whose right answer a head has to have for the model to be asked as it is.
const KNOWN_OF_TEN: usize = 9;

/// Why a model cannot be asked about the images of a task; none where it can. `folder` is that of the images.
pub(super) fn refusal(model: &LoadedModel, examples: &Examples, folder: Option<&Path>) -> Option<String> {
    let images = examples.images()?;
    let config = model.config();
    let kind = config.model_type();
    match (examples, config.outline().pairs) {
        (Examples::Captions { .. }, false) => {
            return Some(format!(
                "a {kind} does not embed texts and images in one space; models of two towers, as CLIP, are asked"
            ));
        }
        (Examples::VisualQuestions { .. }, true) => {
            return Some(format!("a {kind} finds images by texts, and has no head over answers"));
        }
        _ => {}
    }
    let processor = match ImageProcessor::load(config, model.folder()) {
        Ok(processor) => processor,
        Err(error) => return Some(error.to_string()),
    };
    let lacks = |has: fn(&Picture) -> bool| images.pictures.iter().any(|picture| !has(picture));
    let reads_pixels = match &processor {
        ImageProcessor::Patches(_) => true,
        ImageProcessor::Regions(own) if lacks(|picture| picture.regions.is_some()) => {
            if !own.has_detector() {
                return Some(format!(
                    "a {kind} reads regions of images: name files of them by `regions` of the task's corpus"
                ));
            }
            true
        }
        ImageProcessor::Regions(_) => false,
    };
    (reads_pixels && lacks(Picture::has_pixels)).then(|| {
        let folder = folder.map(|own| own.display().to_string()).unwrap_or_default();
        format!("a {kind} reads pixels, and there is no folder `{}`", quoted(&folder))
    })
}

/// Makes sure that the regions of images have as many features as a model reads.
pub(super) fn check_regions(name: &str, model: &LoadedModel, images: &ImageSet) -> Result<(), SuiteError> {
    let Ok(ImageProcessor::Regions(own)) = ImageProcessor::new(model.config(), None) else { return Ok(()) };
    let widths = images.pictures.iter().filter_map(|picture| Some(picture.regions.as_ref()?.width()));
    let Some(found) = widths.into_iter().find(|width| !own.is_compatible_width(*width)) else {
        return Ok(());
    };
    let file = images.regions.as_ref().and_then(|own| own.features.first()).map(ToString::to_string);
    let fault = BenchmarkFault::RegionWidth { model: name.to_owned(), found, expected: own.feature_width() };
    Err(DataError::new(Place::file(&file.unwrap_or_default()), fault.into()).into())
}

/// Whether the answers of a head are those of a task: the same classes, or, where a task has no fixed ones, nearly all right answers
/// that are known.
pub(super) fn has_answers(config: &Config, questions: &[VisualQuestion], classes: &[&str]) -> bool {
    let labels = config.outline().labels;
    let has = |answer: &str| labels.iter().any(|own| own == answer);
    if !classes.is_empty() {
        return labels.len() == classes.len() && classes.iter().all(|class| has(class));
    }
    let known: Vec<&str> = questions.iter().filter_map(|own| own.answer.as_deref()).collect();
    let among = known.iter().filter(|answer| has(answer)).count();
    !labels.is_empty() && 10 * among >= KNOWN_OF_TEN * known.len()
}

/// The answers of a model to questions: by their ids, or as classes in order.
pub(super) fn answers(
    model: &LoadedModel,
    questions: &[VisualQuestion],
    images: &ImageSet,
    max_length: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Predictions, RunError> {
    let pipeline = VisualQuestionAnsweringPipeline::from_model(model)?.with_max_length(max_length)?;
    let mut found = Vec::with_capacity(questions.len());
    for some in questions.chunks(CHUNK) {
        let mut store = ImageStore::new(pipeline.image_processor().clone());
        let asked = some
            .iter()
            .map(|own| Ok((own.text.as_str(), store.add(&images.pictures[own.image])?)))
            .collect::<Result<Vec<_>, RunError>>()?;
        let logits = answer_all(&pipeline, &store, &asked)?;
        found.extend(logits.iter().map(|logits| pipeline.label(logits)));
        progress(some.len());
    }
    let ids: Option<Vec<&String>> = questions.iter().map(|own| own.id.as_ref()).collect();
    Ok(match ids {
        Some(ids) => {
            let by_id: IndexMap<String, String> = ids.into_iter().cloned().zip(found).collect();
            Predictions::Answers(by_id)
        }
        None => Predictions::Classes(found),
    })
}

/// The images that a model finds by each caption, and the captions by each image, the best first.
pub(super) fn rankings(
    model: &LoadedModel,
    captions: &[ImageCaption],
    images: &ImageSet,
    max_length: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Predictions, RunError> {
    let pipeline = RetrievalPipeline::from_model(model)?.with_max_length(max_length)?;
    let texts: Vec<&str> = captions.iter().map(|own| own.text.as_str()).collect();
    let texts = pipeline.embed_texts(&texts)?;
    let pictures: Vec<&Picture> = images.pictures.iter().collect();
    let pictures = embed_pictures(&pipeline, &pictures)?;
    let images = in_rows(&texts, |some| Ok(nearest_neighbours(some, &pictures, WRITTEN)?))?;
    let captions_found = in_rows(&pictures, |some| Ok(nearest_neighbours(some, &texts, WRITTEN)?))?;
    progress(captions.len());
    Ok(Predictions::Rankings { images: Some(images), captions: Some(captions_found) })
}

/// Why a task cannot be asked where its images should be; none where they are, or regions of them.
pub(super) fn without_images(images: &BenchmarkImages, task_folder: &Path) -> Option<String> {
    let folder = images.folder_in(task_folder);
    (images.regions.is_none() && !folder.is_dir()).then(|| {
        format!("there is no folder `{}`, where its images should be", quoted(&folder.display().to_string()))
    })
}
