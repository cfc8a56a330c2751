//! Template of the special tokens around texts, as `tokenizer.json` has it.

use serde_json::{Value, json};

/// Name of a prompt among the special tokens.
pub(super) const NAME: &str = "prompt";

/// The tokens of the prompt in what stands around texts; none where there is none.
pub(super) fn of_prompt(json: &Value) -> Vec<u32> {
    let mut processor = json["post_processor"].clone();
    let template = template(&mut processor).map(|processor| &*processor);
    let ids = template.and_then(|template| template["special_tokens"][NAME]["ids"].as_array());
    ids.into_iter().flatten().filter_map(|id| Some(id.as_u64()? as u32)).collect()
}

/// The template of what stands around texts; the processors of BERT and RoBERTa become one.
pub(super) fn template(processor: &mut Value) -> Option<&mut Value> {
    if processor["type"] == "Sequence" {
        return processor["processors"].as_array_mut()?.iter_mut().find_map(template);
    }
    let ends = match processor["type"].as_str()? {
        "TemplateProcessing" => return Some(processor),
        "BertProcessing" => 1,
        "RobertaProcessing" => 2,
        _ => return None,
    };
    let (first, end) = (processor["cls"].clone(), processor["sep"].clone());
    let special = |token: &Value, kind: u8| json!({ "SpecialToken": { "id": token[0], "type_id": kind } });
    let text = |name: &str, kind: u8| json!({ "Sequence": { "id": name, "type_id": kind } });
    // RoBERTa has two ends between texts and knows no second kind of them.
    let second = u8::from(ends == 1);
    let single = vec![special(&first, 0), text("A", 0), special(&end, 0)];
    let between = std::iter::repeat_n(special(&end, 0), ends - 1);
    let pair = single
        .iter()
        .cloned()
        .chain(between)
        .chain([text("B", second), special(&end, second)])
        .collect::<Vec<_>>();
    let mut tokens = serde_json::Map::new();
    for token in [&first, &end] {
        let own = json!({ "id": token[0], "ids": [token[1]], "tokens": [token[0]] });
        tokens.insert(token[0].as_str()?.to_owned(), own);
    }
    *processor =
        json!({ "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens });
    Some(processor)
}
