//! Tokenizers of mBART, mBART-50, NLLB and M2M-100, made of their SentencePiece models as transformers makes them (version 5.24).
//! The template around texts is that of their [codes](super::language_codes).

use std::path::Path;

use serde_json::{Map, Value, json};

use super::bert::{add, content, named_tokens};
use super::files::{CONFIG, IDS, TokenizerFiles};
use super::ids::id_of;
use super::language_codes::{M2M100, MBART, MBART50, NLLB, tokens_of};
use super::pieces::{ROBERTA, add_special, around_unigram, bpe, numbered};
use super::sentencepiece::SentencePiece;
use crate::ModelError;

/// Special tokens of M2M-100.
const SPECIAL: [(&str, &str); 5] = [
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("sep_token", "</s>"),
    ("unk_token", "<unk>"),
    ("pad_token", "<pad>"),
];

/// A tokenizer of mBART, mBART-50 or NLLB. Special tokens stand in another order than in the model; codes of languages and the
/// mask stand behind it.
pub(super) fn of_pieces(
    class: &str,
    files: &TokenizerFiles,
    file: &str,
    model: &SentencePiece,
) -> Result<Value, ModelError> {
    if model.is_bpe && class != NLLB {
        let fault =
            format!("this is a SentencePiece model of merges (BPE), and `{class}` has one of type unigram");
        return Err(ModelError::content(Path::new(file), fault));
    }
    let config = files.json(CONFIG)?;
    let tokens = named_tokens(files, &ROBERTA)?;
    let token =
        |key: &str| tokens.iter().find(|(own, _)| *own == key).map_or("", |(_, token)| token.as_str());
    let first = ["bos_token", "pad_token", "eos_token", "unk_token"].map(|key| (token(key).to_owned(), 0.0));
    let codes = languages(class, &config);
    let behind = codes.iter().map(String::as_str).chain([token("mask_token")]);
    let vocabulary: Vec<(String, f64)> = first
        .into_iter()
        .chain(model.pieces.iter().skip(3).cloned())
        .chain(behind.map(|token| (token.to_owned(), 0.0)))
        .collect();
    // transformers gives mBART's own class no rules of normalization.
    let charsmap = model.charsmap.as_deref().filter(|_| class != MBART);
    let mut json = around_unigram(&vocabulary, 3, Vec::new(), charsmap, true);
    if model.is_bpe {
        let ids: Map<String, Value> =
            vocabulary.iter().enumerate().map(|(id, (piece, _))| (piece.clone(), id.into())).collect();
        json["model"] = bpe(model, ids, token("unk_token"));
    }
    if class != MBART {
        json["pre_tokenizer"] = json["pre_tokenizer"]["pretokenizers"][1].take();
        if class == MBART50 || charsmap.is_some() {
            let blanks = json!({ "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": " " });
            match json["normalizer"]["normalizers"].as_array_mut() {
                Some(rules) => rules.push(blanks),
                None => json["normalizer"] = blanks,
            }
        }
    }
    add_special(&mut json, &tokens, files)?;
    add(&mut json, codes.into_iter().map(|token| (token, None, true)).collect());
    strip_before(&mut json, token("mask_token"), class == NLLB);
    Ok(json)
}

/// Codes of languages, in the order of their ids: those of the settings where they are listed there.
fn languages(class: &str, config: &Value) -> Vec<String> {
    let known = tokens_of(class, config);
    let listed = config["additional_special_tokens"].as_array().into_iter().flatten();
    let listed: Vec<String> = listed.filter_map(content).map(str::to_owned).collect();
    if class == NLLB && listed.iter().any(|token| known.contains(token)) { listed } else { known }
}

/// Has the mask take the blanks before it.
fn strip_before(json: &mut Value, mask: &str, is_normalized: bool) {
    let added = json["added_tokens"].as_array_mut().into_iter().flatten();
    for token in added.filter(|token| token["content"] == mask) {
        token["lstrip"] = true.into();
        token["normalized"] = is_normalized.into();
    }
}

/// A tokenizer of M2M-100: pieces by the numbers of `vocab.json`, behind which the languages stand.
pub(super) fn m2m(files: &TokenizerFiles, model: &SentencePiece) -> Result<Value, ModelError> {
    let (mut json, tokens, _) = numbered(files, model, IDS, &SPECIAL)?;
    let first = tokens.len() as u64;
    let languages = tokens_of(M2M100, &files.json(CONFIG)?);
    let ids = languages.into_iter().zip(first..);
    let ids = ids.map(|(token, id)| (id_of(&json, &token).unwrap_or(id), token)).collect::<Vec<_>>();
    add(&mut json, ids.into_iter().map(|(id, token)| (token, Some(id), true)).collect());
    Ok(json)
}
