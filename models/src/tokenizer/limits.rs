//! Bounds on what a `tokenizer.json` may ask for, and panics of the tokenizers library made errors.
//!
//! The library does what a file says: it replaces until memory is gone, and panics on a template that names a token which
//! is not there. What would let a text grow or time run away is refused before the library sees the file; how much a text
//! grows is watched where the rules could make it long; and whatever still fails comes back as a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alambic_files::text::quoted;
use serde_json::Value;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::{NormalizedString, Normalizer};

/// Most bytes of a file of a tokenizer. The largest published ones have some 35 MB.
pub(super) const FILE: u64 = 64 << 20;

/// Most bytes of a text that are read. No model here has room for the tokens of more; the rest is cut off before it is
/// tokenised, as it would be afterwards.
pub(super) const TEXT: usize = 1 << 18;

/// Most bytes of a text in its normal form or on the way there, and what a rule may at worst make of one.
const NORMAL: usize = 4 << 20;
const AT_WORST: usize = 32 << 20;

/// Bytes of a text that rules could make longer than this are watched step by step.
const UNWATCHED: f64 = (16 << 20) as f64;

/// Maximum depth of nested rules, and their maximum number.
const DEPTH: usize = 8;
const RULES: usize = 64;
/// Most bytes of a pattern, and of what is put in its place.
const PATTERN: usize = 4096;
const CONTENT: usize = 256;
/// Most pieces of a template around texts, and most tokens that one of them stands for.
const PIECES: usize = 64;
const PROMPT: usize = 1024;
/// Most characters of a word that is looked up piece by piece, which takes time with its square; the files that are
/// published have 100.
const WORD: u64 = 1000;
/// Most bytes of a token that is matched by its beginning.
const TOKEN: usize = 4096;
/// The highest id of a token.
const IDS: u64 = 1 << 24;

/// Does something in the library, and makes an error of whatever becomes of it.
pub(super) fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| quoted(&error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(format!("the tokenizers library fails on it: {}", quoted(&text)))
        }
    }
}

/// Factor by which all rules of a file together can make a text longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth(f64);

impl Growth {
    /// Of a tokenizer that this program has built.
    pub(super) const OWN: Self = Self(8.0);

    /// Whether a text of so many bytes is to be watched.
    pub(super) fn may_be_long(self, bytes: usize) -> bool {
        self.0 * bytes as f64 > UNWATCHED
    }
}

/// Checks `tokenizer.json` against the bounds.
///
/// # Errors
/// Faults out of bounds, or of names that are not there.
pub(super) fn check(json: &Value) -> Result<Growth, String> {
    // What is no object has no parts either.
    if !json["model"].is_object() {
        return Err("there is no `model`, so this is no tokenizer of the tokenizers library".into());
    }
    let mut growth = 1.0;
    for (part, inner) in [("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers")] {
        let mut rules = Vec::new();
        collect(&json[part], inner, DEPTH, &mut rules).map_err(|fault| format!("`{part}`: {fault}"))?;
        for rule in rules {
            growth *= factor(rule).map_err(|fault| format!("`{part}`: {fault}"))?;
        }
    }
    let mut written = Vec::new();
    collect(&json["decoder"], "decoders", DEPTH, &mut written)
        .map_err(|fault| format!("`decoder`: {fault}"))?;
    let decoded = written.into_iter().map(factor).product::<Result<f64, String>>();
    if decoded.map_err(|fault| format!("`decoder`: {fault}"))? > UNWATCHED {
        return Err("`decoder`: its rules make a text too long".into());
    }
    let mut around = Vec::new();
    collect(&json["post_processor"], "processors", DEPTH, &mut around)
        .map_err(|fault| format!("`post_processor`: {fault}"))?;
    for processor in around {
        template(processor).map_err(|fault| format!("`post_processor`: {fault}"))?;
    }
    model(&json["model"]).map_err(|fault| format!("`model`: {fault}"))?;
    let highest =
        json["added_tokens"].as_array().into_iter().flatten().filter_map(|token| token["id"].as_u64());
    match highest.max() {
        Some(id) if id >= IDS => Err(format!("`added_tokens`: {id} is no id of a token")),
        _ => Ok(Growth(growth)),
    }
}

