//! Settings of decoding.

use super::beam_search::beam_search;
use super::hypothesis::Hypothesis;
use super::processors::LogitsProcessors;
use super::sampling::Sampling;
use super::single::{Choice, write_singly};
use super::translator::Translator;
use crate::{ModelError, Tokens};

/// When beam search is done with a source, as transformers' `early_stopping` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyStopping {
    /// `false`: when a beam's worth is finished and the best hypothesis under way, its score taken at its length, is not above
    /// the worst of these.
    Heuristic,
    /// `true`: when a beam's worth is finished.
    Full,
    /// `"never"`: as [`Self::Heuristic`], with the score taken at the greatest length where longer targets are preferred.
    Never,
}

impl EarlyStopping {
    /// The word of transformers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heuristic => "false",
            Self::Full => "true",
            Self::Never => "never",
        }
    }
}

/// Tokens that a model starts from, ends by, is forced to write or never writes, as its `generation_config.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenRules {
    /// The token that the decoder starts from; none for that of the architecture.
    pub start: Option<u32>,
    /// Tokens that end a target; empty for that of the architecture.
    pub ends: Vec<u32>,
    /// The token behind the start (`forced_bos_token_id`).
    pub forced_first: Option<u32>,
    /// The last token that there is room for, one of these (`forced_eos_token_id`).
    pub forced_last: Vec<u32>,
    /// Sequences of tokens that are never written (`bad_words_ids`).
    pub bad_words: Vec<Vec<u32>>,
    /// Whether the probabilities of the tokens that the rules leave are made to sum to one (`renormalize_logits`).
    pub renormalize: bool,
}

/// Settings of decoding: width of the beam, limit, length penalty, and rules about what is written.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Hypotheses kept at each step; 1 is greedy.
    pub beam: usize,
    /// Maximum number of tokens, the end included.
    pub max_new_tokens: usize,
    /// Power of the length by which scores are divided.
    pub length_penalty: f32,
    /// When beam search is done with a source, and then what is unfinished at the greatest length competes by its score. None:
    /// when a beam's worth is finished, and what is unfinished counts only where nothing was finished.
    pub early_stopping: Option<EarlyStopping>,
    /// Number of tokens of which no sequence occurs twice in a target, the start included; 0 for no limit.
    pub no_repeat_ngram: usize,
    /// Number of tokens before which no target ends.
    pub min_new_tokens: usize,
    /// Sampling; none takes the best tokens.
    pub sampling: Option<Sampling>,
    /// Number of hypotheses of a source: samples, or the best of the beam. None: one sample, or the whole beam.
    pub num_return_sequences: Option<usize>,
    /// Tokens that start and end, are forced and forbidden.
    pub rules: TokenRules,
}

impl GenerationConfig {
    /// Greedy decoding.
    #[must_use]
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self {
            beam: 1,
            max_new_tokens,
            length_penalty: 1.0,
            early_stopping: None,
            no_repeat_ngram: 0,
            min_new_tokens: 0,
            sampling: None,
            num_return_sequences: None,
            rules: TokenRules::default(),
        }
    }

    /// Whether anything is set that transformers has and that decoding did without at first: the rules that a model's folder has
    /// about tokens belong to it.
    #[must_use]
    pub fn follows_transformers(&self) -> bool {
        self.early_stopping.is_some()
            || self.no_repeat_ngram > 0
            || self.min_new_tokens > 0
            || self.sampling.is_some()
    }

    /// Identity of this decoding, for digests. Its words are those of records that exist already, and rules that these did not
    /// have are named where they are set.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { beam, max_new_tokens, length_penalty, .. } = self;
        let plain = Self { beam: *beam, length_penalty: *length_penalty, ..Self::greedy(*max_new_tokens) };
        let known = format!(
            "Generation {{ beam: {beam}, longest: {max_new_tokens}, length_penalty: {length_penalty:?} }}"
        );
        if *self == plain {
            return known;
        }
        let Self { early_stopping, no_repeat_ngram, min_new_tokens, num_return_sequences, .. } = self;
        let stopping = early_stopping.map_or("none", EarlyStopping::name);
        let returned = num_return_sequences.map_or_else(|| "all".to_owned(), |count| count.to_string());
        let sampling = self.sampling.as_ref().map_or_else(|| "none".to_owned(), Sampling::identity);
        let TokenRules { start, ends, forced_first, forced_last, bad_words, renormalize } = &self.rules;
        format!(
            "{known} early stopping {stopping}, no repeat {no_repeat_ngram}, at least {min_new_tokens}, returned {returned}, \
             sampling {sampling}, start {start:?}, ends {ends:?}, first {forced_first:?}, last {forced_last:?}, \
             bad words {bad_words:?}, renormalize {renormalize}"
        )
    }

    /// Writes targets for a batch of sources: for each the best hypotheses, best first, at least one and at most as many as the
    /// beam is wide; with sampling, the samples in the order of their numbers. An unfinished one is among them only where none
    /// was finished, unless `early_stopping` is set.
    ///
    /// # Errors
    /// When the tokens do not fit the model, or samples are to be drawn from a beam.
    pub fn run(&self, model: &dyn Translator, source: &Tokens) -> Result<Vec<Vec<Hypothesis>>, ModelError> {
        if source.batch == 0 {
            return Ok(Vec::new());
        }
        if self.sampling.is_some() && self.beam > 1 {
            return Err(ModelError::Input(format!(
                "samples are drawn without a beam, and it has {} hypotheses; set it to 1",
                self.beam
            )));
        }
        let max_length = self.max_new_tokens.min(model.max_length());
        let rules = &self.rules;
        let ends = if rules.ends.is_empty() { vec![model.end_token()] } else { rules.ends.clone() };
        let decoding = Decoding {
            model,
            source,
            processors: LogitsProcessors::new(self, &ends, max_length),
            start: rules.start.unwrap_or_else(|| model.start_token()),
            ends,
            max_length,
        };
        let count = self.num_return_sequences.unwrap_or(1).max(1);
        // Where there is no room for a token, there is nothing to search; the greedy way gives empty hypotheses.
        match &self.sampling {
            Some(sampling) => write_singly(&decoding, &Choice::Sample(sampling), count),
            None if self.beam <= 1 || max_length == 0 => write_singly(&decoding, &Choice::Largest, 1),
            None => {
                let mut found = beam_search(&decoding, self)?;
                for hypotheses in &mut found {
                    hypotheses.truncate(self.num_return_sequences.unwrap_or(self.beam).max(1));
                }
                Ok(found)
            }
        }
    }
}

/// One decoding: a model, what it reads, and the rules.
pub(super) struct Decoding<'a> {
    pub(super) model: &'a dyn Translator,
    pub(super) source: &'a Tokens,
    pub(super) processors: LogitsProcessors,
    pub(super) start: u32,
    pub(super) ends: Vec<u32>,
    /// Most tokens behind the start.
    pub(super) max_length: usize,
}
