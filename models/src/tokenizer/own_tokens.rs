//! Vocabularies of the tokens of texts alone, without those that stand around a text.

use std::collections::{BTreeSet, HashMap};

use alambic_files::text::quoted;
use regex::Regex;
use serde_json::{Value, json};

use super::encoding::Tokenizer;
use super::prune::{cut_model, renumber};
use super::training::counted;
use crate::ModelError;

impl Tokenizer {
    /// The tokens of texts alone: the same tokenizer without special tokens but those of padding and of what is unknown, without
    /// tokens that match a regular expression at their beginning (an empty one matches none), and with the commonest words of some
    /// texts, at most `most`, as tokens behind the others. Nothing is put around a text. Ids stay in their order, and count up
    /// from 0.
    ///
    /// # Errors
    /// When the expression is none, it leaves out all tokens or that which stands for unknown ones, tokens cannot be left out of a
    /// vocabulary of this kind, or words cannot be added to it.
    pub fn own_tokens<'t>(
        &self,
        removed: &str,
        texts: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Self, ModelError> {
        let mut json = self.json()?;
        json["post_processor"] = Value::Null;
        let tokens = self.tokens();
        let expression = Regex::new(removed)
            .map_err(|error| ModelError::Tokenizer(format!("`{}`: {error}", quoted(removed))))?;
        let needed: BTreeSet<u64> =
            [self.unknown(), self.padding().ok()].into_iter().flatten().map(u64::from).collect();
        let special: BTreeSet<u64> = (json["added_tokens"].as_array().into_iter().flatten())
            .filter(|token| token["special"] == true)
            .filter_map(|token| token["id"].as_u64())
            .filter(|id| !needed.contains(id))
            .collect();
        let is_removed = |token: &str| {
            !removed.is_empty() && expression.find(token).is_some_and(|found| found.start() == 0)
        };
        let kept =
            (0..tokens.len()).filter(|&id| !special.contains(&(id as u64)) && !is_removed(&tokens[id]));
        let ids: HashMap<u64, u64> = kept.enumerate().map(|(new, old)| (old as u64, new as u64)).collect();
        if self.unknown().is_some_and(|unknown| !ids.contains_key(&u64::from(unknown))) || ids.is_empty() {
            let message =
                format!("`{}` leaves out what stands for unknown tokens, or all tokens", quoted(removed));
            return Err(ModelError::Tokenizer(message));
        }
        if ids.len() < tokens.len() {
            cut_model(&mut json["model"], &ids)?;
            if let Some(added) = json["added_tokens"].as_array_mut() {
                added.retain(|token| token["id"].as_u64().is_some_and(|id| ids.contains_key(&id)));
            }
            renumber(&mut json, &ids);
        }
        if most > 0 {
            let words = self.words(texts, most)?;
            add_words(&mut json["model"], words, ids.len())?;
        }
        self.rebuilt(&json, &ids)
    }

    /// The commonest words of texts that are no token, in the order of their counts.
    fn words<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Vec<String>, ModelError> {
        let texts = self.unify_all(texts);
        let counts = counted(
            texts.iter().map(AsRef::as_ref),
            self.inner.get_normalizer(),
            self.inner.get_pre_tokenizer(),
        )?;
        let mut words: Vec<(String, u32)> =
            counts.into_iter().filter(|(word, _)| self.id(word).is_err()).collect();
        // Of words that are as common, by their letters.
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        words.truncate(most);
        Ok(words.into_iter().map(|(word, _)| word).collect())
    }
}

/// Puts words behind a vocabulary, each of which is read as a whole from now on.
fn add_words(model: &mut Value, words: Vec<String>, first: usize) -> Result<(), ModelError> {
    let kind = model["type"].as_str().unwrap_or("unknown").to_owned();
    match (kind.as_str(), &mut model["vocab"]) {
        ("WordPiece", Value::Object(vocabulary)) => {
            vocabulary.extend(words.into_iter().zip(first..).map(|(word, id)| (word, id.into())));
        }
        // No sequence of pieces is likelier than what is certain.
        ("Unigram", Value::Array(pieces)) => {
            pieces.extend(words.into_iter().map(|word| json!([word, 0.0])));
        }
        _ => {
            return Err(ModelError::Tokenizer(format!(
                "words are added to vocabularies of the kinds WordPiece and Unigram, and this one is of the kind {kind}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenizerModel;
    use crate::tokenizer::encoding::tests::pieces_of;

    const TEXTS: [&str; 3] = ["the cat sat on the mat", "the dogs sat", "unmatched dogs"];

    #[test]
    fn what_stands_around_a_text_is_gone_and_the_rest_keeps_its_order() {
        for model in [TokenizerModel::WordPiece, TokenizerModel::Unigram, TokenizerModel::Bpe] {
            let whole = Tokenizer::train(model, TEXTS, 60).unwrap();
            let own = whole.own_tokens("", [], 0).unwrap();
            for text in TEXTS {
                let pieces = pieces_of(&whole, text);
                assert_eq!(pieces_of(&own, text), pieces[1..pieces.len() - 1], "{model:?}: {text}");
            }
            let mut left = whole.tokens();
            left.retain(|token| !["[CLS]", "[SEP]", "[MASK]"].contains(&token.as_str()));
            assert_eq!(own.tokens(), left, "{model:?}");
            assert!(own.padding().is_ok() && own.unknown().is_some());
        }
    }

    #[test]
    fn what_an_expression_matches_at_the_beginning_of_a_token_is_left_out() {
        let whole = Tokenizer::train(TokenizerModel::WordPiece, TEXTS, 100).unwrap();
        let own = whole.own_tokens("do|he", [], 0).unwrap();
        assert!(whole.id("dogs").is_ok() && own.id("dogs").is_err());
        assert!(own.id("the").is_ok());
        assert!(own.own_tokens(r"\[UNK", [], 0).unwrap_err().to_string().contains("unknown tokens"));
        assert!(own.own_tokens("(", [], 0).unwrap_err().to_string().contains("`(`"));
        let merged = Tokenizer::train(TokenizerModel::Bpe, TEXTS, 100).unwrap();
        assert!(merged.own_tokens("\u{2581}t", [], 0).unwrap_err().to_string().contains("cannot be cut"));
    }

    #[test]
    fn common_words_become_tokens_and_are_read_as_a_whole() {
        let texts = ["unmatched hats", "unmatched unmatched caps", "hats of mine"];
        for model in [TokenizerModel::WordPiece, TokenizerModel::Unigram] {
            let whole = Tokenizer::train(model, TEXTS, 40).unwrap();
            let before = pieces_of(&whole.own_tokens("", [], 0).unwrap(), "the unmatched cat");
            let own = whole.own_tokens("", texts, 2).unwrap();
            assert_eq!(own.size(), whole.size() - 3 + 2, "{model:?}");
            let read = pieces_of(&own, "the unmatched cat");
            assert!(read.len() < before.len(), "{model:?}: {before:?} and {read:?}");
            assert!(read.iter().any(|piece| piece.trim_start_matches('\u{2581}') == "unmatched"), "{read:?}");
            assert!(own.tokens().last().unwrap().ends_with("hats"), "{:?}", own.tokens());
        }
        let merged = Tokenizer::train(TokenizerModel::Bpe, TEXTS, 40).unwrap();
        assert!(merged.own_tokens("", texts, 2).unwrap_err().to_string().contains("of the kind BPE"));
    }
}
