use indexmap::IndexMap;

use crate::outcome::{BASELINE, STUDENT, TEACHER, UPPER_BOUND};

/// Colours and marks of series by their name, so that a method looks the same in every figure of a page. A name may have more
/// in brackets: `student (distil)` looks as `student` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Styles(IndexMap<String, usize>);

impl Styles {
    /// Styles of all series of some figures, by their names. Teacher, student, baseline and upper bound have the same in all
    /// pages; the others follow in the order in which they first occur.
    pub(crate) fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut styles: IndexMap<String, usize> =
            [TEACHER, STUDENT, BASELINE, UPPER_BOUND].into_iter().map(str::to_owned).zip(0..).collect();
        for name in names {
            let next = styles.len();
            styles.entry(method(name).to_owned()).or_insert(next);
        }
        Self(styles)
    }

    /// The number of a series' colour and mark.
    pub(super) fn number(&self, name: &str) -> usize {
        self.0.get(method(name)).copied().unwrap_or_default()
    }
}

/// Whether a name is that of a baseline with which the student is not compared. It is worse than the one with which it is:
/// figures leave it out, in which it would push all others together.
pub(crate) fn is_other_baseline(name: &str) -> bool {
    name.strip_prefix(BASELINE).is_some_and(|rest| rest.starts_with('-'))
}

/// A name without what stands in brackets after it.
pub(super) fn method(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(method, _)| method)
}

#[cfg(test)]
mod tests {
    use super::Styles;

    #[test]
    fn series_has_one_style_whatever_is_drawn_before_it() {
        let (first, second) = (Styles::of(["run a", "student"]), Styles::of(["student", "teacher", "run a"]));
        for name in ["teacher", "student", "baseline", "run a"] {
            assert_eq!(first.number(name), second.number(name), "{name}");
        }
        assert_ne!(first.number("run a"), first.number("student"));
        assert_eq!(first.number("student (distil)"), first.number("student"));
    }
}
