//! Encoders of texts, or of texts and images, as teachers.

use std::path::Path;

use alambic_inference::{EncoderPipeline, LoadedModel, TextPair};
use alambic_models::architecture;
use alambic_models::text_encoder::Head;
use alambic_models::{ModelFolder, Outline, Pass, TapSelection, Tokenizer, Trace};

use crate::TeacherError;
use crate::answers::Answer;
use crate::digest::model_digest;
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher, TeacherBatch};

/// Model of a folder as a teacher whose taps are read: a text encoder, or a model of text and image. Its copies, and the
/// pipelines over its [`LoadedModel`], share one network.
#[derive(Debug, Clone)]
pub struct EncoderTeacher {
    model: LoadedModel,
    outline: Outline,
    digest: String,
    bytes: u64,
}

impl EncoderTeacher {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not known.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let model = LoadedModel::from_folder(&folder)?;
        Ok(Self {
            outline: model.config().outline(),
            digest: model_digest(&folder, model.tokenizer())?,
            bytes: folder.bytes()?,
            model,
        })
    }

    /// The model, for pipelines over it.
    #[must_use]
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// Answers for texts, of which it reads so many tokens at most: logits of classes, the number of a regression, logits of each
    /// word, or the embedding, by its head.
    ///
    /// # Errors
    /// When the architecture is not a text encoder, has neither such a head nor an embedding, or a text cannot be encoded.
    pub fn answers(&self, texts: &[TextPair<'_>], max_length: usize) -> Result<Vec<Answer>, TeacherError> {
        let pipeline = self.encoder_pipeline()?.with_max_length(max_length)?;
        let head = pipeline.head().head;
        if head == Head::None {
            let vectors = pipeline.text_rows(texts, "embedding")?.into_iter();
            return Ok(vectors.map(|vector| Answer { vector, ..Answer::default() }).collect());
        }
        let answer = |rows: Vec<Vec<f32>>| {
            if head == Head::Tokens {
                Answer { words: rows, ..Answer::default() }
            } else {
                Answer { logits: rows.concat(), ..Answer::default() }
            }
        };
        Ok(pipeline.logits(texts)?.into_iter().map(answer).collect())
    }

    /// Pipeline over the model as a text encoder.
    ///
    /// # Errors
    /// When the architecture is not a text encoder.
    pub fn encoder_pipeline(&self) -> Result<EncoderPipeline, TeacherError> {
        Ok(EncoderPipeline::from_model(&self.model)?)
    }
}

impl Teacher for EncoderTeacher {
    fn generate(
        &self,
        _: &[GenerationRequest],
        _: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        Err(TeacherError::Unsupported("is an encoder and generates no text"))
    }

    fn trace(&self, batch: TeacherBatch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        let (network, wanted) = (self.model.network(), wanted.clone());
        Ok(match batch {
            TeacherBatch::Multimodal(batch) => network.forward(batch, Pass::Evaluate, wanted)?,
            TeacherBatch::Texts(texts) => {
                let batch = architecture::Batch { text: Some(texts.clone()), ..Default::default() };
                network.forward(&batch, Pass::Evaluate, wanted)?
            }
            TeacherBatch::TeacherForcing(_) => {
                return Err(TeacherError::Unsupported("is an encoder and takes no target texts"));
            }
        })
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(self.model.tokenizer())
    }

    fn max_length(&self) -> Option<usize> {
        Some(self.model.config().max_length())
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.model.folder())
    }

    fn weights_digest(&self) -> String {
        self.digest.clone()
    }

    fn size(&self) -> (usize, u64) {
        (self.model.config().parameters(), self.bytes)
    }
}
