//! Prompts before texts.

use std::sync::Arc;

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::encoding::Tokenizer;
use super::files::PROMPTS;
use super::template::{NAME, of_prompt, template};
use crate::ModelError;

/// Tokens of a text where nothing else limits them.
const MAX_LENGTH: usize = 1 << 20;

/// A text of any script that stands alone as it does behind a prompt.
const PROBE: &str = "a";

impl Tokenizer {
    /// The tokenizer that puts a prompt before each text, and before the first of a pair: some encoders are trained with one,
    /// as `query: `. Its files say so to sentence-transformers.
    ///
    /// # Errors
    /// When a text would be read in other tokens behind the prompt, the prompt is not in the vocabulary, or there is one
    /// already.
    pub fn prompted(&self, prompt: &str) -> Result<Self, ModelError> {
        self.tokens_of_prompt(prompt)?;
        let mut prompted = self.clone();
        prompted.options.prompt = Some(prompt.to_owned());
        if let Some(files) = prompted.files.as_mut().map(Arc::make_mut) {
            let mut config = files.json(PROMPTS)?;
            let prompts = config["prompts"].as_object();
            let named =
                prompts.into_iter().flatten().find(|(_, own)| *own == prompt).map(|(name, _)| name.clone());
            let name = named.unwrap_or_else(|| NAME.to_owned());
            if !config["prompts"].is_object() {
                config["prompts"] = json!({});
            }
            config["prompts"][&name] = prompt.into();
            config["default_prompt_name"] = name.into();
            files.insert(PROMPTS, format!("{config:#}\n").into_bytes());
        }
        Ok(prompted)
    }

