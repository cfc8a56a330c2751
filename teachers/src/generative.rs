//! Encoder-decoders as teachers.

use std::path::Path;

use alambic_inference::GenerationPipeline;
use alambic_models::{
    GenerationConfig, Hypothesis, ModelFolder, Outline, Pass, TapSelection, Tokenizer, Trace,
};

use crate::TeacherError;
use crate::digest::model_digest;
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher, TeacherBatch, generation_output};

/// Encoder-decoder of a folder as a teacher, which generates targets and whose taps are read. Its copies share one network.
#[derive(Debug, Clone)]
pub struct GenerativeTeacher {
    pipeline: GenerationPipeline,
    outline: Outline,
    digest: String,
    bytes: u64,
}

impl GenerativeTeacher {
    /// Loads a model folder; decoding is greedy, up to its maximum length.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not generate text.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let pipeline = GenerationPipeline::from_folder(&folder)?;
        Ok(Self {
            outline: pipeline.config().outline(),
            digest: model_digest(&folder, pipeline.tokenizer())?,
            bytes: folder.bytes()?,
            pipeline,
        })
    }

    /// The same model with other decoding.
    #[must_use]
    pub fn with_generation(mut self, generation: GenerationConfig) -> Self {
        self.pipeline.generation = generation;
        self
    }

    /// The same model decoding as `generation` says, where it follows transformers by the rules of the model's folder too.
    ///
    /// # Errors
    /// When the folder's settings of generation are broken.
    pub fn decoding(mut self, generation: GenerationConfig) -> Result<Self, TeacherError> {
        self.pipeline.set_generation(generation)?;
        Ok(self)
    }

    /// Digest of configuration, weights and vocabulary.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Pipeline that it generates by.
    #[must_use]
    pub fn pipeline(&self) -> &GenerationPipeline {
        &self.pipeline
    }

    /// The hypotheses for each request; none for a source that has more tokens than the model has positions.
    pub(crate) fn hypotheses(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, TeacherError> {
        Ok(self.pipeline.generate(&inputs(requests), progress)?)
    }
}

/// Source and language of each request.
fn inputs(requests: &[GenerationRequest]) -> Vec<(&str, &str)> {
    requests.iter().map(|request| (request.text.as_str(), request.language.as_str())).collect()
}

impl Teacher for GenerativeTeacher {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        Ok(self.hypotheses(requests, progress)?.into_iter().map(generation_output).collect())
    }

    fn trace(&self, batch: TeacherBatch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        let forced = match batch {
            TeacherBatch::TeacherForcing(forced) => forced,
            // What is read and the target are in tokens already.
            TeacherBatch::Multimodal(batch) => {
                return Ok(self.pipeline.network().forward(batch, Pass::Evaluate, wanted.clone())?);
            }
            TeacherBatch::Texts(_) => {
                return Err(TeacherError::Unsupported(
                    "is an encoder-decoder and needs sources with their languages",
                ));
            }
        };
        let sources = inputs(forced.sources);
        Ok(self.pipeline.trace(&sources, forced.target, forced.min_length, wanted.clone())?)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(self.pipeline.tokenizer())
    }

    fn weights_digest(&self) -> String {
        self.digest.clone()
    }

    fn generation_settings(&self) -> String {
        self.pipeline.generation.identity()
    }

    fn size(&self) -> (usize, u64) {
        (self.pipeline.config().parameters(), self.bytes)
    }
}
