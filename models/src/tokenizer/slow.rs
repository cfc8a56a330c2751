//! Tokenizers of folders without `tokenizer.json`, made of the files of their class as transformers makes them (version
//! 5.24): `vocab.json` and `merges.txt`, or a SentencePiece model.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::bert::{add, named_tokens};
use super::files::{CONFIG, IDS, MERGES, PIECES, SOURCE, TARGET, TARGET_IDS, TokenizerFiles};
use super::ids::id_of;
use super::language_codes::{M2M100, MBART, MBART50, NLLB};
use super::multilingual;
use super::pieces::{ROBERTA, add_special, around_unigram, is_language, numbered};
use super::sentencepiece::SentencePiece;
use crate::ModelError;

/// Special tokens of ALBERT.
const ALBERT: [(&str, &str); 7] = [
    ("bos_token", "[CLS]"),
    ("eos_token", "[SEP]"),
    ("sep_token", "[SEP]"),
    ("cls_token", "[CLS]"),
    ("unk_token", "<unk>"),
    ("pad_token", "<pad>"),
    ("mask_token", "[MASK]"),
];

/// Special tokens of T5 and Marian.
const END: [(&str, &str); 3] = [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")];

/// Special tokens of GPT-2 and CLIP, of which GPT-2 has one.
const CLIP: [(&str, &str); 4] = [
    ("bos_token", "<|startoftext|>"),
    ("eos_token", "<|endoftext|>"),
    ("unk_token", "<|endoftext|>"),
    ("pad_token", "<|endoftext|>"),
];
const GPT2: [(&str, &str); 3] =
    [("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>")];

/// Words of CLIP.
const CLIP_WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Class of the tokenizers of Marian, which has two SentencePiece models.
pub(super) const MARIAN: &str = "MarianTokenizer";

/// Whether there are the files of [`MARIAN`].
pub(super) fn has_marian(files: &TokenizerFiles) -> bool {
    files.get(SOURCE).is_some() && files.get(IDS).is_some()
}

/// JSON of `tokenizer.json` for the texts that a Marian model writes; none where there is no model of theirs. Its vocabulary
/// is one over both languages, or `target_vocab.json`.
pub(super) fn target_json(files: &TokenizerFiles) -> Result<Option<Value>, ModelError> {
    let Some(bytes) = files.get(TARGET) else { return Ok(None) };
    let model = SentencePiece::read(bytes).map_err(|fault| ModelError::content(Path::new(TARGET), fault))?;
    let has_own = files.json(CONFIG)?["separate_vocabs"] == true;
    marian(files, &model, if has_own { TARGET_IDS } else { IDS }).map(Some)
}

/// JSON of `tokenizer.json` for the files of a folder, and the file that it is made of; none where the class is not known
/// or has no such files. Errors name the file without its folder.
pub(super) fn json_of(
    class: Option<&str>,
    files: &TokenizerFiles,
) -> Result<Option<(Value, &'static str)>, ModelError> {
    let Some(class) = class else { return Ok(None) };
    let pieces = PIECES.into_iter().find_map(|name| Some((name, files.get(name)?)));
    let made = match (class, pieces) {
        (
            "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" | "GPT2Tokenizer" | "CLIPTokenizer",
            _,
        ) => {
            let Some(merges) = files.get(MERGES).filter(|_| files.get(IDS).is_some()) else {
                return Ok(None);
            };
            (byte_level(class, files, merges)?, IDS)
        }
        (MARIAN, _) => {
            let Some(model) = files.get(SOURCE).filter(|_| has_marian(files)) else { return Ok(None) };
            let model =
                SentencePiece::read(model).map_err(|fault| ModelError::content(Path::new(SOURCE), fault))?;
            (marian(files, &model, IDS)?, SOURCE)
        }
        (MBART | MBART50 | NLLB, Some((name, bytes))) => {
            let model = SentencePiece::read_any(bytes)
                .map_err(|fault| ModelError::content(Path::new(name), fault))?;
            (multilingual::of_pieces(class, files, name, &model)?, name)
        }
        (M2M100, Some((name, bytes))) if files.get(IDS).is_some() => {
            let model = SentencePiece::read_any(bytes)
                .map_err(|fault| ModelError::content(Path::new(name), fault))?;
            (multilingual::m2m(files, &model)?, name)
        }
        (
            "XLMRobertaTokenizer" | "CamembertTokenizer" | "AlbertTokenizer" | "T5Tokenizer" | "MT5Tokenizer",
            Some((name, bytes)),
        ) => {
            let model =
                SentencePiece::read(bytes).map_err(|fault| ModelError::content(Path::new(name), fault))?;
            (unigram(if class == "MT5Tokenizer" { "T5Tokenizer" } else { class }, files, model)?, name)
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}

/// A tokenizer of a byte-level vocabulary and its merges.
fn byte_level(class: &str, files: &TokenizerFiles, merges: &[u8]) -> Result<Value, ModelError> {
    let vocabulary = files.json(IDS)?;
    let merges =
        std::str::from_utf8(merges).map_err(|error| ModelError::content(Path::new(MERGES), error))?;
    // The first line names the version of the format.
    let lines = merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
    let mut pairs = Vec::new();
    for line in lines {
        let Some((left, right)) = line.trim_end().split_once(' ') else {
            let fault = format!("`{}` is no pair of tokens", alambic_files::text::quoted(line));
            return Err(ModelError::content(Path::new(MERGES), fault));
        };
        pairs.push(json!([left, right]));
    }
    let is_clip = class == "CLIPTokenizer";
    let usual: &[(&str, &str)] = match class {
        "CLIPTokenizer" => &CLIP,
        "GPT2Tokenizer" => &GPT2,
        _ => &ROBERTA,
    };
    let tokens = named_tokens(files, usual)?;
    let token =
        |key: &str| tokens.iter().find(|(own, _)| *own == key).map_or("", |(_, token)| token.as_str());
    let config = files.json(CONFIG)?;
    let adds_space = config["add_prefix_space"].as_bool().unwrap_or(false);
    let bytes = |adds_space: bool| json!({ "type": "ByteLevel", "add_prefix_space": adds_space, "trim_offsets": true, "use_regex": true });
    let mut json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": bytes(adds_space),
        "post_processor": null,
        "decoder": bytes(true),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": if is_clip { Value::from(token("unk_token")) } else { Value::Null },
            "continuing_subword_prefix": "",
            "end_of_word_suffix": if is_clip { "</w>" } else { "" },
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocabulary,
            "merges": pairs,
        },
    });
    if is_clip {
        json["normalizer"] = json!({ "type": "Sequence", "normalizers": [
            { "type": "NFC" },
            { "type": "Replace", "pattern": { "Regex": r"\s+" }, "content": " " },
            { "type": "Lowercase" },
        ] });
        json["pre_tokenizer"] = json!({ "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": CLIP_WORDS }, "behavior": "Removed", "invert": true },
            bytes(false),
        ] });
    }
    add_special(&mut json, &tokens, files)?;
    let around = |end: &str, first: &str, trims: bool| -> Option<Value> {
        Some(json!({
            "type": "RobertaProcessing",
            "sep": [token(end), id_of(&json, token(end))?],
            "cls": [token(first), id_of(&json, token(first))?],
            "trim_offsets": trims,
            "add_prefix_space": if is_clip { false } else { adds_space },
        }))
    };
    let processor = match class {
        "CLIPTokenizer" => around("eos_token", "bos_token", false),
        "GPT2Tokenizer" => None,
        _ => around("sep_token", "cls_token", config["trim_offsets"].as_bool().unwrap_or(true)),
    };
    json["post_processor"] = processor.unwrap_or(Value::Null);
    Ok(json)
}

