//! Tokenizers: reading `tokenizer.json`, and building vocabularies of characters and of words.

mod added;
mod cut;
mod prompt;
mod training;
mod words;

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexSet;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Encoding, PostProcessor, SplitDelimiterBehavior, TruncationParams};

use crate::ModelError;

pub use training::Pieces;
pub use words::{Piece, word_places};

/// Padding, which is also the decoder's first token.
const PADDING: &str = "<pad>";
/// Special tokens of BERT's and DistilBERT's vocabularies: padding, what is not in the vocabulary, the beginning of a
/// text, the end of each text, a token that is masked.
const BERT: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// End of a sequence.
const END: &str = "</s>";
/// What is not in the vocabulary.
const UNKNOWN: &str = "<unk>";

/// The tag that tells a multilingual model which language to write, as Marian's multilingual models have it.
#[must_use]
pub fn language_tag(language: &str) -> String {
    format!(">>{language}<<")
}

/// The file that says all of a tokenizer.
const JSON: &str = "tokenizer.json";

/// What tells transformers how a tokenizer is to be used.
const CONFIG: &str = "tokenizer_config.json";

/// What a folder may hold for tokenizers of any library.
const FILES: [&str; 8] = [
    JSON,
    CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
];

/// The files of a folder that its tokenizer is made of, by name, to be written into another folder as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenizerFiles(Vec<(String, Vec<u8>)>);

impl TokenizerFiles {
    /// Reads those that a folder holds.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let present = FILES.into_iter().filter(|name| folder.join(name).is_file());
        let read = |name: &str| {
            let path = folder.join(name);
            Ok((name.to_owned(), std::fs::read(&path).map_err(ModelError::file(&path))?))
        };
        present.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ModelError> {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(ModelError::file(&path))?;
        }
        Ok(())
    }
}

/// A text, or a pair of texts, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedText {
    /// The tokens with the special ones around them.
    pub ids: Vec<u32>,
    /// The segment of each token: 1 in the second text. Empty where all are 0.
    pub segments: Vec<u32>,
    /// Whether tokens were cut off.
    pub truncated: bool,
}

/// A tokenizer of the tokenizers library.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The files that it was read from; none for one that was built.
    files: Option<Arc<TokenizerFiles>>,
}

