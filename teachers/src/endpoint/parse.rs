//! Strict parsing of what a language model answers.

use alambic_files::text::quoted;
use serde_json::Value;

use super::classes::{Classes, bare};

/// The marks around what a model that reasons writes before its answer.
pub(crate) const THINKING: (&str, &str) = ("<think>", "</think>");

/// An answer without the reasoning in front of it.
pub(crate) fn without_thinking(content: &str) -> &str {
    let after = content.trim_start().strip_prefix(THINKING.0).and_then(|rest| rest.split_once(THINKING.1));
    after.map_or(content, |(_, answer)| answer)
}

/// The class that an answer names; of an object `{"label": "…"}` where a schema is in use.
///
/// # Errors
/// When it names none of the classes.
pub(crate) fn class(answer: &str, classes: &Classes, is_json: bool) -> Result<usize, String> {
    let none = |answer: &str| format!("`{}` is none of the classes", quoted(answer.trim()));
    if !is_json {
        return classes.find(answer).ok_or_else(|| none(answer));
    }
    match member(answer, "label")? {
        Value::String(label) => classes.find(&label).ok_or_else(|| none(&label)),
        other => Err(format!("the `label` of the answer is `{}` and no string", quoted(&other.to_string()))),
    }
}

/// The number that an answer is, in decimal digits with a point, between two bounds; the member of `{"number": …}` where a
/// schema is in use.
///
/// # Errors
/// When it is no number, or one beyond the bounds.
pub(crate) fn number(
    answer: &str,
    (minimum, maximum): (Option<f64>, Option<f64>),
    is_json: bool,
) -> Result<f64, String> {
    let number = if is_json {
        let member = member(answer, "number")?;
        let wrong =
            || format!("the `number` of the answer is `{}` and no number", quoted(&member.to_string()));
        member.as_f64().ok_or_else(wrong)?
    } else {
        let text = bare(answer);
        // The parser of Rust also takes the names of infinity and NaN.
        let is_decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        let number = if text.bytes().all(is_decimal) { text.parse::<f64>().ok() } else { None };
        number.ok_or_else(|| format!("`{}` is no number", quoted(answer.trim())))?
    };
    if !number.is_finite() {
        return Err(format!("`{}` is too large a number", quoted(answer.trim())));
    }
    if minimum.is_some_and(|minimum| number < minimum) || maximum.is_some_and(|maximum| number > maximum) {
        let bound = |bound: Option<f64>| bound.map_or_else(|| "…".to_owned(), |bound| bound.to_string());
        return Err(format!("{number} is not from {} to {}", bound(minimum), bound(maximum)));
    }
    Ok(number)
}

/// The tags that an answer holds, with white space or commas between them; the member of `{"tags": […]}` where a schema is in
/// use.
///
/// # Errors
/// When there are not as many as words, or one is none of the classes.
pub(crate) fn tags(
    answer: &str,
    words: usize,
    classes: &Classes,
    is_json: bool,
) -> Result<Vec<usize>, String> {
    let written: Vec<String> = if is_json {
        let member = member(answer, "tags")?;
        let tags = member.as_array().map(|tags| tags.iter().map(|tag| tag.as_str().map(str::to_owned)));
        let wrong =
            || format!("the `tags` of the answer are `{}` and no strings", quoted(&member.to_string()));
        tags.and_then(Iterator::collect).ok_or_else(wrong)?
    } else {
        let tags = answer.split(|character: char| character.is_whitespace() || character == ',');
        tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
    };
    if written.len() != words {
        return Err(format!("{} tags for {words} words", written.len()));
    }
    let known = |tag: &String| {
        classes.find(tag).ok_or_else(|| format!("the tag `{}` is none of the classes", quoted(tag)))
    };
    written.iter().map(known).collect()
}

/// The only member of a JSON object.
fn member(answer: &str, name: &str) -> Result<Value, String> {
    let wrong = || format!("`{}` is no JSON object with `{name}` alone", quoted(answer.trim()));
    match serde_json::from_str(answer) {
        Ok(Value::Object(mut object)) if object.len() == 1 => object.remove(name).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Classes {
        Classes::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn classes_are_read_from_objects_where_a_schema_is_in_use() {
        let classes = classes(&["good", "bad"]);
        assert_eq!(class("{\"label\": \"Bad\"}", &classes, true), Ok(1));
        for wrong in [
            "bad",
            "{\"label\": 1}",
            "{\"label\": \"fair\"}",
            "{\"label\": \"bad\", \"why\": \"\"}",
            "[\"bad\"]",
            "{\"lab",
        ] {
            assert!(class(wrong, &classes, true).is_err(), "{wrong}");
        }
        assert!(class("{\"label\": \"bad\"}", &classes, false).is_err());
        assert_eq!(
            class("It is \u{1b}bad", &classes, false).unwrap_err(),
            "`It is \\u{1b}bad` is none of the classes"
        );
    }

    #[test]
    fn numbers_are_decimal_and_within_bounds() {
        let bounds = (Some(0.0), Some(5.0));
        for (answer, expected) in
            [("4", 4.0), (" 4.50.", 4.5), ("\"3\"", 3.0), ("+1e0\n", 1.0), ("0", 0.0), ("5.0", 5.0)]
        {
            assert_eq!(number(answer, bounds, false), Ok(expected), "{answer}");
        }
        for wrong in
            ["", "four", "4/5", "4,5", "5.1", "-1", "nan", "inf", "1e999", "Score: 4", "0x4", "4 5", "e", "."]
        {
            assert!(number(wrong, bounds, false).is_err(), "{wrong}");
        }
        assert_eq!(number("-7", (None, Some(5.0)), false), Ok(-7.0));
        assert_eq!(number("6", (Some(1.0), Some(5.0)), false).unwrap_err(), "6 is not from 1 to 5");
        assert_eq!(number("{\"number\": 2}", bounds, true), Ok(2.0));
        assert!(number("{\"number\": \"2\"}", bounds, true).is_err());
    }

    #[test]
    fn tags_are_as_many_as_words_and_all_known() {
        let classes = classes(&["O", "B-PER"]);
        assert_eq!(tags("O b-per\nO", 3, &classes, false), Ok(vec![0, 1, 0]));
        assert_eq!(tags("O, B-PER", 2, &classes, false), Ok(vec![0, 1]));
        assert_eq!(tags("{\"tags\": [\"O\"]}", 1, &classes, true), Ok(vec![0]));
        assert_eq!(tags("O O", 3, &classes, false).unwrap_err(), "2 tags for 3 words");
        assert_eq!(tags("O X", 2, &classes, false).unwrap_err(), "the tag `X` is none of the classes");
        assert!(tags("{\"tags\": [1]}", 1, &classes, true).is_err());
    }

    #[test]
    fn reasoning_in_front_is_left_out() {
        assert_eq!(without_thinking("\n<think>good or bad?</think>\n\nbad"), "\n\nbad");
        assert_eq!(without_thinking("<think>good"), "<think>good");
        assert_eq!(without_thinking("bad <think></think>"), "bad <think></think>");
    }
}
