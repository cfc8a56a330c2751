//! A vocabulary cut to what some texts use.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::encoding::Tokenizer;
use super::files::{CONFIG, JSON, PROMPTS, SENTENCE, SPECIAL};
use super::parsing::parsed;
use crate::ModelError;

/// Files of a folder that say how its tokenizer is to be used, beside `tokenizer.json`. The others hold the whole
/// vocabulary.
const KEPT: [&str; 4] = [CONFIG, SPECIAL, SENTENCE, PROMPTS];

/// Prefixes of tokens that begin a word, or go on with one.
const MARKS: [&str; 2] = ["\u{2581}", "##"];

impl Tokenizer {
    /// The tokens in the order of their ids.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        (0..self.size() as u32).map(|id| self.inner.id_to_token(id).unwrap_or_default()).collect()
    }

    /// The same tokenizer with fewer tokens, at most `most`: the special ones, the single characters of some texts, and of
    /// the tokens that these texts are made of the commonest. What was another token is then read in smaller pieces. Ids
    /// stay in their order, and count up from 0.
    ///
    /// # Errors
    /// When the tokenizer is neither a `Unigram` nor a `WordPiece`, or fails.
    pub fn prune<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Self, ModelError> {
        let mut json = self.json()?;
        let kept = self.used(&json, texts, most)?;
        let ids: HashMap<u64, u64> =
            kept.iter().enumerate().map(|(new, &old)| (u64::from(old), new as u64)).collect();
        cut_model(&mut json["model"], &ids)?;
        renumber(&mut json, &ids);
        self.rebuilt(&json, &ids)
    }

    /// The tokenizer that `tokenizer.json` now says, with the files that go with this one, in which tokens have new ids.
    pub(super) fn rebuilt(&self, json: &Value, ids: &HashMap<u64, u64>) -> Result<Self, ModelError> {
        let mut rebuilt = self.with_json(json)?;
        if let Some(files) = rebuilt.files.as_mut().map(Arc::make_mut) {
            files.0.retain(|(name, _)| name == JSON || KEPT.contains(&name.as_str()));
            for (_, bytes) in files.0.iter_mut().filter(|(name, _)| name != JSON) {
                let mut value: Value = parsed(bytes)?;
                // Not by index, which would put it there.
                if let Some(table) = value.get_mut("added_tokens_decoder") {
                    renumber_keys(table, ids);
                }
                *bytes = format!("{value:#}\n").into_bytes();
            }
        }
        Ok(rebuilt)
    }

    /// The ids that are kept, in ascending order.
    fn used<'t>(
        &self,
        json: &Value,
        texts: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Vec<u32>, ModelError> {
        let added = json["added_tokens"].as_array().into_iter().flatten();
        let mut kept: BTreeSet<u32> = added.filter_map(|token| Some(token["id"].as_u64()? as u32)).collect();
        kept.extend(self.unknown());
        kept.extend(self.prompt_ids(json)?);
        let (mut counts, mut characters) = (vec![0_usize; self.size()], BTreeSet::new());
        for text in texts {
            for id in self.encode(text)? {
                if let Some(count) = counts.get_mut(id as usize) {
                    *count += 1;
                }
            }
            characters.extend(self.normalise(text)?.chars());
        }
        for character in characters {
            kept.extend(self.inner.token_to_id(&character.to_string()));
            let marked = MARKS.iter().map(|mark| format!("{mark}{character}"));
            kept.extend(marked.filter_map(|token| self.inner.token_to_id(&token)));
        }
        kept.extend(MARKS.iter().filter_map(|mark| self.inner.token_to_id(mark)));
        let mut order: Vec<u32> = (0..counts.len() as u32).filter(|&id| counts[id as usize] > 0).collect();
        order.sort_by_key(|&id| (std::cmp::Reverse(counts[id as usize]), id));
        for id in order {
            if kept.len() >= most {
                break;
            }
            kept.insert(id);
        }
        Ok(kept.into_iter().collect())
    }
}

/// Leaves the kept tokens of a model, with their new ids.
pub(super) fn cut_model(model: &mut Value, ids: &HashMap<u64, u64>) -> Result<(), ModelError> {
    match model["type"].as_str() {
        Some("Unigram") => {
            if let Some(pieces) = model["vocab"].as_array_mut() {
                let mut id = 0;
                pieces.retain(|_| {
                    id += 1;
                    ids.contains_key(&(id - 1))
                });
            }
            if let Some(id) = model["unk_id"].as_u64() {
                model["unk_id"] = ids.get(&id).copied().into();
            }
        }
        Some("WordPiece") => renumber_words(&mut model["vocab"], ids),
        // What nothing is merged to or from, such as special tokens, is missed by no other token.
        Some("BPE") if merged(model).is_some_and(|merged| merged.iter().all(|id| ids.contains_key(id))) => {
            renumber_words(&mut model["vocab"], ids);
        }
        other => {
            return Err(ModelError::Tokenizer(format!(
                "a vocabulary of the kind {} cannot be cut; `Unigram` and `WordPiece` can",
                other.unwrap_or("unknown")
            )));
        }
    }
    Ok(())
}

