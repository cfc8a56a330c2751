//! Parser of captions: the objects and relations that a text in one of the languages of scenes names.
//!
//! It reads the words that the languages write, wherever they stand, since a model may write them in no sentence; what it does not
//! know it leaves out. A colour belongs to the shape right behind it.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::colour::Colour;
use super::languages::{CaptionWord, ObjectName, SceneLanguage, Side};
use crate::parallel::is_significant;

/// What a caption says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedCaption {
    pub(super) sentences: Vec<ParsedSentence>,
}

/// What a sentence of a caption says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ParsedSentence {
    /// The objects that it names, in their order.
    pub(super) names: Vec<ObjectName>,
    /// How they lie to each other.
    pub(super) relations: Vec<Relation>,
    /// Whether it says that nothing is there.
    pub(super) is_of_nothing: bool,
}

/// An object on a side of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) one: ObjectName,
    pub(super) side: Side,
    pub(super) other: ObjectName,
}

/// Words of a language, the longest first.
type Lexicon = Vec<(Vec<char>, CaptionWord)>;

static LEXICONS: LazyLock<Vec<(SceneLanguage, Lexicon)>> = LazyLock::new(|| {
    let of_language = |language: SceneLanguage| {
        let words = language.caption_words().into_iter();
        let mut lexicon: Lexicon = words.map(|(text, word)| (text.nfc().collect(), word)).collect();
        lexicon.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        (language, lexicon)
    };
    SceneLanguage::ALL.into_iter().map(of_language).collect()
});

impl ParsedCaption {
    /// Parses a caption. Its language is that of its script.
    pub(super) fn parse(caption: &str) -> Self {
        let language = language_of(caption);
        let lexicon =
            LEXICONS.iter().find(|(own, _)| *own == language).map(|(_, lexicon)| lexicon.as_slice());
        let lexicon = lexicon.unwrap_or_default();
        let text: String = caption.nfc().collect::<String>().to_lowercase().nfc().collect();
        let sentences = text.split(['.', '!', '?', '\n', '。', '！', '？', '।']);
        let sentences = sentences.filter(|own| !own.trim().is_empty());
        Self { sentences: sentences.map(|own| sentence(own, language, lexicon)).collect() }
    }
}