/// A tokenizer of a SentencePiece model, by its class.
fn unigram(class: &str, files: &TokenizerFiles, model: SentencePiece) -> Result<Value, ModelError> {
    let config = files.json(CONFIG)?;
    let usual: &[(&str, &str)] = match class {
        "AlbertTokenizer" => &ALBERT,
        "T5Tokenizer" => &END,
        _ => &ROBERTA,
    };
    let tokens = named_tokens(files, usual)?;
    let token =
        |key: &str| tokens.iter().find(|(own, _)| *own == key).map_or("", |(_, token)| token.as_str());
    let special = |keys: &[&str]| keys.iter().map(|key| (token(key).to_owned(), 0.0)).collect::<Vec<_>>();
    let own = |from: usize| model.pieces.iter().skip(from).cloned();
    let (vocabulary, unknown): (Vec<(String, f64)>, usize) = match class {
        // Special tokens stand in another order than in the model, and one more behind it.
        "XLMRobertaTokenizer" => {
            let first = special(&["bos_token", "pad_token", "eos_token", "unk_token"]);
            (first.into_iter().chain(own(3)).chain(special(&["mask_token"])).collect(), 3)
        }
        "CamembertTokenizer" => {
            let unused = |token: &str, score: f64| (format!("{token}NOTUSED"), score);
            let first = [
                unused("<s>", 0.0),
                (token("pad_token").to_owned(), 0.0),
                unused("</s>", 0.0),
                (token("unk_token").to_owned(), 0.0),
                unused("<unk>", -100.0),
            ];
            (first.into_iter().chain(own(1)).chain(special(&["mask_token"])).collect(), 3)
        }
        "T5Tokenizer" => {
            let count = config["extra_ids"].as_u64().unwrap_or(100).min(MAX_EXTRA_IDS);
            let extra = (0..count).rev().map(|index| (format!("<extra_id_{index}>"), 0.0));
            (own(0).chain(extra).collect(), 2)
        }
        _ => (own(0).collect(), 1),
    };
    let adds_space = config["add_prefix_space"].as_bool().unwrap_or(true);
    let mut rules = Vec::new();
    if class == "AlbertTokenizer" {
        for quotes in ["``", "''"] {
            rules.push(json!({ "type": "Replace", "pattern": { "String": quotes }, "content": "\"" }));
        }
        if !config["keep_accents"].as_bool().unwrap_or(false) {
            rules.extend([json!({ "type": "NFKD" }), json!({ "type": "StripAccents" })]);
        }
        if config["do_lower_case"].as_bool().unwrap_or(true) {
            rules.push(json!({ "type": "Lowercase" }));
        }
    }
    let mut json = around_unigram(&vocabulary, unknown, rules, model.charsmap.as_deref(), adds_space);
    let mut tokens = tokens.clone();
    if class == "T5Tokenizer" {
        let extra = vocabulary.iter().map(|(piece, _)| piece).filter(|piece| piece.starts_with("<extra_id_"));
        tokens.extend(extra.map(|piece| ("additional_special_tokens", piece.clone())));
    }
    add_special(&mut json, &tokens, files)?;
    add(&mut json, model.added.into_iter().map(|(piece, special)| (piece, None, special)).collect());
    let single: &[&str] = match class {
        "T5Tokenizer" => &["$A", "</s>"],
        "AlbertTokenizer" => &["[CLS]", "$A", "[SEP]"],
        _ => &["<s>", "$A", "</s>"],
    };
    let pair: &[&str] = match class {
        "T5Tokenizer" => &["$A", "</s>", "$B", "</s>"],
        "AlbertTokenizer" => &["[CLS]", "$A", "[SEP]", "$B", "[SEP]"],
        _ => &["<s>", "$A", "</s>", "</s>", "$B", "</s>"],
    };
    json["post_processor"] = template(&json, single, pair, class == "AlbertTokenizer");
    Ok(json)
}

