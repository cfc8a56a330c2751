//! Candidates by a masked language model.

use std::collections::HashMap;

use alambic_models::text_encoder::{Head, TextInput};
use alambic_models::{Config, EncodedText, TapSelection, Tokenizer};
use alambic_tensor::candle::Tensor;

use super::candidates::{best, candidate_words};
use super::passage::Word;
use crate::TeacherError;
use crate::encoder::EncoderTeacher;
use crate::teacher::Teacher;

/// Masked texts in a forward pass.
const BATCH: usize = 32;
/// Special tokens before a text, in all families of text encoders.
const BEFORE: usize = 1;

/// A model with a masked-language head.
#[derive(Debug)]
pub(super) struct MaskedLanguageModel {
    teacher: EncoderTeacher,
    config: Config,
    /// Cuts a text and its copy to what the model reads.
    tokenizer: Tokenizer,
    mask: u32,
    /// The word of each token; none of tokens that are no whole words.
    words: Vec<Option<String>>,
    /// The tokens of these words.
    ids: HashMap<String, u32>,
}

/// Text with one masked word: its place among the words, and among the tokens.
struct Query {
    text: usize,
    word: usize,
    input: EncodedText,
    place: usize,
    /// The token that is masked.
    own: u32,
}

/// Candidates of each word of each text; none of words that are not masked.
type Proposed = Vec<Vec<Option<Vec<String>>>>;

impl MaskedLanguageModel {
    pub(super) fn new(teacher: EncoderTeacher) -> Result<Self, TeacherError> {
        let config = teacher.model().config().clone();
        if config.require_text_head()?.head != Head::MaskedLanguage {
            return Err(TeacherError::Unsupported("has no masked-language head"));
        }
        let vocabulary = teacher.model().tokenizer();
        let whole = candidate_words(vocabulary);
        if whole.is_empty() {
            return Err(TeacherError::NoWholeWords("the masked language model"));
        }
        let mut words = vec![None; config.vocabulary().max(vocabulary.size())];
        for (id, word) in &whole {
            words[*id as usize] = Some(word.clone());
        }
        Ok(Self {
            tokenizer: vocabulary.with_max_length(config.max_length())?,
            mask: vocabulary.mask()?,
            words,
            ids: whole.into_iter().map(|(id, word)| (word, id)).collect(),
            config,
            teacher,
        })
    }

    pub(super) fn teacher(&self) -> &dyn Teacher {
        &self.teacher
    }

    /// Whether a word is one piece of the vocabulary, so that it can be masked.
    pub(super) fn knows(&self, spelling: &str) -> bool {
        self.ids.contains_key(spelling)
    }

    /// The likeliest words in the place of each word, the likeliest first; none for words of several pieces, and for
    /// those that are cut off.
    pub(super) fn propose(
        &self,
        texts: &[&str],
        words: &[Vec<Word>],
        count: usize,
    ) -> Result<Proposed, TeacherError> {
        let mut proposed: Proposed = words.iter().map(|words| vec![None; words.len()]).collect();
        let mut queries = Vec::new();
        for (index, (text, words)) in texts.iter().zip(words).enumerate() {
            queries.extend(self.queries(index, text, words)?);
        }
        // Texts of one length need no padding.
        queries.sort_by_key(|query| query.input.ids.len());
        for batch in queries.chunks(BATCH) {
            let inputs: Vec<&EncodedText> = batch.iter().map(|query| &query.input).collect();
            let mut input = TextInput::pad(&inputs, self.config.padding());
            let length = input.tokens.length;
            let selected = batch.iter().enumerate().map(|(row, query)| (row * length + query.place) as u32);
            input.selected = Some(selected.collect::<Vec<_>>().into());
            let trace = self.teacher.trace((&input).into(), &TapSelection::named(["logits"]))?;
            let logits = trace.get("logits").map(Tensor::to_vec2::<f32>).transpose()?;
            for (query, logits) in batch.iter().zip(logits.unwrap_or_default()) {
                let allowed = |token: usize| token != query.own as usize && self.words[token].is_some();
                let tokens = best(&logits, count, allowed);
                let words = tokens.into_iter().filter_map(|token| self.words[token].clone());
                proposed[query.text][query.word] = Some(words.collect());
            }
        }
        Ok(proposed)
    }

    fn queries(&self, text: usize, written: &str, words: &[Word]) -> Result<Vec<Query>, TeacherError> {
        let pieces = self.teacher.model().tokenizer().token_spans(written)?;
        let twice = self.tokenizer.encode_text(written, Some(written))?;
        let mut queries = Vec::new();
        for (index, word) in words.iter().enumerate().filter(|(_, word)| self.knows(&word.spelling)) {
            let Some(piece) = pieces.iter().position(|piece| piece.bytes == word.place) else { continue };
            let (own, place) = (pieces[piece].id, BEFORE + piece);
            // Cut off, the place belongs to another token, or to the text's copy.
            if twice.ids.get(place) != Some(&own) || place >= twice.ids.len().div_ceil(2) {
                continue;
            }
            let mut input = twice.clone();
            input.ids[place] = self.mask;
            queries.push(Query { text, word: index, input, place, own });
        }
        Ok(queries)
    }
}
