//! Classes of texts, as tables write them.
//!
//! One class has one name, however it is written: a whole number with a point behind it (`1.0`, as pandas writes a column with
//! a gap) is that number, and truth values are one in every spelling, whatever other labels stand beside them. Digits with a
//! zero or a plus before them are codes, and beside codes all digits stay as they are. What pandas writes where a value is
//! missing is no class.

use std::borrow::Cow;

/// The names of the classes among labels, in their order: that of numbers if all are, and else of the alphabet.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    /// Their names.
    pub names: Vec<String>,
    format: LabelFormat,
    are_given: bool,
}

/// Format of the labels of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct LabelFormat {
    digits: Digits,
    /// The spelling in which truth values are named, if there are any.
    truths: Option<Spelling>,
}

/// Meaning of labels of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Digits {
    /// Codes, in which zeros count.
    #[default]
    Codes,
    /// Ids among other labels: one class whether or not `.0` stands behind them.
    Ids,
    /// Numbers, as all labels are.
    Numbers,
}

/// Spelling of truth values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spelling {
    /// `True`, as Python.
    Title,
    /// `true`, as JSON.
    Small,
    /// `TRUE`, as spreadsheets.
    Capitals,
}

/// Class of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The class of this index.
    Known(usize),
    /// Nothing is known of the text.
    Unlabelled,
    /// What programs write where there is no label.
    Missing,
    /// None of the classes.
    Unknown,
}

impl Classes {
    /// The classes that labels name.
    #[must_use]
    pub fn of(labels: &[&str]) -> Self {
        let format = LabelFormat::of(labels);
        let is_class = |label: &&&str| {
            !format.is_missing(label) && (format.digits != Digits::Numbers || number(label).is_some())
        };
        let mut names: Vec<String> =
            labels.iter().filter(is_class).map(|label| format.named(label).into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        if let Some(numbers) = numbers {
            let mut ordered: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
            ordered.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            names = ordered.into_iter().map(|(_, name)| name).collect();
        }
        // Published test splits and the class labels of data sets say by -1 that there is no label.
        let ids = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        if format.digits == Digits::Numbers
            && names.iter().skip(1).all(ids)
            && names.first().is_some_and(|name| name == UNLABELLED)
        {
            names.remove(0);
        }
        Self { names, format, are_given: false }
    }

    /// Classes that the recipe names, in the order of their ids.
    #[must_use]
    pub fn given(names: &[String], labels: &[&str]) -> Self {
        Self { names: names.to_vec(), format: LabelFormat::of(labels), are_given: true }
    }

    /// The class of a label. Where the recipe names classes by words, a number is an id.
    #[must_use]
    pub fn find(&self, label: &str) -> Class {
        let at = |name: &str| self.names.iter().position(|class| class == name);
        if let Some(index) = at(label).or_else(|| at(&self.format.named(label))) {
            return Class::Known(index);
        }
        if self.format.is_missing(label) {
            return Class::Missing;
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

/// Label of unlabelled texts in published data.
const UNLABELLED: &str = "-1";

/// What pandas takes for a missing value in any column, and what it writes for one.
const MISSING: [&str; 17] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "-NaN", "-nan", "N/A", "NA",
    "NULL", "None", "n/a", "null", "NaT", "NAN",
];

/// Those of them that are no word of any language.
const NEVER_A_WORD: [&str; 3] = ["nan", "NaN", "<NA>"];

/// Numbers that count nothing.
const INFINITE: [&str; 6] = ["inf", "Inf", "INF", "infinity", "Infinity", "INFINITY"];

impl LabelFormat {
    fn of(labels: &[&str]) -> Self {
        let truths = labels.iter().filter(|label| truth(label).is_some()).map(|label| spelling(label)).min();
        let are_numbers = |label: &&str| number(label).is_some() || is_missing(label) || is_infinite(label);
        let digits = if labels.iter().any(|label| is_code(label))
            || !labels.iter().any(|label| number(label).is_some())
        {
            Digits::Codes
        } else if labels.iter().all(are_numbers) {
            Digits::Numbers
        } else {
            Digits::Ids
        };
        Self { digits, truths }
    }

    /// Whether a label is none. `None` and `NA` may be classes that are called so, but not among numbers or truth values.
    fn is_missing(self, label: &str) -> bool {
        let has_values = self.digits != Digits::Codes || self.truths.is_some();
        NEVER_A_WORD.contains(&label) || (has_values && is_missing(label))
    }

    /// The name of the class of a label.
    fn named(self, label: &str) -> Cow<'_, str> {
        match (truth(label), self.truths) {
            (Some(true), Some(Spelling::Title)) => return "True".into(),
            (Some(false), Some(Spelling::Title)) => return "False".into(),
            (Some(true), Some(Spelling::Small)) => return "true".into(),
            (Some(false), Some(Spelling::Small)) => return "false".into(),
            (Some(true), Some(Spelling::Capitals)) => return "TRUE".into(),
            (Some(false), Some(Spelling::Capitals)) => return "FALSE".into(),
            _ => {}
        }
        // Beside other labels, a number that is not whole may be a version, whose zeros distinguish it from another.
        let plain = number(label).filter(|plain| match self.digits {
            Digits::Codes => false,
            Digits::Ids => !plain.contains('.'),
            Digits::Numbers => true,
        });
        plain.unwrap_or(Cow::Borrowed(label))
    }
}

fn is_missing(label: &str) -> bool {
    NEVER_A_WORD.contains(&label) || MISSING.contains(&label)
}

fn is_infinite(label: &str) -> bool {
    INFINITE.contains(&label.strip_prefix(['-', '+']).unwrap_or(label))
}

/// Whether a label is of digits that are no number as programs write it.
fn is_code(label: &str) -> bool {
    let digits = label.strip_prefix(['-', '+']).unwrap_or(label);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && number(label).is_none()
}

/// A number in its shortest form, if a label is one as programs write it: without zeros behind the point, and the point only
/// where something stands behind it.
pub(super) fn number(label: &str) -> Option<Cow<'_, str>> {
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
        assert_eq!(names(&["1.0", "1", "0", "other"]), ["0", "1", "other"]);
        assert_eq!(names(&["TRUE", "true", "maybe"]), ["maybe", "true"]);
    }

