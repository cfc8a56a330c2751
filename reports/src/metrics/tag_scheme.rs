//! Schemes by which the tags of words say where spans begin and end.

use alambic_files::text::quoted;

/// The tag of words that are in no span.
const OUTSIDE: &str = "O";

/// How tags of the form `B-LOC` mark spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagScheme {
    /// `B` and `I`, or `I` and `E`, or `I` alone: IOB1, IOB2, IOE1, IOE2 and IO. They are read as `conlleval` reads them, one
    /// reading for all: an `I` after a tag of another kind begins a span as well.
    Inside,
    /// `B`, `I`, `E` at the end, `S` for a span by itself. What does not begin with `B` and end with `E` is no span.
    Iobes,
    /// The same with `L` and `U` in place of `E` and `S`.
    Bilou,
}

/// Kind, first and last word of a span.
pub(super) type Span<'t> = (&'t str, usize, usize);

impl TagScheme {
    /// The scheme of a set of tags.
    ///
    /// # Errors
    /// A tag that belongs to none that is known, or to another one than the tags before it.
    pub fn of<T: AsRef<str>>(tags: &[T]) -> Result<Self, String> {
        let mut scheme = Self::Inside;
        // Letters that only one of several schemes has, with the tag that shows them.
        let mut begins: Option<&str> = None;
        let mut ends: Option<&str> = None;
        let mut other: Option<&str> = None;
        for tag in tags.iter().map(AsRef::as_ref) {
            match prefix(tag) {
                ("O", "") | ("I", _) => {}
                ("B", _) => begins = begins.or(Some(tag)),
                ("E", _) => ends = ends.or(Some(tag)),
                ("S", _) => (scheme, ends) = (Self::Iobes, ends.or(Some(tag))),
                ("L" | "U", _) => other = other.or(Some(tag)),
                _ => {
                    return Err(format!(
                        "the tag `{}` is of no scheme that is known (IOB, IOE, IOBES, BILOU)",
                        quoted(tag)
                    ));
                }
            }
        }
        match (begins, ends, other) {
            (_, Some(one), Some(other)) => Err(format!(
                "the tags `{}` and `{}` are of two schemes, IOBES and BILOU",
                quoted(one),
                quoted(other)
            )),
            (_, None, Some(_)) => Ok(Self::Bilou),
            (Some(_), Some(_), None) => Ok(Self::Iobes),
            (None, _, None) | (Some(_), None, None) => Ok(scheme),
        }
    }

    /// Whether a tag is meant to say that a word is in a span, and where in it: one letter, a hyphen and a kind.
    #[must_use]
    pub fn is_of_span(tag: &str) -> bool {
        tag.split_once('-').is_some_and(|(place, kind)| {
            place.len() == 1 && place.chars().all(|letter| letter.is_ascii_uppercase()) && !kind.is_empty()
        })
    }

    /// The spans that the tags of a text mark.
    pub(super) fn spans<'t>(self, tags: impl Iterator<Item = &'t str>) -> Vec<Span<'t>> {
        match self {
            Self::Inside => lenient(tags),
            Self::Iobes => strict(tags, "E", "S"),
            Self::Bilou => strict(tags, "L", "U"),
        }
    }
}

/// Where in a span a word is, and the kind of the span, which may have no name.
fn prefix(tag: &str) -> (&str, &str) {
    tag.split_once('-').unwrap_or((tag, ""))
}

/// Spans as `conlleval` has them.
fn lenient<'t>(tags: impl Iterator<Item = &'t str>) -> Vec<Span<'t>> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    let mut open = false;
    for (index, tag) in tags.enumerate() {
        let (prefix, kind) = prefix(tag);
        match (prefix, spans.last_mut()) {
            (OUTSIDE, _) => open = false,
            ("I" | "E", Some((before, _, end))) if open && *before == kind => {
                *end = index;
                open = prefix == "I";
            }
            _ => {
                spans.push((kind, index, index));
                open = prefix != "E";
            }
        }
    }
    spans
}

