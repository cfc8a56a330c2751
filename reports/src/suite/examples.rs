use alambic_data::benchmarks::{Gold, PieceTag, Predictions, References};
use indexmap::IndexMap;

use super::outcome::LanguageOutcome;
use crate::error::{ReportError, Result};
use crate::metrics::{BOOTSTRAP_SEED, Prediction, ScoredPair, ScoringContext, find};

/// Predictions with their references.
type Examples = Vec<(Prediction, Prediction)>;

/// Examples of a language of a task.
enum TaskExamples {
    /// Of one direction.
    All(Examples),
    /// Captions that find images, and images that find captions; none where a model predicts only the other.
    Directions([Option<Examples>; 2]),
}

/// The value of each metric over one language of a task, with its interval: texts are compared as they are written, as published
/// scripts do. A metric of a direction in which nothing is predicted is left out.
///
/// # Errors
/// [`ReportError::UnknownMetric`]; [`ReportError::Comparison`] where predictions are of another kind than the references.
pub fn score_language(
    metrics: &[&str],
    references: &References,
    predictions: &Predictions,
    language: &str,
) -> Result<IndexMap<String, LanguageOutcome>> {
    let examples = examples(references, predictions).ok_or_else(|| ReportError::Comparison {
        metric: metrics.join(", "),
        reason: format!("{} are not what {} is about", predictions.noun(), references.source),
    })?;
    let context = ScoringContext {
        classes: &references.classes,
        language: Some(language),
        ..ScoringContext::default()
    };
    let mut outcomes = IndexMap::new();
    for &name in metrics {
        let metric = find(name)?;
        let examples = match &examples {
            TaskExamples::All(all) => Some(all),
            TaskExamples::Directions([images, _]) if name.starts_with("image-") => images.as_ref(),
            TaskExamples::Directions([_, captions]) => captions.as_ref(),
        };
        let Some(examples) = examples else { continue };
        let pairs: Vec<ScoredPair<'_>> = examples
            .iter()
            .map(|(prediction, reference)| ScoredPair::as_written(prediction, reference))
            .collect();
        let scores = metric.score(&pairs, context);
        let outcome = LanguageOutcome {
            value: scores.value(),
            interval: scores.interval(BOOTSTRAP_SEED),
            examples: Some(scores.examples()),
        };
        outcomes.insert(name.to_owned(), outcome);
    }
    Ok(outcomes)
}

