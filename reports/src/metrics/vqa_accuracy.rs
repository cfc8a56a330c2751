use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The mean score of the answers given, by how many people gave each.
pub(super) static METRIC: Metric = Metric {
    name: "vqa-accuracy",
    summary: "mean score of the answers given, by how many people gave each (VQA v2)",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(ratio),
};

/// The reference of an example whose right answers have scores in 0 to 1: a line for each, its score and the answer. An
/// answer that is not among them has none.
#[must_use]
pub fn scored<'a>(answers: impl IntoIterator<Item = (&'a str, f32)>) -> String {
    let lines: Vec<String> = answers.into_iter().map(|(answer, score)| format!("{score} {answer}")).collect();
    lines.join("\n")
}

fn contributions(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    let score = |pair: &Pair<'_>| {
        let known = pair.reference.lines().filter_map(|line| line.split_once(' '));
        let found = known.into_iter().find(|(_, answer)| *answer == pair.hypothesis);
        found.and_then(|(score, _)| score.parse::<f64>().ok()).unwrap_or(0.0)
    };
    pairs.iter().map(|pair| Contribution::of_one(score(pair))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::score_all;

    #[test]
    fn answers_count_by_their_scores() {
        let references = [
            scored([("light blue", 1.0), ("blue", 0.3)]),
            scored([("yes", 0.6)]),
            scored([]),
            scored([("2", 0.9)]),
        ];
        let scores = score_all(&["vqa-accuracy"], &["blue", "yes", "yes", "3"], &references, 1).unwrap();
        assert!((scores["vqa-accuracy"].value().unwrap() - 0.9 / 4.0).abs() < 1e-6);
    }
}
