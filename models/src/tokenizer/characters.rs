//! The form in which names are read: that in which corpora of names bring them to training.
//!
//! Rules of the tokenizers library stand for what the corpora do, so that whoever loads `tokenizer.json` reads a name as
//! training did: no invisible characters, one apostrophe and one hyphen, Latin letters small and without marks, white space
//! as single blanks within. A vocabulary is of several languages and a rule knows nothing of them; where a vocabulary has a
//! character that a rule would take away, the rule is left out.

use std::collections::BTreeSet;

use indexmap::IndexSet;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::strip::Strip;
use tokenizers::normalizers::unicode::{NFC, NFD};
use tokenizers::normalizers::utils::{Lowercase, Sequence};
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizerWrapper, SplitDelimiterBehavior};
use unicode_normalization::UnicodeNormalization;

use super::encoding::Tokenizer;
use super::special::{END, PADDING, UNKNOWN, before_end, language_tag};
use crate::ModelError;

/// Characters that steer how text is shown and are not seen themselves.
const UNSEEN: &str = "[\u{ad}\u{61c}\u{70f}\u{180e}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{2064}\u{2066}-\u{206f}\u{feff}\u{fff9}-\u{fffb}\u{e0001}\u{e0020}-\u{e007f}]+";

/// Variants of the apostrophe, and of the hyphen.
const APOSTROPHES: &str = "[\u{2018}\u{2019}\u{201b}\u{2032}\u{2bb}-\u{2bd}\u{2b9}\u{60}\u{b4}\u{ff07}]";
const HYPHENS: &str = "[\u{2010}-\u{2015}\u{2212}\u{ff0d}]";

/// Marks on a Latin letter, in the form in which letter and mark are two characters.
const MARKS: &str = "(?<=[A-Za-z])[\u{300}-\u{36f}]+";

/// White space of any kind.
const BLANKS: &str = "[\t-\r \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]+";

/// Letters that Unicode does not take apart, spelled out as in passports.
const SPELLED: [(char, &str); 27] = [
    ('ß', "ss"),
    ('ẞ', "ss"),
    ('æ', "ae"),
    ('Æ', "ae"),
    ('œ', "oe"),
    ('Œ', "oe"),
    ('þ', "th"),
    ('Þ', "th"),
    ('ð', "d"),
    ('Ð', "d"),
    ('đ', "d"),
    ('Đ', "d"),
    ('ɖ', "d"),
    ('ø', "o"),
    ('Ø', "o"),
    ('ł', "l"),
    ('Ł', "l"),
    ('ħ', "h"),
    ('Ħ', "h"),
    ('ı', "i"),
    ('ŋ', "n"),
    ('Ŋ', "n"),
    ('ə', "e"),
    ('Ə', "e"),
    ('ǝ', "e"),
    ('Ǝ', "e"),
    ('Ɖ', "d"),
];

impl Tokenizer {
    /// A vocabulary of single characters with a tag for each language.
    ///
    /// Ids: end 0, unknown 1, the tags, the characters in the given order, and padding last, as Marian has it. Text is
    /// brought to the form in which names are trained on (below), split into characters and ended with the end token.
    ///
    /// # Errors
    /// When the tokenizers library refuses the parts.
    pub fn from_characters(characters: &IndexSet<char>, languages: &[String]) -> Result<Self, ModelError> {
        let error = |error: tokenizers::Error| ModelError::Tokenizer(error.to_string());
        let tags: Vec<String> = languages.iter().map(|language| language_tag(language)).collect();
        let vocabulary = [END.to_owned(), UNKNOWN.to_owned()]
            .into_iter()
            .chain(tags.iter().cloned())
            .chain(characters.iter().map(char::to_string))
            .chain([PADDING.to_owned()])
            .enumerate()
            .map(|(id, token)| (token, id as u32))
            .collect();
        let model =
            WordLevel::builder().vocab(vocabulary).unk_token(UNKNOWN.into()).build().map_err(error)?;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        // Any character, in a form that the Python library's regular expressions take as well.
        let pattern = SplitPattern::Regex(r"[\s\S]".into());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(error)?;
        tokenizer.with_normalizer(Some(reading_form(characters)?));
        tokenizer.with_pre_tokenizer(Some(split));
        tokenizer.with_post_processor(Some(before_end()?));
        tokenizer.with_decoder(Some(Fuse::new()));
        let special: Vec<AddedToken> = [END, UNKNOWN, PADDING]
            .into_iter()
            .map(str::to_owned)
            .chain(tags)
            .map(|token| AddedToken::from(token, true).normalized(false))
            .collect();
        tokenizer.add_special_tokens(&special);
        Ok(Self::built(tokenizer))
    }
}

