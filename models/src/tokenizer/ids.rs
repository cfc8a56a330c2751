//! Ids of tokens in `tokenizer.json`.

use serde_json::Value;

/// The id of a token, in the vocabulary or behind it.
pub(super) fn id_of(json: &Value, token: &str) -> Option<u64> {
    let added = json["added_tokens"].as_array().into_iter().flatten();
    let added = added.filter(|own| own["content"] == token).find_map(|own| own["id"].as_u64());
    let own = match &json["model"]["vocab"] {
        // Pieces with their scores, in the order of their ids.
        Value::Array(pieces) => pieces.iter().position(|piece| piece[0] == token).map(|id| id as u64),
        ids => ids.get(token).and_then(Value::as_u64),
    };
    own.or(added)
}
