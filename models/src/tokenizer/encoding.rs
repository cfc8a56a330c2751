//! Texts to ids and back.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use alambic_files::text::quoted;
use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, TruncationDirection, TruncationParams};

use super::files::TokenizerFiles;
use super::language_codes::{LanguageCodes, TargetPrefix};
use super::limits::{Growth, TEXT, bounded, guarded, watch};
use super::options::EncodingOptions;
use super::parsing::{library, parsed};
use super::script::{self, UnifiedScript};
use super::special::{BERT, END, PADDING, language_tag};
use crate::ModelError;

/// A text, or a pair of texts, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// The tokens with the special ones around them.
    pub ids: Vec<u32>,
    /// The segment of each token: 1 in the second text. Empty where all are 0.
    pub segments: Vec<u32>,
    /// Whether tokens were cut off.
    pub truncated: bool,
    /// Number of its language, for models with an embedding of each; none where the model is not told it.
    pub language: Option<u32>,
}

/// A tokenizer of the tokenizers library, and how its model's folder has texts read.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pub(super) inner: tokenizers::Tokenizer,
    /// Options beside `tokenizer.json`.
    pub(super) options: EncodingOptions,
    /// Script in which texts are written before the library reads them; its own normalizer does not.
    pub(super) script: Option<UnifiedScript>,
    /// Factor by which its rules make a text longer.
    pub(super) growth: Growth,
    /// The files that it was read from; none for one that was built.
    pub(super) files: Option<Arc<TokenizerFiles>>,
    /// File that it was read from, for messages.
    pub(super) path: Option<Arc<PathBuf>>,
    /// Tokenizer of texts that a model writes, where it is another: Marian's.
    pub(super) target: Option<Arc<Self>>,
    /// Number of the language that encoded texts are of; none where the model is not told it.
    pub(super) language: Option<u32>,
    /// Codes of languages that stand around texts; none where there are none.
    pub(super) codes: Option<Arc<LanguageCodes>>,
}

/// The bytes of a text that each token stands for; none of a special token.
type TokenPlaces = Vec<Option<Range<usize>>>;

impl Tokenizer {
    /// Tokenizer that was built here.
    pub(super) fn built(inner: tokenizers::Tokenizer) -> Self {
        Self {
            inner,
            options: EncodingOptions::default(),
            script: None,
            growth: Growth::OWN,
            files: None,
            path: None,
            target: None,
            language: None,
            codes: None,
        }
    }

    /// JSON of `tokenizer.json`, parsed.
    pub(super) fn json(&self) -> Result<serde_json::Value, ModelError> {
        parsed(self.to_json()?.as_bytes())
    }

    /// The tokenizer that `tokenizer.json` now says, with the files that go with this one.
    pub(super) fn with_json(&self, json: &serde_json::Value) -> Result<Self, ModelError> {
        let mut files = self.files.as_deref().cloned();
        let mut json = json.clone();
        let script = script::take(&mut json["normalizer"]);
        let inner = library(&json).map_err(|error| self.fault(error))?;
        let codes = self.codes.as_ref().and_then(|codes| codes.renumbered(&json)).map(Arc::new);
        let own = Self { inner, script, codes, target: None, ..self.clone() };
        if let Some(files) = &mut files {
            files.replace_vocabulary((own.to_json()? + "\n").into_bytes())?;
        }
        Ok(Self { files: files.map(Arc::new), ..own })
    }

    /// The error that something is wrong with this tokenizer, with its file.
    #[must_use]
    pub fn fault(&self, message: impl std::fmt::Display) -> ModelError {
        match &self.path {
            Some(path) => ModelError::content(path, message),
            None => ModelError::Tokenizer(message.to_string()),
        }
    }

    /// Does something in the library with a text, which is cut if it is longer than is ever read. Says whether it was.
    pub(super) fn with_text<T>(
        &self,
        text: &str,
        work: impl FnOnce(&str) -> tokenizers::Result<T>,
    ) -> Result<(T, bool), ModelError> {
        let (text, is_cut) = bounded(text, self.options.truncates_start);
        if self.growth.may_be_long(text.len()) {
            watch(self.inner.get_normalizer(), text).map_err(|error| self.fault(error))?;
        }
        let text = self.unify(text);
        Ok((guarded(|| work(&text)).map_err(|error| self.fault(error))?, is_cut))
    }

