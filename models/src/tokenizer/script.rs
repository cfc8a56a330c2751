//! Scripts of one family written in one of them: Indic scripts in Devanagari.
//!
//! Unicode lays out the blocks of Indic scripts alike (as ISCII does), so that letters of one sound stand at one place of each. A text is
//! unified before anything else is done to it. `tokenizer.json` says so by rules in front of its normalizer, which every program
//! that reads the file goes by; here they are taken out again, and the mapping is applied at once, with the same result.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::encoding::Tokenizer;
use super::files::CONFIG;
use super::saving::GENERAL;
use crate::ModelError;

/// First character of each block that is unified: Bengali (also of Assamese), Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada,
/// Malayalam.
const BLOCKS: [u32; 8] = [0x0980, 0x0a00, 0x0a80, 0x0b00, 0x0b80, 0x0c00, 0x0c80, 0x0d00];

/// First character of the block of Devanagari.
const DEVANAGARI: u32 = 0x0900;

/// The last offset in a block up to which characters of all scripts correspond.
const LAST: u32 = 0x6f;

/// Script in which texts of a family of scripts are written before they are tokenized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnifiedScript {
    /// Devanagari: a character at offset 0 to 0x6F of the block of Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada or
    /// Malayalam becomes the one at the same offset of Devanagari; the unassigned places of danda and double danda become these, which
    /// all scripts share (U+0964, U+0965). All others stay.
    ///
    /// `UnicodeIndicTransliterator` of the Indic NLP Library (Kunchukuttan, 2020) maps the same characters, of one language at a
    /// time.
    Devanagari,
}

/// Normalizer by which `tokenizer.json` says that texts are unified: a rule for each character of Devanagari, whose pattern is those
/// that become it.
static RULES: LazyLock<Value> = LazyLock::new(|| {
    let rule = |offset: u32| {
        let class: String = BLOCKS.iter().filter_map(|block| char::from_u32(block + offset)).collect();
        let content = char::from_u32(DEVANAGARI + offset).map(String::from);
        json!({ "type": "Replace", "pattern": { "Regex": format!("[{class}]") }, "content": content })
    };
    json!({ "type": "Sequence", "normalizers": (0..=LAST).map(rule).collect::<Vec<Value>>() })
});

impl UnifiedScript {
    /// The name of the script, as recipes and model cards have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Devanagari => "devanagari",
        }
    }

    /// A character in this script. It has as many bytes as before.
    #[must_use]
    pub fn unify_character(self, character: char) -> char {
        let code = u32::from(character);
        if !(BLOCKS[0]..BLOCKS[BLOCKS.len() - 1] + 0x80).contains(&code) {
            return character;
        }
        let offset = code % 0x80;
        if offset > LAST { character } else { char::from_u32(DEVANAGARI + offset).unwrap_or(character) }
    }

    /// A text in this script, of as many characters and as many bytes.
    #[must_use]
    pub fn unify(self, text: &str) -> Cow<'_, str> {
        if text.chars().any(|character| self.unify_character(character) != character) {
            text.chars().map(|character| self.unify_character(character)).collect::<String>().into()
        } else {
            text.into()
        }
    }

    /// Whether a token has letters of this script.
    fn has_letters(self, token: &str) -> bool {
        let letters = match self {
            Self::Devanagari => DEVANAGARI + 0x05..DEVANAGARI + 0x3a,
        };
        token.chars().any(|letter| letters.contains(&u32::from(letter)))
    }
}

/// Takes the rules of a script out of the normalizer of a `tokenizer.json`, where it begins with them.
pub(super) fn take(normalizer: &mut Value) -> Option<UnifiedScript> {
    if *normalizer == *RULES {
        *normalizer = Value::Null;
        return Some(UnifiedScript::Devanagari);
    }
    let all = normalizer.get_mut("normalizers")?.as_array_mut()?;
    let place = all.iter().position(|rule| *rule == *RULES)?;
    // Letters of these scripts have no case, so that it is all the same which comes first.
    if all[..place].iter().any(|rule| rule["type"] != "Lowercase") {
        return None;
    }
    all.remove(place);
    if all.len() == 1
        && let Some(only) = all.pop()
    {
        *normalizer = only;
    }
    Some(UnifiedScript::Devanagari)
}

/// Puts the rules of a script in front of a normalizer.
pub(super) fn put(normalizer: &mut Value) {
    *normalizer = match normalizer.take() {
        Value::Null => RULES.clone(),
        own => json!({ "type": "Sequence", "normalizers": [*RULES, own] }),
    };
}

impl Tokenizer {
    /// Script in which texts are written before they are tokenized; none where they stay as they are.
    #[must_use]
    pub fn unified_script(&self) -> Option<UnifiedScript> {
        self.script
    }

