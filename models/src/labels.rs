//! Names of classes in `config.json`.

use std::collections::HashSet;

use alambic_files::text::quoted;
use serde_json::{Map, Value, json};

/// The most classes that are given names here.
const MOST: u64 = 1_000_000;

/// The values of `problem_type`: numbers that are predicted, classes of which one is true, and classes of which several may
/// be.
pub(crate) const REGRESSION: &str = "regression";
pub(crate) const ONE_LABEL: &str = "single_label_classification";
pub(crate) const SEVERAL_LABELS: &str = "multi_label_classification";

/// Fault of `problem_type`, if it is there: transformers refuses other values, too.
pub(crate) fn problem_fault(json: &Value) -> Option<String> {
    let known = [REGRESSION, ONE_LABEL, SEVERAL_LABELS];
    let problem = &json["problem_type"];
    let is_known = problem.is_null() || problem.as_str().is_some_and(|name| known.contains(&name));
    (!is_known).then(|| {
        let found = problem.as_str().map_or_else(|| problem.to_string(), str::to_owned);
        format!("problem_type is `{}`; known are {}, or leave it out", quoted(&found), known.join(", "))
    })
}

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
                    "`id2label` has the name `{}` twice, so the classes would be ambiguous: give each its own",
                    quoted(twice)
                )),
                None => Ok(labels),
            }
        }
        (names, _) if !names.is_null() => Err("`id2label` is no object of names by number".into()),
        (_, Some(count)) if count > MOST => {
            Err(format!("`num_labels` is {count}; the most without names of their own is {MOST}"))
        }
        (_, Some(count)) => Ok(unnamed(count as usize)),
        _ if json["num_labels"].is_null() => Ok(unnamed(2)),
        _ => Err(format!(
            "`num_labels` is {}, and a number of classes is needed",
            quoted(&json["num_labels"].to_string())
        )),
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