/// The examples; none where predictions are of another kind than the references.
fn examples(references: &References, predictions: &Predictions) -> Option<TaskExamples> {
    let class = |class: &String| Prediction::Class(class.clone());
    let place = |place: &usize| Prediction::Class(place.to_string());
    Some(TaskExamples::All(match (&references.gold, predictions) {
        (Gold::Classes(gold), Predictions::Classes(found)) => {
            found.iter().map(class).zip(gold.iter().map(class)).collect()
        }
        (Gold::Places(gold), Predictions::Places(found)) => {
            found.iter().map(place).zip(gold.iter().map(place)).collect()
        }
        (Gold::Tags(gold), Predictions::Tags(found)) => {
            let tags = |tags: &Vec<String>| Prediction::Tags(tags.clone());
            found.iter().map(tags).zip(gold.iter().map(tags)).collect()
        }
        (Gold::Tags(gold), Predictions::Pieces(found)) => {
            // Each piece of a word has its word's tag.
            let right = |(pieces, gold): (&Vec<PieceTag>, &Vec<String>)| {
                let found = pieces.iter().map(|piece| piece.tag.clone()).collect();
                let right = pieces.iter().filter_map(|piece| gold.get(piece.word).cloned()).collect();
                (Prediction::Tags(found), Prediction::Tags(right))
            };
            found.iter().zip(gold).map(right).collect()
        }
        (Gold::Answers(gold), Predictions::Answers(found)) => {
            let answer = |id: &String| found.get(id).cloned().map_or(Prediction::Nothing, Prediction::Text);
            gold.iter().map(|(id, right)| (answer(id), Prediction::Texts(right.clone()))).collect()
        }
        (Gold::QuestionAnswers(gold), Predictions::Answers(found)) => {
            let answer = |id: &String| found.get(id).cloned().map_or(Prediction::Nothing, Prediction::Class);
            gold.iter().map(|(id, right)| (answer(id), class(right))).collect()
        }
        (Gold::Pairs(gold), Predictions::Pairs(found)) => {
            let pair = |pair: &[String; 2]| Prediction::Pair(pair.clone());
            let there = |own: &[String; 2]| if gold.contains(own) { pair(own) } else { Prediction::Nothing };
            let missed = gold.iter().filter(|own| !found.contains(*own));
            let found = found.iter().map(|own| (pair(own), there(own)));
            found.chain(missed.map(|own| (Prediction::Nothing, pair(own)))).collect()
        }
        (Gold::Images { of_captions, images: count }, Predictions::Rankings { images, captions }) => {
            let of_images = images.as_ref().map(|found| {
                let right = of_captions.iter().map(|&image| Prediction::Ranking(vec![image]));
                found.iter().map(|places| Prediction::Ranking(places.clone())).zip(right).collect()
            });
            let of_captions = captions.as_ref().map(|found| {
                let mut right: Vec<Vec<usize>> = vec![Vec::new(); *count];
                for (caption, &image) in of_captions.iter().enumerate() {
                    if let Some(own) = right.get_mut(image) {
                        own.push(caption);
                    }
                }
                let right = right.into_iter().map(Prediction::Ranking);
                found.iter().map(|places| Prediction::Ranking(places.clone())).zip(right).collect()
            });
            return Some(TaskExamples::Directions([of_images, of_captions]));
        }
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(gold: Gold) -> References {
        References { source: "labels.tsv".to_owned(), classes: Vec::new(), gold }
    }

    #[test]
    fn images_and_captions_are_scored_by_themselves() {
        // Two captions of the first image, one of the second.
        let gold = references(Gold::Images { of_captions: vec![0, 0, 1], images: 2 });
        let images = Some(vec![vec![0, 1], vec![1, 0], vec![1]]);
        let captions = Some(vec![vec![1, 2], vec![0]]);
        let metrics = ["image-recall-at-1", "caption-recall-at-1"];
        let both = Predictions::Rankings { images: images.clone(), captions };
        let found = score_language(&metrics, &gold, &both, "en").unwrap();
        assert!((found["image-recall-at-1"].value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(found["caption-recall-at-1"].value, Some(0.5), "the best of an image's captions counts");
        assert_eq!(found["caption-recall-at-1"].examples, Some(2));
        let one = Predictions::Rankings { images, captions: None };
        assert_eq!(score_language(&metrics, &gold, &one, "en").unwrap().len(), 1);
    }

    #[test]
    fn word_of_three_pieces_is_three_spans() {
        let all = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<String>>();
        let gold = references(Gold::Tags(vec![all(&["B-PER", "I-PER", "O"])]));
        let pieces = |tags: [&str; 5]| {
            let pieces = [0, 0, 0, 1, 2].into_iter().zip(tags);
            let pieces = pieces.map(|(word, tag)| PieceTag { word, tag: tag.to_owned() });
            Predictions::Pieces(vec![pieces.collect()])
        };
        let value =
            |tags| score_language(&["chunk-f1", "token-accuracy"], &gold, &pieces(tags), "hi").unwrap();
        let right = value(["B-PER", "B-PER", "B-PER", "I-PER", "O"]);
        assert_eq!((right["chunk-f1"].value, right["token-accuracy"].value), (Some(1.0), Some(1.0)));
        // Of the spans B, B and B I the last is found, and I I, which is none of them: 2 · 1 / (2 + 3).
        let joined = value(["I-PER", "I-PER", "B-PER", "I-PER", "O"]);
        assert_eq!(joined["token-accuracy"].value, Some(0.6));
        assert_eq!(joined["chunk-f1"].value, Some(2.0 / 5.0));
    }

    #[test]
    fn pairs_on_either_side_are_examples() {
        let pair = |first: &str, second: &str| [first.to_owned(), second.to_owned()];
        let gold = references(Gold::Pairs([pair("a", "1"), pair("b", "2")].into_iter().collect()));
        let found = Predictions::Pairs([pair("a", "1"), pair("b", "3")].into_iter().collect());
        let own = score_language(&["pair-f1"], &gold, &found, "de").unwrap()["pair-f1"];
        assert_eq!((own.value, own.examples), (Some(0.5), Some(3)));
    }

    #[test]
    fn predictions_of_another_kind_are_refused() {
        let gold = references(Gold::Places(vec![0]));
        let error = score_language(&["accuracy"], &gold, &Predictions::Tags(Vec::new()), "de").unwrap_err();
        assert!(error.to_string().contains("tags are not what labels.tsv is about"), "{error}");
    }
}
