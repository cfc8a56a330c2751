//! Chains of encoder-decoders as teachers.

use alambic_models::{GenerationConfig, Hypothesis, Outline, TapSelection, Tokenizer, Trace};
use indexmap::IndexMap;

use crate::TeacherError;
use crate::generative::GenerativeTeacher;
use crate::options::{PipelineOptions, TARGET};
use crate::teacher::{
    GenerationOutput, GenerationRequest, Teacher, TeacherBatch, candidates, rejection_reason,
};

/// Chain of encoder-decoders, each of which reads the output of the one before.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The steps before the last, with the language that each writes; none for the pipeline's own.
    first: Vec<(GenerativeTeacher, Option<String>)>,
    last: (GenerativeTeacher, Option<String>),
    options: PipelineOptions,
}

impl Pipeline {
    /// A pipeline of the checkpoints that the options name.
    ///
    /// # Errors
    /// When the chain is empty, or a model's settings of generation are broken.
    pub fn new(
        options: &PipelineOptions,
        checkpoint: impl Fn(&str) -> Result<GenerativeTeacher, TeacherError>,
    ) -> Result<Self, TeacherError> {
        let generation = options.decoding.generation(options.beam, options.max_new_tokens);
        let mut steps = options
            .chain
            .iter()
            .map(|step| {
                let language = (step.language != TARGET).then(|| step.language.clone());
                Ok((checkpoint(&step.teacher)?.decoding(generation.clone())?, language))
            })
            .collect::<Result<Vec<_>, TeacherError>>()?;
        let (last, language) = steps.pop().ok_or(TeacherError::EmptyChain)?;
        let last = if generation.sampling.is_some() {
            let samples = Some(options.n_best);
            let generation = GenerationConfig { num_return_sequences: samples, ..generation };
            (last.decoding(generation)?, language)
        } else {
            (last, language)
        };
        Ok(Self { first: steps, last, options: options.clone() })
    }

    /// How many steps the chain has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.first.len() + 1
    }

    fn checkpoints(&self) -> impl Iterator<Item = &GenerativeTeacher> {
        self.first.iter().chain([&self.last]).map(|(checkpoint, _)| checkpoint)
    }
}

/// A row on its way through the chain.
struct Row {
    written: GenerationOutput,
    /// The sum of log-probabilities and the number of tokens so far.
    log_probability: f64,
    tokens: usize,
}

impl Row {
    /// Adds a step's hypotheses, and the reason where they end the row.
    fn take(&mut self, hypotheses: &[(String, Hypothesis)]) {
        self.written.dropped = match rejection_reason(hypotheses) {
            // What the step could not read is then a text of the step before.
            Some(_) if hypotheses.is_empty() && !self.written.intermediate.is_empty() => {
                Some("too long for the next step".to_owned())
            }
            reason => reason.map(str::to_owned),
        };
        if let Some((_, best)) = hypotheses.first() {
            self.log_probability += f64::from(best.log_probability);
            self.tokens += best.tokens.len() + usize::from(best.finished);
        }
    }
}

impl Teacher for Pipeline {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        let mut rows: Vec<Row> = requests
            .iter()
            .map(|_| Row {
                written: GenerationOutput {
                    candidates: Vec::new(),
                    intermediate: Vec::new(),
                    confidence: 0.0,
                    dropped: None,
                },
                log_probability: 0.0,
                tokens: 0,
            })
            .collect();
        for (checkpoint, language) in &self.first {
            let (places, texts) = read_by(language.as_deref(), requests, &rows);
            let hypotheses = unique(&texts, |texts| checkpoint.hypotheses(texts, &mut |_| {}))?;
            for (place, hypotheses) in places.into_iter().zip(hypotheses) {
                rows[place].take(&hypotheses);
                rows[place].written.intermediate.extend(hypotheses.into_iter().next().map(|(text, _)| text));
            }
        }
        let (checkpoint, language) = &self.last;
        let (places, texts) = read_by(language.as_deref(), requests, &rows);
        progress(requests.len() - places.len());
        let mut last: Vec<Vec<(String, Hypothesis)>> = vec![Vec::new(); rows.len()];
        for (place, hypotheses) in places.into_iter().zip(checkpoint.hypotheses(&texts, progress)?) {
            rows[place].take(&hypotheses);
            last[place] = hypotheses;
        }
        for (row, hypotheses) in rows.iter_mut().zip(last) {
            row.written.confidence = (row.log_probability / row.tokens.max(1) as f64).exp();
            if row.written.confidence < self.options.min_confidence {
                row.written.dropped.get_or_insert_with(|| "confidence below the least".into());
            }
            if row.written.dropped.is_none() {
                row.written.candidates = candidates(hypotheses, self.options.n_best);
            }
        }
        Ok(rows.into_iter().map(|row| row.written).collect())
    }

    fn trace(&self, batch: TeacherBatch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        self.last.0.trace(batch, wanted)
    }

    fn outline(&self) -> Option<&Outline> {
        self.last.0.outline()
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        self.last.0.tokenizer()
    }

    fn weights_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for checkpoint in self.checkpoints() {
            hasher.update(checkpoint.digest().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn generation_settings(&self) -> String {
        let PipelineOptions { chain, beam, n_best, max_new_tokens, min_confidence, decoding } = &self.options;
        let languages: Vec<&str> = chain.iter().map(|step| step.language.as_str()).collect();
        let known = format!(
            // The words `keep` and `longest` are older than the keys `n-best` and `max-new-tokens`: caches and records carry them
            // in their fingerprints, so they stay.
            "chain {} beam {beam} keep {n_best} longest {max_new_tokens} confidence {min_confidence}",
            languages.join(">")
        );
        if decoding.is_plain() {
            return known;
        }
        let steps = self.checkpoints().map(GenerativeTeacher::generation_settings);
        std::iter::once(known).chain(steps).collect::<Vec<_>>().join(" ")
    }

    fn size(&self) -> (usize, u64) {
        let sizes: IndexMap<&str, (usize, u64)> =
            self.checkpoints().map(|checkpoint| (checkpoint.digest(), checkpoint.size())).collect();
        sizes.values().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }
}

/// The texts that a step reads and the places of their rows. A dropped row goes no further.
fn read_by(
    language: Option<&str>,
    requests: &[GenerationRequest],
    rows: &[Row],
) -> (Vec<usize>, Vec<GenerationRequest>) {
    let going_on =
        requests.iter().zip(rows).enumerate().filter(|(_, (_, row))| row.written.dropped.is_none());
    let read = |(place, (request, row)): (usize, (&GenerationRequest, &Row))| {
        let text = row.written.last_step_source(&request.text).to_owned();
        (place, GenerationRequest { text, language: language.unwrap_or(&request.language).to_owned() })
    };
    going_on.map(read).unzip()
}

/// Runs `write` over the different requests only: the first step of a pipeline reads each word once, however many
/// languages it is to be written in.
fn unique<T: Clone>(
    requests: &[GenerationRequest],
    write: impl FnOnce(&[GenerationRequest]) -> Result<Vec<T>, TeacherError>,
) -> Result<Vec<T>, TeacherError> {
    let mut places: IndexMap<&GenerationRequest, usize> = IndexMap::new();
    for request in requests {
        let next = places.len();
        places.entry(request).or_insert(next);
    }
    let different: Vec<GenerationRequest> = places.keys().map(|request| (*request).clone()).collect();
    let written = write(&different)?;
    Ok(requests.iter().map(|request| written[places[request]].clone()).collect())
}
