//! Names of classes in `config.json`.

use std::collections::HashSet;

use alambic_files::text::quoted;
use serde_json::{Map, Value, json};

/// The most classes that are given names here.
const MOST: u64 = 1_000_000;

/// The labels by id, or as many as `num_labels` says; transformers' default is two.
pub(crate) fn of(json: &Value) -> Result<Vec<String>, String> {
    let unnamed = |count: usize| (0..count).map(|id| format!("LABEL_{id}")).collect();
    match (&json["id2label"], json["num_labels"].as_u64()) {
        (Value::Object(names), _) => {
            let label = |id: usize| match names.get(&id.to_string())? {
                Value::String(name) => Some(name.clone()),
                number @ (Value::Number(_) | Value::Bool(_)) => Some(number.to_string()),
                _ => None,
            };
            let labels = (0..names.len()).map(|id| {
                label(id).ok_or_else(|| {
                    format!(
                        "`id2label` has {} labels and no name for {id}: it needs one for each number from 0 on",
                        names.len()
                    )
                })
            });
            let labels: Vec<String> = labels.collect::<Result<_, String>>()?;
            let mut seen = HashSet::new();
            match labels.iter().find(|label| !seen.insert(label.as_str())) {
                Some(twice) => Err(format!(
                    "`id2label` has the name `{}` twice, so answers could not be told apart: give each its own",
                    quoted(twice)
                )),
                None => Ok(labels),
            }
        }
        (_, Some(count)) if count > MOST => {
            Err(format!("`num_labels` is {count}; the most without names of their own is {MOST}"))
        }
        (_, Some(count)) => Ok(unnamed(count as usize)),
        _ => Ok(unnamed(2)),
    }
}

/// The keys that hold labels.
pub(crate) fn to_json(labels: &[String]) -> Value {
    let names = labels.iter().enumerate();
    let forward: Map<String, Value> =
        names.clone().map(|(id, label)| (id.to_string(), json!(label))).collect();
    let back: Map<String, Value> = names.map(|(id, label)| (label.clone(), json!(id))).collect();
    json!({ "id2label": forward, "label2id": back })
}
