//! Texts that count objects or say where they are, which a crop may make wrong.

use unicode_normalization::UnicodeNormalization;

use super::sides::has_side;

/// Phrases of each language, in small letters, by which objects are counted or placed.
const PHRASES: [(&str, &[&str]); 12] = [
    (
        "en",
        &[
            "how many",
            "number of",
            "left of",
            "right of",
            "to the left",
            "to the right",
            "on the left",
            "on the right",
            "above",
            "below",
            "beneath",
            "on top of",
            "nearest to",
            "closest to",
        ],
    ),
    (
        "hi",
        &[
            "कितने",
            "कितनी",
            "कितना",
            "संख्या",
            "के ऊपर",
            "के नीचे",
            "के सबसे पास",
            "के बाईं",
            "के दाईं",
            "के बाएँ",
            "के दाएँ",
        ],
    ),
    ("ta", &["எத்தனை", "எண்ணிக்கை", "மேலே", "கீழே"]),
    ("kn", &["ಎಷ್ಟು", "ಸಂಖ್ಯೆ", "ಮೇಲೆ", "ಕೆಳಗೆ"]),
    ("bn", &["কতগুলি", "কতগুলো", "কয়টি", "কয়টা", "সংখ্যা", "উপরে", "নীচে", "নিচে"]),
    ("ja", &["いくつ", "何個", "何人", "何匹", "の数", "の左", "の右", "の上", "の下"]),
    ("zh", &["多少", "几个", "几只", "幾個", "数量", "的左边", "的右边", "上面", "下面", "上方", "下方"]),
    ("pl", &["ile ", "liczba", "na lewo od", "na prawo od", "powyżej", "poniżej"]),
    (
        "de",
        &[
            "wie viele",
            "wieviele",
            "anzahl",
            "links von",
            "rechts von",
            "über dem",
            "über der",
            "unter dem",
            "unter der",
        ],
    ),
    ("fr", &["combien", "nombre de", "à gauche", "à droite", "au-dessus", "au-dessous", "en dessous"]),
    ("es", &["cuánt", "número de", "a la izquierda", "a la derecha", "encima de", "debajo de"]),
    ("it", &["quant", "numero di", "a sinistra", "a destra", "sopra il", "sopra la", "sotto il", "sotto la"]),
];

/// Whether a text in a language counts objects or says where they are. A question does so by any word of sides as well. A text of
/// which no language is known is looked through in all.
#[must_use]
pub fn counts_or_places(text: &str, language: Option<&str>, is_question: bool) -> bool {
    if is_question && has_side(text, language) {
        return true;
    }
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    let own = language.map(|code| code.split('-').next().unwrap_or(code));
    let mut lists = PHRASES.iter().filter(|(code, _)| own.is_none_or(|own| own == *code));
    lists.any(|(_, phrases)| phrases.iter().any(|phrase| text.contains(&*phrase.nfc().collect::<String>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_places_are_told_from_names() {
        for (text, language, is_question) in [
            ("How many circles are there?", Some("en"), true),
            ("a red circle is above a blue star.", Some("en"), false),
            ("वृत्त कितने हैं?", Some("hi"), true),
            ("円はいくつありますか？", None, true),
            ("is the left one red?", Some("en"), true),
        ] {
            assert!(counts_or_places(text, language, is_question), "{text}");
        }
        for (text, is_question) in [("left arrow", false), ("a frog on a leaf", false), ("what is it?", true)]
        {
            assert!(!counts_or_places(text, Some("en"), is_question), "{text}");
        }
    }
}
