//! Running a student.

use std::path::Path;

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{GenerationConfig, Hypothesis, ModelFolder, Tokenizer, Tokens};

use crate::StudentError;

/// A model that writes texts in another language.
#[derive(Debug)]
pub struct Predictor {
    model: Marian,
    tokenizer: Tokenizer,
    padding: u32,
    /// How it decodes.
    pub generation: GenerationConfig,
}

impl Predictor {
    /// Loads a model folder; it decodes greedily until told otherwise.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not write text.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = MarianConfig::open(&folder)?;
        let model = Marian::new(&config, &config.weights(&folder)?)?;
        let tokenizer = folder.tokenizer()?;
        tokenizer.check_rows(config.vocab_size)?;
        Ok(Self::new(model, tokenizer))
    }

    /// A model in memory.
    #[must_use]
    pub fn new(model: Marian, tokenizer: Tokenizer) -> Self {
        let (padding, longest) = (model.config().pad_token_id, model.config().max_position_embeddings);
        Self { model, tokenizer, padding, generation: GenerationConfig::greedy(longest) }
    }

    /// The languages that it writes, by the tags of its vocabulary; none where it writes one and has no tags.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        self.tokenizer.languages()
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Marian {
        &self.model
    }

    /// The best text for each source and target language, with its hypothesis. The language of a model without tags is empty.
    ///
    /// # Errors
    /// When a language is not one that the model writes, or a text is too long for it.
    pub fn predict<S: AsRef<str>, L: AsRef<str>>(
        &self,
        inputs: &[(S, L)],
    ) -> Result<Vec<(String, Hypothesis)>, StudentError> {
        let untagged = self.languages().is_empty();
        let ids: Vec<Vec<u32>> = inputs
            .iter()
            .map(|(text, language)| match (text.as_ref(), language.as_ref()) {
                (text, "") if untagged => self.tokenizer.encode(text),
                (text, language) => self.tokenizer.encode_for(text, language),
            })
            .collect::<Result<_, _>>()?;
        let hypotheses = self.generation.run(&self.model, &Tokens::pad(&ids, self.padding))?;
        hypotheses
            .into_iter()
            .filter_map(|hypotheses| hypotheses.into_iter().next())
            .map(|best| Ok((self.tokenizer.decode(&best.tokens)?, best)))
            .collect()
    }
}
