//! Tokenizers that transformers makes by BERT's class: out of a vocabulary and the settings beside it.

use std::path::Path;

use alambic_files::text::quoted;
use serde_json::{Map, Value, json};

use super::files::{ADDED, CONFIG, SPECIAL, TokenizerFiles};
use super::ids::id_of;
use super::template::of_prompt;
use crate::{Config, ModelError};

/// Classes of transformers that make the tokenizer by BERT's settings, and of `tokenizer.json` take the vocabulary.
const CLASSES: [&str; 5] =
    ["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "LxmertTokenizer", "MobileBertTokenizer"];

/// Special tokens, by their key, as they are called unless a file says otherwise.
const TOKENS: [(&str, &str); 5] = [
    ("pad_token", "[PAD]"),
    ("unk_token", "[UNK]"),
    ("cls_token", "[CLS]"),
    ("sep_token", "[SEP]"),
    ("mask_token", "[MASK]"),
];

/// The class of transformers that reads a folder: the one that it names, or else that of its model.
pub(super) fn class(config: &Value, model: &Value) -> Option<String> {
    let named = config["tokenizer_class"].as_str().or_else(|| model["tokenizer_class"].as_str());
    let of_model = || Config::tokenizer_class(model["model_type"].as_str()?);
    let class = named.or_else(of_model)?;
    Some(class.strip_suffix("Fast").unwrap_or(class).to_owned())
}

/// Whether a class goes by BERT's settings.
pub(super) fn is_bert(class: Option<&str>) -> bool {
    class.is_some_and(|class| CLASSES.contains(&class))
}

/// JSON of `tokenizer.json` for a vocabulary with a token a line.
pub(super) fn of_vocabulary(text: &str, files: &TokenizerFiles) -> Result<Value, ModelError> {
    let mut vocabulary = Map::new();
    for (id, token) in text.lines().enumerate() {
        vocabulary.insert(token.trim_end().to_owned(), id.into());
    }
    let special = special_tokens(files)?;
    let added: Vec<Value> = special
        .iter()
        .filter_map(|(_, token)| Some(added_token(token, vocabulary.get(token)?, true)))
        .collect();
    let mut json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    add(&mut json, added_tokens(files)?);
    Ok(json)
}

/// Makes of what `tokenizer.json` says what BERT's class makes of it; says whether anything is other now.
pub(super) fn as_the_class_reads(json: &mut Value, files: &TokenizerFiles) -> Result<bool, ModelError> {
    let model = &json["model"];
    let is_word_piece = match model["type"].as_str() {
        Some(kind) => kind == "WordPiece",
        None => model["continuing_subword_prefix"].is_string(),
    };
    if !is_word_piece {
        return Ok(false);
    }
    let before = [&json["normalizer"], &json["pre_tokenizer"], &json["post_processor"], &model["unk_token"]]
        .map(Value::clone);
    let config = files.json(CONFIG)?;
    json["normalizer"] = json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": config["tokenize_chinese_chars"].as_bool().unwrap_or(true),
        "strip_accents": config["strip_accents"].as_bool(),
        "lowercase": config["do_lower_case"].as_bool().unwrap_or(true),
    });
    json["pre_tokenizer"] = json!({ "type": "BertPreTokenizer" });
    let tokens = special_tokens(files)?;
    let named = |key: &str| {
        let token = tokens.iter().find(|(own, _)| *own == key).map(|(_, token)| token.clone())?;
        let id = id_of(json, &token)?;
        Some((token, id))
    };
    // Folders that this program wrote before prompts stood in a file of their own have them in the template.
    let around = [named("cls_token"), named("sep_token")];
    if let [Some((first, first_id)), Some((end, end_id))] = around
        && of_prompt(json).is_empty()
    {
        json["post_processor"] = template(&first, first_id, &end, end_id);
    }
    let unknown = tokens.iter().find(|(key, _)| *key == "unk_token").map(|(_, token)| token.clone());
    if let Some(unknown) = unknown.filter(|token| id_of(json, token).is_some()) {
        json["model"]["unk_token"] = unknown.into();
    }
    let after =
        [&json["normalizer"], &json["pre_tokenizer"], &json["post_processor"], &json["model"]["unk_token"]];
    Ok(before.iter().zip(after).any(|(before, after)| before != after))
}

