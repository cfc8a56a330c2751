//! Greedy and beam decoding in batches.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Tokens};

/// A model that writes a target sequence for a source sequence, token by token.
pub trait Translator {
    /// Encodes the sources; the decoding can run for `capacity` tokens.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError>;

    /// The first token of every target.
    fn start_token(&self) -> u32;

    /// The token that ends a target.
    fn end_token(&self) -> u32;

    /// Maximum number of tokens of a target.
    fn max_length(&self) -> usize;
}

/// One decoding under way, with one row a hypothesis.
pub trait DecodingState {
    /// Takes the next token of every row and gives the logits after it, row by row.
    ///
    /// # Errors
    /// When a token is unknown or the capacity is used up.
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError>;

    /// Makes row `i` a copy of the former row `rows[i]`; there may be fewer or more rows than before.
    ///
    /// # Errors
    /// When the state cannot be copied.
    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError>;
}

/// One written target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Tokens without start and end.
    pub tokens: Vec<u32>,
    /// The sum of log-probabilities, the end's included.
    pub log_probability: f32,
    /// Whether the end token was written before the length ran out.
    pub finished: bool,
}

impl Hypothesis {
    /// The log-probability divided by the length, end included, to the power `length_penalty`.
    #[must_use]
    pub fn score(&self, length_penalty: f32) -> f32 {
        self.log_probability
            / ((self.tokens.len() + usize::from(self.finished)).max(1) as f32).powf(length_penalty)
    }
}

/// Settings of decoding: width of the beam, limit, length penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenerationConfig {
    /// Hypotheses kept at each step; 1 is greedy.
    pub beam: usize,
    /// Maximum number of tokens, the end included.
    pub max_new_tokens: usize,
    /// Power of the length by which scores are divided.
    pub length_penalty: f32,
}

impl GenerationConfig {
    /// Greedy decoding.
    #[must_use]
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self { beam: 1, max_new_tokens, length_penalty: 1.0 }
    }

    /// Identity of this decoding, for digests. Its words are those of records that exist already.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { beam, max_new_tokens, length_penalty } = self;
        format!(
            "Generation {{ beam: {beam}, longest: {max_new_tokens}, length_penalty: {length_penalty:?} }}"
        )
    }

    /// Writes targets for a batch of sources: for each the best hypotheses, best first, at least one and at most as
    /// many as the beam is wide. An unfinished one is among them only where none was finished.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn run(&self, model: &dyn Translator, source: &Tokens) -> Result<Vec<Vec<Hypothesis>>, ModelError> {
        if source.batch == 0 {
            return Ok(Vec::new());
        }
        let max_length = self.max_new_tokens.min(model.max_length());
        // Where there is no room for a token, there is nothing to search; the greedy way gives empty hypotheses.
        if self.beam <= 1 || max_length == 0 {
            let hypotheses = greedy(model, source, max_length)?;
            return Ok(hypotheses.into_iter().map(|hypothesis| vec![hypothesis]).collect());
        }
        self.beam_search(model, source, max_length)
    }

    fn beam_search(
        &self,
        model: &dyn Translator,
        source: &Tokens,
        max_length: usize,
    ) -> Result<Vec<Vec<Hypothesis>>, ModelError> {
        let beam = self.beam;
        let mut stepper = model.start(source, max_length)?;
        // Rows under way, those of one example together.
        let mut live: Vec<(usize, Hypothesis)> =
            (0..source.batch).map(|example| (example, empty())).collect();
        let mut done: Vec<Vec<Hypothesis>> = vec![Vec::new(); source.batch];
        for length in 0..max_length {
            if live.is_empty() {
                break;
            }
            let tokens: Vec<u32> = live
                .iter()
                .map(|(_, hypothesis)| hypothesis.tokens.last().copied().unwrap_or(model.start_token()))
                .collect();
            let logits = stepper.step(&tokens)?;
            let vocabulary = logits.len() / live.len();
            let mut next: Vec<(usize, Hypothesis)> = Vec::with_capacity(live.len());
            let mut rows = Vec::with_capacity(live.len());
            let mut first = 0;
            while first < live.len() {
                let example = live[first].0;
                let last = live[first..]
                    .iter()
                    .position(|(other, _)| *other != example)
                    .map_or(live.len(), |n| first + n);
                // Twice the beam: even if half of the best ends here, enough go on.
                let mut candidates: Vec<(f32, usize, u32)> = Vec::new();
                for row in first..last {
                    let logits = &logits[row * vocabulary..(row + 1) * vocabulary];
                    let shift = log_sum_exp(logits);
                    let base = live[row].1.log_probability - shift;
                    for (token, logit) in best(logits, 2 * beam) {
                        candidates.push((base + logit, row, token));
                    }
                }
                candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
                let mut going_on = 0;
                for (rank, (log_probability, row, token)) in candidates.into_iter().take(2 * beam).enumerate()
                {
                    let mut hypothesis = live[row].1.clone();
                    hypothesis.log_probability = log_probability;
                    if token == model.end_token() {
                        if rank < beam {
                            hypothesis.finished = true;
                            done[example].push(hypothesis);
                        }
                    } else if going_on < beam {
                        hypothesis.tokens.push(token);
                        next.push((example, hypothesis));
                        rows.push(row);
                        going_on += 1;
                    }
                }
                if done[example].len() >= beam || length + 1 == max_length {
                    // Enough are finished, or the length has run out.
                    let from = next.len() - going_on;
                    rows.truncate(from);
                    let unfinished = next.split_off(from);
                    if done[example].is_empty() {
                        done[example].extend(unfinished.into_iter().map(|(_, hypothesis)| hypothesis));
                    }
                }
                first = last;
            }
            live = next;
            if !live.is_empty() {
                stepper.select(&rows)?;
            }
        }
        for hypotheses in &mut done {
            hypotheses.sort_by(|a, b| b.score(self.length_penalty).total_cmp(&a.score(self.length_penalty)));
            hypotheses.truncate(beam);
        }
        Ok(done)
    }
}

