//! Tags of words, and what they say of spans.

use std::collections::BTreeSet;

/// The tag of a word in no span.
pub const OUTSIDE: &str = "O";

/// Turns tags that say nothing of where a span begins into those that do: words of one tag that follow one another become `B-TAG` and
/// `I-TAG`.
pub(crate) fn mark_runs(tags: &mut [String]) {
    let mut before = OUTSIDE.to_owned();
    for tag in tags {
        let prefix = if *tag == before { "I" } else { "B" };
        let marked = if tag == OUTSIDE { OUTSIDE.to_owned() } else { format!("{prefix}-{tag}") };
        before = std::mem::replace(tag, marked);
    }
}

/// The same with ends: words of one tag that follow one another become `B-KIND`, `I-KIND` and `E-KIND`, and one by itself
/// `S-KIND`.
pub(crate) fn mark_runs_with_ends(tags: &mut [String]) {
    let is_run = |one: Option<&String>, other: &String| one == Some(other);
    let marked: Vec<String> = (0..tags.len())
        .map(|place| {
            let tag = &tags[place];
            if tag == OUTSIDE {
                return OUTSIDE.to_owned();
            }
            let before = place.checked_sub(1).and_then(|before| tags.get(before));
            let prefix = match (is_run(before, tag), is_run(tags.get(place + 1), tag)) {
                (false, true) => "B",
                (true, true) => "I",
                (true, false) => "E",
                (false, false) => "S",
            };
            format!("{prefix}-{}", run_kind(tag))
        })
        .collect();
    tags.clone_from_slice(&marked);
}

/// The kind of the spans of a tag: what is behind the `T-` that targets of opinions have before their sentiment, or the tag itself.
fn run_kind(tag: &str) -> &str {
    tag.strip_prefix("T-").filter(|kind| !kind.is_empty()).unwrap_or(tag)
}

/// Kinds of spans that come first, in the order of the published code of CL-XABSA.
const FIRST_KINDS: [&str; 3] = ["POS", "NEG", "NEU"];

/// The classes of tags with ends: `O`, and then beginning, inner word, end and single word of each kind, POS, NEG and NEU before
/// others and these by name. A kind of which one of the four is there has all of them.
pub(crate) fn classes_with_ends<'t>(tags: impl Iterator<Item = &'t String>) -> Vec<String> {
    let rank = |kind: &str| FIRST_KINDS.iter().position(|first| *first == kind).unwrap_or(FIRST_KINDS.len());
    let kinds: BTreeSet<(usize, &str)> =
        tags.filter_map(|tag| tag.split_once('-')).map(|(_, kind)| (rank(kind), kind)).collect();
    let own =
        kinds.into_iter().flat_map(|(_, kind)| ["B", "I", "E", "S"].map(|prefix| format!("{prefix}-{kind}")));
    std::iter::once(OUTSIDE.to_owned()).chain(own).collect()
}

/// What each class of tagged words is within a span, by which the tag of a word that becomes several is put on all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagParts {
    classes: Vec<Part>,
}

/// What a class is within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// In no span.
    Outside,
    /// The first of several words, the last, or the only one, with the classes of the kind's first, inner and last words, where
    /// there are such.
    Edge { begins: bool, ends: bool, first: Option<u32>, inner: Option<u32>, last: Option<u32> },
    /// What every word of several has: an inner word of a span, or a tag that says nothing of places.
    Any,
}

/// Prefixes of tags of the first word of a span, of inner words, of the last one, and of the only one.
const PREFIXES: [&[&str]; 4] = [&["B"], &["I", "M"], &["E", "L"], &["S", "U", "W"]];

impl TagParts {
    /// The parts of classes, by their names.
    #[must_use]
    pub fn new(classes: &[String]) -> Self {
        let place = |name: String| classes.iter().position(|class| *class == name).map(|place| place as u32);
        let part = |class: &String| {
            if class == OUTSIDE {
                return Part::Outside;
            }
            let Some((prefix, kind)) = class.split_once('-') else { return Part::Any };
            let [begin, _, end, single] = PREFIXES.map(|prefixes| prefixes.contains(&prefix));
            if !(begin || end || single) {
                return Part::Any;
            }
            let of = |prefixes: &[&str]| prefixes.iter().find_map(|prefix| place(format!("{prefix}-{kind}")));
            Part::Edge {
                begins: begin || single,
                ends: end || single,
                first: of(PREFIXES[0]),
                inner: of(PREFIXES[1]),
                last: of(PREFIXES[2]),
            }
        };
        Self { classes: classes.iter().map(part).collect() }
    }

