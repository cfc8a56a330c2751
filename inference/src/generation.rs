//! Text generation by encoder-decoders.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    Config, GenerationConfig, GenerationDefaults, Hypothesis, ModelError, ModelFolder, Pass,
    PrefixedTranslator, TapSelection, TargetPrefix, TokenRules, Tokenizer, Tokens, Trace,
};

use crate::InferenceError;
use crate::batches::in_batches;

/// The images of some inputs, by their indices; none where none is read.
type ImagesOf<'a> = dyn Fn(&[usize]) -> Result<Option<Image>, InferenceError> + 'a;

/// Sources that are decoded together.
const BATCH: usize = 128;

/// Encoder-decoder with its tokenizer, which generates texts in other languages or scripts.
#[derive(Debug, Clone)]
pub struct GenerationPipeline {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Arc<Tokenizer>,
    /// The folder that it was loaded from.
    folder: Option<ModelFolder>,
    /// Decoding.
    pub generation: GenerationConfig,
}

impl GenerationPipeline {
    /// Loads a model folder; decoding is greedy.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not generate text.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_folder(&ModelFolder::open(path)?)
    }

    /// Loads the model of an open folder; decoding is greedy.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not generate text.
    pub fn from_folder(folder: &ModelFolder) -> Result<Self, InferenceError> {
        let config = Config::open(folder)?;
        check_generative(&config)?;
        let network = architecture::build(&config, &config.weights(folder)?)?;
        let tokenizer = folder.tokenizer()?;
        tokenizer.check_rows(config.vocabulary())?;
        Ok(Self { folder: Some(folder.clone()), ..Self::new(config, network.into(), tokenizer)? })
    }

    /// Pipeline over a network in memory; decoding is greedy.
    ///
    /// # Errors
    /// When the architecture does not generate text.
    pub fn new(
        config: impl Into<Config>,
        network: Arc<dyn Architecture>,
        tokenizer: impl Into<Arc<Tokenizer>>,
    ) -> Result<Self, InferenceError> {
        let config = config.into();
        check_generative(&config)?;
        let generation = GenerationConfig::greedy(config.max_length());
        Ok(Self { config, network, tokenizer: tokenizer.into(), folder: None, generation })
    }

    /// Decodes as `generation` says, and where it follows transformers ([`GenerationConfig::follows_transformers`]) and brings no
    /// token rules of its own, also by those of the folder that the model was loaded from.
    ///
    /// # Errors
    /// When the folder's settings of generation are broken.
    pub fn set_generation(&mut self, mut generation: GenerationConfig) -> Result<(), InferenceError> {
        if let Some(folder) = &self.folder
            && generation.follows_transformers()
            && generation.rules == TokenRules::default()
        {
            generation.rules = GenerationDefaults::open(folder, &self.config)?.config.rules;
        }
        self.generation = generation;
        Ok(())
    }

    /// Languages of its outputs, by the tags of its vocabulary; none where it generates one and has no tags.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        self.tokenizer.languages()
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Network.
    #[must_use]
    pub fn network(&self) -> &dyn Architecture {
        &*self.network
    }

    /// Tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The best text for each source and target language, with its hypothesis. The language of a model without tags is empty, and
    /// where a model reads images it may be left to the prompt.
    ///
    /// # Errors
    /// When a language is not among the model's, or a source is too long for it.
    pub fn predict<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
    ) -> Result<Vec<(String, Hypothesis)>, InferenceError> {
        self.predict_of(inputs, None)
    }

    /// The same of the sources and an image of each, where there are images.
    pub(crate) fn predict_of<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
        image: Option<&Image>,
    ) -> Result<Vec<(String, Hypothesis)>, InferenceError> {
        let languages: Vec<&str> = inputs.iter().map(|(_, language)| language.as_ref()).collect();
        let hypotheses = self.decode(&self.encode(inputs)?, &languages, image)?;
        let best = hypotheses.into_iter().filter_map(|hypotheses| hypotheses.into_iter().next());
        best.map(|best| Ok(self.with_text(best)?)).collect()
    }

    /// The hypotheses for each source and target language, best first, decoded in batches of sources of similar length; none
    /// for a source with more tokens than the model has positions. `progress` gets the size of each batch done.
    ///
    /// # Errors
    /// When a language is not among the model's.
    pub fn generate<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, InferenceError> {
        self.generate_of(inputs, BATCH, &|_| Ok(None), progress)
    }

    /// The same of the sources and an image of each, which `images` gives by the indices of inputs, in batches of `size`.
    pub(crate) fn generate_of<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
        size: usize,
        images: &ImagesOf<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, InferenceError> {
        let max_length = self.config.max_length();
        let mut done = 0;
        let generated = in_batches(
            inputs,
            |(source, _)| source.as_ref().chars().count(),
            size,
            |batch| {
                let (mut places, mut sources, mut languages) = (Vec::new(), Vec::new(), Vec::new());
                let mut read = Vec::new();
                for (place, &index) in batch.iter().enumerate() {
                    let language = inputs[index].1.as_ref();
                    let ids = self.encode_one(inputs[index].0.as_ref(), language)?;
                    if ids.len() <= max_length {
                        places.push(place);
                        read.push(index);
                        sources.push(ids);
                        languages.push(language);
                    }
                }
                let mut generated = vec![Vec::new(); batch.len()];
                if !places.is_empty() {
                    let decoded = self.decode(&sources, &languages, images(&read)?.as_ref())?;
                    for (place, hypotheses) in places.into_iter().zip(decoded) {
                        let texts = hypotheses.into_iter().map(|own| self.with_text(own));
                        generated[place] = texts.collect::<Result<_, ModelError>>()?;
                    }
                }
                done += batch.len();
                progress(batch.len());
                Ok(generated)
            },
        )?;
        // What other ranks computed.
        progress(inputs.len() - done);
        Ok(generated)
    }

    /// The wanted taps over sources, padded to at least `min_length` tokens, and over target tokens where they are given.
    ///
    /// # Errors
    /// When a language is not among the model's, a source is too long, or a tap of the decoder is wanted without a target.
    pub fn trace<S: AsRef<str>, L: AsRef<str>>(
        &self,
        sources: &[(S, L)],
        target: Option<&Tokens>,
        min_length: usize,
        wanted: TapSelection,
    ) -> Result<Trace, InferenceError> {
        let source = Tokens::pad_to(&self.encode(sources)?, self.config.padding(), min_length);
        self.trace_of(source, None, target, wanted)
    }

    /// The same over sources in tokens and an image of each, where there are images.
    pub(crate) fn trace_of(
        &self,
        source: Tokens,
        image: Option<Image>,
        target: Option<&Tokens>,
        wanted: TapSelection,
    ) -> Result<Trace, InferenceError> {
        let text = Some(TextInput::new(source));
        let batch = Batch { text, image, target: target.cloned(), ..Batch::default() };
        Ok(self.network.forward(&batch, Pass::Evaluate, wanted)?)
    }

    pub(crate) fn encode<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        inputs.iter().map(|(text, language)| self.encode_one(text.as_ref(), language.as_ref())).collect()
    }

    fn encode_one(&self, text: &str, language: &str) -> Result<Vec<u32>, ModelError> {
        // A prompt about an image may say the language in words.
        if language.is_empty() && (self.config.reads_images() || self.tokenizer.languages().is_empty()) {
            return self.tokenizer.encode(text);
        }
        self.tokenizer.encode_for(text, language)
    }

    fn decode(
        &self,
        sources: &[Vec<u32>],
        languages: &[&str],
        image: Option<&Image>,
    ) -> Result<Vec<Vec<Hypothesis>>, InferenceError> {
        let of_images = image.and_then(|image| self.network.translator_of_images(image));
        let translator = match (image, &of_images) {
            (None, _) => self.network.as_translator().ok_or_else(|| not_generative(&self.config))?,
            (Some(_), Some(translator)) => &**translator,
            (Some(_), None) => return Err(reads_no_images(&self.config)),
        };
        let sources = Tokens::pad(sources, self.config.padding());
        let prefixes = languages.iter().map(|language| self.tokenizer.target_prefix(language));
        match prefixes.collect::<Result<Option<Vec<TargetPrefix>>, ModelError>>()? {
            Some(prefixes) => {
                Ok(self.generation.run(&PrefixedTranslator::new(translator, &prefixes)?, &sources)?)
            }
            None => Ok(self.generation.run(translator, &sources)?),
        }
    }

    /// A hypothesis behind its text.
    fn with_text(&self, hypothesis: Hypothesis) -> Result<(String, Hypothesis), ModelError> {
        Ok((self.tokenizer.decode(&hypothesis.tokens)?, hypothesis))
    }
}

/// Fails where an architecture does not generate text.
fn check_generative(config: &Config) -> Result<(), InferenceError> {
    if config.writes_texts() { Ok(()) } else { Err(not_generative(config)) }
}

/// The error that a model writes of texts alone.
pub(crate) fn reads_no_images(config: &Config) -> InferenceError {
    InferenceError::Unsupported(format!(
        "a model that writes texts of images is needed, and a {} does not read images",
        config.model_type()
    ))
}

fn not_generative(config: &Config) -> InferenceError {
    InferenceError::Unsupported(format!(
        "a model that generates text is needed, and a {} does not",
        config.model_type()
    ))
}
