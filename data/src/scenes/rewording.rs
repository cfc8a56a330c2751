//! Captions of scenes in other words, and with one thing of them changed.

use super::caption_parser::{ParsedCaption, language_of};
use super::colour::Colour;
use super::languages::{ObjectName, SceneLanguage, Side, Statement};
use super::shape::Shape;

/// Colours and shapes that captions name: what an object may be changed to without that a word alone tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScenePalette {
    colours: Vec<Colour>,
    shapes: Vec<Shape>,
}

impl ScenePalette {
    /// Those of some captions.
    pub(crate) fn of<'t>(captions: impl Iterator<Item = &'t str>) -> Self {
        let mut palette = Self::default();
        for (_, statement) in captions.filter_map(read_statement) {
            for (colour, shape) in statement.objects() {
                if !palette.colours.contains(&colour) {
                    palette.colours.push(colour);
                }
                if !palette.shapes.contains(&shape) {
                    palette.shapes.push(shape);
                }
            }
        }
        palette
    }
}

/// The statement that a caption makes, with its language; none of a text that is no generated caption.
fn read_statement(caption: &str) -> Option<(SceneLanguage, Statement)> {
    let mut sentences = ParsedCaption::parse(caption).sentences;
    let sentence = sentences.pop().filter(|_| sentences.is_empty())?;
    let both = |name: ObjectName| match name {
        ObjectName::Both(colour, shape) => Some((colour, shape)),
        ObjectName::Colour(_) | ObjectName::Shape(_) => None,
    };
    let names: Vec<(Colour, Shape)> = sentence.names.into_iter().map(both).collect::<Option<_>>()?;
    let statement = match (sentence.relations.as_slice(), names.as_slice()) {
        ([], _) => Statement::There(names),
        ([relation], &[one, other]) => Statement::Place { one, side: relation.side, other },
        _ => return None,
    };
    let language = language_of(caption);
    // What says more than was parsed is not changed.
    (language.say(&statement) == caption.trim()).then_some((language, statement))
}

/// The same statement about other objects.
fn with_objects(statement: &Statement, objects: &[(Colour, Shape)]) -> Statement {
    match (statement, objects) {
        (Statement::Place { side, .. }, &[one, other]) => Statement::Place { one, side: *side, other },
        _ => Statement::There(objects.to_vec()),
    }
}

/// A caption in all other words that say the same, in the same language: the objects in another order, or one seen from the other.
/// None of a text that is no generated caption, or can be said in one way only.
pub(crate) fn rewordings(caption: &str) -> Vec<String> {
    let Some((language, statement)) = read_statement(caption) else { return Vec::new() };
    let others: Vec<Statement> = match &statement {
        Statement::Place { one, side, other } => {
            vec![Statement::Place { one: *other, side: side.opposite(), other: *one }]
        }
        Statement::There(things) => (0..things.len())
            .flat_map(|first| {
                let rotated = [&things[first..], &things[..first]].concat();
                let reversed = rotated.iter().rev().copied().collect();
                [Statement::There(rotated), Statement::There(reversed)]
            })
            .collect(),
    };
    distinct(caption, others.iter().map(|own| language.say(own)))
}

/// A caption with one object, attribute or relation changed to another of its kind. None of a text that is no generated caption.
pub(crate) fn word_changes(caption: &str, palette: &ScenePalette) -> Vec<String> {
    let Some((language, statement)) = read_statement(caption) else { return Vec::new() };
    let own = statement.objects();
    let mut changed = Vec::new();
    for (place, &(colour, shape)) in own.iter().enumerate() {
        let others = palette.colours.iter().filter(|other| **other != colour).map(|other| (*other, shape));
        let shapes = palette.shapes.iter().filter(|other| **other != shape).map(|other| (colour, *other));
        changed.extend(others.chain(shapes).map(|other| replaced(&statement, &own, place, other)));
    }
    if let Statement::Place { one, side, other } = statement {
        let sides = Side::ALL.into_iter().filter(|own| *own != side);
        changed.extend(sides.map(|side| Statement::Place { one, side, other }));
    }
    distinct(caption, changed.iter().map(|own| language.say(own)))
}

/// A caption with one object changed to another that is like it in nothing. None of a text that is no generated caption.
pub(crate) fn phrase_changes(caption: &str, palette: &ScenePalette) -> Vec<String> {
    let Some((language, statement)) = read_statement(caption) else { return Vec::new() };
    let own = statement.objects();
    let mut changed = Vec::new();
    for (place, &(colour, shape)) in own.iter().enumerate() {
        for &other in palette.colours.iter().filter(|other| **other != colour) {
            let shapes = palette.shapes.iter().filter(|own| **own != shape);
            changed.extend(shapes.map(|shape| replaced(&statement, &own, place, (other, *shape))));
        }
    }
    distinct(caption, changed.iter().map(|own| language.say(own)))
}

fn replaced(
    statement: &Statement,
    objects: &[(Colour, Shape)],
    place: usize,
    other: (Colour, Shape),
) -> Statement {
    let mut objects = objects.to_vec();
    objects[place] = other;
    with_objects(statement, &objects)
}

/// Texts other than a caption, each once.
fn distinct(caption: &str, texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        if text != caption.trim() && !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::contents::SceneContents;
    use super::*;

    const PLACE: &str = "a red circle is left of a blue square.";
    const THERE: &str = "there is a red circle, a blue square and a green star.";

    #[test]
    fn other_words_say_the_same() {
        assert_eq!(rewordings(PLACE), ["a blue square is right of a red circle."]);
        let there = rewordings(THERE);
        assert_eq!(there.len(), 5);
        assert!(there.contains(&"there is a green star, a blue square and a red circle.".to_owned()));
        let scene = SceneContents {
            objects: vec![
                (Colour::Red, Shape::Circle, [0.1, 0.5]),
                (Colour::Blue, Shape::Square, [0.9, 0.5]),
                (Colour::Green, Shape::Star, [0.5, 0.5]),
            ],
        };
        let mut all = there.into_iter().chain(rewordings(PLACE));
        assert!(all.all(|text| scene.is_described_by(&text)));
        assert_eq!(rewordings("赤い円は青い正方形の左にあります。"), ["青い正方形は赤い円の右にあります。"]);
        // One thing alone is said in one way.
        assert!(rewordings("there is a red circle.").is_empty());
        assert!(rewordings("a fox in the snow").is_empty() && rewordings("").is_empty());
        assert!(rewordings("a red circle is left of a blue square, and happy.").is_empty());
    }

    #[test]
    fn one_thing_is_changed_to_another_of_its_kind() {
        let palette = ScenePalette::of([PLACE, THERE, "no caption"].into_iter());
        assert_eq!((palette.colours.len(), palette.shapes.len()), (3, 3));
        let words = word_changes(PLACE, &palette);
        // Two objects with two other colours and two other shapes each, and three other sides.
        assert_eq!(words.len(), 11);
        assert!(words.contains(&"a red circle is above a blue square.".to_owned()));
        assert!(words.contains(&"a green circle is left of a blue square.".to_owned()));
        let phrases = phrase_changes(PLACE, &palette);
        assert_eq!(phrases.len(), 8);
        assert!(phrases.contains(&"a green star is left of a blue square.".to_owned()));
        assert!(phrases.iter().all(|text| !words.contains(text)));
        assert!(word_changes("a fox", &palette).is_empty() && phrase_changes("a fox", &palette).is_empty());
    }
}