/// The rules for a vocabulary of these characters.
fn reading_form(characters: &IndexSet<char>) -> Result<Sequence, ModelError> {
    let replace = |pattern: ReplacePattern, content: &str| {
        let rule =
            Replace::new(pattern, content).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok::<_, ModelError>(NormalizerWrapper::Replace(rule))
    };
    let regex = |pattern: &str, content: &str| replace(ReplacePattern::Regex(pattern.to_owned()), content);
    let mut rules = vec![regex(UNSEEN, "")?, regex(APOSTROPHES, "'")?, regex(HYPHENS, "-")?];
    // What comes as one character or as two must be one before a vocabulary knows it.
    let is_marked = |character: &char| {
        let parts: Vec<char> = character.nfd().collect();
        parts.len() > 1 && parts[0].is_ascii_alphabetic()
    };
    let marked: BTreeSet<&char> = characters.iter().filter(|character| is_marked(character)).collect();
    if marked.is_empty() {
        rules.extend([NormalizerWrapper::NFD(NFD), regex(MARKS, "")?]);
    }
    for (letter, spelled) in SPELLED.iter().filter(|(letter, _)| !characters.contains(letter)) {
        rules.push(replace(ReplacePattern::String(letter.to_string()), spelled)?);
    }
    if characters.iter().any(|character| character.to_lowercase().ne(std::iter::once(*character))) {
        for capital in ('A'..='Z').filter(|capital| !characters.contains(capital)) {
            let small = capital.to_ascii_lowercase().to_string();
            rules.push(replace(ReplacePattern::String(capital.to_string()), &small)?);
        }
    } else {
        rules.push(NormalizerWrapper::Lowercase(Lowercase));
    }
    rules.extend([
        NormalizerWrapper::NFC(NFC),
        regex(BLANKS, " ")?,
        NormalizerWrapper::StripNormalizer(Strip::new(true, true)),
    ]);
    Ok(Sequence::new(rules))
}

#[cfg(test)]
mod tests {
    use crate::Tokenizer;

    fn tokenizer(characters: &str) -> Tokenizer {
        Tokenizer::from_characters(&characters.chars().collect(), &["en".into(), "hi".into()]).unwrap()
    }

    #[test]
    fn names_are_read_in_the_form_of_training() {
        let own = tokenizer("abcdefghijklmnopqrstuvwxyz' -लतामि");
        for (written, read) in [
            ("Lata", "lata"),
            ("  LATA\u{a0}\t", "lata"),
            ("São\u{a0} Tomé", "sao tome"),
            ("Straße Łódź Ærø", "strasse lodz aero"),
            ("İzmir D’Armor‑X", "izmir d'armor-x"),
            ("ल\u{200d}ता", "लता"),
            ("मि", "मि"),
        ] {
            assert_eq!(own.normalise(written).unwrap(), read, "{written}");
            let ids = |text: &str| own.encode_for(text, "hi").unwrap();
            assert_eq!(ids(written), ids(read), "{written}");
        }
    }

    #[test]
    fn letters_that_a_vocabulary_has_are_kept() {
        let own = tokenizer("abcdelnüBéß ");
        assert_eq!(own.normalise("Bélaüß Cd").unwrap(), "Bélaüß cd");
        assert_eq!(tokenizer("abМ").normalise("МBa").unwrap(), "Мba");
    }
}
