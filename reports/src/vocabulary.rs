//! Vocabulary of model cards: the axes by which models are classified, and their values.

use std::sync::LazyLock;

use alambic_settings::{IndexMap, Node, choices, read, settings};
use serde::{Deserialize, Serialize};
use strsim::jaro_winkler;

use crate::hub_metadata::languages;

/// The file of the vocabulary.
const FILE: &str = include_str!("../vocabulary.toml");

choices! {
    /// What the values of an axis are.
    pub enum AxisKind {
        /// Names that the vocabulary lists.
        Names = "names",
        /// Codes of languages, of which those of ISO 639 are told.
        Languages = "languages",
        /// One number from 0 to 1.
        Share = "share",
    }
}

settings! {
    /// An axis by which models are classified.
    pub struct Axis {
        /// What it says of a model, one sentence.
        pub meaning: String,
        /// Where its values are from.
        pub source: String,
        /// What its values are.
        pub kind: AxisKind = AxisKind::Names,
        /// Whether a model may have several values.
        pub several: bool = false,
        /// Names of values, each with its meaning.
        pub values: IndexMap<String, String> = IndexMap::new(),
        /// The values that only a model has that reads or makes images.
        pub needs_images: Vec<String> = Vec::new(),
        /// Whether only a model has one that reads or writes texts.
        pub needs_texts: bool = false,
        /// What the program calls some of them: a name of its own, and the value.
        pub known_as: IndexMap<String, String> = IndexMap::new(),
    }
}

/// The axes by their names, in the order in which cards have them.
pub static VOCABULARY: LazyLock<IndexMap<String, Axis>> = LazyLock::new(|| {
    let node = Node::parse("vocabulary.toml", FILE).ok();
    node.and_then(|node| read(&node).ok()).unwrap_or_default()
});

/// Least similarity of a name that is suggested (Jaro-Winkler).
const SIMILAR: f64 = 0.75;

/// The name of a list that is most like another one, if any is.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> Option<&'n str> {
    let similar = known.map(|known| (jaro_winkler(name, known), known.as_str()));
    similar
        .filter(|(own, _)| *own >= SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, own)| own)
}

impl Axis {
    /// What a value is that is given as a text: its name in the vocabulary, or what the program calls it.
    ///
    /// # Errors
    /// What is wrong with it, with what is known.
    pub fn value(&self, given: &str) -> Result<String, String> {
        match self.kind {
            AxisKind::Names => {
                let name = self.known_as.get(given).map_or(given, String::as_str);
                if self.values.contains_key(name) {
                    return Ok(name.to_owned());
                }
                let known = || {
                    let known: Vec<String> = self.values.keys().map(|name| format!("`{name}`")).collect();
                    format!("it is one of {}", known.join(", "))
                };
                let near = nearest(given, self.values.keys());
                Err(near.map_or_else(known, |near| format!("did you mean `{near}`?")))
            }
            AxisKind::Languages => match languages(&[given.to_owned()]).pop() {
                Some(code) => Ok(code),
                None => Err("a code of ISO 639 is needed, such as `hi`".to_owned()),
            },
            AxisKind::Share => match given.parse::<f64>() {
                Ok(share) if (0.0..=1.0).contains(&share) => Ok(share.to_string()),
                _ => Err("a number from 0 to 1 is needed".to_owned()),
            },
        }
    }
}

/// The axis of a name.
///
/// # Errors
/// What names there are, with the nearest one.
pub fn axis(name: &str) -> Result<&'static Axis, String> {
    VOCABULARY.get(name).ok_or_else(|| match nearest(name, VOCABULARY.keys()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "the axes are {}",
            VOCABULARY.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    })
}

/// A model by the axes of the vocabulary: the values of each that is known, in the order of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classification(IndexMap<String, Vec<String>>);