/// BERT's template around texts.
fn template(first: &str, first_id: u64, end: &str, end_id: u64) -> Value {
    let special = |token: &str, kind: u8| json!({ "SpecialToken": { "id": token, "type_id": kind } });
    let text = |name: &str, kind: u8| json!({ "Sequence": { "id": name, "type_id": kind } });
    let single = vec![special(first, 0), text("A", 0), special(end, 0)];
    let pair: Vec<Value> = single.iter().cloned().chain([text("B", 1), special(end, 1)]).collect();
    let mut tokens = Map::new();
    for (token, id) in [(first, first_id), (end, end_id)] {
        tokens.insert(token.to_owned(), json!({ "id": token, "ids": [id], "tokens": [token] }));
    }
    json!({ "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens })
}

/// Adds the tokens of `added_tokens.json` that a tokenizer lacks; says whether there was one.
pub(super) fn add_tokens(json: &mut Value, files: &TokenizerFiles) -> Result<bool, ModelError> {
    let mut more: Vec<(String, Option<u64>, bool)> = Vec::new();
    for (token, id) in files.json(ADDED)?.as_object().into_iter().flatten() {
        let Some(id) = id.as_u64() else {
            let (token, id) = (quoted(token), quoted(&id.to_string()));
            let fault = format!("the id of `{token}` is `{id}`, and a number is needed");
            return Err(ModelError::content(Path::new(ADDED), fault));
        };
        more.push((token.clone(), Some(id), false));
    }
    more.sort_by_key(|(_, id, _)| *id);
    Ok(add(json, more))
}

/// Tokens that settings put among the special ones: those of `added_tokens_decoder`, and additional ones.
pub(super) fn added_tokens(files: &TokenizerFiles) -> Result<Vec<(String, Option<u64>, bool)>, ModelError> {
    let config = files.json(CONFIG)?;
    let mut declared = Vec::new();
    for (id, token) in config["added_tokens_decoder"].as_object().into_iter().flatten() {
        if let (Ok(id), Some(name)) = (id.parse(), content(token)) {
            declared.push((name.to_owned(), Some(id), token["special"].as_bool().unwrap_or(false)));
        }
    }
    declared.sort_by_key(|(_, id, _)| *id);
    for settings in [config, files.json(SPECIAL)?] {
        let additional = settings["additional_special_tokens"].as_array().into_iter().flatten();
        declared.extend(additional.filter_map(content).map(|name| (name.to_owned(), None, true)));
    }
    Ok(declared)
}

/// Adds tokens that are not there yet, those without an id behind all others; says whether there was one.
pub(super) fn add(json: &mut Value, tokens: Vec<(String, Option<u64>, bool)>) -> bool {
    let mut is_changed = false;
    for (name, id, special) in tokens {
        let added = json["added_tokens"].as_array().into_iter().flatten();
        if added.clone().any(|token| token["content"] == name.as_str()) {
            continue;
        }
        let vocabulary = &json["model"]["vocab"];
        let own = vocabulary.as_object().into_iter().flatten().filter_map(|(_, id)| id.as_u64());
        let listed = vocabulary.as_array().and_then(|pieces| Some(pieces.len().checked_sub(1)? as u64));
        let next = own
            .chain(listed)
            .chain(added.filter_map(|token| token["id"].as_u64()))
            .max()
            .map_or(0, |id| id + 1);
        let id = id_of(json, &name).or(id).unwrap_or(next);
        if !json["added_tokens"].is_array() {
            json["added_tokens"] = json!([]);
        }
        if let Some(all) = json["added_tokens"].as_array_mut() {
            all.push(added_token(&name, &id.into(), special));
            is_changed = true;
        }
    }
    is_changed
}

pub(super) fn added_token(name: &str, id: &Value, special: bool) -> Value {
    json!({
        "id": id,
        "content": name,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": !special,
        "special": special,
    })
}

/// The special tokens of BERT as the files of a folder call them.
fn special_tokens(files: &TokenizerFiles) -> Result<Vec<(&'static str, String)>, ModelError> {
    named_tokens(files, &TOKENS)
}

/// Special tokens as the files of a folder call them, and else by the names that are usual for their keys.
pub(super) fn named_tokens(
    files: &TokenizerFiles,
    usual: &[(&'static str, &str)],
) -> Result<Vec<(&'static str, String)>, ModelError> {
    let (config, map) = (files.json(CONFIG)?, files.json(SPECIAL)?);
    // The map is that of older folders, and goes first unless the newer table is there.
    let is_newer = config["added_tokens_decoder"].is_object();
    let named = |key: &str, usual: &str| {
        let own = content(&config[key]);
        let older = content(&map[key]);
        let token = if is_newer { own.or(older) } else { older.or(own) };
        token.unwrap_or(usual).to_owned()
    };
    Ok(usual.iter().map(|(key, usual)| (*key, named(key, usual))).collect())
}

/// A token as settings have it: its text, or a table with it.
pub(super) fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token["content"].as_str())
}
