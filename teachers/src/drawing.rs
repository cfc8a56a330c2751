//! Models that draw images as teachers, and records of what they drew.

use std::path::Path;

use alambic_inference::{DrawingOptions, ImageGenerationPipeline, re_ranker_folder};
use alambic_models::ModelFolder;
use alambic_models::image_tokenizer::ImageTokenizerConfig;
use alambic_ranks::Ranks;
use serde::{Deserialize, Serialize};

use crate::TeacherError;
use crate::append_only_cache::{AppendOnlyCache, Fingerprint};
use crate::digest::model_digest;

/// Texts between two writes to the file.
const CHUNK: usize = 256;

/// A text as a record has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedText {
    text: String,
}

/// The best image that a teacher drew of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawnCodes {
    /// Its codes, row by row.
    pub codes: Vec<u32>,
    /// The mean log-probability of a token.
    pub log_probability: f32,
    /// Its similarity to the text by the re-ranker; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

/// Model of a folder that draws images, with its re-ranker: a pipeline of both, whose best of several images a student learns.
pub struct DrawingTeacher {
    pipeline: ImageGenerationPipeline,
    options: DrawingOptions,
    digest: String,
}

impl DrawingTeacher {
    /// Loads a model folder, which draws as it is told.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture draws no images.
    pub fn load(path: &Path, options: DrawingOptions) -> Result<Self, TeacherError> {
        let (pipeline, folder) = (ImageGenerationPipeline::load(path)?, ModelFolder::open(path)?);
        let mut digest = model_digest(&folder, &folder.tokenizer()?)?;
        if let Some(re_ranker) = re_ranker_folder(path) {
            let own = ModelFolder::open(&re_ranker)?;
            digest = format!("{digest}, {}", model_digest(&own, &own.tokenizer()?)?);
        }
        Ok(Self { pipeline, options, digest })
    }

    /// The image tokenizer of whose codes it draws.
    #[must_use]
    pub fn image_tokenizer(&self) -> &ImageTokenizerConfig {
        &self.pipeline.network().config().image_tokenizer
    }

    /// The best image of each text, read from a record as far as that goes, and drawn and appended from there. A record that was
    /// interrupted ends as one of a single run. `progress` gets the number of texts read, then the numbers of those done. Ranks share the
    /// work; each of them has to ask for it.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the record was made with other weights, texts or settings; any error of the model or the file.
    pub fn complete(
        &self,
        record: &Path,
        texts: &[&str],
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<DrawnCodes>, TeacherError> {
        let recorded: Vec<RecordedText> =
            texts.iter().map(|text| RecordedText { text: (*text).to_owned() }).collect();
        let fingerprint = Fingerprint {
            weights: self.digest.clone(),
            data: Fingerprint::of_data(recorded.iter().map(|own| [own.text.as_str()])),
            settings: self.options.identity(),
        };
        let mut draw = |chunk: &[RecordedText], progress: &mut dyn FnMut(usize)| {
            let texts: Vec<&str> = chunk.iter().map(|own| own.text.as_str()).collect();
            let drawn = self.pipeline.draw(&texts, &self.options)?;
            progress(chunk.len());
            let best = drawn.into_iter().filter_map(|images| images.into_iter().next());
            let codes = best.map(|image| DrawnCodes {
                codes: image.codes,
                log_probability: image.log_probability,
                similarity: image.similarity,
            });
            Ok(codes.collect())
        };
        AppendOnlyCache::complete_with(record, fingerprint, &recorded, CHUNK, ranks, &mut draw, progress)
    }

    /// The images that it makes of codes which it drew for texts.
    ///
    /// # Errors
    /// When codes are not those of whole images.
    pub fn images(
        &self,
        texts: &[&str],
        codes: &[Vec<u32>],
    ) -> Result<Vec<alambic_data::Raster>, TeacherError> {
        Ok(self.pipeline.draw_codes(texts, codes)?)
    }
}
