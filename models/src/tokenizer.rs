//! Tokenizers: reading `tokenizer.json`, and building a character vocabulary.

use std::path::Path;

use indexmap::IndexSet;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use crate::ModelError;

/// Padding, which is also the decoder's first token.
const PADDING: &str = "<pad>";
/// End of a sequence.
const END: &str = "</s>";
/// What is not in the vocabulary.
const UNKNOWN: &str = "<unk>";

/// The tag that tells a multilingual model which language to write, as Marian's multilingual models have it.
#[must_use]
pub fn language_tag(language: &str) -> String {
    format!(">>{language}<<")
}

/// A tokenizer of the tokenizers library.
#[derive(Debug, Clone)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the file is missing or broken.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        tokenizers::Tokenizer::from_file(path).map(Self).map_err(|error| ModelError::content(path, error))
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
        Ok(Self(tokenizer))
    }

    /// The number of tokens.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// The id of a token.
    ///
    /// # Errors
    /// When there is none.
    pub fn id(&self, token: &str) -> Result<u32, ModelError> {
        self.0
            .token_to_id(token)
            .ok_or_else(|| ModelError::Tokenizer(format!("the vocabulary has no token `{token}`")))
    }

    /// The id of padding.
    ///
    /// # Errors
    /// When the vocabulary has no `<pad>`.
    pub fn padding(&self) -> Result<u32, ModelError> {
        self.id(PADDING)
    }

    /// The id of the end of a sequence.
    ///
    /// # Errors
    /// When the vocabulary has no `</s>`.
    pub fn end(&self) -> Result<u32, ModelError> {
        self.id(END)
    }

    /// The languages that the vocabulary has a tag for, in the order of their ids.
    #[must_use]
    pub fn languages(&self) -> Vec<String> {
        let mut tagged: Vec<(u32, String)> = self
            .0
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
            self.0.encode_fast(text, true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The ids of a text that is to be written in another language, its tag first.
    ///
    /// # Errors
    /// When the vocabulary has no tag for the language, or the tokenizer fails.
    pub fn encode_for(&self, text: &str, language: &str) -> Result<Vec<u32>, ModelError> {
        let tag = language_tag(language);
        if self.0.token_to_id(&tag).is_none() {
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
        self.0.decode(ids, true).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }

    /// What `tokenizer.json` holds.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, ModelError> {
        // The library writes maps of its own order; sorting keys through a value keeps the bytes the same every time.
        let text = self.0.to_string(false).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        serde_json::to_string_pretty(&value).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }

    /// `tokenizer_config.json`: the class and the special tokens, so that transformers pads and generates.
    #[must_use]
    pub fn transformers_config(&self, longest: usize) -> serde_json::Value {
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn json_loads_back() {
        let tokenizer = Tokenizer::characters(&"ab".chars().collect(), &["en".into()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, tokenizer.to_json().unwrap()).unwrap();
        let loaded = Tokenizer::load(&path).unwrap();
        assert_eq!(loaded.encode(">>en<<ba").unwrap(), tokenizer.encode(">>en<<ba").unwrap());
        assert_eq!(loaded.to_json().unwrap(), tokenizer.to_json().unwrap());
    }
}
