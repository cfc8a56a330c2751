//! The Porter2 stemmer of English (Porter, 2001; the Snowball project's `english`), as METEOR 1.5 has it.
//!
//! R1 is what follows the first consonant behind a vowel, R2 the same within R1. Words of one or two letters are left as they
//! are. `Y` stands for a y that is a consonant.

/// Words with a stem of their own.
const EXCEPTIONS: [(&str, &str); 18] = [
    ("skis", "ski"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("idly", "idl"),
    ("gently", "gentl"),
    ("ugly", "ugli"),
    ("early", "earli"),
    ("only", "onli"),
    ("singly", "singl"),
    ("sky", "sky"),
    ("news", "news"),
    ("howe", "howe"),
    ("atlas", "atlas"),
    ("cosmos", "cosmos"),
    ("bias", "bias"),
    ("andes", "andes"),
];

/// Words that are left as they are once plural endings are gone.
const INVARIANT: [&str; 8] =
    ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"];

/// Beginnings behind which R1 begins.
const PREFIXES: [&str; 3] = ["gener", "commun", "arsen"];

/// The stem of a word in lower case.
pub(super) fn stem(word: &str) -> String {
    if let Some((_, stem)) = EXCEPTIONS.iter().find(|(own, _)| *own == word) {
        return (*stem).to_owned();
    }
    if word.chars().count() < 3 {
        return word.to_owned();
    }
    let mut word = Word::new(word);
    word.possessive();
    word.plural();
    if !INVARIANT.iter().any(|own| word.letters.iter().copied().eq(own.chars())) {
        word.past_and_participle();
        word.final_y();
        word.replace_in_r1();
        word.shorten_in_r1();
        word.remove_in_r2();
        word.final_e_and_l();
    }
    word.letters.iter().map(|&letter| if letter == 'Y' { 'y' } else { letter }).collect()
}

/// A word that is being stemmed.
struct Word {
    letters: Vec<char>,
    r1: usize,
    r2: usize,
}

fn is_vowel(letter: char) -> bool {
    "aeiouy".contains(letter)
}

impl Word {
    fn new(word: &str) -> Self {
        let mut letters: Vec<char> = word.strip_prefix('\'').unwrap_or(word).chars().collect();
        for place in 0..letters.len() {
            if letters[place] == 'y' && (place == 0 || is_vowel(letters[place - 1])) {
                letters[place] = 'Y';
            }
        }
        let behind = |begin: usize| {
            let pairs = letters.windows(2).enumerate().skip(begin);
            let mut found = pairs.filter(|(_, pair)| is_vowel(pair[0]) && !is_vowel(pair[1]));
            found.next().map_or(letters.len(), |(place, _)| place + 2)
        };
        let starts = |prefix: &&&str| letters.iter().collect::<String>().starts_with(**prefix);
        let r1 = PREFIXES.iter().find(starts).map_or_else(|| behind(0), |prefix| prefix.len());
        let r2 = behind(r1);
        Self { letters, r1, r2 }
    }

    fn ends_with(&self, suffix: &str) -> bool {
        let count = suffix.len();
        self.letters.len() >= count
            && self.letters[self.letters.len() - count..].iter().copied().eq(suffix.chars())
    }

    /// The longest of some endings that the word has.
    fn ending<'s>(&self, suffixes: &[&'s str]) -> Option<&'s str> {
        suffixes.iter().copied().filter(|own| self.ends_with(own)).max_by_key(|own| own.len())
    }

    /// Where an ending begins.
    fn begin(&self, suffix: &str) -> usize {
        self.letters.len() - suffix.len()
    }

    fn replace(&mut self, suffix: &str, with: &str) {
        self.letters.truncate(self.begin(suffix));
        self.letters.extend(with.chars());
    }

    fn has_vowel(&self, end: usize) -> bool {
        self.letters[..end].iter().any(|&letter| is_vowel(letter))
    }

    /// Whether the letters up to a place end in a short syllable: consonant, vowel, consonant other than w, x and Y; or, at the
    /// beginning, vowel and consonant.
    fn is_short_syllable(&self, end: usize) -> bool {
        match self.letters[..end] {
            [.., before, vowel, last] => {
                !is_vowel(before) && is_vowel(vowel) && !is_vowel(last) && !"wxY".contains(last)
            }
            [vowel, last] => is_vowel(vowel) && !is_vowel(last),
            _ => false,
        }
    }

    /// Step 0.
    fn possessive(&mut self) {
        if let Some(suffix) = self.ending(&["'", "'s", "'s'"]) {
            self.replace(suffix, "");
        }
    }

    /// Step 1a.
    fn plural(&mut self) {
        match self.ending(&["sses", "ied", "ies", "s", "us", "ss"]) {
            Some("sses") => self.replace("sses", "ss"),
            Some(suffix @ ("ied" | "ies")) => {
                let with = if self.letters.len() > 4 { "i" } else { "ie" };
                self.replace(suffix, with);
            }
            // A vowel that does not stand right before it.
            Some("s") if self.has_vowel(self.begin("s").saturating_sub(1)) => self.replace("s", ""),
            _ => {}
        }
    }

    /// Step 1b.
    fn past_and_participle(&mut self) {
        match self.ending(&["eed", "eedly", "ed", "edly", "ing", "ingly"]) {
            Some(suffix @ ("eed" | "eedly")) if self.begin(suffix) >= self.r1 => self.replace(suffix, "ee"),
            Some("eed" | "eedly") => {}
            Some(suffix) if self.has_vowel(self.begin(suffix)) => {
                self.replace(suffix, "");
                if self.ending(&["at", "bl", "iz"]).is_some() {
                    self.letters.push('e');
                } else if self.ending(&["bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt"]).is_some() {
                    self.letters.pop();
                } else if self.letters.len() <= self.r1 && self.is_short_syllable(self.letters.len()) {
                    self.letters.push('e');
                }
            }
            _ => {}
        }
    }

    /// Step 1c.
    fn final_y(&mut self) {
        // A word of two letters keeps it.
        if let [_, .., before, last @ ('y' | 'Y')] = &mut self.letters[..]
            && !is_vowel(*before)
        {
            *last = 'i';
        }
    }

    /// Step 2.
    fn replace_in_r1(&mut self) {
        const ENDINGS: [(&str, &str); 22] = [
            ("tional", "tion"),
            ("enci", "ence"),
            ("anci", "ance"),
            ("abli", "able"),
            ("entli", "ent"),
            ("izer", "ize"),
            ("ization", "ize"),
            ("ational", "ate"),
            ("ation", "ate"),
            ("ator", "ate"),
            ("alism", "al"),
            ("aliti", "al"),
            ("alli", "al"),
            ("fulness", "ful"),
            ("ousli", "ous"),
            ("ousness", "ous"),
            ("iveness", "ive"),
            ("iviti", "ive"),
            ("biliti", "ble"),
            ("bli", "ble"),
            ("fulli", "ful"),
            ("lessli", "less"),
        ];
        let longest = ENDINGS
            .into_iter()
            .chain([("ogi", "og"), ("li", "")])
            .filter(|(suffix, _)| self.ends_with(suffix))
            .max_by_key(|(suffix, _)| suffix.len());
        let Some((suffix, with)) = longest.filter(|(suffix, _)| self.begin(suffix) >= self.r1) else {
            return;
        };
        let before = self.begin(suffix).checked_sub(1).map(|place| self.letters[place]);
        let is_taken = match suffix {
            "ogi" => before == Some('l'),
            "li" => before.is_some_and(|letter| "cdeghkmnrt".contains(letter)),
            _ => true,
        };
        if is_taken {
            self.replace(suffix, with);
        }
    }

    /// Step 3.
    fn shorten_in_r1(&mut self) {
        const ENDINGS: [(&str, &str); 9] = [
            ("tional", "tion"),
            ("ational", "ate"),
            ("alize", "al"),
            ("icate", "ic"),
            ("iciti", "ic"),
            ("ical", "ic"),
            ("ful", ""),
            ("ness", ""),
            ("ative", ""),
        ];
        let longest = ENDINGS
            .into_iter()
            .filter(|(suffix, _)| self.ends_with(suffix))
            .max_by_key(|(suffix, _)| suffix.len());
        if let Some((suffix, with)) = longest {
            let bound = if suffix == "ative" { self.r2.max(self.r1) } else { self.r1 };
            if self.begin(suffix) >= bound {
                self.replace(suffix, with);
            }
        }
    }

    /// Step 4.
    fn remove_in_r2(&mut self) {
        const ENDINGS: [&str; 18] = [
            "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ism", "ate",
            "iti", "ous", "ive", "ize", "ion",
        ];
        let Some(suffix) = self.ending(&ENDINGS) else { return };
        let begin = self.begin(suffix);
        let is_taken =
            suffix != "ion" || self.letters[..begin].last().is_some_and(|last| "st".contains(*last));
        if begin >= self.r2 && is_taken {
            self.replace(suffix, "");
        }
    }

    /// Step 5.
    fn final_e_and_l(&mut self) {
        match self.letters.last() {
            Some('e') => {
                let begin = self.begin("e");
                if begin >= self.r2 || begin >= self.r1 && !self.is_short_syllable(begin) {
                    self.replace("e", "");
                }
            }
            Some('l') => {
                let begin = self.begin("l");
                if begin >= self.r2 && self.letters[..begin].last() == Some(&'l') {
                    self.replace("l", "");
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    /// Stems of the Snowball project's `english`.
    #[test]
    fn stems_are_those_of_snowball() {
        for (word, expected) in [
            ("consistency", "consist"),
            ("knightly", "knight"),
            ("generously", "generous"),
            ("hopping", "hop"),
            ("hoping", "hope"),
            ("cries", "cri"),
            ("ties", "tie"),
            ("gas", "gas"),
            ("gaps", "gap"),
            ("skies", "sky"),
            ("succeeding", "succeed"),
            ("proceed", "proceed"),
            ("said", "said"),
            ("by", "by"),
            ("saying", "say"),
            ("dog's", "dog"),
            ("relational", "relat"),
            ("youth", "youth"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }
}
