//! The folder of a model that writes as a teacher.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_files::digests::{files_below, hash_file};
use alambic_models::bert::Pooling;
use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{
    GenerationConfig, Hypothesis, ModelError, ModelFolder, Outline, Pass, TapSelection, Tokenizer, Tokens,
    Trace,
};

use crate::teacher::{candidates, flaw};
use crate::{Batch, Request, Teacher, TeacherError, Written};

/// Requests that are written together.
const BATCH: usize = 128;

/// An encoder-decoder read from its folder.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    model: Arc<Marian>,
    tokenizer: Arc<Tokenizer>,
    outline: Outline,
    padding: u32,
    digest: String,
    parameters: usize,
    bytes: u64,
    generation: GenerationConfig,
}

impl Checkpoint {
    /// Loads a model folder; it decodes greedily, up to its longest sequence, until told otherwise.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not write text.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let config = MarianConfig::open(&folder)?;
        let tokenizer = folder.tokenizer()?;
        Ok(Self {
            model: Arc::new(Marian::new(&config, &config.weights(&folder)?)?),
            digest: digest(&folder, &tokenizer)?,
            tokenizer: Arc::new(tokenizer),
            outline: config.outline(),
            padding: config.pad_token_id,
            parameters: config.parameters(),
            bytes: folder.bytes()?,
            generation: GenerationConfig::greedy(config.max_position_embeddings),
        })
    }

    /// The same model with other decoding.
    #[must_use]
    pub fn with_generation(mut self, generation: GenerationConfig) -> Self {
        self.generation = generation;
        self
    }

    /// The digest of configuration, weights, vocabulary and pooling.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Marian {
        &self.model
    }

    fn encode(&self, request: &Request) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode_for(&request.text, &request.language)
    }

    /// The hypotheses for each request, in batches of texts of similar length; none for a source that has more tokens
    /// than the model has positions.
    pub(crate) fn hypotheses(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, TeacherError> {
        let longest = self.model.config().max_position_embeddings;
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&index| requests[index].text.chars().count());
        let mut written = vec![Vec::new(); requests.len()];
        for batch in order.chunks(BATCH) {
            let (mut places, mut sources) = (Vec::new(), Vec::new());
            for &index in batch {
                let ids = self.encode(&requests[index])?;
                if ids.len() <= longest {
                    places.push(index);
                    sources.push(ids);
                }
            }
            if !places.is_empty() {
                let tokens = Tokens::pad(&sources, self.padding);
                for (index, hypotheses) in places.into_iter().zip(self.generation.run(&*self.model, &tokens)?)
                {
                    written[index] = hypotheses
                        .into_iter()
                        .map(|hypothesis| Ok((self.tokenizer.decode(&hypothesis.tokens)?, hypothesis)))
                        .collect::<Result<_, ModelError>>()?;
                }
            }
            progress(batch.len());
        }
        Ok(written)
    }
}

/// The digest of a folder's configuration, weights and vocabulary, and of what it says of pooling.
pub(crate) fn digest(folder: &ModelFolder, tokenizer: &Tokenizer) -> Result<String, TeacherError> {
    let mut hasher = blake3::Hasher::new();
    let (before, after) = (folder.path().join("config.json"), folder.path().join("tokenizer.json"));
    let mut files: Vec<PathBuf> = [before].into_iter().chain(folder.weight_files()?).collect();
    if after.is_file() {
        files.push(after);
    } else {
        hasher.update(tokenizer.to_json()?.as_bytes());
    }
    for place in folder.dense_folders()? {
        let within = files_below(&place).map_err(ModelError::from)?;
        files.extend(within);
    }
    for file in files {
        hash_file(&mut hasher, &file).map_err(ModelError::from)?;
    }
    if let Some(told) = tokenizer.options_beside_json() {
        hasher.update(told.as_bytes());
    }
    if let Some(pooling) = Pooling::open(folder)? {
        hasher.update(pooling.identity().as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl Teacher for Checkpoint {
    fn write(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError> {
        let row = |hypotheses: Vec<(String, Hypothesis)>| {
            let dropped = flaw(&hypotheses).map(str::to_owned);
            Written {
                confidence: hypotheses.first().map_or(0.0, |(_, best)| f64::from(best.score(1.0)).exp()),
                candidates: if dropped.is_none() { candidates(hypotheses, usize::MAX) } else { Vec::new() },
                intermediate: Vec::new(),
                dropped,
            }
        };
        Ok(self.hypotheses(requests, progress)?.into_iter().map(row).collect())
    }

    fn trace(&self, batch: Batch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        let Batch::Forced(forced) = batch else {
            return Err(TeacherError::Kind("writes texts, and is shown texts to be read alone"));
        };
        let sources =
            forced.sources.iter().map(|request| self.encode(request)).collect::<Result<Vec<_>, _>>()?;
        let source = Tokens::pad_to(&sources, self.padding, forced.least_length);
        Ok(self.model.trace(&source, forced.target, Pass::Evaluate, wanted.clone())?)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(&self.tokenizer)
    }

    fn weights_digest(&self) -> String {
        self.digest.clone()
    }

    fn settings(&self) -> String {
        self.generation.identity()
    }

    fn size(&self) -> (usize, u64) {
        (self.parameters, self.bytes)
    }
}
