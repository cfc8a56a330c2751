//! Classes of texts, as tables write them.
//!
//! One class has one name, however it is written: a whole number with a point behind it (`1.0`, as pandas writes a column with
//! a gap) is that number, and truth values are one in every spelling. Digits with a zero or a plus before them are codes and
//! stay as they are.

use std::borrow::Cow;

/// The names of the classes among labels, in their order: that of numbers if all are, and else of the alphabet.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    /// Their names.
    pub(super) names: Vec<String>,
    reading: Reading,
    are_given: bool,
}

/// What the labels of a corpus are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reading {
    #[default]
    Names,
    Numbers,
    /// Truth values, by the spelling in which they are named.
    Truths(Spelling),
}

/// How truth values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    /// `True`, as Python.
    Title,
    /// `true`, as JSON.
    Small,
    /// `TRUE`, as spreadsheets.
    Capitals,
}

/// What a label is among the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The class of this index.
    Known(usize),
    /// Nothing is known of the text.
    Unlabelled,
    /// None of the classes.
    Unknown,
}

impl Classes {
    /// The classes that labels name.
    pub(super) fn of(labels: &[&str]) -> Self {
        let reading = Reading::of(labels);
        let mut names: Vec<String> = labels.iter().map(|label| reading.named(label).into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        if let Some(numbers) = numbers {
            let mut ordered: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
            ordered.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            names = ordered.into_iter().map(|(_, name)| name).collect();
        }
        // Published test parts and the class labels of data sets say by -1 that there is no label.
        let ids = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        if reading == Reading::Numbers
            && names.iter().skip(1).all(ids)
            && names.first().is_some_and(|name| name == UNLABELLED)
        {
            names.remove(0);
        }
        Self { names, reading, are_given: false }
    }

    /// Classes that the recipe names, in the order of their ids.
    pub(super) fn given(names: &[String], labels: &[&str]) -> Self {
        Self { names: names.to_vec(), reading: Reading::of(labels), are_given: true }
    }

    /// The class of a label. Where the recipe names classes by words, a number is an id.
    pub(super) fn find(&self, label: &str) -> Class {
        let at = |name: &str| self.names.iter().position(|class| class == name);
        if let Some(index) = at(label).or_else(|| at(&self.reading.named(label))) {
            return Class::Known(index);
        }
        let plain = number(label);
        if plain.as_deref() == Some(UNLABELLED) {
            return Class::Unlabelled;
        }
        if !self.are_given {
            return Class::Unknown;
        }
        if let Some(truth) = truth(label) {
            let same = self.names.iter().position(|class| self::truth(class) == Some(truth));
            return same.map_or(Class::Unknown, Class::Known);
        }
        let by_number = plain.as_deref().and_then(|plain| {
            self.names.iter().position(|class| number(class).as_deref() == Some(plain)).or_else(|| {
                // Names that are numbers themselves leave open what a number means.
                let are_words = !self.names.iter().any(|class| class.parse::<f64>().is_ok());
                plain.parse().ok().filter(|id| are_words && *id < self.names.len())
            })
        });
        by_number.map_or(Class::Unknown, Class::Known)
    }
}

/// How published data say that the label of a text is not told.
const UNLABELLED: &str = "-1";

impl Reading {
    fn of(labels: &[&str]) -> Self {
        if labels.is_empty() {
            Self::Names
        } else if labels.iter().all(|label| number(label).is_some()) {
            Self::Numbers
        } else {
            let spellings: Option<Vec<Spelling>> =
                labels.iter().map(|label| truth(label).map(|_| spelling(label))).collect();
            spellings.and_then(|all| all.into_iter().min()).map_or(Self::Names, Self::Truths)
        }
    }