/// A tokenizer of Marian: pieces of a language's model, by the numbers of a vocabulary, which may be one over both languages.
/// Punctuation stays as it is: transformers 5.24 makes a normalizer of Moses where sacremoses is installed, and reads texts
/// without it either way.
fn marian(files: &TokenizerFiles, model: &SentencePiece, numbers: &str) -> Result<Value, ModelError> {
    let (mut json, tokens, named) = numbered(files, model, numbers, &END)?;
    let token = |key: &str| named.iter().find(|(own, _)| *own == key).map_or("", |(_, token)| token.as_str());
    // The language to write in stands before a text.
    let languages = tokens.into_iter().filter(|piece| is_language(piece));
    add(&mut json, languages.map(|piece| (piece, None, true)).collect());
    let end = token("eos_token").to_owned();
    json["post_processor"] = template(&json, &["$A", &end], &["$A", "$B", &end], false);
    Ok(json)
}

/// Most tokens of T5 for spans that are left out; published models have 100.
const MAX_EXTRA_IDS: u64 = 10_000;

/// A template around texts, whose pieces are texts (`$A`, `$B`) and special tokens; none where one is not in the vocabulary.
fn template(json: &Value, single: &[&str], pair: &[&str], has_segments: bool) -> Value {
    let mut known = Map::new();
    let mut pieces = |template: &[&str]| -> Option<Vec<Value>> {
        let mut segment = 0;
        let mut pieces = Vec::new();
        for piece in template {
            if let Some(text) = piece.strip_prefix('$') {
                segment = u8::from(has_segments && text == "B");
                pieces.push(json!({ "Sequence": { "id": text, "type_id": segment } }));
            } else {
                let id = id_of(json, piece)?;
                known.insert((*piece).to_owned(), json!({ "id": piece, "ids": [id], "tokens": [piece] }));
                pieces.push(json!({ "SpecialToken": { "id": piece, "type_id": segment } }));
            }
        }
        Some(pieces)
    };
    match (pieces(single), pieces(pair)) {
        (Some(single), Some(pair)) => {
            json!({ "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known })
        }
        _ => Value::Null,
    }
}