/// The rules of a part in their order, those within others brought out.
fn collect<'v>(part: &'v Value, inner: &str, depth: usize, rules: &mut Vec<&'v Value>) -> Result<(), String> {
    if part.is_null() {
        return Ok(());
    }
    if depth == 0 {
        return Err(format!("its rules lie more than {DEPTH} deep in each other"));
    }
    if let Some(all) = part[inner].as_array() {
        return all.iter().try_for_each(|rule| collect(rule, inner, depth - 1, rules));
    }
    if rules.len() >= RULES {
        return Err(format!("it has more than {RULES} rules"));
    }
    rules.push(part);
    Ok(())
}

/// Factor by which a rule can make a text longer.
fn factor(rule: &Value) -> Result<f64, String> {
    let kind = rule["type"].as_str().unwrap_or_default();
    let bounded = |key: &str, text: &str, most: usize| {
        if text.len() > most {
            return Err(format!(
                "`{key}` of a {} has {} bytes, and {most} are the most",
                quoted(kind),
                text.len()
            ));
        }
        Ok(text.len() as f64)
    };
    let pattern = &rule["pattern"];
    let text = pattern["String"].as_str().or_else(|| pattern["Regex"].as_str()).or_else(|| pattern.as_str());
    let pattern = bounded("pattern", text.unwrap_or_default(), PATTERN)?;
    let content = bounded("content", rule["content"].as_str().unwrap_or_default(), CONTENT)?;
    let prepended = bounded("prepend", rule["prepend"].as_str().unwrap_or_default(), CONTENT)?;
    Ok(match kind {
        "Replace" if rule["pattern"]["String"].is_string() && pattern > 0.0 => (content / pattern).max(1.0),
        // A regular expression may find nothing at all, between any two characters.
        "Replace" | "Prepend" => 1.0 + content + prepended,
        "Precompiled" => longest_precompiled(rule["precompiled_charsmap"].as_str().unwrap_or_default()),
        // U+FDFA becomes eighteen characters.
        "NFKC" | "NFKD" | "Nmt" => 11.0,
        "NFC" | "NFD" | "Lowercase" => 3.0,
        // Blanks around Chinese characters; each byte as a character.
        "BertNormalizer" | "ByteLevel" => 5.0,
        "Metaspace" => 4.0,
        _ => 1.0,
    })
}

/// The most bytes that a character becomes in a compiled map, which is a table and, behind it, what characters become, each
/// ended with a zero.
fn longest_precompiled(encoded: &str) -> f64 {
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut group, mut bits) = (0_u32, 0);
    for letter in encoded.bytes() {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        group = group << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return 1.0 };
    let forms = rest.get(u32::from_le_bytes(*length) as usize..).unwrap_or(rest);
    let longest = forms.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or_default();
    longest.max(1) as f64
}

/// Checks a template around texts against what it names.
fn template(processor: &Value) -> Result<(), String> {
    if processor["type"] != "TemplateProcessing" {
        return Ok(());
    }
    let known = processor["special_tokens"].as_object();
    if known.is_none() {
        return Err("`special_tokens` is no object of tokens by name".into());
    }
    for (name, token) in known.into_iter().flatten() {
        let [ids, tokens] = ["ids", "tokens"].map(|key| token[key].as_array().map_or(0, Vec::len));
        if ids != tokens || ids > PROMPT {
            return Err(format!("`{}` has {ids} ids and {tokens} tokens", quoted(name)));
        }
        if token["ids"].as_array().into_iter().flatten().any(|id| id.as_u64().is_none_or(|id| id >= IDS)) {
            return Err(format!("`{}` has an id that is none of a token", quoted(name)));
        }
    }
    for (around, texts) in [("single", &["A"][..]), ("pair", &["A", "B"])] {
        let pieces = processor[around].as_array().map(Vec::as_slice).unwrap_or_default();
        if pieces.len() > PIECES {
            return Err(format!("`{around}` has {} pieces, and {PIECES} are the most", pieces.len()));
        }
        for piece in pieces {
            if let Some(name) = piece["SpecialToken"]["id"].as_str()
                && known.is_none_or(|known| !known.contains_key(name))
            {
                return Err(format!(
                    "`{around}` puts the token `{}` around texts, and `special_tokens` has none of that name",
                    quoted(name)
                ));
            }
            if let Some(text) = piece["Sequence"]["id"].as_str()
                && !texts.contains(&text)
            {
                return Err(format!("`{around}` has no text `{}`", quoted(text)));
            }
        }
    }
    Ok(())
}

