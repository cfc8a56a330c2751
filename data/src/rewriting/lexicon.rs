//! Phrases by their kinds, which become others of their kind.

use std::collections::HashMap;

use alambic_settings::Location;
use indexmap::IndexSet;

use crate::error::DataError;
use crate::pictures::Picture;
use crate::source::{Extent, TableSource};
use crate::table::{Columns, Table};

/// Columns of a file.
const KIND: &str = "kind";
const PHRASE: &str = "phrase";

/// Most characters of a phrase that is looked for in a caption.
const MAX_CHARACTERS: usize = 60;

/// Phrases of which one may stand for another of the same kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lexicon {
    /// The phrases of each kind, each once.
    kinds: Vec<IndexSet<String>>,
    /// The kinds of a phrase in lower case.
    known: HashMap<String, Vec<usize>>,
    longest: usize,
}

/// A place in a caption where a phrase of the lexicon stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// Its bytes.
    pub(super) range: std::ops::Range<usize>,
    /// The others of its kinds.
    pub(super) others: Vec<String>,
    /// Whether it is of several words.
    pub(super) is_phrase: bool,
}

impl Lexicon {
    /// The phrases of a file.
    pub(super) fn read(location: &Location) -> Result<Self, DataError> {
        let source = TableSource::open(location, Extent::Whole)?;
        let table = Table::read(&source, &Columns { texts: &[KIND, PHRASE], ..Columns::default() })?;
        let (kinds, phrases) = (table.column(KIND)?, table.column(PHRASE)?);
        let mut own = Self::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for row in 0..table.rows() {
            let next = own.kinds.len();
            let kind = *numbers.entry(kinds[row].trim().to_owned()).or_insert(next);
            own.add(kind, phrases[row]);
        }
        Ok(own)
    }

    /// Adds what pictures of one category are called: their captions and tags, those in one language apart from those in others.
    pub(super) fn add_categories<'p>(&mut self, pictures: impl Iterator<Item = &'p Picture>) {
        let mut numbers: HashMap<(Vec<String>, Option<String>), usize> = HashMap::new();
        for picture in pictures.filter(|picture| !picture.categories.is_empty()) {
            let captions = picture.captions.iter();
            let captions = captions.map(|own| (own.language.clone(), own.text.as_str()));
            let tags = picture.objects.iter().map(|own| (None, own.tag.as_str()));
            for (language, phrase) in captions.chain(tags) {
                let next = self.kinds.len();
                let kind = *numbers.entry((picture.categories.clone(), language)).or_insert(next);
                self.add(kind, phrase);
            }
        }
    }

    fn add(&mut self, kind: usize, phrase: &str) {
        let phrase = phrase.trim();
        let length = phrase.chars().count();
        if self.kinds.len() <= kind {
            self.kinds.resize(kind + 1, IndexSet::new());
        }
        if length == 0 || length > MAX_CHARACTERS {
            return;
        }
        self.longest = self.longest.max(length);
        self.kinds[kind].insert(phrase.to_owned());
        let kinds = self.known.entry(phrase.to_lowercase()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }

    /// Where phrases stand in a caption as whole words, those that overlap too.
    pub(super) fn occurrences(&self, caption: &str) -> Vec<Occurrence> {
        let starts: Vec<(usize, char)> = caption.char_indices().collect();
        let byte = |place: usize| starts.get(place).map_or(caption.len(), |(byte, _)| *byte);
        let is_inner = |place: usize| {
            place > 0 && place < starts.len() && is_within_word(starts[place - 1].1, starts[place].1)
        };
        let mut found = Vec::new();
        for first in (0..starts.len()).filter(|&place| !is_inner(place)) {
            for length in 1..=self.longest.min(starts.len() - first) {
                if is_inner(first + length) {
                    continue;
                }
                let range = byte(first)..byte(first + length);
                let folded = caption[range.clone()].to_lowercase();
                let Some(kinds) = self.known.get(&folded) else { continue };
                let others = kinds.iter().flat_map(|&kind| &self.kinds[kind]);
                let others: IndexSet<&String> = others.filter(|own| own.to_lowercase() != folded).collect();
                let is_phrase = folded.split_whitespace().nth(1).is_some();
                let others = others.into_iter().cloned().collect();
                found.push(Occurrence { range, others, is_phrase });
            }
        }
        found
    }
}

/// Whether a word goes on from one character to the next. Scripts without blanks between words have none that go on.
fn is_within_word(one: char, other: char) -> bool {
    let has_blanks = |own: char| {
        own.is_alphanumeric()
            && !matches!(own, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{e00}'..='\u{eff}')
    };
    has_blanks(one) && has_blanks(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Caption;

    fn lexicon() -> Lexicon {
        let mut own = Lexicon::default();
        for (kind, phrase) in
            [(0, "Fox"), (0, "polar bear"), (0, "bear"), (1, "red"), (1, " blue "), (1, "red"), (1, "")]
        {
            own.add(kind, phrase);
        }
        own
    }

    #[test]
    fn phrases_are_found_as_whole_words() {
        let found = |caption: &str| -> Vec<(String, Vec<String>, bool)> {
            let all = lexicon().occurrences(caption).into_iter();
            all.map(|own| (caption[own.range].to_owned(), own.others, own.is_phrase)).collect()
        };
        let own = found("A red fox, bored");
        assert_eq!(own.len(), 2);
        assert_eq!(own[0], ("red".to_owned(), vec!["blue".to_owned()], false));
        assert_eq!(own[1].1, ["polar bear", "bear"]);
        let own = found("polar bear");
        assert_eq!(own.iter().map(|own| own.2).collect::<Vec<_>>(), [true, false]);
        assert!(found("foxes, bears").is_empty() && found("").is_empty());
    }

    #[test]
    fn pictures_of_one_category_are_called_like_one_another() {
        let picture = |category: &str, code: &str, text: &str| Picture {
            categories: vec!["animals".into(), category.to_owned()],
            captions: vec![Caption::new(text.to_owned(), Some(code.to_owned()))],
            ..Picture::without_pixels(text.to_owned())
        };
        let pictures = [
            picture("birds", "en", "owl"),
            picture("birds", "en", "duck"),
            picture("birds", "ja", "ふくろう"),
            picture("birds", "ja", "あひる"),
            picture("fish", "en", "shark"),
            Picture::without_pixels("none".into()),
        ];
        let mut own = Lexicon::default();
        own.add_categories(pictures.iter());
        let others = |caption: &str| {
            own.occurrences(caption).into_iter().flat_map(|own| own.others).collect::<Vec<_>>()
        };
        assert_eq!(others("an owl"), ["duck"]);
        assert_eq!(others("白いふくろう"), ["あひる"]);
        assert!(others("shark").is_empty());
    }
}
