//! Intents and slots of `IndicXTREME`: MASSIVE (`FitzGerald` et al., 2022).

use alambic_settings::settings;

use super::classes::class_of;
use super::files::LanguageFile;
use super::inputs::{Examples, Part, SentenceExample, TextExample};
use super::layouts::tags::read_sentences;
use super::references::{Gold, References};
use super::rows::{json_column, stripped};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{BenchmarkFault, DataError, Fault, Problems};
use crate::table::Columns;

settings! {
    /// MASSIVE, intents: what is asked of an assistant. Read are JSON lines of which `partition` is `test`, with `intent`:
    /// `XX-YY.jsonl`, also below `data`; or intents alone, `test-XX.tsv`.
    pub struct MassiveIntent {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// MASSIVE, slots: what the words of a request are for. Read are JSON lines of which `partition` is `test`, with `annot_utt`, in
    /// which `[time : nine am]` marks a slot, whose first word has the tag `B-time` and whose others have `I-time`: `XX-YY.jsonl`,
    /// also below `data`; or tags alone, `test-XX.tsv`.
    pub struct MassiveSlots {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const NAMES: &[&str] =
    &["{locale}.jsonl", "data/{locale}.jsonl", "1.0/data/{locale}.jsonl", "test-{language}.tsv"];

impl BenchmarkFormat for MassiveIntent {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let intents = if file.has_ending(".tsv") {
            let mut problems = Problems::default();
            let all =
                stripped(file.source, &mut problems).into_iter().map(|(_, line)| line.to_owned()).collect();
            problems.or(all)?
        } else {
            of_part(file, Part::Test, "intent", |intent, _| Ok(intent.to_owned()))?
        };
        let mut classes = intents.clone();
        classes.sort();
        classes.dedup();
        Ok(References { source: file.source.name.clone(), classes, gold: Gold::Classes(intents) })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        input_names(part)
    }

    fn examples(&self, files: &[LanguageFile<'_>], part: Part) -> Result<Option<Examples>, DataError> {
        let example = |intent: &str, utterance: &str| {
            Ok(TextExample { first: utterance.to_owned(), second: None, label: Some(intent.to_owned()) })
        };
        Ok(Some(Examples::Texts(of_part(&files[0], part, "intent", example)?)))
    }
}

impl BenchmarkFormat for MassiveSlots {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn layout(&self) -> Layout {
        Layout::Tags
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let mut sentences = if file.has_ending(".tsv") {
            read_sentences(file.source, &[])?
        } else {
            of_part(file, Part::Test, "annot_utt", |utterance, _| slots(utterance))?
                .into_iter()
                .map(|words| words.into_iter().map(|(_, tag)| tag).collect())
                .collect()
        };
        sentences.retain(|sentence: &Vec<String>| !sentence.is_empty());
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold: Gold::Tags(sentences) })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        input_names(part)
    }

    fn examples(&self, files: &[LanguageFile<'_>], part: Part) -> Result<Option<Examples>, DataError> {
        let mut sentences = of_part(&files[0], part, "annot_utt", |utterance, _| {
            let (words, tags) = slots(utterance)?.into_iter().unzip();
            Ok(SentenceExample { words, tags: Some(tags) })
        })?;
        sentences.retain(|sentence| !sentence.words.is_empty());
        Ok(Some(Examples::Sentences(sentences)))
    }
}

/// Names of the files with inputs: one file has all parts.
fn input_names(_: Part) -> &'static [&'static str] {
    &NAMES[..NAMES.len() - 1]
}

/// What `read` makes of a column of each request of a part, and of the request itself.
fn of_part<T>(
    file: &LanguageFile<'_>,
    part: Part,
    column: &str,
    read: impl Fn(&str, &str) -> Result<T, Fault>,
) -> Result<Vec<T>, DataError> {
    let name = match part {
        Part::Train => "train",
        Part::Validation => "dev",
        Part::Test => "test",
    };
    let wanted = Columns { texts: &["partition", column], optional: &["utt"], ..Columns::default() };
    json_column(file, &wanted, column, |value, row, table| {
        let partition = table.optional("partition").and_then(|all| all.get(row).copied()).unwrap_or_default();
        class_of(partition, &["train", "dev", "test"])?;
        let utterance = table.optional("utt").and_then(|all| all.get(row).copied()).unwrap_or_default();
        if partition == name { read(value, utterance).map(Some) } else { Ok(None) }
    })
}

/// The words of a request whose slots are marked, each with its tag.
fn slots(utterance: &str) -> Result<Vec<(String, String)>, Fault> {
    let outside = |text: &str| -> Vec<(String, String)> {
        text.split_whitespace().map(|word| (word.to_owned(), "O".to_owned())).collect()
    };
    let mut tagged = Vec::new();
    let mut rest = utterance;
    while let Some(begin) = rest.find('[') {
        tagged.extend(outside(&rest[..begin]));
        let marked =
            rest[begin + 1..].find(']').map(|end| (&rest[begin + 1..begin + 1 + end], begin + end + 2));
        let slot = marked.and_then(|(slot, end)| Some((slot.split_once(':')?, end)));
        let ((kind, words), end) = slot.ok_or_else(|| BenchmarkFault::OpenSlot(utterance.to_owned()))?;
        let begins = std::iter::once("B").chain(std::iter::repeat("I"));
        let tagged_words = words.split_whitespace().zip(begins);
        tagged
            .extend(tagged_words.map(|(word, begin)| (word.to_owned(), format!("{begin}-{}", kind.trim()))));
        rest = &rest[end..];
    }
    tagged.extend(outside(rest));
    Ok(tagged)
}

#[cfg(test)]
mod tests {
    use super::slots;

    #[test]
    fn words_of_a_slot_have_its_tags() {
        let tagged = slots("wake me up at [time : nine am] on [date : friday]").unwrap();
        let (words, tags): (Vec<String>, Vec<String>) = tagged.into_iter().unzip();
        assert_eq!(words.join(" "), "wake me up at nine am on friday");
        assert_eq!(tags.join(" "), "O O O O B-time I-time O B-date");
        assert_eq!(slots("").unwrap(), []);
        assert!(slots("at [time nine]").is_err() && slots("at [time : nine").is_err());
    }
}
