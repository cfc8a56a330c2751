use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The mean score of the answers given, by how many people gave each. Answers are compared in the form that the evaluation of
/// VQA gives them, those of models and those of people alike.
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
        let answer = alambic_data::vqa_answers::normalised(&pair.hypothesis);
        let known = pair.reference.lines().filter_map(|line| line.split_once(' '));
        let found = known.filter(|(_, known)| alambic_data::vqa_answers::normalised(known) == answer);
        // Of several forms of one answer that which more people gave.
        found.filter_map(|(score, _)| score.parse::<f64>().ok()).fold(0.0, f64::max)
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

    #[test]
    fn answers_of_models_and_people_are_compared_in_one_form() {
        let references =
            [scored([("Two.", 1.0)]), scored([("dog", 0.6), ("a dog", 0.3)]), scored([("2", 0.9)])];
        let scores = score_all(&["vqa-accuracy"], &["2", "the dog", "two"], &references, 1).unwrap();
        assert!((scores["vqa-accuracy"].value().unwrap() - 2.5 / 3.0).abs() < 1e-6);
    }
}
