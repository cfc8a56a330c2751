//! The form in which answers to visual questions are compared: that of the published evaluation of VQA.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Signs between words or in them. A full stop and an apostrophe are treated by rules of their own.
const SIGNS: &str = ";/[]\"{}()=+\\_-><@`,?!";

/// Words that are left out.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Words that are written as digits, each with its number.
const NUMBERS: [(&str, &str); 12] = [
    ("none", "0"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
];

/// Contractions that the evaluation knows: `dont` becomes `don't`.
const CONTRACTIONS: &str = "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't \
    haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't \
    must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've \
    somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's \
    there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't \
    what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's \
    won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've";

/// Contractions by their letters.
static BY_LETTERS: LazyLock<HashMap<String, &str>> =
    LazyLock::new(|| CONTRACTIONS.split_whitespace().map(|word| (letters(word), word)).collect());

fn letters(word: &str) -> String {
    word.replace('\'', "")
}

/// An answer as the evaluation of VQA compares it (Antol et al., 2015, and the code published with it): in small letters,
/// without signs and full stops, number words as digits, without articles, contractions with their apostrophes, and single
/// blanks between words. So `Two.` and `2` are one answer, and so are `a dog` and `the dog.`.
///
/// An answer of nothing but articles and signs stays as it is but for case and blanks, lest it be none: `A` is a letter too.
#[must_use]
pub fn normalise(answer: &str) -> String {
    let small = answer.to_lowercase();
    let plain = without_signs(&small);
    let words = plain
        .split_whitespace()
        .map(|word| NUMBERS.iter().find(|(name, _)| *name == word).map_or(word, |(_, digits)| digits));
    let words = words.filter(|word| !ARTICLES.contains(word));
    let words: Vec<&str> =
        words.map(|word| BY_LETTERS.get(&letters(word)).copied().unwrap_or(word)).collect();
    if words.is_empty() { small.split_whitespace().collect::<Vec<_>>().join(" ") } else { words.join(" ") }
}

/// A sign beside a blank goes; one between letters becomes a blank, unless the answer holds a number with commas. Full stops go
/// unless a digit follows.
fn without_signs(answer: &str) -> String {
    let characters: Vec<char> = answer.chars().collect();
    let has_commas =
        characters.windows(3).any(|three| three[1] == ',' && three[0].is_numeric() && three[2].is_numeric());
    let goes =
        |sign: char| has_commas || characters.windows(2).any(|two| two == [sign, ' '] || two == [' ', sign]);
    let mut plain = String::with_capacity(answer.len());
    for (index, &character) in characters.iter().enumerate() {
        if character == '.' {
            if characters.get(index + 1).is_some_and(|next| next.is_numeric()) {
                plain.push('.');
            }
        } else if !SIGNS.contains(character) {
            plain.push(character);
        } else if !goes(character) {
            plain.push(' ');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_has_the_form_of_the_published_evaluation() {
        for (answer, expected) in [
            ("Two.", "2"),
            ("2", "2"),
            ("none", "0"),
            ("a dog", "dog"),
            ("the dog.", "dog"),
            ("The Dog", "dog"),
            ("an  apple\n", "apple"),
            ("dont know", "don't know"),
            ("don't know", "don't know"),
            ("shouldntve", "shouldn't've"),
            ("t-shirt", "t shirt"),
            ("t- shirt", "t shirt"),
            ("1,000", "1000"),
            ("2.5", "2.5"),
            ("12.", "12"),
            ("u.s.", "us"),
            ("yes!", "yes"),
            ("black/white", "black white"),
            ("black / white", "black white"),
            ("its", "its"),
            ("twenty one", "twenty 1"),
            ("कुत्ता", "कुत्ता"),
            ("A", "a"),
            ("?", "?"),
            ("", ""),
        ] {
            assert_eq!(normalise(answer), expected, "{answer}");
            assert_eq!(normalise(&normalise(answer)), expected, "{answer} twice");
        }
    }
}
