//! A model folder as a teacher.

use std::path::Path;
use std::sync::Arc;

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{
    Generation, Hypothesis, ModelError, ModelFolder, Outline, Pass, Tokenizer, Tokens, Trace, Wanted,
};

use crate::teacher::{EMPTY, TOO_LONG, UNFINISHED, candidates};
use crate::{Forced, Request, Teacher, TeacherError, Written};

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
    generation: Generation,
}

impl Checkpoint {
    /// Loads a model folder; it decodes greedily, up to its longest sequence, until told otherwise.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not write text.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let config: MarianConfig = folder.config("marian")?;
        let weights = folder.weights()?;
        let mut hasher = blake3::Hasher::new();
        let (before, after) = (path.join("config.json"), path.join("tokenizer.json"));
        for file in [before].into_iter().chain(folder.weight_files()?).chain([after]) {
            hasher.update(&std::fs::read(&file).map_err(TeacherError::file(&file))?);
        }
        Ok(Self {
            model: Arc::new(Marian::new(&config, &weights)?),
            tokenizer: Arc::new(folder.tokenizer()?),
            outline: config.outline(),
            padding: config.pad_token_id,
            digest: hasher.finalize().to_hex().to_string(),
            parameters: config.parameters(),
            bytes: folder.bytes()?,
            generation: Generation::greedy(config.max_position_embeddings),
        })
    }

    /// The same model with other decoding.
    #[must_use]
    pub fn with_generation(mut self, generation: Generation) -> Self {
        self.generation = generation;
        self
    }

    /// The digest of configuration, weights and vocabulary.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Marian {
        &self.model
    }

    fn encode(&self, requests: &[&Request], least_length: usize) -> Result<Tokens, ModelError> {
        let ids: Vec<Vec<u32>> = requests
            .iter()
            .map(|request| self.tokenizer.encode_for(&request.text, &request.language))
            .collect::<Result<_, _>>()?;
        Ok(Tokens::pad_to(&ids, self.padding, least_length))
    }

    /// Whether a request is short enough for the model.
    pub(crate) fn reads(&self, request: &Request) -> Result<bool, ModelError> {
        let ids = self.tokenizer.encode_for(&request.text, &request.language)?;
        Ok(ids.len() <= self.model.config().max_position_embeddings)
    }

    /// The hypotheses for each request, in batches of texts of similar length.
    pub(crate) fn hypotheses(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, TeacherError> {
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&index| requests[index].text.chars().count());
        let mut written = vec![Vec::new(); requests.len()];
        for batch in order.chunks(BATCH) {
            let sources: Vec<&Request> = batch.iter().map(|&index| &requests[index]).collect();
            let tokens = self.encode(&sources, 0)?;
            for (&index, hypotheses) in batch.iter().zip(self.generation.run(&*self.model, &tokens)?) {
                written[index] = hypotheses
                    .into_iter()
                    .map(|hypothesis| Ok((self.tokenizer.decode(&hypothesis.tokens)?, hypothesis)))
                    .collect::<Result<_, ModelError>>()?;
            }
            progress(batch.len());
        }
        Ok(written)
    }
}

impl Teacher for Checkpoint {
    fn write(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError> {
        let mut written: Vec<Written> = Vec::with_capacity(requests.len());
        let (mut places, mut readable) = (Vec::new(), Vec::new());
        for (place, request) in requests.iter().enumerate() {
            let reads = self.reads(request)?;
            if reads {
                places.push(place);
                readable.push(request.clone());
            }
            written.push(Written {
                candidates: Vec::new(),
                intermediate: Vec::new(),
                confidence: 0.0,
                dropped: (!reads).then(|| TOO_LONG.to_owned()),
            });
        }
        progress(requests.len() - readable.len());
        for (place, hypotheses) in places.into_iter().zip(self.hypotheses(&readable, progress)?) {
            let row = &mut written[place];
            let Some((text, best)) = hypotheses.first() else { continue };
            row.confidence = f64::from(best.score(1.0)).exp();
            if !best.finished {
                row.dropped = Some(UNFINISHED.to_owned());
            } else if text.trim().is_empty() {
                row.dropped = Some(EMPTY.to_owned());
            } else {
                row.candidates = candidates(hypotheses, usize::MAX);
            }
        }
        Ok(written)
    }

    fn trace(&self, forced: Forced<'_>, wanted: &Wanted) -> Result<Trace, TeacherError> {
        let sources: Vec<&Request> = forced.sources.iter().collect();
        let source = self.encode(&sources, forced.least_length)?;
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
        format!("{:?}", self.generation)
    }

    fn size(&self) -> (usize, u64) {
        (self.parameters, self.bytes)
    }
}