    /// The tokenizer whose files name prompts to sentence-transformers, beside those that they name already. The one of the name
    /// `default`, if it is given, is put before each text, and the others are for who asks for them.
    ///
    /// # Errors
    /// Errors of [`Self::prompted`], and when there is no prompt of that name.
    pub fn with_prompts<'p>(
        &self,
        prompts: impl IntoIterator<Item = (&'p str, &'p str)>,
        default: Option<&str>,
    ) -> Result<Self, ModelError> {
        let mut named = self.clone();
        // A tokenizer that was built has no files as yet; its model says how many tokens it reads.
        let mut files = self.files(MAX_LENGTH)?;
        let mut config = files.json(PROMPTS)?;
        if !config["prompts"].is_object() {
            config["prompts"] = json!({});
        }
        for (name, prompt) in prompts {
            config["prompts"][name] = prompt.into();
        }
        let default =
            match default {
                None => None,
                Some(name) => Some(config["prompts"][name].as_str().map(str::to_owned).ok_or_else(|| {
                    self.fault(format!("there is no prompt of the name `{}`", quoted(name)))
                })?),
            };
        files.insert(PROMPTS, format!("{config:#}\n").into_bytes());
        named.files = Some(Arc::new(files));
        match default {
            Some(prompt) if self.options.prompt.as_ref() != Some(&prompt) => named.prompted(&prompt),
            _ => Ok(named),
        }
    }

    /// The tokenizer that has a prompt among the special tokens around texts, for libraries that know of no prompts.
    ///
    /// # Errors
    /// Errors of [`Self::prompted`], and when what stands around texts is not known.
    pub(super) fn around(&self, prompt: &str) -> Result<Self, ModelError> {
        let (ids, tokens) = self.tokens_of_prompt(prompt)?;
        let mut json = self.json()?;
        let Some(processor) = template(&mut json["post_processor"]) else {
            return Err(self.fault(format!(
                "the prompt `{}`: this tokenizer puts nothing around texts, or in a way that is not known",
                quoted(prompt)
            )));
        };
        processor["special_tokens"][NAME] = json!({ "id": NAME, "ids": ids, "tokens": tokens });
        for around in ["single", "pair"] {
            let Some(pieces) = processor[around].as_array_mut() else { continue };
            let first = pieces.iter().position(|piece| piece["Sequence"]["id"] == "A").unwrap_or(0);
            pieces.insert(first, json!({ "SpecialToken": { "id": NAME, "type_id": 0 } }));
        }
        self.with_json(&json)
    }

    /// Ids and tokens of a prompt behind which texts are read as they are without it.
    fn tokens_of_prompt(&self, prompt: &str) -> Result<(Vec<u32>, Vec<String>), ModelError> {
        let refused = |why: &str| self.fault(format!("the prompt `{}`: {why}", quoted(prompt)));
        let read =
            |text: &str| Ok::<_, ModelError>(self.with_text(text, |text| self.inner.encode(text, false))?.0);
        let own = read(prompt.trim_end())?;
        let together = [own.get_ids(), read(PROBE)?.get_ids()].concat();
        if own.get_ids().is_empty() || together != read(&format!("{prompt}{PROBE}"))?.get_ids() {
            return Err(refused("a text would be read in other tokens behind it than it is without"));
        }
        if self.unknown().is_some_and(|unknown| own.get_ids().contains(&unknown)) {
            return Err(refused("the vocabulary does not have all of it"));
        }
        if self.has_prompt()? {
            return Err(refused("the tokenizer has one already"));
        }
        Ok((own.get_ids().to_vec(), own.get_tokens().to_vec()))
    }

    /// Whether a prompt is put before texts.
    pub(super) fn has_prompt(&self) -> Result<bool, ModelError> {
        Ok(self.options.prompt.is_some() || !of_prompt(&self.json()?).is_empty())
    }

    /// The tokens of the prompt, as they stand before a text; none where there is none.
    pub(super) fn prompt_ids(&self, json: &Value) -> Result<Vec<u32>, ModelError> {
        let Some(prompt) = &self.options.prompt else { return Ok(of_prompt(json)) };
        Ok(self.with_text(prompt, |text| self.inner.encode_fast(text, false))?.0.get_ids().to_vec())
    }

    /// Number of tokens before those of a text proper: those of the prompt, and special ones before them; 0 without a
    /// prompt.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn prompt_length(&self) -> Result<usize, ModelError> {
        let Some(prompt) = &self.options.prompt else { return Ok(0) };
        let (encoding, _) = self.with_text(prompt, |text| self.inner.encode_fast(text, true))?;
        let closing = encoding.get_special_tokens_mask().last() == Some(&1);
        Ok(encoding.len() - usize::from(closing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_bert() -> Tokenizer {
        Tokenizer::train_words(["query : a cat sat on the mat".to_owned()].iter().map(String::as_str), 64)
            .unwrap()
    }

    fn processed(processor: Value) -> Tokenizer {
        let whole = of_bert();
        let mut json = whole.json().unwrap();
        json["post_processor"] = processor;
        whole.with_json(&json).unwrap()
    }

    #[test]
    fn prompts_stand_between_the_first_token_and_the_text() {
        let bert = json!({ "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] });
        let roberta = json!({
            "type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2],
            "trim_offsets": true, "add_prefix_space": false
        });
        let within = json!({ "type": "Sequence", "processors": [bert] });
        for (tokenizer, ends) in
            [(of_bert(), 1), (processed(bert.clone()), 1), (processed(roberta), 2), (processed(within), 1)]
        {
            let prompted = tokenizer.prompted("query: ").unwrap();
            let ids = |tokenizer: &Tokenizer, text: &str, second: Option<&str>| {
                tokenizer.encode_text(text, second).unwrap().ids
            };
            assert_eq!(ids(&prompted, "the cat", None), ids(&tokenizer, "query: the cat", None));
            assert_eq!(
                ids(&prompted, "the cat", Some("sat")),
                ids(&tokenizer, "query: the cat", Some("sat"))
            );
            let middle = ids(&prompted, "the cat", Some("sat")).iter().filter(|id| **id == 3).count();
            assert_eq!(middle, ends + 1);
        }
    }

    #[test]
    fn named_prompts_are_written_and_the_default_one_is_read() {
        let prompts = [("query", "query : "), ("cat", "a cat ")];
        let named = of_bert().with_prompts(prompts, None).unwrap();
        let ids = |tokenizer: &Tokenizer| tokenizer.encode_text("sat", None).unwrap().ids;
        assert_eq!(ids(&named), ids(&of_bert()));
        let read = of_bert().with_prompts(prompts, Some("query")).unwrap();
        assert_eq!(ids(&read), of_bert().encode_text("query : sat", None).unwrap().ids);
        let folder = tempfile::tempdir().unwrap();
        read.files(16).unwrap().write(folder.path()).unwrap();
        let config = std::fs::read_to_string(folder.path().join(PROMPTS)).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["prompts"], json!({ "query": "query : ", "cat": "a cat " }));
        assert_eq!(config["default_prompt_name"], "query");
        assert_eq!(ids(&Tokenizer::open(folder.path()).unwrap()), ids(&read));
        assert!(of_bert().with_prompts(prompts, Some("other")).unwrap_err().to_string().contains("`other`"));
    }

    #[test]
    fn prompts_stay_in_a_pruned_vocabulary() {
        let prompted = of_bert().prompted("query: ").unwrap();
        let cut = prompted.prune(["the cat"], 20).unwrap();
        assert!(cut.size() < prompted.size());
        let pieces = |tokenizer: &Tokenizer| -> Vec<String> {
            let ids = tokenizer.encode_text("the cat", None).unwrap().ids;
            ids.iter().map(|&id| tokenizer.tokens()[id as usize].clone()).collect()
        };
        assert_eq!(pieces(&cut), ["[CLS]", "query", ":", "the", "cat", "[SEP]"]);
        assert_eq!(pieces(&cut), pieces(&prompted));
        // Also where there is no room for more than characters.
        let least = prompted.prune(["the cat"], 1).unwrap();
        assert_eq!(pieces(&least)[..3], ["[CLS]", "query", ":"]);
        assert!(prompted.retrain(["the cat"], 20).unwrap_err().to_string().contains("without `prompt`"));
    }

    #[test]
    fn prompts_that_change_the_text_are_refused() {
        let error = of_bert().prompted("que").unwrap_err().to_string();
        assert!(error.contains("the prompt `que`"), "{error}");
        assert!(of_bert().prompted(" ").is_err());
        let error = of_bert().prompted("passage: ").unwrap_err().to_string();
        assert!(error.contains("does not have all of it"), "{error}");
        let error = of_bert().prompted("query: ").unwrap().prompted("query: ").unwrap_err().to_string();
        assert!(error.contains("one already"), "{error}");
    }
}
