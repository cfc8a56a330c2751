//! Values of the columns of recorded answers.

use alambic_files::text::quoted;
use serde_json::Value;

use crate::candidate::Candidate;

/// Scores of classes as a cell has them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scores {
    /// Each behind the name of its class.
    Named(Vec<(String, f32)>),
    /// In an order that the recipe knows.
    Listed(Vec<f32>),
    /// Named ones for each word; none where a word has none.
    Words(Vec<Option<Vec<(String, f32)>>>),
}

/// What a cell does not hold as it should, for a message.
type Fault = String;

/// Scores of classes.
pub(super) fn scores(cell: &str) -> Result<Scores, Fault> {
    let cell = cell.trim();
    if !cell.starts_with(['{', '[']) {
        return numbers(cell).map(Scores::Listed);
    }
    match serde_json::from_str(cell) {
        Ok(Value::Object(object)) => named(object).map(Scores::Named),
        Ok(Value::Array(words)) if words.iter().any(Value::is_object) => {
            let word = |word| match word {
                Value::Object(object) => named(object).map(Some),
                Value::Null => Ok(None),
                other => Err(format!("has `{}` where a word has an object of its own", shown(&other))),
            };
            words.into_iter().map(word).collect::<Result<_, _>>().map(Scores::Words)
        }
        _ => numbers(cell).map(Scores::Listed),
    }
}

fn named(object: serde_json::Map<String, Value>) -> Result<Vec<(String, f32)>, Fault> {
    // What has no value, as in a row of a table with a column for each class, is not named.
    let filled = object.into_iter().filter(|(_, value)| !value.is_null());
    filled
        .map(|(name, value)| {
            let number = match &value {
                Value::Number(number) => number.as_f64().map(|number| number as f32),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            match number {
                Some(number) if number.is_finite() => Ok((name, number)),
                _ => {
                    Err(format!("has `{}` for `{}`, which is no finite number", shown(&value), quoted(&name)))
                }
            }
        })
        .collect()
}

/// A list of numbers: as JSON, or with blanks or commas between them.
pub(super) fn numbers(cell: &str) -> Result<Vec<f32>, Fault> {
    let inner = cell.trim().trim_start_matches('[').trim_end_matches(']');
    let parts = inner.split([',', ' ', '\t', '\n', '\r', ';']).filter(|part| !part.is_empty());
    let number = |part: &str| match part.trim_matches('"').parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("holds `{}`, which is no finite number", quoted(part))),
    };
    let numbers: Vec<f32> = parts.map(number).collect::<Result<_, _>>()?;
    if numbers.is_empty() { Err("holds no number".into()) } else { Ok(numbers) }
}

/// A list of tags: as JSON, or with blanks between them.
pub(super) fn tags(cell: &str) -> Result<Vec<String>, Fault> {
    if cell.trim_start().starts_with('[') {
        return serde_json::from_str(cell).map_err(|_| "is no list of tags".into());
    }
    Ok(cell.split_whitespace().map(str::to_owned).collect())
}

/// Written texts: a list of texts or of objects, or one text.
pub(super) fn texts(cell: &str) -> Result<Vec<Candidate>, Fault> {
    let Some(written) =
        cell.trim_start().starts_with('[').then(|| serde_json::from_str::<Vec<Value>>(cell).ok()).flatten()
    else {
        return Ok(vec![Candidate { text: cell.trim().to_owned(), log_probability: 0.0 }]);
    };
    let candidate = |value: Value| {
        let (text, log_probability) = match &value {
            Value::String(text) => (Some(text.as_str()), Some(0.0)),
            Value::Object(object) => {
                let number = object.get("log-probability").filter(|value| !value.is_null());
                let number = number.map_or(Some(0.0), Value::as_f64);
                (object.get("text").and_then(Value::as_str), number)
            }
            _ => (None, None),
        };
        match (text, log_probability) {
            (Some(text), Some(number)) if number <= 0.0 => {
                Ok(Candidate { text: text.trim().to_owned(), log_probability: number as f32 })
            }
            (Some(_), Some(_)) => Err("has a log-probability above 0".to_owned()),
            _ => Err(format!(
                "has `{}` where a text or an object with `text` and `log-probability` is expected",
                shown(&value)
            )),
        }
    };
    written.into_iter().map(candidate).collect()
}

/// A value, for a message.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_in_each_form() {
        let named = |entries: &[(&str, f32)]| -> Vec<(String, f32)> {
            entries.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
        };
        assert_eq!(
            scores(r#"{"a": 0.25, "b": "0.75", "c": null}"#),
            Ok(Scores::Named(named(&[("a", 0.25), ("b", 0.75)])))
        );
        assert_eq!(scores("[0.5, -1e-3]"), Ok(Scores::Listed(vec![0.5, -0.001])));
        assert_eq!(scores("[0.5 2.\n 3]"), Ok(Scores::Listed(vec![0.5, 2.0, 3.0])));
        assert_eq!(scores(r#"[{"O": 1}, null]"#), Ok(Scores::Words(vec![Some(named(&[("O", 1.0)])), None])));
        for broken in ["[1, NaN]", "{\"a\": NaN}", "{\"a\": \"x\"}", "[]", "much", "[{\"a\": 1}, 2]"] {
            assert!(scores(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn numbers_keep_every_bit() {
        for number in [0.1_f32, f32::MIN_POSITIVE, 1.0 / 3.0, 16_777_217.0, -3.4e38] {
            assert_eq!(numbers(&format!("[{number:?}]")), Ok(vec![number]));
        }
    }

    #[test]
    fn texts_are_one_or_several() {
        let plain = |text: &str| Candidate { text: text.into(), log_probability: 0.0 };
        assert_eq!(texts(" राम "), Ok(vec![plain("राम")]));
        assert_eq!(texts("[sic] as it stands"), Ok(vec![plain("[sic] as it stands")]));
        assert_eq!(texts(r#"["a", "b"]"#), Ok(vec![plain("a"), plain("b")]));
        let scored = r#"[{"text": "a", "log-probability": -0.5}]"#;
        assert_eq!(texts(scored), Ok(vec![Candidate { text: "a".into(), log_probability: -0.5 }]));
        assert!(texts(r#"[{"text": "a", "log-probability": 0.5}]"#).is_err());
        assert!(texts("[1]").is_err());
    }
}