/// Checks that a vocabulary does not take too long to look up.
fn model(model: &Value) -> Result<(), String> {
    if let Some(most) = model["max_input_chars_per_word"].as_u64()
        && most > WORD
    {
        return Err(format!("`max_input_chars_per_word` is {most}, and {WORD} is the most"));
    }
    match &model["vocab"] {
        Value::Object(vocabulary) => {
            let out = vocabulary.iter().find(|(_, id)| id.as_u64().is_none_or(|id| id >= IDS));
            if let Some((token, id)) = out {
                return Err(format!("the id of `{}` is {}", quoted(token), quoted(&id.to_string())));
            }
        }
        Value::Array(pieces) => {
            let long = |piece: &&Value| piece[0].as_str().is_some_and(|piece| piece.len() > TOKEN);
            if let Some(piece) = pieces.iter().find(long) {
                return Err(format!(
                    "a token is too long: {}",
                    quoted(piece[0].as_str().unwrap_or_default())
                ));
            }
        }
        _ => return Err("there is no `vocab`".into()),
    }
    Ok(())
}

/// The beginning of a text, or its end, as far as it is read, and whether that is less than all.
pub(super) fn bounded(text: &str, truncates_start: bool) -> (&str, bool) {
    if text.len() <= TEXT {
        return (text, false);
    }
    let part = if truncates_start {
        let start = (text.len() - TEXT..text.len()).find(|&place| text.is_char_boundary(place));
        &text[start.unwrap_or(text.len())..]
    } else {
        &text[..text.floor_char_boundary(TEXT)]
    };
    (part, true)
}

/// Brings a text to its normal form step by step, only to see how long it becomes.
///
/// # Errors
/// When it becomes too long.
pub(super) fn watch(normaliser: Option<&NormalizerWrapper>, text: &str) -> Result<(), String> {
    let mut form = NormalizedString::from(text);
    normaliser.map_or(Ok(()), |normaliser| step(normaliser, &mut form))
}

fn too_long(text: &str, bytes: usize) -> String {
    format!(
        "its normalizer makes {bytes} bytes and more of a text of {}, and {NORMAL} are the most: `{}`",
        text.len(),
        quoted(text)
    )
}

