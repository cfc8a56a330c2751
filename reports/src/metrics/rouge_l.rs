use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, never, ratio};
use super::prediction::PredictionKind;
use super::writing::{REFERENCES, caption_tokens, of_written};

/// ROUGE-L (Lin, 2004), as the published evaluation of COCO captions computes it (`pycocoevalcap` 1.2): with the longest common
/// subsequence of tokens, its length over that of the output is `P`, over that of the reference `R`, each the maximum over the
/// references; `(1 + β²) P R / (R + β² P)`, β = 1.2, a mean over examples. Of two empty texts it is 1.
pub(super) static METRIC: Metric = Metric {
    name: "rouge-l",
    summary: "ROUGE-L: F of the longest common subsequence of tokens, mean over examples (COCO)",
    undefined: "no example with a reference",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        of_written(pairs, |output, references| {
            let output = tokens(output);
            let of_reference = |reference: &&str| {
                let reference = tokens(reference);
                let common = common_length(&output, &reference) as f64;
                (common / output.len() as f64, common / reference.len() as f64)
            };
            let best = |best: (f64, f64), own: (f64, f64)| (best.0.max(own.0), best.1.max(own.1));
            let (precision, recall) = references.iter().map(of_reference).fold((0.0, 0.0), best);
            Contribution::of_mean(f(precision, recall))
        })
    },
    value: Value::OfSums(ratio),
};

const BETA: f64 = 1.2;

/// The tokens of a caption; of an empty one one empty token, as Python's `split(" ")` gives.
fn tokens(caption: &str) -> Vec<String> {
    let tokens = caption_tokens(caption);
    if tokens.is_empty() { vec![String::new()] } else { tokens }
}

fn f(precision: f64, recall: f64) -> f64 {
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

/// The length of the longest common subsequence.
fn common_length(one: &[String], other: &[String]) -> usize {
    let mut lengths = vec![0; other.len() + 1];
    for token in one {
        let mut diagonal = 0;
        for (place, own) in other.iter().enumerate() {
            let above = lengths[place + 1];
            lengths[place + 1] = if token == own { diagonal + 1 } else { above.max(lengths[place]) };
            diagonal = above;
        }
    }
    lengths.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::common_length;

    #[test]
    fn longest_common_subsequence_keeps_the_order() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(common_length(&words("a b c d"), &words("b x d a")), 2);
        assert_eq!(common_length(&words("a"), &[]), 0);
    }
}
