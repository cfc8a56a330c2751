//! Passages out of a small grammar, with questions about them.

use std::sync::Arc;

use alambic_settings::settings;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use crate::content::Content;
use crate::error::DataError;
use crate::passages::{AnswerSpan, PassageQuestion, PassagesBuilder};
use crate::source::Extent;
use crate::stable_hash::bytes;

settings! {
    /// Made-up passages in English about people, each with a question whose answer is a span of the passage, or which it
    /// does not answer: for trying a recipe without data. Scores here do not carry over to real texts.
    pub struct MadeUpPassages {
        /// Number of passages.
        #[range(1..=1_000_000)]
        pub size: usize = 2000,
        /// Share of the questions that the passage does not answer.
        #[range(0.0..=1.0)]
        pub unanswerable: f64 = 0.25,
        /// Another number gives other passages.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-passages";

const NAMES: [&str; 20] = [
    "Anna", "Ravi", "Mina", "Tomas", "Leila", "Oskar", "Priya", "Jonas", "Elena", "Kiran", "Marta", "Hugo",
    "Asha", "Pavel", "Nadia", "Bruno", "Ingrid", "Omar", "Sofia", "Wei",
];

const PLACES: [&str; 14] = [
    "Goa",
    "Pune",
    "Oslo",
    "Lima",
    "Old Delhi",
    "Kyoto",
    "Quito",
    "New York",
    "Cape Town",
    "Hanoi",
    "Bergen",
    "Sofia",
    "Port Louis",
    "Tartu",
];

const THINGS: [&str; 14] = [
    "lamps",
    "green tea",
    "wooden chairs",
    "bread",
    "old maps",
    "silk scarves",
    "bicycles",
    "honey",
    "clay pots",
    "books",
    "fresh fish",
    "brass bells",
    "glass beads",
    "umbrellas",
];

const JOBS: [&str; 12] = [
    "a nurse",
    "a school teacher",
    "an engineer",
    "a baker",
    "a bus driver",
    "a pilot",
    "a farmer",
    "a dentist",
    "a weaver",
    "an actor",
    "a judge",
    "a tailor",
];

/// A relation between a person and what is said of them: the words of the statement between the two, and the words of the
/// question before and behind the name.
struct Relation {
    statement: &'static str,
    question: [&'static str; 2],
    values: &'static [&'static str],
}

const RELATIONS: [Relation; 4] = [
    Relation { statement: "lives in", question: ["Where does", "live?"], values: &PLACES },
    Relation { statement: "sells", question: ["What does", "sell?"], values: &THINGS },
    Relation { statement: "works as", question: ["What is the job of", "?"], values: &JOBS },
    Relation { statement: "was born in", question: ["Where was", "born?"], values: &PLACES },
];

/// Statements of a passage; one relation is left out of each.
const STATEMENTS: usize = RELATIONS.len() - 1;

impl ReadCorpus for MadeUpPassages {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = PassagesBuilder::default();
        let described = format!("{NAME} {} {} {}", self.size, self.unanswerable, self.seed);
        builder.add_source(NAME, blake3::hash(described.as_bytes()).to_hex().to_string());
        for index in 0..self.size {
            builder.push(question(index, self.unanswerable, &mut random));
        }
        Ok(builder.build(extent)?.into())
    }
}

/// A passage with a question about it.
fn question(index: usize, unanswerable: f64, random: &mut ChaCha8Rng) -> PassageQuestion {
    let mut order: Vec<usize> = (0..RELATIONS.len()).collect();
    order.shuffle(random);
    let mut names: Vec<&str> = NAMES.to_vec();
    names.shuffle(random);
    let mut passage = String::new();
    let mut spans = Vec::new();
    for (&relation, name) in order[..STATEMENTS].iter().zip(&names) {
        let Relation { statement, values, .. } = &RELATIONS[relation];
        let value = values.choose(random).copied().unwrap_or_default();
        if !passage.is_empty() {
            passage.push(' ');
        }
        passage.extend([name, " ", statement, " "]);
        spans.push(AnswerSpan { text: value.to_owned(), start: passage.len() });
        passage.extend([value, "."]);
    }
    let is_answered = !random.random_bool(unanswerable);
    let asked = if is_answered { random.random_range(0..STATEMENTS) } else { STATEMENTS };
    let [before, behind] = RELATIONS[order[asked]].question;
    let blank = if behind == "?" { "" } else { " " };
    PassageQuestion {
        id: index.to_string(),
        question: format!("{before} {}{blank}{behind}", names[asked]),
        passage: Arc::from(passage),
        answers: spans.into_iter().nth(asked).into_iter().collect(),
        is_labelled: true,
        language: Some("en".into()),
        split: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_their_passages_and_passages_are_the_same_each_time() {
        let corpus = MadeUpPassages { size: 200, unanswerable: 0.25, seed: 3 };
        let read = || match corpus.read(Extent::Whole).unwrap() {
            Content::Passages(dataset) => dataset,
            other => panic!("{other:?}"),
        };
        let dataset = read();
        assert_eq!(dataset, read());
        let questions = &dataset.splits.train;
        for PassageQuestion { passage, answers, .. } in questions {
            for AnswerSpan { text, start } in answers {
                assert!(passage[*start..].starts_with(text), "{passage}");
            }
        }
        let unanswered = questions.iter().filter(|question| question.answers.is_empty()).count();
        assert!((30..70).contains(&unanswered), "{unanswered}");
    }
}
