//! Models that write about images as teachers, and records of what they wrote.

use std::collections::HashMap;
use std::path::Path;

use alambic_data::Picture;
use alambic_data::questions::picture_key;
use alambic_inference::{ImagePrompt, ImageTextToTextPipeline, ProcessedImage};
use alambic_models::{GenerationConfig, ModelFolder};
use alambic_ranks::Ranks;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TeacherError;
use crate::append_only_cache::{AppendOnlyCache, Fingerprint};
use crate::digest::model_digest;
use crate::teacher::{GenerationOutput, generation_output};

/// Requests between two writes to the file; their images are in memory together.
const CHUNK: usize = 512;

/// A prompt, and the image that it is about; none where it is read by itself.
#[derive(Debug, Clone, Copy)]
pub struct ImageTextRequest<'a> {
    /// The image.
    pub picture: Option<&'a Picture>,
    /// The prompt.
    pub prompt: &'a str,
}

/// A request as a record has it: the image by what it shows, whatever it is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedRequest {
    image: String,
    prompt: String,
}

/// Model of a folder that writes about images.
#[derive(Debug)]
pub struct ImageTextTeacher {
    pipeline: ImageTextToTextPipeline,
    digest: String,
}

impl ImageTextTeacher {
    /// Loads a model folder, which decodes as it is told.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not write texts of images.
    pub fn load(path: &Path, generation: GenerationConfig) -> Result<Self, TeacherError> {
        let mut pipeline = ImageTextToTextPipeline::load(path)?;
        pipeline.set_generation(generation)?;
        let digest = model_digest(&ModelFolder::open(path)?, pipeline.generation().tokenizer())?;
        Ok(Self { pipeline, digest })
    }

    /// What it writes for the requests, read from a record as far as that goes, and written and appended from there. A record that
    /// was interrupted ends as one of a single run. `progress` gets the number of requests read, then the numbers of those done.
    /// Ranks share the work; each of them has to ask for it.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the record was made with other weights, requests or decoding; when an image cannot be read; any
    /// error of the model or the file.
    pub fn complete(
        &self,
        record: &Path,
        requests: &[ImageTextRequest<'_>],
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        // By their addresses: each image is read for its key once.
        let address = |picture: &Picture| std::ptr::from_ref(picture).addr();
        let distinct: HashMap<usize, &Picture> = requests
            .iter()
            .filter_map(|own| own.picture)
            .map(|picture| (address(picture), picture))
            .collect();
        let keys: HashMap<usize, String> = distinct
            .par_iter()
            .map(|(address, picture)| (*address, format!("{:032x}", picture_key(picture))))
            .collect();
        let key = |picture: Option<&Picture>| {
            picture.and_then(|picture| keys.get(&address(picture))).cloned().unwrap_or_default()
        };
        let recorded: Vec<RecordedRequest> = requests
            .iter()
            .map(|own| RecordedRequest { image: key(own.picture), prompt: own.prompt.to_owned() })
            .collect();
        let pictures: HashMap<&str, &Picture> = requests
            .iter()
            .zip(&recorded)
            .filter_map(|(own, recorded)| Some((recorded.image.as_str(), own.picture?)))
            .collect();
        let fingerprint = Fingerprint {
            weights: self.digest.clone(),
            data: Fingerprint::of_data(recorded.iter().map(|own| [own.image.as_str(), own.prompt.as_str()])),
            settings: self.pipeline.generation().generation.identity(),
        };
        let mut write = |chunk: &[RecordedRequest], progress: &mut dyn FnMut(usize)| {
            self.write(chunk, &pictures, progress)
        };
        AppendOnlyCache::complete_with(record, fingerprint, &recorded, CHUNK, ranks, &mut write, progress)
    }

    /// Writes for some requests. Those about images and those of prompts alone are written apart.
    fn write(
        &self,
        requests: &[RecordedRequest],
        pictures: &HashMap<&str, &Picture>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        let picture = |own: &RecordedRequest| pictures.get(own.image.as_str()).copied();
        let (seen, unseen): (Vec<&RecordedRequest>, Vec<&RecordedRequest>) =
            requests.iter().partition(|own| picture(own).is_some());
        let processor = self.pipeline.image_processor();
        let images: Vec<ProcessedImage> = seen
            .par_iter()
            .filter_map(|own| Some(processor.process(picture(own)?)))
            .collect::<Result<_, _>>()?;
        let prompts: Vec<ImagePrompt<'_>> = seen
            .iter()
            .zip(&images)
            .map(|(own, image)| ImagePrompt { image, prompt: &own.prompt, language: "" })
            .collect();
        let texts: Vec<(&str, &str)> = unseen.iter().map(|own| (own.prompt.as_str(), "")).collect();
        let mut of_images = self.pipeline.generate(&prompts, progress)?.into_iter();
        let mut of_prompts = self.pipeline.generation().generate(&texts, progress)?.into_iter();
        let next = |own: &RecordedRequest| {
            let hypotheses = if picture(own).is_some() { of_images.next() } else { of_prompts.next() };
            hypotheses.map(generation_output)
        };
        Ok(requests.iter().filter_map(next).collect())
    }
}