/// Spans from a `B` over any number of `I` to an end, all of one kind, and spans of one word.
fn strict<'t>(tags: impl Iterator<Item = &'t str>, end: &str, single: &str) -> Vec<Span<'t>> {
    let mut spans = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for (index, tag) in tags.enumerate() {
        let (prefix, kind) = prefix(tag);
        let begun = open.filter(|(before, _)| *before == kind);
        open = None;
        if prefix == single {
            spans.push((kind, index, index));
        } else if prefix == "B" {
            open = Some((kind, index));
        } else if prefix == "I" {
            open = begun;
        } else if prefix == end
            && let Some((kind, first)) = begun
        {
            spans.push((kind, first, index));
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(scheme: TagScheme, tags: &'static str) -> Vec<Span<'static>> {
        scheme.spans(tags.split(' '))
    }

    #[test]
    fn spans_of_inside_tags_begin_where_the_kind_changes() {
        let spans = |tags| spans(TagScheme::Inside, tags);
        assert_eq!(spans("O B-LOC I-LOC O"), [("LOC", 1, 2)]);
        assert_eq!(
            spans("I-LOC I-PER B-PER O I-PER"),
            [("LOC", 0, 0), ("PER", 1, 1), ("PER", 2, 2), ("PER", 4, 4)]
        );
        assert_eq!(spans("O O"), []);
        assert_eq!(spans("I-A E-A I-A E-A E-A"), [("A", 0, 1), ("A", 2, 3), ("A", 4, 4)]);
    }

    /// Spans of seqeval 1.2.2, `Tokens(tags, IOBES).entities` and the same of `BILOU`.
    #[test]
    fn spans_that_do_not_end_are_none_as_in_seqeval() {
        let cases: [(&str, &str, &[Span<'_>]); 6] = [
            ("B-A I-A E-A S-B O", "B-A I-A L-A U-B O", &[("A", 0, 2), ("B", 3, 3)]),
            ("B-A I-A O", "B-A I-A O", &[]),
            ("I-A E-A E-A", "I-A L-A L-A", &[]),
            ("B-A E-B S-B", "B-A L-B U-B", &[("B", 2, 2)]),
            ("B-A B-A E-A", "B-A B-A L-A", &[("A", 1, 2)]),
            ("B-A E-A E-A I-A E-A", "B-A L-A L-A I-A L-A", &[("A", 0, 1)]),
        ];
        for (iobes, bilou, expected) in cases {
            assert_eq!(spans(TagScheme::Iobes, iobes), expected, "{iobes}");
            assert_eq!(spans(TagScheme::Bilou, bilou), expected, "{bilou}");
        }
    }

    #[test]
    fn scheme_is_recognised_by_its_letters() {
        let of = |tags: &str| TagScheme::of(&tags.split(' ').collect::<Vec<_>>());
        for tags in ["B-A I-A O", "I-A O", "B-A O", "I-A E-A O", "E-A O", "B I O", "O"] {
            assert_eq!(of(tags), Ok(TagScheme::Inside), "{tags}");
        }
        for tags in ["B-A I-A E-A S-A O", "B-A E-A O", "S-A O"] {
            assert_eq!(of(tags), Ok(TagScheme::Iobes), "{tags}");
        }
        for tags in ["B-A I-A L-A U-A O", "U-A O", "B-A L-A"] {
            assert_eq!(of(tags), Ok(TagScheme::Bilou), "{tags}");
        }
        for tags in ["B-A M-A E-A S-A O", "B-A I-A E-A U-A O", "NOUN VERB", "A-B A-I O", "B-A X O", "b-a O"] {
            assert!(of(tags).is_err(), "{tags}");
        }
    }

    #[test]
    fn tags_of_words_in_spans_are_a_letter_and_a_kind() {
        assert!(TagScheme::is_of_span("B-LOC") && TagScheme::is_of_span("M-LOC"));
        assert!(
            ["O", "NOUN", "B", "B-", "NN-PL", "-LOC", "é-LOC"].iter().all(|tag| !TagScheme::is_of_span(tag))
        );
    }
}