impl Tokenizer {
    /// Reads the tokenizer of a model's folder. What `tokenizer.json` says of padding and truncation is left to whoever
    /// makes batches.
    ///
    /// # Errors
    /// When `tokenizer.json` is missing or broken.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(JSON);
        let mut library =
            tokenizers::Tokenizer::from_file(&path).map_err(|error| ModelError::content(&path, error))?;
        library.with_padding(None);
        library.with_truncation(None).map_err(|error| ModelError::content(&path, error))?;
        Ok(Self { inner: library, files: Some(Arc::new(TokenizerFiles::read(folder)?)) })
    }

    /// What `tokenizer.json` says.
    fn json(&self) -> Result<serde_json::Value, ModelError> {
        parsed(self.to_json()?.as_bytes())
    }

    /// The tokenizer that `tokenizer.json` now says, with the files that go with this one.
    fn with_json(&self, json: &serde_json::Value) -> Result<Self, ModelError> {
        let inner: tokenizers::Tokenizer = parsed(json.to_string().as_bytes())?;
        let mut files = self.files.as_deref().cloned();
        let own = Self { inner, files: None };
        for (_, bytes) in files.iter_mut().flat_map(|files| &mut files.0).filter(|(name, _)| name == JSON) {
            *bytes = (own.to_json()? + "\n").into_bytes();
        }
        Ok(Self { files: files.map(Arc::new), ..own })
    }

    /// A vocabulary of single characters with a tag for each language.
    ///
    /// Ids: end 0, unknown 1, the tags, the characters in the given order, and padding last, as Marian has it. Text is
    /// brought to NFC, split into characters and ended with the end token.
    ///
    /// # Errors
    /// When the tokenizers library refuses the parts.
    pub fn characters(characters: &IndexSet<char>, languages: &[String]) -> Result<Self, ModelError> {
        let error = |error: tokenizers::Error| ModelError::Tokenizer(error.to_string());
        let tags: Vec<String> = languages.iter().map(|language| language_tag(language)).collect();
        let vocabulary = [END.to_owned(), UNKNOWN.to_owned()]
            .into_iter()
            .chain(tags.iter().cloned())
            .chain(characters.iter().map(char::to_string))
            .chain([PADDING.to_owned()])
            .enumerate()
            .map(|(id, token)| (token, id as u32))
            .collect();
        let model =
            WordLevel::builder().vocab(vocabulary).unk_token(UNKNOWN.into()).build().map_err(error)?;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        // Any character, in a form that the Python library's regular expressions take as well.
        let pattern = SplitPattern::Regex(r"[\s\S]".into());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(error)?;
        let ending = TemplateProcessing::builder()
            .try_single(format!("$A {END}"))
            .map_err(ModelError::Tokenizer)?
            .try_pair(format!("$A {END} $B {END}"))
            .map_err(ModelError::Tokenizer)?
            .special_tokens(vec![(END, 0)])
            .build()
            .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        tokenizer.with_normalizer(Some(NFC));
        tokenizer.with_pre_tokenizer(Some(split));
        tokenizer.with_post_processor(Some(ending));
        tokenizer.with_decoder(Some(Fuse::new()));
        let special: Vec<AddedToken> = [END, UNKNOWN, PADDING]
            .into_iter()
            .map(str::to_owned)
            .chain(tags)
            .map(|token| AddedToken::from(token, true).normalized(false))
            .collect();
        tokenizer.add_special_tokens(&special);
        Ok(Self { inner: tokenizer, files: None })
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

    /// The languages that the vocabulary has a tag for, in the order of their ids.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
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
        let encoding =
            self.inner.encode_fast(text, true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The same tokenizer, whose [`Self::encode_text`] gives at most `longest` tokens. What is too long loses tokens at
    /// its end, a pair those of the longer text first, as transformers does it.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn truncating(&self, longest: usize) -> Result<Self, ModelError> {
        // The library takes the special tokens off without looking whether there is room for them.
        let special =
            |pair: bool| self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(pair));
        let least = (special(false) + 1).max(special(true));
        if longest < least {
            return Err(ModelError::Tokenizer(format!(
                "{longest} tokens leave no room for a text beside the special ones; at least {least} are needed"
            )));
        }
        let mut tokenizer = self.clone();
        let truncation = TruncationParams { max_length: longest, ..TruncationParams::default() };
        tokenizer
            .inner
            .with_truncation(Some(truncation))
            .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(tokenizer)
    }

    /// A text or a pair of texts to be read, in tokens with the special ones.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_text(&self, first: &str, second: Option<&str>) -> Result<EncodedText, ModelError> {
        let encoding = match second {
            None => self.inner.encode_fast(first, true),
            Some(second) => self.inner.encode_fast((first, second), true),
        };
        let encoding = encoding.map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(encoded(&encoding))
    }

    /// A text whose words stand with single blanks between, as [`Self::encode_text`] gives it, and the place of each
    /// word's first token; none for a word without one, because it was cut off or nothing of it was left.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_words(&self, text: &str) -> Result<(EncodedText, Vec<Option<usize>>), ModelError> {
        // By way of the whole text, not word by word, so that vocabularies that mark the blank before a word see it.
        let encoding =
            self.inner.encode(text, true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let mut ends = Vec::new();
        let mut end = 0;
        for word in text.split(' ') {
            end += word.len();
            ends.push(end);
            end += 1;
        }
        let mut first = vec![None; ends.len()];
        let tokens = encoding.get_offsets().iter().zip(encoding.get_special_tokens_mask());
        for (place, (&(begin, end), &special)) in tokens.enumerate() {
            if special == 1 || begin >= end {
                continue;
            }
            // A token may begin with the blank before its word, or be that blank alone.
            let begin = begin + usize::from(text.as_bytes().get(begin) == Some(&b' '));
            if let Some(first) = first.get_mut(ends.partition_point(|&end| end <= begin)) {
                first.get_or_insert(place);
            }
        }
        Ok((encoded(&encoding), first))
    }

    /// The ids of a text that is to be written in another language, its tag first.
    ///
    /// # Errors
    /// When the vocabulary has no tag for the language, or the tokenizer fails.
    pub fn encode_for(&self, text: &str, language: &str) -> Result<Vec<u32>, ModelError> {
        let tag = language_tag(language);
        if self.inner.token_to_id(&tag).is_none() {
            return Err(ModelError::Tokenizer(format!(
                "the model does not write `{language}`; it writes {}",
                self.languages().join(", ")
            )));
        }
        self.encode(&format!("{tag}{text}"))
    }

    /// The text of ids, special tokens left out.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.inner.decode(ids, true).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }

    /// The files that make transformers load the same tokenizer: those that it was read from, or else new ones for
    /// texts of at most `longest` tokens.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn files(&self, longest: usize) -> Result<TokenizerFiles, ModelError> {
        if let Some(files) = &self.files {
            let mut files = TokenizerFiles::clone(files);
            if !files.0.iter().any(|(name, _)| name == CONFIG) {
                // Without it transformers would guess the class by the model, and guess wrong.
                files
                    .0
                    .push((CONFIG.to_owned(), format!("{:#}\n", self.general_config(longest)).into_bytes()));
            }
            return Ok(files);
        }
        let is_bert = self.id(BERT[0]).is_ok();
        let config = match self.inner.get_model() {
            ModelWrapper::WordPiece(_) if is_bert => bert_config(longest),
            _ if is_bert => self.general_config(longest),
            _ => character_config(longest),
        };
        let config = format!("{config:#}\n");
        Ok(TokenizerFiles(vec![
            (JSON.into(), (self.to_json()? + "\n").into_bytes()),
            (CONFIG.into(), config.into_bytes()),
        ]))
    }

    /// `tokenizer_config.json` of any tokenizer, with the special tokens that it has.
    fn general_config(&self, longest: usize) -> serde_json::Value {
        let mut config = serde_json::json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": longest,
        });
        let [padding, unknown, first, end, mask] = BERT;
        for (key, names) in [
            ("pad_token", [PADDING, padding]),
            ("unk_token", [UNKNOWN, unknown]),
            ("cls_token", ["<s>", first]),
            ("sep_token", [END, end]),
            ("mask_token", ["<mask>", mask]),
        ] {
            if let Some(name) = names.into_iter().find(|name| self.id(name).is_ok()) {
                config[key] = name.into();
            }
        }
        config
    }

    /// What `tokenizer.json` holds.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, ModelError> {
        // The library writes maps of its own order; sorting keys through a value keeps the bytes the same every time.
        let text = self.inner.to_string(false).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        serde_json::to_string_pretty(&value).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }
}