    #[test]
    fn codes_and_names_stay_as_they_are() {
        assert_eq!(names(&["10", "01", "02"]), ["01", "02", "10"]);
        assert_eq!(names(&["+1", "-1", "1"]), ["-1", "+1", "1"]);
        assert_eq!(names(&["01", "1.0", "1"]), ["01", "1", "1.0"]);
        assert_eq!(names(&["1.10", "1.1", "v2"]), ["1.1", "1.10", "v2"]);
        assert_eq!(names(&["true", "maybe"]), ["maybe", "true"]);
        assert_eq!(names(&["1e3", "1.0"]), ["1", "1e3"]);
    }

    #[test]
    fn missing_or_infinite_value_among_numbers_is_no_class() {
        for odd in ["nan", "NaN", "<NA>", "NA", "None", "null", "N/A"] {
            let classes = Classes::of(&["0", "1.0", "1", odd]);
            assert_eq!(classes.names, ["0", "1"], "{odd}");
            assert_eq!(classes.find(odd), Class::Missing, "{odd}");
        }
        let classes = Classes::of(&["0", "1.0", "1", "-inf"]);
        assert_eq!((classes.names.len(), classes.find("-inf")), (2, Class::Unknown));
        assert_eq!(Classes::of(&["True", "False", "None"]).find("None"), Class::Missing);
        // Between words they may be meant, but for those that are none.
        assert_eq!(names(&["None", "some"]), ["None", "some"]);
        assert_eq!(names(&["good", "nan"]), ["good"]);
        let given = Classes::given(&["nan".into(), "good".into()], &["nan", "good"]);
        assert_eq!(given.find("nan"), Class::Known(0));
        assert_eq!(Classes::given(&["no".into(), "yes".into()], &["0", "NaN"]).find("NaN"), Class::Missing);
    }

    #[test]
    fn minus_one_among_ids_is_no_class() {
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