/// Gives the words of a table their new ids, and leaves out what is not kept.
fn renumber_words(table: &mut Value, ids: &HashMap<u64, u64>) {
    if let Some(words) = table.as_object_mut() {
        words.retain(|_, id| match id.as_u64().and_then(|id| ids.get(&id)) {
            Some(&new) => {
                *id = new.into();
                true
            }
            None => false,
        });
    }
}

/// The ids of tokens that others are merged from, or that are merged; none where a token has no id.
fn merged(model: &Value) -> Option<BTreeSet<u64>> {
    let mut ids = BTreeSet::new();
    for merge in model["merges"].as_array()? {
        let (first, second) = match merge {
            Value::String(pair) => pair.split_once(' ')?,
            pair => (pair[0].as_str()?, pair[1].as_str()?),
        };
        for token in [first, second, &format!("{first}{second}")] {
            ids.insert(model["vocab"][token].as_u64()?);
        }
    }
    Some(ids)
}

/// Gives added tokens, and those that are put around a text, their new ids.
pub(super) fn renumber(json: &mut Value, ids: &HashMap<u64, u64>) {
    let new = |id: &mut Value| {
        if let Some(&own) = id.as_u64().and_then(|id| ids.get(&id)) {
            *id = own.into();
        }
    };
    for token in json["added_tokens"].as_array_mut().into_iter().flatten() {
        new(&mut token["id"]);
    }
    let processor = &mut json["post_processor"];
    let around: Vec<&mut Value> = if processor["type"] == "Sequence" {
        processor["processors"].as_array_mut().into_iter().flatten().collect()
    } else {
        vec![processor]
    };
    for processor in around {
        for token in processor.get_mut("special_tokens").and_then(Value::as_object_mut).into_iter().flatten()
        {
            token.1["ids"].as_array_mut().into_iter().flatten().for_each(new);
        }
        // BERT's and RoBERTa's processors name a token and its id.
        for part in ["sep", "cls"] {
            if let Some(id) = processor.get_mut(part).and_then(|pair| pair.get_mut(1)) {
                new(id);
            }
        }
    }
}

/// Gives the keys of a table of tokens their new ids, and leaves out what is not kept.
fn renumber_keys(table: &mut Value, ids: &HashMap<u64, u64>) {
    if let Some(own) = table.as_object_mut() {
        let renumbered = std::mem::take(own)
            .into_iter()
            .filter_map(|(id, token)| Some((ids.get(&id.parse::<u64>().ok()?)?.to_string(), token)));
        *own = renumbered.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::encoding::tests::pieces_of;

    #[test]
    fn pruned_vocabularies_read_their_texts_as_before() {
        let whole =
            Tokenizer::train_words(["a cat sat", "the dog sat on the mat", "sat", "dogs"], 100).unwrap();
        let texts = ["the cat sat", "the cat", "mat"];
        let cut = whole.prune(texts, usize::MAX).unwrap();
        for text in texts {
            assert_eq!(pieces_of(&whole, text), pieces_of(&cut, text), "{text}");
        }
        assert!(cut.size() < whole.size() && cut.id("dog").is_err());
        // Of characters that no text has, nothing is left.
        assert_eq!(pieces_of(&cut, "dog"), ["[CLS]", "[UNK]", "[SEP]"]);
        let (old, new) = (whole.tokens(), cut.tokens());
        let places: Vec<usize> =
            new.iter().map(|token| old.iter().position(|other| other == token).unwrap()).collect();
        assert!(places.is_sorted());
        assert_eq!(cut.padding().unwrap(), 0);

        // With room for hardly more than characters, the commonest word stays.
        let fewest = whole.prune(texts, 0).unwrap();
        let one_more = whole.prune(texts, fewest.size() + 1).unwrap();
        assert!(fewest.id("the").is_err() && one_more.id("the").is_ok() && one_more.id("mat").is_err());
        assert_eq!(pieces_of(&one_more, "mat"), ["[CLS]", "m", "##a", "##t", "[SEP]"]);
    }
}