/// What is kept of the library's form of a text.
fn encoded(encoding: &Encoding) -> EncodedText {
    let segments = encoding.get_type_ids();
    EncodedText {
        ids: encoding.get_ids().to_vec(),
        // As many numbers as a text has tokens, for each of a corpus.
        segments: if segments.iter().all(|&segment| segment == 0) { Vec::new() } else { segments.to_vec() },
        truncated: !encoding.get_overflowing().is_empty(),
    }
}

/// `tokenizer_config.json` of a character vocabulary: the class and the special tokens, so that transformers pads and
/// generates.
fn character_config(longest: usize) -> serde_json::Value {
    serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "unk_token": UNKNOWN,
        "pad_token": PADDING,
        "model_max_length": longest,
        "padding_side": "right",
        "clean_up_tokenization_spaces": false,
        "model_input_names": ["input_ids", "attention_mask"],
    })
}

/// BERT's special tokens around a text or a pair of texts.
fn around_texts() -> Result<TemplateProcessing, ModelError> {
    let [_, _, first, end, _] = BERT;
    TemplateProcessing::builder()
        .try_single(format!("{first} $A {end}"))
        .map_err(ModelError::Tokenizer)?
        .try_pair(format!("{first} $A {end} $B:1 {end}:1"))
        .map_err(ModelError::Tokenizer)?
        .special_tokens(vec![(first, 2), (end, 3)])
        .build()
        .map_err(|error| ModelError::Tokenizer(error.to_string()))
}

/// `tokenizer_config.json` of a vocabulary in BERT's manner.
fn bert_config(longest: usize) -> serde_json::Value {
    let [padding, unknown, first, end, mask] = BERT;
    serde_json::json!({
        "tokenizer_class": "BertTokenizer",
        "pad_token": padding,
        "unk_token": unknown,
        "cls_token": first,
        "sep_token": end,
        "mask_token": mask,
        "do_lower_case": true,
        "strip_accents": false,
        "model_max_length": longest,
    })
}

