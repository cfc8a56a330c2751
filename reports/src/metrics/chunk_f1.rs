use std::collections::HashSet;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never,
};
use super::prediction::PredictionKind;

/// F1 of chunks of tags of any kind, as XTREME scores parts of speech and names (seqeval before 1.0). The first letter of a tag is
/// its place in a chunk, what stands behind its last hyphen its type, so that a tag without a hyphen is both: a run of one part of
/// speech is a chunk, but `S…` and `B…` always begin one, and behind `E…` and `S…` one ends (PRON PRON is one chunk, SYM SYM are
/// two). `O…` is no chunk, and neither is what begins with a full stop. A chunk counts if its type and both of its ends are right. It
/// is 0 where there is no chunk at all.
///
/// seqeval from 1.0 on takes the first letter off such tags and so takes SCONJ for CCONJ: it gives other values.
pub(super) static METRIC: Metric = Metric {
    name: "chunk-f1",
    summary: "F1 of runs of equal tags, or of spans that tags mark (XTREME)",
    undefined: "no sentence",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Tags],
    references: &[PredictionKind::Tags],
    suits: always,
    is_default: never,
    contributions,
    value: Value::OfSums(value),
};

/// Sums: chunks found and right, chunks found, chunks there are. Sentences are separated by an `O`, so that each counts by itself.
fn contributions(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let own = |(index, pair): (usize, &ScoredPair<'_>)| {
        let found = chunks(pair.prediction.tags(), index == 0);
        let there = chunks(pair.reference.tags(), index == 0);
        let counts = [found.intersection(&there).count(), found.len(), there.len(), 1];
        Contribution::of_sums(counts.into_iter().map(|count| count as f64).enumerate())
    };
    pairs.iter().enumerate().map(own).collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[right, found, there, _] = sums else { return None };
    Some(if right > 0.0 { 2.0 * right / (found + there) } else { 0.0 })
}

/// A tag as it is read: its first letter, and its type.
#[derive(Clone, Copy)]
struct Read<'t> {
    place: char,
    kind: &'t str,
}

impl<'t> Read<'t> {
    fn of(tag: &'t str) -> Self {
        Self { place: tag.chars().next().unwrap_or('O'), kind: tag.rsplit('-').next().unwrap_or(tag) }
    }
}

/// Type, first and last word of each chunk. Before the very first word there is a tag without a type, before those of later
/// sentences the `O` that parts them.
fn chunks(tags: &[String], is_first: bool) -> HashSet<(&str, usize, usize)> {
    let mut before = Read { place: 'O', kind: if is_first { "" } else { "O" } };
    let mut begin = 0;
    let mut chunks = HashSet::new();
    let end = std::iter::once(Read { place: 'O', kind: "O" });
    for (index, tag) in tags.iter().map(|tag| Read::of(tag)).chain(end).enumerate() {
        if index > 0 && ends(before, tag) {
            chunks.insert((before.kind, begin, index - 1));
        }
        if begins(before, tag) {
            begin = index;
        }
        before = tag;
    }
    chunks
}

/// Whether a chunk ends between two tags.
fn ends(before: Read<'_>, tag: Read<'_>) -> bool {
    let by_place = match before.place {
        'E' | 'S' => true,
        'B' | 'I' => matches!(tag.place, 'B' | 'S' | 'O'),
        _ => false,
    };
    by_place || (!matches!(before.place, 'O' | '.') && before.kind != tag.kind)
}

/// Whether one begins with the second of two tags.
fn begins(before: Read<'_>, tag: Read<'_>) -> bool {
    let by_place = match tag.place {
        'B' | 'S' => true,
        'E' | 'I' => matches!(before.place, 'E' | 'S' | 'O'),
        _ => false,
    };
    by_place || (!matches!(tag.place, 'O' | '.') && before.kind != tag.kind)
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::tags;
    use super::super::score_all;
    use super::chunks;

    /// Chunks as `PRON 0-1`, in their order.
    fn read(text: &str) -> String {
        let tags: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let mut all: Vec<_> = chunks(&tags, true).into_iter().collect();
        all.sort_by_key(|(_, begin, end)| (*begin, *end));
        let written = all.iter().map(|(kind, begin, end)| format!("{kind} {begin}-{end}"));
        written.collect::<Vec<_>>().join(", ")
    }

    /// Chunks of seqeval 0.0.12, `get_entities`.
    #[test]
    fn chunks_are_those_of_seqeval_before_1() {
        for (tags, expected) in [
            ("PRON PRON NOUN", "PRON 0-1, NOUN 2-2"),
            ("SYM SYM SCONJ CCONJ CCONJ", "SYM 0-0, SYM 1-1, SCONJ 2-2, CCONJ 3-4"),
            ("B-PER I-PER I-LOC O I-LOC", "PER 0-1, LOC 2-2, LOC 4-4"),
            ("B-LOC B-LOC I-LOC", "LOC 0-0, LOC 1-2"),
            ("INTJ ADJ INTJ INTJ", "INTJ 0-0, ADJ 1-1, INTJ 2-3"),
        ] {
            assert_eq!(read(tags), expected, "{tags}");
        }
    }

    #[test]
    fn no_chunk_at_all_is_worth_nothing() {
        let (none, some) = (tags(&["O O"]), tags(&["B-PER O"]));
        let value = |found, there| score_all(&["chunk-f1"], found, there, 1).unwrap()[0].value();
        assert_eq!(
            (value(&none, &none), value(&none, &some), value(&some, &some)),
            (Some(0.0), Some(0.0), Some(1.0))
        );
        assert_eq!(value(&[], &[]), None);
    }
}
