//! Questions about boxes of shapes.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::contents::{Contents, Named, count};
use crate::shape_boxes::{BoxColour, BoxShape, ShapeBoxes};

/// The largest number that is an answer.
const LARGEST: usize = 9;

/// How often a question is drawn until it has an answer and is none of those before.
const DRAWS: usize = 40;

/// The answers to questions: numbers, colours, shapes.
pub(crate) fn question_answers() -> Vec<String> {
    let numbers = (0..=LARGEST).map(|number| number.to_string());
    let colours = BoxColour::ALL.into_iter().map(|colour| colour.word().to_owned());
    let shapes = BoxShape::ALL.into_iter().map(|shape| shape.name().to_owned());
    numbers.chain(colours).chain(shapes).collect()
}

/// Questions about many boxes, their kinds in turn.
#[derive(Debug, Default)]
pub(crate) struct BoxQuestions {
    asked: usize,
}

impl BoxQuestions {
    /// Questions about boxes, no two alike, as many as asked for or as can be made, each with its answer and its kind.
    pub(crate) fn about(
        &mut self,
        boxes: &ShapeBoxes,
        wanted: usize,
        random: &mut ChaCha8Rng,
    ) -> Vec<(String, u32, &'static str)> {
        let contents = Contents::of(boxes);
        let mut all: Vec<(String, u32, &'static str)> = Vec::new();
        for _ in 0..wanted {
            let kind = self.asked;
            self.asked += 1;
            let made = (0..DRAWS).find_map(|draw| {
                // A kind that finds nothing to ask leaves its place to the next.
                let (text, answer, name) = ask((kind + draw) % KINDS, &contents, random)?;
                all.iter().all(|(other, ..)| *other != text).then_some((text, answer, name))
            });
            all.extend(made);
        }
        all
    }
}

/// Number of kinds of questions.
const KINDS: usize = 4;

/// A question of a kind by lot, if it has an answer.
fn ask(kind: usize, contents: &Contents<'_>, random: &mut ChaCha8Rng) -> Option<(String, u32, &'static str)> {
    let blocks = contents.are_towers;
    let colour = *BoxColour::ALL.choose(random)?;
    let shape = *BoxShape::ALL.choose(random)?;
    let named = match random.random_range(0..3) {
        _ if blocks => Named { colour: Some(colour), shape: None },
        0 => Named { colour: Some(colour), shape: None },
        1 => Named { colour: None, shape: Some(shape) },
        _ => Named { colour: Some(colour), shape: Some(shape) },
    };
    let place = if blocks { "towers" } else { "boxes" };
    let number = |count: usize| (count <= LARGEST).then_some(count as u32);
    let colours = LARGEST as u32 + 1;
    Some(match kind {
        0 => (
            format!("how many {} are there", named.words(2, blocks)),
            number(contents.count(named))?,
            "count",
        ),
        1 => {
            let words = named.words(1, blocks);
            let with = contents.boxes.iter().filter(|own| count(own, named) > 0).count();
            (format!("how many {place} have a {words}"), number(with)?, "boxes")
        }
        2 => {
            let of = |colour| contents.count(Named { colour: Some(colour), shape: None });
            let best = commonest(BoxColour::ALL.map(of))?;
            ("what is the most common colour".to_owned(), colours + best, "colour")
        }
        _ if blocks => {
            let most = contents.boxes.iter().map(Vec::len).max()?;
            ("how many blocks does the highest tower have".to_owned(), number(most)?, "height")
        }
        _ => {
            let of = |shape| contents.count(Named { colour: None, shape: Some(shape) });
            let best = commonest(BoxShape::ALL.map(of))?;
            (
                "what is the most common shape".to_owned(),
                colours + BoxColour::ALL.len() as u32 + best,
                "shape",
            )
        }
    })
}

/// The place of the largest number, if no other is as large.
fn commonest(counts: [usize; 3]) -> Option<u32> {
    let most = *counts.iter().max()?;
    let mut places = (0u32..).zip(counts).filter(|(_, count)| *count == most);
    let first = places.next()?;
    places.next().is_none().then_some(first.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::invent;
    use super::*;

    #[test]
    fn answers_follow_from_what_is_in_the_boxes() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let (answers, mut questions, mut kinds) = (question_answers(), BoxQuestions::default(), Vec::new());
        for _ in 0..200 {
            let boxes = invent(&mut random);
            for (text, answer, kind) in questions.about(&boxes, 4, &mut random) {
                let answer = answers[answer as usize].as_str();
                kinds.push(kind);
                let shapes = boxes.shapes();
                if let Some(words) =
                    text.strip_prefix("how many ").and_then(|rest| rest.strip_suffix(" are there"))
                {
                    let tags: Vec<String> = boxes.objects().into_iter().map(|object| object.tag).collect();
                    let is = |tag: &&String| {
                        let mut wanted = words.trim_end_matches('s').split(' ');
                        wanted.all(|word| ["block", "item"].contains(&word) || tag.contains(word))
                    };
                    assert_eq!(tags.iter().filter(is).count().to_string(), answer, "{text}");
                } else if text.ends_with("common colour") {
                    let of = |word: &str| shapes.iter().filter(|own| own.colour.word() == word).count();
                    assert!(
                        ["yellow", "black", "blue"]
                            .iter()
                            .all(|other| *other == answer || of(other) < of(answer))
                    );
                }
            }
        }
        for kind in ["count", "boxes", "colour", "height", "shape"] {
            assert!(kinds.iter().filter(|own| **own == kind).count() > 20, "{kind}");
        }
    }

    #[test]
    fn the_commonest_is_the_only_one_of_its_number() {
        assert_eq!((commonest([1, 3, 2]), commonest([3, 3, 1]), commonest([0, 0, 0])), (Some(1), None, None));
    }
}
