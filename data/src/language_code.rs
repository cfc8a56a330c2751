//! Codes of the languages of texts, in the form of BCP 47: a language, and behind it a script and a region where they matter.

use alambic_settings::reader::nearest;

use indexmap::IndexSet;

use crate::error::{DataError, Fault, LanguageFault, Place};
use crate::language::{all, find_any};

/// Checks that a text has the form of a code: two or three small letters of ISO 639, then four letters of ISO 15924 if a
/// script is named, then two letters of ISO 3166 or three digits of UN M.49 if a region is, with hyphens between: `es`,
/// `zh-Hant`, `pt-BR`, `es-419`. A code of that form need not be assigned to a language.
///
/// # Errors
/// [`LanguageFault::NotCode`], with the code that is probably meant.
pub(crate) fn check_code(text: &str) -> Result<(), Fault> {
    if is_code(text) {
        return Ok(());
    }
    Err(LanguageFault::NotCode { found: text.to_owned(), near: suggestion(text) }.into())
}

/// Whether two codes differ in capitals alone, which mean nothing in a code.
pub(crate) fn is_same_language(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The languages of some examples, in the order in which they first come. `source` names their files.
///
/// # Errors
/// [`LanguageFault::Duplicate`] where two codes differ in capitals alone.
pub(crate) fn languages<'e>(
    source: &str,
    examples: impl Iterator<Item = Option<&'e str>>,
) -> Result<Vec<String>, DataError> {
    let mut codes: IndexSet<&str> = IndexSet::new();
    for code in examples.flatten() {
        if codes.contains(code) {
            continue;
        }
        if let Some(other) = codes.iter().find(|other| is_same_language(other, code)) {
            let fault = LanguageFault::Duplicate([(*other).to_owned(), code.to_owned()]);
            return Err(DataError::new(Place::file(source), fault.into()));
        }
        codes.insert(code);
    }
    Ok(codes.into_iter().map(str::to_owned).collect())
}

fn is_code(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_script = |part: &&str| part.len() == 4 && letters(part);
    let is_region = |part: &&str| {
        part.len() == 2 && letters(part) || part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut parts = text.split('-').peekable();
    let language = parts.next().unwrap_or_default();
    if !(2..=3).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return false;
    }
    parts.next_if(is_script);
    parts.next_if(is_region);
    parts.next().is_none()
}

/// The code that is probably meant: the same with hyphens and small letters, or that of the language of this name.
fn suggestion(text: &str) -> Option<String> {
    let plain = text.trim().replace('_', "-");
    let (language, rest) = plain.split_once('-').unwrap_or((&plain, ""));
    let rest = if rest.is_empty() { String::new() } else { format!("-{rest}") };
    let written = format!("{}{rest}", language.to_lowercase());
    if is_code(&written) && (find_any(&written).is_some() || written.contains('-') || language.len() == 3) {
        return Some(written);
    }
    let names: Vec<&str> = all().map(|language| language.name).collect();
    let name = nearest(language, &names).filter(|_| language.chars().count() > 3)?;
    all().find(|known| known.name == name).map(|known| known.code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_language_and_perhaps_a_script_and_a_region() {
        for code in ["es", "gsw", "de-ba", "zh-Hant", "pt-BR", "es-419", "sr-Latn-RS", "zh-hans", "kok"] {
            assert_eq!(check_code(code), Ok(()), "{code}");
        }
        for text in [
            "",
            "e",
            "EN",
            "engl",
            "en-",
            "-en",
            "en_US",
            "zh-TW-Hant",
            "en-1234",
            "es ",
            "e1",
            "日本",
            "de-DE-DE",
            "sr-Latn-Latn",
            "en--US",
            "ｅｎ",
        ] {
            assert!(check_code(text).is_err(), "{text}");
        }
    }

    #[test]
    fn code_that_is_meant_is_suggested() {
        for (text, near) in [
            ("EN", Some("en")),
            ("en_US", Some("en-US")),
            ("ZH-Hant", Some("zh-Hant")),
            ("eng_Latn", Some("eng-Latn")),
            ("English", Some("en")),
            ("spanisch", Some("es")),
            ("Nep", Some("nep")),
            ("", None),
            ("1", None),
            ("zh-TW-Hant", None),
        ] {
            assert_eq!(suggestion(text).as_deref(), near, "{text}");
        }
        assert!(is_same_language("pt-BR", "pt-br") && !is_same_language("pt", "pt-BR"));
    }
}