/// What a tokenizer's file says.
fn parsed<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(json).map_err(|error| ModelError::Tokenizer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of a text.
    pub(super) fn pieces_of(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
        let own = tokenizer.tokens();
        tokenizer.encode(text).unwrap().iter().map(|&id| own[id as usize].clone()).collect()
    }

    #[test]
    fn characters_round_trip_with_tags_and_spaces() {
        let characters: IndexSet<char> = "नमस्ते दुनिया".chars().collect();
        let tokenizer = Tokenizer::characters(&characters, &["en".into(), "ta".into()]).unwrap();
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
        let tokenizer = Tokenizer::words(texts, 100).unwrap();
        let ids =
            |tokens: &[&str]| tokens.iter().map(|token| tokenizer.id(token).unwrap()).collect::<Vec<_>>();
        let alone = tokenizer.encode_text("A FINE dale", None).unwrap();
        // No `dale` among the words: a character, and characters within a word.
        assert_eq!(alone.ids, ids(&["[CLS]", "a", "fine", "d", "##a", "##l", "##e", "[SEP]"]));
        assert!(alone.segments.is_empty());
        let pair = tokenizer.encode_text("fine", Some("day .")).unwrap();
        assert_eq!(pair.ids, ids(&["[CLS]", "fine", "[SEP]", "day", ".", "[SEP]"]));
        assert_eq!(pair.segments, [0, 0, 0, 1, 1, 1]);
        let cut = tokenizer.truncating(6).unwrap();
        let pair = cut.encode_text("a fine day", Some("film .")).unwrap();
        assert_eq!(pair.ids, ids(&["[CLS]", "a", "fine", "[SEP]", "film", "[SEP]"]));
        assert!(pair.truncated && !cut.encode_text("a", None).unwrap().truncated);
        assert_eq!(tokenizer.encode_text("ξ", None).unwrap().ids, ids(&["[CLS]", "[UNK]", "[SEP]"]));
        assert_eq!(tokenizer.padding().unwrap(), 0);
        // Vowels above and below letters are letters of their own.
        let marked = Tokenizer::words(["लाल वृत्त", "ガーデン"], 100).unwrap();
        assert!(["वृत्त", "ガーデン"].iter().all(|word| marked.id(word).is_ok()));
        // The rarest words are the first to go; characters stay.
        let few = Tokenizer::words(texts, tokenizer.size() - 1).unwrap();
        assert!(few.id("day").is_ok() && few.id("film").is_err() && few.id("##m").is_ok());
    }

    #[test]
    fn every_word_knows_its_first_token() {
        let tokenizer = Tokenizer::words(["a fine film , so so"], 100).unwrap();
        let text = "A fine-ish \u{200d} film \u{a0}so";
        let (encoded, first) = tokenizer.encode_words(text).unwrap();
        assert_eq!(encoded, tokenizer.encode_text(text, None).unwrap());
        // `[CLS] a fine [UNK] [UNK] film so [SEP]`: nothing is left of a joiner alone.
        assert_eq!(first, [Some(1), Some(2), None, Some(5), Some(6)]);
        let (cut, first) = tokenizer.truncating(4).unwrap().encode_words(text).unwrap();
        assert!(cut.truncated);
        assert_eq!(first, [Some(1), Some(2), None, None, None]);
        assert_eq!(tokenizer.encode_words("").unwrap().1, [None]);
        // What marks the blank before a word, as byte-level vocabularies and SentencePiece do, is of the word.
        let characters = Tokenizer::characters(&"ab ".chars().collect(), &[]).unwrap();
        assert_eq!(characters.encode_words("ab b").unwrap().1, [Some(0), Some(2)]);
    }

    #[test]
    fn json_loads_back() {
        let tokenizer = Tokenizer::characters(&"ab".chars().collect(), &["en".into()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = tokenizer.files(16).unwrap();
        files.write(folder.path()).unwrap();
        let loaded = Tokenizer::open(folder.path()).unwrap();
        assert_eq!(loaded.files(8).unwrap(), files);
        assert_eq!(loaded.encode(">>en<<ba").unwrap(), tokenizer.encode(">>en<<ba").unwrap());
        assert_eq!(loaded.to_json().unwrap(), tokenizer.to_json().unwrap());
    }
}
