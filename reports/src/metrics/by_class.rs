//! Counts of right and wrong predictions class by class.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::f1::f1;
use super::prediction::Prediction;
use super::tag_scheme::TagScheme;

/// How often a model is right about one class, or about one kind of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClassCounts {
    /// How often the class is right.
    pub support: u64,
    /// How often it is predicted.
    pub predicted: u64,
    /// How often both.
    pub correct: u64,
}

impl ClassCounts {
    /// Share of its predictions that are right; none without a prediction.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        (self.predicted > 0).then(|| self.correct as f64 / self.predicted as f64)
    }

    /// Share of the examples of the class for which it is predicted; none without an example.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.support > 0).then(|| self.correct as f64 / self.support as f64)
    }

    /// Harmonic mean of precision and recall; none of a class that does not occur.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let (correct, predicted, support) = (self.correct as f64, self.predicted as f64, self.support as f64);
        f1(correct, predicted - correct, support - correct)
    }
}

/// How often each class is predicted in the place of each: right class to predicted class to count.
pub type Confusion = IndexMap<String, IndexMap<String, u64>>;

/// Right and wrong predictions class by class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ByClass {
    /// Each class; of tagged words each kind of spans, where the tags mark spans.
    pub classes: IndexMap<String, ClassCounts>,
    /// The confusion matrix; of tagged words that of the words, without the place in their span.
    pub confusion: Confusion,
}

impl ByClass {
    /// Counts the predictions for some examples. `known` has the classes or tags in their order; those of examples follow.
    /// None where predictions are neither classes nor tags, or an example has several right classes.
    #[must_use]
    pub fn of(predictions: &[Prediction], references: &[Prediction], known: &[String]) -> Option<Self> {
        let mut own = Self::default();
        let scheme = TagScheme::of(known).ok().filter(|_| known.iter().any(|tag| TagScheme::is_of_span(tag)));
        for class in known {
            let class = if scheme.is_some() { kind(class) } else { class };
            own.confusion.entry(class.to_owned()).or_default();
            if scheme.is_none() || class != OUTSIDE {
                own.classes.entry(class.to_owned()).or_default();
            }
        }
        let mut counted = false;
        for (prediction, reference) in predictions.iter().zip(references) {
            match (prediction, reference) {
                (Prediction::Class(predicted), Prediction::Class(right)) => {
                    own.add(right, predicted);
                    own.confuse(right, predicted);
                }
                (Prediction::Tags(predicted), Prediction::Tags(right)) => {
                    for (right, predicted) in right.iter().zip(predicted) {
                        if scheme.is_some() {
                            own.confuse(kind(right), kind(predicted));
                        } else {
                            own.add(right, predicted);
                            own.confuse(right, predicted);
                        }
                    }
                    if let Some(scheme) = scheme {
                        own.add_spans(scheme, right, predicted);
                    }
                }
                (_, Prediction::Nothing) => continue,
                _ => return None,
            }
            counted = true;
        }
        counted.then_some(own)
    }

    fn add(&mut self, right: &str, predicted: &str) {
        self.classes.entry(right.to_owned()).or_default().support += 1;
        self.classes.entry(predicted.to_owned()).or_default().predicted += 1;
        if right == predicted {
            self.classes.entry(right.to_owned()).or_default().correct += 1;
        }
    }

    fn confuse(&mut self, right: &str, predicted: &str) {
        *self.confusion.entry(right.to_owned()).or_default().entry(predicted.to_owned()).or_default() += 1;
    }

    fn add_spans(&mut self, scheme: TagScheme, right: &[String], predicted: &[String]) {
        let there = scheme.spans(right.iter().map(String::as_str));
        let found = scheme.spans(predicted.iter().map(String::as_str));
        for (kind, ..) in &there {
            self.classes.entry((*kind).to_owned()).or_default().support += 1;
        }
        for span in &found {
            let counts = self.classes.entry(span.0.to_owned()).or_default();
            counts.predicted += 1;
            counts.correct += u64::from(there.contains(span));
        }
    }
}

/// The tag of words that are in no span.
const OUTSIDE: &str = "O";

/// The kind of a span out of a tag such as `B-LOC`.
fn kind(tag: &str) -> &str {
    if TagScheme::is_of_span(tag) { tag.split_once('-').map_or(tag, |(_, kind)| kind) } else { tag }
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::{classes, tags, texts};
    use super::{ByClass, ClassCounts};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Values of scikit-learn 1.9, `precision_recall_fscore_support` and `confusion_matrix`.
    #[test]
    fn classes_are_counted_as_scikit_learn_does() {
        let (predicted, right) = (classes(&["a", "b", "b", "a", "a"]), classes(&["a", "b", "c", "b", "a"]));
        let by_class = ByClass::of(&predicted, &right, &names(&["a", "b", "c", "d"])).unwrap();
        let of = |class: &str| {
            let counts = by_class.classes[class];
            (counts.support, counts.precision(), counts.recall(), counts.f1())
        };
        assert_eq!(of("a"), (2, Some(2.0 / 3.0), Some(1.0), Some(0.8)));
        assert_eq!(of("b"), (2, Some(0.5), Some(0.5), Some(0.5)));
        assert_eq!(of("c"), (1, None, Some(0.0), Some(0.0)));
        assert_eq!(of("d"), (0, None, None, None));
        assert_eq!(by_class.confusion["b"], [("b".to_owned(), 1), ("a".to_owned(), 1)].into());
    }

    #[test]
    fn spans_count_by_kind_and_words_in_the_confusion() {
        let right = tags(&["B-LOC I-LOC O B-PER", "O O"]);
        let predicted = tags(&["B-LOC O O B-PER", "O B-PER"]);
        let known = names(&["O", "B-LOC", "I-LOC", "B-PER"]);
        let by_class = ByClass::of(&predicted, &right, &known).unwrap();
        assert_eq!(by_class.classes.keys().collect::<Vec<_>>(), ["LOC", "PER"]);
        assert_eq!(by_class.classes["LOC"], ClassCounts { support: 1, predicted: 1, correct: 0 });
        assert_eq!(by_class.classes["PER"], ClassCounts { support: 1, predicted: 2, correct: 1 });
        assert_eq!(by_class.confusion["LOC"], [("LOC".to_owned(), 1), ("O".to_owned(), 1)].into());
        assert_eq!(by_class.confusion["O"], [("O".to_owned(), 2), ("PER".to_owned(), 1)].into());
    }

    #[test]
    fn tags_that_mark_no_spans_are_classes() {
        let by_class =
            ByClass::of(&tags(&["NOUN VERB"]), &tags(&["NOUN NOUN"]), &names(&["NOUN", "VERB"])).unwrap();
        assert_eq!(by_class.classes["NOUN"], ClassCounts { support: 2, predicted: 1, correct: 1 });
    }

    #[test]
    fn other_predictions_have_no_classes() {
        assert_eq!(ByClass::of(&texts(&["a"]), &texts(&["a"]), &[]), None);
        assert_eq!(ByClass::of(&[], &[], &names(&["a"])), None);
    }
}
