//! Statements about boxes of shapes, of which half of each family are true.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::contents::{Contents, Named, colours, count};
use super::family::StatementFamily;
use crate::shape_boxes::{BoxColour, BoxShape, BoxedShape, ShapeBoxes};

/// How often a statement is drawn until it is as true as it has to be.
const DRAWS: usize = 40;

/// Numbers in words as far as statements have them.
const NUMBERS: [&str; 9] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"];

/// Statements about many boxes.
#[derive(Debug)]
pub(crate) struct BoxStatements {
    /// False and true ones of each family so far.
    counts: Vec<(StatementFamily, [usize; 2])>,
}

impl BoxStatements {
    /// Statements of these families.
    pub(crate) fn new(families: &[StatementFamily]) -> Self {
        Self { counts: families.iter().map(|family| (*family, [0, 0])).collect() }
    }

    /// Statements about boxes, no two alike, as many as asked for or as can be made, each with 1 where it is true and its family. Of
    /// the families the rarest so far comes first, and of true and false ones of a family the rarer.
    pub(crate) fn about(
        &mut self,
        boxes: &ShapeBoxes,
        wanted: usize,
        random: &mut ChaCha8Rng,
    ) -> Vec<(String, u32, &'static str)> {
        let contents = Contents::of(boxes);
        let mut all: Vec<(String, u32, &'static str)> = Vec::new();
        for _ in 0..wanted {
            let can_be = |index: &usize| {
                let towers = self.counts[*index].0.is_of_towers();
                towers.is_none_or(|towers| towers == contents.are_towers)
            };
            let mut order: Vec<usize> = (0..self.counts.len()).filter(can_be).collect();
            order.sort_by_key(|index| self.counts[*index].1.iter().sum::<usize>());
            let made = order.into_iter().find_map(|index| {
                let (family, [wrong, right]) = self.counts[index];
                let holds = right <= wrong;
                let drawn = (0..DRAWS).find_map(|_| {
                    let (text, own) = draw(family, &contents, random);
                    (own == holds && all.iter().all(|(other, ..)| *other != text)).then_some(text)
                });
                drawn.map(|text| (index, text, holds))
            });
            let Some((index, text, holds)) = made else { break };
            let (family, counts) = &mut self.counts[index];
            counts[usize::from(holds)] += 1;
            all.push((text, u32::from(holds), family.name()));
        }
        all
    }
}

fn colour(random: &mut ChaCha8Rng) -> BoxColour {
    BoxColour::ALL.choose(random).copied().unwrap_or(BoxColour::Yellow)
}

/// A name for shapes by lot: of towers by the colour, of others by colour, form or both; or all.
fn named(contents: &Contents<'_>, random: &mut ChaCha8Rng) -> Named {
    let shape = BoxShape::ALL.choose(random).copied().unwrap_or(BoxShape::Square);
    let colour = Some(colour(random));
    match random.random_range(0..4) {
        0 => Named { colour: None, shape: None },
        _ if contents.are_towers => Named { colour, shape: None },
        1 => Named { colour, shape: None },
        2 => Named { colour: None, shape: Some(shape) },
        _ => Named { colour, shape: Some(shape) },
    }
}

/// The article of a noun.
fn article(words: &str) -> &'static str {
    if words.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn number(count: usize) -> String {
    NUMBERS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// The number of a statement near a true one, at least 1.
fn near(count: usize, random: &mut ChaCha8Rng) -> usize {
    (count + random.random_range(0..5)).saturating_sub(2).max(1)
}

/// A statement by lot, and whether it holds.
fn draw(family: StatementFamily, contents: &Contents<'_>, random: &mut ChaCha8Rng) -> (String, bool) {
    let blocks = contents.are_towers;
    let own = named(contents, random);
    let tint = colour(random);
    let of = |colour: BoxColour| Named { colour: Some(colour), shape: None };
    let total = contents.count(own);
    let place = if blocks { "tower" } else { "box" };
    let any = |is: &dyn Fn(&[&BoxedShape]) -> bool| contents.boxes.iter().any(|boxed| is(boxed));
    match family {
        StatementFamily::Exactly => {
            let told = near(total, random);
            (
                format!("there {} exactly {} {}", verb(told), number(told), own.words(told, blocks)),
                total == told,
            )
        }
        StatementFamily::AtLeast => {
            let told = near(total, random);
            (
                format!("there {} at least {} {}", verb(told), number(told), own.words(told, blocks)),
                total >= told,
            )
        }
        StatementFamily::AtMost => {
            let told = near(total, random);
            (
                format!("there {} at most {} {}", verb(told), number(told), own.words(told, blocks)),
                total <= told,
            )
        }
        StatementFamily::SomeBox => {
            let told = random.random_range(1..=4);
            let text =
                format!("there is a {place} with exactly {} {}", number(told), own.words(told, blocks));
            (text, any(&|boxed| count(boxed, own) == told))
        }
        StatementFamily::EachBox => {
            let own = if own.colour.is_none() && own.shape.is_none() { of(tint) } else { own };
            let words = own.words(1, blocks);
            let text = format!("each {place} has {} {words}", article(&words));
            (text, contents.boxes.iter().all(|boxed| count(boxed, own) > 0))
        }
        StatementFamily::OnlyColour => {
            let text = format!("there is a {place} with only {}", of(tint).words(2, blocks));
            (text, any(&|boxed| !boxed.is_empty() && count(boxed, of(tint)) == boxed.len()))
        }
        StatementFamily::NoneIn => {
            let own = if own.colour.is_none() && own.shape.is_none() { of(tint) } else { own };
            let text = format!("there is a {place} with no {}", own.words(2, blocks));
            (text, any(&|boxed| count(boxed, own) == 0))
        }
        StatementFamily::Colours => {
            let told = random.random_range(1..=3);
            let noun = if told == 1 { "colour" } else { "different colours" };
            let text = format!("there is a {place} with {} of {} {noun}", own_noun(blocks), number(told));
            (text, any(&|boxed| colours(boxed) == told))
        }
        StatementFamily::TowerTop => {
            let text =
                format!("there is a tower with {} {} block at the top", article(tint.word()), tint.word());
            (text, any(&|boxed| boxed.last().is_some_and(|top| top.colour == tint)))
        }
        StatementFamily::TowerBase => {
            let text =
                format!("there is a tower with {} {} block at the base", article(tint.word()), tint.word());
            (text, any(&|boxed| boxed.first().is_some_and(|base| base.colour == tint)))
        }
        StatementFamily::TowerHeight => {
            let told = random.random_range(1..=4);
            let noun = if told == 1 { "block" } else { "blocks" };
            (format!("there is a tower of {} {noun}", number(told)), any(&|boxed| boxed.len() == told))
        }
        StatementFamily::Above => {
            let below = colour(random);
            let text = format!("there is a {} block directly above a {} one", tint.word(), below.word());
            let holds =
                any(&|boxed| boxed.windows(2).any(|pair| pair[0].colour == below && pair[1].colour == tint));
            (text, holds)
        }
        StatementFamily::Wall => {
            let words = own.words(1, blocks);
            let text = format!("there is {} {words} touching the wall", article(&words));
            (text, contents.touches_wall(own))
        }
    }
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn own_noun(blocks: bool) -> &'static str {
    if blocks { "blocks" } else { "items" }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    /// Towers of these colours, the lowest block first.
    fn towers(colours: [&[BoxColour]; 3]) -> ShapeBoxes {
        let block = |place: usize, level: usize, colour: BoxColour| BoxedShape {
            shape: BoxShape::Square,
            colour,
            place,
            left: 40,
            top: 80 - 21 * level,
            size: 20,
        };
        let boxes = colours.iter().enumerate();
        let shapes = boxes.flat_map(|(place, own)| {
            own.iter()
                .enumerate()
                .map(move |(level, colour)| block(place, level, *colour))
                .collect::<Vec<_>>()
        });
        ShapeBoxes::of_shapes(shapes.collect())
    }

    #[test]
    fn statements_hold_by_what_is_in_the_boxes() {
        use BoxColour::{Black, Blue, Yellow};
        use rand::SeedableRng;
        let boxes = towers([&[Blue, Black], &[Blue], &[Blue, Black, Yellow, Yellow]]);
        let contents = Contents::of(&boxes);
        assert!(contents.are_towers);
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut said: IndexMap<String, bool> = IndexMap::new();
        for family in StatementFamily::ALL.into_iter().filter(|own| own.is_of_towers() != Some(false)) {
            for _ in 0..400 {
                let (text, holds) = draw(family, &contents, &mut random);
                assert_eq!(*said.entry(text).or_insert(holds), holds);
            }
        }
        for (text, holds) in [
            ("there are exactly two black blocks", true),
            ("there are exactly three black blocks", false),
            ("there are at least three blue blocks", true),
            ("there are at least four blue blocks", false),
            ("there are at most two yellow blocks", true),
            ("there is at most one yellow block", false),
            ("there is a tower with exactly two yellow blocks", true),
            ("there is a tower with exactly two black blocks", false),
            ("each tower has a blue block", true),
            ("each tower has a black block", false),
            ("there is a tower with only blue blocks", true),
            ("there is a tower with only black blocks", false),
            ("there is a tower with no black blocks", true),
            ("there is a tower with no blue blocks", false),
            ("there is a tower with blocks of three different colours", true),
            ("there is a tower with a yellow block at the top", true),
            ("there is a tower with a yellow block at the base", false),
            ("there is a tower of four blocks", true),
            ("there is a tower of three blocks", false),
            ("there is a black block directly above a blue one", true),
            ("there is a blue block directly above a black one", false),
        ] {
            assert_eq!(said.get(text), Some(&holds), "{text}");
        }
    }
}