    /// The number of tokens.
    #[must_use]
    pub fn size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The id of a token.
    ///
    /// # Errors
    /// When there is none.
    pub fn id(&self, token: &str) -> Result<u32, ModelError> {
        self.inner
            .token_to_id(token)
            .ok_or_else(|| ModelError::Tokenizer(format!("the vocabulary has no token `{token}`")))
    }

    /// The id of padding.
    ///
    /// # Errors
    /// When the vocabulary has neither `<pad>` nor `[PAD]`.
    pub fn padding(&self) -> Result<u32, ModelError> {
        self.id(PADDING).or_else(|error| self.id(BERT[0]).map_err(|_| error))
    }

    /// The id of the end of a sequence.
    ///
    /// # Errors
    /// When the vocabulary has no `</s>`.
    pub fn end(&self) -> Result<u32, ModelError> {
        self.id(END)
    }

    /// The id of the special token behind every text.
    ///
    /// # Errors
    /// When there is none.
    pub fn closing(&self) -> Result<u32, ModelError> {
        let none = || ModelError::Tokenizer("the vocabulary puts no token behind a text".into());
        self.encode_text("", None)?.ids.last().copied().ok_or_else(none)
    }

    /// The languages that the vocabulary has a tag or a code for, in the order of their ids.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        if let Some(codes) = &self.codes {
            return codes.codes();
        }
        let mut tagged: Vec<(u32, String)> = self
            .inner
            .get_vocab(true)
            .into_iter()
            .filter_map(|(token, id)| {
                let language = token.strip_prefix(">>")?.strip_suffix("<<")?;
                Some((id, language.to_owned()))
            })
            .collect();
        tagged.sort_unstable();
        tagged.into_iter().map(|(_, language)| language).collect()
    }

    /// The ids of a text, the end token included.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let (encoding, _) = self.with_text(text, |text| self.inner.encode_fast(text, true))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The ids of a text that a model is to write, the end token and the code of a language included: that of the settings of
    /// the folder.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_target(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.encode_as_target(text, None, false)
    }

    /// The ids that a decoder gives for a text in a language, behind what [`Self::target_prefix`] puts in place of its first
    /// token; those of [`Self::encode_target`] where the vocabulary has no codes of languages.
    ///
    /// # Errors
    /// When the vocabulary has codes and none for the language, or the tokenizer fails.
    pub fn encode_target_for(&self, text: &str, language: &str) -> Result<Vec<u32>, ModelError> {
        self.encode_as_target(text, Some(language), true)
    }

    fn encode_as_target(
        &self,
        text: &str,
        language: Option<&str>,
        is_started: bool,
    ) -> Result<Vec<u32>, ModelError> {
        let Some(codes) = &self.codes else {
            return self.target.as_deref().unwrap_or(self).encode(text);
        };
        let (encoding, _) = self.with_text(text, |text| self.inner.encode_fast(text, false))?;
        let ids = encoding.get_ids().to_vec();
        codes.around_target(ids, language, is_started).map_err(ModelError::Tokenizer)
    }

    /// What a decoder is given before a text in a language; none where the vocabulary has no codes of languages.
    ///
    /// # Errors
    /// When the vocabulary has codes, and none for the language.
    pub fn target_prefix(&self, language: &str) -> Result<Option<TargetPrefix>, ModelError> {
        let prefix = self.codes.as_ref().map(|codes| codes.target_prefix(language));
        prefix.transpose().map_err(ModelError::Tokenizer)
    }

    /// The same tokenizer for sources in another language, by its code; the same where the vocabulary has no codes.
    ///
    /// # Errors
    /// When the vocabulary has codes, and none for the language.
    pub fn with_source_language(&self, language: &str) -> Result<Self, ModelError> {
        let Some(codes) = &self.codes else { return Ok(self.clone()) };
        let codes = codes.with_source(language).map_err(ModelError::Tokenizer)?;
        let mut own = self.clone();
        let template: PostProcessorWrapper = serde_json::from_value(codes.template())
            .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        own.inner.with_post_processor(Some(template));
        own.codes = Some(Arc::new(codes));
        Ok(own)
    }

    /// The same tokenizer, whose [`Self::encode_text`] gives at most `max_length` tokens, and no more than its folder says. What
    /// is too long loses tokens at its end, or at its beginning where the folder says so, a pair those of the longer text
    /// first, as transformers does it.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn with_max_length(&self, max_length: usize) -> Result<Self, ModelError> {
        let max_length = self.options.max_length.map_or(max_length, |own| own.min(max_length));
        // The library takes the special tokens off without looking whether there is room for them.
        if max_length < self.min_length() {
            return Err(self.fault(self.no_room(max_length)));
        }
        let mut tokenizer = self.clone();
        let direction =
            if self.options.truncates_start { TruncationDirection::Left } else { TruncationDirection::Right };
        let truncation = TruncationParams { max_length, direction, ..TruncationParams::default() };
        tokenizer.inner.with_truncation(Some(truncation)).map_err(|error| self.fault(error))?;
        Ok(tokenizer)
    }

    /// The fewest tokens in which there is room for the special ones, and for one of a text.
    pub(super) fn min_length(&self) -> usize {
        let special =
            |pair: bool| self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(pair));
        (special(false) + 1).max(special(true))
    }

    /// Message that so many tokens are fewer than [`Self::min_length`].
    pub(super) fn no_room(&self, max_length: usize) -> String {
        let noun = if max_length == 1 { "token leaves" } else { "tokens leave" };
        let min_length = self.min_length();
        format!(
            "{max_length} {noun} no room for a text next to the special ones; at least {min_length} are needed"
        )
    }

    /// The same tokenizer, whose texts are of the language of a number ([`crate::LanguageNumbers`]); of none, the model is not told
    /// their language.
    #[must_use]
    pub fn with_language(&self, number: Option<u32>) -> Self {
        Self { language: number, ..self.clone() }
    }

    /// A text or a pair of texts to be read, in tokens with the special ones, behind the prompt if there is one.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_text(&self, first: &str, second: Option<&str>) -> Result<EncodedText, ModelError> {
        let first = self.options.prompted(first);
        let ((encoding, second_is_cut), first_is_cut) = match second {
            None => {
                let (encoding, is_cut) =
                    self.with_text(&first, |first| self.inner.encode_fast(first, true))?;
                ((encoding, false), is_cut)
            }
            Some(second) => {
                let (second, second_is_cut) = bounded(second, self.options.truncates_start);
                if self.growth.may_be_long(second.len()) {
                    watch(self.inner.get_normalizer(), second).map_err(|error| self.fault(error))?;
                }
                let second = &*self.unify(second);
                let (encoding, is_cut) =
                    self.with_text(&first, |first| self.inner.encode_fast((first, second), true))?;
                ((encoding, second_is_cut), is_cut)
            }
        };
        Ok(self.encoded(&encoding, first_is_cut || second_is_cut))
    }

    /// A text whose words stand with single blanks between, as [`Self::encode_text`] gives it, and the place of each
    /// word's first token; none for a word without one, because it was cut off or nothing of it was left.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_words(&self, text: &str) -> Result<(EncodedText, Vec<Option<usize>>), ModelError> {
        let (encoded, words) = self.encode_pieces(text)?;
        let mut first = vec![None; text.split(' ').count()];
        for (place, word) in words.into_iter().enumerate() {
            if let Some(first) = word.and_then(|word| first.get_mut(word)) {
                first.get_or_insert(place);
            }
        }
        Ok((encoded, first))
    }

    /// A text whose words stand with single blanks between, as [`Self::encode_text`] gives it, and the word of each token,
    /// counted from 0; none of a special token, or one of a prompt.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_pieces(&self, text: &str) -> Result<(EncodedText, Vec<Option<usize>>), ModelError> {
        // By way of the whole text, not word by word, so that vocabularies that mark the blank before a word see it.
        let (encoded, places) = self.encode_places(text)?;
        let mut ends = Vec::new();
        let mut end = 0;
        for word in text.split(' ') {
            end += word.len();
            ends.push(end);
            end += 1;
        }
        let word = |place: Option<Range<usize>>| {
            let begin = place?.start;
            // A token may begin with the blank before its word, or be that blank alone.
            let begin = begin + usize::from(text.as_bytes().get(begin) == Some(&b' '));
            Some(ends.partition_point(|&end| end <= begin)).filter(|word| *word < ends.len())
        };
        Ok((encoded, places.into_iter().map(word).collect()))
    }

    /// A text as [`Self::encode_text`] gives it, and the bytes of the text that each token stands for; none of a special token, or
    /// one of a prompt.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_places(&self, text: &str) -> Result<(EncodedText, TokenPlaces), ModelError> {
        let prompted = self.options.prompted(text);
        let before = prompted.len() - text.len();
        let (encoding, is_cut) = self.with_text(&prompted, |text| self.inner.encode(text, true))?;
        // Where the beginning is cut off, places count from what is left.
        let lost = if is_cut && self.options.truncates_start { prompted.len() - TEXT } else { 0 };
        let place = |(&(begin, end), &special): (&(usize, usize), &u32)| {
            let (begin, end) = ((begin + lost).checked_sub(before)?, (end + lost).saturating_sub(before));
            (special == 0 && begin < end).then_some(begin..end)
        };
        let tokens = encoding.get_offsets().iter().zip(encoding.get_special_tokens_mask());
        let places = tokens.map(place).collect();
        Ok((self.encoded(&encoding, is_cut), places))
    }

    /// Segments of tokens; none where all are 0, since a corpus would hold as many numbers as it has tokens.
    pub(super) fn segments(&self, segments: impl Iterator<Item = u32> + Clone) -> Vec<u32> {
        let are_used = !self.options.one_segment && segments.clone().any(|segment| segment != 0);
        if are_used { segments.collect() } else { Vec::new() }
    }

    /// Encoded text out of the library's form.
    fn encoded(&self, encoding: &Encoding, is_cut: bool) -> EncodedText {
        EncodedText {
            ids: encoding.get_ids().to_vec(),
            segments: self.segments(encoding.get_type_ids().iter().copied()),
            truncated: is_cut || !encoding.get_overflowing().is_empty(),
            language: self.language,
        }
    }

    /// The ids of a text that is to be written in another language, its tag first. Where languages have codes, that of the text's
    /// own language stands with it, and that of the other one in what is written ([`Self::target_prefix`]).
    ///
    /// # Errors
    /// When the vocabulary has no tag or code for the language, or the tokenizer fails.
    pub fn encode_for(&self, text: &str, language: &str) -> Result<Vec<u32>, ModelError> {
        if self.target_prefix(language)?.is_some() {
            return self.encode(text);
        }
        let tag = language_tag(language);
        if self.inner.token_to_id(&tag).is_none() {
            return Err(ModelError::Tokenizer(format!(
                "the model does not write `{}`; it writes {}",
                quoted(language),
                quoted(&self.languages().join(", "))
            )));
        }
        self.encode(&format!("{tag}{text}"))
    }

    /// Whether the second text of a pair is of another segment than the first.
    #[must_use]
    pub fn tells_segments(&self) -> bool {
        self.encode_text("a", Some("a")).is_ok_and(|pair| !pair.segments.is_empty())
    }

    /// The text of ids, special tokens left out.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        match &self.target {
            Some(target) => target.decode(ids),
            None => guarded(|| self.inner.decode(ids, true)).map_err(|error| self.fault(error)),
        }
    }

    /// The text of ids with the special tokens between, but for the end.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode_whole(&self, ids: &[u32]) -> Result<String, ModelError> {
        let end = self.end()?;
        let ids: Vec<u32> = ids.iter().copied().filter(|id| *id != end).collect();
        guarded(|| self.inner.decode(&ids, false)).map_err(|error| self.fault(error))
    }

    /// JSON of `tokenizer.json`.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, ModelError> {
        // The library writes maps of its own order; sorting keys through a value keeps the bytes the same every time.
        let text = self.inner.to_string(false).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let mut value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        if self.script.is_some() {
            script::put(&mut value["normalizer"]);
        }
        serde_json::to_string_pretty(&value).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use indexmap::IndexSet;

    use super::*;

    /// The tokens of a text.
    pub(in crate::tokenizer) fn pieces_of(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
        let own = tokenizer.tokens();
        tokenizer.encode(text).unwrap().iter().map(|&id| own[id as usize].clone()).collect()
    }

    #[test]
    fn characters_round_trip_with_tags_and_spaces() {
        let characters: IndexSet<char> = "नमस्ते दुनिया".chars().collect();
        let tokenizer = Tokenizer::from_characters(&characters, &["en".into(), "ta".into()]).unwrap();
        let ids = tokenizer.encode(">>ta<<नमस्ते दुनिया").unwrap();
        assert_eq!(ids[0], tokenizer.id(">>ta<<").unwrap());
        assert_eq!(*ids.last().unwrap(), 0);
        assert_eq!(ids.len(), 1 + "नमस्ते दुनिया".chars().count() + 1);
        assert_eq!(tokenizer.decode(&ids).unwrap(), "नमस्ते दुनिया");
        assert_eq!(tokenizer.padding().unwrap() as usize, tokenizer.size() - 1);
        assert_eq!(tokenizer.languages(), ["en", "ta"]);
        assert_eq!(tokenizer.encode("z").unwrap(), [1, 0]);
    }

    #[test]
    fn words_and_pairs_of_texts_are_cut_as_bert_has_them() {
        let texts = ["A fine film.", "a fine day, a day"];
        let tokenizer = Tokenizer::train_words(texts, 100).unwrap();
        let ids =
            |tokens: &[&str]| tokens.iter().map(|token| tokenizer.id(token).unwrap()).collect::<Vec<_>>();
        let alone = tokenizer.encode_text("A FINE dale", None).unwrap();
        // No `dale` among the words: a character, and characters within a word.
        assert_eq!(alone.ids, ids(&["[CLS]", "a", "fine", "d", "##a", "##l", "##e", "[SEP]"]));
        assert!(alone.segments.is_empty());
        let pair = tokenizer.encode_text("fine", Some("day .")).unwrap();
        assert_eq!(pair.ids, ids(&["[CLS]", "fine", "[SEP]", "day", ".", "[SEP]"]));
        assert_eq!(pair.segments, [0, 0, 0, 1, 1, 1]);
        let cut = tokenizer.with_max_length(6).unwrap();
        let pair = cut.encode_text("a fine day", Some("film .")).unwrap();
        assert_eq!(pair.ids, ids(&["[CLS]", "a", "fine", "[SEP]", "film", "[SEP]"]));
        assert!(pair.truncated && !cut.encode_text("a", None).unwrap().truncated);
        assert_eq!(tokenizer.encode_text("ξ", None).unwrap().ids, ids(&["[CLS]", "[UNK]", "[SEP]"]));
        assert_eq!(tokenizer.padding().unwrap(), 0);
        // Vowels above and below letters are letters of their own.
        let marked = Tokenizer::train_words(["लाल वृत्त", "ガーデン"], 100).unwrap();
        assert!(["वृत्त", "ガーデン"].iter().all(|word| marked.id(word).is_ok()));
        // The rarest words are the first to go; characters stay.
        let few = Tokenizer::train_words(texts, tokenizer.size() - 1).unwrap();
        assert!(few.id("day").is_ok() && few.id("film").is_err() && few.id("##m").is_ok());
    }

    #[test]
    fn every_word_knows_its_first_token() {
        let tokenizer = Tokenizer::train_words(["a fine film , so so"], 100).unwrap();
        let text = "A fine-ish \u{200d} film \u{a0}so";
        let (encoded, first) = tokenizer.encode_words(text).unwrap();
        assert_eq!(encoded, tokenizer.encode_text(text, None).unwrap());
        // `[CLS] a fine [UNK] [UNK] film so [SEP]`: nothing is left of a joiner alone.
        assert_eq!(first, [Some(1), Some(2), None, Some(5), Some(6)]);
        let (cut, first) = tokenizer.with_max_length(4).unwrap().encode_words(text).unwrap();
        assert!(cut.truncated);
        assert_eq!(first, [Some(1), Some(2), None, None, None]);
        assert_eq!(tokenizer.encode_words("").unwrap().1, [None]);
        // What marks the blank before a word, as byte-level vocabularies and SentencePiece do, is of the word.
        let characters = Tokenizer::from_characters(&"ab ".chars().collect(), &[]).unwrap();
        assert_eq!(characters.encode_words("ab b").unwrap().1, [Some(0), Some(2)]);
    }

    #[test]
    fn json_loads_back() {
        let tokenizer = Tokenizer::from_characters(&"ab".chars().collect(), &["en".into()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = tokenizer.files(16).unwrap();
        files.write(folder.path()).unwrap();
        let loaded = Tokenizer::open(folder.path()).unwrap();
        assert_eq!(loaded.files(8).unwrap(), files);
        assert_eq!(loaded.encode(">>en<<ba").unwrap(), tokenizer.encode(">>en<<ba").unwrap());
        assert_eq!(loaded.to_json().unwrap(), tokenizer.to_json().unwrap());
    }
}