    /// Whether a class is that of words within spans.
    #[must_use]
    pub fn is_in_span(&self, class: u32) -> bool {
        self.classes.get(class as usize).is_some_and(|part| *part != Part::Outside)
    }

    /// The classes of so many words in the place of one: the beginning of a span on the first, its end on the last. None where
    /// there is no class for one of them.
    #[must_use]
    pub fn spread(&self, class: u32, words: usize) -> Option<Vec<u32>> {
        let part = self.classes.get(class as usize)?;
        let (true, Part::Edge { begins, ends, first, inner, last }) = (words > 1, part) else {
            return Some(vec![class; words]);
        };
        let of = |place: usize| match (place == 0 && *begins, place + 1 == words && *ends) {
            (true, _) => *first,
            (_, true) => *last,
            _ => *inner,
        };
        (0..words).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_tag_have_ends_and_those_of_two_are_two() {
        let marked = |tags: &str| {
            let mut tags: Vec<String> = tags.split(' ').map(str::to_owned).collect();
            mark_runs_with_ends(&mut tags);
            tags.join(" ")
        };
        assert_eq!(marked("T-POS T-NEG O T-NEU T-NEU"), "S-POS S-NEG O B-NEU E-NEU");
        assert_eq!(marked("LOC LOC LOC LOC"), "B-LOC I-LOC I-LOC E-LOC");
        assert_eq!(marked("T- T-POS T-POS O"), "S-T- B-POS E-POS O");
        let all = ["S-ORG", "O", "E-NEU", "B-NEG", "S-LOC", "I-POS"].map(str::to_owned);
        let classes = classes_with_ends(all.iter());
        assert_eq!(classes.len(), 21);
        assert_eq!(classes[..6].join(" "), "O B-POS I-POS E-POS S-POS B-NEG");
        assert_eq!(
            [classes[9].as_str(), classes[13].as_str(), classes[17].as_str()],
            ["B-NEU", "B-LOC", "B-ORG"]
        );
        assert_eq!(classes_with_ends([].iter()), [OUTSIDE]);
    }

    fn spread(classes: &[&str], class: &str, words: usize) -> Option<Vec<String>> {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let place = classes.iter().position(|own| own == class).unwrap() as u32;
        let spread = TagParts::new(&classes).spread(place, words)?;
        Some(spread.into_iter().map(|class| classes[class as usize].clone()).collect())
    }

    #[test]
    fn beginning_and_end_move_to_the_first_and_the_last_word() {
        let all = ["O", "B-A", "I-A", "E-A", "S-A"];
        let of = |class, words| spread(&all, class, words).unwrap().join(" ");
        assert_eq!(of("S-A", 3), "B-A I-A E-A");
        assert_eq!(of("S-A", 2), "B-A E-A");
        assert_eq!(of("B-A", 2), "B-A I-A");
        assert_eq!(of("I-A", 2), "I-A I-A");
        assert_eq!(of("E-A", 3), "I-A I-A E-A");
        assert_eq!(of("O", 2), "O O");
        for class in all {
            assert_eq!(of(class, 1), class);
        }
    }

    #[test]
    fn schemes_without_ends_have_inner_words() {
        let of = |class, words| spread(&["B-A", "I-A", "O"], class, words).unwrap().join(" ");
        assert_eq!((of("B-A", 3), of("I-A", 2)), ("B-A I-A I-A".into(), "I-A I-A".into()));
        assert_eq!(spread(&["NOUN", "VERB"], "NOUN", 2).unwrap(), ["NOUN", "NOUN"]);
        assert_eq!(spread(&["U-A", "B-A", "I-A", "L-A"], "U-A", 2).unwrap(), ["B-A", "L-A"]);
    }

    #[test]
    fn a_tag_without_the_classes_of_several_words_stays_on_one() {
        assert_eq!(spread(&["O", "S-A"], "S-A", 2), None);
        assert_eq!(spread(&["O", "S-A", "B-A", "E-A"], "S-A", 3), None);
        assert_eq!(spread(&["O", "S-A", "B-A", "E-A"], "S-A", 2).unwrap(), ["B-A", "E-A"]);
        assert_eq!(spread(&["O", "B-A"], "B-A", 2), None);
    }
}
