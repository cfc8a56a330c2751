//! The JSON Schema of a recipe, for editors.

use std::ops::Bound;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::resolve::Inheritance;
use crate::setting::Table;
use crate::tree;
use crate::types::{Field, KindsDescription, Range, TableDescription, TableType, Type, prose};

/// The schema (draft 2020-12) of a recipe whose top level is `kind`.
#[must_use]
pub fn json_schema(kind: &Type, title: &str) -> Value {
    let mut definitions = Definitions { names: IndexMap::new(), schemas: Map::new() };
    let mut schema = match kind {
        Type::Table(table) => {
            let mut description = table.describe();
            description.fields.extend(Inheritance::description().fields);
            definitions.table(&description)
        }
        other => definitions.schema(other),
    };
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["$defs"] = Value::Object(definitions.schemas);
    schema
}

/// Definitions of the schema: the tables met so far, each described once.
struct Definitions {
    /// Name in the schema of each Rust type.
    names: IndexMap<&'static str, String>,
    schemas: Map<String, Value>,
}

impl Definitions {
    /// A reference to a type, described by `describe` if it is met for the first
    /// time. Types of one name in two crates get the names of their modules as well.
    fn reference(&mut self, rust_name: &'static str, describe: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.names.contains_key(rust_name) {
            let segments: Vec<&str> = rust_name.split("::").collect();
            let suffixes = (0..segments.len()).rev().map(|start| segments[start..].join("."));
            let name = suffixes.clone().find(|name| !self.schemas.contains_key(name));
            let name = name.unwrap_or_else(|| rust_name.to_owned());
            self.names.insert(rust_name, name.clone());
            // Holds the name while a table that holds itself is described.
            self.schemas.insert(name.clone(), Value::Null);
            let schema = describe(self);
            self.schemas.insert(name, schema);
        }
        json!({ "$ref": format!("#/$defs/{}", self.names[rust_name]) })
    }

    fn table_reference(&mut self, table: &TableType) -> Value {
        let description = table.describe();
        self.reference(description.name, |definitions| definitions.table(&description))
    }

    fn table(&mut self, description: &TableDescription) -> Value {
        let mut properties = Map::new();
        for field in &description.fields {
            properties.insert(field.key.clone(), self.field(field));
        }
        let required: Vec<&str> = description
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.key.as_str())
            .collect();
        json!({
            "type": "object",
            "description": description.doc,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.schema(&field.kind);
        if let Some(range) = field.range {
            bound(&mut schema, range);
        }
        schema["description"] = json!(field.doc);
        if let Some(default) = &field.default {
            schema["default"] = to_json(default);
        }
        schema
    }

    fn schema(&mut self, kind: &Type) -> Value {
        match kind {
            Type::Boolean => json!({ "type": "boolean" }),
            Type::Integer { minimum, maximum } => {
                let mut schema = json!({ "type": "integer" });
                if let Some(minimum) = i64::try_from(*minimum).ok().filter(|&minimum| minimum > i64::MIN) {
                    schema["minimum"] = json!(minimum);
                }
                if let Some(maximum) = i64::try_from(*maximum).ok().filter(|&maximum| maximum < i64::MAX) {
                    schema["maximum"] = json!(maximum);
                }
                schema
            }
            Type::Number => json!({ "type": "number" }),
            Type::Text => json!({ "type": "string" }),
            Type::Location => json!({ "type": "string", "minLength": 1 }),
            Type::Choice(choices) => {
                let choice = |(name, doc): &(&str, &str)| json!({ "const": name, "description": prose(doc) });
                json!({ "oneOf": choices.iter().map(choice).collect::<Vec<_>>() })
            }
            Type::List(item) => json!({ "type": "array", "items": self.schema(item) }),
            Type::Map(value) => json!({ "type": "object", "additionalProperties": self.schema(value) }),
            Type::OneOrMany(item) => {
                let item = self.schema(item);
                json!({ "anyOf": [item, { "type": "array", "items": item }] })
            }
            Type::Either(first, second) => json!({ "anyOf": [self.schema(first), self.schema(second)] }),
            Type::Table(table) => self.table_reference(table),
            Type::Kinds(kinds) => {
                let description = kinds.describe();
                self.reference(description.name, |definitions| definitions.one_kind(&description))
            }
            Type::Several(kinds) => {
                let mut properties = Map::new();
                for (name, table) in kinds.describe().kinds {
                    let table = self.table_reference(&table);
                    let list = json!({ "type": "array", "items": table });
                    properties.insert(name.to_owned(), json!({ "anyOf": [table, list] }));
                }
                json!({ "type": "object", "properties": properties, "additionalProperties": false })
            }
        }
    }

    fn one_kind(&mut self, description: &KindsDescription) -> Value {
        let mut alternatives = Vec::new();
        for (name, table) in &description.kinds {
            let reference = self.table_reference(table);
            alternatives.push(json!({
                "type": "object",
                "properties": { *name: reference },
                "required": [name],
                "additionalProperties": false,
            }));
            if table.describe().fields.iter().all(|field| !field.required) {
                alternatives.push(json!({ "const": name }));
            }
        }
        json!({ "description": description.doc, "oneOf": alternatives })
    }
}

/// Bounds the numbers of a schema, wherever it has some.
fn bound(schema: &mut Value, range: Range) {
    if let Some(items) = schema.get_mut("items") {
        bound(items, range);
    }
    for alternative in schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        bound(alternative, range);
    }
    // The bounds of integers are in their type.
    if schema["type"] == "number" {
        match range.lower {
            Bound::Included(bound) => schema["minimum"] = json!(bound),
            Bound::Excluded(bound) => schema["exclusiveMinimum"] = json!(bound),
            Bound::Unbounded => {}
        }
        match range.upper {
            Bound::Included(bound) => schema["maximum"] = json!(bound),
            Bound::Excluded(bound) => schema["exclusiveMaximum"] = json!(bound),
            Bound::Unbounded => {}
        }
    }
}

fn to_json(value: &tree::Value) -> Value {
    match value {
        tree::Value::Boolean(boolean) => json!(boolean),
        tree::Value::Integer(integer) => match (i64::try_from(*integer), u64::try_from(*integer)) {
            (Ok(integer), _) => json!(integer),
            (_, Ok(integer)) => json!(integer),
            _ => json!(*integer as f64),
        },
        tree::Value::Float(float) => json!(float),
        tree::Value::Text(text) | tree::Value::Datetime(text) => json!(text),
        tree::Value::List(items) => items.iter().map(|item| to_json(&item.value)).collect(),
        tree::Value::Table(members) => Value::Object(
            members.iter().map(|(name, member)| (name.clone(), to_json(&member.node.value))).collect(),
        ),
    }
}