fn step(normaliser: &NormalizerWrapper, form: &mut NormalizedString) -> Result<(), String> {
    if let NormalizerWrapper::Sequence(all) = normaliser {
        return all.as_ref().iter().try_for_each(|one| step(one, form));
    }
    let rule = serde_json::to_value(normaliser).map_err(|error| error.to_string())?;
    let before = form.len();
    let longest = factor(&rule)? * before as f64;
    if longest > AT_WORST as f64 {
        return Err(too_long(form.get_original(), longest as usize));
    }
    guarded(|| normaliser.normalize(form))?;
    if form.len() > NORMAL { Err(too_long(form.get_original(), form.len())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(part: &str, value: Value) -> Result<Growth, String> {
        let mut json = json!({ "model": { "type": "WordLevel", "vocab": { "a": 0 }, "unk_token": "a" } });
        json[part] = value;
        check(&json)
    }

    #[test]
    fn rules_out_of_bounds_are_refused_by_name() {
        let replace =
            |content: &str| json!({ "type": "Replace", "pattern": { "String": "a" }, "content": content });
        assert_eq!(with("normalizer", replace("bb")), Ok(Growth(2.0)));
        let twenty = json!({ "type": "Sequence", "normalizers": vec![replace("aa"); 20] });
        assert!(with("normalizer", twenty).unwrap().may_be_long(100));
        let mut nested = replace("b");
        for _ in 0..DEPTH {
            nested = json!({ "type": "Sequence", "normalizers": [nested] });
        }
        for (part, value, expected) in [
            ("normalizer", nested, "deep"),
            ("normalizer", replace(&"b".repeat(1000)), "`content`"),
            ("normalizer", json!({ "type": "Sequence", "normalizers": vec![replace("b"); 100] }), "rules"),
            (
                "normalizer",
                json!({ "type": "Replace", "pattern": { "Regex": "a".repeat(5000) } }),
                "`pattern`",
            ),
            (
                "pre_tokenizer",
                json!({ "type": "Split", "pattern": { "Regex": "a".repeat(5000) } }),
                "`pattern`",
            ),
            ("decoder", json!({ "type": "Sequence", "decoders": vec![replace("aaaa"); 20] }), "`decoder`"),
            (
                "model",
                json!({ "type": "WordPiece", "vocab": {}, "max_input_chars_per_word": 1_000_000 }),
                "per_word",
            ),
            ("model", json!({ "type": "WordLevel", "vocab": { "a": 4_000_000_000_u32 } }), "4000000000"),
            ("model", json!({ "type": "Unigram", "vocab": [["a".repeat(9999), 0.0]] }), "too long"),
            ("model", json!(3), "no `model`"),
            ("added_tokens", json!([{ "id": 1_u64 << 40, "content": "b" }]), "`added_tokens`"),
        ] {
            let error = with(part, value).unwrap_err();
            assert!(error.contains(expected) && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn templates_that_name_what_is_not_there_are_refused() {
        let template = |single: Value, tokens: Value| {
            let piece = json!({ "Sequence": { "id": "A", "type_id": 0 } });
            with(
                "post_processor",
                json!({
                    "type": "Sequence",
                    "processors": [{
                        "type": "TemplateProcessing", "single": [single, piece], "pair": [], "special_tokens": tokens
                    }],
                }),
            )
        };
        let start = json!({ "SpecialToken": { "id": "[CLS]", "type_id": 0 } });
        let known = json!({ "[CLS]": { "id": "[CLS]", "ids": [0], "tokens": ["a"] } });
        assert!(template(start.clone(), known.clone()).is_ok());
        assert!(template(start.clone(), json!({})).unwrap_err().contains("`[CLS]`"));
        let second = json!({ "Sequence": { "id": "B", "type_id": 0 } });
        assert!(template(second, known).unwrap_err().contains("no text `B`"));
        let uneven = json!({ "[CLS]": { "id": "[CLS]", "ids": [0, 1], "tokens": ["a"] } });
        assert!(template(start, uneven).unwrap_err().contains("2 ids"));
    }

    #[test]
    fn texts_are_bounded_at_characters() {
        let long = "é".repeat(TEXT);
        for truncates_start in [false, true] {
            let (part, is_cut) = bounded(&long, truncates_start);
            assert!(is_cut && part.len() == TEXT);
            assert_eq!(bounded(&long[..TEXT], truncates_start), (&long[..TEXT], false));
        }
    }

    #[test]
    fn panics_become_messages() {
        let error = guarded(|| -> tokenizers::Result<()> { panic!("with a reason") }).unwrap_err();
        assert!(error.contains("with a reason"), "{error}");
    }

    #[test]
    fn the_longest_form_of_a_compiled_map_is_found() {
        // A table of four bytes, then `ab`, `c` and `def`.
        let bytes = [&4_u32.to_le_bytes()[..], &[0; 4], b"ab\0c\0def\0"].concat();
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut encoded = String::new();
        for three in bytes.chunks(3) {
            let word = three.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
                << (8 * (3 - three.len()));
            for place in 0..=three.len() {
                encoded.push(digits[(word >> (18 - 6 * place) & 63) as usize] as char);
            }
        }
        assert_eq!(longest_precompiled(&encoded), 3.0);
        assert_eq!(longest_precompiled("?"), 1.0);
    }
}
