//! Parts of tokenizers that are made of SentencePiece models: vocabularies over pieces, by their order or by numbers of a file, and
//! special tokens.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::bert::{add, added_tokens, named_tokens};
use super::files::TokenizerFiles;
use super::sentencepiece::SentencePiece;
use crate::ModelError;

/// The mark of a word's beginning.
const SPACE: &str = "\u{2581}";

/// Mark of tokens that are only written: it stands before them in the vocabulary, is taken out of texts that are read, and
/// left out where a text is put together. It is not seen (U+2063, INVISIBLE SEPARATOR).
const WRITTEN: &str = "\u{2063}";

/// Special tokens of RoBERTa and XLM-RoBERTa, by their key, as they are called unless a file says otherwise.
pub(super) const ROBERTA: [(&str, &str); 7] = [
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("sep_token", "</s>"),
    ("cls_token", "<s>"),
    ("unk_token", "<unk>"),
    ("pad_token", "<pad>"),
    ("mask_token", "<mask>"),
];

/// Tokens by their keys.
pub(super) type NamedTokens = Vec<(&'static str, String)>;

/// A tokenizer of the pieces of a model by the numbers of a vocabulary, its tokens in their order, and the special ones. A token
/// that a unigram model does not have is never read, as in transformers, but for single characters.
pub(super) fn numbered(
    files: &TokenizerFiles,
    model: &SentencePiece,
    numbers: &str,
    usual: &[(&'static str, &str)],
) -> Result<(Value, Vec<String>, NamedTokens), ModelError> {
    let fault = |message: String| ModelError::content(Path::new(numbers), message);
    let ids = files.json(numbers)?;
    let mut tokens: Vec<(u64, String)> = Vec::new();
    for (token, id) in ids.as_object().into_iter().flatten() {
        let id = id.as_u64().ok_or_else(|| fault("an id of a token is no number".into()))?;
        tokens.push((id, token.clone()));
    }
    tokens.sort_unstable();
    if let Some((place, (id, _))) = tokens.iter().enumerate().find(|(place, (id, _))| *place as u64 != *id) {
        return Err(fault(format!("there is no token {place}; the next one is {id}")));
    }
    let named = named_tokens(files, usual)?;
    let token = |key: &str| named.iter().find(|(own, _)| *own == key).map_or("", |(_, token)| token.as_str());
    let unknown_token = token("unk_token").to_owned();
    let unknown = tokens.iter().position(|(_, own)| *own == unknown_token);
    let unknown = unknown.ok_or_else(|| fault(format!("there is no token `{unknown_token}`")))?;
    let scores: Map<String, Value> =
        model.pieces.iter().map(|(piece, score)| (piece.clone(), (*score).into())).collect();
    // A character that no piece has costs ten more than the rarest piece.
    let rarest = model.pieces.iter().map(|(_, score)| *score).fold(0.0, f64::min);
    let is_special = |piece: &str| named.iter().any(|(_, own)| own == piece) || is_language(piece);
    let tokens: Vec<String> = tokens.into_iter().map(|(_, piece)| piece).collect();
    let vocabulary: Vec<(String, f64)> = tokens
        .iter()
        .map(|piece| match scores.get(piece).and_then(Value::as_f64) {
            Some(score) => (piece.clone(), score),
            None if is_special(piece) => (piece.clone(), 0.0),
            None if piece.chars().count() == 1 => (piece.clone(), rarest),
            None => (format!("{WRITTEN}{piece}"), rarest),
        })
        .collect();
    let unseen = json!({ "type": "Replace", "pattern": { "String": WRITTEN }, "content": "" });
    let mut json =
        around_unigram(&vocabulary, unknown, vec![unseen.clone()], model.charsmap.as_deref(), true);
    json["decoder"] = json!({ "type": "Sequence", "decoders": [unseen, json["decoder"]] });
    if model.is_bpe {
        let ids = tokens.iter().enumerate().map(|(id, token)| (token.clone(), Value::from(id))).collect();
        json["model"] = bpe(model, ids, &unknown_token);
    }
    // The library's own rules: spaces alone part words, and what stands between others is no space.
    if let Some(rules) = json["normalizer"]["normalizers"].as_array_mut() {
        for (pattern, content) in [(r"\A +| +\z", ""), (" {2,}", " ")] {
            rules.push(json!({ "type": "Replace", "pattern": { "Regex": pattern }, "content": content }));
        }
    }
    json["pre_tokenizer"] = json["pre_tokenizer"]["pretokenizers"][1].take();
    add_special(&mut json, &named, files)?;
    Ok((json, tokens, named))
}

/// A model of merges over tokens and their ids. What a merge needs and the vocabulary has not is left out.
pub(super) fn bpe(model: &SentencePiece, ids: Map<String, Value>, unknown: &str) -> Value {
    json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unknown,
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": true,
        "byte_fallback": false,
        "ignore_merges": false,
        "merges": model.merges(|piece| ids.contains_key(piece)),
        "vocab": ids,
    })
}

/// Whether a token names the language to write in.
pub(super) fn is_language(token: &str) -> bool {
    token.starts_with(">>") && token.ends_with("<<")
}

/// A unigram vocabulary over words marked by their beginning, as SentencePiece cuts them.
pub(super) fn around_unigram(
    vocabulary: &[(String, f64)],
    unknown: usize,
    mut rules: Vec<Value>,
    charsmap: Option<&[u8]>,
    adds_space: bool,
) -> Value {
    if let Some(charsmap) = charsmap {
        rules.push(json!({ "type": "Precompiled", "precompiled_charsmap": STANDARD.encode(charsmap) }));
    }
    let words = json!({
        "type": "Metaspace",
        "replacement": SPACE,
        "prepend_scheme": if adds_space { "always" } else { "never" },
        "split": true,
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": if rules.is_empty() { Value::Null } else { json!({ "type": "Sequence", "normalizers": rules }) },
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, words] },
        "post_processor": null,
        "decoder": words,
        "model": { "type": "Unigram", "unk_id": unknown, "vocab": vocabulary, "byte_fallback": false },
    })
}

/// Adds the special tokens of a class, and those that the files of a folder declare.
pub(super) fn add_special(
    json: &mut Value,
    tokens: &[(&'static str, String)],
    files: &TokenizerFiles,
) -> Result<(), ModelError> {
    add(json, added_tokens(files)?);
    add(json, tokens.iter().map(|(_, token)| (token.clone(), None, true)).collect());
    Ok(())
}
