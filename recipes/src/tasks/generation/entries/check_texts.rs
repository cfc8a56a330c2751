//! Checks of texts that are translated.

use alambic_data::{ContentKind, has_colour_words};
use alambic_settings::{At, Origin};

use super::options::{GenerationEntry, Read, Written};
use crate::check::checker::{Checker, list};

/// The fault of an entry in which texts, and what belongs to them, are read or written by halves: message and label; none of a sound
/// one. `origin` is that of the entry.
pub(super) fn check_text_keys(entry: &GenerationEntry, origin: &Origin, checker: &mut Checker<'_>) -> bool {
    let (reads, writes) = (entry.reads.contains(&Read::Text), entry.writes == Written::Text);
    let mut error = |message: &str, origin: &Origin, label: &str| {
        checker.error("recipe::data", message.to_owned(), origin, label);
        false
    };
    if reads && !matches!(entry.writes, Written::Text | Written::Spans | Written::ImageTokens) {
        let label = "write `text`, `spans` of it, or `image-tokens`";
        return error("a text is read of which nothing is to be written", origin, label);
    }
    if writes && !reads {
        return error("a translation is to be written of no text", origin, "does not read `text`");
    }
    if let Some(hide) = entry.hide.as_ref().filter(|_| !writes) {
        return error(
            "words are hidden of a text that is not translated",
            &hide.origin,
            "translates no `text`",
        );
    }
    if let Some(language) = entry.answer_language.as_ref().filter(|_| entry.writes != Written::Answer) {
        return error("`answer-language` is that of answers", &language.origin, "no answer is written");
    }
    let are_unlabelled = entry.labelled < 1.0 || !entry.labelled_languages.is_empty();
    if are_unlabelled && matches!(entry.writes, Written::Text | Written::Spans) {
        let label = "a translation and a span are known wherever their text is";
        return error("`labelled` is of answers, captions and images", origin, label);
    }
    if let Some(direction) = entry.directions.first() {
        if !writes {
            return error(
                "`directions` are those of translations",
                &direction.origin,
                "nothing is translated",
            );
        }
        if !entry.languages.is_empty() {
            return error(
                "`languages` and `directions` are both given",
                &direction.origin,
                "keep one of them",
            );
        }
    }
    true
}

/// Checks the corpora of an entry of texts, their languages and its prompt; false if they are not as they have to be.
pub(super) fn check_text_data(
    entry: &GenerationEntry,
    data: &[At<String>],
    origin: &Origin,
    checker: &mut Checker<'_>,
) -> bool {
    if !check_text_corpora(data, entry.reads_images(), origin, checker) {
        return false;
    }
    let before = checker.found.count();
    for (place, language) in entry.languages.iter().enumerate() {
        if entry.languages[..place].iter().any(|other| other.value == language.value) {
            let message = format!("`{}` is named twice", language.value);
            checker.error("data::language", message, &language.origin, "named before");
        }
    }
    let (mut targets, mut unknown): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for name in data {
        let Ok(content) = checker.corpora.get(name) else { continue };
        let known = content.languages().to_vec();
        if known.is_empty() {
            let message = format!("the languages of corpus `{}` are not known", name.value);
            checker.error("data::language", message, &name.origin, "nothing says what is a translation");
            continue;
        }
        check_known(&entry.languages, name, &known, checker);
        match entry.text_directions(&known) {
            Ok(directions) => {
                if directions.is_empty() {
                    let message = "there is one language alone, and a text is translated into another";
                    let place = entry.languages.first().map_or(origin, |only| &only.origin);
                    checker.error("data::language", message.to_owned(), place, "name two or more");
                }
                for direction in directions {
                    targets.push(direction.target);
                    unknown.extend(Some(direction.source).filter(|source| !has_colour_words(source)));
                }
            }
            Err(error) => {
                let found = entry.directions.iter().find(|own| own.value == error.pattern());
                let place = found.map_or(origin, |own| &own.origin);
                checker.error("data::direction", error.to_string(), place, "here");
            }
        }
    }
    for codes in [&mut targets, &mut unknown] {
        codes.sort_unstable();
        codes.dedup();
    }
    if let (Some(hide), false) = (&entry.hide, unknown.is_empty()) {
        let message =
            format!("the words of colours are not known in {}", list(unknown.iter().map(String::as_str)));
        let label = "known in the languages of made-up scenes, `en`, `hi` and `ja`";
        checker.error("data::language", message, &hide.origin, label);
    }
    check_text_prompt(entry, &targets, checker);
    checker.found.count() == before
}

/// Reports languages that a corpus does not have.
pub(super) fn check_known(
    languages: &[At<String>],
    name: &At<String>,
    known: &[String],
    checker: &mut Checker<'_>,
) {
    for language in languages.iter().filter(|language| !known.contains(&language.value)) {
        let label = match known {
            [] => "its texts have no language".to_owned(),
            known => format!("it has {}", list(known.iter().map(String::as_str))),
        };
        let message = format!("corpus `{}` has nothing in `{}`", name.value, language.value);
        checker.error("data::language", message, &language.origin, label);
    }
}

/// Reports names that are not of corpora of captions or, without an image, of parallel sentences; false if there are any.
pub(super) fn check_text_corpora(
    data: &[At<String>],
    reads_images: bool,
    origin: &Origin,
    checker: &mut Checker<'_>,
) -> bool {
    let is_parallel =
        |name: &At<String>| checker.corpora.kind(std::slice::from_ref(name)) == Some(ContentKind::Parallel);
    let (sentences, captions): (Vec<At<String>>, Vec<At<String>>) =
        data.iter().cloned().partition(is_parallel);
    if let Some(name) = sentences.first().filter(|_| reads_images) {
        let message = format!("corpus `{}` holds sentences and no images", name.value);
        checker.error(
            "recipe::data",
            message,
            &name.origin,
            "take `image` out, or name images with captions",
        );
        return false;
    }
    // Without a name it is said that there is none.
    (!sentences.is_empty() && captions.is_empty()) || checker.check_captions(&captions, origin)
}

/// Reports a prompt that does not say what is asked for.
fn check_text_prompt(entry: &GenerationEntry, targets: &[String], checker: &mut Checker<'_>) {
    let Some(prompt) = &entry.prompt else { return };
    if !prompt.contains("{text}") {
        let message = "the prompt has no `{text}`, and every text would look the same".to_owned();
        checker.error("recipe::data", message, &prompt.origin, "add `{text}`");
    } else if targets.len() > 1 && !prompt.contains("{language}") {
        let message = "the prompt has no `{language}`, and translations are into several".to_owned();
        checker.error("recipe::data", message, &prompt.origin, "nobody could know which is asked for");
    }
}
