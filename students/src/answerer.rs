//! Running a student that answers questions about images.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Raster;
use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::bert::TextInput;
use alambic_models::{Config, EncodedText, ModelError, ModelFolder, Pass, Patches, Tokenizer, Trace, Wanted};

use crate::StudentError;
use crate::sight::Eyes;

/// Questions that are answered together.
const BATCH: usize = 32;

/// A model that answers questions about images.
pub struct Answerer {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Tokenizer,
    eyes: Eyes,
}

/// A question and the image that it is about, in the size in which the model reads it.
pub type Sighted<'a> = (&'a str, &'a Raster);

impl Answerer {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not look at images.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let network = architecture::over(&config, &config.weights(&folder)?)?;
        Self::new(&config, network.into(), &folder.tokenizer()?, usize::MAX)
    }

    /// A model in memory that reads at most `longest` tokens of a question.
    ///
    /// # Errors
    /// When the architecture does not look at images, or there is not even room for the special tokens.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        longest: usize,
    ) -> Result<Self, StudentError> {
        let eyes = Eyes::of(config)?;
        let tokenizer = tokenizer.truncating(longest.min(config.longest()))?;
        Ok(Self { config: config.clone(), network, tokenizer, eyes })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How it looks at images.
    #[must_use]
    pub fn eyes(&self) -> Eyes {
        self.eyes
    }

    /// The wanted taps over some questions.
    ///
    /// # Errors
    /// When a question cannot be read or an image does not fit the model.
    pub fn trace(&self, questions: &[Sighted<'_>], wanted: Wanted) -> Result<Trace, StudentError> {
        let encoded = questions.iter().map(|(text, _)| self.tokenizer.encode_text(text, None));
        let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
        let images: Vec<&Raster> = questions.iter().map(|(_, image)| *image).collect();
        let batch = Batch {
            text: Some(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.config.padding())),
            image: Some(Image::Patches(Patches::of(&Eyes::images(&images)?, self.eyes.patch())?)),
            ..Batch::default()
        };
        Ok(self.network.read(&batch, Pass::Evaluate, wanted)?)
    }

    /// The logits of each question's answers.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be read.
    pub fn logits(&self, questions: &[Sighted<'_>]) -> Result<Vec<Vec<f32>>, StudentError> {
        let mut all = Vec::with_capacity(questions.len());
        for batch in questions.chunks(BATCH) {
            let trace = self.trace(batch, Wanted::named(["logits"]))?;
            let logits = trace
                .get("logits")
                .ok_or_else(|| StudentError::Size("the model has no head that answers questions".into()))?;
            all.extend(logits.to_vec2::<f32>().map_err(ModelError::from)?);
        }
        Ok(all)
    }

    /// What the model answers to each question.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be read.
    pub fn answers(&self, questions: &[Sighted<'_>]) -> Result<Vec<String>, StudentError> {
        Ok(self.logits(questions)?.iter().map(|logits| self.answer(logits)).collect())
    }

    /// The likeliest answer; of equal ones the first.
    #[must_use]
    pub fn answer(&self, logits: &[f32]) -> String {
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
        let labels = self.config.outline().labels;
        best.and_then(|index| labels.get(index).cloned()).unwrap_or_default()
    }
}