    /// The name of the class of a label.
    fn named(self, label: &str) -> Cow<'_, str> {
        match self {
            Self::Names => Cow::Borrowed(label),
            Self::Numbers => number(label).unwrap_or(Cow::Borrowed(label)),
            Self::Truths(spelling) => match (truth(label), spelling) {
                (Some(true), Spelling::Title) => "True".into(),
                (Some(false), Spelling::Title) => "False".into(),
                (Some(true), Spelling::Small) => "true".into(),
                (Some(false), Spelling::Small) => "false".into(),
                (Some(true), Spelling::Capitals) => "TRUE".into(),
                (Some(false), Spelling::Capitals) => "FALSE".into(),
                (None, _) => Cow::Borrowed(label),
            },
        }
    }
}

/// A number in its shortest form, if a label is one as programs write it: without zeros behind the point, and the point only
/// where something stands behind it.
fn number(label: &str) -> Option<Cow<'_, str>> {
    let digits = label.strip_prefix('-').unwrap_or(label);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = whole.is_empty() || (whole.len() > 1 && whole.starts_with('0'));
    if is_code || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let shortest = if fraction.is_empty() {
        label.split_once('.').map_or(label, |(whole, _)| whole)
    } else {
        label.trim_end_matches('0')
    };
    Some(if shortest == "-0" { "0".into() } else { Cow::Borrowed(shortest) })
}

fn truth(label: &str) -> Option<bool> {
    match label {
        "True" | "true" | "TRUE" => Some(true),
        "False" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

fn spelling(truth: &str) -> Spelling {
    match truth.as_bytes() {
        [b'a'..=b'z', ..] => Spelling::Small,
        [_, b'a'..=b'z', ..] => Spelling::Title,
        _ => Spelling::Capitals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(labels: &[&str]) -> Vec<String> {
        Classes::of(labels).names
    }

    #[test]
    fn classes_of_one_number_or_truth_are_one() {
        assert_eq!(names(&["1", "0.0", "10", "1.00", "-0.0", "0.50"]), ["0", "0.5", "1", "10"]);
        assert_eq!(names(&["true", "False", "True"]), ["False", "True"]);
        assert_eq!(names(&["true", "false"]), ["false", "true"]);
        assert_eq!(names(&["TRUE", "false"]), ["false", "true"]);
    }

    #[test]
    fn codes_and_names_stay_as_they_are() {
        assert_eq!(names(&["10", "01", "02"]), ["01", "02", "10"]);
        assert_eq!(names(&["+1", "-1", "1"]), ["-1", "+1", "1"]);
        assert_eq!(names(&["1.0", "v2"]), ["1.0", "v2"]);
        assert_eq!(names(&["true", "maybe"]), ["maybe", "true"]);
        assert_eq!(names(&["1e3", "1.0"]), ["1.0", "1e3"]);
    }

    #[test]
    fn minus_one_beside_ids_is_no_class() {
        for labels in [&["0", "1", "-1"][..], &["-1.0", "1.0"], &["-1"]] {
            let classes = Classes::of(labels);
            assert!(!classes.names.iter().any(|name| name == "-1"), "{labels:?}");
            assert_eq!(classes.find("-1"), Class::Unlabelled);
        }
        assert_eq!(names(&["-1", "-2", "0"]), ["-2", "-1", "0"]);
        let given = Classes::given(&["-1".into(), "0".into(), "1".into()], &["-1", "1.0"]);
        assert_eq!((given.find("-1"), given.find("1.0")), (Class::Known(0), Class::Known(2)));
    }

    #[test]
    fn numbers_are_ids_of_classes_that_words_name() {
        let named = Classes::given(&["no".into(), "yes".into()], &["0", "1.0", "yes"]);
        assert_eq!([named.find("0"), named.find("1.0"), named.find("yes")], [0, 1, 1].map(Class::Known));
        assert_eq!((named.find("2"), named.find("01")), (Class::Unknown, Class::Unknown));
        assert_eq!(named.find("-1"), Class::Unlabelled);
        let numbers = Classes::given(&["1".into(), "2".into()], &["0", "1"]);
        assert_eq!((numbers.find("0"), numbers.find("1.0")), (Class::Unknown, Class::Known(0)));
        let truths = Classes::given(&["False".into(), "True".into()], &["true"]);
        assert_eq!(truths.find("true"), Class::Known(1));
    }
}