fn empty() -> Hypothesis {
    Hypothesis { tokens: Vec::new(), log_probability: 0.0, finished: false }
}

fn greedy(model: &dyn Translator, source: &Tokens, max_length: usize) -> Result<Vec<Hypothesis>, ModelError> {
    let mut stepper = model.start(source, max_length)?;
    let mut hypotheses = vec![empty(); source.batch];
    // The example of each row of the decoding.
    let mut live: Vec<usize> = (0..source.batch).collect();
    for _ in 0..max_length {
        let tokens: Vec<u32> = live
            .iter()
            .map(|&example| hypotheses[example].tokens.last().copied().unwrap_or(model.start_token()))
            .collect();
        let logits = stepper.step(&tokens)?;
        let vocabulary = logits.len() / live.len();
        let mut rows = Vec::with_capacity(live.len());
        for (row, (&example, logits)) in live.iter().zip(logits.chunks_exact(vocabulary)).enumerate() {
            let hypothesis = &mut hypotheses[example];
            let (token, logit) = argmax(logits);
            hypothesis.log_probability += logit - log_sum_exp(logits);
            if token == model.end_token() {
                hypothesis.finished = true;
            } else {
                hypothesis.tokens.push(token);
                rows.push(row);
            }
        }
        if rows.is_empty() {
            break;
        }
        if rows.len() < live.len() {
            stepper.select(&rows)?;
            live = rows.iter().map(|&row| live[row]).collect();
        }
    }
    Ok(hypotheses)
}

fn argmax(logits: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in logits.iter().enumerate() {
        if logit > best.1 {
            best = (token as u32, logit);
        }
    }
    best
}

/// The `count` largest logits with their tokens, largest first.
fn best(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut indexed: Vec<(u32, f32)> =
        logits.iter().enumerate().map(|(token, &logit)| (token as u32, logit)).collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let count = count.min(indexed.len());
    if count > 0 && count < indexed.len() {
        indexed.select_nth_unstable_by(count - 1, order);
        indexed.truncate(count);
    }
    indexed.sort_by(order);
    indexed
}

fn log_sum_exp(logits: &[f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    max + logits.iter().map(|logit| (logit - max).exp()).sum::<f32>().ln()
}