impl Classification {
    /// Adds a value of an axis, once. What is no value of it is left out, and a second value of an axis that has one alone.
    pub fn add(&mut self, name: &str, value: &str) {
        let Some((place, _, axis)) = VOCABULARY.get_full(name) else { return };
        let Ok(value) = axis.value(value) else { return };
        if !self.0.contains_key(name) {
            let before = |other: &String| VOCABULARY.get_index_of(other).is_some_and(|other| other < place);
            let at = self.0.keys().filter(|other| before(other)).count();
            self.0.shift_insert(at, name.to_owned(), Vec::new());
        }
        let Some(values) = self.0.get_mut(name) else { return };
        if !values.contains(&value) && (axis.several || values.is_empty()) {
            values.push(value);
            // Names stand in the order of the vocabulary, and others in the order in which they come.
            values.sort_by_key(|value| axis.values.get_index_of(value));
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of an axis; none where nothing is known of it.
    #[must_use]
    pub fn values(&self, axis: &str) -> Option<&[String]> {
        self.0.get(axis).map(Vec::as_slice)
    }

    /// The axes of which something is known, with their values.
    pub fn axes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

/// Page on the vocabulary, or on one of its axes.
///
/// # Errors
/// What names there are, with the nearest one.
pub fn explain(name: Option<&str>) -> Result<String, String> {
    let Some(name) = name else {
        let line = |(name, axis): (&String, &Axis)| [format!("  {name}"), format!("      {}", axis.meaning)];
        let head = "vocabulary\n\nAxes by which model cards classify models, under `alambic:` in their front matter. `[card]` of a recipe gives \
                    what the program does not know.\n";
        return Ok(std::iter::once(head.to_owned())
            .chain(VOCABULARY.iter().flat_map(line))
            .collect::<Vec<_>>()
            .join("\n"));
    };
    let axis = axis(name)?;
    let number = if axis.several { "several values" } else { "one value" };
    let kind = match axis.kind {
        AxisKind::Names => format!("{number} of these"),
        AxisKind::Languages => "codes of languages (ISO 639)".to_owned(),
        AxisKind::Share => "a number from 0 to 1".to_owned(),
    };
    let mut lines = vec![
        format!("vocabulary.{name}"),
        format!("  type     {kind}"),
        format!("  source   {}", axis.source),
        String::new(),
        axis.meaning.clone(),
    ];
    if !axis.values.is_empty() {
        lines.push(String::new());
        lines.extend(
            axis.values.iter().flat_map(|(name, meaning)| [format!("  {name}"), format!("      {meaning}")]),
        );
    }
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_whole_and_names_of_the_program_are_values() {
        let node = Node::parse("vocabulary.toml", FILE).unwrap();
        let axes: IndexMap<String, Axis> = read(&node).unwrap();
        assert_eq!(axes, *VOCABULARY);
        let names: Vec<&str> = axes.keys().map(String::as_str).collect();
        let expected = [
            "fusion",
            "visual-input",
            "objectives",
            "tasks",
            "languages",
            "data",
            "sampling-exponent",
            "language-embeddings",
            "script",
            "setting",
        ];
        assert_eq!(names, expected);
        for (name, axis) in &axes {
            assert!(axis.meaning.ends_with('.') && !axis.source.is_empty(), "{name}");
            assert_eq!(axis.values.is_empty(), axis.kind != AxisKind::Names, "{name}");
            for (own, value) in &axis.known_as {
                assert!(axis.values.contains_key(value), "{name}: {own} = {value}");
            }
        }
        assert!(axes["setting"].values.contains_key("translate-train"));
    }

    #[test]
    fn values_are_checked_with_suggestions() {
        assert_eq!(axis("fusion").unwrap().value("dual"), Ok("dual".into()));
        assert!(axis("fusion").unwrap().value("dual-stream").unwrap_err().contains("did you mean `dual`?"));
        assert!(axis("fusion").unwrap().value("zzz").unwrap_err().contains("`two-stream`"));
        assert!(axis("fusoin").unwrap_err().contains("`fusion`"));
        assert!(axis("q").unwrap_err().contains("`objectives`"));
        assert_eq!(axis("languages").unwrap().value("hi-Latn"), Ok("hi".into()));
        assert!(axis("languages").unwrap().value("hindi").is_err());
        let share = axis("sampling-exponent").unwrap();
        assert_eq!(share.value("0.7"), Ok("0.7".into()));
        for wrong in ["1.5", "-0.1", "NaN", "inf", "half", ""] {
            assert!(share.value(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn classifications_are_in_the_order_of_the_vocabulary_and_have_what_it_allows() {
        let mut own = Classification::default();
        assert!(own.is_empty());
        for (axis, value) in [
            ("script", "original"),
            ("objectives", "relations"),
            ("script", "devanagari"),
            ("objectives", "mlm"),
            ("objectives", "relations"),
            ("languages", "ta"),
            ("languages", "hi"),
            ("fusion", "none-such"),
            ("colour", "red"),
        ] {
            own.add(axis, value);
        }
        let all: Vec<(&str, Vec<&str>)> =
            own.axes().map(|(name, values)| (name, values.iter().map(String::as_str).collect())).collect();
        assert_eq!(
            all,
            [
                ("objectives", vec!["mlm", "distillation-relations"]),
                ("languages", vec!["ta", "hi"]),
                ("script", vec!["original"]),
            ]
        );
        let json = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Classification>(&json).unwrap(), own);
    }

    #[test]
    fn pages_explain_axes_and_values() {
        let page = explain(Some("fusion")).unwrap();
        assert!(page.contains("vocabulary.fusion") && page.contains("one value of these"), "{page}");
        assert!(page.contains("  two-stream\n      An encoder of texts"), "{page}");
        assert!(explain(None).unwrap().contains("  sampling-exponent\n"));
        assert!(explain(Some("fusio")).unwrap_err().contains("`fusion`"));
    }
}