/// The language of scenes whose script a text is in: Hindi with a letter of Devanagari, Japanese with kana or ideographs, else
/// English.
pub(super) fn language_of(text: &str) -> SceneLanguage {
    let has = |is: fn(char) -> bool| text.chars().any(is);
    if has(|own| matches!(own, '\u{900}'..='\u{97f}')) {
        SceneLanguage::Hindi
    } else if has(|own| matches!(own, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')) {
        SceneLanguage::Japanese
    } else {
        SceneLanguage::English
    }
}

/// Parses a sentence in lower case and NFC.
fn sentence(text: &str, language: SceneLanguage, lexicon: &[(Vec<char>, CaptionWord)]) -> ParsedSentence {
    let characters: Vec<char> = text.chars().collect();
    let has_blanks = language != SceneLanguage::Japanese;
    let is_inner = |place: usize| {
        has_blanks
            && place > 0
            && characters.get(place).is_some_and(|own| is_significant(*own))
            && is_significant(characters[place - 1])
    };
    let mut parsed = ParsedSentence::default();
    let mut colour: Option<(Colour, usize)> = None;
    let mut side = None;
    let mut place = 0;
    while place < characters.len() {
        let word = lexicon.iter().find(|(own, _)| {
            characters[place..].starts_with(own) && !is_inner(place) && !is_inner(place + own.len())
        });
        let Some((own, word)) = word else {
            place += 1;
            continue;
        };
        // A colour that something else follows stands by itself.
        let is_next = |end: usize| characters[end..place].iter().all(|own| own.is_whitespace());
        let mut pending = colour.take();
        if let Some((own, _)) = pending
            .filter(|(_, end)| !is_next(*end) || !matches!(word, CaptionWord::Shape(_) | CaptionWord::Object))
        {
            parsed.name(ObjectName::Colour(own), &mut side);
            pending = None;
        }
        place += own.len();
        match (*word, pending) {
            (CaptionWord::Colour(own), _) => colour = Some((own, place)),
            (CaptionWord::Shape(shape), Some((own, _))) => {
                parsed.name(ObjectName::Both(own, shape), &mut side);
            }
            (CaptionWord::Shape(shape), None) => parsed.name(ObjectName::Shape(shape), &mut side),
            (CaptionWord::Object, Some((own, _))) => parsed.name(ObjectName::Colour(own), &mut side),
            (CaptionWord::Object, None) => {}
            (CaptionWord::Nothing, _) => parsed.is_of_nothing = true,
            (CaptionWord::Side(own), _) if language == SceneLanguage::English => side = Some(own),
            // Both objects stand before it.
            (CaptionWord::Side(side), _) => {
                if let [.., one, other] = parsed.names[..] {
                    parsed.relations.push(Relation { one, side, other });
                }
            }
        }
    }
    if let Some((own, _)) = colour {
        parsed.name(ObjectName::Colour(own), &mut side);
    }
    parsed
}

impl ParsedSentence {
    /// Takes an object, which is the second of a relation whose side was named before it.
    fn name(&mut self, other: ObjectName, side: &mut Option<Side>) {
        if let (Some(side), Some(&one)) = (side.take(), self.names.last()) {
            self.relations.push(Relation { one, side, other });
        }
        self.names.push(other);
    }
}

#[cfg(test)]
mod tests {
    use super::super::languages::Statement;
    use super::super::scene::{Scene, SceneOptions, stream};
    use super::super::shape::Shape;
    use super::*;

    /// What is parsed of a statement in a language.
    fn said(language: SceneLanguage, statement: &Statement) -> ParsedSentence {
        let text = language.say(statement);
        let mut parsed = ParsedCaption::parse(&text).sentences;
        assert_eq!(parsed.len(), 1, "{text}");
        parsed.remove(0)
    }

    /// What a statement says.
    fn meant(statement: &Statement) -> ParsedSentence {
        let both = |&(colour, shape): &(Colour, Shape)| ObjectName::Both(colour, shape);
        match statement {
            Statement::There(things) => ParsedSentence {
                names: things.iter().map(both).collect(),
                relations: Vec::new(),
                is_of_nothing: things.is_empty(),
            },
            Statement::Place { one, side, other } => {
                let (one, other) = (both(one), both(other));
                ParsedSentence {
                    names: vec![one, other],
                    relations: vec![Relation { one, side: *side, other }],
                    is_of_nothing: false,
                }
            }
        }
    }

    #[test]
    fn every_statement_is_parsed_in_every_language() {
        let objects = || Colour::ALL.into_iter().flat_map(|colour| Shape::ALL.map(|shape| (colour, shape)));
        let sides = [Side::Left, Side::Right, Side::Above, Side::Below];
        let mut statements = vec![Statement::There(Vec::new())];
        for one in objects() {
            statements.push(Statement::There(vec![one]));
            for other in objects() {
                statements.push(Statement::There(vec![one, other, one]));
                statements.extend(sides.map(|side| Statement::Place { one, side, other }));
            }
        }
        for language in SceneLanguage::ALL {
            for statement in &statements {
                assert_eq!(said(language, statement), meant(statement), "{}", language.say(statement));
            }
        }
    }

    #[test]
    fn generated_captions_are_parsed_and_true() {
        let options = SceneOptions {
            side: 16,
            objects: (1, 7),
            radii: (0.05, 0.15),
            variety: (6, 8),
            distinct: false,
            overlap: 0.0,
            noise: 0.0,
        };
        for image in 0..400 {
            let mut random = stream("captions", 1, image);
            let scene = Scene::invent(&options, &mut random);
            let contents = scene.contents();
            for _ in 0..4 {
                let statement = scene.describe(&mut random);
                for language in SceneLanguage::ALL {
                    let caption = language.say(&statement);
                    assert_eq!(said(language, &statement), meant(&statement), "{caption}");
                    assert!(contents.is_described_by(&caption), "{caption} {contents:?}");
                    let counts = contents.count_objects(&caption);
                    assert_eq!(counts.right, counts.named, "{caption}");
                    assert!(matches!(&statement, Statement::Place { .. }) || counts.right == counts.present);
                }
            }
        }
    }

    #[test]
    fn what_is_no_sentence_is_parsed_as_far_as_it_goes() {
        let names = |text: &str| {
            let parsed = ParsedCaption::parse(text);
            parsed.sentences.into_iter().flat_map(|own| own.names).collect::<Vec<_>>()
        };
        let (circle, square) = (ObjectName::Shape(Shape::Circle), ObjectName::Shape(Shape::Square));
        let red = ObjectName::Colour(Colour::Red);
        assert_eq!(names("a circle"), [circle]);
        assert_eq!(names("a red, a circle"), [red, circle]);
        assert_eq!(names("red red circle"), [red, ObjectName::Both(Colour::Red, Shape::Circle)]);
        assert_eq!(names("a red object and encircle squares"), [red]);
        assert_eq!(names("bored circle red"), [circle, red]);
        assert_eq!(names("円と正方形"), [circle, square]);
        assert_eq!(names("लाल वस्तु, वृत्तों"), [red, circle]);
        assert!(ParsedCaption::parse("left of a circle").sentences[0].relations.is_empty());
        assert!(ParsedCaption::parse(" . ").sentences.is_empty());
    }
}
