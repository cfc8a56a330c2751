//! Images of texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_data::Raster;
use alambic_models::ernie_vilg::ErnieVilg;
use alambic_models::{
    Config, GenerationConfig, Hypothesis, ModelError, ModelFolder, Sampling, Tokenizer, Tokens,
};
use alambic_tensor::parameters::Weights;

use crate::batches::in_batches;
use crate::image_tokenizer::{colours, decode, encode, raster};
use crate::{ImageProcessor, InferenceError, ProcessedImage, RetrievalPipeline};

/// Folder of the model that chooses among drawn images, within that of the one that draws them.
pub const RE_RANKER_FOLDER: &str = "re-ranker";

/// The folder of the re-ranker in that of a model, if there is one.
#[must_use]
pub fn re_ranker_folder(folder: &Path) -> Option<PathBuf> {
    let own = folder.join(RE_RANKER_FOLDER);
    own.is_dir().then_some(own)
}

/// Texts that are drawn together.
const BATCH: usize = 32;

/// An image that was drawn of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnImage {
    /// Its pixels.
    pub raster: Raster,
    /// Its codes, row by row.
    pub codes: Vec<u32>,
    /// The mean log-probability of a token.
    pub log_probability: f32,
    /// Its similarity to the text by the re-ranker; none where there is none.
    pub similarity: Option<f32>,
}

/// A drawn image as ranks exchange it: bytes, codes, log-probability and similarity.
type Drawn = (Vec<u8>, Vec<u32>, f32, Option<f32>);

/// How images are drawn of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawingOptions {
    /// How tokens are drawn; none takes the likeliest ones.
    pub sampling: Option<Sampling>,
    /// Images of a text; the best one comes first.
    pub candidates: usize,
}

impl DrawingOptions {
    /// Identity, for digests.
    #[must_use]
    pub fn identity(&self) -> String {
        let sampling = self.sampling.as_ref().map_or_else(|| "none".to_owned(), Sampling::identity);
        format!("best of {} images, sampling {sampling}", self.candidates)
    }
}

/// Model with its tokenizer, which draws images of texts, and a model that chooses among several of them.
pub struct ImageGenerationPipeline {
    network: ErnieVilg,
    /// Truncates.
    tokenizer: Arc<Tokenizer>,
    re_ranker: Option<RetrievalPipeline>,
}

