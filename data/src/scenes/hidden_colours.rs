//! Texts of which the colour words are hidden, so that only the image tells them.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::languages::{CaptionWord, SceneLanguage};
use crate::parallel::is_significant;

/// What stands for a hidden colour.
const HIDDEN: &str = "[?]";

/// The colour words of each language in all of their forms, in lower case and NFC, the longest first.
static COLOURS: LazyLock<Vec<(SceneLanguage, Vec<Vec<char>>)>> = LazyLock::new(|| {
    let of_language = |language: SceneLanguage| {
        let words = language.caption_words().into_iter();
        let colours = words.filter(|(_, word)| matches!(word, CaptionWord::Colour(_)));
        let mut colours: Vec<Vec<char>> = colours.map(|(text, _)| text.nfc().collect()).collect();
        colours.sort_by_key(|own| std::cmp::Reverse(own.len()));
        (language, colours)
    };
    SceneLanguage::ALL.into_iter().map(of_language).collect()
});

/// Whether the colour words of a language are known, so that [`hide_colours`] finds them.
#[must_use]
pub fn has_colour_words(language: &str) -> bool {
    SceneLanguage::ALL.iter().any(|own| own.name() == language)
}

/// A text in NFC in which `[?]` stands for each colour word of a language, in whatever form; none if the colour words of the language
/// are not known. An English article in front is `a`, which would else tell some colours from others.
#[must_use]
pub fn hide_colours(text: &str, language: &str) -> Option<String> {
    let (language, colours) = COLOURS.iter().find(|(own, _)| own.name() == language)?;
    let characters: Vec<char> = text.nfc().collect();
    let has_blanks = *language != SceneLanguage::Japanese;
    let is_inner = |place: usize| {
        has_blanks
            && place > 0
            && characters.get(place).is_some_and(|own| is_significant(*own))
            && is_significant(characters[place - 1])
    };
    let is_here = |place: usize, colour: &[char]| {
        let end = place + colour.len();
        end <= characters.len()
            && characters[place..end].iter().zip(colour).all(|(own, other)| own.to_lowercase().eq([*other]))
            && !is_inner(place)
            && !is_inner(end)
    };
    let (mut hidden, mut place) = (String::with_capacity(text.len()), 0);
    while place < characters.len() {
        if let Some(colour) = colours.iter().find(|colour| is_here(place, colour)) {
            if *language == SceneLanguage::English {
                neutralise_article(&mut hidden);
            }
            hidden.push_str(HIDDEN);
            place += colour.len();
        } else {
            hidden.push(characters[place]);
            place += 1;
        }
    }
    Some(hidden)
}

/// Makes `a` of an article `an` at the end of a text.
fn neutralise_article(text: &mut String) {
    let before = text.trim_end();
    let word = before.rsplit(|own: char| !is_significant(own)).next().unwrap_or_default();
    if word.eq_ignore_ascii_case("an") {
        let end = before.len();
        text.replace_range(end - 1..end, "");
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::Colour;
    use super::super::languages::{Side, Statement};
    use super::super::shape::Shape;
    use super::*;

    #[test]
    fn colours_of_statements_are_hidden_in_every_form() {
        let shapes = [(Colour::Red, Shape::Circle), (Colour::Blue, Shape::Square)];
        let expected = [
            ("a [?] circle is left of a [?] square.", "there is a [?] circle and a [?] square."),
            ("एक [?] वृत्त एक [?] वर्ग के बाईं ओर है।", "यहाँ एक [?] वृत्त और एक [?] वर्ग हैं।"),
            ("[?]円は[?]正方形の左にあります。", "[?]円と[?]正方形があります。"),
        ];
        for (language, (place, there)) in SceneLanguage::ALL.into_iter().zip(expected) {
            for colour in Colour::ALL {
                for other in Colour::ALL {
                    let (one, other) = ((colour, shapes[0].1), (other, shapes[1].1));
                    let hide = |own: Statement| hide_colours(&language.say(&own), language.name()).unwrap();
                    assert_eq!(hide(Statement::Place { one, side: Side::Left, other }), place);
                    assert_eq!(hide(Statement::There(vec![one, other])), there);
                }
            }
        }
    }

    #[test]
    fn hidden_words_are_whole_and_of_the_language() {
        let hide = |text: &str| hide_colours(text, "en").unwrap();
        assert_eq!(hide("An Orange, a RED one; an octopus"), "A [?], a [?] one; an octopus");
        assert_eq!(hide("bored reds, greenish लाल"), "bored reds, greenish लाल");
        assert_eq!(hide("an\torange Han orange"), "a\t[?] Han [?]");
        // Devanagari's nukta is a character of its own in NFC, however it was typed.
        assert_eq!(hide_colours("एक \u{95e}िरोज़ी तारा", "hi").unwrap(), "एक [?] तारा");
        assert_eq!(hide_colours("", "ja").unwrap(), "");
        assert_eq!(hide_colours("ein rotes Haus", "de"), None);
        assert!(has_colour_words("hi") && !has_colour_words("HI") && !has_colour_words(""));
    }
}
