//! Values as TOML text.

use alambic_files::text::string_literal;

use crate::tree::{Node, Value};

/// A value on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Integer(integer) => integer.to_string(),
        // Debug keeps the point or exponent that makes it a float to TOML.
        Value::Float(float) if float.is_nan() => "nan".to_owned(),
        Value::Float(float) => format!("{float:?}"),
        Value::Text(text) => string_literal(text),
        Value::Datetime(text) => text.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|Node { value, .. }| inline(value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(members) if members.is_empty() => "{}".to_owned(),
        Value::Table(members) => {
            let entry = |(name, member): (&String, &crate::tree::Member)| {
                format!("{} = {}", key(name), inline(&member.node.value))
            };
            format!("{{ {} }}", members.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key, quoted where it has to be.
pub(crate) fn key(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { string_literal(name) }
}