    /// A text as it is tokenized, in the script that texts are unified in.
    pub(super) fn unify<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.script.map_or(Cow::Borrowed(text), |script| script.unify(text))
    }

    /// Texts as they are tokenized.
    pub(super) fn unify_all<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Vec<Cow<'t, str>> {
        texts.into_iter().map(|text| self.unify(text)).collect()
    }

    /// The same tokenizer over texts that are first written in one script. Its files say so to other programs, under the class of
    /// transformers that goes by `tokenizer.json` alone: version 5 builds the normalizer of others anew.
    ///
    /// # Errors
    /// When its vocabulary has no letter of the script, or a token of its own stands for letters that no text has any more.
    pub fn unified(&self, script: UnifiedScript) -> Result<Self, ModelError> {
        if self.script == Some(script) {
            return Ok(self.clone());
        }
        if !self.tokens().iter().any(|token| script.has_letters(token)) {
            return Err(self.fault(format!(
                "`unify-script` writes texts in {}, and the vocabulary has no letter of it: train another with `vocabulary` and `new-vocabulary`",
                script.name()
            )));
        }
        self.reading_unified(script)
    }

    /// [`Self::unified`] of a tokenizer whose vocabulary is yet to be trained, or was on such texts.
    ///
    /// # Errors
    /// When a token of its own stands for letters that no text has any more.
    pub fn reading_unified(&self, script: UnifiedScript) -> Result<Self, ModelError> {
        let added = self.inner.get_added_tokens_decoder();
        let lost = added.values().find(|token| script.unify(&token.content) != token.content.as_str());
        if let Some(token) = lost {
            return Err(self.fault(format!(
                "`unify-script` writes texts in {}, in which the token `{}` is never found",
                script.name(),
                quoted(&token.content)
            )));
        }
        let mut json = self.json()?;
        if self.script.is_none() {
            put(&mut json["normalizer"]);
        }
        // The file is written anew, and what slow tokenizers are made of is left out.
        let mut own = self.with_json(&json)?;
        let general = own.general_config(0);
        if let Some(files) = own.files.as_mut().map(Arc::make_mut)
            && files.get(CONFIG).is_some()
        {
            let mut config = files.json(CONFIG)?;
            for (key, value) in general.as_object().into_iter().flatten() {
                if config[key].is_null() && key != "model_max_length" {
                    config[key] = value.clone();
                }
            }
            if config["model_input_names"].is_null() {
                // Version 4 of transformers gives a model of this class segments.
                config["model_input_names"] = json!(["input_ids", "attention_mask"]);
            }
            config["tokenizer_class"] = GENERAL.into();
            files.insert(CONFIG, format!("{config:#}\n").into_bytes());
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenizerModel;
    use crate::tokenizer::encoding::tests::pieces_of;

    const UNIFIED: UnifiedScript = UnifiedScript::Devanagari;

    #[test]
    fn characters_of_eight_blocks_are_mapped_and_all_others_stay() {
        for (written, read) in [
            ("ಕನ್ನಡ", "कन्नड"),
            ("தமிழ்", "तमिऴ्"),
            ("বাংলা।॥", "बांला।॥"),
            ("\u{9e4}\u{9e5}\u{9f0}\u{9ff}", "।॥\u{9f0}\u{9ff}"),
            ("ಠ_ಠ 12 ೧೨", "ठ_ठ 12 १२"),
            ("हिन्दी اردو ᱥᱟᱱᱛᱟᱲᱤ ꯃꯤꯇꯩ ශ්‍රී", "हिन्दी اردو ᱥᱟᱱᱛᱟᱲᱤ ꯃꯤꯇꯩ ශ්‍රී"),
        ] {
            assert_eq!(UNIFIED.unify(written), read);
            assert_eq!(written.len(), UNIFIED.unify(written).len());
        }
        let changed = (0..=0x10_ffff)
            .filter_map(char::from_u32)
            .filter(|&character| UNIFIED.unify_character(character) != character);
        assert_eq!(changed.count(), BLOCKS.len() * (LAST as usize + 1));
    }

    #[test]
    fn rules_of_the_file_say_the_same_as_the_mapping() {
        let mut normalizer = Value::Null;
        put(&mut normalizer);
        let rules: tokenizers::NormalizerWrapper = serde_json::from_value(normalizer).unwrap();
        // Every character between others, marks that cling to it among them.
        let text: String = (0x0300..0x0e00)
            .filter_map(char::from_u32)
            .flat_map(|character| ['ಕ', character, '\u{301}', character, 'x'])
            .collect();
        let mut form = tokenizers::NormalizedString::from(text.as_str());
        tokenizers::Normalizer::normalize(&rules, &mut form).unwrap();
        assert_eq!(form.get(), UNIFIED.unify(&text));
    }

    #[test]
    fn unified_tokenizers_read_all_scripts_as_one_and_survive_their_files() {
        let texts = ["नमक का घर", "नमक और घर", "a house of salt"];
        for model in
            [TokenizerModel::Words, TokenizerModel::WordPiece, TokenizerModel::Unigram, TokenizerModel::Bpe]
        {
            let whole = Tokenizer::train(model, texts, 90).unwrap();
            let built = whole.unified(UNIFIED).unwrap();
            assert_ne!(whole.identity().unwrap(), built.identity().unwrap(), "{model:?}");
            let folder = tempfile::tempdir().unwrap();
            built.files(64).unwrap().write(folder.path()).unwrap();
            let opened = Tokenizer::open(folder.path()).unwrap();
            let again = opened.unified(UNIFIED).unwrap();
            for tokenizer in [&built, &opened, &again] {
                assert_eq!(tokenizer.unified_script(), Some(UNIFIED), "{model:?}");
                assert_eq!(tokenizer.to_json().unwrap(), built.to_json().unwrap(), "{model:?}");
                assert_eq!(pieces_of(tokenizer, "ನಮಕ ঘর"), pieces_of(&whole, "नमक घर"), "{model:?}");
                let pair =
                    |tokenizer: &Tokenizer, one, other| tokenizer.encode_text(one, Some(other)).unwrap().ids;
                assert_eq!(pair(tokenizer, "ਨਮਕ", "ಘರ"), pair(&whole, "नमक", "घर"), "{model:?}");
                assert_eq!(tokenizer.normalise("ನಮಕ").unwrap(), whole.normalise("नमक").unwrap());
                let spans = |tokenizer: &Tokenizer, text| -> Vec<_> {
                    tokenizer.token_spans(text).unwrap().into_iter().map(|token| token.bytes).collect()
                };
                assert_eq!(spans(tokenizer, "ನಮಕ ঘর"), spans(&whole, "नमक घर"), "{model:?}");
            }
        }
    }

    #[test]
    fn folders_of_a_class_keep_their_settings_and_go_by_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        Tokenizer::train(TokenizerModel::WordPiece, ["नमक का घर"], 90)
            .unwrap()
            .files(64)
            .unwrap()
            .write(folder.path())
            .unwrap();
        let whole = Tokenizer::open(folder.path()).unwrap();
        let unified = whole.unified(UNIFIED).unwrap();
        let written = tempfile::tempdir().unwrap();
        unified.files(64).unwrap().write(written.path()).unwrap();
        let config = std::fs::read_to_string(written.path().join(CONFIG)).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["tokenizer_class"], "PreTrainedTokenizerFast");
        assert_eq!(config["model_max_length"], 64);
        assert_eq!(config["mask_token"], "[MASK]");
        assert_eq!(config["model_input_names"][1], "token_type_ids");
        let opened = Tokenizer::open(written.path()).unwrap();
        assert!(opened.tells_segments());
        assert_eq!(pieces_of(&opened, "ನಮಕ"), pieces_of(&whole, "नमक"));
    }

    #[test]
    fn vocabularies_are_pruned_and_trained_on_unified_texts() {
        let texts = ["ನಮಕ ಘರ", "ঘর ঘর ঘর", "నమక ఘర"];
        let read = ["नमक घर", "घर घर घर", "नमक घर"];
        for model in [TokenizerModel::WordPiece, TokenizerModel::Unigram, TokenizerModel::Bpe] {
            let whole = Tokenizer::train(model, ["नमक घर a", "घर घर", "cat house"], 80).unwrap();
            let plain = whole.retrain(read, 40).unwrap();
            let unified = whole.unified(UNIFIED).unwrap().retrain(texts, 40).unwrap();
            assert_eq!(plain.tokens(), unified.tokens(), "{model:?}");
            assert_eq!(unified.unified_script(), Some(UNIFIED));
        }
        let whole =
            Tokenizer::train(TokenizerModel::Unigram, ["नमक घर a", "घर घर", "cat house"], 80).unwrap();
        let pruned = whole.unified(UNIFIED).unwrap().prune(texts, 30).unwrap();
        assert_eq!(pruned.tokens(), whole.prune(read, 30).unwrap().tokens());
        let words = whole.unified(UNIFIED).unwrap().own_tokens("", texts, 2).unwrap();
        assert_eq!(words.tokens(), whole.own_tokens("", read, 2).unwrap().tokens());
    }

    #[test]
    fn vocabularies_without_the_script_are_refused() {
        let english = Tokenizer::train(TokenizerModel::Unigram, ["the cat sat", "on the mat"], 40).unwrap();
        let error = english.unified(UNIFIED).unwrap_err().to_string();
        assert!(error.contains("has no letter of it") && error.contains("`new-vocabulary`"), "{error}");
    }
}
