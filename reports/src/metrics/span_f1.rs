use super::f1::f1;
use super::{Against, Contribution, Direction, Metric, Pair, Value};

/// F1 of spans, for token classification: outputs and references are the tags of an example, parted by spaces, in the
/// form `B-LOC I-LOC O`. A span counts if its kind, its beginning and its end are right. As in `conlleval`, an `I`
/// after a tag of another kind begins a span, so that IOB1 is read as IOB2 is; `E` ends a span as the last of several
/// tokens, and `S` is one by itself.
pub(super) static METRIC: Metric = Metric {
    name: "span-f1",
    summary: "F1 of spans of tagged tokens, kind and both ends right",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(value),
};

/// Sums: spans found and right, spans found, spans there are.
fn contributions(pairs: &[Pair<'_>], _seed: u64) -> Vec<Contribution> {
    pairs
        .iter()
        .map(|pair| {
            let (found, there) = (spans(&pair.hypothesis), spans(&pair.reference));
            let right = found.iter().filter(|span| there.contains(span)).count();
            let counts = [right, found.len(), there.len()];
            Contribution::of_sums(counts.into_iter().map(|count| count as f64).enumerate())
        })
        .collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[right, found, there] = sums else { return None };
    f1(right, found - right, there - right)
}

/// Kind, first and last token of each span.
fn spans(tags: &str) -> Vec<(&str, usize, usize)> {
    let mut spans: Vec<(&str, usize, usize)> = Vec::new();
    let mut open = false;
    for (index, tag) in tags.split_whitespace().enumerate() {
        let (prefix, kind) = tag.split_once('-').unwrap_or((tag, ""));
        match (prefix, spans.last_mut()) {
            ("O", _) => open = false,
            ("I" | "E", Some((before, _, end))) if open && *before == kind => {
                *end = index;
                open = prefix == "I";
            }
            _ => {
                spans.push((kind, index, index));
                open = !["E", "S"].contains(&prefix);
            }
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_where_the_kind_changes() {
        assert_eq!(spans("O B-LOC I-LOC O"), [("LOC", 1, 2)]);
        assert_eq!(
            spans("I-LOC I-PER B-PER O I-PER"),
            [("LOC", 0, 0), ("PER", 1, 1), ("PER", 2, 2), ("PER", 4, 4)]
        );
        assert_eq!(spans("O O"), []);
        assert_eq!(spans("B-A E-A I-A S-A I-A"), [("A", 0, 1), ("A", 2, 2), ("A", 3, 3), ("A", 4, 4)]);
    }
}