impl ImageGenerationPipeline {
    /// Loads a model folder, with the re-ranker in it, if there is one.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture draws no images.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let weights = config.weights(&folder)?;
        let pipeline = Self::new(&config, &weights, &folder.tokenizer()?)?;
        match re_ranker_folder(path) {
            Some(re_ranker) => Ok(pipeline.with_re_ranker(RetrievalPipeline::load(&re_ranker)?)),
            None => Ok(pipeline),
        }
    }

    /// Pipeline over weights in memory.
    ///
    /// # Errors
    /// When the architecture draws no images, or the weights do not fit it.
    pub fn new(config: &Config, weights: &Weights, tokenizer: &Tokenizer) -> Result<Self, InferenceError> {
        let Config::ErnieVilg(own) = config else {
            return Err(InferenceError::Unsupported(format!(
                "a model that draws images is needed, and a {} draws none",
                config.model_type()
            )));
        };
        tokenizer.check_rows(own.vocab_size)?;
        let tokenizer = tokenizer.with_max_length(own.max_position_embeddings)?;
        Ok(Self { network: ErnieVilg::new(own, weights)?, tokenizer: Arc::new(tokenizer), re_ranker: None })
    }

    /// The same pipeline, in which the images of a text are put in the order of their similarity to it.
    #[must_use]
    pub fn with_re_ranker(self, re_ranker: RetrievalPipeline) -> Self {
        Self { re_ranker: Some(re_ranker), ..self }
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &ErnieVilg {
        &self.network
    }

    /// Whether a text has more tokens than the model reads.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn is_truncated(&self, text: &str) -> Result<bool, InferenceError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The images of each text, the best one first: by the re-ranker, or without one by the mean log-probability of their tokens. The
    /// same seed and text give the same images, whatever other texts there are.
    ///
    /// # Errors
    /// When a text is empty, or no image is asked for.
    pub fn draw(
        &self,
        texts: &[&str],
        options: &DrawingOptions,
    ) -> Result<Vec<Vec<DrawnImage>>, InferenceError> {
        if options.candidates == 0 {
            return Err(ModelError::Input("no image is asked for: candidates is 0".into()).into());
        }
        if let Some(place) = texts.iter().position(|text| text.trim().is_empty()) {
            return Err(ModelError::Input(format!(
                "text {} is empty, and an image is drawn of words",
                place + 1
            ))
            .into());
        }
        let drawn = in_batches(
            texts,
            |text| text.chars().count(),
            BATCH,
            |batch| {
                let own: Vec<&str> = batch.iter().map(|&index| texts[index]).collect();
                let images = |images: Vec<DrawnImage>| -> Vec<Drawn> {
                    let bytes = |own: DrawnImage| {
                        (own.raster.rgb.to_vec(), own.codes, own.log_probability, own.similarity)
                    };
                    images.into_iter().map(bytes).collect()
                };
                Ok(self.draw_batch(&own, options)?.into_iter().map(images).collect::<Vec<_>>())
            },
        )?;
        let side = self.network.config().image_tokenizer.image_size;
        let image = |(rgb, codes, log_probability, similarity): Drawn| DrawnImage {
            raster: raster(side, rgb),
            codes,
            log_probability,
            similarity,
        };
        Ok(drawn.into_iter().map(|images| images.into_iter().map(image).collect()).collect())
    }

    fn draw_batch(
        &self,
        texts: &[&str],
        options: &DrawingOptions,
    ) -> Result<Vec<Vec<DrawnImage>>, InferenceError> {
        let encoded = texts.iter().map(|text| Ok(self.tokenizer.encode_text(text, None)?.ids));
        let sources: Vec<Vec<u32>> = encoded.collect::<Result<_, ModelError>>()?;
        let config = self.network.config();
        let generation = GenerationConfig {
            sampling: options.sampling.clone(),
            num_return_sequences: Some(options.candidates),
            ..GenerationConfig::greedy(config.image_tokens())
        };
        let written = generation.run(&self.network, &Tokens::pad(&sources, config.pad_token_id))?;
        let (mut read, mut codes) = (Vec::new(), Vec::new());
        for (source, hypotheses) in sources.iter().zip(&written) {
            for hypothesis in hypotheses {
                read.push(source.clone());
                codes.push(self.codes(hypothesis)?);
            }
        }
        let images = self.images(&read, &codes)?;
        let mut images = images.into_iter().zip(codes);
        let mut drawn = Vec::with_capacity(texts.len());
        for (text, hypotheses) in texts.iter().zip(written) {
            let own = hypotheses.into_iter().zip(images.by_ref());
            let own = own.map(|(hypothesis, (raster, codes))| DrawnImage {
                log_probability: hypothesis.log_probability / codes.len().max(1) as f32,
                raster,
                codes,
                similarity: None,
            });
            drawn.push(self.ordered(text, own.collect())?);
        }
        Ok(drawn)
    }

    /// The codes of a hypothesis.
    fn codes(&self, hypothesis: &Hypothesis) -> Result<Vec<u32>, ModelError> {
        let config = self.network.config();
        let code = |&token: &u32| {
            let message = || ModelError::Input(format!("the token {token} was written, and is no code"));
            config.code_of_token(token).ok_or_else(message)
        };
        hypothesis.tokens.iter().map(code).collect()
    }

    /// Images of codes that were written for sources.
    ///
    /// # Errors
    /// When tokens do not fit the model.
    pub fn images(&self, sources: &[Vec<u32>], codes: &[Vec<u32>]) -> Result<Vec<Raster>, InferenceError> {
        let config = self.network.config();
        let mut images = Vec::with_capacity(sources.len());
        for (sources, codes) in sources.chunks(BATCH).zip(codes.chunks(BATCH)) {
            let sources = Tokens::pad(sources, config.pad_token_id);
            let side = config.image_tokenizer.image_size;
            let made = colours(&self.network.draw(&sources, &codes.concat())?, side)?;
            images.extend(made.into_iter().map(|rgb| raster(side, rgb)));
        }
        Ok(images)
    }

    /// The images that the model makes of given codes for texts.
    ///
    /// # Errors
    /// When codes are not those of whole images.
    pub fn draw_codes(&self, texts: &[&str], codes: &[Vec<u32>]) -> Result<Vec<Raster>, InferenceError> {
        let encoded = texts.iter().map(|text| Ok(self.tokenizer.encode_text(text, None)?.ids));
        self.images(&encoded.collect::<Result<Vec<_>, ModelError>>()?, codes)
    }

    /// The images that the image tokenizer makes of given codes.
    ///
    /// # Errors
    /// When codes are not those of whole images.
    pub fn decode(&self, codes: &[Vec<u32>]) -> Result<Vec<Raster>, InferenceError> {
        let codes: Vec<&[u32]> = codes.iter().map(Vec::as_slice).collect();
        decode(self.network.tokenizer(), &codes)
    }

    /// The codes of images by the model's own image tokenizer.
    ///
    /// # Errors
    /// When an image is of another size.
    pub fn encode(&self, images: &[&Raster]) -> Result<Vec<Vec<u32>>, InferenceError> {
        encode(self.network.tokenizer(), images)
    }

    /// Images of a text, the best one first; of equally good ones the first.
    fn ordered(&self, text: &str, mut drawn: Vec<DrawnImage>) -> Result<Vec<DrawnImage>, InferenceError> {
        if let Some(re_ranker) = &self.re_ranker {
            let processor: &ImageProcessor = re_ranker.image_processor();
            let processed: Vec<ProcessedImage> = drawn
                .iter()
                .map(|image| processor.process_raster(&image.raster, "drawn"))
                .collect::<Result<_, _>>()?;
            let images = re_ranker.embed_images(&processed.iter().collect::<Vec<_>>())?;
            let texts = re_ranker.embed_texts(&[text])?;
            let similarities = images.matmul(&texts.t().map_err(ModelError::from)?);
            let similarities: Vec<f32> = similarities
                .and_then(|all| all.flatten_all())
                .and_then(|all| all.to_vec1())
                .map_err(ModelError::from)?;
            for (image, similarity) in drawn.iter_mut().zip(similarities) {
                image.similarity = Some(similarity);
            }
        }
        let worth = |image: &DrawnImage| image.similarity.unwrap_or(image.log_probability);
        drawn.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
        Ok(drawn)
    }
}
