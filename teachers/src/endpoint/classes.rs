//! Classes that an answer may name.

/// Pairs of marks that models put around an answer.
pub(crate) const QUOTES: [(&str, &str); 9] = [
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("**", "**"),
    ("“", "”"),
    ("‘", "’"),
    ("«", "»"),
    ("„", "“"),
    ("「", "」"),
];

/// Full stops of Latin, Chinese and Japanese, and Indic scripts.
const FULL_STOPS: [char; 3] = ['.', '。', '।'];

/// Names of classes, with the rule by which an answer is one of them.
///
/// White space around an answer, one pair of quotes and one final full stop are left out. What is left is a class if it is
/// written like one, or, where no class is written so, if just one class is the same in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    names: Vec<String>,
    lower: Vec<String>,
}

impl Classes {
    /// # Errors
    /// When a name is empty, has white space around it, or stands twice.
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() || name.trim() != name {
                return Err(format!("has `{name}`: a class is a word, without white space around it"));
            }
            if names[..index].contains(name) {
                return Err(format!("has `{name}` twice"));
            }
        }
        Ok(Self { names: names.to_vec(), lower: names.iter().map(|name| name.to_lowercase()).collect() })
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The class that an answer names.
    pub(crate) fn find(&self, answer: &str) -> Option<usize> {
        forms(answer).find_map(|form| self.find_exact(form))
    }

    fn find_exact(&self, form: &str) -> Option<usize> {
        if let Some(class) = self.names.iter().position(|name| name == form) {
            return Some(class);
        }
        let form = form.to_lowercase();
        let mut same = self.lower.iter().enumerate().filter(|(_, lower)| **lower == form);
        let (class, _) = same.next()?;
        same.next().is_none().then_some(class)
    }

    /// Whether no two classes are the same in lower case.
    fn ignores_case(&self) -> bool {
        (1..self.lower.len()).all(|index| !self.lower[..index].contains(&self.lower[index]))
    }

    /// Spellings of the classes by which the beginning of an answer is compared, escaped as within a JSON string on demand.
    pub(crate) fn spellings(&self, is_json: bool) -> Spellings {
        let ignores_case = self.ignores_case();
        let names = if ignores_case { &self.lower } else { &self.names };
        let escaped = |name: &String| {
            let json = serde_json::Value::from(name.as_str()).to_string();
            json[1..json.len() - 1].to_owned()
        };
        let spelt = names.iter().map(|name| if is_json { escaped(name) } else { name.clone() }).collect();
        Spellings { spelt, ignores_case }
    }

    /// A class with which another one begins, and that other one.
    pub(crate) fn prefix(&self) -> Option<(&str, &str)> {
        let Spellings { spelt, .. } = self.spellings(false);
        let pairs = (0..spelt.len()).flat_map(|one| (0..spelt.len()).map(move |other| (one, other)));
        let mut pairs = pairs.filter(|&(one, other)| one != other && spelt[other].starts_with(&spelt[one]));
        pairs.next().map(|(one, other)| (self.names[one].as_str(), self.names[other].as_str()))
    }
}

/// Spellings of classes.
#[derive(Debug, Clone)]
pub(crate) struct Spellings {
    spelt: Vec<String>,
    ignores_case: bool,
}

impl Spellings {
    /// The classes that an answer may still become which begins with a text, and behind it with the first bytes of a character.
    /// A class with something behind it counts, too.
    pub(crate) fn continuing(&self, text: &str, bytes: &[u8]) -> Vec<usize> {
        let text = if self.ignores_case { text.to_lowercase() } else { text.to_owned() };
        let may_become = |spelling: &String| {
            text.starts_with(spelling.as_str())
                || spelling.strip_prefix(&text).is_some_and(|rest| rest.as_bytes().starts_with(bytes))
        };
        (0..self.spelt.len()).filter(|&class| may_become(&self.spelt[class])).collect()
    }
}

/// An answer, and what is left of it without a full stop and without quotes.
fn forms(answer: &str) -> impl Iterator<Item = &str> {
    let (mut has_stop, mut has_quotes) = (false, false);
    std::iter::successors(Some(answer.trim()), move |form| {
        if !has_stop && let Some(shorter) = form.strip_suffix(FULL_STOPS) {
            has_stop = true;
            return Some(shorter.trim_end());
        }
        if !has_quotes && let Some(inner) = unquoted(form) {
            has_quotes = true;
            return Some(inner.trim());
        }
        None
    })
}

fn unquoted(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
}

/// An answer without white space, one full stop and one pair of quotes.
pub(crate) fn bare(answer: &str) -> &str {
    forms(answer).last().unwrap_or(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Classes {
        Classes::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn answers_are_classes_with_quotes_full_stop_and_other_case() {
        let classes = classes(&["positive", "negative", "U.S."]);
        for answer in [
            "positive",
            " Positive\n",
            "\"positive\"",
            "'POSITIVE.'",
            "“positive”.",
            "**Positive**",
            "`positive`。",
        ] {
            assert_eq!(classes.find(answer), Some(0), "{answer}");
        }
        assert_eq!(classes.find("u.s."), Some(2));
        assert_eq!(classes.find("\"U.S..\""), Some(2));
        for answer in [
            "",
            ".",
            "positive negative",
            "positive..",
            "\"\"positive\"\"",
            "The class is positive",
            "neg",
            "\"positive",
        ] {
            assert_eq!(classes.find(answer), None, "{answer}");
        }
    }

    #[test]
    fn case_counts_where_classes_differ_in_it_alone() {
        let classes = classes(&["US", "us", "them"]);
        assert_eq!((classes.find("US"), classes.find("us"), classes.find("Us")), (Some(0), Some(1), None));
        assert_eq!(classes.find("Them"), Some(2));
        assert_eq!(classes.spellings(false).continuing("U", b""), [0]);
    }

    #[test]
    fn classes_that_are_empty_padded_or_double_are_refused() {
        for names in [&["a", ""][..], &["a", " b"], &["a", "b", "a"]] {
            assert!(Classes::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).is_err());
        }
    }

    #[test]
    fn class_that_begins_another_is_found() {
        assert_eq!(classes(&["good", "bad", "Goods"]).prefix(), Some(("good", "Goods")));
        assert_eq!(classes(&["very good", "very bad", "good"]).prefix(), None);
    }

    #[test]
    fn beginnings_leave_the_classes_that_go_on_so() {
        let spellings = classes(&["very good", "very bad", "ja", "日本", "日中"]).spellings(false);
        assert_eq!(spellings.continuing("Ve", b""), [0, 1]);
        assert_eq!(spellings.continuing("very g", b""), [0]);
        assert_eq!(spellings.continuing("ja.", b""), [2]);
        let bytes = "日中".as_bytes();
        assert_eq!(spellings.continuing("", &bytes[..2]), [3, 4]);
        assert_eq!(spellings.continuing("日", &bytes[3..4]), [4]);
        assert_eq!(classes(&["a \"b\"", "a c"]).spellings(true).continuing("a \\", b""), [0]);
    }
}
