use alambic_data::vqa_answers::normalise;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::prediction::{Prediction, PredictionKind};

/// Mean score of the answers given, by how many people gave each (VQA v2). Answers are compared in the form that the evaluation
/// of VQA gives them, those of models and those of people alike. It is the accuracy where each question has one right answer,
/// and then no default.
pub(super) static METRIC: Metric = Metric {
    name: "vqa-accuracy",
    summary: "mean score of the answers given, by how many people gave each (VQA v2)",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Scores],
    suits: always,
    is_default: |task| task.is_graded,
    contributions,
    value: Value::OfSums(ratio),
};

fn contributions(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    pairs.iter().map(|pair| Contribution::of_mean(score(pair))).collect()
}

/// The score of an answer; of several forms of it that which more people gave, and 0 of one that nobody gave.
fn score(pair: &ScoredPair<'_>) -> f64 {
    let (Some(answer), Prediction::Scores(known)) = (pair.prediction.class(), &*pair.reference) else {
        return 0.0;
    };
    let answer = normalise(answer);
    let given = known.iter().filter(|(known, _)| normalise(known) == answer);
    given.map(|(_, score)| *score).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::classes;
    use super::super::{Prediction, score_all};

    fn value(answers: &[&str], references: &[&[(&str, f32)]]) -> Option<f64> {
        let references: Vec<Prediction> =
            references.iter().map(|known| Prediction::scores(known.iter().copied())).collect();
        score_all(&["vqa-accuracy"], &classes(answers), &references, 1).unwrap()[0].value()
    }

    #[test]
    fn answers_count_by_their_scores() {
        let references: [&[(&str, f32)]; 4] =
            [&[("light blue", 1.0), ("blue", 0.3)], &[("yes", 0.6)], &[], &[("2", 0.9)]];
        assert_eq!(value(&["blue", "yes", "yes", "3"], &references), Some((0.3 + 0.6) / 4.0));
    }

    #[test]
    fn answers_of_models_and_people_are_compared_in_one_form() {
        let references: [&[(&str, f32)]; 3] =
            [&[("Two.", 1.0)], &[("dog", 0.6), ("a dog", 0.3)], &[("2", 0.9)]];
        assert!((value(&["2", "the dog", "two"], &references).unwrap() - 2.5 / 3.0).abs() < 1e-12);
    }
}
