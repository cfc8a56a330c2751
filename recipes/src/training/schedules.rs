//! Weights and other options of loss terms that change over the steps of a stage.

use alambic_losses::{ScheduledValue, Term};
use alambic_settings::IndexMap;

/// Everything of a stage's terms that is scheduled, by loss and key as in a recipe: `logits.temperature`, and where a stage has
/// several terms of one loss `hidden[1].weight`.
pub(crate) fn schedules(terms: &[Term]) -> IndexMap<String, ScheduledValue> {
    let mut schedules = IndexMap::new();
    for (index, term) in terms.iter().enumerate() {
        let is_same = |other: &&Term| other.name == term.name;
        let name = match terms.iter().filter(is_same).count() {
            1 => term.name.to_owned(),
            _ => format!("{}[{}]", term.name, terms[..index].iter().filter(is_same).count()),
        };
        schedules.extend(term.schedules().map(|(key, value)| (format!("{name}.{key}"), value)));
    }
    schedules
}

/// Whether a loss has a term whose weight at some progress is less than it is elsewhere in the stage, so that its share in the
/// gradient tells nothing of the whole.
pub(crate) fn is_below_max(terms: &[Term], name: &str, progress: f64) -> bool {
    terms.iter().any(|term| term.name == name && term.weight.at(progress) < term.weight.max())
}

#[cfg(test)]
mod tests {
    use alambic_losses::recorded::parse;
    use alambic_models::Outline;
    use alambic_settings::AddedKinds;

    use super::*;

    fn term(name: &str, option: &str) -> Term {
        let outline = Outline { classes: 2, ..Outline::default() };
        let loss = parse(name, &[option.to_owned()], &AddedKinds::default()).unwrap().unwrap();
        loss.inner().bind(&outline, Some(&outline)).unwrap()
    }

    #[test]
    fn schedules_are_named_by_loss_and_key() {
        let terms = [
            term("logits", "weight={ linear = { start = 0, end = 1 } }"),
            term("cross-entropy", "weight=0.5"),
            term("logits", "temperature={ cosine = { start = 8, end = 1 } }"),
            term("word-level", "temperature={ linear = { start = 2, end = 1 } }"),
        ];
        let schedules = schedules(&terms);
        let names: Vec<&str> = schedules.keys().map(String::as_str).collect();
        assert_eq!(names, ["logits[0].weight", "logits[1].temperature", "word-level.temperature"]);
        assert_eq!(schedules["logits[1].temperature"].to_string(), "8 → 1 (cosine)");
    }

    #[test]
    fn weight_is_below_its_largest_but_at_that_end() {
        let terms = [
            term("logits", "weight={ linear = { start = 0, end = 1 } }"),
            term("cross-entropy", "weight={ linear = { start = 1, end = 0.5 } }"),
            term("word-level", "weight=0.5"),
        ];
        let below = |name: &str| [0.0, 0.5, 1.0].map(|progress| is_below_max(&terms, name, progress));
        assert_eq!(below("logits"), [true, true, false]);
        assert_eq!(below("cross-entropy"), [false, true, true]);
        assert_eq!(below("word-level"), [false; 3]);
    }
}
